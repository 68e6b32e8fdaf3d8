// A Python of the tests' own, with the official packages of the providers in it.
import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { promisify } from "node:util";
import { TOOLS } from "../../../scripts/lib/paths.mjs";

/** The packages as pip names them; a change of any makes a new environment. */
export const PACKAGES = ["openai==3.54.0", "anthropic==2.12.0"];

const HOME = path.join(TOOLS, "python");
const PYTHON = path.join(HOME, "bin", "python");
const STAMP = path.join(HOME, PACKAGES.join(","));
const SCRIPT = path.resolve(import.meta.dirname, "../python/sdk_check.py");
const run = promisify(execFile);

/** Makes the environment, once. Returns what is missing on this machine, if something is. */
export async function setUpPython() {
  if (fs.existsSync(STAMP)) return undefined;
  fs.rmSync(HOME, { recursive: true, force: true });
  try {
    await run("python3", ["-m", "venv", HOME]);
  } catch (error) {
    fs.rmSync(HOME, { recursive: true, force: true });
    const why = error.code === "ENOENT" ? "there is no python3" : `python3 -m venv failed: ${(error.stdout + error.stderr).trim()}`;
    return `${why} (Debian: apt-get install python3-venv)`;
  }
  await run(PYTHON, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES]);
  fs.writeFileSync(STAMP, "");
  return undefined;
}

/** Starts the script; `ask` puts one request to it. */
export function startPython() {
  const env = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
  const child = spawn(PYTHON, [SCRIPT], { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("sdk_check.py ended");
    return JSON.parse(value);
  };
  return { ask, stop: () => child.kill() };
}
