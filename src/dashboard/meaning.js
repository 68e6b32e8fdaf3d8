// Recent hits by meaning and near misses, and the word that a hit was wrong.
import { call } from "./api.js";
import { confirm } from "./dialog.js";
import { amount, announce, button, byId, el, facts, tagList } from "./dom.js";
import { counted, moment, score, tenantName } from "./format.js";
import { nothing, Panel } from "./panel.js";

const LIMIT = 50;
const panel = new Panel("events");
/** What the reader has reported in this tab, by the entry's id. */
const reported = new Map();

/** Asks for the latest events of a tenant, and shows them; whether that went well. */
export function loadEvents({ tenant }) {
  const kind = byId("event-kind").value;
  const ask = () => call("GET", "events", { query: { tenant, kind, limit: LIMIT } });
  return panel.load(ask, ({ events }) => {
    if (events.length === 0) return nothing("Nothing was served or nearly served by meaning yet.");
    return el("ol", { class: "items" }, events.map(item));
  });
}

/** Empties the list. */
export function clearEvents() {
  reported.clear();
  panel.clear();
}

function item(event, index) {
  const hit = event.decision.startsWith("hit");
  const asked = el("p", { class: "text", id: `event-${index}` }, event.asked || "(the text is not kept)");
  const head = el(
    "p",
    { class: "item-head" },
    el("span", { class: hit ? "badge good" : "badge" }, hit ? "Hit" : "Near miss"),
    el("span", {}, "score ", el("data", { value: event.score ?? "" }, score(event.score))),
    event.reason && el("span", {}, `reason: ${event.reason}`),
    el("time", { datetime: iso(event.at_ms) }, moment(event.at_ms)),
  );
  const about = [
    event.model,
    event.tenant && `tenant ${tenantName(event.tenant)}`,
    ...tagList(event.tags),
    worth(event, hit),
  ];
  const place = el("div", { class: "actions" });
  if (hit && event.entry) place.append(wrongButton(event.entry, asked, place));
  return el(
    "li",
    { "data-testid": "event", "data-entry": event.entry },
    el("div", {}, head, asked, facts(about)),
    place,
  );
}

function worth({ cost_usd, saved_usd }, hit) {
  if (hit) return saved_usd && el("span", {}, "saved ", amount(saved_usd));
  if (cost_usd === null) return el("span", { class: "unpriced" }, "unpriced: cost unknown");
  return cost_usd && el("span", {}, "cost ", amount(cost_usd));
}

function iso(ms) {
  return typeof ms === "number" && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : undefined;
}

/** The button that reports a hit, or, where the reader has done that, what came of it. */
export function wrongButton(entry, asked, place) {
  if (reported.has(entry)) return el("p", { class: "outcome" }, reported.get(entry));
  return button("This hit was wrong", () => report(entry, asked, place), { "aria-describedby": asked.id });
}

async function report(entry, asked, place) {
  const done = await confirm({
    title: "Was this hit wrong?",
    body: [
      el("blockquote", {}, asked.textContent),
      el(
        "p",
        {},
        "The stored answer is removed at once, the texts that it served never serve each other again, and the scope becomes stricter. This cannot be undone.",
      ),
    ],
    action: "Yes, it was wrong",
    run: () => call("POST", "feedback", { body: { entry, verdict: "bad" } }),
  });
  if (!done) return;
  const outcome = `Reported. ${done.evicted ? "The entry was evicted" : "The entry was gone already"}; ${counted(done.pairs, "pair")} remembered as different.`;
  reported.set(entry, outcome);
  // The same entry may have served several of the hits in view.
  for (const other of document.querySelectorAll("[data-entry]")) {
    if (other.dataset.entry === entry)
      other.querySelector(".actions").replaceChildren(el("p", { class: "outcome", tabindex: "-1" }, outcome));
  }
  place.querySelector(".outcome")?.focus();
  announce(outcome);
}
