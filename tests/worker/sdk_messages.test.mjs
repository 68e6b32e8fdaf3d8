// The Messages API through the official @anthropic-ai/sdk, unmodified: only its base URL is nearhit's.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { MESSAGES_API as API } from "./lib/apis.mjs";
import { events, startBench } from "./lib/bench.mjs";
import { eventsOfMessage, MESSAGES, ODD_INPUT } from "./lib/messages.mjs";
import { compareAll, FIRST, ORDERS, REPLAYS, SIMILAR, WAYS } from "./lib/replay.mjs";
import { anthropicError, json } from "./lib/upstream.mjs";

/** The two ways to ask; both give a whole Message, the second put together by the SDK itself. */
const GET = {
  body: (client, params) => client.messages.create(params),
  stream: (client, params) => client.messages.stream(params).finalMessage(),
};

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

const clientOf = ({ url, key }) => new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
const ask = (at, way, params) => GET[way](clientOf(at), params);
const through = ({ key }) => clientOf({ url: bench.url, key });
const callerOf = (name) => bench.caller(API.provider(MESSAGES[name].answer));

for (const { title, how } of REPLAYS) test(title, () => compareAll({ bench, api: API, ask }, MESSAGES, how));

test("thinking stays where it was made", async () => {
  for (const way of WAYS) {
    for (const name of ["thinking and text", "redacted thinking and text"]) {
      const at = { url: bench.url, key: callerOf(name).key };
      const kinds = async (text) => (await ask(at, way, API.params(text))).content.map(({ type }) => type);
      const whole = MESSAGES[name].answer.content.map(({ type }) => type);
      assert.deepEqual([await kinds(FIRST), await kinds(FIRST), await kinds(SIMILAR)], [whole, whole, ["text"]], `${way}: ${name}`);
      assert.equal(bench.upstream.requests.length, 1);
    }
  }
});

/** A stream's events as [name, type of the block or delta], with those that repeat told once. */
function course(told) {
  const steps = told.filter(({ type }) => type !== "ping").map(({ type, content_block, delta }) => `${type} ${content_block?.type ?? delta?.type ?? ""}`);
  return steps.filter((step, i) => step !== steps[i - 1]);
}

test("a hit's stream has the events that the provider's had, in its order, each by its name", async () => {
  for (const [name, { answer, asks }] of Object.entries(MESSAGES)) {
    const client = through(bench.caller(API.provider(answer)));
    await client.messages.create(API.params(FIRST, asks));
    const streamed = API.params(FIRST, { ...asks, stream: true });
    const text = await (await client.messages.create(streamed).asResponse()).text();
    assert.equal(bench.upstream.requests.length, 1);
    const told = events(text).map((data) => JSON.parse(data));
    const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
    assert.deepEqual(names, told.map(({ type }) => type), `${name}: an event without a name is skipped by the SDKs`);
    assert.deepEqual(course(told), course(eventsOfMessage(answer).map(({ data }) => data)), name);
    const read = [];
    for await (const { type } of await client.messages.create(streamed)) read.push(type);
    assert.deepEqual(read, names.filter((type) => type !== "ping"), `${name}: the SDK reads every one`);
  }
});

test("a hit's stream begins with a message that is still empty, and comes in pieces", async () => {
  const client = through(callerOf("a long text"));
  await client.messages.create(API.params(FIRST));
  const read = [];
  for await (const event of await client.messages.create(API.params(FIRST, { stream: true }))) read.push(event);
  const [{ message }] = read;
  assert.deepEqual([message.content, message.stop_reason], [[], null]);
  assert.ok(message.usage.input_tokens > 0);
  const deltas = read.filter(({ type }) => type === "content_block_delta").map(({ delta }) => delta.text);
  assert.ok(deltas.length > 10);
  assert.equal(deltas.join(""), MESSAGES["a long text"].answer.content[0].text);
});

/** The odd input as it was written, whichever way it came and goes. */
async function oddInputs() {
  const told = ORDERS.map(async ({ first, then }) => {
    const { ask } = callerOf("text and two tool uses");
    const as = (way) => API.params(FIRST, { stream: way === "stream" });
    await ask(as(first), { path: API.path });
    const { text, cacheStatus } = await ask(as(then), { path: API.path });
    assert.match(cacheStatus, /^nearhit; hit; /);
    return then === "body" ? text : partialJson(text);
  });
  return Promise.all(told);
}

test("a tool's input keeps its numbers, digit for digit", async () => {
  for (const told of await oddInputs()) {
    for (const number of ['"big":12345678901234567890', '"small":-1.50e-9']) assert.ok(told.includes(number), told);
  }
});

test("a tool's input keeps the order of its fields", async () => {
  for (const told of await oddInputs()) assert.ok(told.includes(JSON.stringify(ODD_INPUT)), told);
});

function partialJson(stream) {
  return events(stream)
    .map((data) => JSON.parse(data).delta?.partial_json ?? "")
    .join("");
}

test("a hit has a request id of its own, where the SDK looks for it", async () => {
  const client = through(callerOf("plain text"));
  await client.messages.create(API.params(FIRST));
  const ids = [];
  for (const text of [FIRST, SIMILAR]) ids.push((await client.messages.create(API.params(text)))._request_id);
  ids.push((await client.messages.stream(API.params(FIRST)).withResponse()).request_id);
  assert.equal(bench.upstream.requests.length, 1);
  for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, 3);
});

test("a key is never answered from what another key paid for, and goes to the provider as it came", async () => {
  const callers = [callerOf("plain text"), callerOf("plain text")];
  for (const url of [bench.url, bench.upstream.url]) {
    for (const { key } of callers) await ask({ url, key }, "body", API.params(FIRST));
  }
  const told = ({ path, headers }) => [path, ...["authorization", "x-api-key", "anthropic-version"].map((name) => headers[name])];
  const seen = bench.upstream.requests.map(told);
  assert.deepEqual(seen.slice(0, 2), seen.slice(2));
});

test("an answer in one version of the API, or with one beta, answers no other", async () => {
  const { ask } = callerOf("plain text");
  const variants = [{}, { "anthropic-version": "2023-06-01" }, { "anthropic-beta": "some-beta-2026-01-01" }, { "anthropic-beta": "other-beta-2026-01-01" }];
  for (const headers of variants) await ask(API.params(FIRST), { path: API.path, headers });
  assert.equal(bench.upstream.requests.length, variants.length);
});

/** What an SDK's error tells, whoever made it. */
function toldBy(error) {
  assert.ok(error instanceof Anthropic.APIError, String(error));
  return { class: error.constructor, status: error.status, type: error.type, requestID: error.requestID, body: error.error };
}

const ERRORS = { 401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error" };

for (const [status, type] of Object.entries(ERRORS)) {
  test(`the provider's ${status} is the SDK's own error, as it would be without nearhit`, async () => {
    const caller = bench.caller(() => anthropicError(Number(status), type));
    for (const way of WAYS) {
      const error = (url) => ask({ url, key: caller.key }, way, API.params(FIRST)).then(() => assert.fail("an answer"), toldBy);
      const told = await error(bench.url);
      assert.deepEqual(told, await error(bench.upstream.url), way);
      assert.deepEqual([told.status, told.type, told.requestID], [Number(status), type, "req_up1"], way);
    }
  });
}

const WRONG = {
  "messages that are none": { messages: "x" },
  "a temperature that is none": { temperature: "warm" },
  "no limit of tokens": { max_tokens: undefined },
};

for (const [name, wrong] of Object.entries(WRONG)) {
  test(`${name}: the SDK's BadRequestError, in Anthropic's shape and naming the field`, async () => {
    const client = through(bench.caller());
    await assert.rejects(client.messages.create(API.params(FIRST, wrong)), (error) => {
      assert.ok(error instanceof Anthropic.BadRequestError);
      assert.equal(error.type, "invalid_request_error");
      const { type, error: inner, request_id, ...more } = error.error;
      assert.deepEqual([type, inner.type, more], ["error", "invalid_request_error", {}]);
      assert.match(inner.message, new RegExp(Object.keys(wrong)[0]));
      assert.match(request_id, /^req_[0-9a-f]{32}$/);
      assert.equal(error.headers.get("request-id"), request_id);
      return true;
    });
    assert.equal(bench.upstream.requests.length, 0);
  });
}

/** What passes: the SDK's call, where it goes, what the provider says, and what nearhit says of it. */
const PASSING = {
  "a count of tokens": {
    call: (client) => client.messages.countTokens({ model: "claude-test", messages: [{ role: "user", content: FIRST }] }),
    seen: "POST /v1/messages/count_tokens",
    answer: { input_tokens: 14 },
    detail: "unsupported-path",
  },
  "the list of models": {
    call: (client) => client.models.list(),
    seen: "GET /v1/models",
    answer: { data: [{ type: "model", id: "claude-test", display_name: "Claude" }], has_more: false, first_id: "claude-test", last_id: "claude-test" },
    detail: "unsupported-path",
  },
};

for (const [name, { call, seen, answer, detail }] of Object.entries(PASSING)) {
  test(`${name} is the provider's, each time`, async () => {
    const client = through(bench.caller(() => json(answer, { headers: { "request-id": "req_up1" } })));
    for (const count of [1, 2]) {
      const { data, response } = await call(client).withResponse();
      for (const [field, value] of Object.entries(answer)) assert.deepEqual(data[field], value);
      assert.equal(response.headers.get("cache-status"), `nearhit; fwd=bypass; detail=${detail}`);
      assert.equal(response.headers.get("request-id"), "req_up1");
      assert.equal(bench.upstream.requests.length, count);
      const { method, path } = bench.upstream.requests.at(-1);
      assert.equal(`${method} ${path}`, seen);
    }
  });
}
