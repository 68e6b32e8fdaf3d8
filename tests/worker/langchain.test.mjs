// LangChain's clients, unmodified: only their base URLs are nearhit's.
import test, { after, before } from "node:test";
import { ChatAnthropic } from "@langchain/anthropic";
import { concat } from "@langchain/core/utils/stream";
import { ChatOpenAI } from "@langchain/openai";
import { CHAT, MESSAGES_API, RESPONSES_API } from "./lib/apis.mjs";
import { startBench } from "./lib/bench.mjs";
import { compareAll, REPLAYS, without } from "./lib/replay.mjs";

const openai = (more) => ({ url, key }) => new ChatOpenAI({ model: "gpt-test", apiKey: key, maxRetries: 0, configuration: { baseURL: `${url}/v1` }, ...more });

/** Each client by its API, and the answers that LangChain reads something out of. */
const MODELS = {
  ChatOpenAI: { api: CHAT, model: openai(), answers: ["plain text", "a long text", "reasoning", "tool calls", "text and a tool call"] },
  "ChatOpenAI with the Responses API": {
    api: RESPONSES_API,
    model: openai({ useResponsesApi: true }),
    answers: ["plain text", "a long text", "reasoning with a summary", "function calls", "reasoning and a function call", "text with annotations", "a refusal"],
  },
  ChatAnthropic: {
    api: MESSAGES_API,
    model: ({ url, key }) => new ChatAnthropic({ model: "claude-test", apiKey: key, maxRetries: 0, anthropicApiUrl: url }),
    answers: ["plain text", "a long text", "thinking and text", "a tool use", "thinking and a tool use", "text and two tool uses", "citations"],
  },
};

const GET = {
  body: (model, text) => model.invoke(text),
  stream: async (model, text) => {
    let whole;
    for await (const chunk of await model.stream(text)) whole = whole ? concat(whole, chunk) : chunk;
    return whole;
  },
};

/**
 * What is made anew, and the labels of one exchange. Of a stream LangChain also tells how far Anthropic's first event
 * had counted, which is nobody's to keep.
 */
const OF_ONE_EXCHANGE = [
  "id", "call_id", "__openai_function_call_ids__", "created_at", "completed_at", "service_tier", "billing", "user",
  "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "output_tokens_details",
];

/** LangChain keeps the deltas of a cited text apart, and how a text is cut into deltas is nobody's to keep. */
function joined({ content, ...more }) {
  if (!Array.isArray(content)) return { content, ...more };
  const isText = (block) => block?.type === "text" && Object.keys(block).every((key) => ["type", "text", "index"].includes(key));
  const blocks = [];
  for (const block of content) {
    if (isText(block) && isText(blocks.at(-1))) blocks.push({ ...block, text: blocks.pop().text + block.text });
    else blocks.push(block);
  }
  return { ...more, content: blocks };
}

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

for (const [name, { api, model, answers }] of Object.entries(MODELS)) {
  const ask = (at, way, text) => GET[way](model(at), text);
  const seen = { ...api, params: (text) => text, lasting: ({ kwargs }) => without(joined(kwargs), OF_ONE_EXCHANGE), ids: () => [] };
  const cases = Object.fromEntries(answers.map((answer) => [answer, api.cases[answer]]));
  for (const { title, how } of REPLAYS) test(`${name}: ${title}`, () => compareAll({ bench, api: seen, ask }, cases, how));
}
