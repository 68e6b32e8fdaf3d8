// The Responses API through the official openai package, unmodified: only its base URL is nearhit's.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import OpenAI from "openai";
import { RESPONSES_API as API } from "./lib/apis.mjs";
import { startBench } from "./lib/bench.mjs";
import { compare, FIRST, REPLAYS, SIMILAR, WAYS } from "./lib/replay.mjs";
import { eventsOfResponse, RESPONSES } from "./lib/responses.mjs";
import { json } from "./lib/upstream.mjs";

/** The two ways to ask; both give a whole Response, the second put together by the SDK itself. */
const GET = {
  body: (client, params) => client.responses.create(params),
  stream: (client, params) => client.responses.stream(params).finalResponse(),
};
/** Whether the provider keeps the exchange, so that a later request may name it. */
const KEEPING = {
  "when the provider keeps it": { keepsIds: true },
  "when the provider does not keep it": { keepsIds: false, more: { store: false } },
};

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

const clientOf = ({ url, key }) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const ask = (at, way, params) => GET[way](clientOf(at), params);
const through = ({ key }) => clientOf({ url: bench.url, key });
const callerOf = (name) => bench.caller(API.provider(RESPONSES[name].answer));

for (const [kept, keeping] of Object.entries(KEEPING)) {
  for (const { title, how } of REPLAYS) {
    test(`${title}, ${kept}`, async () => {
      for (const [name, given] of Object.entries(RESPONSES)) {
        const { hit } = await compare({ bench, api: API, ask }, name, given, { ...how, ...keeping });
        const wasFound = given.freed !== null || how.second === FIRST;
        if (wasFound) assert.equal(hit.created_at === given.answer.created_at, keeping.keepsIds, `${name}: an answer is as old as its id`);
      }
    });
  }
}

/** The types of a stream's events, with those that repeat told once. */
function course(types) {
  return types.filter((type, i) => type !== types[i - 1]);
}

test("a hit's stream has the events that the provider's had, in its order, each with the next number", async () => {
  for (const [name, { answer, asks }] of Object.entries(RESPONSES)) {
    const client = through(bench.caller(API.provider(answer)));
    await client.responses.create(API.params(FIRST, asks));
    const events = [];
    for await (const event of await client.responses.create(API.params(FIRST, { ...asks, stream: true }))) events.push(event);
    assert.equal(bench.upstream.requests.length, 1);
    const told = eventsOfResponse(answer).map(({ event }) => event);
    assert.deepEqual(course(events.map(({ type }) => type)), course(told), name);
    assert.deepEqual(events.map(({ sequence_number }) => sequence_number), [...events.keys()], name);
    assert.ok(events.every((event) => !("obfuscation" in event)), name);
  }
});

test("a hit's stream begins with an empty response and comes in pieces", async () => {
  const client = through(callerOf("a long text"));
  await client.responses.create(API.params(FIRST));
  const events = [];
  for await (const event of await client.responses.create(API.params(FIRST, { stream: true }))) events.push(event);
  const { status, output, usage } = events[0].response;
  assert.deepEqual({ status, output, usage }, { status: "in_progress", output: [], usage: null });
  const deltas = events.filter(({ type }) => type === "response.output_text.delta").map(({ delta }) => delta);
  assert.ok(deltas.length > 10);
  assert.equal(deltas.join(""), RESPONSES["a long text"].answer.output[0].content[0].text);
});

test("a response that the provider keeps can be built upon after a hit: what names it goes to the provider", async () => {
  const client = through(callerOf("plain text"));
  await client.responses.create(API.params(FIRST));
  const hit = await client.responses.create(API.params(FIRST));
  const { response } = await client.responses.create(API.params("And then?", { previous_response_id: hit.id })).withResponse();
  assert.equal(response.headers.get("cache-status"), "nearhit; fwd=bypass; detail=server-state");
  assert.equal(bench.upstream.requests.at(-1).json.previous_response_id, RESPONSES["plain text"].answer.id);
});

test("encrypted reasoning stays where it was made, and comes back under its own name", async () => {
  const { answer, asks } = RESPONSES["encrypted reasoning"];
  const [sealed] = answer.output;
  for (const way of WAYS) {
    const caller = callerOf("encrypted reasoning");
    const at = { url: bench.url, key: caller.key };
    const params = (text) => API.params(text, { ...asks, store: false });
    await ask(at, way, params(FIRST));
    const [exact] = (await ask(at, way, params(FIRST))).output;
    assert.deepEqual([exact.id, exact.encrypted_content], [sealed.id, sealed.encrypted_content]);
    const [similar] = (await ask(at, way, params(SIMILAR))).output;
    assert.equal("encrypted_content" in similar, false);
    assert.equal(bench.upstream.requests.length, 1);
  }
});

test("a hit has a request id of its own, where the SDK looks for it", async () => {
  const client = through(callerOf("plain text"));
  await client.responses.create(API.params(FIRST));
  const ids = [];
  for (const text of [FIRST, SIMILAR]) ids.push((await client.responses.create(API.params(text)))._request_id);
  ids.push((await client.responses.create(API.params(FIRST, { stream: true })).withResponse()).request_id);
  assert.equal(bench.upstream.requests.length, 1);
  for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, 3);
});

test("a wrong request is the SDK's BadRequestError, and names the field", async () => {
  const client = through(bench.caller());
  await assert.rejects(client.responses.create(API.params({ text: FIRST })), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code, error.type], ["input", "invalid_value", "invalid_request_error"]);
    return true;
  });
  assert.equal(bench.upstream.requests.length, 0);
});

test("the list of models is the provider's, each time", async () => {
  const models = { object: "list", data: [{ id: "gpt-test", object: "model", created: 1_790_000_000, owned_by: "someone" }] };
  const client = through(bench.caller(() => json(models)));
  for (const count of [1, 2]) {
    const { data, response } = await client.models.list().withResponse();
    assert.deepEqual(data.data, models.data);
    assert.equal(response.headers.get("cache-status"), "nearhit; fwd=bypass; detail=unsupported-path");
    assert.equal(bench.upstream.requests.length, count);
    const { method, path } = bench.upstream.requests.at(-1);
    assert.deepEqual([method, path], ["GET", "/v1/models"]);
  }
});
