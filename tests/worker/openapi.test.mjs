// The admin API does what its document says: schemathesis makes requests from it, right and wrong ones, and holds the answers against it.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { ROOT } from "../../scripts/lib/paths.mjs";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { question, startBench } from "./lib/bench.mjs";
import { eventually } from "./lib/eventually.mjs";
import { PACKAGE, schemathesis, setUpSchemathesis, strict } from "./lib/schemathesis.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const FILE = JSON.parse(fs.readFileSync(path.join(ROOT, "src/gateway/admin/openapi.json"), "utf8"));
const PROMPTS = ["How do I reset my password?", "How can I reset my password?", "How do I reset my 2 passwords?", "What is a good lamp?"];
/** Groups of operations, in the order in which they find something to work on. */
const ROUNDS = [["GET"], ["POST", "PUT"], ["DELETE"]];

let bench, served;
before(async () => {
  const prices = { "openai/gpt-test": { input: 1, output: 4 } };
  bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN, ACME_OPENAI_KEY: "sk-secret-openai", NEARHIT_PRICES: prices } });
  served = (await admin("GET", "openapi.json")).json;
});
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);

async function done(method, route, body, expected = 200) {
  const { status, text, json: answer } = await admin(method, route, body);
  assert.equal(status, expected, `${method} ${route}: ${text}`);
  return answer;
}

/** A tenant with traffic, budgets and tokens: something for every route. Gives the names that its document's examples need. */
async function seed() {
  await done("PUT", "tenants/acme", { keys: { openai: "ACME_OPENAI_KEY" }, caps: { max_effort: "medium" }, export: true });
  const { token } = await done("POST", "tenants/acme/tokens", undefined, 201);
  const { id: tokenId } = await done("POST", "tenants/acme/tokens", undefined, 201);
  const budget = { name: "search-daily", tag: "feature=search", unit: "usd", limit: "25", period: "day", soft_share: 0.8, at_soft: { tier: "cheap" } };
  await done("POST", "budgets", budget, 201);
  await done("POST", "budgets", { ...budget, tenant: "acme" }, 201);
  await done("POST", "budgets", { name: "rate", tenant: "acme", unit: "requests", limit: 100000, period: "minute" }, 201);
  const tagged = { "x-nearhit-tags": "feature=search,team=growth" };
  const caller = bench.caller(() => json(chatCompletion({ text: "Use the form." })), token);
  const answers = [];
  for (const text of [PROMPTS[0], ...PROMPTS]) answers.push(await caller.ask(question(text), { headers: tagged }));
  await bench.caller().ask(question(PROMPTS[3]));
  for (const { status } of answers) assert.equal(status, 200);
  await eventually(async () => (await admin("GET", "stats")).json.usage.totals.requests, (requests) => requests >= 6);
  return { EntryId: answers[0].header("x-nearhit-entry"), TenantId: "acme", TokenId: tokenId, BudgetName: "search-daily" };
}

/** The served document with examples of what is there, and closed to fields that it does not know. */
function withExamples(names) {
  const document = strict(served);
  for (const [name, value] of Object.entries(names)) document.components.parameters[name].example = value;
  const { paths } = document;
  paths["/admin/v1/feedback"].post.requestBody.content["application/json"].example = { entry: names.EntryId, verdict: "good" };
  const query = { "/admin/v1/export": { tenant: "acme" }, "/admin/v1/entries": { q: "PASSWORD" }, "/admin/v1/stats": { tag: "feature=search" } };
  for (const [route, examples] of Object.entries(query)) {
    for (const parameter of paths[route].get.parameters) if (parameter.name in examples) parameter.example = examples[parameter.name];
  }
  return document;
}

/** Every path that can be read, with the names that are there. */
function readable(names) {
  const routes = Object.keys(FILE.paths).filter((route) => FILE.paths[route].get);
  const filled = routes.map((route) => route.replace("{entry}", names.EntryId).replace("{tenant}", names.TenantId).replace("{budget}", names.BudgetName));
  return filled.map((route) => (route.endsWith("/export") ? `${route}?tenant=acme` : route));
}

test("the document that is served is the one in the repository", () => assert.deepEqual(served, FILE));

test("every route answers as the document says", async (t) => {
  const missing = await setUpSchemathesis();
  if (missing) return t.diagnostic(`${PACKAGE} was not run: ${missing}`);
  const names = await seed();
  for (const route of readable(names)) {
    const { status } = await fetch(bench.url + route, { headers: { authorization: `Bearer ${ADMIN}` } });
    assert.equal(status, 200, `${route}: there is something to read`);
  }
  const document = withExamples(names);
  for (const methods of ROUNDS) {
    const { code, output } = await schemathesis(bench.url, document, { token: ADMIN, methods, maxExamples: 20 });
    assert.equal(code, 0, output);
    const [, generated] = output.match(/^\s+(\d+) generated/m) ?? [];
    assert.ok(Number(generated) >= 50, `${methods}: ${generated} requests`);
  }
});

test("without the token every route is a 401, and after too many wrong ones a 429 with a time to wait", async () => {
  const calls = Object.entries(FILE.paths).flatMap(([route, item]) => Object.keys(item).filter((method) => method !== "parameters").map((method) => [method.toUpperCase(), route]));
  const guess = (method, route) => fetch(bench.url + route.replaceAll(/\{\w+\}/g, "x"), { method, headers: { authorization: "Bearer wrong", "cf-connecting-ip": "203.0.113.9" }, body: ["POST", "PUT"].includes(method) ? "{}" : undefined });
  const statuses = [];
  for (const [method, route] of [...calls, ...calls]) {
    const answer = await guess(method, route);
    statuses.push(answer.status);
    const { error } = await answer.json();
    assert.equal(error.code, answer.status === 429 ? "too_many_attempts" : "invalid_api_key", `${method} ${route}`);
    if (answer.status === 429) assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
  }
  assert.deepEqual(statuses.slice(0, 20), Array(20).fill(401));
  assert.ok(statuses.includes(429));
});
