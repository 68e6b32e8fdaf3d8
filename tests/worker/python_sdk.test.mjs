// The official openai package of PyPI, unmodified: only its base URL is nearhit's.
import assert from "node:assert/strict";
import test from "node:test";
import { ANSWERS, provider } from "./lib/answers.mjs";
import { startBench } from "./lib/bench.mjs";
import { OPENAI, setUpPython, startPython } from "./lib/python.mjs";
import { openaiError, reset } from "./lib/upstream.mjs";

const FIRST = "How do I reset my password?";
const SIMILAR = "How can I reset my password?";
const WAYS = ["body", "stream"];

const params = (text, more) => ({ model: "gpt-test", messages: [{ role: "user", content: text }], ...more });

/** An answer without what is made anew for each replay. */
function lasting({ id, created, ...completion }) {
  const calls = (message) => message.tool_calls?.map(({ id, ...call }) => call) ?? null;
  return { ...completion, choices: completion.choices.map(({ message, ...choice }) => ({ ...choice, message: { ...message, tool_calls: calls(message) } })) };
}

test("the openai package of PyPI", async (t) => {
  const missing = await setUpPython();
  if (missing) return t.diagnostic(`openai ${OPENAI} was not tested: ${missing}`);
  const bench = await startBench();
  t.after(() => bench.dispose());
  const python = startPython();
  t.after(() => python.stop());
  const ask = ({ key }, way, params, url = bench.url) => python.ask({ url: `${url}/v1`, key, way, params });
  const direct = (caller, way, params) => ask(caller, way, params, bench.upstream.url);

  for (const first of WAYS) {
    for (const then of WAYS) {
      await t.test(`gets a ${first}, and then the same and a similar question's answer as a ${then}`, async () => {
        for (const [name, answer] of Object.entries(ANSWERS)) {
          const caller = bench.caller(provider(answer));
          const wanted = {};
          for (const way of [first, then]) wanted[way] = (await direct(caller, way, params(FIRST))).completion;
          bench.upstream.requests.length = 0;
          const miss = await ask(caller, first, params(FIRST));
          const hits = [await ask(caller, then, params(FIRST)), await ask(caller, then, params(SIMILAR))];
          assert.equal(bench.upstream.requests.length, 1, `${name}: the cache answers twice`);
          assert.deepEqual(lasting(miss.completion), lasting(wanted[first]), name);
          for (const hit of hits) {
            assert.deepEqual(lasting(hit.completion), lasting(wanted[then]), name);
            assert.match(hit.request_id, /^req_[0-9a-f]{32}$/);
            assert.notEqual(hit.completion.id, answer.id);
          }
        }
      });
    }
  }

  await t.test("is never answered from what another key paid for", async () => {
    const callers = [bench.caller(provider(ANSWERS["plain text"])), bench.caller(provider(ANSWERS["plain text"]))];
    for (const caller of callers) await ask(caller, "body", params(FIRST));
    assert.equal(bench.upstream.requests.length, 2);
  });

  await t.test("raises BadRequestError, with the field, for a wrong request", async () => {
    for (const way of WAYS) {
      const { error } = await ask(bench.caller(), way, params(FIRST, { temperature: "warm" }));
      assert.deepEqual(error, { class: "BadRequestError", status: 400, param: "temperature", code: "invalid_value", type: "invalid_request_error" });
    }
    assert.equal(bench.upstream.requests.length, 0, "and does not reach the provider");
  });

  await t.test("raises InternalServerError for an upstream that cannot be reached, after trying again", async () => {
    const { error } = await ask(bench.caller(() => reset()), "body", params(FIRST));
    assert.deepEqual(error, { class: "InternalServerError", status: 502, param: null, code: "upstream_unreachable", type: "upstream_error" });
    assert.equal(bench.upstream.requests.length, 3);
  });

  await t.test("raises what it would have raised for the provider's own error", async () => {
    const headers = { "x-should-retry": "false" };
    const caller = bench.caller(() => openaiError(429, "slow down", { headers, type: "tokens", code: "rate_limit_exceeded" }));
    const { error } = await ask(caller, "body", params(FIRST));
    assert.deepEqual(error, (await direct(caller, "body", params(FIRST))).error);
    assert.equal(error.class, "RateLimitError");
  });
});
