// The Worker as the dashboard sees it: the page under its content security policy, and the admin API with canned answers.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { budgets, entries, events, stats } from "./canned.mjs";

const SOURCES = path.resolve(import.meta.dirname, "../../../src/dashboard");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The token that the mock takes. */
export const TOKEN = "mock-admin-token";

/** An error in the API's shape. */
export function refusal(status, message = `status ${status}`, headers = {}) {
  return { status, headers, body: { error: { message, type: "error", param: null, code: null } } };
}

/**
 * Starts it. `asked` lists the API's calls; `answers["GET stats"]` and the like replace what a route answers, until `reset`.
 * @param {object} mock becomes it
 * @returns {Promise<{url: string, asked: {method: string, route: string, query: object, body: any}[], answers: object,
 *   now: number, reset: () => void, close: () => Promise<void>}>}
 */
export async function startMock(mock = {}) {
  mock.reset = () => {
    Object.assign(mock, { asked: [], answers: {}, now: Date.now() });
    mock.entries = entries(mock.now);
  };
  mock.reset();
  const server = http.createServer((request, response) => serve(mock, request, response));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  mock.close = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return mock;
}

async function serve(mock, request, response) {
  const url = new URL(request.url, mock.url);
  const { status = 200, headers = {}, body } = url.pathname.startsWith("/admin/v1/") ? await api(mock, request, url) : page(url.pathname);
  const bytes = body === undefined || Buffer.isBuffer(body) || typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(bytes);
}

function page(asked) {
  const name = asked === "/dashboard" ? "index.html" : asked.match(/^\/dashboard\/([a-z]+\.(?:js|css))$/)?.[1];
  const file = name && path.join(SOURCES, name);
  if (!file || !fs.existsSync(file)) return { status: 404, body: "" };
  const headers = { "content-type": TYPES[path.extname(file)], "content-security-policy": POLICY, "x-content-type-options": "nosniff" };
  return { headers, body: fs.readFileSync(file) };
}

async function api(mock, request, url) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const route = decodeURIComponent(url.pathname.slice("/admin/v1/".length));
  const call = { method: request.method, route, query: Object.fromEntries(url.searchParams), body: text ? JSON.parse(text) : undefined };
  mock.asked.push(call);
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return refusal(401, "Unauthorized.");
  const [name] = route.split("/");
  const answer = mock.answers[`${call.method} ${route}`] ?? mock.answers[`${call.method} ${name}`] ?? usual[`${call.method} ${name}`];
  return answer ? answer(call, mock) : refusal(404, "No such route.");
}

const usual = {
  "GET stats": ({ query: { from, to, grain } }) => ({ body: stats({ from: Number(from), to: Number(to), grain }) }),
  "GET events": ({ query: { kind } }, { now }) => {
    return { body: { events: events(now).filter(({ decision }) => !kind || (kind === "hit") === decision.startsWith("hit")) } };
  },
  "GET budgets": ({ query: { tenant } }, { now }) => ({
    body: { budgets: budgets(now).filter((budget) => !tenant || budget.tenant === tenant), next: null, ledgers_silent: 0 },
  }),
  "GET tenants": () => ({ body: { tenants: [{ id: "acme" }, { id: "globex" }], next: null } }),
  "GET entries": ({ route, query }, mock) => (route === "entries" ? listed(query, mock) : one(route, mock)),
  "DELETE entries": ({ route }, mock) => (taken(mock, route.split("/")[1]) ? { status: 204 } : refusal(404, "There is no such entry.")),
  "POST feedback": ({ body }, mock) => {
    const evicted = taken(mock, body.entry);
    return { body: { entry: body.entry, evicted, pairs: 1, scope: null } };
  },
};

function listed({ q = "", cursor, limit }, mock) {
  const found = mock.entries.filter(({ text }) => !q || text?.toLowerCase().includes(q.toLowerCase()));
  const [from, size] = [Number(cursor ?? 0), Number(limit)];
  const next = from + size < found.length ? String(from + size) : null;
  return { body: { entries: found.slice(from, from + size), next, shards_silent: 0 } };
}

function one(route, mock) {
  const entry = mock.entries.find(({ id }) => `entries/${id}` === route);
  if (!entry) return refusal(404, "There is no such entry.");
  return { body: { ...entry, api: "openai.chat.completions", answer: `Open the settings, then choose “Reset”.\n\n${entry.text}` } };
}

function taken(mock, id) {
  const before = mock.entries.length;
  mock.entries = mock.entries.filter((entry) => entry.id !== id);
  return mock.entries.length < before;
}
