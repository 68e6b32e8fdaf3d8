import fs from "node:fs";
import path from "node:path";
import { Trouble } from "./log.mjs";
import { NPM_BIN, ROOT } from "./paths.mjs";
import { runLogged } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";
import { atLeast } from "./versions.mjs";

const OLDEST_FOR_WRANGLER = "22.12";
const STAMP = path.join(ROOT, "node_modules/.nearhit-installed");

/** A Node that wrangler runs on: this one, or the one that npm installed beside it. */
export function modernNode() {
  if (atLeast(process.versions.node, OLDEST_FOR_WRANGLER)) return process.execPath;
  const packaged = path.join(NPM_BIN, "node");
  if (fs.existsSync(packaged)) return packaged;
  throw new Trouble(`Node ${process.versions.node} is too old for wrangler: install Node ${OLDEST_FOR_WRANGLER} or newer, then run the command again.`);
}

/** Before anything long begins: will there be such a Node? */
export function checkNode() {
  const packaged = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
  if (!packaged) modernNode();
}

/** `npm ci`, unless what the lock file says is there already. */
export async function setUpPackages(progress) {
  const wanted = fingerprint([path.join(ROOT, "package-lock.json"), path.join(ROOT, "package.json")]);
  if (fs.existsSync(STAMP) && fs.readFileSync(STAMP, "utf8") === wanted) return;
  const newer = atLeast(process.versions.node, OLDEST_FOR_WRANGLER) ? "" : `, and a Node for wrangler beside your ${process.versions.node}`;
  await progress.job("npm packages", `wrangler, miniflare${newer}; about 1 min`, async (note) => {
    const args = ["ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
    const npm = process.env.npm_execpath;
    const [command, first] = npm?.endsWith(".js") ? [process.execPath, [npm]] : ["npm", []];
    await runLogged(command, [...first, ...args], { log: "npm-ci", onLine: note });
    fs.writeFileSync(STAMP, wanted);
  });
}

/** The environment for wrangler and miniflare: no calls outside, no questions, nothing written in the user's home. */
export function workersEnv() {
  const state = (name) => path.join(ROOT, ".wrangler", name);
  return {
    DO_NOT_TRACK: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "1",
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
    WRANGLER_LOG_PATH: state("logs"),
    WRANGLER_REGISTRY_PATH: state("registry"),
    WRANGLER_CACHE_DIR: state("cache"),
    XDG_CONFIG_HOME: state("xdg"),
    NEARHIT_PROFILE: process.env.NEARHIT_PROFILE ?? "fast",
    PATH: [NPM_BIN, path.dirname(process.execPath), process.env.PATH].join(path.delimiter),
  };
}

/** wrangler's program file, to be run by `modernNode()`. */
export const WRANGLER = path.join(ROOT, "node_modules/wrangler/bin/wrangler.js");
