// The command line within a test's own process, against an admin API that answers with the examples of its document.
import { runCommand } from "../../../scripts/lib/cli/run.mjs";
import { startFakeAdmin, TOKEN } from "./fake_admin.mjs";

/** What the clock of the command line says. */
export const NOW = Date.UTC(2026, 10, 24, 12);

/** Starts the API. `nearhit` runs a command line against it; `fresh` forgets what it was told and asked. */
export async function startCli() {
  const fake = await startFakeAdmin();
  const fresh = () => {
    fake.answer = () => undefined;
    fake.requests.length = 0;
  };
  return { fake, fresh, nearhit };

  /** Runs a command line. A text is split at spaces; `answers` is what a person says when asked, who is else not there. */
  async function nearhit(argv, { answers, env = {}, ...io } = {}) {
    const done = { out: "", err: "", asked: [] };
    const replies = [...(answers ?? [])];
    done.code = await runCommand(typeof argv === "string" ? argv.split(" ") : argv, {
      out: async (text) => void (done.out += text),
      err: async (text) => void (done.err += text),
      ask: answers && (async (question) => (done.asked.push(question), replies.shift())),
      terminal: false, colour: false, now: () => NOW, devVars: "/nonexistent",
      env: { NEARHIT_URL: fake.url, NEARHIT_ADMIN_TOKEN: TOKEN, ...env },
      ...io,
    });
    done.sent = fake.requests.map(({ method, path: at, query, body }) => {
      const search = Object.keys(query).length ? `?${new URLSearchParams(query)}` : "";
      return [`${method} ${at.replace("/admin/v1/", "")}${search}`, ...(body === undefined ? [] : [body])];
    });
    return done;
  }
}
