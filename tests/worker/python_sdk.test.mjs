// The official openai and anthropic packages of PyPI, unmodified: only their base URL is nearhit's.
import assert from "node:assert/strict";
import test from "node:test";
import { CHAT, MESSAGES_API, RESPONSES_API } from "./lib/apis.mjs";
import { startBench } from "./lib/bench.mjs";
import { embeddingParams, embeddingsProvider, ENCODINGS, vectors } from "./lib/embeddings.mjs";
import { PACKAGES, setUpPython, startPython } from "./lib/python.mjs";
import { compareAll, FIRST, REPLAYS, SIMILAR, WAYS } from "./lib/replay.mjs";
import { anthropicError, json, openaiError, reset } from "./lib/upstream.mjs";

const APIS = { chat: CHAT, responses: RESPONSES_API, messages: MESSAGES_API };
/** What is asked of an API beside the question: nothing of the exchange is to stay with the provider. */
const MORE = { responses: { store: false } };
const WRONG = {
  chat: { temperature: "warm" },
  responses: { input: { text: FIRST } },
  messages: { messages: "x" },
};

test("the packages of PyPI", async (t) => {
  const missing = await setUpPython();
  if (missing) return t.diagnostic(`${PACKAGES.join(" and ")} were not tested: ${missing}`);
  const bench = await startBench();
  t.after(() => bench.dispose());
  const python = startPython();
  t.after(() => python.stop());
  const call = (at, name, params) => python.ask({ ...at, call: name, params });
  const through = ({ key }) => ({ url: bench.url, key });
  const direct = ({ key }) => ({ url: bench.upstream.url, key });

  for (const [name, api] of Object.entries(APIS)) {
    const ask = async (at, way, params) => (await call(at, `${name} ${way}`, params)).result;
    for (const { title, how } of REPLAYS) {
      await t.test(`${name}: ${title}`, () => compareAll({ bench, api, ask }, api.cases, { ...how, more: MORE[name] }));
    }

    await t.test(`${name}: a hit has a request id of its own, and a key only its own hits`, async () => {
      const callers = [bench.caller(), bench.caller(api.provider(api.cases["plain text"].answer))];
      for (const caller of callers) await call(through(caller), `${name} body`, api.params(FIRST));
      assert.equal(bench.upstream.requests.length, 2);
      const asked = WAYS.flatMap((way) => [FIRST, SIMILAR].map((text) => [way, text]));
      const ids = [];
      for (const [way, text] of asked) ids.push((await call(through(callers[1]), `${name} ${way}`, api.params(text))).request_id);
      assert.equal(bench.upstream.requests.length, 2);
      for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/);
      assert.equal(new Set(ids).size, asked.length);
    });

    await t.test(`${name}: BadRequestError for a wrong request`, async () => {
      const [field] = Object.keys(WRONG[name]);
      for (const way of WAYS) {
        const { error, request_id } = await call(through(bench.caller()), `${name} ${way}`, api.params(FIRST, WRONG[name]));
        assert.deepEqual([error.class, error.status, error.type], ["BadRequestError", 400, "invalid_request_error"]);
        if (name !== "messages") assert.deepEqual([error.param, error.code], [field, "invalid_value"]);
        assert.match(request_id, /^req_[0-9a-f]{32}$/);
      }
      assert.equal(bench.upstream.requests.length, 0, "and it does not reach the provider");
    });
  }

  await t.test("raises InternalServerError for an upstream that cannot be reached, after trying again", async () => {
    const { error } = await call(through(bench.caller(() => reset())), "chat body", CHAT.params(FIRST));
    assert.deepEqual(error, { class: "InternalServerError", status: 502, param: null, code: "upstream_unreachable", type: "upstream_error" });
    assert.equal(bench.upstream.requests.length, 3);
  });

  const ERRORS = {
    "chat body": () => openaiError(429, "slow down", { headers: { "x-should-retry": "false" }, type: "tokens", code: "rate_limit_exceeded" }),
    "responses stream": () => openaiError(404, "no such model", { headers: { "x-request-id": "req_up1" }, param: "model", code: "model_not_found" }),
    "messages body": () => anthropicError(529, "overloaded_error", { headers: { "x-should-retry": "false" } }),
    "messages stream": () => anthropicError(429, "rate_limit_error", { headers: { "x-should-retry": "false" } }),
  };
  for (const [name, reply] of Object.entries(ERRORS)) {
    await t.test(`${name}: raises what it would have raised for the provider's own error`, async () => {
      const caller = bench.caller(reply);
      const params = APIS[name.split(" ")[0]].params(FIRST);
      const raised = await call(through(caller), name, params);
      assert.deepEqual(raised, await call(direct(caller), name, params));
      assert.ok(raised.error.status >= 400);
    });
  }

  for (const first of Object.keys(ENCODINGS)) {
    for (const then of Object.keys(ENCODINGS)) {
      await t.test(`embeddings: what came as ${first} is there as ${then}, and the provider is asked for the rest alone`, async () => {
        const caller = bench.caller(embeddingsProvider);
        const [known, more] = [["One text.", "Another."], ["A third.", "Another.", "One text."]];
        for (const [input, encoding, asked] of [[known, first, known], [more, then, ["A third."]], [more, then, undefined]]) {
          bench.upstream.requests.length = 0;
          const { result } = await call(through(caller), "embeddings", embeddingParams(input, encoding));
          assert.deepEqual(bench.upstream.requests[0]?.json.input, asked);
          assert.deepEqual(vectors(result), vectors((await call(direct(caller), "embeddings", embeddingParams(input, encoding))).result));
        }
      });
    }
  }

  const PASSING = {
    "openai models": [{}, { object: "list", data: [{ id: "gpt-test", object: "model", created: 1, owned_by: "someone" }] }],
    "anthropic models": [{}, { data: [{ type: "model", id: "claude-test", display_name: "Claude" }], has_more: false, first_id: null, last_id: null }],
    "count tokens": [{ model: "claude-test", messages: [{ role: "user", content: FIRST }] }, { input_tokens: 14 }],
  };
  for (const [name, [params, answer]] of Object.entries(PASSING)) {
    await t.test(`${name}: the provider's, each time`, async () => {
      const caller = bench.caller(() => json(answer, { headers: { "request-id": "req_up1", "x-request-id": "req_up1" } }));
      for (const count of [1, 2]) {
        assert.deepEqual(await call(through(caller), name, params), { result: answer, request_id: "req_up1" });
        assert.equal(bench.upstream.requests.length, count);
      }
    });
  }
});
