// Runs every check, stops at the first that fails, and repeats the runners' closing lines at the end.
//   npm test                           everything
//   npm test -- --only rust,worker     some steps: format, clippy, rust, clippy-wasm, scripts, dashboard, worker
//   npm test -- --filter budget        only tests whose name has this in it (steps rust and worker)
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { duration, exitWith, heading, say, Trouble } from "./lib/log.mjs";
import { modernNode, workersEnv } from "./lib/node.mjs";
import { ROOT, WASM } from "./lib/paths.mjs";
import { ask, runShown } from "./lib/run.mjs";
import { wasmClippy, wasmEnv } from "./lib/rust.mjs";

const PROFILE = "fast";
const CLOSING_LINE = /^(test result: |ℹ (tests|pass|fail|cancelled|skipped|todo) )/;
const NEED_WORKER = ["clippy-wasm", "scripts", "worker"];
const DENY_WARNINGS = ["--", "-D", "warnings"];

/** What is checked, in this order: what fails fast comes first. */
const STEPS = {
  format: { title: "rustfmt", run: () => runShown("cargo", ["fmt", "--check"]) },
  clippy: { title: "clippy, native", run: () => runShown("cargo", ["clippy", "--locked", "--all-targets", ...DENY_WARNINGS]) },
  rust: { title: "cargo test, native", run: rustTests },
  "clippy-wasm": { title: "clippy, wasm32", run: clippyForWasm },
  scripts: { title: "tests of the scripts", run: (options) => nodeTests("tests/scripts", options) },
  dashboard: { title: "tests of the dashboard's page", run: (options) => nodeTests("tests/dashboard", options) },
  worker: { title: "tests against the built Worker", run: (options) => nodeTests("tests/worker", options) },
};

function rustTests({ filter, onLine }) {
  return runShown("cargo", ["test", "--locked", ...(filter ? [filter] : [])], { onLine });
}

function clippyForWasm() {
  const [command, first] = wasmClippy();
  const args = ["--locked", "--lib", "--target", WASM, "--profile", PROFILE, ...DENY_WARNINGS];
  return runShown(command, [...first, ...args], { env: wasmEnv() });
}

async function nodeTests(folder, { filter, onLine }) {
  const all = fs.existsSync(path.join(ROOT, folder)) ? fs.readdirSync(path.join(ROOT, folder)) : [];
  const files = all.filter((file) => file.endsWith(".test.mjs")).map((file) => path.join(folder, file));
  if (files.length === 0) return 0;
  const named = filter ? [`--test-name-pattern=${filter}`] : [];
  return runShown(modernNode(), ["--test", "--test-reporter=spec", ...named, ...files], { env: workersEnv(), onLine });
}

/** rustfmt and clippy are components of their own in rustup's toolchains. */
function checkComponents() {
  for (const component of ["fmt", "clippy"]) {
    if (ask("cargo", [component, "--version"]) !== undefined) continue;
    const name = component === "fmt" ? "rustfmt" : component;
    if (ask("rustup", ["component", "add", name]) === undefined) throw new Trouble(`cargo ${component} is missing. With rustup: rustup component add ${name}`);
    say(`   added  rustup's component ${name}`);
  }
}

function readOptions() {
  const { values } = parseArgs({ options: { only: { type: "string" }, filter: { type: "string" } } });
  const wanted = values.only ? values.only.split(",") : Object.keys(STEPS);
  const unknown = wanted.filter((name) => !(name in STEPS));
  if (unknown.length) throw new Trouble(`No such step: ${unknown.join(", ")}. There are: ${Object.keys(STEPS).join(", ")}.`);
  return { wanted, filter: values.filter };
}

/** Runs the steps; returns what there is to say at the end, and whether all went well. */
async function runSteps(wanted, filter) {
  const report = [];
  for (const [name, step] of Object.entries(STEPS).filter(([name]) => wanted.includes(name))) {
    heading(step.title);
    const started = Date.now();
    const onLine = (line) => CLOSING_LINE.test(line) && report.push(`          ${line}`);
    const mark = report.length;
    const code = await step.run({ filter, onLine });
    report.splice(mark, 0, `   ${code === 0 ? "passed" : "FAILED"} ${name} (${duration(Date.now() - started)})`);
    if (code !== 0) return { report, passed: false };
  }
  return { report, passed: true };
}

await exitWith(async () => {
  const { wanted, filter } = readOptions();
  const started = Date.now();
  process.env.NEARHIT_PROFILE = PROFILE;
  if (wanted.some((name) => !NEED_WORKER.includes(name))) checkComponents();
  if (wanted.some((name) => NEED_WORKER.includes(name))) {
    heading("set up and build");
    await build(PROFILE);
  }
  const { report, passed } = await runSteps(wanted, filter);
  heading(`${passed ? "all passed" : "FAILED"} in ${duration(Date.now() - started)}`);
  report.forEach((line) => say(line));
  return passed ? 0 : 1;
});
