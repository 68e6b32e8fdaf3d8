// `npm run nearhit` against a real Worker: what it prints is what the admin API says.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import test, { after, before } from "node:test";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { post, question, read, startBench } from "./lib/bench.mjs";
import { eventually } from "./lib/eventually.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const SCRIPT = path.resolve(import.meta.dirname, "../../scripts/nearhit.mjs");
const NEARHIT_PRICES = { "openai/gpt-test": { input: 1000, output: 1000 } };

let bench;
before(async () => (bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN, NEARHIT_PRICES, ACME_OPENAI: "sk-secret" } })));
after(() => bench.dispose());

/** Runs a command to its end. */
function nearhit(...args) {
  const env = { ...process.env, NEARHIT_URL: bench.url, NEARHIT_ADMIN_TOKEN: ADMIN };
  const child = spawn(process.execPath, [SCRIPT, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

async function said(...args) {
  const { code, out, err } = await nearhit(...args);
  assert.equal(code, 0, err);
  return out;
}

test("a tenant, a token and a budget are made, used, counted and purged from the command line", async () => {
  await said("tenants", "set", "acme", "--key", "openai=ACME_OPENAI");
  const { token } = JSON.parse(await said("tokens", "create", "acme", "--json"));
  await said("budgets", "set", "search-daily", "--tenant", "acme", "--tag", "feature=search", "--unit", "usd", "--limit", "25", "--period", "day");
  bench.upstream.reply = () => json(chatCompletion({ text: "Use the form." }));
  const ask = async () => read(await post(`${bench.url}/v1/chat/completions`, question("How do I reset it?", { max_tokens: 9 }), { key: token, headers: { "x-nearhit-tags": "feature=search" } }));
  assert.equal((await ask()).status, 200);
  assert.match((await ask()).cacheStatus, /nearhit; hit/);
  const stats = await eventually(async () => JSON.parse(await said("stats", "--json")), ({ usage }) => usage.totals.requests === 2);
  assert.equal(stats.usage.totals.cost_usd, "0.017000");
  assert.match(await said("stats", "--by", "tag:feature"), /search\s/);
  assert.match(await said("budgets", "list", "--tenant", "acme"), /search-daily.*25/);
  assert.match(await said("entries", "search", "RESET"), /How do I reset it\?/);
  const dry = JSON.parse(await said("purge", "--tag", "feature=search", "--dry-run", "--json"));
  assert.deepEqual([dry.matched, dry.purged], [1, 0]);
  const done = JSON.parse(await said("purge", "--tag", "feature=search", "--yes", "--json"));
  assert.deepEqual([done.matched, done.purged], [1, 1]);
  assert.match((await ask()).cacheStatus, /fwd=uri-miss/);
  const shown = await callAdmin(bench, "GET", "budgets/search-daily?tenant=acme");
  assert.equal(shown.json.limit, "25.000000");
});

test("a wrong token and an unreachable Worker end with their own exit codes, and say what to do", async () => {
  const wrong = await nearhit("stats", "--token", "wrong");
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /token/i);
  const away = await nearhit("stats", "--url", "http://127.0.0.1:9");
  assert.equal(away.code, 2);
});
