// An admin API that answers with the examples of its own document, or with what a test tells it.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

/** The document of the admin API. */
export const DOCUMENT = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../../src/gateway/admin/openapi.json"), "utf8"));
/** The token that it wants. */
export const TOKEN = "fake-admin-token";

/** Follows a reference within the document. */
export function resolved(node) {
  return node?.$ref ? resolved(node.$ref.slice(2).split("/").reduce((at, name) => at[name.replaceAll("~1", "/").replaceAll("~0", "~")], DOCUMENT)) : node;
}

/** The example of an answer: `example("GET", "/admin/v1/stats", 200)`. */
export function example(method, route, status) {
  const { content } = resolved(DOCUMENT.paths[route][method.toLowerCase()].responses[status]);
  return structuredClone(Object.values(content)[0].example);
}

/**
 * Starts it. What it was asked is in `requests`, with the document's name of the path as `route`.
 * @param {(seen: {method: string, route: string, query: object, body: any, number: number}) => {status?: number, json?: any, text?: string, headers?: object} | undefined} [answer]
 *   undefined: the example of the document
 */
export async function startFakeAdmin(answer = () => undefined) {
  const fake = { answer, requests: [], url: "", close };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(request.url, "http://fake");
    const seen = { method: request.method, path: url.pathname, route: routeOf(url.pathname), query: Object.fromEntries(url.searchParams), token: request.headers.authorization };
    if (text) seen.body = parsed(text);
    fake.requests.push(seen);
    const { status, json, text: body = json === undefined ? undefined : JSON.stringify(json), headers = {} } = reply(fake, seen);
    const type = body === undefined ? {} : { "content-type": "application/json" };
    response.writeHead(status, { ...type, ...headers }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${server.address().port}`;
  return fake;

  function close() {
    server.close();
    server.closeAllConnections();
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reply(fake, seen) {
  if (seen.token !== `Bearer ${TOKEN}`) return { status: 401, json: example("GET", "/admin/v1/stats", 401) };
  const wanted = Object.keys(DOCUMENT.paths[seen.route]?.[seen.method.toLowerCase()]?.responses ?? {}).find((status) => status.startsWith("2"));
  const told = fake.answer({ ...seen, number: fake.requests.length });
  if (told) return { status: 200, ...told };
  if (!wanted) return { status: 404, json: example("GET", "/admin/v1/tenants/{tenant}", 404) };
  if (wanted === "204") return { status: 204 };
  const [[type, { example: value = DOCUMENT }]] = Object.entries(resolved(DOCUMENT.paths[seen.route][seen.method.toLowerCase()].responses[wanted]).content);
  return { status: Number(wanted), text: typeof value === "string" ? value : JSON.stringify(value), headers: { "content-type": type } };
}

/** `/admin/v1/tenants/acme` -> `/admin/v1/tenants/{tenant}`; undefined when the document has no such path. */
function routeOf(pathname) {
  const pattern = (route) => new RegExp(`^${route.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`);
  return Object.keys(DOCUMENT.paths).sort((a, b) => a.includes("{") - b.includes("{")).find((route) => pattern(route).test(pathname));
}

/** What of a request the document does not know: an empty list when all is well. */
export function undocumented({ method, path: pathname, route, query, body }) {
  const item = DOCUMENT.paths[route];
  const operation = item?.[method.toLowerCase()];
  if (!operation) return [`${method} ${pathname}`];
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolved);
  const known = (name) => parameters.find((parameter) => parameter.in === "query" && parameter.name === name);
  const wrong = Object.keys(query).filter((name) => !known(name)).map((name) => `?${name}`);
  const missing = parameters.filter((parameter) => parameter.in === "query" && parameter.required && !(parameter.name in query)).map(({ name }) => `no ?${name}`);
  const schema = resolved(operation.requestBody?.content["application/json"].schema);
  if ((schema === undefined) !== (body === undefined)) return [...wrong, ...missing, "body"];
  const fields = Object.keys(body ?? {}).filter((name) => !(name in schema.properties));
  const unsaid = (schema?.required ?? []).filter((name) => !(name in body));
  return [...wrong, ...missing, ...fields, ...unsaid.map((name) => `no ${name}`)];
}
