// Answers of Anthropic's Messages API, each as a `message` object and as the events that would have told it.
import { words } from "./answers.mjs";
import { json, sse } from "./upstream.mjs";

const usage = {
  input_tokens: 31,
  cache_creation_input_tokens: 128,
  cache_read_input_tokens: 2048,
  cache_creation: { ephemeral_5m_input_tokens: 128, ephemeral_1h_input_tokens: 0 },
  output_tokens: 57,
  output_tokens_details: { thinking_tokens: 40 },
  server_tool_use: null,
  service_tier: "standard",
  speed: "standard",
  inference_geo: "us",
};

/** The object around some content, with all that the API puts there. */
export function messageOf(content, more = {}) {
  const stop_reason = content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  return {
    model: "claude-test", id: "msg_up1", type: "message", role: "assistant", content, container: null,
    diagnostics: null, stop_reason, stop_sequence: null, stop_details: null, usage, ...more,
  };
}

const text = (text, more) => ({ type: "text", text, ...more });
const thinking = (thinking) => ({ type: "thinking", thinking, signature: "EqQBCkYIAhgCKkBz0signature+/==" });
const redacted = { type: "redacted_thinking", data: "EmwKAhgBEgyredacted+/==" };
const use = (number, name, input) => ({ type: "tool_use", id: `toolu_up${number}`, name, input, caller: { type: "direct" } });
const cited = (number, quote) => ({
  type: "char_location", cited_text: quote, document_index: 0, document_title: "The “manual”", file_id: null,
  start_char_index: 10 * number, end_char_index: 10 * number + quote.length,
});

/** An input that is easy to spoil: its numbers, the order of its fields, its depth, its letters. */
export const ODD_INPUT = {
  zebra: 1,
  apple: { deep: [[{ er: {} }], []] },
  big: JSON.rawJSON("12345678901234567890"),
  small: JSON.rawJSON("-1.50e-9"),
  "naïve “quotes” 🦀": "\u0007 \\ \"",
  none: null,
  "": true,
};
const THOUGHT = "Six by seven,\nI would say. 🦀";
const CALL = use(1, "open_page", { page: "reset", steps: [1, 2] });

/** One of each kind of answer, by what it holds; see RESPONSES for `freed`. */
export const MESSAGES = {
  "plain text": { answer: messageOf([text("Open the settings,\nthen choose “Reset”. Ünïcödé 🦀 and \\ \"quotes\".")]) },
  "a long text": { answer: messageOf([text("A sentence that is not short at all, and goes on. ".repeat(60))]) },
  "a stop sequence": { answer: messageOf([text("One, two,")], { stop_reason: "stop_sequence", stop_sequence: "three" }), asks: { stop_sequences: ["three"] } },
  "thinking and text": { answer: messageOf([thinking(THOUGHT), text("Forty-two.")]), freed: messageOf([text("Forty-two.")]) },
  "redacted thinking and text": { answer: messageOf([redacted, thinking(THOUGHT), text("Forty-two.")]), freed: messageOf([text("Forty-two.")]) },
  "a tool use": { answer: messageOf([CALL]) },
  "a tool use without input": { answer: messageOf([text("Let me see."), use(1, "now", {})]) },
  "thinking and a tool use": { answer: messageOf([thinking(THOUGHT), CALL]), freed: null },
  "text and two tool uses": { answer: messageOf([text("Let me see."), CALL, use(2, "notify", ODD_INPUT)]) },
  citations: {
    answer: messageOf([text("It is "), text("in the manual", { citations: [cited(1, "in the manual"), cited(4, "“as said” 🦀")] }), text(".")]),
  },
};

/** A provider that gives `message` as it is asked to: whole, or as a stream. */
export function messagesProvider(message) {
  return ({ json: { stream } }) => (stream ? sse(eventsOfMessage(message)) : json(message));
}

/** The events of a message, as Anthropic sends them. */
export function eventsOfMessage(message) {
  return [...toldMessage(message)].map(([type, data]) => ({ event: type, data: { type, ...data } }));
}

function* toldMessage({ content, usage, stop_reason, stop_sequence, stop_details, container, ...head }) {
  const { service_tier, cache_creation, inference_geo, speed, ...counted } = usage;
  const begun = { ...usage, output_tokens: 1, output_tokens_details: null };
  yield ["message_start", { message: { ...head, content: [], container: null, stop_reason: null, stop_sequence: null, stop_details: null, usage: begun } }];
  yield ["ping", {}];
  for (const [index, block] of content.entries()) {
    yield ["content_block_start", { index, content_block: emptied(block) }];
    for (const delta of deltas(block)) yield ["content_block_delta", { index, delta }];
    yield ["content_block_stop", { index }];
  }
  const delta = { stop_reason, stop_sequence, stop_details, container };
  yield ["message_delta", { delta, usage: counted }];
  yield ["message_stop", {}];
}

/** A block before its first delta. */
function emptied(block) {
  const empty = { text: "", thinking: "", signature: "", citations: [], input: {} };
  return Object.fromEntries(Object.entries(block).map(([name, value]) => [name, empty[name] ?? value]));
}

function deltas({ type, text, citations = [], thinking, signature, input }) {
  const pieces = (whole, type, field) => words(whole).map((piece) => ({ type, [field]: piece }));
  switch (type) {
    case "text":
      return [...citations.map((citation) => ({ type: "citations_delta", citation })), ...pieces(text, "text_delta", "text")];
    case "thinking":
      return [...pieces(thinking, "thinking_delta", "thinking"), { type: "signature_delta", signature }];
    case "tool_use":
      return [{ type: "input_json_delta", partial_json: "" }, ...(isEmpty(input) ? [] : pieces(JSON.stringify(input), "input_json_delta", "partial_json"))];
    default:
      return [];
  }
}

function isEmpty(input) {
  return JSON.stringify(input) === "{}";
}
