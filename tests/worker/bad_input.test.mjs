// What cannot work is said at once, in the API's own error shape, naming what is wrong; and it costs no upstream call.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { post, question, rawRequest, read, startBench } from "./lib/bench.mjs";
import { reset, startUpstream } from "./lib/upstream.mjs";
import { startWorker } from "./lib/world.mjs";

const LIMIT_BYTES = 4096;

let bench;
before(async () => {
  const gone = await startUpstream();
  gone.close();
  bench = await startBench({
    vars: { NEARHIT_LIMITS: { max_body_bytes: LIMIT_BYTES }, NEARHIT_UPSTREAMS: { closed: { base_url: `${gone.url}/v1` } } },
  });
});
after(() => bench.dispose());

/** OpenAI's error object, complete; returned without its message. */
function errorOf(answer) {
  assert.equal(answer.header("content-type"), "application/json");
  assert.deepEqual(Object.keys(answer.json), ["error"]);
  const { message, ...error } = answer.json.error;
  assert.ok(message.length > 10, "a message that helps");
  assert.deepEqual(Object.keys(error).sort(), ["code", "param", "type"]);
  return error;
}

const messages = (...list) => ({ model: "gpt-test", messages: list });
const parts = (...content) => messages({ role: "user", content });
const BAD_FIELDS = [
  ["no model", { messages: question("hello there").messages }, "model"],
  ["a model that is null", question("hello there", { model: null }), "model"],
  ["a model that is a number", question("hello there", { model: 4 }), "model"],
  ["an empty model", question("hello there", { model: "" }), "model"],
  ["no messages", { model: "gpt-test" }, "messages"],
  ["messages that are a text", { model: "gpt-test", messages: "hello" }, "messages"],
  ["empty messages", messages(), "messages"],
  ["a message that is a text", messages({ role: "system", content: "x" }, "hello"), "messages[1]"],
  ["a message without a role", messages({ content: "hello" }), "messages[0].role"],
  ["a role that is a number", messages({ role: 1, content: "hello" }), "messages[0].role"],
  ["content that is a number", messages({ role: "user", content: 5 }), "messages[0].content"],
  ["a part that is a text", parts({ type: "text", text: "a" }, "b"), "messages[0].content[1]"],
  ["a text part without text", parts({ type: "text" }), "messages[0].content[0].text"],
  ["a text part whose text is a list", parts({ type: "text", text: ["a"] }), "messages[0].content[0].text"],
  ["a temperature in words", question("hello there", { temperature: "warm" }), "temperature"],
  ["stream as a text", question("hello there", { stream: "true" }), "stream"],
  ["stream_options as a list", question("hello there", { stream: true, stream_options: [] }), "stream_options"],
  ["include_usage as a number", question("hello there", { stream: true, stream_options: { include_usage: 1 } }), "stream_options.include_usage"],
  ["n as a text", question("hello there", { n: "2" }), "n"],
  ["tools as an object", question("hello there", { tools: {} }), "tools"],
  ["response_format as a text", question("hello there", { response_format: "json" }), "response_format"],
];

for (const [name, body, param] of BAD_FIELDS) {
  test(`${name} is a 400 that names ${param}`, async () => {
    const answer = await bench.caller().ask(body);
    assert.equal(answer.status, 400);
    assert.deepEqual(errorOf(answer), { type: "invalid_request_error", param, code: "invalid_value" });
    assert.ok(answer.json.error.message.includes(param), answer.json.error.message);
    assert.equal(answer.header("x-should-retry"), "false");
    assert.equal(bench.upstream.requests.length, 0);
  });
}

const NO_JSON = {
  "an empty body": "",
  "half an object": '{"model": "gpt-test", "messages": [',
  "an object and something after it": `${JSON.stringify(question("hello there"))} x`,
  "a list": "[]",
  "a text": '"hello"',
  "a field that is given twice": '{"model": "a", "model": "b", "messages": [{"role": "user", "content": "hello there"}]}',
  "bytes that are no UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  "lists within lists without end": "[".repeat(3000),
};

for (const [name, text] of Object.entries(NO_JSON)) {
  test(`${name} is a 400 that says so`, async () => {
    const answer = await bench.caller().ask(Buffer.from(text));
    assert.equal(answer.status, 400);
    assert.deepEqual(errorOf(answer), { type: "invalid_request_error", param: null, code: "invalid_json" });
    assert.equal(bench.upstream.requests.length, 0);
  });
}

const BAD_HEADERS = {
  "x-nearhit-mode": "on",
  "x-nearhit-threshold": "0.2",
  "x-nearhit-ttl": "0",
  "x-nearhit-namespace": "n".repeat(129),
  "cf-aig-cache-ttl": "soon",
  "x-bf-cache-ttl": "-5s",
};

test("a header out of range is a 400 that names it", async () => {
  for (const [name, value] of Object.entries(BAD_HEADERS)) {
    const answer = await bench.caller().ask("hello there", { headers: { [name]: value } });
    assert.deepEqual([answer.status, errorOf(answer).param], [400, name]);
    assert.equal(bench.upstream.requests.length, 0);
  }
});

/** A request of exactly so many bytes. */
function ofSize(bytes) {
  const empty = JSON.stringify(question("")).length;
  return JSON.stringify(question("x".repeat(bytes - empty)));
}

async function collect(response) {
  const chunks = await response.toArray();
  const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  return read(new Response(Buffer.concat(chunks), { status: response.statusCode, headers }));
}

for (const chunked of [false, true]) {
  test(`a body over the limit is a 413, ${chunked ? "sent in chunks" : "sent with its length"}; one at the limit passes`, async () => {
    const { key } = bench.caller();
    const send = async (body, path) => collect(await rawRequest(bench.url, { key, body, chunked, path }).response);
    for (const path of ["/v1/chat/completions", "/v1/files"]) {
      const answer = await send(ofSize(LIMIT_BYTES + 1), path);
      assert.equal(answer.status, 413);
      assert.deepEqual(errorOf(answer), { type: "invalid_request_error", param: null, code: "request_too_large" });
      assert.match(answer.json.error.message, /4096 bytes.*NEARHIT_LIMITS\.max_body_bytes/);
      assert.equal(answer.header("x-should-retry"), "false");
    }
    assert.equal((await send("x".repeat(40 * LIMIT_BYTES))).status, 413);
    assert.equal(bench.upstream.requests.length, 0);
    assert.equal((await send(ofSize(LIMIT_BYTES))).status, 200);
    assert.equal(bench.upstream.requests[0].bytes.length, LIMIT_BYTES);
  });
}

test("an upstream that cannot be reached is a 502 that may be retried", async () => {
  const { key, ask } = bench.caller(() => reset());
  const closed = await post(`${bench.url}/closed/v1/chat/completions`, "hello there", { key }).then(read);
  const resets = await ask("hello there");
  const passing = await post(`${bench.url}/closed/v1/models`, "hello there", { key }).then(read);
  for (const [answer, name] of [[closed, "closed"], [resets, "openai"], [passing, "closed"]]) {
    assert.equal(answer.status, 502);
    assert.deepEqual(errorOf(answer), { type: "upstream_error", param: null, code: "upstream_unreachable" });
    assert.match(answer.json.error.message, new RegExp(`'${name}'`));
    assert.notEqual(answer.header("x-should-retry"), "false");
  }
});

test("a path to nowhere is a 404 that says where one could go", async () => {
  const { key } = bench.caller();
  for (const path of ["/", "/v1", "/chat/completions", "/v2/chat/completions", "/openai/chat/completions"]) {
    const answer = await post(`${bench.url}${path}`, "hello there", { key }).then(read);
    assert.equal(answer.status, 404, path);
    assert.deepEqual(errorOf(answer), { type: "invalid_request_error", param: null, code: "not_found" }, path);
    assert.match(answer.json.error.message, /anthropic, closed, openai/);
  }
  assert.equal(bench.upstream.requests.length, 0);
});

test("an unknown upstream is a 400 that names it and those that there are", async () => {
  const answer = await bench.caller().ask("hello there", { path: "/nobody/v1/chat/completions" });
  assert.equal(answer.status, 400);
  assert.deepEqual(errorOf(answer), { type: "invalid_request_error", param: "upstream", code: "unknown_upstream" });
  assert.match(answer.json.error.message, /'nobody'.*anthropic, closed, openai/);
  assert.equal(bench.upstream.requests.length, 0);
});

/** What a Worker with these variables answers to anything. */
async function misconfigured(t, vars) {
  const worker = await startWorker({ vars });
  t.after(() => worker.dispose());
  const answer = await post(`${worker.url}/v1/chat/completions`, "hello there").then(read);
  assert.equal((await fetch(`${worker.url}/healthz`)).status, 500);
  assert.equal(answer.status, 500);
  assert.equal(answer.header("x-should-retry"), "false");
  const { code, type, param } = errorOf(answer);
  assert.deepEqual([code, type], ["misconfigured", "server_error"]);
  return { param, message: answer.json.error.message };
}

test("a configuration with mistakes is a 500 that names every one of them", async (t) => {
  const { message } = await misconfigured(t, {
    NEARHIT_CACHE: { mode: "fuzzy", ttl_secs: 0, shard: 4 },
    NEARHIT_SEMANTIC: { threshold: "high" },
    NEARHIT_LIMITS: 5,
    NEARHIT_CASH: { mode: "off" },
    NEARHIT_UPSTREAMS: { Local: { base_url: "http://127.0.0.1:1" }, near: { base_url: "ftp://x" }, far: { url: "http://x" } },
    OPENAI_BASE_URL: "localhost:8080",
  });
  const wrong = ["CACHE.mode", "CACHE.ttl_secs", "CACHE.shard", "SEMANTIC.threshold", "LIMITS", "CASH", "UPSTREAMS.Local", "UPSTREAMS.near.base_url", "UPSTREAMS.far.base_url", "UPSTREAMS.far.url"];
  for (const path of [...wrong.map((path) => `NEARHIT_${path}`), "OPENAI_BASE_URL"]) {
    assert.ok(message.includes(`${path}: `), `${path} in: ${message}`);
  }
  assert.match(message, /has 11 mistake\(s\)/);
  assert.match(message, /a whole number from 1 to 31536000/);
});

test("a missing NEARHIT_HMAC_KEY is a 500 that names it", async (t) => {
  const { message, param } = await misconfigured(t, { NEARHIT_HMAC_KEY: undefined });
  assert.equal(param, "NEARHIT_HMAC_KEY");
  assert.match(message, /has 1 mistake\(s\): NEARHIT_HMAC_KEY: is not set/);
});
