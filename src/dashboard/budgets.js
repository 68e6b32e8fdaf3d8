// Budgets: what is spent, what is held back for requests under way, and what is left.
import { call } from "./api.js";
import { amount, el, facts, notice } from "./dom.js";
import { count, counted, moment, percent, tenantName, until } from "./format.js";
import { nothing, Panel } from "./panel.js";

/** Money needs no unit: it has its sign. */
const UNITS = { tokens: "tokens", reasoning_tokens: "reasoning tokens", requests: "requests" };
const PERIODS = { minute: "a minute", day: "a day", week: "a week", month: "a month", total: "in total" };
const STATES = { ok: "within", soft: "soft limit reached", exhausted: "exhausted" };
const URGENCY = { exhausted: 0, soft: 1, ok: 2 };
const OWN = "~own";
const panel = new Panel("budgets");

/** Asks for the budgets that bind a tenant, or all, and shows them; whether that went well. */
export function loadBudgets({ tenant }) {
  const ask = () => call("GET", "budgets", { query: { tenant: tenant === OWN ? undefined : tenant } });
  return panel.load(ask, ({ budgets, next, ledgers_silent }) => {
    const doubts = [
      next !== null && notice("More tenants have budgets than are shown here: choose a tenant."),
      ledgers_silent > 0 && notice(`${counted(ledgers_silent, "ledger")} did not answer: budgets are missing here.`),
    ].filter(Boolean);
    // Callers with keys of their own have no budgets but those of everybody.
    const bound = tenant === OWN ? budgets.filter((budget) => budget.tenant === null) : budgets;
    if (bound.length === 0 && doubts.length > 0) return doubts;
    if (bound.length === 0) return nothing("No budgets. POST /admin/v1/budgets sets one.");
    const sorted = [...bound].sort(
      (one, other) => URGENCY[one.state] - URGENCY[other.state] || used(other) - used(one),
    );
    return [...doubts, el("ul", { class: "items" }, sorted.map(item))];
  });
}

/** Empties the list. */
export function clearBudgets() {
  panel.clear();
}

/** For the length of the bar only. */
function used({ spent, limit }) {
  return Number(limit) > 0 ? Number(spent) / Number(limit) : 1;
}

function item(budget) {
  const { name, state, period, resets_ms, lapsed } = budget;
  const head = el(
    "p",
    { class: "item-head" },
    el("strong", {}, name),
    el("span", { class: `badge ${state}`, "data-testid": "state" }, STATES[state] ?? state),
    el("span", {}, whom(budget)),
  );
  const sums = el(
    "p",
    { class: "sums" },
    quantity(budget, "spent"),
    " of ",
    quantity(budget, "limit"),
    ` ${UNITS[budget.unit] ?? ""} ${PERIODS[period] ?? period} (${percent(used(budget))}); `,
    el("strong", {}, quantity(budget, "headroom"), " left"),
  );
  const about = facts([
    Number(budget.reserved) > 0 && el("span", {}, quantity(budget, "reserved"), " reserved for requests under way"),
    resets_ms && `starts anew in ${until(resets_ms)} (${moment(resets_ms)})`,
    softly(budget),
  ]);
  const warning =
    lapsed > 0 &&
    notice(`${counted(lapsed, "reservation")} ended by deadline after a crash: what is spent may be too low.`);
  return el(
    "li",
    { "data-testid": "budget", "data-name": name },
    el("div", {}, head, meter(budget), sums, about, warning),
  );
}

function whom({ tenant, tag, model }) {
  const parts = [tenant === null ? "everybody" : `tenant ${tenantName(tenant)}`, tag, model];
  return parts.filter(Boolean).join(", ");
}

function quantity(budget, field) {
  if (budget.unit === "usd") return amount(budget[field], { "data-field": field });
  return el("data", { value: budget[field], "data-field": field }, count(budget[field]));
}

function softly({ soft_share, at_soft }) {
  if (typeof soft_share !== "number") return undefined;
  const limits = [
    at_soft?.tier && `the ${at_soft.tier} tier`,
    at_soft?.max_effort && `effort ${at_soft.max_effort}`,
    at_soft?.max_thinking_tokens != null && `${count(at_soft.max_thinking_tokens)} thinking tokens`,
    at_soft?.max_output_tokens != null && `${count(at_soft.max_output_tokens)} output tokens`,
  ].filter(Boolean);
  return `from ${percent(soft_share)} on: ${limits.length ? `at most ${limits.join(", ")}` : "a warning in the answers' headers"}`;
}

function meter(budget) {
  const share = used(budget);
  const reserved = Number(budget.limit) > 0 ? Number(budget.reserved) / Number(budget.limit) : 0;
  const width = (part) => `${(Math.min(Math.max(part, 0), 1) * 100).toFixed(2)}%`;
  const segment = (kind, at, property) => {
    const part = el("span", { class: kind });
    part.style.setProperty(property, width(at));
    return part;
  };
  const shown = [
    segment(`fill ${budget.state}`, share, "inline-size"),
    segment("fill held", Math.min(reserved, 1 - share), "inline-size"),
  ];
  if (typeof budget.soft_share === "number") shown.push(segment("mark", budget.soft_share, "inset-inline-start"));
  return el(
    "div",
    {
      class: "meter",
      role: "meter",
      "aria-label": `${budget.name}: spent`,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(Math.min(share, 1) * 100),
      "aria-valuetext": `${percent(share)} spent`,
    },
    shown,
  );
}
