// Runs the decision on labelled pairs, natively and through the Worker, and prints what was served.
//   npm run eval                              tests/eval/pairs_dev.jsonl
//   npm run eval -- pairs.jsonl more.jsonl    other pairs: {"a": text, "b": text, "same": 0 | 1, "kind": text}
//   npm run eval -- --lost                    lists the duplicates that were not served as well
//   npm run eval -- --max-error-rate 0.05     another error budget
//   npm run eval -- --only native             without the Worker
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { exitWith, heading, say, Trouble } from "./lib/log.mjs";
import { modernNode, workersEnv } from "./lib/node.mjs";
import { ROOT } from "./lib/paths.mjs";
import { Progress } from "./lib/progress.mjs";
import { runLogged } from "./lib/run.mjs";

const DEFAULT_PAIRS = ["tests/eval/pairs_dev.jsonl"];
const PARTS = ["native", "worker"];
const UNRELATED = 2000;
const EXAMPLE = ["--profile", "bench", "--example", "evaluate"];

function readPairs(files) {
  const lines = files.flatMap((file) => fs.readFileSync(path.resolve(file), "utf8").split("\n").map((line, k) => ({ line, where: `${file}:${k + 1}` })));
  return lines.filter(({ line }) => line.trim()).map(({ line, where }) => checked(line, where));
}

function checked(line, where) {
  let pair;
  try {
    pair = JSON.parse(line);
  } catch (error) {
    throw new Trouble(`${where} is not JSON: ${error.message}`);
  }
  if (typeof pair.a !== "string" || typeof pair.b !== "string" || ![0, 1].includes(Number(pair.same))) {
    throw new Trouble(`${where} needs "a" and "b", texts, and "same", 0 or 1.`);
  }
  return { ...pair, same: Number(pair.same), kind: pair.kind ?? "" };
}

async function native(files, extra) {
  heading("natively");
  await new Progress().job("cargo build", "the decision natively, some minutes the first time", (note) => runLogged("cargo", ["build", ...EXAMPLE], { log: "eval-build", onLine: note }));
  const run = spawnSync("cargo", ["run", "-q", ...EXAMPLE, "--", ...extra, ...files.map((file) => path.resolve(file))], { cwd: ROOT, stdio: "inherit" });
  if (run.status !== 0) throw new Trouble("The native evaluation failed; see above.");
}

/** Each pair in a conversation of its own: `a` is asked and stored, then `b` is asked. */
async function throughWorker(pairs, maxErrorRate) {
  const { startBench, question } = await import("../tests/worker/lib/bench.mjs");
  const { chatCompletion, json } = await import("../tests/worker/lib/upstream.mjs");
  const semantic = { audit_share: 0, ...(maxErrorRate ? { max_error_rate: maxErrorRate } : {}) };
  const bench = await startBench({ vars: { NEARHIT_SEMANTIC: semantic } });
  const { ask } = bench.caller(() => json(chatCompletion()));
  const judge = async (pair, k) => {
    const put = (text) => ask(question(text, { messages: [{ role: "system", content: `Conversation ${k}.` }, { role: "user", content: text }] }));
    await put(pair.a);
    const answer = await put(pair.b);
    return { ...pair, status: answer.cacheStatus, served: /; hit; .*semantic/.test(answer.cacheStatus) };
  };
  const results = [];
  for (let k = 0; k < pairs.length; k += 4) {
    results.push(...(await Promise.all(pairs.slice(k, k + 4).map((pair, i) => judge(pair, k + i)))));
  }
  await bench.dispose();
  return results;
}

function reportWorker(results) {
  const count = (same) => [results.filter((pair) => pair.same === same && pair.served).length, results.filter((pair) => pair.same === same).length];
  const share = ([served, all]) => `${served} of ${all} (${((100 * served) / Math.max(1, all)).toFixed(1)} %)`;
  say(`look-alikes served: ${share(count(0))}; duplicates served: ${share(count(1))}`);
  for (const pair of results.filter((pair) => pair.same === 0 && pair.served)) say(`- wrong: ${JSON.stringify(pair.a)} | ${JSON.stringify(pair.b)} (${pair.kind}): ${pair.status}`);
}

/** Pairs of texts from different lines, none of which should be served. */
function unrelated(pairs) {
  const texts = [...new Set(pairs.map((pair) => pair.a))];
  // Each text with the next ones: far enough apart that no two variants of one question meet.
  const [first, step] = [Math.floor(texts.length / 3), Math.ceil(UNRELATED / texts.length)];
  const found = Array.from({ length: UNRELATED }, (_, k) => {
    const i = k % texts.length;
    return { a: texts[i], b: texts[(i + first + (Math.floor(k / texts.length) % Math.max(1, Math.min(step, first)))) % texts.length], same: 0, kind: "unrelated" };
  });
  return found.filter((pair) => pair.a !== pair.b);
}

async function evaluate() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { lost: { type: "boolean" }, "max-error-rate": { type: "string" }, only: { type: "string" }, inner: { type: "boolean" } } });
  const files = positionals.length ? positionals : DEFAULT_PAIRS;
  const parts = values.only ? values.only.split(",") : PARTS;
  const unknown = parts.filter((part) => !PARTS.includes(part));
  if (unknown.length) throw new Trouble(`No such part: ${unknown.join(", ")}. There are: ${PARTS.join(", ")}.`);
  const missing = files.filter((file) => !fs.existsSync(path.resolve(file)));
  if (missing.length) throw new Trouble(`There is no file ${missing.join(", ")}.`);
  const pairs = readPairs(files);
  const rate = values["max-error-rate"];
  if (values.inner) {
    reportWorker(await throughWorker(pairs, rate && Number(rate)));
    say(`\nOf ${UNRELATED} pairs of unrelated questions:`);
    reportWorker(await throughWorker(unrelated(pairs), rate && Number(rate)));
    process.exit(0);
  }
  if (parts.includes("native")) await native(files, [...(values.lost ? ["--lost"] : []), ...(rate ? ["--max-error-rate", rate] : [])]);
  if (!parts.includes("worker")) return;
  process.env.NEARHIT_PROFILE ??= "fast";
  await build(process.env.NEARHIT_PROFILE);
  heading("through the Worker");
  // Miniflare wants a newer Node than the one that may run this.
  const inner = ["--inner", ...(rate ? ["--max-error-rate", rate] : []), ...files.map((file) => path.resolve(file))];
  const run = spawnSync(modernNode(), [path.join(ROOT, "scripts/eval.mjs"), ...inner], { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...workersEnv() } });
  if (run.status !== 0) throw new Trouble("The evaluation through the Worker failed; see above.");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await exitWith(evaluate);
  process.exit();
}
