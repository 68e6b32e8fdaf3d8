// A Python of the tests' own, with the official packages of the providers in it.
import { spawn } from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import { venv } from "./venv.mjs";

/** The packages as pip names them; a change of any makes a new environment. */
export const PACKAGES = ["openai==3.54.0", "anthropic==2.12.0"];

const SCRIPT = path.resolve(import.meta.dirname, "../python/sdk_check.py");
const { bin, setUp } = venv("python", PACKAGES);

/** Makes the environment, once. Returns what is missing on this machine, if something is. */
export const setUpPython = setUp;

/** Starts the script; `ask` puts one request to it. */
export function startPython() {
  const env = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
  const child = spawn(bin("python"), [SCRIPT], { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("sdk_check.py ended");
    return JSON.parse(value);
  };
  return { ask, stop: () => child.kill() };
}
