// A provider for demonstrations and tests: OpenAI's and Anthropic's APIs on loopback, with answers made from the question.
// Alone: node scripts/demo-provider.mjs [port]
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { answerTo, APIS } from "./lib/demo-answers.mjs";

const MODELS = ["demo-small", "demo-large"];
const WORD_DELAY_MS = 30;
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/**
 * Starts the provider on 127.0.0.1.
 * @param {{port?: number, log?: (line: string) => void}} options port 0: any free one
 * @returns {Promise<{url: string, close: () => void}>} `url` ends in /v1
 */
export async function startDemoProvider({ port = 0, log = () => {} } = {}) {
  const provider = { answered: 0, log };
  const server = http.createServer((request, response) => {
    handle(provider, request, response).catch((fault) => {
      if (!response.headersSent) sendError(response, 500, "server_error", null, String(fault));
      else response.destroy();
    });
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/v1`, close };
}

async function handle(provider, request, response) {
  const { pathname } = new URL(request.url, "http://demo");
  if (!/^Bearer \S/.test(request.headers.authorization ?? "") && !request.headers["x-api-key"]) {
    return sendError(response, 401, "invalid_request_error", "missing_api_key", "You didn't provide an API key. Any key will do: this is the demonstration provider.");
  }
  if (request.method === "GET" && pathname === "/v1/models") {
    return sendJson(response, 200, { object: "list", data: MODELS.map((id) => ({ id, object: "model", created: 0, owned_by: "nearhit" })) });
  }
  if (request.method === "POST" && pathname in APIS) return answer(provider, APIS[pathname], request, response);
  return sendError(response, 404, "invalid_request_error", "unknown_url", `Unknown request URL: ${request.method} ${pathname}.`);
}

async function answer(provider, api, request, response) {
  const body = await readJson(request);
  const messages = body && api.asked(body);
  const question = lastUserText(messages);
  if (question === undefined) {
    return sendError(response, 400, "invalid_request_error", null, "The demonstration provider needs a JSON body that holds a user's text.");
  }
  provider.answered += 1;
  provider.log(`demonstration provider: answer no. ${provider.answered} to "${question.slice(0, 60)}"`);
  const made = answerTo(question, messages, body.model ?? MODELS[0], provider.answered);
  return body.stream ? stream(response, api.events(made, body)) : sendJson(response, 200, api.whole(made));
}

/** The text of the last user message, whether it is a string or parts; undefined where there is none. */
function lastUserText(messages) {
  const content = Array.isArray(messages) ? messages.findLast((message) => message?.role === "user")?.content : undefined;
  if (!Array.isArray(content)) return typeof content === "string" ? content : undefined;
  return content.map((part) => part?.text ?? "").join(" ");
}

/** One event a word, with pauses in which a model would think. */
async function stream(response, events) {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  for (const [name, data] of events) {
    await sleep(WORD_DELAY_MS);
    if (response.destroyed) return;
    const text = typeof data === "string" ? data : JSON.stringify(data);
    response.write(`${name ? `event: ${name}\n` : ""}data: ${text}\n\n`);
  }
  response.end();
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

function sendJson(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

/** An error in OpenAI's shape. */
function sendError(response, status, type, code, message) {
  sendJson(response, status, { error: { message, type, param: null, code } });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startDemoProvider({ port: Number(process.argv[2] ?? 0), log: console.log });
  console.log(`The demonstration provider listens on ${url}`);
}
