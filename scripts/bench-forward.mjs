// Prints what forwarding gives: how much of a prompt simulated prefix caches serve, and which model gets which prompt.
//   npm run bench:forward
// The same figures are asserted by `cargo test --test forward_costs`; see tests/forward.
import { pathToFileURL } from "node:url";
import { exitWith, say } from "./lib/log.mjs";
import { Progress } from "./lib/progress.mjs";
import { runLogged } from "./lib/run.mjs";

const TEST = ["test", "--test", "forward_costs", "--", "--nocapture"];
// The simulator's own tests print nothing.
const LEFT_OUT = ["--skip", "providers::"];

/** Whether a line of the test's output belongs to a table. */
function isTable(line) {
  return line.startsWith("## ") || line.startsWith("| ") || line.startsWith("|-");
}

/** Lines with an empty one before each heading and each table. */
function spaced(lines) {
  const starts = (line, k) => line.startsWith("## ") || (line.startsWith("| ") && lines[k + 1]?.startsWith("|-"));
  return lines.flatMap((line, k) => (starts(line, k) ? ["", line] : [line]));
}

async function bench() {
  const lines = [];
  const run = (note) =>
    runLogged("cargo", [...TEST, ...LEFT_OUT], {
      log: "bench-forward",
      onLine: (line) => (isTable(line) ? lines.push(line) : note(line)),
    });
  try {
    await new Progress().job("cargo test (forward_costs)", "traces and prompts through the gateway, some minutes the first time", run);
  } finally {
    // A figure that misses its aim is worth seeing.
    spaced(lines).forEach((line) => say(line));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await exitWith(bench);
  process.exit();
}
