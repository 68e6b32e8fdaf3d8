// Sets up what building, serving and testing need, and says what it does. Nothing is done twice.
import { pathToFileURL } from "node:url";
import { compileWorker } from "./lib/compile.mjs";
import { duration, exitWith, say } from "./lib/log.mjs";
import { checkNode, setUpPackages } from "./lib/node.mjs";
import { Progress } from "./lib/progress.mjs";
import { stopChildren } from "./lib/run.mjs";
import { checkRust, setUpWasmTarget } from "./lib/rust.mjs";
import { setUpWasmTools } from "./lib/tools.mjs";

/**
 * Brings the machine to where the Worker can be built: npm's packages, the wasm32 target, the two Rust tools.
 * The jobs run side by side, and the Worker's own crates are compiled meanwhile.
 * @param {{profile?: string}} options the cargo profile to compile ahead with; none: nothing is compiled ahead
 */
export async function setUp({ profile } = {}) {
  const started = Date.now();
  checkNode();
  checkRust();
  const progress = new Progress();
  const jobs = [
    setUpPackages(progress),
    setUpWasmTools(progress),
    setUpWasmTarget(progress).then(() => profile && compileWorker(profile, progress)),
  ];
  await Promise.all(jobs).catch((fault) => {
    stopChildren();
    throw fault;
  });
  if (Date.now() - started > 5000) say(`   set up in ${duration(Date.now() - started)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await exitWith(async () => {
    await setUp();
    say("Everything is set up.");
  });
}
