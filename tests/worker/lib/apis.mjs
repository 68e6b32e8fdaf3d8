// The APIs that generate text, as the tests of the SDKs see them.
import { ANSWERS, provider } from "./answers.mjs";
import { MESSAGES, messagesProvider } from "./messages.mjs";
import { RESPONSES, responsesProvider } from "./responses.mjs";

/**
 * @typedef {{answer: object, freed?: object | null, unkept?: object, asks?: object}} Case
 *   `answer`: the provider's; `asks`: what the request says for it; `freed`: what a question that only means the same is
 *   answered with, where that is something else; `null`: nothing, it goes to the provider
 *   `unkept`: the same where the provider does not keep the answer (`store: false`)
 * @typedef {object} Api
 * @property {string} path
 * @property {Record<string, Case>} cases answers by what they hold
 * @property {(answer: object) => Function} provider gives the answer as it is asked to: whole, or as a stream
 * @property {(text: string, more?: object) => object} params a request of one user text
 * @property {(answer: object) => object} lasting an answer without what is made anew for each replay
 * @property {(answer: object) => string[]} ids everything in it that has a name of its own
 * @property {RegExp} idShape
 */

/** @type {Api} */
export const CHAT = {
  path: "/v1/chat/completions",
  cases: Object.fromEntries(Object.entries(ANSWERS).map(([name, answer]) => [name, { answer }])),
  provider,
  params: (text, more) => ({ model: "gpt-test", messages: [{ role: "user", content: text }], ...more }),
  lasting: ({ id, created, ...completion }) => {
    const calls = (message) => message.tool_calls?.map(({ id, ...call }) => call) ?? null;
    const choices = completion.choices.map(({ message, ...choice }) => ({ ...choice, message: { ...message, tool_calls: calls(message) } }));
    return { ...completion, choices };
  },
  ids: ({ id, choices }) => [id, ...choices.flatMap(({ message }) => message.tool_calls ?? []).map(({ id }) => id)],
  idShape: /^(chatcmpl-|call_)/,
};

/**
 * The labels of the exchange (`user`, `billing`, ...) go with what is made anew.
 * @type {Api}
 */
export const RESPONSES_API = {
  path: "/v1/responses",
  cases: RESPONSES,
  provider: responsesProvider,
  params: (text, more) => ({ model: "gpt-test", input: text, ...more }),
  lasting: ({ id, created_at, completed_at, service_tier, billing, user, safety_identifier, prompt_cache_key, prompt_cache_retention, ...response }) => ({
    ...response,
    output: response.output.map(({ id, call_id, ...item }) => item),
  }),
  // Encrypted reasoning keeps its name: the provider may check it.
  ids: ({ id, output }) => [id, ...output.flatMap(({ id, call_id, encrypted_content }) => (encrypted_content ? [] : [id, call_id]))].filter(Boolean),
  idShape: /^(resp|msg|rs|fc|ctc|call)_/,
};

/** @type {Api} */
export const MESSAGES_API = {
  path: "/v1/messages",
  cases: MESSAGES,
  provider: messagesProvider,
  params: (text, more) => ({ model: "claude-test", max_tokens: 500, messages: [{ role: "user", content: text }], ...more }),
  lasting: ({ id, usage: { service_tier, ...usage }, ...message }) => ({
    ...message,
    usage,
    content: message.content.map((block) => (block.type === "tool_use" ? { ...block, id: undefined } : block)),
  }),
  ids: ({ id, content }) => [id, ...content.filter(({ type }) => type === "tool_use").map(({ id }) => id)],
  idShape: /^(msg|toolu)_/,
};
