// What may be spent: `budgets`.
import { segment } from "./api.mjs";
import { defined, textOrNone, wholeOrNone } from "./given.mjs";
import { count, time, visible } from "./show.mjs";
import { UsageTrouble } from "./trouble.mjs";

const FIELDS = ["tag", "model", "unit", "limit", "period"];
const SOFT = { "soft-tier": "tier", "soft-max-effort": "max_effort", "soft-max-thinking-tokens": "max_thinking_tokens", "soft-max-output-tokens": "max_output_tokens" };
const CHANGEABLE = [...FIELDS, "soft_share", "at_soft"];

const COLUMNS = [
  { title: "BUDGET", of: (budget) => budget.name },
  { title: "TENANT", of: (budget) => budget.tenant ?? "everybody" },
  { title: "ONLY", of: (budget) => [budget.tag, budget.model].filter(Boolean).join(" ") || "-", most: 40 },
  { title: "PERIOD", of: (budget) => budget.period },
  { title: "UNIT", of: (budget) => budget.unit },
  { title: "LIMIT", kind: "money", of: (budget) => count(budget.limit) },
  { title: "SPENT", kind: "money", of: (budget) => count(budget.spent) },
  { title: "HEADROOM", kind: "money", of: (budget) => count(budget.headroom) },
  { title: "STATE", of: (budget) => budget.state },
  { title: "RESETS", of: (budget) => (budget.resets_ms === null ? "never" : time(budget.resets_ms)) },
];

async function list({ api, options, show, table, note }) {
  let found;
  for await (const page of api.pages((cursor) => api.call("GET", "budgets", { query: defined({ tenant: options.tenant, cursor }) }))) {
    const { budgets = [], ledgers_silent } = found ?? {};
    found = { ...page, budgets: [...budgets, ...page.budgets] };
    if (ledgers_silent) found.ledgers_silent += ledgers_silent;
  }
  await show({ document: found }, () => (found.budgets.length ? table(COLUMNS, found.budgets) : "There are none.\n"));
  if (found.ledgers_silent) await note(visible(`${found.ledgers_silent} ledgers did not answer: their budgets are missing.`));
}

async function showBudget({ api, options, args: [name], show, facts }) {
  const { text, json } = await api.call("GET", `budgets/${segment(name)}`, { query: { tenant: options.tenant } });
  await show({ text }, () => shown(json, facts));
}

function shown(budget, facts) {
  const soft = Object.entries(budget.at_soft ?? {}).filter(([, value]) => value !== null).map(([name, value]) => `${name}=${value}`);
  return facts([
    ["budget", budget.name], ["tenant", budget.tenant ?? "everybody"], ["tag", budget.tag], ["model", budget.model],
    ["limit", `${count(budget.limit)} ${budget.unit} (period: ${budget.period})`], ["spent", count(budget.spent)], ["reserved", count(budget.reserved)],
    ["headroom", count(budget.headroom)], ["state", budget.state], ["soft share", budget.soft_share], ["from there on", soft.join(" ") || "-"],
    ["lapsed reservations", count(budget.lapsed)], ["resets", budget.resets_ms === null ? "never" : time(budget.resets_ms)], ["created", time(budget.created_ms)],
  ]);
}

/** The limits that the options name. A dollar limit stays the text that it is: no float comes in between. */
function limitsOf(options) {
  const { tag, model, unit, period } = options;
  const limits = defined({ tag: tag && textOrNone(tag), model: model && textOrNone(model), unit, limit: options.limit, period });
  const share = options["soft-share"];
  if (share !== undefined) {
    if (share !== "none" && !(Number(share) > 0 && Number(share) <= 1)) throw new UsageTrouble(`--soft-share is '${share}'; it must be a number up to 1, or none.`);
    limits.soft_share = share === "none" ? null : Number(share);
  }
  const soft = Object.entries(SOFT).filter(([option]) => options[option] !== undefined)
    .map(([option, name]) => [name, name.endsWith("tokens") ? wholeOrNone(option, options[option]) : textOrNone(options[option])]);
  if (soft.length) limits.at_soft = Object.fromEntries(soft);
  return limits;
}

/** The API replaces all limits, so what is not named is read first; what is not there yet is made. */
async function set({ api, options, args: [name], show, facts }) {
  const limits = limitsOf(options);
  if (Object.keys(limits).length === 0) throw new UsageTrouble("What is to be set? Say at least one option.");
  const path = `budgets/${segment(name)}`;
  const query = { tenant: options.tenant };
  const { json: old, status } = await api.call("GET", path, { query, accept: [404] });
  const { text, json } = status === 404 ? await make(api, options, name, limits) : await api.call("PUT", path, { query, body: merged(old, limits) });
  await show({ text }, () => shown(json, facts));
}

function make(api, options, name, limits) {
  const missing = ["limit", "unit", "period"].filter((field) => limits[field] === undefined);
  if (missing.length) throw new UsageTrouble(`There is no budget '${name}'${options.tenant ? ` of ${options.tenant}` : ""} yet; to make it say ${missing.map((field) => `--${field}`).join(", ")} too.`);
  return api.call("POST", "budgets", { body: defined({ name, tenant: options.tenant, ...written(limits) }) });
}

function merged(old, limits) {
  const kept = Object.fromEntries(CHANGEABLE.filter((field) => old[field] !== undefined).map((field) => [field, old[field]]));
  // Without a share nothing of it would ever apply.
  if (limits.soft_share === null && !limits.at_soft) return written({ ...kept, ...limits, at_soft: null });
  const at_soft = limits.at_soft ? { ...old.at_soft, ...limits.at_soft } : kept.at_soft;
  return written({ ...kept, ...limits, ...(at_soft === undefined ? {} : { at_soft }) });
}

/** Dollars go as text, anything else as a number; what is no number goes as it is, and the API says what is wrong. */
function written(limits) {
  const { unit, limit } = limits;
  return unit !== "usd" && /^\d{1,15}$/.test(String(limit)) ? { ...limits, limit: Number(limit) } : limits;
}

async function deleteBudget({ api, options, args: [name], show }) {
  await api.call("DELETE", `budgets/${segment(name)}`, { query: { tenant: options.tenant } });
  await show({ document: { name, deleted: true } }, () => `Removed ${visible(name)}.\n`);
}

const TENANT = { tenant: { value: "TENANT", about: "whose budget it is; without: of the whole deployment" } };

/** `budgets`. */
export const BUDGETS = {
  about: "limits on what requests may spend",
  usual: "list",
  actions: {
    list: { about: "all budgets, and how much of them is left", options: { tenant: { value: "TENANT", about: "only this tenant's" } }, run: list },
    show: { about: "one budget", args: ["<budget>"], options: TENANT, run: showBudget },
    set: {
      about: "make a budget, or change it; what is not named stays, and so does what was spent",
      args: ["<budget>"],
      options: {
        ...TENANT,
        limit: { value: "N", about: "how much may be spent in a period" },
        unit: { value: "UNIT", about: "of what: usd, tokens, reasoning_tokens or requests" },
        period: { value: "PERIOD", about: "day, week, month, total, or minute (for requests alone); in UTC" },
        tag: { value: "NAME=VALUE", about: "only requests with this tag; none: all" },
        model: { value: "MODEL", about: "only requests to this model, like openai/gpt-5; none: all" },
        "soft-share": { value: "SHARE", about: "the share of the limit from which the soft limits apply, like 0.8; none: never" },
        "soft-tier": { value: "TIER", about: "from there on routes choose at most: cheap or middle" },
        "soft-max-effort": { value: "EFFORT", about: "from there on the highest reasoning effort" },
        "soft-max-thinking-tokens": { value: "N", about: "from there on the most tokens of thinking" },
        "soft-max-output-tokens": { value: "N", about: "from there on the most tokens of output" },
      },
      run: set,
    },
    delete: { about: "remove a budget", args: ["<budget>"], options: TENANT, run: deleteBudget },
  },
};
