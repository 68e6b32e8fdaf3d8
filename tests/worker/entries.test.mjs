// Entries that an operator finds, reads and deletes, over the real SQLite of the Durable Objects.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { question, said, startBench } from "./lib/bench.mjs";
import { change, filledFiles, query, rows } from "./lib/rows.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const LAMP = "What is a good lamp?";
const CHAIR = "Where are chairs made?";
const VARS = { NEARHIT_ADMIN_TOKEN: ADMIN, ACME_OPENAI: "sk-acme", NEARHIT_CACHE: { shards: 1 } };

let bench;
before(async () => (bench = await startBench({ vars: VARS })));
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);
const echo = ({ json: { messages } }) => json(chatCompletion({ text: `About: ${messages.at(-1).content}` }));
const found = async (parameters, of = bench) => (await callAdmin(of, "GET", `entries?${new URLSearchParams(parameters)}`)).json;
const texts = ({ entries }) => entries.map((entry) => entry.text);

/** A tenant with a client of its own. What is stored gets into the list of shards when its answer has left. */
async function tenant(name, settings = {}) {
  assert.equal((await admin("PUT", `tenants/${name}`, { keys: { openai: "ACME_OPENAI" }, ...settings })).status, 200);
  const { json: made } = await admin("POST", `tenants/${name}/tokens`);
  return bench.caller(echo, made.token);
}

async function listed(parameters, enough, of = bench) {
  for (let k = 0; k < 50; k++) {
    const page = await found(parameters, of);
    if (page.entries.length >= enough) return page;
    await sleep(50);
  }
  assert.fail("it was not listed");
}

test("an entry is found by its text, shown with its answer, and deleted at once", async () => {
  const { ask } = await tenant("finding");
  const stored = await ask(LAMP, { headers: { "x-nearhit-tags": "feature=search,team=a=b" } });
  await ask(CHAIR);
  assert.match((await ask(LAMP)).cacheStatus, /detail=exact$/);
  const id = stored.header("x-nearhit-entry");
  assert.deepEqual(texts(await listed({ tenant: "finding" }, 2)), [CHAIR, LAMP]);
  const { entries, next, shards_silent: silent } = await found({ tenant: "finding", q: "GOOD lamp" });
  const [entry] = entries;
  assert.deepEqual([entries.length, next, silent], [1, null, 0]);
  assert.deepEqual([entry.id, entry.model, entry.tags, entry.hits], [id, "gpt-test", { feature: "search", team: "a=b" }, 1]);
  assert.ok(entry.expires_ms > entry.created_ms && entry.bytes > 0 && /^[0-9a-f]{64}$/.test(entry.scope));
  const shown = (await admin("GET", `entries/${id}`)).json;
  assert.deepEqual([shown.answer, shown.api, shown.text], [`About: ${LAMP}`, "openai.chat.completions", LAMP]);
  assert.equal((await admin("DELETE", `entries/${id}`)).status, 204);
  assert.deepEqual(texts(await found({ tenant: "finding" })), [CHAIR]);
  for (const method of ["GET", "DELETE"]) assert.equal((await admin(method, `entries/${id}`)).status, 404);
  const { status } = await ask(LAMP, { headers: { "cache-control": "only-if-cached" } });
  assert.equal(status, 504);
  for (const { entries, vectors, counted } of rows(bench.persist, "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM vectors) AS vectors, entries AS counted FROM totals")) {
    assert.deepEqual([entries, vectors, counted], [1, 1, 1]);
  }
});

test("what is searched for is text whatever it holds, and long ones are found too", async () => {
  const { ask } = await tenant("odd");
  const odd = "It is 100% a_b \\ so ';";
  const long = `Which of these is it: ${"a very long list of things, ".repeat(4)}or none?`;
  for (const text of [odd, long, LAMP]) await ask(text);
  await listed({ tenant: "odd" }, 3);
  const cases = { "%": [odd], _: [odd], "\\": [odd], "100% A_B": [odd], "\\%": [], "'; DROP TABLE entries; --": [], "';": [odd], "\0": [], [long.toUpperCase()]: [long] };
  for (const [q, expected] of Object.entries(cases)) assert.deepEqual(texts(await found({ tenant: "odd", q })), expected, q);
  const order = { tenant: "odd", model: "'; DROP TABLE entries; --", tag: "a=' OR 1; --" };
  assert.deepEqual((await admin("POST", "purge", order)).json, { dry_run: false, matched: 0, purged: 0, next: null, shards_silent: 0, shards_dropped: 0, ledgers_silent: 0 });
  assert.equal((await found({ tenant: "odd" })).entries.length, 3);
});

test("pages name every entry once", async () => {
  const { ask } = await tenant("paging");
  for (let k = 0; k < 7; k++) await ask(`What is lamp number ${k}?`, { headers: { "x-nearhit-mode": "exact" } });
  await ask(LAMP);
  await listed({ tenant: "paging" }, 8);
  const seen = [];
  let [cursor, pages] = ["", 0];
  do {
    const page = await found({ tenant: "paging", limit: 3, cursor });
    seen.push(...page.entries.map((entry) => entry.id));
    [cursor, pages] = [page.next, pages + 1];
  } while (cursor);
  assert.deepEqual([new Set(seen).size, seen.length, pages], [8, 8, 3]);
  for (const [wrong, param] of [["cursor=x", "cursor"], ["limit=0", "limit"], ["qq=1", "qq"]]) {
    const { status, json: failure } = await admin("GET", `entries?${wrong}`);
    assert.deepEqual([status, failure.error.param], [400, param]);
  }
});

test("a purge takes what matches all its filters, and a dry run takes nothing", async () => {
  const { ask, request } = await tenant("purging");
  const search = { headers: { "x-nearhit-tags": "feature=search,team=growth" } };
  const lamp = (await ask(LAMP, search)).header("x-nearhit-entry");
  await ask(CHAIR, { headers: { "x-nearhit-tags": "feature=searching" } });
  await ask(question("Which beds are soft?", { model: "gpt-other" }), search);
  const { entries } = await listed({ tenant: "purging" }, 3);
  const { scope } = entries.find((entry) => entry.model === "gpt-other");
  const tenantOnly = { tenant: "purging" };
  for (const [filter, count] of [[{ tag: "feature=search" }, 2], [{ tag: "team=growth", model: "gpt-other" }, 1], [{ tag: "feature=sear%" }, 0], [{ model: "gpt-test" }, 2], [{ scope }, 1], [{ entry: lamp }, 1], [{ entry: lamp, model: "gpt-other" }, 0], [{}, 3]]) {
    const { json: done } = await admin("POST", "purge", { ...tenantOnly, ...filter, dry_run: true });
    assert.deepEqual([done.dry_run, done.matched, done.purged], [true, count, 0], JSON.stringify(filter));
  }
  const first = (await admin("POST", "purge", { ...tenantOnly, tag: "feature=search", model: "gpt-test" })).json;
  assert.deepEqual([first.matched, first.purged], [1, 1]);
  assert.deepEqual(texts(await found(tenantOnly)), ["Which beds are soft?", CHAIR]);
  assert.equal((await admin("POST", "purge", tenantOnly)).json.purged, 2);
  assert.deepEqual(texts(await found(tenantOnly)), []);
  assert.equal((await request(CHAIR, { headers: { "cache-control": "only-if-cached" } })).status, 504);
  for (const [body, param] of [[{}, "filter"], [{ tenants: "x" }, "tenants"], [{ tag: null, tenant: "purging" }, "tag"], [{ tag: "x" }, "tag"]]) {
    const { status, json: failure } = await admin("POST", "purge", body);
    assert.deepEqual([status, failure.error.param], [400, param]);
  }
});

test("a purge holds against an answer that is on its way, with a line and without", async () => {
  const { ask } = await tenant("racing");
  await ask(CHAIR);
  await listed({ tenant: "racing" }, 1);
  for (const headers of [{}, { "cache-control": "no-cache" }]) {
    const { promise: purged, resolve } = Promise.withResolvers();
    const { promise: reached, resolve: reach } = Promise.withResolvers();
    bench.upstream.reply = async (seen) => {
      reach();
      await purged;
      return echo(seen);
    };
    const asked = ask(LAMP, { headers });
    await reached;
    assert.equal((await admin("POST", "purge", { tenant: "racing" })).status, 200);
    resolve();
    const answer = await asked;
    assert.equal(said(answer), `About: ${LAMP}`);
    assert.match(answer.cacheStatus, /detail=purged$/);
    assert.deepEqual(texts(await found({ tenant: "racing" })), []);
  }
  await sleep(2_100); // as far as two clocks may differ
  bench.upstream.reply = echo;
  assert.match((await ask(LAMP)).cacheStatus, /; stored$/);
});

test("a tenant is exported when it has opted in, and then alone", async () => {
  const before = await tenant("learning");
  await before.ask("Was this before the opt-in?");
  const route = (more) => `export?${new URLSearchParams({ tenant: "learning", ...more })}`;
  const off = await admin("GET", route());
  assert.deepEqual([off.status, off.json.error.code], [403, "export_off"]);
  const { json: shown } = await admin("PUT", "tenants/learning", { export: true });
  assert.equal(shown.export, true);
  const { ask } = before;
  for (const text of [LAMP, CHAIR]) await ask(text);
  await listed({ tenant: "learning" }, 3);
  const lines = [];
  let cursor = "";
  do {
    const response = await fetch(`${bench.url}/admin/v1/${route({ limit: 1, cursor })}`, { headers: { authorization: `Bearer ${ADMIN}` } });
    assert.deepEqual([response.status, response.headers.get("content-type"), response.headers.get("x-nearhit-skipped")], [200, "application/x-ndjson", "0"]);
    cursor = response.headers.get("x-nearhit-next");
    lines.push(...(await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line)));
  } while (cursor);
  const exchange = (text) => ({ messages: [{ role: "user", content: text }, { role: "assistant", content: `About: ${text}` }] });
  assert.deepEqual(lines, [CHAIR, LAMP].map(exchange));
  assert.equal((await admin("PUT", "tenants/learning", { export: 1 })).json.error.param, "export");
});

test("entries of the layout before stay, without labels, and new ones are stored beside them", async (t) => {
  const persist = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-entries-"));
  t.after(() => fs.rmSync(persist, { recursive: true, force: true }));
  const old = await startBench({ vars: VARS, persist });
  await old.caller(echo, "sk-old").ask(LAMP);
  await old.dispose();
  // As the layout before had it.
  change(persist, "ALTER TABLE entries DROP COLUMN model; ALTER TABLE entries DROP COLUMN tags; ALTER TABLE entries DROP COLUMN prompt;");
  const [file] = filledFiles(persist);
  assert.ok(!query(file, "SELECT sql FROM sqlite_master WHERE name = 'entries'")[0].sql.includes("prompt"));
  const now = await startBench({ vars: VARS, persist });
  t.after(() => now.dispose());
  const { ask } = now.caller(echo, "sk-old");
  const hit = await ask(LAMP);
  assert.match(hit.cacheStatus, /detail=exact$/);
  await ask(CHAIR, { headers: { "x-nearhit-tags": "feature=search" } });
  const page = await listed({}, 2, now);
  assert.deepEqual(page.entries.map(({ text, model, tags }) => [text, model, tags]), [[CHAIR, "gpt-test", { feature: "search" }], [LAMP, null, {}]]);
  const { json: done } = await callAdmin(now, "POST", "purge", { entry: hit.header("x-nearhit-entry") });
  assert.equal(done.purged, 1);
});

test("a page looks at a bounded number of rows, and a full shard is purged in one go", async (t) => {
  const persist = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-entries-"));
  t.after(() => fs.rmSync(persist, { recursive: true, force: true }));
  const first = await startBench({ vars: VARS, persist });
  await first.caller(echo, "sk-full").ask(LAMP);
  await listed({}, 1, first);
  await first.dispose();
  const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
    INSERT INTO entries (exact, scope, created, expires, purge, tokens, bytes, text, stored, tags)
    SELECT randomblob(32), zeroblob(32), 1, 9000000000000, 9000000000000, 1, 1, 'filler ' || i, x'02', char(10) || 'k=' || (i % 2) || char(10) FROM n;
    INSERT INTO vectors SELECT scope, seq, zeroblob(4) FROM entries WHERE scope = zeroblob(32);
    UPDATE totals SET entries = 10000`;
  change(persist, fill);
  const bench = await startBench({ vars: VARS, persist });
  t.after(() => bench.dispose());
  assert.deepEqual(texts(await found({ q: "LAMP" }, bench)), [LAMP], "behind two windows of rows");
  const newest = await found({ limit: 1 }, bench);
  assert.equal(newest.entries[0].text, "filler 9999");
  const purge = async (order) => (await callAdmin(bench, "POST", "purge", order)).json;
  const started = performance.now();
  assert.deepEqual((await purge({ tag: "k=1" })).purged, 5000);
  assert.equal((await purge({ tenant: "~own" })).purged, 5000);
  t.diagnostic(`10000 entries purged in ${Math.round(performance.now() - started)} ms`);
  const counts = rows(persist, "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM vectors) AS vectors, entries AS counted FROM totals");
  assert.deepEqual(counts.map(({ ...row }) => row), [{ entries: 0, vectors: 0, counted: 0 }]);
});
