import { Trouble } from "../log.mjs";

/** The command was used wrongly, or the API said no. */
export const FAILED = 1;
/** There was no answer. */
export const UNREACHABLE = 2;

/** What ends a command: what is wrong, what to do about it, and the exit code. */
export class CommandTrouble extends Trouble {
  constructor(message, { advice, exitCode = FAILED } = {}) {
    super(message);
    this.advice = advice;
    this.exitCode = exitCode;
  }
}

/** The command line is wrong. `run` adds where its help is. */
export class UsageTrouble extends CommandTrouble {}
