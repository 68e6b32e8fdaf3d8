// What is kept: `entries` and `feedback`.
import { segment } from "./api.mjs";
import { wholeOf } from "./given.mjs";
import { count, share, tags, time, visible } from "./show.mjs";
import { UsageTrouble } from "./trouble.mjs";

const COLUMNS = [
  { title: "ENTRY", of: (entry) => entry.id },
  { title: "MODEL", of: (entry) => entry.model, most: 40 },
  { title: "CREATED", of: (entry) => time(entry.created_ms) },
  { title: "HITS", kind: "number", of: (entry) => count(entry.hits) },
  { title: "TOKENS", kind: "number", of: (entry) => count(entry.tokens) },
  { title: "BYTES", kind: "number", of: (entry) => count(entry.bytes) },
  { title: "TAGS", of: (entry) => tags(entry.tags), most: 40 },
  { title: "TEXT", of: (entry) => entry.text, most: 60 },
];

async function search({ api, options, args: [q], show, table, note }) {
  if (options.all && options.limit !== undefined) throw new UsageTrouble("--all and --limit exclude one another.");
  const wanted = options.all ? Infinity : (wholeOf("limit", options.limit, 1) ?? 50);
  const document = await api.list("entries", "entries", { query: { q, tenant: options.tenant }, wanted });
  await show({ document }, () => (document.entries.length ? table(COLUMNS, document.entries) : "There are none.\n"));
  if (document.next && !options.json) await note("There are more: --all, or --limit with a larger number.");
  if (document.shards_silent) await note(visible(`${document.shards_silent} shards did not answer: their entries are missing.`));
}

async function showEntry({ api, args: [id], show, facts }) {
  const { text, json: entry } = await api.call("GET", `entries/${segment(id)}`);
  await show({ text }, () => {
    const known = facts([
      ["entry", entry.id], ["model", entry.model], ["api", entry.api], ["tags", tags(entry.tags)], ["scope", entry.scope],
      ["created", time(entry.created_ms)], ["fresh until", time(entry.expires_ms)], ["hits", count(entry.hits)],
      ["tokens", count(entry.tokens)], ["bytes", count(entry.bytes)],
    ]);
    const part = (title, words) => `\n${title}:\n${visible(words ?? "-", { lines: true }).replaceAll(/^/gm, "  ")}\n`;
    return `${known}${part("asked", entry.text)}${part("answer", entry.answer)}`;
  });
}

async function deleteEntry({ api, args: [id], show }) {
  await api.call("DELETE", `entries/${segment(id)}`);
  await show({ document: { entry: id, deleted: true } }, () => `Removed ${visible(id)}.\n`);
}

/** `entries`. */
export const ENTRIES = {
  about: "stored answers",
  usual: "search",
  actions: {
    search: {
      about: "entries whose text has this in it, whatever its case; without a text all of them",
      args: ["[text]"],
      options: {
        tenant: { value: "TENANT", about: "only this tenant's; ~own: of callers with provider keys of their own" },
        limit: { value: "N", about: "how many at most (50)" },
        all: { about: "all of them" },
      },
      run: search,
    },
    show: { about: "one entry, with its answer", args: ["<entry>"], run: showEntry },
    delete: { about: "remove one entry", args: ["<entry>"], run: deleteEntry },
  },
};

async function feedback({ api, args: [verdict, entry], show, facts }) {
  if (!["good", "bad"].includes(verdict)) throw new UsageTrouble(`'${verdict}' must be good or bad.`);
  const { text, json } = await api.call("POST", "feedback", { body: { entry, verdict } });
  await show({ text }, () => facts([
    ["entry", json.entry], ["removed", json.evicted ? "yes" : "no"], ["pairs it was about", count(json.pairs)],
    ["threshold of its scope", json.scope ? (json.scope.threshold ?? "nothing is served by meaning") : undefined],
    ["error bound of its scope", json.scope ? share(json.scope.bound) : undefined],
  ]));
}

/** `feedback`. */
export const FEEDBACK = {
  about: "say that a hit was right or wrong",
  args: ["good|bad", "<entry>"],
  more: "The entry is the x-nearhit-entry of the answer. `bad` removes it at once, and the two texts never serve each other again.",
  run: feedback,
};
