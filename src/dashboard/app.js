// The page: signing in and out, the choices at its top, and asking all panels anew.
//
//   app.js ──┬─ usage.js ── chart.js     GET /stats
//            ├─ budgets.js               GET /budgets
//            ├─ meaning.js               GET /events, POST /feedback
//            └─ entries.js               GET, DELETE /entries
//   under them: panel.js (loading, failed, shown), dialog.js, api.js, dom.js, format.js
import { call, forgetToken, keepToken, token } from "./api.js";
import { clearBudgets, loadBudgets } from "./budgets.js";
import { closeDialog } from "./dialog.js";
import { announce, byId, el } from "./dom.js";
import { clearEntries, loadEntries, wirePager } from "./entries.js";
import { moment, tenantName } from "./format.js";
import { clearEvents, loadEvents } from "./meaning.js";
import { session } from "./panel.js";
import { clearUsage, loadUsage, RANGES } from "./usage.js";

const OWN = "~own";
const TENANTS_PAGE = 100;
const TENANT_PAGES = 20;
const PANELS = [loadUsage, loadBudgets, loadEvents, loadEntries];
let turn = 0;

/** What is chosen at the top of the page. */
function view() {
  return { range: document.querySelector("input[name=range]:checked").value, tenant: byId("tenant").value };
}

/** The choices stand in the address, so that a view can be kept as a bookmark; the token never does. */
function readAddress() {
  const asked = new URLSearchParams(location.search);
  const range = asked.get("range");
  if (Object.hasOwn(RANGES, range ?? "")) document.querySelector(`input[name=range][value=${range}]`).checked = true;
  const tenant = asked.get("tenant");
  if (!tenant) return;
  if (![...byId("tenant").options].some(({ value }) => value === tenant)) byId("tenant").append(tenantOption(tenant));
  byId("tenant").value = tenant;
}

function writeAddress({ range, tenant }) {
  const search = new URLSearchParams({ range, ...(tenant && { tenant }) });
  history.replaceState(null, "", `${location.pathname}?${search}${location.hash}`);
}

function tenantOption(id) {
  return el("option", { value: id }, tenantName(id));
}

async function refresh() {
  const mine = ++turn;
  const chosen = view();
  writeAddress(chosen);
  announce("Loading …");
  const done = await Promise.all(PANELS.map((load) => load(chosen)));
  if (mine !== turn || !token()) return;
  const failed = done.filter((good) => !good).length;
  const now = Date.now();
  const time = el("time", { datetime: new Date(now).toISOString() }, moment(now));
  if (failed < done.length) byId("updated").replaceChildren("Updated at ", time);
  announce(failed ? `${failed} of ${done.length} parts could not be loaded.` : "Up to date.");
}

async function fillTenants() {
  const chosen = byId("tenant").value;
  const ids = [];
  let cursor;
  try {
    for (let page = 0; page < TENANT_PAGES; page += 1) {
      const { tenants, next } = await call("GET", "tenants", { query: { limit: TENANTS_PAGE, cursor } });
      ids.push(...tenants.map(({ id }) => id));
      cursor = next;
      if (!cursor) break;
    }
  } catch (fault) {
    if (fault.status !== 401) byId("tenant-note").textContent = "The list of tenants could not be loaded.";
  }
  if (!token()) return;
  if (cursor) byId("tenant-note").textContent = `The first ${ids.length} tenants. Others: ?tenant=<id> in the address.`;
  const all = [...new Set([OWN, ...ids, ...(chosen ? [chosen] : [])])];
  byId("tenant").replaceChildren(el("option", { value: "" }, "everybody"), ...all.map(tenantOption));
  byId("tenant").value = chosen;
}

function enter() {
  byId("sign-in").hidden = true;
  byId("app").hidden = false;
  byId("token").value = "";
  readAddress();
  byId("tenant-note").textContent = "";
  fillTenants();
  refresh();
}

/** Forgets the token and everything that it brought, and asks for one. */
function leave(message = "") {
  turn += 1;
  forgetToken();
  closeDialog();
  for (const clear of [clearUsage, clearBudgets, clearEvents, clearEntries]) clear();
  byId("tenant").replaceChildren(el("option", { value: "" }, "everybody"), tenantOption(OWN));
  byId("updated").replaceChildren();
  announce("");
  byId("app").hidden = true;
  byId("sign-in").hidden = false;
  complain(message);
  byId("token").focus();
}

function complain(message) {
  byId("sign-in-error").textContent = message;
  byId("token").setAttribute("aria-invalid", String(Boolean(message)));
}

async function signIn(event) {
  event.preventDefault();
  const typed = byId("token").value.trim();
  const go = byId("sign-in-go");
  if (go.getAttribute("aria-disabled") === "true") return;
  if (!/^[\x21-\x7e]+$/.test(typed)) {
    complain(typed ? "A token has no spaces and only plain ASCII characters." : "Type the admin token.");
    byId("token").focus();
    return;
  }
  go.setAttribute("aria-disabled", "true");
  complain("");
  try {
    await call("GET", "tenants", { query: { limit: 1 }, as: typed });
    keepToken(typed);
    enter();
  } catch (fault) {
    complain(fault.message);
    byId("token").select();
    byId("token").focus();
  } finally {
    go.removeAttribute("aria-disabled");
  }
}

function wire() {
  session.refused = (fault) => token() && leave(fault.message);
  byId("sign-in-form").addEventListener("submit", signIn);
  byId("sign-out").addEventListener("click", () => leave());
  byId("refresh").addEventListener("click", refresh);
  byId("tenant").addEventListener("change", refresh);
  byId("range").addEventListener("change", refresh);
  byId("event-kind").addEventListener("change", () => loadEvents(view()));
  byId("entry-search").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await loadEntries(view())) announce(byId("page").textContent);
  });
  wirePager();
}

wire();
if (token()) enter();
else leave();
