// Sets up, builds and serves the Worker under `wrangler dev`. Arguments go on to wrangler.
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { build, profileAsked } from "./build.mjs";
import { startDemoProvider } from "./demo-provider.mjs";
import { DEVELOPMENT_ADMIN_TOKEN, devVarNames, isLoopback, readArguments } from "./lib/devvars.mjs";
import { exitWith, heading, say, Trouble } from "./lib/log.mjs";
import { modernNode, workersEnv, WRANGLER } from "./lib/node.mjs";
import { ROOT } from "./lib/paths.mjs";

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 5_000;
const PARENT_CHECK_MS = 1_000;
const DEVELOPMENT_HMAC_KEY = "development-only-never-deploy-this-key";

/** So that the dashboard has something to count; the demonstration provider bills nobody. Dollars for a million tokens. */
const DEMO_PRICES = { "openai/demo-small": { input: 0.25, output: 2 }, "anthropic/demo-small": { input: 0.25, output: 2 } };

const DEMO_TEXT = `No provider is configured, so a small demonstration provider answers (URL); any API key will do.
To use a real one, write its address into .dev.vars and start again; your clients' own keys go through to it:
  echo 'OPENAI_BASE_URL=https://api.openai.com/v1' >> .dev.vars`;

const REAL_TEXT = "The provider is the one that you configured; your clients' own keys go through to it.";

async function main() {
  const args = process.argv.slice(2);
  const read = readArguments(args);
  await checkPort(read);
  heading("nearhit: set up and build");
  await build(profileAsked(args));
  const names = new Set([...devVarNames(), ...read.vars]);
  const real = [...names].some((name) => name === "OPENAI_BASE_URL" || name === "ANTHROPIC_BASE_URL" || name.endsWith("_API_KEY"));
  const demo = real ? undefined : await startDemoProvider({ log: say });
  heading("nearhit: wrangler dev");
  try {
    const dashboard = hasDevelopmentToken(read, names) ? `the admin token is ${DEVELOPMENT_ADMIN_TOKEN}` : "the admin token is your NEARHIT_ADMIN_TOKEN";
    return await serve([...defaults(read, names, demo), ...args], address(read), demo, dashboard);
  } finally {
    demo?.close();
  }
}

/** Something else may listen there, even another nearhit, whose answer would look like ours. */
async function checkPort({ ip, port }) {
  const server = net.createServer().listen({ host: ip, port: Number(port) });
  try {
    await once(server, "listening");
  } catch (fault) {
    throw new Trouble(`Cannot listen on ${ip}:${port} (${fault.code}). Another port: npm start -- --port 9000`);
  }
  server.close();
  await once(server, "close");
}

/** What we add to the user's arguments, unless it is among them. */
function defaults(read, names, demo) {
  const { given } = read;
  const added = ["--local", "--show-interactive-dev-session=false"];
  if (!given.has("ip")) added.push("--ip", "127.0.0.1");
  if (!given.has("port")) added.push("--port", "8787");
  if (!given.has("inspector-port")) added.push("--inspector-port", "0");
  if (demo) added.push("--var", `OPENAI_BASE_URL:${demo.url}`, "--var", `ANTHROPIC_BASE_URL:${demo.url}`);
  if (demo && !names.has("NEARHIT_PRICES")) added.push("--var", `NEARHIT_PRICES:${JSON.stringify(DEMO_PRICES)}`);
  if (!names.has("NEARHIT_HMAC_KEY")) added.push("--var", `NEARHIT_HMAC_KEY:${DEVELOPMENT_HMAC_KEY}`);
  if (hasDevelopmentToken(read, names)) added.push("--var", `NEARHIT_ADMIN_TOKEN:${DEVELOPMENT_ADMIN_TOKEN}`);
  return added;
}

/** A token that everybody knows is one only where nobody else gets to. */
function hasDevelopmentToken({ ip }, names) {
  return !names.has("NEARHIT_ADMIN_TOKEN") && isLoopback(ip);
}

function address({ protocol, ip, port }) {
  const host = ["0.0.0.0", "::", "*"].includes(ip) ? "127.0.0.1" : ip;
  return `${protocol}://${host}:${port}`;
}

/** Runs wrangler until it ends or we are told to; its whole process tree goes with it. */
async function serve(args, url, demo, dashboard) {
  const child = spawn(modernNode(), [WRANGLER, "dev", ...args], {
    cwd: ROOT,
    env: { ...process.env, ...workersEnv() },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true, // a process group of its own, so that all of it can be ended
  });
  const signalGroup = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended already.
    }
  };
  let told = 0;
  const stop = (number) => {
    if (told) return;
    told = 128 + number;
    signalGroup("SIGTERM");
    setTimeout(() => signalGroup("SIGKILL"), STOP_WITHIN_MS).unref();
  };
  for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) process.on(signal, () => stop(number));
  process.on("exit", () => signalGroup("SIGKILL"));
  // Whoever started us may be killed without a chance to tell us.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(1), PARENT_CHECK_MS).unref();
  const ended = new Promise((resolve, reject) => child.once("error", reject).once("exit", (code) => resolve(code ?? 1)));
  try {
    if (await ready(url, ended)) say(welcome(url, demo, dashboard));
    const code = await ended;
    return told || code;
  } finally {
    signalGroup("SIGKILL");
  }
}

/** Waits until the Worker answers; false when wrangler ends before that. */
async function ready(url, ended) {
  let over = false;
  ended.then(() => (over = true));
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!over) {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    await answer?.arrayBuffer().catch(() => undefined);
    if (answer?.ok) return true;
    if (Date.now() > deadline) throw new Trouble(`${url}/healthz did not answer 200 within ${READY_WITHIN_MS / 1000} s (last: ${answer?.status ?? "no connection"}).`);
    await Promise.race([sleep(150), ended]);
  }
  return false;
}

function welcome(url, demo, dashboard) {
  const key = demo ? "demo-key" : "$OPENAI_API_KEY";
  const model = demo ? "demo-small" : "gpt-5-mini";
  const curl = (question) => `  curl -si ${url}/v1/chat/completions -H 'content-type: application/json' -H "authorization: Bearer ${key}" \\
    -d '{"model":"${model}","messages":[{"role":"user","content":"${question}"}]}'`;
  return `
nearhit is ready on ${url}

${demo ? DEMO_TEXT.replace("URL", demo.url) : REAL_TEXT}

A miss, answered by the provider (look at the Cache-Status header):
${curl("How do I reset my password?")}
The same again, an exact hit:
${curl("How do I reset my password?")}
A paraphrase, a semantic hit:
${curl("How can I reset my password?")}

What it cost and saved: ${url}/dashboard (${dashboard}), or npm run nearhit -- stats${url.endsWith("127.0.0.1:8787") ? "" : ` --url ${url}`}

Ctrl+C stops it; what was cached is kept.
`;
}

await exitWith(main);
