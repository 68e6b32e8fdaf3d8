// Embeddings of an upstream's model through the official openai package: each input is cached for itself.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import OpenAI from "openai";
import { startBench } from "./lib/bench.mjs";
import { embeddingParams, embeddingsProvider, ENCODINGS, vectors } from "./lib/embeddings.mjs";
import { openaiError } from "./lib/upstream.mjs";

const KNOWN = ["The lamp is warm.", "naïve “quotes” 🦀"];
const MORE = ["A third text.", ...KNOWN];

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

/** Asks through nearhit, and the provider itself; `asked`: what nearhit had to ask the provider for. */
function clients(caller) {
  const clientOf = (url) => new OpenAI({ apiKey: caller.key, baseURL: `${url}/v1`, maxRetries: 0 });
  return {
    direct: (input, encoding) => clientOf(bench.upstream.url).embeddings.create(embeddingParams(input, encoding)),
    ask: async (input, encoding) => {
      bench.upstream.requests.length = 0;
      const { data, response } = await clientOf(bench.url).embeddings.create(embeddingParams(input, encoding)).withResponse();
      return { answer: data, asked: bench.upstream.requests.map(({ json }) => json.input), cacheStatus: response.headers.get("cache-status") };
    },
  };
}

for (const first of Object.keys(ENCODINGS)) {
  for (const then of Object.keys(ENCODINGS)) {
    test(`what came as ${first} is there as ${then}, and the provider is asked for the rest alone`, async () => {
      const { ask, direct } = clients(bench.caller(embeddingsProvider));
      const miss = await ask(KNOWN, first);
      assert.deepEqual(miss.answer, await direct(KNOWN, first));
      assert.deepEqual(miss.asked, [KNOWN]);
      const rest = await ask(MORE, then);
      assert.deepEqual(vectors(rest.answer), vectors(await direct(MORE, then)));
      assert.deepEqual(rest.asked, [["A third text."]]);
      const hit = await ask(MORE.toReversed(), then);
      assert.deepEqual(vectors(hit.answer), vectors(await direct(MORE.toReversed(), then)));
      assert.deepEqual(hit.asked, []);
      assert.match(hit.cacheStatus, /^nearhit; hit; /);
    });
  }
}

test("an answer in the encoding that it came in is the provider's, digit for digit", async () => {
  for (const encoding of Object.keys(ENCODINGS)) {
    const { ask, direct } = clients(bench.caller(embeddingsProvider));
    await ask(KNOWN, encoding);
    assert.deepEqual((await ask(KNOWN, encoding)).answer, await direct(KNOWN, encoding), encoding);
  }
});

test("one text is the same input alone and in a batch", async () => {
  const { ask, direct } = clients(bench.caller(embeddingsProvider));
  await ask(KNOWN, "decimal numbers");
  const { answer, asked } = await ask(KNOWN[1], "decimal numbers");
  assert.deepEqual(asked, []);
  assert.deepEqual(vectors(answer).data, vectors(await direct(KNOWN[1], "decimal numbers")).data);
});

test("a text that only means the same, another model and another size are other inputs", async () => {
  const { ask, request } = bench.caller(embeddingsProvider);
  const body = embeddingParams("How do I reset my password?");
  for (const other of [{}, { input: "How can I reset my password?" }, { model: "embed-other" }, { dimensions: 8 }]) {
    await ask({ ...body, ...other }, { path: "/v1/embeddings" });
  }
  assert.equal(bench.upstream.requests.length, 4);
  assert.match((await request(body, { path: "/v1/embeddings" })).headers.get("cache-status"), /^nearhit; hit; /);
});

test("the provider's error is the SDK's own, as it would be without nearhit", async () => {
  const { ask, direct } = clients(bench.caller(() => openaiError(429, "slow down", { type: "tokens", code: "rate_limit_exceeded" })));
  const told = ({ status, code, type, message, constructor }) => ({ status, code, type, message, constructor });
  const error = await ask(KNOWN).then(() => assert.fail("an answer"), told);
  assert.deepEqual(error, await direct(KNOWN).then(() => assert.fail("an answer"), told));
  assert.equal(error.constructor, OpenAI.RateLimitError);
});

test("a wrong input is the SDK's BadRequestError, and names the field", async () => {
  const { ask } = clients(bench.caller(embeddingsProvider));
  await assert.rejects(ask({ text: "x" }), (error) => error instanceof OpenAI.BadRequestError && error.param === "input");
  assert.equal(bench.upstream.requests.length, 0);
});
