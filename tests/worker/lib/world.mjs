// The built Worker in a real workerd, configured by wrangler.toml and nothing else.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const CONFIG = path.join(ROOT, "wrangler.toml");
const RESTART_WITHIN_MS = 10_000;
/** Variables that every test has unless it sets its own. Nothing is audited by chance: upstream calls are counted. */
const TEST_VARS = { NEARHIT_HMAC_KEY: "test-only-key", NEARHIT_SEMANTIC: { audit_share: 0 }, NEARHIT_LIMITS: { retries: 0 } };
/** The workerd process of each running world. */
const runtimes = new Map();

/**
 * Starts the Worker.
 * @param {object} options
 * @param {Record<string, unknown>} [options.vars] variables over those of wrangler.toml; `undefined` takes one away
 * @param {string} [options.persist] where its storage lies; none: a folder that `dispose` removes
 * @param {(worker: object) => void} [options.edit] changes miniflare's options for the Worker (its v4 shape) before the start
 * @returns {Promise<{url: string, mf: Miniflare, persist: string, logs: object[], dispose: () => Promise<void>, killRuntime: () => Promise<void>}>}
 *   `logs`: what the Worker wrote to the console; `killRuntime`: kill -9 of workerd, and back when it serves again
 */
export async function startWorker({ vars = {}, persist, edit = () => {} } = {}) {
  const storage = persist ?? fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-"));
  const logs = [];
  const worker = workerOptions(vars);
  edit(worker);
  const mf = new Miniflare({
    ...convertV4MiniflareOptions({ workers: [worker] }),
    host: "127.0.0.1",
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    logRequests: false,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs: (entry) => logs.push(entry),
    resourcePersistencePath: storage,
  });
  const url = (await mf.ready).origin;
  runtimes.set(mf, newRuntime());
  const dispose = async () => {
    runtimes.delete(mf);
    await mf.dispose();
    if (!persist) fs.rmSync(storage, { recursive: true, force: true });
  };
  return { url, mf, persist: storage, logs, dispose, killRuntime: () => killRuntime(mf, url) };
}

/** The Worker as wrangler.toml describes it; `.dev.vars` belongs to the developer and is left out. */
function workerOptions(vars) {
  const { workerOptions: described } = unstable_getMiniflareWorkerOptions(CONFIG);
  const config = unstable_readConfig({ config: CONFIG }, { hideWarnings: true });
  const bindings = Object.entries({ ...TEST_VARS, ...config.vars, ...vars }).filter(([, value]) => value !== undefined);
  const main = path.resolve(ROOT, config.main);
  const wasm = path.join(path.dirname(main), "index_bg.wasm");
  return {
    ...described,
    name: config.name,
    rootPath: ROOT,
    bindings: Object.fromEntries(bindings),
    modulesRoot: path.dirname(main),
    modules: [
      { type: "ESModule", path: main, contents: fs.readFileSync(main, "utf8") },
      { type: "CompiledWasm", path: wasm, contents: fs.readFileSync(wasm) },
    ],
  };
}

async function killRuntime(mf, url) {
  const pid = runtimes.get(mf);
  if (pid === undefined) throw new Error("killRuntime needs Linux's /proc");
  process.kill(pid, "SIGKILL");
  const deadline = Date.now() + RESTART_WITHIN_MS;
  while (Date.now() < deadline) {
    await sleep(50);
    const next = newRuntime();
    if (next === undefined) continue;
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (!answer?.ok) continue;
    runtimes.set(mf, next);
    return;
  }
  throw new Error(`workerd did not come back within ${RESTART_WITHIN_MS} ms`);
}

/** The workerd below this process that belongs to no world yet. */
function newRuntime() {
  return workerds(process.pid).find((pid) => ![...runtimes.values()].includes(pid));
}

function workerds(parent) {
  const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : "");
  const children = read(`/proc/${parent}/task/${parent}/children`).split(" ").filter(Boolean).map(Number);
  return children.flatMap((pid) => [...(read(`/proc/${pid}/comm`).startsWith("workerd") ? [pid] : []), ...workerds(pid)]);
}
