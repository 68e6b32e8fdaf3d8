// A provider for demonstrations and tests: OpenAI's chat API on loopback, with answers made from the question.
// Alone: node scripts/demo-provider.mjs [port]
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

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
  if (!/^Bearer \S/.test(request.headers.authorization ?? "")) {
    return sendError(response, 401, "invalid_request_error", "missing_api_key", "You didn't provide an API key. Any key will do: this is the demonstration provider.");
  }
  if (request.method === "GET" && pathname === "/v1/models") {
    return sendJson(response, 200, { object: "list", data: MODELS.map((id) => ({ id, object: "model", created: 0, owned_by: "nearhit" })) });
  }
  if (request.method === "POST" && pathname === "/v1/chat/completions") return chat(provider, request, response);
  return sendError(response, 404, "invalid_request_error", "unknown_url", `Unknown request URL: ${request.method} ${pathname}.`);
}

async function chat(provider, request, response) {
  const body = await readJson(request);
  const question = body && lastUserText(body.messages);
  if (question === undefined) {
    return sendError(response, 400, "invalid_request_error", null, "The demonstration provider needs a JSON body whose 'messages' hold a user's text.");
  }
  provider.answered += 1;
  provider.log(`demonstration provider: answer no. ${provider.answered} to "${question.slice(0, 60)}"`);
  const completion = complete(body, question, provider.answered);
  return body.stream ? stream(response, body, completion) : sendJson(response, 200, asBody(completion));
}

/** The text of the last user message, whether it is a string or parts; undefined where there is none. */
function lastUserText(messages) {
  const content = Array.isArray(messages) ? messages.findLast((message) => message?.role === "user")?.content : undefined;
  if (!Array.isArray(content)) return typeof content === "string" ? content : undefined;
  return content.map((part) => part?.text ?? "").join(" ");
}

function complete(body, question, number) {
  const text = `This is the demonstration provider, answer no. ${number}. You asked: ${question}`;
  const words = (value) => value.split(/\s+/).filter(Boolean).length;
  const prompt = words(JSON.stringify(body.messages));
  const usage = { prompt_tokens: prompt, completion_tokens: words(text), total_tokens: prompt + words(text) };
  return { id: `chatcmpl-demo-${number}`, created: Math.floor(Date.now() / 1000), model: body.model ?? MODELS[0], text, usage };
}

function asBody({ id, created, model, text, usage }) {
  const message = { role: "assistant", content: text, refusal: null };
  return { id, object: "chat.completion", created, model, choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }], usage };
}

/** One event a word. */
async function stream(response, body, { id, created, model, text, usage }) {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  const withUsage = Boolean(body.stream_options?.include_usage);
  const send = (choices, more = withUsage ? { usage: null } : {}) =>
    response.write(`data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model, choices, ...more })}\n\n`);
  const choice = (delta, finish_reason = null) => [{ index: 0, delta, logprobs: null, finish_reason }];
  send(choice({ role: "assistant", content: "", refusal: null }));
  for (const word of text.match(/\S+\s*/g)) {
    await sleep(WORD_DELAY_MS);
    if (response.destroyed) return;
    send(choice({ content: word }));
  }
  send(choice({}, "stop"));
  if (withUsage) send([], { usage });
  response.end("data: [DONE]\n\n");
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
