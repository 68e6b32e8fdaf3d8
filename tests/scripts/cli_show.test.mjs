// What the command line prints for people: nothing from the API acts on their terminal, and columns line up.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { safeJson, table, visible, width } from "../../scripts/lib/cli/show.mjs";
import { startCli } from "./lib/cli.mjs";
import { example } from "./lib/fake_admin.mjs";

const HOSTILE = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202egnp.exe\r\nrm -rf";
const ENTRY = example("GET", "/admin/v1/entries/{entry}", 200);
const TENANT = example("GET", "/admin/v1/tenants/{tenant}", 200);

let cli, fake, nearhit;
before(async () => ({ fake, nearhit } = cli = await startCli()));
beforeEach(() => cli.fresh());
after(() => fake.close());

test("what comes from the API cannot act on a terminal, as a table, as JSON or as an error", async () => {
  const hostile = { ...ENTRY, id: HOSTILE, text: HOSTILE, model: HOSTILE, answer: HOSTILE, tags: { [HOSTILE]: HOSTILE }, api: HOSTILE, hits: HOSTILE, created_ms: HOSTILE };
  const budget = Object.fromEntries(Object.entries(example("GET", "/admin/v1/budgets/{budget}", 200)).map(([name]) => [name, HOSTILE]));
  const [event] = example("GET", "/admin/v1/events", 200).events;
  const stats = JSON.parse(JSON.stringify(example("GET", "/admin/v1/stats", 200)).replaceAll(/"(?:acme|openai\/gpt-5|0\.\d+|search|miss)"/g, JSON.stringify(HOSTILE)));
  const tenant = { ...TENANT, id: HOSTILE, keys: { [HOSTILE]: HOSTILE }, mode: HOSTILE, tokens: [{ id: HOSTILE, created_ms: HOSTILE }] };
  const bodies = {
    "entries search": { entries: [hostile], next: null, shards_silent: HOSTILE }, "entries show x": hostile, "budgets list": { budgets: [budget], next: null, ledgers_silent: HOSTILE }, "budgets show x": budget,
    events: { events: [{ ...event, asked: HOSTILE, reason: HOSTILE, tenant: HOSTILE, score: HOSTILE, entry: HOSTILE }] }, stats, "stats --by model": stats,
    "stats --by decision": stats, "stats --by tag:feature": stats, "stats --by tag:none": { ...stats, usage: { ...stats.usage, by_tag: { [HOSTILE]: [] }, ledgers_silent: HOSTILE } },
    "tenants list": { tenants: [{ id: HOSTILE }], next: null }, "tenants show x": tenant, "tokens create x": { id: HOSTILE, token: HOSTILE },
    "purge --tag a=b --yes": { dry_run: false, matched: 1, purged: HOSTILE, next: null, shards_silent: HOSTILE, shards_dropped: HOSTILE, ledgers_silent: HOSTILE }, "feedback bad x": { entry: HOSTILE, evicted: true, pairs: HOSTILE, scope: { threshold: HOSTILE, bound: HOSTILE } },
  };
  for (const [line, json] of Object.entries(bodies)) {
    fake.answer = () => ({ json });
    for (const more of ["", " --json"]) {
      const { code, out, err } = await nearhit(line + more);
      assert.equal(code, 0, err);
      assert.doesNotMatch(out + err, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/, line + more);
    }
    const { out } = await nearhit(`${line} --json`);
    if (!line.startsWith("purge")) assert.deepEqual(JSON.parse(out), json, "and the JSON still says the same");
  }
  const error = { message: HOSTILE, type: HOSTILE, param: HOSTILE, code: HOSTILE };
  for (const status of [302, 400, 401, 429, 500, 503]) {
    fake.answer = () => ({ status, json: { error }, headers: { "retry-after": "\x9b31m", location: "/\x9b31m" } });
    const { code, err } = await nearhit("stats");
    assert.equal(code, 1);
    assert.doesNotMatch(err, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  }
  fake.answer = () => ({ text: `{"text":"\x9b31m"}\n`, headers: { "content-type": "application/x-ndjson" } });
  assert.equal((await nearhit("export --tenant acme", { terminal: true })).out, '{"text":"\\x9b31m"}\n');
});

test("control characters are written out, and columns line up whatever is in them", () => {
  assert.equal(visible("a\x1b[0m\n\t\x7f\u0085\u2028\u202eb\ud800"), "a\\x1b[0m\\n\\t\\x7f\\x85\\u2028\\u202eb\\ud800");
  assert.equal(visible("naïve 🦀 日本 👩‍💻"), "naïve 🦀 日本 👩‍💻");
  assert.equal(visible("a\nb\r", { lines: true }), "a\nb\\r");
  assert.deepEqual(JSON.parse(safeJson('{"a":"\u009b\u202e"}\r\n')), { a: "\u009b\u202e" });
  assert.deepEqual(["abc", "日本", "🦀", "e\u0301", "👩‍💻"].map(width), [3, 4, 2, 1, 2]);
  const columns = [{ title: "NAME", of: ({ name }) => name, most: 6 }, { title: "USD", kind: "money", of: ({ usd }) => usd }, { title: "N", kind: "number", of: ({ n }) => n }];
  const rows = [{ name: "日本語の名前", usd: "1.234567", n: 5 }, { name: "a", usd: "12.000000000001", n: 1234 }, { name: null, usd: null, n: null }];
  const lines = ["NAME               USD     N", "日本…   1.234567           5", "a      12.000000000001  1234", "-       -                  -", ""];
  assert.deepEqual(table(columns, rows).split("\n"), lines);
  assert.match(table(columns, rows, { colour: true }), /^\x1b\[1mNAME +USD +N\x1b\[0m\n/);
});
