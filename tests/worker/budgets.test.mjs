// Budgets over the real Durable Object: they hold under load, across kill -9, and never stand in the way of a hit.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { MESSAGES_API } from "./lib/apis.mjs";
import { post, question, read, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

// A token costs a thousandth of a dollar, whichever it is.
const NEARHIT_PRICES = { "openai/gpt-test": { input: 1000, output: 1000 }, "openai/gpt-small": { input: 10, output: 10 } };
const NEARHIT_ROUTES = { auto: { cheap: "openai/gpt-small", frontier: "openai/gpt-test" } };
const SECRETS = { ACME_OPENAI: "sk-secret-openai", ACME_ANTHROPIC: "sk-secret-anthropic" };
const VARS = { NEARHIT_ADMIN_TOKEN: ADMIN, NEARHIT_PRICES, NEARHIT_ROUTES, NEARHIT_CACHE: { mode: "exact" }, ...SECRETS };
const USAGE = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
const COST = 0.017;

let bench;
before(async () => (bench = await startBench({ vars: VARS })));
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);

let texts = 0;
const fresh = (more = {}) => question(`Question number ${++texts}?`, { max_tokens: 5, ...more });

async function tenant(name, ...budgets) {
  assert.equal((await admin("PUT", `tenants/${name}`, { keys: { openai: "ACME_OPENAI", anthropic: "ACME_ANTHROPIC" } })).status, 200);
  for (const budget of budgets) {
    const made = await admin("POST", "budgets", { tenant: name, ...budget });
    assert.equal(made.status, 201, made.text);
  }
  const { json: token } = await admin("POST", `tenants/${name}/tokens`);
  return token.token;
}

const ask = async (key, body, headers) => read(await post(`${bench.url}/v1/chat/completions`, body, { key, headers }));

async function budget(tenant, name) {
  return (await admin("GET", `budgets/${name}?tenant=${tenant}`)).json;
}

/** Waits until nothing is reserved any more: a request settles after its answer has left. */
async function settled(tenant, name) {
  for (let k = 0; k < 100; k += 1) {
    const now = await budget(tenant, name);
    if (Number(now.reserved) === 0) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("something stays reserved");
}

test("500 requests at once against a budget for 100 requests: 100 reach the provider", async () => {
  const key = await tenant("many", { name: "calls", unit: "requests", limit: 100, period: "day" });
  bench.caller(() => json(chatCompletion({ usage: USAGE }), { delayMs: 50 }), key);
  const answers = await Promise.all(Array.from({ length: 500 }, () => ask(key, fresh())));
  const by = (status) => answers.filter((answer) => answer.status === status);
  assert.deepEqual([by(200).length, by(429).length], [100, 400]);
  assert.equal(bench.upstream.requests.length, 100);
  const refused = by(429)[0];
  assert.equal(refused.header("x-nearhit-budget"), "calls;state=exhausted");
  assert.ok(Number(refused.header("retry-after")) > 0);
  assert.match(refused.json.error.message, /calls/);
});

test("500 requests at once against a budget in dollars: what was billed never exceeds it, and what is left is spent later", async () => {
  const limit = "1.700000";
  const key = await tenant("dollars", { name: "money", unit: "usd", limit, period: "month" });
  bench.caller(() => json(chatCompletion({ usage: USAGE }), { delayMs: 20 }), key);
  await Promise.all(Array.from({ length: 500 }, () => ask(key, fresh())));
  const billed = () => bench.upstream.requests.length * COST;
  assert.ok(billed() > 0 && billed() <= 1.7, `${billed()} dollars`);
  await settled("dollars", "money");
  for (let k = 0; k < 120; k += 1) await ask(key, fresh());
  assert.ok(billed() <= 1.7, `${billed()} dollars`);
  const now = await settled("dollars", "money");
  assert.equal(now.spent, billed().toFixed(6));
  assert.equal((Number(now.headroom) + Number(now.spent)).toFixed(6), limit);
  assert.ok(Number(now.headroom) < 0.1, `one more request would not fit: ${now.headroom} left`);
});

test("kill -9 in the middle of 500 requests: what was spent stays spent, what was reserved stays reserved", async () => {
  const own = await startBench({ vars: VARS });
  try {
    const call = (...args) => callAdmin(own, ...args);
    await call("PUT", "tenants/kill", { keys: { openai: "ACME_OPENAI" } });
    await call("POST", "budgets", { tenant: "kill", name: "calls", unit: "requests", limit: 100, period: "month" });
    await call("POST", "budgets", { tenant: "kill", name: "money", unit: "usd", limit: "1.70", period: "month" });
    const key = (await call("POST", "tenants/kill/tokens")).json.token;
    own.upstream.reply = () => json(chatCompletion({ usage: USAGE }), { delayMs: 200 });
    const send = () => post(`${own.url}/v1/chat/completions`, fresh(), { key }).then((answer) => answer.arrayBuffer()).catch(() => {});
    const first = Array.from({ length: 500 }, send);
    while (own.upstream.requests.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    await own.killRuntime();
    await Promise.all(first);
    const before = own.upstream.requests.length;
    for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: 170 }, send));
    const now = (await call("GET", "budgets/money?tenant=kill")).json;
    const seen = own.upstream.requests.length;
    assert.ok(before > 0 && seen <= 100, `${seen} requests reached the provider`);
    assert.ok(seen * COST <= 1.7, `${seen * COST} dollars`);
    assert.ok(Number(now.spent) + Number(now.reserved) <= 1.7, JSON.stringify(now));
  } finally {
    await own.dispose();
  }
});

test("a hit costs nothing and works when the budget is spent", async () => {
  const key = await tenant("hits", { name: "one", unit: "requests", limit: 1, period: "total" });
  bench.caller(() => json(chatCompletion({ usage: USAGE })), key);
  const asked = fresh();
  assert.equal((await ask(key, asked)).status, 200);
  assert.equal((await ask(key, fresh())).status, 429);
  const hit = await ask(key, asked);
  assert.deepEqual([hit.status, hit.header("x-nearhit-cost-usd"), hit.header("x-nearhit-saved-usd")], [200, "0", "0.017000"]);
});

test("the SDKs see a hard limit as their own rate limit error, and do not retry", async () => {
  const key = await tenant("sdks", { name: "none", unit: "requests", limit: 1, period: "month" });
  bench.caller(() => json(chatCompletion({ usage: USAGE })), key);
  await ask(key, fresh());
  const openai = new OpenAI({ apiKey: key, baseURL: `${bench.url}/v1`, maxRetries: 2 });
  const started = Date.now();
  await assert.rejects(openai.chat.completions.create(fresh()), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.deepEqual([error.code, error.type], ["budget_exceeded", "insufficient_quota"]);
    return true;
  });
  const anthropic = new Anthropic({ apiKey: key, baseURL: bench.url, maxRetries: 2 });
  await assert.rejects(anthropic.messages.create(MESSAGES_API.params("Is anything left?")), Anthropic.RateLimitError);
  assert.ok(Date.now() - started < 2_000, "a month is not waited for");
});

test("at a soft limit the answer says so, and a cheaper model with less output is asked", async () => {
  const at_soft = { tier: "cheap", max_output_tokens: 4 };
  const key = await tenant("soft", { name: "calls", unit: "requests", limit: 10, period: "week", soft_share: 0.1, at_soft });
  bench.caller(() => json(chatCompletion({ usage: USAGE })), key);
  const hard = { model: "auto", messages: [{ role: "user", content: "Prove that there are infinitely many primes of the form 4k+3, and derive a bound." }] };
  const asked = (headers) => ask(key, { ...hard, max_tokens: 5, seed: ++texts }, { "x-nearhit-route": "frontier", ...headers });
  assert.equal((await asked()).header("x-nearhit-model"), "gpt-test");
  const soft = await asked();
  assert.match(soft.header("x-nearhit-budget"), /^calls;state=soft;used=0\.10$/);
  assert.equal(soft.header("x-nearhit-model"), "gpt-small");
  assert.equal(bench.upstream.requests.at(-1).json.max_tokens ?? bench.upstream.requests.at(-1).json.max_completion_tokens, 4);
});

test("a budget is for a tag, a model, or reasoning alone, and for everybody when it names no tenant", async () => {
  const key = await tenant(
    "parts",
    { name: "search", unit: "requests", limit: 1, period: "day", tag: "feature=search" },
    { name: "small", unit: "requests", limit: 1, period: "day", model: "openai/gpt-small" },
    { name: "thought", unit: "reasoning_tokens", limit: 30, period: "day" },
  );
  const reasoning = { ...USAGE, completion_tokens_details: { reasoning_tokens: 4 } };
  bench.caller(() => json(chatCompletion({ usage: reasoning })), key);
  const search = { "x-nearhit-tags": "feature=search" };
  const statuses = [];
  statuses.push((await ask(key, fresh(), search)).status, (await ask(key, fresh(), search)).status);
  statuses.push((await ask(key, fresh({ model: "gpt-small" }))).status, (await ask(key, fresh({ model: "gpt-small" }))).status);
  statuses.push((await ask(key, fresh())).status);
  assert.deepEqual(statuses, [200, 429, 200, 429, 200]);
  assert.equal((await settled("parts", "thought")).spent, 12);

  const made = await admin("POST", "budgets", { name: "everybody", unit: "requests", limit: 1, period: "day", tag: "feature=all" });
  assert.equal(made.status, 201, made.text);
  const all = { "x-nearhit-tags": "feature=all" };
  assert.equal((await ask(key, fresh(), all)).status, 200);
  const other = await ask("sk-a-key-of-ones-own", fresh(), all);
  assert.deepEqual([other.status, other.header("x-nearhit-budget")], [429, "everybody;state=exhausted"]);
  assert.equal((await admin("DELETE", "budgets/everybody")).status, 204);
  assert.equal((await ask("sk-a-key-of-ones-own", fresh(), all)).status, 200);
});

test("requests a minute are a rate: 429 with the seconds that are left, which an SDK may wait for", async () => {
  const key = await tenant("rate", { name: "speed", unit: "requests", limit: 2, period: "minute" });
  bench.caller(() => json(chatCompletion({ usage: USAGE })), key);
  // Not where a minute ends in between.
  while (new Date().getSeconds() > 55) await new Promise((resolve) => setTimeout(resolve, 500));
  const [, , refused] = [await ask(key, fresh()), await ask(key, fresh()), await ask(key, fresh())];
  assert.deepEqual([refused.status, refused.json.error.code, refused.header("x-should-retry")], [429, "rate_limited", undefined]);
  const wait = Number(refused.header("retry-after"));
  assert.ok(wait >= 1 && wait <= 60, refused.header("retry-after"));
});

test("a dollar budget refuses a model that has no price: it is never free", async () => {
  const key = await tenant("unpriced", { name: "money", unit: "usd", limit: 5, period: "month" });
  bench.caller(() => json(chatCompletion({ usage: USAGE })), key);
  const refused = await ask(key, fresh({ model: "gpt-of-nobody-knows" }));
  assert.equal(refused.status, 429);
  assert.match(refused.json.error.message, /NEARHIT_PRICES/);
  assert.equal(bench.upstream.requests.length, 0);
});

test("what is wrong with a budget is named", async () => {
  const good = { name: "x", unit: "usd", limit: 5, period: "month" };
  const wrong = [
    [{ limit: -1 }, "limit"],
    [{ limit: 0 }, "limit"],
    [{ limit: "a lot" }, "limit"],
    [{ period: "fortnight" }, "period"],
    [{ period: "minute" }, "period"],
    [{ unit: "eur" }, "unit"],
    [{ name: "No Good" }, "name"],
    [{ tag: "feature" }, "tag"],
    [{ tenant: "No Good" }, "tenant"],
    [{ soft_share: 2 }, "soft_share"],
    [{ at_soft: { tier: "free" } }, "at_soft.tier"],
    [{ colour: "red" }, "colour"],
  ];
  for (const [change, param] of wrong) {
    const { status, json: body } = await admin("POST", "budgets", { ...good, ...change });
    assert.deepEqual([status, body.error.param], [400, param], JSON.stringify(change));
  }
  assert.equal((await admin("POST", "budgets", { ...good, name: "twice" })).status, 201);
  assert.equal((await admin("POST", "budgets", { ...good, name: "twice" })).status, 409);
  assert.equal((await admin("PUT", "budgets/twice", { ...good, name: undefined, limit: 6 })).json.limit, "6.000000");
  assert.equal((await admin("DELETE", "budgets/twice")).status, 204);
  assert.equal((await admin("GET", "budgets/twice")).status, 404);
});
