// One answer in the wire formats of the APIs that the demonstration provider speaks.

/**
 * @typedef {{number: number, created: number, model: string, text: string, prompt: number}} Answer `prompt`: words asked
 * @typedef {{asked: (body: object) => unknown, whole: (answer: Answer) => object, events: (answer: Answer, body: object) => [string | undefined, object | string][]}} Api
 *   `asked`: the messages of a request; `events`: a stream, each event's name and data
 */

const count = (text) => text.split(/\s+/).filter(Boolean).length;
const pieces = (text) => text.match(/\S+\s*/g) ?? [];

const chatUsage = ({ prompt, text }) => ({ prompt_tokens: prompt, completion_tokens: count(text), total_tokens: prompt + count(text) });

/** @type {Api} */
const CHAT = {
  asked: ({ messages }) => messages,
  whole(answer) {
    const { number, created, model, text } = answer;
    const message = { role: "assistant", content: text, refusal: null };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
    return { id: `chatcmpl-demo-${number}`, object: "chat.completion", created, model, choices, usage: chatUsage(answer) };
  },
  events(answer, body) {
    const { number, created, model, text } = answer;
    const withUsage = Boolean(body.stream_options?.include_usage);
    const chunk = (choices, more = withUsage ? { usage: null } : {}) => [undefined, { id: `chatcmpl-demo-${number}`, object: "chat.completion.chunk", created, model, choices, ...more }];
    const choice = (delta, finish_reason = null) => [{ index: 0, delta, logprobs: null, finish_reason }];
    return [
      chunk(choice({ role: "assistant", content: "", refusal: null })),
      ...pieces(text).map((content) => chunk(choice({ content }))),
      chunk(choice({}, "stop")),
      ...(withUsage ? [chunk([], { usage: chatUsage(answer) })] : []),
      [undefined, "[DONE]"],
    ];
  },
};

/** @type {Api} */
const RESPONSES = {
  asked: ({ input }) => (typeof input === "string" ? [{ role: "user", content: input }] : input),
  whole({ number, created, model, text, prompt }) {
    const content = [{ type: "output_text", text, annotations: [], logprobs: [] }];
    return {
      id: `resp_demo_${number}`, object: "response", created_at: created, status: "completed", error: null, incomplete_details: null,
      instructions: null, metadata: {}, model, output: [{ type: "message", id: `msg_demo_${number}`, role: "assistant", status: "completed", content }],
      parallel_tool_calls: true, temperature: 1, tool_choice: "auto", tools: [], top_p: 1,
      usage: { input_tokens: prompt, input_tokens_details: { cached_tokens: 0 }, output_tokens: count(text), output_tokens_details: { reasoning_tokens: 0 }, total_tokens: prompt + count(text) },
    };
  },
  events(answer) {
    const whole = RESPONSES.whole(answer);
    const [item] = whole.output;
    const [part] = item.content;
    const at = { item_id: item.id, output_index: 0, content_index: 0 };
    const begun = { ...whole, status: "in_progress", output: [], usage: null };
    return [
      ["response.created", { response: begun }],
      ["response.in_progress", { response: begun }],
      ["response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", content: [] } }],
      ["response.content_part.added", { ...at, part: { ...part, text: "" } }],
      ...pieces(answer.text).map((delta) => ["response.output_text.delta", { ...at, delta, logprobs: [] }]),
      ["response.output_text.done", { ...at, text: answer.text, logprobs: [] }],
      ["response.content_part.done", { ...at, part }],
      ["response.output_item.done", { output_index: 0, item }],
      ["response.completed", { response: whole }],
    ].map(([type, data], sequence_number) => [type, { type, sequence_number, ...data }]);
  },
};

/** @type {Api} */
const MESSAGES = {
  asked: ({ messages }) => messages,
  whole({ number, model, text, prompt }) {
    const usage = { input_tokens: prompt, output_tokens: count(text) };
    return { id: `msg_demo_${number}`, type: "message", role: "assistant", model, content: [{ type: "text", text }], stop_reason: "end_turn", stop_sequence: null, usage };
  },
  events(answer) {
    const whole = MESSAGES.whole(answer);
    const begun = { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } };
    return [
      ["message_start", { message: begun }],
      ["content_block_start", { index: 0, content_block: { type: "text", text: "" } }],
      ...pieces(answer.text).map((text) => ["content_block_delta", { index: 0, delta: { type: "text_delta", text } }]),
      ["content_block_stop", { index: 0 }],
      ["message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: count(answer.text) } }],
      ["message_stop", {}],
    ].map(([type, data]) => [type, { type, ...data }]);
  },
};

/** The APIs by their paths. */
export const APIS = { "/v1/chat/completions": CHAT, "/v1/responses": RESPONSES, "/v1/messages": MESSAGES };

/** The answer to a question: it repeats it. @returns {Answer} */
export function answerTo(question, messages, model, number) {
  const text = `This is the demonstration provider, answer no. ${number}. You asked: ${question}`;
  return { number, created: Math.floor(Date.now() / 1000), model, text, prompt: count(JSON.stringify(messages)) };
}
