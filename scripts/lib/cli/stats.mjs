// What happened: `stats` and `events`.
import { spanOf, timeOf, wholeOf } from "./given.mjs";
import { count, share, tags, time, visible } from "./show.mjs";
import { UsageTrouble } from "./trouble.mjs";

const hitsOf = (cell) => cell.hits_exact + cell.hits_semantic + cell.hits_stale + cell.collapsed;
const inputOf = ({ tokens }) => tokens.uncached + tokens.cached_read + tokens.cached_write_5m + tokens.cached_write_1h;

const CELL_COLUMNS = [
  { title: "REQUESTS", kind: "number", of: (cell) => count(cell.requests) },
  { title: "HITS", kind: "number", of: (cell) => count(hitsOf(cell)) },
  { title: "HIT RATIO", kind: "number", of: (cell) => share(cell.hit_ratio) },
  { title: "TOKENS IN", kind: "number", of: (cell) => count(inputOf(cell)) },
  { title: "TOKENS OUT", kind: "number", of: (cell) => count(cell.tokens.output) },
  { title: "COST USD", kind: "money", of: (cell) => cell.cost_usd },
  { title: "SAVED USD", kind: "money", of: (cell) => cell.saved_usd.total },
];

/** What `--by` takes: the rows in an answer, and the columns before the usual ones. */
const GROUPS = {
  model: { rows: (usage) => usage.by_model, columns: [{ title: "MODEL", of: (row) => row.model }] },
  tenant: { rows: (usage) => usage.by_tenant, columns: [{ title: "TENANT", of: (row) => row.tenant }] },
  decision: { rows: (usage) => usage.by_decision, columns: [{ title: "DECISION", of: (row) => row.decision }, { title: "REASON", of: (row) => row.reason || "-" }] },
  time: { rows: (usage) => usage.series, columns: [{ title: "FROM", of: (row) => time(row.start_ms) }] },
};

/** The group that a value of `--by` names. */
function groupOf(by) {
  if (by.startsWith("tag:") && by.length > 4) {
    const tag = by.slice(4);
    const rows = ({ by_tag }) => (Object.hasOwn(by_tag, tag) ? by_tag[tag] : []);
    return { rows, columns: [{ title: visible(tag).toUpperCase(), of: (row) => row.value }], others: (usage) => Object.keys(usage.by_tag) };
  }
  if (!Object.hasOwn(GROUPS, by)) throw new UsageTrouble(`--by is '${by}'; it must be model, tag:<name>, decision, tenant or time.`);
  return GROUPS[by];
}

/** More hours than the API answers at once. */
const HOURS_AT_MOST_MS = 60 * 86_400_000;

function span(options, now) {
  if (options.last !== undefined && (options.from !== undefined || options.to !== undefined)) throw new UsageTrouble("--last and --from or --to exclude one another.");
  if (options.last !== undefined) return { from: now() - spanOf("last", options.last) };
  return { from: timeOf("from", options.from), to: timeOf("to", options.to) };
}

async function stats({ api, options, io, show, table, facts, note }) {
  const group = options.by === undefined ? undefined : groupOf(options.by);
  const { tenant, tag, model } = options;
  if ((tag ?? model) !== undefined && group && ![GROUPS.tenant, GROUPS.time].includes(group)) {
    throw new UsageTrouble("With --tag or --model there is only --by tenant or --by time: sums are kept by each label alone.");
  }
  const { from, to } = span(options, io.now);
  const isLong = from !== undefined && (to ?? io.now()) - from > HOURS_AT_MOST_MS;
  const grain = options.grain ?? (isLong ? "day" : undefined);
  const { text, json } = await api.call("GET", "stats", { query: { from, to, grain, tenant, tag, model } });
  const { usage } = json;
  await show({ text }, () => {
    const head = `${time(usage.from_ms)} to ${time(usage.to_ms)}`;
    if (!group) return `${visible(head)}\n\n${facts(totals(json))}`;
    const rows = group.rows(usage);
    if (rows.length) return `${visible(head)}\n\n${table([...group.columns, ...CELL_COLUMNS], rows)}`;
    const known = group.others?.(usage) ?? [];
    return visible(`${head}: no requests${known.length ? ` with this tag; there are: ${known.join(", ")}` : ""}.`) + "\n";
  });
  for (const warning of warnings(json)) await note(warning);
}

function totals({ usage, entries, bytes, max_error_rate: rate }) {
  const { totals: cell } = usage;
  const { tokens, saved_usd: saved } = cell;
  return [
    ["requests", count(cell.requests)],
    ["hits", `${count(hitsOf(cell))} (${count(cell.hits_exact)} exact, ${count(cell.hits_semantic)} by meaning, ${count(cell.hits_stale)} stale, ${count(cell.collapsed)} shared)`],
    ["hit ratio", share(cell.hit_ratio)],
    ["sent upstream", `${count(cell.misses)} misses, ${count(cell.refreshes)} refreshes, ${count(cell.bypasses)} past the cache`],
    ["refused, failed", `${count(cell.refused)}, ${count(cell.failed)}`],
    ["tokens in", `${count(inputOf(cell))} (${count(tokens.cached_read)} from the provider's cache)`],
    ["tokens out", `${count(tokens.output)} (${count(tokens.reasoning)} reasoning)`],
    ["cost", `${cell.cost_usd} USD`],
    ["saved", `${saved.total} USD (exact ${saved.exact}, meaning ${saved.semantic}, shared ${saved.collapsed}, prefix ${saved.prefix}, routing ${saved.routing})`],
    ["kept", `${count(entries)} entries, ${count(bytes)} bytes`],
    ["error budget", share(rate)],
  ];
}

/** What makes the figures less than the whole truth. */
function warnings({ usage, shards_silent: shards }) {
  const { unpriced, estimated } = usage.totals;
  return [
    [unpriced, `${unpriced} requests went to models without a price, or nobody counted their tokens: their cost is missing.`],
    [estimated, `The tokens of ${estimated} requests are estimates.`],
    [usage.overflowed, `${usage.overflowed} requests have labels that are counted as 'other'.`],
    [usage.unrecorded, `${usage.unrecorded} requests could not be recorded and are missing.`],
    [usage.ledgers_known - usage.ledgers_asked, `${usage.ledgers_asked} of ${usage.ledgers_known} ledgers were asked: ask for the other tenants by their names.`],
    [usage.ledgers_silent, `${usage.ledgers_silent} of ${usage.ledgers_asked} ledgers did not answer: what they know is missing.`],
    [shards, `${shards} shards did not answer: their entries are missing.`],
  ].flatMap(([number, text]) => (number ? [visible(text)] : []));
}

/** `stats`. */
export const STATS = {
  about: "what requests cost and saved, the last 24 hours unless you say otherwise",
  options: {
    last: { value: "SPAN", about: "the last 90m, 24h, 7d or 4w" },
    from: { value: "TIME", about: "from here on: 2026-11-24, 2026-11-24T12:00 (UTC), or milliseconds since 1970" },
    to: { value: "TIME", about: "up to here" },
    by: { value: "WHAT", about: "a table by model, tag:<name>, decision, tenant or time" },
    grain: { value: "PERIOD", about: "the periods of --by time: minute, hour or day (hour, or day for more than 60 days)" },
    tenant: { value: "TENANT", about: "only this tenant; ~own: callers with provider keys of their own" },
    tag: { value: "NAME=VALUE", about: "only requests with this tag" },
    model: { value: "MODEL", about: "only requests to this model, like openai/gpt-5" },
  },
  run: stats,
};

const EVENT_COLUMNS = [
  { title: "TIME", of: (event) => time(event.at_ms) },
  { title: "TENANT", of: (event) => event.tenant },
  { title: "DECISION", of: (event) => event.decision },
  { title: "REASON", of: (event) => event.reason || "-" },
  { title: "SCORE", kind: "number", of: (event) => (typeof event.score === "number" ? event.score.toFixed(3) : event.score) },
  { title: "SAVED USD", kind: "money", of: (event) => event.saved_usd },
  { title: "MODEL", of: (event) => event.model },
  { title: "TAGS", of: (event) => tags(event.tags), most: 40 },
  { title: "ASKED", of: (event) => event.asked, most: 60 },
  { title: "ENTRY", of: (event) => event.entry },
];

async function events({ api, options, show, table }) {
  const { tenant, kind } = options;
  const { text, json } = await api.call("GET", "events", { query: { tenant, kind, limit: wholeOf("limit", options.limit, 1) } });
  await show({ text }, () => (json.events.length ? table(EVENT_COLUMNS, json.events) : "There were none.\n"));
}

/** `events`. */
export const EVENTS = {
  about: "recent hits by meaning and near misses, newest first",
  options: {
    tenant: { value: "TENANT", about: "only this tenant; ~own: callers with provider keys of their own" },
    kind: { value: "KIND", about: "hit or near-miss" },
    limit: { value: "N", about: "how many at most, up to 200 (50)" },
  },
  run: events,
};
