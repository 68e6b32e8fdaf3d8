import { duration, say } from "./log.mjs";

const EVERY_MS = 15_000;

/** Long jobs side by side: says when each starts and ends, and in between that it is alive and how far it is. */
export class Progress {
  #running = new Map();
  #timer;

  /**
   * Runs `work`, which may count with `note`.
   * @template T
   * @param {string} name what is being done
   * @param {string} about why, and about how long it takes
   * @param {(note: (line: string) => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async job(name, about, work) {
    const job = { started: Date.now(), compiled: 0 };
    this.#running.set(name, job);
    this.#timer ??= setInterval(() => this.#beat(), EVERY_MS).unref();
    say(`   start  ${name}: ${about}`);
    try {
      const result = await work((line) => void (/^\s+Compiling /.test(line) && (job.compiled += 1)));
      say(`   done   ${name} (${duration(Date.now() - job.started)})`);
      return result;
    } finally {
      this.#running.delete(name);
      if (this.#running.size === 0) this.#timer = void clearInterval(this.#timer);
    }
  }

  #beat() {
    const jobs = [...this.#running].map(([name, { started, compiled }]) => {
      const crates = compiled ? `, ${compiled} crates compiled` : "";
      return `${name} (${duration(Date.now() - started)}${crates})`;
    });
    say(`   ...    ${jobs.join("; ")}`);
  }
}
