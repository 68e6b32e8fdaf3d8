// GET /metrics: the format as Prometheus's own tool reads it, and numbers that follow from what was asked.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test, { after, before } from "node:test";
import { setUpPromtool } from "../../scripts/lib/promtool.mjs";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { question, startBench } from "./lib/bench.mjs";
import { eventually } from "./lib/eventually.mjs";
import { chatCompletion, json, openaiError } from "./lib/upstream.mjs";

const TENANT = "metered";
const USAGE = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 40 }, completion_tokens_details: { reasoning_tokens: 5 } };
/** 60 tokens at 1 dollar a million, 40 read from the provider's cache at 0.1, 20 written at 4. */
const COST = 0.000144;
const PRICES = { "openai/gpt-test": { input: 1, cached_read: 0.1, output: 4 } };

let bench, token;
before(async () => {
  bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN, METERED_KEY: "sk-secret", NEARHIT_PRICES: PRICES } });
  await admin("PUT", `tenants/${TENANT}`, { keys: { openai: "METERED_KEY" } });
  ({ token } = (await admin("POST", `tenants/${TENANT}/tokens`)).json);
  await traffic();
});
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);

async function metrics() {
  const response = await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } });
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return response.text();
}

/** The metrics once all of the traffic is in them. */
const settled = () => eventually(metrics, (found) => sum(found, "nearhit_requests_total", { tenant: TENANT }) >= REQUESTS);

/** The samples of a text: name, labels, value. */
function samples(text) {
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
    const [, name, labels = "", value] = line.match(/^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/) ?? assert.fail(`no sample: ${line}`);
    return { line, name, labels: Object.fromEntries([...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, of]) => [key, of])), value: Number(value) };
  });
}

/** The sum over all samples of a name that have these labels. */
function sum(text, name, labels = {}) {
  const found = samples(text).filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  return found.reduce((total, { value }) => total + value, 0);
}

const near = (found, wanted, what) => assert.ok(Math.abs(found - wanted) < 1e-9, `${what}: ${found}, not ${wanted}`);

/** A request of each kind. What they must have come to is in `EXPECTED`. */
async function traffic() {
  const { ask } = bench.caller(() => json(chatCompletion({ text: "Use the form.", usage: USAGE })), token);
  const tags = { "x-nearhit-tags": 'feature=search,team=a"b\\c' };
  const statuses = [];
  const send = async (text, headers = {}, model = "gpt-test") => statuses.push((await ask(question(text, { model }), { headers })).status);
  await send("How do I reset my password?", tags);
  await send("How do I reset my password?", tags);
  await send("How do I reset my password?");
  await send("How can I reset my password?");
  await send("How do I reset my 2 passwords?");
  await send("How do I reset my password?", { "cache-control": "no-cache" });
  await send("How do I reset my password?", { "cache-control": "no-store" });
  await send("What is a good lamp?", {}, "gpt-without-a-price");
  bench.upstream.reply = () => openaiError(500);
  await send("What is a good desk?");
  const budget = { name: "tiny", tenant: TENANT, unit: "usd", limit: "0.000001", period: "day" };
  assert.equal((await admin("POST", "budgets", budget)).status, 201);
  await send("What is a good chair?");
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 500, 429]);
}

const EXPECTED = { miss: 3, "hit-exact": 2, "hit-semantic": 1, refresh: 1, bypass: 1, failed: 1, refused: 1 };
const REQUESTS = 10;

test("the numbers are those of the requests", async () => {
  const mine = { tenant: TENANT };
  const text = await settled();
  for (const [decision, count] of Object.entries(EXPECTED)) assert.equal(sum(text, "nearhit_requests_total", { ...mine, decision }), count, decision);
  assert.equal(sum(text, "nearhit_requests_total", mine), REQUESTS);
  near(sum(text, "nearhit_hit_ratio", mine), 3 / 7, "hits of hits, misses and the refresh");
  // Four answers of a priced model and one of another came from the upstream.
  near(sum(text, "nearhit_cost_usd_total", { ...mine, model: "openai/gpt-test" }), 4 * COST, "cost");
  assert.equal(sum(text, "nearhit_unpriced_requests_total", mine), 1);
  for (const [kind, each] of [["uncached", 60], ["cached_read", 40], ["output", 20], ["reasoning", 5]]) assert.equal(sum(text, "nearhit_tokens_total", { ...mine, kind }), 5 * each, kind);
  near(sum(text, "nearhit_saved_usd_total", { ...mine, source: "exact" }), 2 * COST, "saved by exact hits");
  near(sum(text, "nearhit_saved_usd_total", { ...mine, source: "semantic" }), COST, "saved by the hit by meaning");
  assert.equal(sum(text, "nearhit_unrecorded_total", mine), 0);
  const budget = { ...mine, budget: "tiny", unit: "usd" };
  assert.deepEqual(["limit", "spent", "reserved", "headroom"].map((what) => sum(text, `nearhit_budget_${what}`, budget)), [0.000001, 0, 0, 0.000001]);
  assert.ok(sum(text, "nearhit_entries") >= 3);
  assert.ok(sum(text, "nearhit_entry_bytes") > 0);
  assert.equal(sum(text, "nearhit_shards_silent"), 0);
});

test("histograms count every request that took the step, and their buckets only grow", async () => {
  const text = await settled();
  const all = samples(text);
  for (const step of ["lookup", "embed", "upstream", "request"]) {
    const name = `nearhit_${step}_seconds`;
    const buckets = all.filter((sample) => sample.name === `${name}_bucket` && sample.labels.tenant === TENANT);
    const edges = buckets.map(({ labels }) => (labels.le === "+Inf" ? Infinity : Number(labels.le)));
    assert.deepEqual(edges, edges.toSorted((a, b) => a - b), `${step}: edges ascend`);
    assert.equal(edges.at(-1), Infinity);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(counts, counts.toSorted((a, b) => a - b), `${step}: buckets are cumulative`);
    assert.equal(counts.at(-1), sum(text, `${name}_count`, { tenant: TENANT }));
    assert.ok(sum(text, `${name}_sum`, { tenant: TENANT }) >= 0);
  }
  const count = (step) => sum(text, `nearhit_${step}_seconds_count`, { tenant: TENANT });
  assert.equal(count("request"), REQUESTS);
  assert.ok(count("upstream") >= 5 && count("upstream") <= 6, "what went upstream; the error may count or not");
  assert.ok(count("lookup") >= 6 && count("lookup") <= REQUESTS);
});

test("no series comes twice, and each belongs to a family that says what it is", async () => {
  const text = await settled();
  const series = samples(text).map(({ name, labels }) => `${name}${JSON.stringify(Object.entries(labels).toSorted())}`);
  assert.deepEqual(series.filter((one, k) => series.indexOf(one) !== k), []);
  const types = Object.fromEntries([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind]));
  assert.deepEqual([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].filter(([, , help]) => !help.trim()), []);
  assert.equal([...text.matchAll(/^# TYPE /gm)].length, Object.keys(types).length, "a family is named once");
  for (const { name } of samples(text)) {
    const family = [name, name.replace(/_(bucket|sum|count)$/, "")].find((known) => known in types);
    assert.ok(family, `${name} has a type`);
    assert.equal(types[family] === "counter", family.endsWith("_total"), `${name}: counters end in _total, others do not`);
  }
});

test("promtool finds nothing wrong", async (t) => {
  const promtool = await setUpPromtool();
  if (promtool.missing) return t.diagnostic(`the format was not checked: ${promtool.missing}`);
  const check = (input) => spawnSync(promtool.path, ["check", "metrics"], { input, encoding: "utf8" });
  const { status, stdout, stderr } = check(await metrics());
  assert.equal(status, 0, stdout + stderr);
  assert.notEqual(check("nearhit_x_total 1\n").status, 0, "and the test can fail");
});
