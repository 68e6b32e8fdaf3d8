// Routes: which model is asked, what happens when one fails, and requests that another API's upstream answers.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { question, startBench } from "./lib/bench.mjs";
import { eventsOfMessage, messageOf } from "./lib/messages.mjs";
import { chatChunks, chatCompletion, hang, json, openaiError, reset, sse, startUpstream } from "./lib/upstream.mjs";

const CALL = { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Kraków", days: 2 } };

let bench, other;
before(async () => {
  other = await startUpstream();
  const base_url = `${other.url}/v1`;
  bench = await startBench({
    vars: {
      NEARHIT_LIMITS: { first_byte_secs: 2 },
      NEARHIT_UPSTREAMS: { backup: { base_url }, claude: { base_url, api: "anthropic", auth: "x-api-key" } },
      NEARHIT_ROUTES: {
        auto: { cheap: "openai/small", frontier: "openai/large" },
        safe: { models: ["openai/one", "backup/two"] },
        claude: { models: "claude/claude-x" },
        gpt: { models: "backup/gpt-x", max_output_tokens: 50 },
      },
    },
  });
});
after(async () => {
  await bench.dispose();
  other.close();
});

const asking = (model, text, more) => question(text, { model, ...more });

test("a prompt goes to the model that its difficulty needs, and the headers say why", async () => {
  const { ask } = bench.caller();
  const easy = await ask(asking("auto", "Translate 'good morning' into French."));
  const hard = await ask(asking("auto", "Prove that every finite group of order p^2 is abelian, and classify the groups of order p^3 by a careful case analysis."));
  assert.deepEqual([easy.header("x-nearhit-model"), hard.header("x-nearhit-model")], ["small", "large"]);
  assert.match(easy.header("x-nearhit-route"), /^cheap;score=0\.\d{3};reasons="[a-z,-]+"$/);
  assert.deepEqual(bench.upstream.requests.map(({ json }) => json.model), ["small", "large"]);
});

test("what fails for a moment is sent again, and what keeps failing goes to the next model", async () => {
  const flaky = bench.caller((_, number) => (number === 1 ? reset() : number === 2 ? openaiError(503) : json(chatCompletion({ text: "At last." }))));
  const answer = await flaky.ask(asking("safe", "What is a good lamp?"));
  assert.equal(answer.json.choices[0].message.content, "At last.");
  assert.equal(bench.upstream.requests.length, 3);
  other.reply = () => json(chatCompletion({ text: "From two." }));
  const down = bench.caller(() => openaiError(503));
  const second = await down.ask(asking("safe", "What is a good chair?"));
  assert.deepEqual([second.json.choices[0].message.content, second.header("x-nearhit-model"), second.header("x-nearhit-tried")], ["From two.", "two", "openai/one=503"]);
  assert.equal(other.requests.at(-1).json.model, "two");
});

test("an upstream that hangs is a 504 in the API's shape, and the next request does not wait for it", async () => {
  const { ask } = bench.caller((_, number) => (number === 1 ? hang() : json(chatCompletion())));
  const answer = await ask("What is a good desk?");
  assert.deepEqual([answer.status, answer.json.error.code], [504, "upstream_timeout"]);
  assert.equal((await ask("What is a good desk?")).status, 200);
});

test("OpenAI's SDK is answered by a Messages upstream, tools and streams included", async () => {
  const { key } = bench.caller();
  const client = new OpenAI({ apiKey: key, baseURL: `${bench.url}/v1`, maxRetries: 0 });
  const answer = messageOf([{ type: "text", text: "Let me look." }, CALL]);
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
  const asked = (text) => ({ model: "claude", tools, messages: [{ role: "system", content: "Be brief." }, { role: "user", content: text }] });
  const calls = ({ choices: [{ message }] }) => message.tool_calls.map(({ function: { name, arguments: text } }) => [name, JSON.parse(text)]);
  other.reply = () => json(answer);
  const whole = await client.chat.completions.create(asked("What is the weather in Kraków?"));
  other.reply = () => sse(eventsOfMessage(answer));
  const streamed = await client.chat.completions.stream({ ...asked("How warm is it in Kraków?"), stream_options: { include_usage: true } }).finalChatCompletion();
  for (const completion of [whole, streamed]) {
    assert.deepEqual(calls(completion), [["weather", CALL.input]]);
    assert.deepEqual([completion.choices[0].message.content, completion.choices[0].finish_reason], ["Let me look.", "tool_calls"]);
    assert.equal(completion.usage.prompt_tokens_details.cached_tokens, 2048);
  }
  const { json: sent, headers, path } = other.requests.at(-1);
  assert.deepEqual([path, headers["x-api-key"], headers.authorization, sent.system, sent.model], ["/v1/messages", key, undefined, [{ type: "text", text: "Be brief." }], "claude-x"]);
  // What came as a stream replays as a body.
  const again = await client.chat.completions.create(asked("How warm is it in Kraków?")).withResponse();
  assert.match(again.response.headers.get("cache-status"), /; hit;/);
  assert.deepEqual(calls(again.data), [["weather", CALL.input]]);
});

test("Anthropic's SDK is answered by a chat upstream, whole and streamed, within the route's caps", async () => {
  const { key } = bench.caller();
  const client = new Anthropic({ apiKey: key, baseURL: bench.url, maxRetries: 0 });
  const asked = (text) => ({ model: "gpt", max_tokens: 500, messages: [{ role: "user", content: text }] });
  other.reply = () => json(chatCompletion({ text: "A monoid." }));
  const { data, response } = await client.messages.create(asked("What is a monad?")).withResponse();
  assert.deepEqual([data.content, data.stop_reason, data.usage.input_tokens], [[{ type: "text", text: "A monoid." }], "end_turn", 12]);
  assert.equal(response.headers.get("x-nearhit-caps"), "output=500>50");
  assert.equal(other.requests.at(-1).json.max_tokens, 50);
  other.reply = () => sse(chatChunks({ text: "A monoid, again.", usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } }));
  const streamed = await client.messages.stream(asked("What is a functor?")).finalMessage();
  assert.deepEqual([streamed.content, streamed.usage.output_tokens], [[{ type: "text", text: "A monoid, again." }], 3]);
});

test("what the route's models cannot do is a clear 400", async () => {
  const { ask } = bench.caller();
  const answer = await ask(asking("claude", "What is a good lamp?", { logprobs: true }));
  assert.deepEqual([answer.status, answer.json.error.param], [400, "logprobs"]);
  const responses = await ask({ model: "claude", input: "What is a good lamp?" }, { path: "/v1/responses" });
  assert.equal(responses.status, 400);
  assert.match(responses.json.error.message, /Responses API/);
});

test("a wrong route, cap or cycle is a mistake in the configuration, named by its path", async () => {
  const { startWorker } = await import("./lib/world.mjs");
  const NEARHIT_ROUTES = { a: { models: "b" }, b: { models: "a" }, c: { models: "nowhere/x" }, d: { models: "openai/x", max_output_tokens: "lots" } };
  const worker = await startWorker({ vars: { NEARHIT_ROUTES } });
  try {
    const response = await fetch(`${worker.url}/v1/models`);
    const text = await response.text();
    assert.equal(response.status, 500);
    for (const path of ["NEARHIT_ROUTES.a.models", "NEARHIT_ROUTES.b.models", "NEARHIT_ROUTES.c.models", "NEARHIT_ROUTES.d.max_output_tokens"]) assert.ok(text.includes(path), path);
  } finally {
    await worker.dispose();
  }
});
