// The official openai package, unmodified: only its base URL is nearhit's.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import OpenAI from "openai";
import { ANSWERS, provider, TWO_CHOICES } from "./lib/answers.mjs";
import { CHAT } from "./lib/apis.mjs";
import { startBench } from "./lib/bench.mjs";
import { compare, FIRST, ORDERS, REPLAYS, SIMILAR } from "./lib/replay.mjs";

/** The two ways to ask; both give a whole ChatCompletion, the second put together by the SDK itself. */
const GET = {
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

const { params } = CHAT;
const clientOf = ({ url, key }) => new OpenAI({ apiKey: key, baseURL: `${url}/v1` });
const through = ({ key }) => clientOf({ url: bench.url, key });

async function check(name, answer, how) {
  const ask = (at, way, params) => GET[way](clientOf(at), params);
  const { hit } = await compare({ bench, api: CHAT, ask }, name, { answer }, how);
  assert.notEqual(hit.created, answer.created, name);
}

for (const { title, how } of REPLAYS) {
  test(title, async () => {
    for (const [name, answer] of Object.entries(ANSWERS)) await check(name, answer, how);
  });
}

test("several choices are answered from the cache, each in its place", async () => {
  for (const { first, then } of ORDERS) await check(`${first}, ${then}`, TWO_CHOICES, { first, then, more: { n: 2 } });
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
  for (const text of [FIRST, SIMILAR]) ids.push((await client.chat.completions.create(params(text)))._request_id);
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
  await ask(bench.caller(provider(ANSWERS["plain text"])), SIMILAR);
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
