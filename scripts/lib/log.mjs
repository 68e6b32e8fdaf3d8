/** A fault that a person can mend: its message says what is wrong and what to do. */
export class Trouble extends Error {}

/** Prints one line. */
export function say(text = "") {
  process.stdout.write(`${text}\n`);
}

/** Prints a heading. */
export function heading(text) {
  say(`\n== ${text}`);
}

/** 75_000 -> "1m15s". */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  return `${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
}

/** Runs `main`; a Trouble is told without a stack, and every fault ends with exit code 1. */
export async function exitWith(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (fault) {
    process.stderr.write(`\n${fault instanceof Trouble ? fault.message : fault.stack}\n`);
    process.exitCode = 1;
  }
}
