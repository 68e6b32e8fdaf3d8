// The admin API: the token, one call, and what its failures mean to a person.

const BASE = "/admin/v1/";
const TOKEN_KEY = "nearhit.admin-token";
const TIMEOUT_MS = 30_000;

/** The token of this tab, or null. */
export function token() {
  return sessionStorage.getItem(TOKEN_KEY);
}

/** Keeps the token until the tab is closed or `forgetToken` is called. */
export function keepToken(value) {
  sessionStorage.setItem(TOKEN_KEY, value);
}

/** Forgets the token. */
export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
}

/** A call that failed. `status` is 0 where no answer came; `message` says what happened and what to do. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Calls `/admin/v1/{path}` and gives the answer's JSON, or undefined where it has none.
 * @param {string} method
 * @param {string} path each part of it already encoded
 * @param {{query?: object, body?: object, as?: string}} options `query`: what is undefined or empty is left out;
 *   `as`: a token to try instead of the kept one
 * @throws {ApiError}
 */
export async function call(method, path, { query = {}, body, as = token() } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given).toString();
  const init = {
    method,
    headers: { authorization: `Bearer ${as}` },
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  if (body) {
    init.body = JSON.stringify(body);
    init.headers["content-type"] = "application/json";
  }
  const response = await fetch(BASE + path + (search && `?${search}`), init).catch((fault) => {
    throw new ApiError(0, unreachable(fault));
  });
  const text = await response.text().catch((fault) => {
    throw new ApiError(0, unreachable(fault));
  });
  const json = parse(text);
  if (!response.ok) throw new ApiError(response.status, advice(response, json));
  if (text && json === undefined)
    throw new ApiError(response.status, "The answer is not JSON. Is this address nearhit's?");
  return json;
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function unreachable(fault) {
  if (fault.name === "TimeoutError") return `No answer within ${TIMEOUT_MS / 1000} seconds. Try again.`;
  return "The Worker could not be reached. Check the connection, then try again.";
}

function advice(response, json) {
  const said = typeof json?.error?.message === "string" ? json.error.message : "";
  const wait = Number(response.headers.get("retry-after")) || 60;
  switch (response.status) {
    case 401:
      return "The token was refused. It must be the Worker's secret NEARHIT_ADMIN_TOKEN.";
    case 429:
      return `Too many attempts from this address. Wait ${wait} seconds, then try again.`;
    case 503:
      return `A part of nearhit cannot be asked right now. Nothing is lost; try again in a minute. ${said}`.trim();
    default:
      return said || `The Worker answered with status ${response.status}.`;
  }
}
