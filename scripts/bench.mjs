// Prints one table of measurements; each row is a ratio taken in this run.
//   npm run bench                    all of it, on the profile that is deployed: the first time takes long
//   npm run bench -- --profile fast  on the quick build
//   npm run bench -- --only hits,miss
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { exitWith, heading, say, Trouble } from "./lib/log.mjs";
import { modernNode, workersEnv } from "./lib/node.mjs";
import { packWorker } from "./lib/pack.mjs";
import { ROOT } from "./lib/paths.mjs";
import { Progress } from "./lib/progress.mjs";
import { ask, runLogged } from "./lib/run.mjs";
import { setUp } from "./setup.mjs";

const BENCH_BUILD = ".tools/bench-build";
const PARTS = ["embed", "verify", "hits", "miss", "index", "cold", "size"];

/** Builds the Worker with its measuring endpoints, beside the ordinary build. */
async function buildForBench(profile) {
  await setUp();
  const about = profile === "release" ? "the deployed profile with measuring endpoints, many minutes the first time" : "some minutes the first time";
  await packWorker({ profile, folder: BENCH_BUILD, features: ["bench"], log: "bench-build", about }, new Progress());
}

/** The embedder in native tract, in microseconds by number of pieces. */
async function nativeEmbedding() {
  await new Progress().job("cargo build (native)", "the embedder in native tract, some minutes the first time", (note) =>
    runLogged("cargo", ["build", "--profile", "bench", "--example", "embed_native"], { log: "bench-native", onLine: note }));
  const run = spawnSync("cargo", ["run", "-q", "--profile", "bench", "--example", "embed_native"], { cwd: ROOT, encoding: "utf8" });
  return JSON.parse(run.stdout);
}

/** Miniflare on the bench build. */
async function benchWorld(startWorker, vars, persist) {
  const folder = path.join(ROOT, BENCH_BUILD);
  const edit = (worker) => {
    worker.modulesRoot = folder;
    worker.modules = [
      { type: "ESModule", path: path.join(folder, "index.js"), contents: fs.readFileSync(path.join(folder, "index.js"), "utf8") },
      { type: "CompiledWasm", path: path.join(folder, "index_bg.wasm"), contents: fs.readFileSync(path.join(folder, "index_bg.wasm")) },
    ];
  };
  return startWorker({ vars, persist, edit });
}

async function measure(parts, native) {
  const { startWorker } = await import("../tests/worker/lib/world.mjs");
  const { startUpstream, json, sse, chatCompletion, chatChunks } = await import("../tests/worker/lib/upstream.mjs");
  const { hits } = await import("../tests/bench/hits.mjs");
  const { misses } = await import("../tests/bench/miss.mjs");
  const inside = await import("../tests/bench/inside.mjs");
  const { coldStart } = await import("../tests/bench/cold.mjs");
  const text = "An answer of some length, as providers give them. ".repeat(8);
  const upstream = await startUpstream((seen) => (seen.json?.stream ? sse(chatChunks({ text })) : json(chatCompletion({ text }))));
  const vars = { OPENAI_BASE_URL: `${upstream.url}/v1`, NEARHIT_CACHE: { shards: 1 } };
  const rows = [];
  const world = await benchWorld(startWorker, vars);
  if (parts.includes("embed")) rows.push(...(await inside.modelLoad(world)), ...(await inside.embedding(world, native)));
  if (parts.includes("verify")) rows.push(...(await inside.verifying(world)));
  if (parts.includes("hits")) rows.push(...(await hits(world)));
  if (parts.includes("miss")) rows.push(...(await misses(world, upstream)));
  if (parts.includes("index")) rows.push(...(await inside.scanAgainstGraph(world, [1_000, 10_000, 50_000, 100_000])));
  await world.dispose();
  if (parts.includes("cold")) {
    const persist = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-bench-"));
    rows.push(...(await coldStart((folder) => benchWorld(startWorker, vars, folder), persist)));
    fs.rmSync(persist, { recursive: true, force: true });
  }
  upstream.close();
  if (parts.includes("size")) rows.push(size());
  return rows;
}

function size() {
  const bytes = ["index.js", "index_bg.wasm"].reduce((sum, file) => sum + fs.statSync(path.join(ROOT, BENCH_BUILD, file)).size, 0);
  return { what: "upload (JavaScript, wasm, models)", ours: `${(bytes / 2 ** 20).toFixed(1)} MiB`, other: "64 MiB limit", ratio: bytes / 2 ** 26, aim: "< 64 MiB" };
}

function table(rows, profile) {
  const cpu = os.cpus()[0]?.model ?? "unknown processor";
  const rustc = ask("rustc", ["--version"]);
  const line = (row) => `| ${row.what} | ${row.ours} | ${row.other} | ${Number.isFinite(row.ratio) ? row.ratio.toFixed(2) : ""} | ${row.aim} |`;
  return [
    `${os.cpus().length} cores of ${cpu}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, ${os.type()}; Node ${process.version}; ${rustc}; profile ${profile}`,
    "",
    "| what | nearhit | against | ratio | aim |",
    "|---|---|---|---|---|",
    ...rows.map(line),
  ].join("\n");
}

async function bench() {
  const { values } = parseArgs({ options: { profile: { type: "string", default: "release" }, only: { type: "string" }, inner: { type: "string" } } });
  const parts = values.only ? values.only.split(",") : PARTS;
  const unknown = parts.filter((part) => !PARTS.includes(part));
  if (unknown.length) throw new Trouble(`No such part: ${unknown.join(", ")}. There are: ${PARTS.join(", ")}.`);
  if (values.inner) {
    say(table(await measure(parts, JSON.parse(values.inner)), values.profile));
    // A Worker that a failed measurement left running must not keep this process alive, so it ends here either way.
    process.exit(0);
  }
  heading("build for measuring");
  await buildForBench(values.profile);
  const native = parts.includes("embed") ? await nativeEmbedding() : {};
  heading("measuring, some minutes");
  // Miniflare wants a newer Node than the one that may run this.
  const inner = ["--profile", values.profile, "--only", parts.join(","), "--inner", JSON.stringify(native)];
  const run = spawnSync(modernNode(), [path.join(ROOT, "scripts/bench.mjs"), ...inner], { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...workersEnv() } });
  if (run.status !== 0) throw new Trouble("The measurement failed; see above.");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await exitWith(bench);
  process.exit();
}
