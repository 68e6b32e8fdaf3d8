// The Vercel AI SDK, unmodified: only its base URLs are nearhit's.
import test, { after, before } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, streamText, tool } from "ai";
import { CHAT, MESSAGES_API, RESPONSES_API } from "./lib/apis.mjs";
import { startBench } from "./lib/bench.mjs";
import { compareAll, REPLAYS, without } from "./lib/replay.mjs";

const anything = jsonSchema({ type: "object", properties: {}, additionalProperties: true });
const tools = { open_page: tool({ description: "Opens a page", inputSchema: anything }), notify: tool({ description: "Tells", inputSchema: anything }) };

/** Each model by its API, and the answers that the AI SDK reads something out of. */
const MODELS = {
  "the chat model": {
    api: CHAT,
    model: ({ url, key }) => createOpenAI({ apiKey: key, baseURL: `${url}/v1` }).chat("gpt-test"),
    answers: ["plain text", "a long text", "tool calls", "text and a tool call"],
  },
  "the responses model": {
    api: RESPONSES_API,
    model: ({ url, key }) => createOpenAI({ apiKey: key, baseURL: `${url}/v1` }).responses("gpt-test"),
    answers: ["plain text", "a long text", "reasoning with a summary", "function calls", "reasoning and a function call", "text with annotations"],
  },
  "the model of Anthropic": {
    api: MESSAGES_API,
    model: ({ url, key }) => createAnthropic({ apiKey: key, baseURL: `${url}/v1` })("claude-test"),
    answers: ["plain text", "a long text", "thinking and text", "a tool use", "thinking and a tool use", "text and two tool uses"],
  },
};

/** What generateText and streamText both tell in the end. */
const TOLD = ["text", "reasoningText", "content", "toolCalls", "finishReason", "usage", "totalUsage", "sources", "warnings"];
const GET = { body: generateText, stream: streamed };

async function streamed(options) {
  const failures = [];
  const result = streamText({ ...options, onError: ({ error }) => failures.push(error) });
  await result.consumeStream();
  if (failures.length) throw failures[0];
  return result;
}

/** The SDK makes up the ids of sources itself. */
async function told(result) {
  const parts = await Promise.all(TOLD.map(async (name) => [name, await result[name]]));
  return without(Object.fromEntries(parts), ["id"]);
}

/** Without what is made anew, and without the stream's first words, which tell how the provider counted so far. */
function lasting(result) {
  const content = result.content.filter(({ type }) => type !== "custom");
  return without({ ...result, content }, ["toolCallId", "itemId", "service_tier"]);
}

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

for (const [name, { api, model, answers }] of Object.entries(MODELS)) {
  const ask = async (at, way, prompt) => told(await GET[way]({ model: model(at), prompt, tools, maxRetries: 0, maxOutputTokens: 500 }));
  const seen = { ...api, params: (text) => text, lasting, ids: () => [] };
  const cases = Object.fromEntries(answers.map((answer) => [answer, api.cases[answer]]));
  for (const { title, how } of REPLAYS) test(`${name}: ${title}`, () => compareAll({ bench, api: seen, ask }, cases, how));
}
