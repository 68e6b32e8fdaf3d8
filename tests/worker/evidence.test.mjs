// What hits by meaning leave behind in the real Durable Object: feedback, audits, shadow mode, statistics, metrics.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { said, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "How do I reset my password?";
const SIMILAR = "How can I reset my password?";
const THIRD = "Please tell me how to reset my password.";
const SEMANTIC = /^nearhit; hit; ttl=\d+; key="\w+"; detail="semantic;score=\d\.\d{3}"$/;

let bench;
before(async () => (bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN } })));
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);
const judge = (entry, verdict) => admin("POST", "feedback", { entry, verdict });
const answers = (...texts) => bench.caller((_, number) => json(chatCompletion({ text: texts[Math.min(number, texts.length) - 1] })));

/** What a report says once something has arrived: notes are sent when the answer has left. */
async function eventually(read, arrived) {
  for (let k = 0; k < 50; k++) {
    const found = await read();
    if (arrived(found)) return found;
    await sleep(50);
  }
  assert.fail("it did not arrive");
}

const stats = async () => (await admin("GET", "stats")).json;
const servedAtLeast = (count) => eventually(stats, (found) => found.total.served >= count);

test("a bad hit is evicted at once, and its pair never serves again, also after a crash", async () => {
  const { ask } = answers("Use the form.", "Use the form.", "Call us.");
  await ask(ASKED);
  const hit = await ask(SIMILAR);
  assert.match(hit.cacheStatus, SEMANTIC);
  await servedAtLeast(1);
  const { status, json: done } = await judge(hit.header("x-nearhit-entry"), "bad");
  assert.equal(status, 200);
  assert.deepEqual([done.evicted, done.pairs, done.scope.counts.feedback], [true, 1, { good: 0, bad: 1 }]);
  await ask(ASKED);
  assert.equal(bench.upstream.requests.length, 2, "the entry is gone");
  await bench.killRuntime();
  const miss = await ask(SIMILAR);
  assert.equal(said(miss), "Call us.");
  assert.equal(miss.cacheStatus, "nearhit; fwd=uri-miss; stored", "the neighbour is not even looked at");
  assert.match((await ask(THIRD)).cacheStatus, SEMANTIC, "others still get it");
});

test("a good word counts, and an unknown entry is a 404", async () => {
  const { ask } = answers("Use the form.");
  await ask(ASKED);
  const hit = await ask(SIMILAR);
  await eventually(() => judge(hit.header("x-nearhit-entry"), "good"), ({ json: done }) => done.pairs === 1);
  assert.equal((await judge(hit.header("x-nearhit-entry").replaceAll(/\d/g, "a"), "good")).status, 404);
  assert.match((await ask(THIRD)).cacheStatus, SEMANTIC);
});

test("shadow mode serves nothing by meaning, and the report says what a budget would have done", async () => {
  const { ask } = answers("Use the form.", "Use the form!", "Twice.");
  const headers = { "x-nearhit-mode": "shadow" };
  await ask(ASKED, { headers });
  const shadow = await ask(SIMILAR, { headers });
  assert.match(shadow.header("x-nearhit-shadow"), /^would-hit;score=0\.9\d\d$/);
  assert.equal(said(shadow), "Use the form!");
  await ask("How do I reset my 2 passwords?", { headers });
  const read = async () => (await admin("GET", "shadow?max_error_rate=0.02")).json;
  const report = await eventually(read, (found) => found.asked === 3);
  const [row] = report.budgets;
  assert.deepEqual([row.max_error_rate, row.hits, row.agreed, row.differed], [0.02, 1, 1, 0]);
  const [numbers, wouldHit] = report.sightings;
  assert.match(numbers.reason, /^numbers;score=0\.\d{3};here=2/);
  assert.deepEqual([wouldHit.reason, wouldHit.answers, wouldHit.asked, wouldHit.neighbour], ["would-hit", "equal", SIMILAR, ASKED]);
});

test("an audited hit is answered from the cache, and the upstream's answer compared in the background", async () => {
  const audited = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN, NEARHIT_SEMANTIC: { audit_share: 1 } } });
  try {
    const { ask } = audited.caller((_, number) => json(chatCompletion({ text: number === 1 ? "It takes 3 days." : "It takes 5 days." })));
    await ask(ASKED);
    const hit = await ask(SIMILAR);
    assert.match(hit.cacheStatus, SEMANTIC);
    assert.equal(said(hit), "It takes 3 days.");
    const read = async () => (await callAdmin(audited, "GET", "stats")).json;
    const found = await eventually(read, ({ total }) => total.compared.audit.different === 1);
    assert.deepEqual([found.negatives, found.total.served, audited.upstream.requests.length], [1, 1, 2]);
  } finally {
    await audited.dispose();
  }
});

test("metrics name the threshold, the bound and the counts of each scope", async () => {
  const { ask } = answers("Use the form.");
  await ask(ASKED);
  await ask(SIMILAR);
  await servedAtLeast(1);
  const response = await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } });
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  for (const name of ["nearhit_semantic_hits_total", "nearhit_entries", "nearhit_negative_pairs"]) assert.match(text, new RegExp(`^${name}\\{shard="[0-9a-f]{32}/\\d"\\} [0-9.]+$`, "m"));
  for (const name of ["nearhit_max_error_rate", "nearhit_shards_known"]) assert.match(text, new RegExp(`^${name} [0-9.]+$`, "m"));
  for (const name of ["threshold", "error_bound", "judged", "judged_bad"]) assert.match(text, new RegExp(`^nearhit_scope_${name}\\{scope="[0-9a-f/]+"\\} [0-9.]+$`, "m"));
  assert.equal((await fetch(`${bench.url}/metrics`)).status, 401);
});

test("what is no feedback is refused by name", async () => {
  for (const [body, field] of [[{ verdict: "bad" }, "entry"], [{ entry: "x".repeat(64) }, "verdict"], [{ entry: "x", verdict: "meh" }, "verdict"]]) {
    const { status, json: failure } = await admin("POST", "feedback", body);
    assert.deepEqual([status, failure.error.param], [400, field]);
  }
  assert.equal((await admin("POST", "feedback", { entry: "x", verdict: "bad" })).status, 404);
  assert.equal((await admin("GET", "stats", undefined, "wrong")).status, 401);
});
