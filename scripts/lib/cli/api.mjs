// Calls to the admin API, and what its refusals mean for a person.
import { CommandTrouble, UNREACHABLE, UsageTrouble } from "./trouble.mjs";
import { visible } from "./show.mjs";

const WITHIN_MS = 60_000;
const MOST_PAGES = 100_000;
const PAGE = 200;

const ADVICE = {
  401: () => "Check NEARHIT_ADMIN_TOKEN: it must be the secret of that name in the deployment, which may have none yet (npx wrangler secret put NEARHIT_ADMIN_TOKEN).",
  403: ({ code }) => (code === "export_off" ? "Switch it on: tenants set <tenant> --export on" : undefined),
  404: ({ known }) => (known ? undefined : "Is this the address of a nearhit that has this route?"),
  429: ({ after }) => `Wait${after ? ` ${after} seconds` : ""}, then try again with the right token.`,
  500: () => "The message says what to mend in the deployment's configuration.",
  503: () => "Try again in a moment.",
};

/** A segment of a path. */
export function segment(text) {
  if (["", ".", ".."].includes(text)) throw new UsageTrouble(`'${text}' is no name.`);
  return encodeURIComponent(text);
}

/** The admin API of one deployment. */
export class Api {
  #url;
  #token;

  constructor({ url, token }) {
    this.#url = url;
    this.#token = token;
  }

  /**
   * Calls `/admin/v1/{path}`; what is undefined in `query` is left out.
   * @returns {Promise<{text: string, json: any, headers: Headers, status: number}>} `json` only where the answer has one
   */
  async call(method, path, { query = {}, body, accept = [] } = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = given.length ? `?${new URLSearchParams(given)}` : "";
    const headers = { authorization: `Bearer ${this.#token}`, ...(body ? { "content-type": "application/json" } : {}) };
    const init = { method, headers, body: body && JSON.stringify(body), redirect: "manual", signal: AbortSignal.timeout(WITHIN_MS) };
    const { response, text } = await this.#reach(`${this.#url}/admin/v1/${path}${search}`, init);
    const { status, headers: received } = response;
    const isJson = /^application\/json\b/.test(received.get("content-type") ?? "");
    const json = isJson ? parsed(text) : undefined;
    if (status >= 300 && !accept.includes(status)) throw this.#refused(response, json);
    const expected = status === 204 || json !== undefined || /^application\/x-ndjson\b/.test(received.get("content-type") ?? "");
    if (!expected && !accept.includes(status)) throw new CommandTrouble(`${this.#url} answers, but not like nearhit's admin API.`, { advice: "Check the address (--url)." });
    return { text, json, headers: received, status };
  }

  async #reach(url, init) {
    try {
      const response = await fetch(url, init);
      return { response, text: await response.text() };
    } catch (fault) {
      const why = fault.name === "TimeoutError" ? `no answer within ${WITHIN_MS / 1000} seconds` : (fault.cause?.code ?? fault.cause?.message ?? fault.message);
      const advice = "Is it running there? Locally: npm start. Another address: --url, or the variable NEARHIT_URL.";
      throw new CommandTrouble(`${this.#url} cannot be reached: ${visible(why)}.`, { advice, exitCode: UNREACHABLE });
    }
  }

  #refused({ status, headers }, json) {
    const { message, param, code } = json?.error ?? {};
    if (status < 400) return new CommandTrouble(`${this.#url} leads elsewhere (${status}).`, { advice: `Use the address that it leads to: ${visible(headers.get("location") ?? "unknown")}.` });
    const what = message ? visible(message) : "the answer has no message";
    const field = param && !String(message).includes(param) ? ` (${visible(param)})` : "";
    const advice = ADVICE[status]?.({ code, known: Boolean(json?.error), after: visible(headers.get("retry-after") ?? "") });
    return new CommandTrouble(`${what}${field} [${status}${code ? ` ${visible(code)}` : ""}]`, { advice });
  }

  /**
   * Follows `next` until there are `wanted` of what `field` lists.
   * @returns {Promise<object>} one document: all of them, `next` of the last page, and the largest of each count
   */
  async list(path, field, { query = {}, wanted = Infinity } = {}) {
    let merged;
    for await (const page of this.pages((cursor) => {
      const limit = Math.min(PAGE, wanted - (merged?.[field].length ?? 0));
      return this.call("GET", path, { query: { ...query, limit, cursor } });
    })) {
      const items = [...(merged?.[field] ?? []), ...page[field]];
      merged = { ...page, ...largest(merged, page), [field]: items };
      if (items.length >= wanted) break;
    }
    return merged;
  }

  /** The pages that `ask` gets, one after the other. */
  async *pages(ask) {
    let cursor;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { json } = await ask(cursor);
      yield json;
      if (json.next === null || json.next === undefined) return;
      if (json.next === cursor) throw new CommandTrouble("The API gives the same page again and again. Nothing more can be read.");
      cursor = json.next;
    }
    throw new CommandTrouble(`There are more than ${MOST_PAGES} pages.`);
  }
}

function largest(one, other) {
  const counts = Object.entries(other).filter(([name, value]) => typeof value === "number" && typeof one?.[name] === "number");
  return Object.fromEntries(counts.map(([name, value]) => [name, Math.max(value, one[name])]));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
