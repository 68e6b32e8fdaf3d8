// `purge`: removes every entry that matches.
import { count, visible } from "./show.mjs";
import { CommandTrouble, UsageTrouble } from "./trouble.mjs";
import { defined } from "./given.mjs";

const FILTERS = ["tag", "model", "scope", "tenant", "entry"];

async function purge({ api, options, io, show, note }) {
  const filter = defined(Object.fromEntries(FILTERS.map((name) => [name, options[name]])));
  const words = Object.entries(filter).map(([name, value]) => `${name} ${value}`).join(", ");
  if (!words) throw new UsageTrouble(`Which entries? Say ${FILTERS.map((name) => `--${name}`).join(", ")}; several must all match.`);
  const dry = Boolean(options["dry-run"]);
  if (!dry && !options.yes && !(await agreed(api, filter, words, io, note))) return;
  const done = await steps(api, filter, dry);
  await show({ document: done }, () => visible(dry ? `${count(done.matched)} entries match (${words}). None was removed.` : `Removed ${count(done.purged)} entries (${words}).`) + "\n");
  if (done.shards_dropped) await note(visible(`${done.shards_dropped} shards have left the list of shards, for there were too many: what they hold may still be there.`));
  if (done.ledgers_silent) await note(visible(`${done.ledgers_silent} ledgers did not answer: their events still show what was asked. Purge the tenant to forget it.`));
  if (done.shards_silent) await note(visible(`${done.shards_silent} shards did not answer: what they hold is still there. Run it again.`));
}

/** Counts first, so that a person knows what the yes is to. */
async function agreed(api, filter, words, io, note) {
  if (!io.ask) throw new UsageTrouble("Nobody can be asked here.", { advice: "--yes removes without asking, --dry-run only counts." });
  const { matched } = await steps(api, filter, true);
  if (matched === 0) {
    await note(visible(`No entries match (${words}).`));
    return false;
  }
  if (await io.ask(visible(`${count(matched)} entries match (${words}). Remove them?`))) return true;
  throw new CommandTrouble("Nothing was removed.");
}

/** All steps, as one answer. */
async function steps(api, filter, dry) {
  const sum = { dry_run: dry, matched: 0, purged: 0, next: null, shards_silent: 0, shards_dropped: 0, ledgers_silent: 0 };
  for await (const step of api.pages((cursor) => api.call("POST", "purge", { body: defined({ ...filter, dry_run: dry, cursor }) }))) {
    sum.matched += step.matched;
    sum.purged += step.purged;
    for (const name of ["shards_silent", "shards_dropped", "ledgers_silent"]) sum[name] = Math.max(sum[name], step[name]);
  }
  return sum;
}

/** `purge`. */
export const PURGE = {
  about: "remove all entries that match, in as many steps as it takes",
  more: "Several filters must all match. On a terminal it counts and asks first.",
  options: {
    tag: { value: "NAME=VALUE", about: "entries made by requests with this tag" },
    model: { value: "MODEL", about: "entries of this model, like gpt-5" },
    scope: { value: "SCOPE", about: "entries of this scope" },
    tenant: { value: "TENANT", about: "entries of this tenant" },
    entry: { value: "ENTRY", about: "this entry" },
    "dry-run": { about: "only count" },
    yes: { about: "do not ask" },
  },
  run: purge,
};
