// Which deployment is asked, and with which token.
import fs from "node:fs";
import path from "node:path";
import { DEVELOPMENT_ADMIN_TOKEN, isLoopback } from "../devvars.mjs";
import { ROOT } from "../paths.mjs";
import { UsageTrouble } from "./trouble.mjs";

const DEFAULT_URL = "http://127.0.0.1:8787";

/**
 * Reads address and token from the options, the environment, and for a local deployment from `.dev.vars`.
 * @param {{url?: string, token?: string}} options
 * @param {Record<string, string | undefined>} env
 * @param {string} [devVars] the file with local variables
 * @returns {{url: string, token: string, warning?: string}}
 */
export function connection(options, env, devVars = path.join(ROOT, ".dev.vars")) {
  const url = baseUrl(options.url ?? (env.NEARHIT_URL || DEFAULT_URL));
  const local = isLoopback(url.hostname);
  // `npm start` has a token of its own where none is set.
  const ofDevelopment = () => devVar(devVars, "NEARHIT_ADMIN_TOKEN") ?? DEVELOPMENT_ADMIN_TOKEN;
  const token = options.token ?? (env.NEARHIT_ADMIN_TOKEN || (local ? ofDevelopment() : undefined));
  if (!token) {
    throw new UsageTrouble(`There is no admin token for ${url.origin}.`, { advice: "Put it into the variable NEARHIT_ADMIN_TOKEN." });
  }
  if (/[^\x21-\x7e]/.test(token)) throw new UsageTrouble("The admin token has characters that no header can carry.");
  const open = url.protocol === "http:" && !local;
  const warning = open ? `${url.origin} is not encrypted: everybody on the way can read the admin token.` : undefined;
  return { url: url.href.replace(/\/+$/, ""), token, warning };
}

/** The deployment's address, whatever of its paths was pasted with it. */
function baseUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageTrouble(`'${text}' is no address.`, { advice: "Write it like https://nearhit.example.workers.dev." });
  }
  if (url.username || url.password) throw new UsageTrouble("The address must not hold a name or a password.");
  url.search = url.hash = "";
  url.pathname = url.pathname.replace(/\/+$/, "").replace(/\/(admin\/v1|admin|v1)$/, "");
  return url;
}

/** The value of a variable in `.dev.vars`; undefined when it is not there. */
function devVar(file, name) {
  if (!fs.existsSync(file)) return undefined;
  const lines = fs.readFileSync(file, "utf8").split(/\r?\n/);
  const values = lines.map((line) => line.match(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/)).filter((match) => match?.[1] === name);
  const value = values.at(-1)?.[2];
  return value?.match(/^(["'`])(.*)\1/)?.[2] ?? value?.replace(/\s+#.*$/, "");
}
