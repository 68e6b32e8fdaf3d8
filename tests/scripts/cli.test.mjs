// The command line of the admin API, against an API that answers with the examples of its own document.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before, beforeEach } from "node:test";
import { promisify } from "node:util";
import { NOW, startCli } from "./lib/cli.mjs";
import { DOCUMENT, example, TOKEN, undocumented } from "./lib/fake_admin.mjs";

const PROGRAM = path.resolve(import.meta.dirname, "../../scripts/nearhit.mjs");
const ENTRY = example("GET", "/admin/v1/entries/{entry}", 200);
const TENANT = example("GET", "/admin/v1/tenants/{tenant}", 200);
const TOKEN_ID = TENANT.tokens[0].id;
const NOT_FOUND = { status: 404, json: example("GET", "/admin/v1/tenants/{tenant}", 404) };

let cli, fake, nearhit;
before(async () => ({ fake, nearhit } = cli = await startCli()));
beforeEach(() => cli.fresh());
after(() => fake.close());

const DAY = 86_400_000;
/** Each command line, and what it sends: method and path, and the body. */
const REQUESTS = [
  ["stats", ["GET stats"]],
  ["stats --last 7d --by model --tenant ~own", [`GET stats?from=${NOW - 7 * DAY}&tenant=%7Eown`]],
  ["stats --from 2026-11-23 --to 2026-11-24T12:00 --grain day", [`GET stats?from=${NOW - 1.5 * DAY}&to=${NOW}&grain=day`]],
  ["stats --last 13w --by time", [`GET stats?from=${NOW - 91 * DAY}&grain=day`]],
  ["stats --from 1795521600000 --tag feature=search", ["GET stats?from=1795521600000&tag=feature%3Dsearch"]],
  ["stats --model openai/gpt-5", ["GET stats?model=openai%2Fgpt-5"]],
  ["events --kind near-miss --limit 5 --tenant acme", ["GET events?tenant=acme&kind=near-miss&limit=5"]],
  ["entries", ["GET entries?limit=50"]],
  ["entries search password --limit 7 --tenant acme", ["GET entries?q=password&tenant=acme&limit=7"]],
  ["entries search --all", ["GET entries?limit=200"]],
  [`entries show ${ENTRY.id}`, [`GET entries/${ENTRY.id}`]],
  [`entries delete ${ENTRY.id}`, [`DELETE entries/${ENTRY.id}`]],
  ["purge --tag feature=search --dry-run", ["POST purge", { tag: "feature=search", dry_run: true }]],
  ["purge --model gpt-5 --tenant acme --yes", ["POST purge", { model: "gpt-5", tenant: "acme", dry_run: false }]],
  [`purge --scope ${ENTRY.scope} --entry ${ENTRY.id} --yes`, ["POST purge", { scope: ENTRY.scope, entry: ENTRY.id, dry_run: false }]],
  [`feedback bad ${ENTRY.id}`, ["POST feedback", { entry: ENTRY.id, verdict: "bad" }]],
  ["tenants", ["GET tenants?limit=200"]],
  ["tenants show acme", ["GET tenants/acme"]],
  ["tenants set acme --mode shadow --export on", ["PUT tenants/acme", { mode: "shadow", export: true }]],
  ["tenants set acme --mode none --export off", ["PUT tenants/acme", { mode: null, export: false }]],
  ["tenants set acme --key anthropic=ACME_A --key openai=NEW", ["GET tenants/acme"], ["PUT tenants/acme", { keys: { openai: "NEW", anthropic: "ACME_A" } }]],
  ["tenants set acme --no-key openai --key groq=G", ["GET tenants/acme"], ["PUT tenants/acme", { keys: { groq: "G" } }]],
  ["tenants set acme --max-thinking-tokens 1000", ["GET tenants/acme"], ["PUT tenants/acme", { caps: { max_effort: "medium", max_thinking_tokens: 1000, max_output_tokens: 4000 } }]],
  ["tenants set acme --max-effort none", ["GET tenants/acme"], ["PUT tenants/acme", { caps: { max_output_tokens: 4000 } }]],
  ["tenants delete acme --yes", ["DELETE tenants/acme"]],
  ["tokens create acme", ["POST tenants/acme/tokens"]],
  [`tokens rotate acme ${TOKEN_ID}`, [`POST tenants/acme/tokens/${TOKEN_ID}/rotate`]],
  [`tokens revoke acme ${TOKEN_ID}`, [`DELETE tenants/acme/tokens/${TOKEN_ID}`]],
  ["budgets --tenant acme", ["GET budgets?tenant=acme"]],
  ["budgets show search-daily", ["GET budgets/search-daily"]],
  ["budgets delete search-daily --tenant acme", ["DELETE budgets/search-daily?tenant=acme"]],
  ["budgets set search-daily --tenant acme --limit 40.5 --soft-tier none --soft-max-output-tokens 500", ["GET budgets/search-daily?tenant=acme"], ["PUT budgets/search-daily?tenant=acme", {
    tag: "feature=search", model: null, unit: "usd", limit: "40.5", period: "day", soft_share: 0.8,
    at_soft: { tier: null, max_effort: "low", max_thinking_tokens: null, max_output_tokens: 500 },
  }]],
  ["export --tenant acme --format gemini", ["GET export?tenant=acme&format=gemini&limit=500"]],
  ["export --tenant acme --limit 1", ["GET export?tenant=acme&format=openai&limit=1"]],
];

for (const [line, ...expected] of REQUESTS) {
  test(`${line} sends what the document knows`, async () => {
    const { code, err, sent } = await nearhit(line);
    assert.equal(code, 0, err);
    assert.deepEqual(sent, expected);
    for (const request of fake.requests) assert.deepEqual(undocumented(request), [], `${request.method} ${request.path}`);
    const { code: again, out } = await nearhit(`${line} --json`);
    assert.equal(again, 0);
    if (!line.startsWith("export")) JSON.parse(out);
  });
}

test("a tenant and a budget that are not there yet are made", async () => {
  fake.answer = ({ method }) => (method === "GET" ? NOT_FOUND : undefined);
  const tenant = await nearhit("tenants set globex --key openai=G --max-effort low");
  assert.deepEqual(tenant.sent[1], ["PUT tenants/globex", { keys: { openai: "G" }, caps: { max_effort: "low" } }]);
  fake.requests.length = 0;
  const budget = await nearhit("budgets set rate --limit 600 --unit requests --period minute");
  assert.deepEqual(budget.sent[1], ["POST budgets", { name: "rate", unit: "requests", limit: 600, period: "minute" }]);
  for (const request of fake.requests) assert.deepEqual(undocumented(request), []);
  const unsaid = await nearhit("budgets set other --limit 5");
  assert.equal(unsaid.code, 1);
  assert.match(unsaid.err, /to make it say --unit, --period too/);
});

const PRINTED = {
  stats: `2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z

requests         10
hits             3 (3 exact, 0 by meaning, 0 stale, 0 shared)
hit ratio        30.0 %
sent upstream    7 misses, 0 refreshes, 0 past the cache
refused, failed  0, 0
tokens in        17,100 (12,000 from the provider's cache)
tokens out       1,200 (300 reasoning)
cost             0.019875 USD
saved            0.022875 USD (exact 0.009375, meaning 0.000000, shared 0.000000, prefix 0.013500, routing 0.000000)
kept             7 entries, 12,810 bytes
error budget     1.0 %
`,
  "stats --by decision": `2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z

DECISION   REASON             REQUESTS  HITS  HIT RATIO  TOKENS IN  TOKENS OUT  COST USD  SAVED USD
miss       -                         5     0      0.0 %     16,100         900  0.015625   0.013500
miss       near-miss:numbers         2     0      0.0 %      1,000         300  0.004250   0.000000
hit-exact  -                         3     3    100.0 %          0           0  0.000000   0.009375
`,
  "stats --by tag:feature": `2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z

FEATURE  REQUESTS  HITS  HIT RATIO  TOKENS IN  TOKENS OUT  COST USD  SAVED USD
search          8     3     37.5 %     16,100         900  0.015625   0.022875
chat            2     0      0.0 %      1,000         300  0.004250   0.000000
`,
  "stats --by tag:team": "2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z: no requests with this tag; there are: feature.\n",
  "tenants show acme": `tenant  acme
keys    openai=ACME_OPENAI_KEY
mode    as configured
caps    max_effort=medium max_output_tokens=4000
export  off

TOKEN                 CREATED
${TOKEN_ID}  2026-11-24T12:00:00Z
`,
  budgets: `BUDGET        TENANT  ONLY            PERIOD  UNIT      LIMIT      SPENT  HEADROOM  STATE  RESETS
search-daily  acme    feature=search  day     usd   25.000000  20.750000  4.130000  soft   2026-11-25T00:00:00Z
`,
  "tokens create acme": `ID                    TOKEN
${TOKEN_ID}  ${example("POST", "/admin/v1/tenants/{tenant}/tokens", 201).token}
`,
  [`entries show ${ENTRY.id}`]: `entry        ${ENTRY.id}
model        gpt-5
api          openai.chat.completions
tags         feature=search
scope        ${ENTRY.scope}
created      2026-11-24T12:00:00Z
fresh until  2026-11-25T12:00:00Z
hits         3
tokens       212
bytes        1,830

asked:
  How do I reset my password?

answer:
  Open the settings and choose Reset.
`,
};

for (const [line, printed] of Object.entries(PRINTED)) {
  test(`${line} prints for people`, async () => assert.equal((await nearhit(line)).out, printed));
}

test("--json prints the API's JSON untouched, with numbers that JavaScript would round", async () => {
  const text = '{ "id":"acme","keys":{}, "mode":null,"caps":{},"export":false,"tokens":[],"later":12345678901234567890 }';
  fake.answer = () => ({ text });
  assert.equal((await nearhit("tenants show acme --json")).out, `${text}\n`);
});

test("pages become one document", async () => {
  const { entries: [entry] } = example("GET", "/admin/v1/entries", 200);
  const page = (first, count) => Array.from({ length: count }, (_, k) => ({ ...entry, hits: first + k }));
  fake.answer = ({ query }) => ({ json: { entries: page(Number(query.cursor ?? 0), Number(query.limit)), next: String(Number(query.cursor ?? 0) + Number(query.limit)), shards_silent: query.cursor ? 2 : 1 } });
  const { out, sent, err } = await nearhit("entries --limit 250 --json");
  const document = JSON.parse(out);
  assert.deepEqual(sent, [["GET entries?limit=200"], ["GET entries?limit=50&cursor=200"]]);
  assert.deepEqual(document.entries.map(({ hits }) => hits), Array.from({ length: 250 }, (_, k) => k));
  assert.deepEqual([document.next, document.shards_silent], ["250", 2]);
  assert.match(err, /2 shards did not answer/);
});

test("a cursor that leads nowhere new ends the command", async () => {
  fake.answer = () => ({ json: { tenants: [{ id: "acme" }], next: "again" } });
  const { code, err } = await nearhit("tenants");
  assert.equal(code, 1);
  assert.match(err, /the same page again and again/);
  assert.equal(fake.requests.length, 2);
});

test("a purge goes on until nothing is left, and asks a person first", async () => {
  const answer = ({ body }) => ({ json: { dry_run: body.dry_run, matched: 3, purged: body.dry_run ? 0 : 3, next: body.cursor ? null : "c1", shards_silent: 0, shards_dropped: 0, ledgers_silent: 0 } });
  fake.answer = answer;
  const purged = await nearhit("purge --tag feature=search", { answers: [true] });
  assert.deepEqual(purged.asked, ["6 entries match (tag feature=search). Remove them?"]);
  assert.deepEqual(fake.requests.map(({ body }) => [body.dry_run, body.cursor]), [[true, undefined], [true, "c1"], [false, undefined], [false, "c1"]]);
  assert.equal(purged.out, "Removed 6 entries (tag feature=search).\n");
  fake.requests.length = 0;
  const kept = await nearhit("purge --tag feature=search", { answers: [false] });
  assert.deepEqual([kept.code, kept.err], [1, "nearhit: Nothing was removed.\n"]);
  assert.ok(fake.requests.every(({ body }) => body.dry_run));
  const { out } = await nearhit("purge --model gpt-5 --yes --json");
  assert.deepEqual(JSON.parse(out), { dry_run: false, matched: 6, purged: 6, next: null, shards_silent: 0, shards_dropped: 0, ledgers_silent: 0 });
});

test("budgets of all pages are one table, and what is missing is said", async () => {
  const { budgets } = example("GET", "/admin/v1/budgets", 200);
  fake.answer = ({ query }) => ({ json: { budgets, next: query.cursor ? null : "acme", ledgers_silent: 2 } });
  const { out, err } = await nearhit("budgets list");
  assert.equal(out.match(/search-daily/g).length, 2);
  assert.match(err, /4 ledgers did not answer/);
});

test("nothing is removed where nobody can be asked", async () => {
  for (const line of ["purge --tag a=b", "tenants delete acme"]) {
    const { code, err } = await nearhit(line);
    assert.equal(code, 1);
    assert.match(err, /--yes removes without asking/);
  }
  assert.equal((await nearhit("tenants delete acme", { answers: [false] })).code, 1);
  assert.ok(fake.requests.every(({ method }) => method === "GET"));
});

test("an export follows its pages, into a file that is there only when it is whole", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-cli-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, "out.jsonl");
  const headers = { "content-type": "application/x-ndjson", "x-nearhit-skipped": "1" };
  fake.answer = ({ query }) => ({ text: `{"page":${query.cursor ?? 0}}\n`, headers: { ...headers, ...(query.cursor ? {} : { "x-nearhit-next": "1" }) } });
  const { code, out, err } = await nearhit(["export", "--tenant", "acme", "--out", file]);
  assert.deepEqual([code, out], [0, ""]);
  assert.equal(fs.readFileSync(file, "utf8"), '{"page":0}\n{"page":1}\n');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.match(err, /2 lines in .*out\.jsonl\. 2 entries were left out/);
  assert.equal((await nearhit("export --tenant acme")).out, '{"page":0}\n{"page":1}\n');
  fs.rmSync(file);
  const whole = fake.answer;
  fake.answer = (seen) => (seen.query.cursor ? { status: 503, json: example("GET", "/admin/v1/stats", 503) } : whole(seen));
  assert.equal((await nearhit(["export", "--tenant", "acme", "--out", file])).code, 1);
  assert.deepEqual(fs.readdirSync(folder), []);
});

const ENDS = [
  ["a wrong option", "stats --tenat x", 1, /Unknown option '--tenat'[^]*See: npm run nearhit -- stats --help/],
  ["an unknown command", "statistics", 1, /There is no command 'statistics'\. There are: stats, /],
  ["no command", [], 1, /Which command\?/],
  ["an unknown action", "tenants purge", 1, /tenants does: list, show, set, delete; not 'purge'/],
  ["an action that has to be said", "tokens", 1, /tokens does: create, rotate, revoke\./],
  ["a missing argument", "tokens rotate acme", 1, /<token id> is missing/],
  ["an argument too many", "tenants show acme globex", 1, /'globex' is one word too many/],
  ["a wrong verdict", "feedback maybe x", 1, /'maybe' must be good or bad/],
  ["a purge of everything", "purge --yes", 1, /Say --tag, --model, --scope, --tenant, --entry/],
  ["a wrong span", "stats --last yesterday", 1, /--last is 'yesterday'; it must be like 90m, 24h/],
  ["a wrong time", "stats --from yesterday", 1, /--from is 'yesterday'; it must be like 2026-11-24/],
  ["two spans", "stats --last 1h --from 2026-11-24", 1, /exclude one another/],
  ["a wrong group", "stats --by week", 1, /--by is 'week'/],
  ["two labels at once", "stats --tag a=b --by model", 1, /there is only --by tenant or --by time/],
  ["a wrong number", "events --limit many", 1, /--limit is 'many'/],
  ["a wrong switch", "tenants set acme --export yes", 1, /--export is 'yes'; it must be on or off/],
  ["a wrong key", "tenants set acme --key openai", 1, /--key is 'openai'; it must be like name=value/],
  ["nothing to set", "tenants set acme", 1, /What is to be set\?/],
  ["a name that leads out of its path", "entries delete ..", 1, /'\.\.' is no name/],
  ["a wrong address", "stats --url nearhit", 1, /'nearhit' is no address/],
  ["a password in the address", "stats --url http://a:b@127.0.0.1", 1, /must not hold a name or a password/],
  ["a wrong token", "stats --token wrong", 1, /\[401 invalid_api_key\][^]*Check NEARHIT_ADMIN_TOKEN/],
  ["nobody there", "stats --url http://127.0.0.1:9", 2, /cannot be reached[^]*npm start/],
];
for (const [title, line, code, message] of ENDS) {
  test(`${title} ends with ${code} and says what to do`, async () => {
    const done = await nearhit(line);
    assert.equal(done.code, code);
    assert.equal(done.out, "");
    assert.match(done.err, message);
    assert.equal(done.sent.length, title === "a wrong token" ? 1 : 0);
  });
}

test("refusals of the API say what it says and what to do", async () => {
  const table = [
    [{ status: 400, json: { error: { message: "It must be less.", param: "limit", code: "invalid_value" } } }, /It must be less\. \(limit\) \[400 invalid_value\]/],
    [{ status: 403, json: example("GET", "/admin/v1/export", 403) }, /tenants set <tenant> --export on/],
    [{ status: 429, json: example("GET", "/admin/v1/stats", 429), headers: { "retry-after": "60" } }, /Wait 60 seconds/],
    [{ status: 503, json: example("GET", "/admin/v1/stats", 503) }, /Try again in a moment/],
    [{ status: 404, text: "<html>", headers: { "content-type": "text/html" } }, /Is this the address of a nearhit/],
    [{ status: 200, text: "<html>", headers: { "content-type": "text/html" } }, /not like nearhit's admin API/],
    [{ status: 200, text: "{", headers: { "content-type": "application/json" } }, /not like nearhit's admin API/],
    [{ status: 308, headers: { location: "https://elsewhere.example/" } }, /leads elsewhere \(308\)[^]*https:\/\/elsewhere\.example/],
  ];
  for (const [answer, message] of table) {
    fake.answer = () => answer;
    const { code, err } = await nearhit("stats");
    assert.equal(code, 1);
    assert.match(err, message);
  }
  assert.equal(fake.requests.length, table.length, "the token does not follow a redirect");
});

test("an answer of another version is no riddle", async () => {
  fake.answer = () => ({ json: { entries: 3 } });
  const { code, err } = await nearhit("stats");
  assert.equal(code, 1);
  assert.match(err, /another form than this command knows[^]*--json/);
});

test("what is missing in the figures is said", async () => {
  const json = example("GET", "/admin/v1/stats", 200);
  Object.assign(json.usage, { overflowed: 4, unrecorded: 5, ledgers_silent: 1, ledgers_asked: 9, ledgers_known: 12 });
  Object.assign(json.usage.totals, { unpriced: 2, estimated: 3 });
  fake.answer = () => ({ json });
  const { err } = await nearhit("stats");
  for (const text of ["2 requests went to models without a price", "3 requests are estimates", "4 requests have labels", "5 requests could not be recorded", "1 of 9 ledgers", "9 of 12 ledgers were asked"]) assert.ok(err.includes(text), text);
});

test("the token of .dev.vars is for a local deployment alone", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-cli-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const devVars = path.join(folder, ".dev.vars");
  for (const line of [`NEARHIT_ADMIN_TOKEN=${TOKEN}`, `export NEARHIT_ADMIN_TOKEN = "${TOKEN}" # ours`, `A=1\r\nNEARHIT_ADMIN_TOKEN='${TOKEN}'\r\n`, `NEARHIT_ADMIN_TOKEN=${TOKEN}   # ours`]) {
    fs.writeFileSync(devVars, line);
    assert.equal((await nearhit("stats", { devVars, env: { NEARHIT_ADMIN_TOKEN: "" } })).code, 0, line);
  }
  const { code, err } = await nearhit("stats --url https://nearhit.example", { devVars, env: { NEARHIT_ADMIN_TOKEN: undefined } });
  assert.deepEqual([code, /There is no admin token for https:\/\/nearhit\.example/.test(err)], [1, true]);
});

test("an address may be pasted with any of its paths, and an open one is warned of", async () => {
  for (const tail of ["", "/", "/v1", "/admin/v1/", "/admin"]) assert.equal((await nearhit(`stats --url ${fake.url}${tail}`)).code, 0, tail);
  const { code, err } = await nearhit("stats --url http://nearhit.invalid");
  assert.equal(code, 2);
  assert.match(err, /http:\/\/nearhit\.invalid is not encrypted/);
});

test("every command has its help", async () => {
  const { out } = await nearhit("--help");
  const lines = [...out.matchAll(/^ {2}((?:[a-z]+)(?: [a-z]+)?)/gm)].map(([, line]) => line.trim());
  const commands = ["stats", "events", "purge", "export", "entries search", "tenants set", "tokens rotate", "budgets set", "tenants", "feedback"];
  for (const command of commands) {
    const help = await nearhit(`${command} --help`);
    assert.equal(help.code, 0);
    assert.match(help.out, new RegExp(`nearhit -- ${command}|${command} list`), command);
  }
  for (const command of commands.slice(0, 8)) assert.ok(lines.some((line) => line.startsWith(command)), command);
  assert.equal(fake.requests.length, 0);
});

test("as a program: tables without colour into a pipe, and its exit codes", async () => {
  const env = { ...process.env, NEARHIT_URL: fake.url, NEARHIT_ADMIN_TOKEN: TOKEN };
  const run = (...args) => promisify(execFile)(process.execPath, [PROGRAM, ...args], { env });
  const { stdout, stderr } = await run("budgets");
  assert.equal(stdout, PRINTED.budgets);
  assert.equal(stderr, "");
  await assert.rejects(run("statistics"), ({ code, stdout: out, stderr: err }) => code === 1 && out === "" && err.startsWith("nearhit: There is no command"));
  await assert.rejects(run("stats", "--url", "http://127.0.0.1:9"), ({ code }) => code === 2);
});

test("the document names every path once and every operation", () => {
  const operations = Object.values(DOCUMENT.paths).flatMap(({ parameters: _, ...methods }) => Object.values(methods));
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { operationId, responses } of operations) for (const status of ["401", "429", "500", "503"]) assert.ok(status in responses, `${operationId} ${status}`);
});
