// What `/stats` says: money, requests, and who and what they were for.
import { call } from "./api.js";
import { moneyChart, periods } from "./chart.js";
import { amount, bar, button, byId, el, notice, table } from "./dom.js";
import { count, counted, GRAIN_MS, isZero, money, percent, periodName, tenantName } from "./format.js";
import { each, nothing, Panel } from "./panel.js";

/** The choices of time: how many periods of which grain, the present one included. */
export const RANGES = {
  hour: { grain: "minute", periods: 60, name: "the last hour" },
  day: { grain: "hour", periods: 24, name: "the last 24 hours" },
  month: { grain: "day", periods: 30, name: "the last 30 days" },
};

const SOURCES = {
  exact: "Exact hit",
  semantic: "Hit by meaning",
  collapsed: "Collapsed",
  prefix: "Provider prefix",
  routing: "Routing",
};

const KINDS = {
  hits_exact: "Exact hit",
  hits_semantic: "Hit by meaning",
  hits_stale: "Stale hit",
  collapsed: "Collapsed",
  misses: "Miss",
  refreshes: "Refresh",
  bypasses: "Bypass",
  refused: "Refused",
  failed: "Failed",
};

const TOKENS = {
  uncached: "Input, uncached",
  cached_read: "Input, read from the provider's cache",
  cached_write_5m: "Input, written for 5 minutes",
  cached_write_1h: "Input, written for an hour",
  output: "Output",
  reasoning: "Reasoning",
};

const MAX_REASONS = 15;
const FIRST_ROWS = 10;
const panel = new Panel("usage-state", () => (byId("usage").hidden = true));
let chosenTag = "feature";

/** Asks for the numbers of a range and a tenant, and shows them; whether that went well. */
export function loadUsage({ range, tenant }) {
  const { grain, periods } = RANGES[range];
  const now = Date.now();
  const from = (Math.floor(now / GRAIN_MS[grain]) - periods + 1) * GRAIN_MS[grain];
  const ask = () =>
    call("GET", "stats", { query: { from, to: now, grain, tenant } }).catch((fault) => {
      if (fault.status !== 401) fault.message = `Money, hits, features and models cannot be shown. ${fault.message}`;
      throw fault;
    });
  return panel.load(ask, (stats) => {
    if (!stats?.usage?.totals) throw new TypeError("no usage in the statistics");
    byId("usage").hidden = false;
    each(stats, parts(range, tenant));
    return doubts(stats);
  });
}

/** Empties every part. */
export function clearUsage() {
  panel.clear();
  byId("usage").hidden = true;
  for (const id of Object.keys(parts("day", ""))) byId(id).replaceChildren();
}

function parts(range, tenant) {
  return {
    tiles,
    money: (stats) => moneyOverTime(stats.usage, RANGES[range].name),
    sources: ({ usage }) => savings(usage.totals),
    kinds: ({ usage }) => byKind(usage.totals),
    reasons: ({ usage }) => decisions(usage.by_decision),
    tokens: ({ usage }) => tokenKinds(usage.totals.tokens),
    tags: ({ usage }) => tagTable(usage.by_tag),
    models: ({ usage }) => costTable("Models, the dearest first", "Model", usage.by_model, (row) => row.model),
    tenants: ({ usage }) => tenantTable(usage.by_tenant, tenant),
  };
}

/** What makes these numbers less than the whole truth. */
function doubts({ usage, shards_silent }) {
  const said = [
    usage.ledgers_asked < usage.ledgers_known &&
      `Only ${count(usage.ledgers_asked)} of ${counted(usage.ledgers_known, "ledger")} were asked: all sums are too low. Choose a tenant.`,
    usage.ledgers_silent > 0 &&
      `${counted(usage.ledgers_silent, "ledger")} of ${count(usage.ledgers_asked)} did not answer: all sums are too low.`,
    shards_silent > 0 && `${counted(shards_silent, "shard")} did not answer: the count of entries is too low.`,
    usage.unrecorded > 0 && `${counted(usage.unrecorded, "request")} could not be recorded and are missing here.`,
    usage.overflowed > 0 &&
      `${counted(usage.overflowed, "request")} had more different labels than are kept apart, and count as “other”.`,
  ].filter(Boolean);
  return said.map((text) => notice(text));
}

function tiles({ usage: { totals }, entries, bytes: size }) {
  const hits = totals.hits_exact + totals.hits_semantic + totals.hits_stale;
  const whole = Number(totals.cost_usd) + Number(totals.saved_usd.total);
  const share = whole > 0 && `${percent(Number(totals.saved_usd.total) / whole)} of what it would have cost`;
  const estimated = totals.estimated > 0 && `tokens of ${counted(totals.estimated, "request")} estimated`;
  return [
    tile("Saved", amount(totals.saved_usd.total, { "data-testid": "saved-total" }), share, "accent"),
    tile("Spent", amount(totals.cost_usd, { "data-testid": "spent-total" }), estimated),
    tile(
      "Hit ratio",
      el("data", { value: totals.hit_ratio ?? "", "data-testid": "hit-ratio" }, percent(totals.hit_ratio)),
      `${counted(hits, "hit")}, ${count(totals.collapsed)} collapsed`,
    ),
    tile("Requests", number(totals.requests, "requests"), `${counted(entries, "entry", "entries")} kept`),
    totals.unpriced > 0 &&
      tile("Unpriced", number(totals.unpriced, "unpriced"), "requests whose cost is unknown: not in “Spent”", "warn"),
  ].filter(Boolean);
}

function tile(name, value, note, kind = "") {
  return el(
    "div",
    { class: `tile ${kind}` },
    el("dt", {}, name),
    el("dd", {}, value),
    note && el("dd", { class: "note" }, note),
  );
}

function number(value, testid) {
  return el("data", { value, "data-testid": testid }, count(value));
}

function moneyOverTime(usage, rangeName) {
  if (usage.totals.requests === 0)
    return nothing("No requests in this time. Point an SDK at this Worker, and they show up here.");
  const { saved_usd, cost_usd } = usage.totals;
  const summary = `Money by ${usage.grain}, ${rangeName}: ${money(saved_usd.total)} saved, ${money(cost_usd)} spent. The numbers are in the table below.`;
  const rows = periods(usage).map(({ start_ms, spent, saved, requests }) => ({
    name: start_ms,
    cells: [periodName(start_ms, usage.grain), amount(saved), amount(spent), count(requests)],
  }));
  const heads = [usage.grain === "day" ? "Day" : "From", "Saved", "Spent", "Requests"];
  const title = `Money by ${usage.grain}, ${rangeName}`;
  const scroll = el(
    "div",
    { class: "scroll tall", tabindex: "0", role: "region", "aria-label": title },
    table(title, heads, rows),
  );
  return [
    ...moneyChart(usage, summary),
    el("details", { "data-testid": "chart-table" }, el("summary", {}, "The same as a table"), scroll),
  ];
}

/** Rows of a name, a bar and a number; the bars are measured by the largest. */
function barTable(caption, head, valueHead, rows) {
  const most = Math.max(...rows.map(({ size }) => size), 0);
  const heads = [head, valueHead, ...(rows.some(({ share }) => share !== undefined) ? ["Share"] : [])];
  const lines = rows.map(({ key, name, note, value, size, share, kind }) => {
    const first = el(
      "span",
      { class: "named" },
      el("span", {}, name),
      note && el("span", { class: "note" }, note),
      bar(most > 0 ? size / most : 0, kind),
    );
    return { name: key, cells: [first, value, ...(share === undefined ? [] : [share])] };
  });
  return table(caption, heads, lines, { hiddenCaption: true });
}

function savings({ saved_usd }) {
  const rows = Object.entries(SOURCES).map(([key, name]) => {
    return { key, name, value: amount(saved_usd[key] ?? "0"), size: Number(saved_usd[key] ?? 0) };
  });
  return barTable("Money saved, by source", "Source", "Saved", rows);
}

function byKind(totals) {
  if (totals.requests === 0) return nothing("No requests in this time.");
  const rows = Object.entries(KINDS)
    .filter(([key]) => totals[key] > 0 || /^(hits_|collapsed|misses)/.test(key))
    .map(([key, name]) => {
      const kind = /^(hits_|collapsed)/.test(key) ? "" : "plain";
      return {
        key,
        name,
        kind,
        value: count(totals[key]),
        size: totals[key],
        share: percent(totals[key] / totals.requests),
      };
    });
  return barTable("Requests, by what happened", "Kind", "Requests", rows);
}

function decisions(list) {
  const rows = [...list].sort((one, other) => other.requests - one.requests).slice(0, MAX_REASONS);
  if (rows.length === 0) return nothing("No decisions in this time.");
  const lines = rows.map(({ decision, reason, requests }) => {
    const kind = /^(hit|collapsed)/.test(decision) ? "" : "plain";
    return {
      key: `${decision}/${reason ?? ""}`,
      name: decision,
      note: reason,
      kind,
      value: count(requests),
      size: requests,
    };
  });
  return barTable("Decisions and their reasons, the most frequent first", "Decision", "Requests", lines);
}

function tokenKinds(tokens) {
  const rows = Object.entries(TOKENS).map(([key, name]) => {
    return { key, name, value: count(tokens[key] ?? 0), size: tokens[key] ?? 0, kind: "plain" };
  });
  return barTable("Tokens of requests that went to a provider, by kind", "Kind", "Tokens", rows);
}

/** What is unpriced is said twice: at the name in words, and at the cost, which is then only a part of it or nothing at all. */
function costRow(cell, name) {
  const { cost_usd, unpriced } = cell;
  const unknown = unpriced > 0 && isZero(cost_usd);
  const said = unknown ? "unpriced: cost unknown" : `${counted(unpriced, "request")} unpriced: cost unknown`;
  const first = unpriced > 0 ? [el("span", {}, name), el("span", { class: "unpriced" }, said)] : [name];
  const cost = unknown
    ? el("span", { class: "unpriced" }, "unknown")
    : el("span", {}, unpriced > 0 && "\u2265\u00a0", amount(cost_usd));
  const named = el("span", { class: "stacked" }, first);
  return { name, cells: [named, cost, amount(cell.saved_usd.total), percent(cell.hit_ratio), count(cell.requests)] };
}

/** The dearest few, and a button for the rest. */
function costTable(caption, head, list, nameOf) {
  if (list.length === 0) return nothing("No requests in this time.");
  const place = el("div");
  const fill = (size) => {
    const rows = list.slice(0, size).map((cell) => costRow(cell, nameOf(cell)));
    place.replaceChildren(
      table(caption, [head, "Cost", "Saved", "Hit ratio", "Requests"], rows, { hiddenCaption: true, kind: "costs" }),
    );
  };
  fill(FIRST_ROWS);
  if (list.length <= FIRST_ROWS) return place;
  const all = `Show all ${list.length}`;
  const toggle = button(
    all,
    () => {
      const open = toggle.getAttribute("aria-expanded") === "true";
      toggle.setAttribute("aria-expanded", String(!open));
      toggle.textContent = open ? all : `Show the first ${FIRST_ROWS}`;
      fill(open ? FIRST_ROWS : list.length);
    },
    { "aria-expanded": "false", class: "more" },
  );
  return [place, toggle];
}

function tagTable(byTag) {
  const names = Object.keys(byTag).sort();
  const select = byId("tag-name");
  select.closest(".inline").hidden = names.length === 0;
  if (names.length === 0)
    return nothing("No tags in this time. Requests get them with the header x-nearhit-tags: feature=search");
  if (!names.includes(chosenTag)) chosenTag = names.includes("feature") ? "feature" : names[0];
  select.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === chosenTag }, name)));
  const values = () =>
    [
      costTable(`Values of the tag ${chosenTag}, the dearest first`, chosenTag, byTag[chosenTag], (row) => row.value),
    ].flat();
  select.onchange = () => {
    chosenTag = select.value;
    byId("tags").replaceChildren(...values());
  };
  return values();
}

function tenantTable(list, tenant) {
  const section = byId("tenants").closest("section");
  section.hidden = Boolean(tenant);
  return costTable("Tenants, the dearest first", "Tenant", list, (row) => tenantName(row.tenant));
}
