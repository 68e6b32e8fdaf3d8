// A command line for the admin API of any deployment: npm run nearhit -- --help
import readline from "node:readline";
import { runCommand } from "./lib/cli/run.mjs";

/** Asks a person, where there is one. Ctrl+C and Ctrl+D are a no. */
function ask(question) {
  const terminal = readline.createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once("close", () => resolve(false));
    terminal.question(`${question} [y/N] `, (answer) => {
      resolve(/^y(es)?$/i.test(answer.trim()));
      terminal.close();
    });
  });
}

/** Whoever reads our output may stop before its end (`| head`), which is no fault. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (fault) => process.exit(fault.code === "EPIPE" ? 0 : 1));
}

const write = (stream) => (text) => new Promise((resolve) => stream.write(text, () => resolve()));

process.exitCode = await runCommand(process.argv.slice(2), {
  out: write(process.stdout),
  err: write(process.stderr),
  terminal: Boolean(process.stdout.isTTY),
  colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR && process.env.TERM !== "dumb",
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  now: Date.now,
  env: process.env,
});
