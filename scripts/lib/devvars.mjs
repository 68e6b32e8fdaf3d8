import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./paths.mjs";

/** The admin token of a Worker that `npm start` serves on this machine alone, when none is set. */
export const DEVELOPMENT_ADMIN_TOKEN = "development-only-admin-token";

/** Is this address one that only this machine reaches? */
export function isLoopback(host) {
  return /^(127(\.\d+){3}|localhost|\[?::1\]?)$/.test(host);
}

/** The names set in `.dev.vars`, where wrangler reads local variables and secrets from. */
export function devVarNames() {
  const file = path.join(ROOT, ".dev.vars");
  if (!fs.existsSync(file)) return new Set();
  const lines = fs.readFileSync(file, "utf8").split("\n");
  return new Set(lines.flatMap((line) => line.match(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*\S/)?.[1] ?? []));
}

/** What of `wrangler dev`'s arguments we need to know: the address, and the names given by --var. */
export function readArguments(args) {
  const read = { port: "8787", ip: "127.0.0.1", protocol: "http", given: new Set(), vars: new Set() };
  let option = "";
  for (const arg of args) {
    const [, name, inline] = arg.match(/^--([\w-]+)(?:=(.*))?$/s) ?? [];
    if (name) read.given.add(name);
    option = name ?? option;
    const value = name ? inline : arg;
    if (value === undefined) continue;
    if (option === "var") read.vars.add(value.split(":")[0]);
    else if (option === "port") read.port = value;
    else if (option === "ip") read.ip = value;
    else if (option === "local-protocol") read.protocol = value;
  }
  return read;
}
