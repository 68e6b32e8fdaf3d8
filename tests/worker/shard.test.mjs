// What is stored stays stored: through kill -9, eviction and restarts, and within its limits.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { said, startBench } from "./lib/bench.mjs";
import { change, query, rows, shardFiles, filledFiles } from "./lib/rows.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "How do I reset my password?";
const SIMILAR = "How can I reset my password?";
const MISS = /^nearhit; fwd=uri-miss; stored/;
const EXACT = /^nearhit; hit; .*detail=exact$/;
const SEMANTIC = /^nearhit; hit; .*detail="semantic;/;
const LIMITS = { NEARHIT_CACHE: { max_entries: 5, shards: 1, keep_stale_secs: 0 } };
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
const doomed = () => rows(small.persist, "SELECT seq FROM entries WHERE expires - created = 1000").length;
before(async () => {
  small = await startBench({ vars: LIMITS });
  const { ask } = small.caller(echo, "sk-doomed");
  assert.match((await ask(ASKED, { headers: { "x-nearhit-ttl": "1" } })).cacheStatus, MISS);
  assert.equal(doomed(), 1);
});
after(() => small.dispose());

/** Asks many questions at once and kills the runtime after the first `enough` answers; returns what was answered. */
async function killInTheMiddle(bench, caller, texts, enough) {
  const stored = [];
  const { promise: now, resolve } = Promise.withResolvers();
  const asked = texts.map(async (text) => {
    const answer = await caller.ask(text).catch(() => undefined);
    if (answer?.cacheStatus?.includes("; stored")) stored.push(text);
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

const password = (name) => [`How do I reset my ${name} password?`, `How can I reset my ${name} password?`];

/** What may become of a stored answer, as SQL. */
const DAMAGES = {
  garbage: "x'0167617262616765'",
  unknown: "x'02' || substr(stored, 2)",
  empty: "zeroblob(0)",
  half: "substr(stored, 1, length(stored) / 2)",
  numeric: "5",
};

test("entries over a restart", async (t) => {
  const persist = folder(t);
  const stop = await startBench({ persist });
  for (const name of ["whole", "vectorless", ...Object.keys(DAMAGES)]) {
    assert.match((await stop.caller(echo, "sk-restart").ask(password(name)[0])).cacheStatus, MISS);
  }
  await stop.caller(echo, "sk-ruined").ask(ASKED);
  await stop.dispose();
  for (const [name, stored] of Object.entries(DAMAGES)) change(persist, `UPDATE entries SET stored = ${stored} WHERE text LIKE '% ${name} %'`);
  change(persist, "UPDATE vectors SET vector = x'00ff' WHERE seq IN (SELECT seq FROM entries WHERE text LIKE '% vectorless %')");
  ruin(persist, ASKED);
  const bench = await startBench({ persist });
  t.after(() => bench.dispose());

  await t.test("are all there", async () => {
    const { ask } = bench.caller(other, "sk-restart");
    const [text, similar] = password("whole");
    for (const [asked, cacheStatus] of [[text, EXACT], [similar, SEMANTIC]]) {
      const hit = await ask(asked);
      assert.match(hit.cacheStatus, cacheStatus);
      assert.equal(said(hit), `answer to: ${text}`);
    }
  });

  for (const name of Object.keys(DAMAGES)) {
    await t.test(`miss when their answer is ${name}, and are replaced`, () => costsAHit(bench, ...password(name)));
  }

  await t.test("are found by their bytes alone when their vector is garbage", async () => {
    const { ask } = bench.caller(other, "sk-restart");
    const [text, similar] = password("vectorless");
    assert.match((await ask(text)).cacheStatus, EXACT);
    assert.match((await ask(similar)).cacheStatus, MISS);
  });

  await t.test("cost hits, never answers, when their file is no database any more", async () => {
    for (const text of [ASKED, SIMILAR]) {
      const answer = await bench.caller(other, "sk-ruined").ask(text);
      assert.deepEqual([answer.status, said(answer)], [200, "another answer"]);
      assert.equal(answer.cacheStatus, "nearhit; fwd=bypass; detail=cache-fault");
    }
  });
});

/** Overwrites the file of the object that holds a text. */
function ruin(persist, text) {
  const file = shardFiles(persist).find((file) => query(file, "SELECT text FROM entries").some((row) => row.text === text));
  for (const part of ["", "-wal", "-shm"]) fs.rmSync(file + part, { force: true });
  fs.writeFileSync(file, "garbage ".repeat(1000));
}

/** The provider answers in place of a damaged entry, nothing breaks, and the cache works again. */
async function costsAHit(bench, text, similar) {
  const { ask } = bench.caller(other, "sk-restart");
  // By its bytes alone, or the new answer to the similar question would serve.
  for (const [asked, headers] of [[similar, {}], [text, { "x-nearhit-mode": "exact" }]]) {
    const miss = await ask(asked, { headers });
    assert.deepEqual([miss.status, said(miss)], [200, "another answer"]);
    assert.match(miss.cacheStatus, MISS);
    assert.match((await ask(asked)).cacheStatus, EXACT);
  }
}

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

test("a lookup with a key that no provider has accepted leaves nothing behind", async () => {
  const before = filledFiles(small.persist).length;
  const answer = await small.caller(echo, "sk-nobody").ask(ASKED, { headers: { "cache-control": "only-if-cached" } });
  assert.equal(answer.status, 504);
  assert.equal(filledFiles(small.persist).length, before);
});

test("an alarm takes the rows that are past their time", async () => {
  const deadline = Date.now() + ALARM_WITHIN_MS;
  while (doomed() > 0) {
    assert.ok(Date.now() < deadline, `no alarm within ${ALARM_WITHIN_MS} ms`);
    await sleep(200); // nothing outside sees an alarm but by its effect
  }
  assert.match((await small.caller(echo, "sk-doomed").ask(ASKED)).cacheStatus, MISS);
});
