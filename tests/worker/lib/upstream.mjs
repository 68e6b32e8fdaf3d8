// A provider that does what a test tells it, and remembers what it was asked.
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {{method: string, path: string, headers: http.IncomingHttpHeaders, bytes: Buffer, text: string, json: unknown, aborted: boolean, closed: Promise<void>}} Seen
 *   `closed`: the exchange is over; `aborted`: the connection was closed before the answer was complete
 * @typedef {(response: http.ServerResponse) => unknown} Reply what `json`, `sse`, `held`, `hang` and `reset` make
 */

/**
 * Starts the provider on a free port of 127.0.0.1.
 * @param {(seen: Seen, number: number) => Reply} reply the answer to the n-th request (from 1); may be replaced later: `upstream.reply = ...`
 */
export async function startUpstream(reply = () => json(chatCompletion())) {
  const upstream = { reply, requests: [], url: "", close };
  const server = http.createServer((request, response) => answer(upstream, request, response).catch(() => response.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstream.url = `http://127.0.0.1:${server.address().port}`;
  return upstream;

  function close() {
    server.close();
    server.closeAllConnections();
  }
}

async function answer(upstream, request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString("utf8");
  const seen = { method: request.method, path: request.url, headers: request.headers, bytes, text, json: parsed(text), aborted: false };
  seen.closed = new Promise((resolve) => response.once("close", resolve)).then(() => void (seen.aborted = !response.writableFinished));
  upstream.requests.push(seen);
  const reply = await upstream.reply(seen, upstream.requests.length);
  await reply(response);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Replies with JSON, after `delayMs`. @returns {Reply} */
export function json(value, { status = 200, headers = {}, delayMs = 0 } = {}) {
  return async (response) => {
    await sleep(delayMs);
    if (response.destroyed) return;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof value === "string" ? value : JSON.stringify(value));
  };
}

/** Replies with an error in OpenAI's shape. @returns {Reply} */
export function openaiError(status, message = "the test says no", { headers = {}, ...error } = {}) {
  return json({ error: { message, type: "server_error", param: null, code: null, ...error } }, { status, headers });
}

/** Replies with an error in Anthropic's shape. @returns {Reply} */
export function anthropicError(status, type, { headers = {} } = {}) {
  const request_id = "req_up1";
  return json({ type: "error", error: { type, message: "the test says no" }, request_id }, { status, headers: { "request-id": request_id, ...headers } });
}

/**
 * Replies with server-sent events, `delayMs` apart; with `cutAfter` the connection breaks after so many of them.
 * @param {(string | object | {event: string, data: object})[]} events objects become JSON; `{event, data}` names the event
 * @returns {Reply}
 */
export function sse(events, { delayMs = 0, cutAfter = Infinity, headers = {}, status = 200 } = {}) {
  return async (response) => {
    response.writeHead(status, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...headers });
    response.flushHeaders();
    for (const [i, event] of events.entries()) {
      if (i >= cutAfter) return response.destroy();
      if (delayMs) await sleep(delayMs);
      if (response.destroyed) return;
      response.write(asEvent(event));
    }
    response.end();
  };
}

/**
 * Leaves the answer to the test: `response` is the provider's side of it, once a request has come.
 * @returns {{reply: Reply, response: Promise<http.ServerResponse>}}
 */
export function held() {
  const { promise, resolve } = Promise.withResolvers();
  return { reply: (response) => resolve(response), response: promise };
}

/** One event of a stream, as it is on the wire. */
export function asEvent(event) {
  if (typeof event === "string") return `data: ${event}\n\n`;
  if (typeof event.event === "string" && "data" in event) return `event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
  return `data: ${JSON.stringify(event)}\n\n`;
}

/** Takes the request and never answers. @returns {Reply} */
export function hang() {
  return () => {};
}

/** Closes the connection without a byte. @returns {Reply} */
export function reset() {
  return (response) => void response.destroy();
}

const USAGE = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };

/** A chat completion as OpenAI's API gives it. */
export function chatCompletion({ text = "Hello from upstream.", id = "chatcmpl-1", model = "gpt-test", usage = USAGE, finish = "stop", message = {} } = {}) {
  const choice = { index: 0, message: { role: "assistant", content: text, refusal: null, ...message }, logprobs: null, finish_reason: finish };
  return { id, object: "chat.completion", created: 1_790_000_000, model, choices: [choice], usage };
}

/** The same as the events of a stream, a word each, for `sse`; ends with [DONE]. */
export function chatChunks({ text = "Hello from upstream.", id = "chatcmpl-1", model = "gpt-test", usage, finish = "stop" } = {}) {
  const chunk = (choices, more) => ({ id, object: "chat.completion.chunk", created: 1_790_000_000, model, choices, ...more });
  const choice = (delta, reason = null) => [{ index: 0, delta, logprobs: null, finish_reason: reason }];
  return [
    chunk(choice({ role: "assistant", content: "", refusal: null })),
    ...(text.match(/\S+\s*/g) ?? []).map((word) => chunk(choice({ content: word }))),
    chunk(choice({}, finish)),
    ...(usage ? [chunk([], { usage })] : []),
    "[DONE]",
  ];
}

export function startStream(response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
}
