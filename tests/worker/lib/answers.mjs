// Answers of a provider, each as a body and as the stream that it would have sent instead.
import { chatCompletion, json, sse } from "./upstream.mjs";

const usage = {
  prompt_tokens: 31,
  completion_tokens: 12,
  total_tokens: 43,
  prompt_tokens_details: { cached_tokens: 16, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 7, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
};
const call = (id, name, args) => ({ id, type: "function", function: { name, arguments: JSON.stringify(args) } });
const calls = [call("call_up1", "open_page", { page: "reset", steps: [1, 2] }), call("call_up2", "notify", { text: "naïve “quotes” 🦀" })];
const answer = (options) => ({ ...chatCompletion({ usage, ...options }), system_fingerprint: "fp_44709d6fcb" });

/** One of each kind of answer, by what it holds. */
export const ANSWERS = {
  "plain text": answer({ text: "Open the settings,\nthen choose “Reset”. Ünïcödé 🦀 and \\ \"quotes\"." }),
  "a long text": answer({ text: "A sentence that is not short at all, and goes on. ".repeat(60) }),
  reasoning: answer({ text: "Forty-two.", message: { reasoning_content: "Let me think about it. Six by seven, I would say." } }),
  "tool calls": answer({ text: null, finish: "tool_calls", message: { tool_calls: calls } }),
  "text and a tool call": answer({ text: "Let me see.", finish: "tool_calls", message: { tool_calls: calls.slice(0, 1) } }),
  "a refusal": answer({ text: null, message: { refusal: "I cannot help with that, sorry." } }),
};

/** An answer with a second choice. */
export const TWO_CHOICES = {
  ...answer(),
  choices: ["The first choice.", "Another choice, the second."].map((text, index) => ({ ...answer({ text }).choices[0], index })),
};

/** A provider that gives `completion` as it is asked to: whole, or as a stream. */
export function provider(completion) {
  return ({ json: asked }) => (asked.stream ? sse(chunksOf(completion, asked.stream_options?.include_usage)) : json(completion));
}

/** The stream of an answer, as OpenAI cuts it: the role first, then text a word at a time, then why it stopped. */
export function chunksOf({ id, created, model, choices, usage, system_fingerprint }, withUsage = false) {
  const chunk = (choices, used = null) => {
    const head = { id, object: "chat.completion.chunk", created, model, system_fingerprint, choices };
    return withUsage ? { ...head, usage: used } : head;
  };
  const deltas = choices.flatMap(({ index, message, finish_reason }) => [
    ...deltasOf(message).map((delta) => chunk([{ index, delta, logprobs: null, finish_reason: null }])),
    chunk([{ index, delta: {}, logprobs: null, finish_reason }]),
  ]);
  return [...deltas, ...(withUsage ? [chunk([], usage)] : []), "[DONE]"];
}

function deltasOf({ role, content, refusal, reasoning_content, tool_calls = [] }) {
  return [
    { role, content: content === null ? null : "", refusal: null },
    ...words(reasoning_content).map((reasoning_content) => ({ reasoning_content })),
    ...words(content).map((content) => ({ content })),
    ...words(refusal).map((refusal) => ({ refusal })),
    ...tool_calls.flatMap(({ id, type, function: { name, arguments: text } }, index) => [
      { tool_calls: [{ index, id, type, function: { name, arguments: "" } }] },
      ...words(text).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]),
  ];
}

/** A text cut behind its words. */
export function words(text) {
  return text?.match(/\s*\S+\s*/g) ?? [];
}
