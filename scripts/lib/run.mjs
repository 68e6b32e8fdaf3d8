import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { ROOT, TOOLS } from "./paths.mjs";
import { Trouble } from "./log.mjs";

const TAIL_LINES = 30;

/** Runs a short command and returns its trimmed output, or undefined where it fails or does not exist. */
export function ask(command, args, env = {}) {
  const done = spawnSync(command, args, { cwd: ROOT, env: { ...process.env, ...env }, encoding: "utf8" });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

const running = new Set();

/** Ends what still runs: one of several jobs has failed, and nobody waits for the others. */
export function stopChildren() {
  for (const child of running) child.kill();
}

/** Waits for a child: its exit code, or 1 where a signal ended it. */
function ended(child) {
  running.add(child);
  child.once("close", () => running.delete(child));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/**
 * Runs a long command with its output in `.tools/logs/<log>.log`, and shows the end of it when it fails.
 * @param {{log: string, env?: object, cwd?: string, onLine?: (line: string) => void, hint?: string}} options
 */
export async function runLogged(command, args, { log, env = {}, cwd = ROOT, onLine = () => {}, hint = "" }) {
  const file = path.join(TOOLS, "logs", `${log}.log`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const output = fs.createWriteStream(file);
  const tail = [];
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) {
    readline.createInterface({ input: stream }).on("line", (line) => {
      output.write(`${line}\n`);
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      onLine(line);
    });
  }
  const code = await ended(child).catch((fault) => tail.push(String(fault)) && 127);
  output.end();
  if (code === 0) return;
  const shown = `${command} ${args.join(" ")}`;
  throw new Trouble([`Failed (exit code ${code}): ${shown}`, ...tail.map((l) => `  | ${l}`), `The whole output: ${path.relative(ROOT, file)}`, hint].filter(Boolean).join("\n"));
}

/**
 * Runs a command in the open: the user sees its output as it comes.
 * @param {{env?: object, onLine?: (line: string) => void}} options `onLine` also gets each line of it
 * @returns {Promise<number>} its exit code
 */
export async function runShown(command, args, { env = {}, onLine } = {}) {
  const all = { ...process.env, ...env };
  if (!onLine) return ended(spawn(command, args, { cwd: ROOT, env: all, stdio: ["ignore", "inherit", "inherit"] }));
  const child = spawn(command, args, { cwd: ROOT, env: all, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.pipe(process.stdout, { end: false });
  readline.createInterface({ input: child.stdout }).on("line", onLine);
  return ended(child);
}
