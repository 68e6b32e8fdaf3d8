// The Worker, the provider behind it and a client in front of it: what most tests need.
import http from "node:http";
import { chatCompletion, json, startUpstream } from "./upstream.mjs";
import { startWorker } from "./world.mjs";

let callers = 0;

/**
 * Starts the Worker with a provider of its own. Takes the options of `startWorker`.
 * @returns what `startWorker` gives, the provider as `upstream`, and `caller`
 */
export async function startBench({ vars = {}, ...options } = {}) {
  const upstream = await startUpstream();
  const address = `${upstream.url}/v1`;
  const worker = await startWorker({ ...options, vars: { OPENAI_BASE_URL: address, ANTHROPIC_BASE_URL: address, ...vars } });
  const dispose = async () => {
    await worker.dispose();
    upstream.close();
  };
  return { ...worker, upstream, dispose, caller };

  /**
   * A client with a key of its own, so that no other test fills its cache, before a provider that was not asked yet.
   * @param {(seen: import("./upstream.mjs").Seen, number: number) => import("./upstream.mjs").Reply} [reply]
   *   what the provider answers from now on
   */
  function caller(reply = () => json(chatCompletion()), key = `sk-test-${++callers}`) {
    upstream.reply = reply;
    upstream.requests.length = 0;
    const request = (body, { path = "/v1/chat/completions", ...more } = {}) => post(worker.url + path, body, { key, ...more });
    return { key, request, ask: async (body, more) => read(await request(body, more)) };
  }
}

/** A request of one user text. */
export function question(text, more = {}) {
  return { model: "gpt-test", messages: [{ role: "user", content: text }], ...more };
}

/** Posts `body`: a text becomes a question, an object JSON, and bytes stay what they are. */
export function post(url, body, { key = "sk-test", headers = {}, ...init } = {}) {
  const asked = typeof body === "string" ? question(body) : body;
  const bytes = asked instanceof Uint8Array ? asked : JSON.stringify(asked);
  const auth = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return fetch(url, { method: "POST", headers: { ...auth, ...headers }, body: bytes, ...init });
}

/**
 * Posts without fetch, which has its own mind about headers and connections. `chunked`: without a length.
 * @returns {{request: http.ClientRequest, response: Promise<http.IncomingMessage>}}
 */
export function rawRequest(url, { path = "/v1/chat/completions", method = "POST", key = "sk-test", headers = {}, body, chunked = false } = {}) {
  const auth = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const length = chunked ? { "transfer-encoding": "chunked" } : { "content-length": Buffer.byteLength(body ?? "") };
  const all = Object.entries({ ...auth, ...length, ...headers }).filter(([, value]) => value !== undefined);
  const request = http.request(new URL(path, url), { method, agent: false, headers: Object.fromEntries(all) });
  const response = new Promise((resolve, reject) => request.once("response", resolve).on("error", reject));
  response.catch(() => {}); // not every test awaits it
  request.end(body);
  return { request, response };
}

/** An answer, read to its end. */
export async function read(response) {
  const bytes = Buffer.from(await response.arrayBuffer());
  const header = (name) => response.headers.get(name) ?? undefined;
  const answer = { status: response.status, header, headers: response.headers, cacheStatus: header("cache-status"), bytes, text: bytes.toString() };
  if (header("content-type")?.startsWith("application/json")) answer.json = JSON.parse(answer.text);
  return answer;
}

/** What the model said, in a body or in a stream. */
export function said({ json: body, text }) {
  if (body) return body.choices[0].message.content;
  return events(text)
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data).choices[0]?.delta.content ?? "")
    .join("");
}

/** The data of a stream's events. */
export function events(text) {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
}
