// Answers of the Responses API, each as a `response` object and as the events that would have told it.
import { words } from "./answers.mjs";
import { json, sse } from "./upstream.mjs";

const usage = {
  input_tokens: 31,
  input_tokens_details: { cached_tokens: 16, cache_write_tokens: 0 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 7 },
  total_tokens: 43,
};

/** The object around an output, with all that the API puts there. */
export function responseOf(...output) {
  return {
    id: "resp_up1", object: "response", created_at: 1_790_000_000, completed_at: 1_790_000_002, status: "completed",
    background: false, billing: { payer: "developer" }, error: null, frequency_penalty: 0, incomplete_details: null,
    instructions: null, max_output_tokens: null, max_tool_calls: null, model: "gpt-test", output, parallel_tool_calls: true,
    presence_penalty: 0, previous_response_id: null, prompt_cache_key: null, prompt_cache_retention: null,
    reasoning: { effort: "medium", summary: null }, safety_identifier: null, service_tier: "default", store: true,
    temperature: 1, text: { format: { type: "text" }, verbosity: "medium" }, tool_choice: "auto", tools: [], top_logprobs: 0,
    top_p: 0.98, truncation: "disabled", usage, user: null, metadata: {},
  };
}

const message = (...content) => ({ id: "msg_up1", type: "message", status: "completed", content, role: "assistant" });
const outputText = (text, more) => ({ type: "output_text", annotations: [], logprobs: [], text, ...more });
const saying = (text, more) => message(outputText(text, more));
const summaries = (...texts) => texts.map((text) => ({ type: "summary_text", text }));
const reasoning = (summary, more) => ({ id: "rs_up1", type: "reasoning", ...more, summary });
const call = (number, name, args) => ({
  id: `fc_up${number}`, type: "function_call", status: "completed", arguments: JSON.stringify(args), call_id: `call_up${number}`, name,
});
const custom = (number, name, input) => ({
  id: `ctc_up${number}`, type: "custom_tool_call", status: "completed", call_id: `call_up${number}`, input, name,
});
const logprob = (token) => {
  const { length } = token;
  return { token, bytes: [...Buffer.from(token)], logprob: -0.0123456789 * length, top_logprobs: [] };
};

const CALLS = [call(1, "open_page", { page: "reset", steps: [1, 2] }), call(2, "notify", { text: "naïve “quotes” 🦀", at: null })];
const THOUGHT = summaries("**Looking at it**\n\nSix by seven.", "**Checking**\n\nIt holds.");
const LIKELY = "Quite likely so.";
const ENCRYPTED = { encrypted_content: "gAAAAABo_encrypted==" };

/**
 * One of each kind of answer, by what it holds. `asks`: what the request says for it; `freed`: what a question that
 * only means the same is answered with, where that is something else; `null`: that question is a miss.
 */
export const RESPONSES = {
  "plain text": { answer: responseOf(saying("Open the settings,\nthen choose “Reset”. Ünïcödé 🦀 and \\ \"quotes\".")) },
  "a long text": { answer: responseOf(saying("A sentence that is not short at all, and goes on. ".repeat(60))) },
  "a message of a phase": { answer: responseOf({ ...saying("On it."), phase: "commentary" }, { ...saying("Done."), id: "msg_up2", phase: "final_answer" }) },
  "reasoning without a summary": { answer: responseOf(reasoning([]), saying("Forty-two.")) },
  "reasoning with a summary": { answer: responseOf(reasoning(THOUGHT), saying("Forty-two.")) },
  "function calls": { answer: responseOf(...CALLS) },
  "text and a function call": { answer: responseOf(saying("Let me see."), CALLS[0]) },
  "reasoning and a function call": { answer: responseOf(reasoning(THOUGHT), CALLS[0]) },
  "a call of a custom tool": { answer: responseOf(custom(1, "run_code", "print(\"naïve 🦀\")\n\texit(0)")) },
  "a refusal": { answer: responseOf(message({ type: "refusal", refusal: "I cannot help with that, sorry." })) },
  "text with annotations": {
    answer: responseOf(saying("It is in the manual, as the page says.", {
      annotations: [
        { type: "url_citation", start_index: 13, end_index: 19, title: "The “manual”", url: "https://example.com/manual?q=1" },
        { type: "url_citation", start_index: 28, end_index: 32, title: "The page", url: "https://example.com/page" },
      ],
    })),
  },
  "text with log probabilities": {
    asks: { include: ["message.output_text.logprobs"] },
    answer: responseOf(saying(LIKELY, { logprobs: words(LIKELY).map(logprob) })),
    freed: null,
  },
  "encrypted reasoning": {
    asks: { include: ["reasoning.encrypted_content"] },
    answer: responseOf(reasoning(THOUGHT, ENCRYPTED), saying("Forty-two.")),
    freed: responseOf(reasoning(THOUGHT), saying("Forty-two.")),
    unkept: responseOf(saying("Forty-two.")),
  },
  "encrypted reasoning and a function call": {
    asks: { include: ["reasoning.encrypted_content"] },
    answer: responseOf(reasoning([], ENCRYPTED), CALLS[0]),
    freed: null,
  },
};

/** A provider that gives `response` as it is asked to: whole, or as a stream. */
export function responsesProvider(response) {
  return ({ json: { stream, store } }) => {
    const told = { ...response, store: store ?? true };
    return stream ? sse(eventsOfResponse(told)) : json(told);
  };
}

/** The events of a response, as OpenAI sends them. This API has no [DONE]. */
export function eventsOfResponse(response) {
  return [...toldResponse(response)].map(([type, data], sequence_number) => ({ event: type, data: { type, sequence_number, ...data } }));
}

function* toldResponse(response) {
  const begun = { ...response, status: "in_progress", completed_at: null, output: [], usage: null };
  yield ["response.created", { response: begun }];
  yield ["response.in_progress", { response: begun }];
  for (const [output_index, item] of response.output.entries()) {
    yield ["response.output_item.added", { output_index, item: emptied(item) }];
    yield* toldItem(item, { output_index, item_id: item.id });
    yield ["response.output_item.done", { output_index, item }];
  }
  yield ["response.completed", { response }];
}

function* toldItem({ type, summary = [], content = [], arguments: args, input, name }, at) {
  for (const [summary_index, part] of summary.entries()) {
    yield* toldPart("response.reasoning_summary_part", "response.reasoning_summary_text", "text", part, { ...at, summary_index });
  }
  for (const [content_index, part] of content.entries()) {
    const field = part.type === "refusal" ? "refusal" : "text";
    const event = part.type === "refusal" ? "response.refusal" : "response.output_text";
    yield* toldPart("response.content_part", event, field, part, { ...at, content_index });
  }
  if (type === "function_call") {
    yield* deltas("response.function_call_arguments", args, at);
    yield ["response.function_call_arguments.done", { ...at, arguments: args, name }];
  }
  if (type === "custom_tool_call") {
    yield* deltas("response.custom_tool_call_input", input, at);
    yield ["response.custom_tool_call_input.done", { ...at, input }];
  }
}

function* toldPart(partEvent, textEvent, field, part, at) {
  yield [`${partEvent}.added`, { ...at, part: emptied(part) }];
  yield* deltas(textEvent, part[field], at, part.logprobs);
  for (const [annotation_index, annotation] of (part.annotations ?? []).entries()) {
    yield ["response.output_text.annotation.added", { ...at, annotation_index, annotation }];
  }
  yield [`${textEvent}.done`, { ...at, ...(part.logprobs && { logprobs: part.logprobs }), [field]: part[field] }];
  yield [`${partEvent}.done`, { ...at, part }];
}

/** A text in pieces, with the padding that hides their lengths; each piece has its own log probabilities. */
function* deltas(event, text, at, logprobs) {
  for (const [i, delta] of words(text).entries()) {
    yield [`${event}.delta`, { ...at, delta, ...(logprobs && { logprobs: logprobs.slice(i, i + 1) }), obfuscation: "kX2f9" }];
  }
}

/** An item or a part before the first event that fills it. */
function emptied(whole) {
  const empty = { status: "in_progress", content: [], summary: [], annotations: [], logprobs: [], arguments: "", input: "", text: "", refusal: "" };
  return Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, empty[name] ?? value]));
}
