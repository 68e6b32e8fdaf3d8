// What is stored stays stored: through kill -9, eviction and restarts, and within its limits.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { said, startBench } from "./lib/bench.mjs";
import { change, rows, shardFiles } from "./lib/rows.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "How do I reset my password?";
const SIMILAR = "How can I reset my password?";
const MISS = /^nearhit; fwd=uri-miss; stored/;
const EXACT = /^nearhit; hit; .*detail=exact$/;
const SEMANTIC = /^nearhit; hit; .*detail="semantic;/;
const LIMITS = { NEARHIT_CACHE: { max_entries: 5, shards: 1 } };
/** An alarm comes ten seconds after the entry at the soonest, so that it sweeps many. */
const ALARM_WITHIN_MS = 40_000;

/** The answers repeat what was asked, so a wrong one would be seen. */
const echo = ({ json: { messages } }) => json(chatCompletion({ text: `answer to: ${messages.at(-1).content}` }));
const other = () => json(chatCompletion({ text: "another answer" }));

function folder(t) {
  const persist = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-rows-"));
  t.after(() => fs.rmSync(persist, { recursive: true, force: true }));
  return persist;
}

/** One shard of five entries, in which an entry waits for its end from the first test on. */
let small;
before(async () => {
  small = await startBench({ vars: LIMITS });
  const { ask } = small.caller(echo, "sk-doomed");
  assert.match((await ask(ASKED, { headers: { "x-nearhit-ttl": "1" } })).cacheStatus, MISS);
});
after(() => small.dispose());

/** Asks many questions at once and kills the runtime after the first `enough` answers; returns what was answered. */
async function killInTheMiddle(bench, caller, texts, enough) {
  const stored = [];
  const { promise: now, resolve } = Promise.withResolvers();
  const asked = texts.map(async (text) => {
    const answer = await caller.ask(text).catch(() => undefined);
    if (answer?.cacheStatus?.endsWith("; stored")) stored.push(text);
    if (stored.length >= enough) resolve();
  });
  await now;
  await bench.killRuntime();
  await Promise.all(asked);
  return stored;
}

test("kill -9 loses nothing that was answered as stored", async (t) => {
  const bench = await startBench();
  t.after(() => bench.dispose());
  const caller = bench.caller(echo);
  const headers = { "cache-control": "only-if-cached" };
  const stored = [];
  for (const round of ["spring", "summer", "autumn"]) {
    const texts = Array.from({ length: 40 }, (_, i) => `What is planted in ${round} in garden number ${i}?`);
    stored.push(...(await killInTheMiddle(bench, caller, texts, 12)));
    assert.ok(stored.length >= 12);
    for (const text of stored) {
      const hit = await caller.ask(text, { headers });
      assert.match(hit.cacheStatus, EXACT, text);
      assert.equal(said(hit), `answer to: ${text}`);
    }
    const similar = stored.at(-1).replace("What is", "What's");
    const hit = await caller.ask(similar, { headers });
    assert.match(hit.cacheStatus, SEMANTIC, similar);
    assert.equal(said(hit), `answer to: ${stored.at(-1)}`);
  }
  t.diagnostic(`${stored.length} entries over 3 kills`);
});

test("an object that was evicted from memory finds its entries again", async (t) => {
  const bench = await startBench({ vars: { NEARHIT_CACHE: { shards: 1 } } });
  t.after(() => bench.dispose());
  const { ask } = bench.caller(echo);
  await ask(ASKED);
  await ask("What is a good lamp for reading?");
  for (const text of [SIMILAR, ASKED, "What's a good lamp for reading?"]) {
    for (const file of shardFiles(bench.persist)) {
      await bench.mf.unsafeEvictDurableObject("nearhit", "CacheShard", { id: path.basename(file, ".sqlite") });
    }
    assert.match((await ask(text)).cacheStatus, text === ASKED ? EXACT : SEMANTIC, text);
  }
  assert.equal(bench.upstream.requests.length, 2);
});

/** Stores with each key, changes the rows while nothing runs, and starts again over them. */
async function changedBetween(t, keys, damage) {
  const persist = folder(t);
  const first = await startBench({ persist });
  for (const key of keys) assert.match((await first.caller(echo, key).ask(ASKED)).cacheStatus, MISS);
  await first.dispose();
  damage(persist);
  const second = await startBench({ persist });
  t.after(() => second.dispose());
  return second;
}

test("a restart loses nothing", async (t) => {
  const bench = await changedBetween(t, ["sk-exact", "sk-similar"], () => {});
  assert.match((await bench.caller(other, "sk-exact").ask(ASKED)).cacheStatus, EXACT);
  const hit = await bench.caller(other, "sk-similar").ask(SIMILAR);
  assert.match(hit.cacheStatus, SEMANTIC);
  assert.equal(said(hit), `answer to: ${ASKED}`);
});

/** After damage, every request is answered by the provider and nothing breaks; then the cache works again. */
async function costsAHit(bench) {
  for (const [key, text] of [["sk-exact", ASKED], ["sk-similar", SIMILAR]]) {
    const { ask } = bench.caller(other, key);
    const miss = await ask(text);
    assert.equal(miss.status, 200);
    assert.match(miss.cacheStatus, MISS, key);
    assert.equal(said(miss), "another answer");
    const hit = await ask(text);
    assert.match(hit.cacheStatus, EXACT, key);
    assert.equal(said(hit), "another answer");
  }
}

const DAMAGES = {
  "an answer of garbage": [(persist) => change(persist, "UPDATE entries SET stored = ?", Buffer.from("\u0001garbage, and no answer"))],
  "an answer of nothing": [(persist) => change(persist, "UPDATE entries SET stored = zeroblob(0)")],
  "an answer cut short": [(persist) => change(persist, "UPDATE entries SET stored = substr(stored, 1, length(stored) / 2)")],
  "an answer that is a number": [(persist) => change(persist, "UPDATE entries SET stored = 5")],
};

for (const [name, [damage]] of Object.entries(DAMAGES)) {
  test(`${name} in a row is a miss, and is replaced`, async (t) => costsAHit(await changedBetween(t, ["sk-exact", "sk-similar"], damage)));
}

test("a vector of garbage costs the hit by meaning alone", async (t) => {
  const bench = await changedBetween(t, ["sk-exact"], (persist) => change(persist, "UPDATE vectors SET vector = x'00ff'"));
  const { ask } = bench.caller(other, "sk-exact");
  assert.match((await ask(ASKED)).cacheStatus, EXACT);
  assert.match((await ask(SIMILAR)).cacheStatus, MISS);
});

test("a file that is no database any more costs hits, never answers", async (t) => {
  const ruin = (persist) => shardFiles(persist).forEach((file) => fs.writeFileSync(file, "garbage ".repeat(1000)));
  const bench = await changedBetween(t, ["sk-exact"], ruin);
  for (const text of [ASKED, SIMILAR]) {
    const answer = await bench.caller(other, "sk-exact").ask(text);
    assert.deepEqual([answer.status, said(answer)], [200, "another answer"]);
  }
  assert.match((await bench.caller(other).ask(ASKED)).cacheStatus, MISS, "another key's object is whole");
});

test("each key has objects of its own", async () => {
  const before = shardFiles(small.persist).length;
  for (const key of ["sk-one", "sk-two", "sk-one"]) await small.caller(echo, key).ask(ASKED);
  assert.equal(shardFiles(small.persist).length, before + 2);
});

test("a full shard stays within its limit and keeps the newest", async () => {
  const { ask } = small.caller(echo, "sk-many");
  const text = (i) => `What grows in garden number ${i}?`;
  for (let i = 0; i < 20; i++) {
    assert.match((await ask(text(i))).cacheStatus, MISS);
    assert.match((await ask(text(i))).cacheStatus, EXACT, "the newest is never the one to leave");
  }
  const left = [];
  for (let i = 0; i < 20; i++) {
    const { status } = await ask(text(i), { headers: { "cache-control": "only-if-cached" } });
    if (status === 200) left.push(i);
  }
  assert.ok(left.length > 0 && left.length <= 5, `left: ${left}`);
  assert.ok(left.includes(19), `left: ${left}`);
  const counts = rows(small.persist, "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM vectors) AS vectors, entries AS counted FROM totals");
  for (const { entries, vectors, counted } of counts) {
    assert.ok(entries <= 5, `${entries} entries`);
    assert.deepEqual([vectors, counted], [entries, entries], "vectors and totals agree with the rows");
  }
});

test("an alarm takes the rows that are past their time", async () => {
  const stale = () => rows(small.persist, "SELECT seq FROM entries WHERE expires - created = 1000").length;
  const deadline = Date.now() + ALARM_WITHIN_MS;
  while (stale() > 0) {
    assert.ok(Date.now() < deadline, `no alarm within ${ALARM_WITHIN_MS} ms`);
    await sleep(200); // nothing outside sees an alarm but by its effect
  }
  assert.match((await small.caller(echo, "sk-doomed").ask(ASKED)).cacheStatus, MISS);
});
