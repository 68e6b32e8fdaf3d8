// What a budget has to withstand beside sheer numbers: other spellings of a path, clients that leave, answers without a count.
import assert from "node:assert/strict";
import { once } from "node:events";
import test, { after, before } from "node:test";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { question, rawRequest, startBench } from "./lib/bench.mjs";
import { asEvent, chatChunks, chatCompletion, held, json, startStream } from "./lib/upstream.mjs";

const NEARHIT_PRICES = { "openai/gpt-test": { input: 1000, output: 1000 } };
const VARS = { NEARHIT_ADMIN_TOKEN: ADMIN, NEARHIT_PRICES, NEARHIT_CACHE: { mode: "exact" }, ACME_OPENAI: "sk-secret-openai" };

let bench;
before(async () => (bench = await startBench({ vars: VARS })));
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A tenant with a budget of tokens. */
async function tenant(name, limit) {
  assert.equal((await admin("PUT", `tenants/${name}`, { keys: { openai: "ACME_OPENAI" } })).status, 200);
  const made = await admin("POST", "budgets", { tenant: name, name: "b", unit: "tokens", limit, period: "total" });
  assert.equal(made.status, 201, made.text);
  return (await admin("POST", `tenants/${name}/tokens`)).json.token;
}

const budget = async (name) => (await admin("GET", `budgets/b?tenant=${name}`)).json;

/** Waits until a budget is as it should be. */
async function becomes(name, wanted) {
  let now;
  for (let k = 0; k < 100; k += 1) {
    now = await budget(name);
    if (wanted(now)) return now;
    await sleep(50);
  }
  assert.fail(JSON.stringify(now));
}

/** Sends a path exactly as it is written. */
async function send(key, path, body, headers = {}) {
  const { response } = rawRequest(bench.url, { key, path, body: JSON.stringify(body), headers });
  const answer = await response;
  let text = "";
  for await (const piece of answer) text += piece;
  return { status: answer.statusCode, headers: answer.headers, text };
}

test("an exhausted budget holds for every spelling of a path, and for paths that nobody can measure", async () => {
  const key = await tenant("paths", 20);
  bench.caller(undefined, key);
  const body = question("What is a good lamp?", { max_tokens: 1_000, prompt: "What is a good lamp?" });
  const paths = [
    "/v1/chat/completions",
    "/v1/%63hat/completions",
    "/openai/v1/%63hat/%63ompletions",
    "/v1//chat/completions",
    "/v1/Chat/Completions",
    "/v1/chat/./completions",
    "/v1/completions",
    "/v1/responses/compact",
    "/v1/batches",
  ];
  for (const path of paths) {
    const answer = await send(key, path, body);
    assert.equal(answer.status, 429, `${path}: ${answer.text}`);
    assert.match(answer.headers["x-nearhit-budget"], /^b;state=/, path);
  }
  assert.equal(bench.upstream.requests.length, 0);
  const compressed = await send(key, "/v1/chat/completions", body, { "content-encoding": "gzip" });
  assert.deepEqual([compressed.status, JSON.parse(compressed.text).error.param], [400, "content-encoding"]);
});

const LEAVING = {
  "before a whole body": ["/v1/chat/completions", {}, {}, () => {}],
  "before a whole body, past the cache": ["/v1/chat/completions", {}, { "cache-control": "no-store" }, () => {}],
  "before an answer to another path": ["/v1/completions", { prompt: "Hello" }, {}, () => {}],
  "before vectors": ["/v1/embeddings", { input: "a lamp" }, {}, () => {}],
  "in the middle of a whole body": [
    "/v1/chat/completions",
    {},
    {},
    async (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      await new Promise((written) => response.write('{"choices": [', written));
      await sleep(100);
    },
  ],
};

let leaving = 0;
for (const [name, [path, more, headers, begin]] of Object.entries(LEAVING)) {
  test(`a client that leaves ${name} has taken what was reserved, and is written down`, async () => {
    const id = `leaving-${++leaving}`;
    const key = await tenant(id, 10_000);
    const { reply, response } = held();
    bench.caller(() => reply, key);
    const body = JSON.stringify(question("What is a good lamp?", { max_tokens: 100, ...more }));
    const client = rawRequest(bench.url, { key, path, body, headers });
    await begin(await response);
    const { reserved } = await becomes(id, (now) => now.reserved > 0);
    client.request.socket.resetAndDestroy();
    await bench.upstream.requests[0].closed;
    const now = await becomes(id, (now) => now.reserved === 0);
    assert.deepEqual([now.spent, now.lapsed], [reserved, 0]);
    const { totals } = (await admin("GET", `stats?tenant=${id}`)).json.usage;
    assert.deepEqual([totals.requests, totals.unpriced], [1, 1]);
  });
}

test("a client that leaves a stream has taken what it saw", async () => {
  const key = await tenant("stream", 10_000);
  const { reply, response } = held();
  bench.caller(() => reply, key);
  const body = JSON.stringify(question("What is a good lamp?", { max_tokens: 5_000, stream: true }));
  const client = rawRequest(bench.url, { key, body });
  const provider = await response;
  startStream(provider);
  provider.write(chatChunks({ text: "Hello there." }).slice(0, 2).map(asEvent).join(""));
  await once(await client.response, "data");
  client.request.socket.resetAndDestroy();
  const now = await becomes("stream", (now) => now.reserved === 0 && now.spent > 0);
  assert.ok(now.spent < 200, JSON.stringify(now));
});

test("an answer without a count takes what was reserved, and reading it later costs nothing", async () => {
  const key = await tenant("background", 10_000);
  const usage = { input_tokens: 30, output_tokens: 40, total_tokens: 70 };
  const done = json({ id: "resp_1", object: "response", status: "completed", output: [], usage });
  bench.caller((seen) => (seen.method === "GET" ? done : json({ id: "resp_1", object: "response", status: "queued", output: [], usage: null })), key);
  await send(key, "/v1/responses", { model: "gpt-test", input: "What is a good lamp?", background: true, max_output_tokens: 500 });
  const now = await becomes("background", (now) => now.reserved === 0);
  assert.ok(now.spent > 500, JSON.stringify(now));
  for (let k = 0; k < 3; k += 1) {
    const { response } = rawRequest(bench.url, { key, method: "GET", path: "/v1/responses/resp_1" });
    (await response).resume();
  }
  await becomes("background", (later) => later.reserved === 0 && later.spent === now.spent);
  const { totals } = (await admin("GET", "stats?tenant=background")).json.usage;
  assert.equal(totals.tokens.output, 0, JSON.stringify(totals));
});

test("a model's name that no header can hold does not break its answer", async () => {
  const { request } = bench.caller(() => json(chatCompletion({ text: "A good one." })));
  const answer = await request(question("What is a good lamp?", { model: "gpt\r\n模" }));
  assert.deepEqual([answer.status, answer.headers.get("x-nearhit-model")], [200, "gpt%0D%0A%E6%A8%A1"]);
});
