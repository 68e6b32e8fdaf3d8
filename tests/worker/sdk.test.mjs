// The official openai package, unmodified: only its base URL is nearhit's.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import OpenAI from "openai";
import { ANSWERS, provider, TWO_CHOICES } from "./lib/answers.mjs";
import { startBench } from "./lib/bench.mjs";

const FIRST = "How do I reset my password?";
const THEN = { "the same question": FIRST, "a question that means the same": "How can I reset my password?" };
/** The two ways to ask; both give a whole ChatCompletion, the second put together by the SDK itself. */
const WAYS = {
  body: (client, params) => client.chat.completions.create(params),
  stream: accumulated,
};

/** The SDK adds up what OpenAI documents; other providers' reasoning is added up by who reads the stream. */
async function accumulated(client, params) {
  const reasoning = [];
  const stream = client.chat.completions.stream({ ...params, stream_options: { include_usage: true } });
  stream.on("chunk", ({ choices }) => reasoning.push(choices[0]?.delta.reasoning_content ?? ""));
  const completion = await stream.finalChatCompletion();
  if (reasoning.some(Boolean)) completion.choices[0].message.reasoning_content = reasoning.join("");
  return completion;
}

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

const params = (text, more) => ({ model: "gpt-test", messages: [{ role: "user", content: text }], ...more });
const through = ({ key }) => new OpenAI({ apiKey: key, baseURL: `${bench.url}/v1` });
const direct = ({ key }) => new OpenAI({ apiKey: key, baseURL: `${bench.upstream.url}/v1` });

/** An answer without what is made anew for each replay. */
function lasting({ id, created, _request_id, ...completion }) {
  const calls = (message) => message.tool_calls?.map(({ id, ...call }) => call);
  const choices = completion.choices.map(({ message, ...choice }) => ({ ...choice, message: { ...message, tool_calls: calls(message) } }));
  return { ...completion, choices };
}

function callIds(completion) {
  return completion.choices.flatMap(({ message }) => message.tool_calls ?? []).map(({ id }) => id);
}

/** Asks the provider without nearhit, then twice through it, and compares. */
async function compare(name, answer, { first, then, texts, more }) {
  const caller = bench.caller(provider(answer));
  const wanted = {};
  for (const way of [first, then]) wanted[way] = await WAYS[way](direct(caller), params(FIRST, more));
  bench.upstream.requests.length = 0;
  const miss = await WAYS[first](through(caller), params(texts[0], more));
  const hit = await WAYS[then](through(caller), params(texts[1], more));
  assert.equal(bench.upstream.requests.length, 1, `${name}: the second answer comes from the cache`);
  assert.deepEqual(lasting(miss), lasting(wanted[first]), name);
  assert.equal(miss.id, answer.id, `${name}: a miss keeps the provider's id`);
  assert.deepEqual(lasting(hit), lasting(wanted[then]), name);
  assert.match(hit.id, /^chatcmpl-/);
  assert.notEqual(hit.id, miss.id, name);
  assert.notEqual(hit.created, answer.created, name);
  const ids = callIds(hit);
  assert.equal(ids.length, callIds(miss).length, name);
  assert.equal(new Set([...ids, ...callIds(miss)]).size, 2 * ids.length, `${name}: tool calls get ids of their own`);
  assert.ok(ids.every((id) => id.startsWith("call_")), name);
}

for (const [kind, second] of Object.entries(THEN)) {
  for (const first of Object.keys(WAYS)) {
    for (const then of Object.keys(WAYS)) {
      test(`a ${first} answers ${kind} as a ${then}, with every part of it`, async () => {
        for (const [name, answer] of Object.entries(ANSWERS)) await compare(name, answer, { first, then, texts: [FIRST, second] });
      });
    }
  }
}

test("several choices are answered from the cache, each in its place", async () => {
  for (const first of Object.keys(WAYS)) {
    for (const then of Object.keys(WAYS)) {
      await compare(`${first}, ${then}`, TWO_CHOICES, { first, then, texts: [FIRST, FIRST], more: { n: 2 } });
    }
  }
});

test("a hit's stream is one that the SDK can be read chunk by chunk", async () => {
  const answer = ANSWERS["a long text"];
  const client = through(bench.caller(provider(answer)));
  await client.chat.completions.create(params(FIRST));
  for (const usage of [true, false]) {
    const chunks = [];
    const stream = await client.chat.completions.create({ ...params(FIRST), stream: true, ...(usage && { stream_options: { include_usage: true } }) });
    for await (const chunk of stream) chunks.push(chunk);
    assert.equal(bench.upstream.requests.length, 1);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.ok(chunks.length > 10, "a long text comes in pieces");
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1, "all chunks have one id");
    assert.ok(chunks.every(({ object }) => object === "chat.completion.chunk"));
    assert.deepEqual(chunks.flatMap(({ choices }) => choices.map(({ finish_reason }) => finish_reason)).filter(Boolean), ["stop"]);
    const last = chunks.at(-1);
    if (usage) assert.deepEqual([last.choices, last.usage, chunks[0].usage], [[], answer.usage, null]);
    else assert.ok(chunks.every((chunk) => !("usage" in chunk)), "usage only comes when it is asked for");
  }
});

test("a hit has a request id of its own, where the SDK looks for it", async () => {
  const client = through(bench.caller(provider(ANSWERS["plain text"])));
  await client.chat.completions.create(params(FIRST));
  const ids = [];
  for (const text of Object.values(THEN)) ids.push((await client.chat.completions.create(params(text)))._request_id);
  const { request_id } = await client.chat.completions.create({ ...params(FIRST), stream: true }).withResponse();
  ids.push(request_id);
  assert.equal(bench.upstream.requests.length, 1);
  for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, 3);
});

test("a key is never answered from what another key paid for", async () => {
  const [one, other] = [bench.caller(), bench.caller(provider(ANSWERS["plain text"]))];
  const ask = (caller, text) => through(caller).chat.completions.create(params(text));
  await ask(one, FIRST);
  await ask(other, FIRST);
  assert.equal(bench.upstream.requests.length, 2, "the same question");
  await ask(bench.caller(provider(ANSWERS["plain text"])), THEN["a question that means the same"]);
  assert.equal(bench.upstream.requests.length, 1, "a question that means the same");
  await ask(one, FIRST);
  assert.equal(bench.upstream.requests.length, 1, "and each key finds its own");
});

test("a wrong request is the SDK's BadRequestError, and names the field", async () => {
  const client = through(bench.caller());
  await assert.rejects(client.chat.completions.create(params(FIRST, { temperature: "warm" })), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code, error.type], ["temperature", "invalid_value", "invalid_request_error"]);
    return true;
  });
  assert.equal(bench.upstream.requests.length, 0);
});
