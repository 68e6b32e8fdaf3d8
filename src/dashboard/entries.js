// The stored answers: a search over them, a look at one, and its removal.
import { call } from "./api.js";
import { confirm, show } from "./dialog.js";
import { announce, button, byId, el, facts, notice, tagList } from "./dom.js";
import { bytes, counted, moment } from "./format.js";
import { wrongButton } from "./meaning.js";
import { failure, nothing, Panel } from "./panel.js";

const PAGE = 25;
const SCOPE_SHOWN = 12;
const panel = new Panel("entries");
/** The cursors of the pages up to the one in view; the first page has none. */
let cursors = [undefined];
let next = null;
let filters = {};

/** Shows the first page of a tenant's entries that match what is typed; whether that went well. */
export function loadEntries({ tenant }) {
  filters = { tenant, q: byId("entry-text").value.trim() };
  return turnTo([undefined]);
}

/** Wires the buttons that turn pages. */
export function wirePager() {
  const turn = async (to) => {
    if (await turnTo(to)) announce(byId("page").textContent);
  };
  byId("page-next").addEventListener("click", () => next && turn([...cursors, next]));
  byId("page-back").addEventListener("click", () => cursors.length > 1 && turn(cursors.slice(0, -1)));
}

/** Empties the list and the search. */
export function clearEntries() {
  panel.clear();
  byId("entry-text").value = "";
  [cursors, next] = [[undefined], null];
  pager("");
}

async function turnTo(pages) {
  const cursor = pages.at(-1);
  const ask = () => call("GET", "entries", { query: { ...filters, limit: PAGE, cursor } });
  return panel.load(ask, (answer) => {
    [cursors, next] = [pages, answer.next];
    pager(`Page ${pages.length}, ${counted(answer.entries.length, "entry", "entries")}`);
    const silent =
      answer.shards_silent > 0 &&
      notice(`${counted(answer.shards_silent, "shard")} did not answer: entries are missing here.`);
    return [silent, list(answer)].filter(Boolean);
  });
}

function list({ entries, next: more, shards_silent }) {
  if (entries.length > 0) return el("ol", { class: "items" }, entries.map(item));
  if (more) return nothing("None in this part of the store. There is more: turn to the next page.");
  if (shards_silent > 0) return nothing("The shards that answered have none.");
  return nothing(filters.q ? "No entry has this text." : "Nothing is stored yet.");
}

function pager(text) {
  byId("page").textContent = text;
  // Not `disabled`: a button that is switched off while it has the focus throws the reader back to the top.
  byId("page-next").setAttribute("aria-disabled", String(!next));
  byId("page-back").setAttribute("aria-disabled", String(cursors.length < 2));
}

function item(entry, index) {
  const text = el("p", { class: "text", id: `entry-${index}` }, entry.text ?? "(the text is not kept)");
  const place = el("div", { class: "actions" });
  const told = { "aria-describedby": text.id };
  place.append(
    button("Show answer", () => look(entry), told),
    button("Delete", () => remove(entry, text, place), told),
    wrongButton(entry.id, text, place),
  );
  return el("li", { "data-testid": "entry", "data-entry": entry.id }, el("div", {}, text, facts(about(entry))), place);
}

function about({ model, tags, hits, tokens, bytes: size, created_ms, expires_ms }) {
  const expired = expires_ms < Date.now();
  return [
    model,
    ...tagList(tags),
    counted(hits, "hit"),
    counted(tokens, "token"),
    bytes(size),
    `made ${moment(created_ms)}`,
    `${expired ? "stale since" : "fresh until"} ${moment(expires_ms)}`,
  ];
}

async function look({ id, text }) {
  const asked = el("blockquote", {}, text ?? "(the text is not kept)");
  const fill = show("Stored answer", [asked, el("p", { class: "loading" }, "Loading …")]);
  try {
    const entry = await call("GET", `entries/${encodeURIComponent(id)}`);
    const scope = typeof entry.scope === "string" ? entry.scope.slice(0, SCOPE_SHOWN) : undefined;
    const more = facts([entry.api, ...about(entry), scope && `scope ${scope}`, `id ${entry.id}`]);
    const answer = el(
      "div",
      { class: "answer", tabindex: "0", role: "region", "aria-label": "Answer", "data-testid": "answer" },
      entry.answer || "(no text)",
    );
    fill([asked, el("h3", {}, "Answer"), answer, more]);
  } catch (fault) {
    fill([asked, failure(gone(fault))]);
  }
}

/** An entry may leave between the list and the click. */
function gone(fault) {
  if (fault.status === 404)
    fault.message = "This entry is not there any more: it was evicted, deleted, or has expired.";
  return fault;
}

async function remove({ id }, text, place) {
  const done = await confirm({
    title: "Delete this entry?",
    body: [
      el("blockquote", {}, text.textContent),
      el("p", {}, "The next request for it goes to the provider. This cannot be undone."),
    ],
    action: "Delete",
    run: () =>
      call("DELETE", `entries/${encodeURIComponent(id)}`).then(
        () => "Deleted.",
        (fault) => {
          if (fault.status === 404) return "It was gone already.";
          throw fault;
        },
      ),
  });
  if (!done) return;
  const outcome = el("p", { class: "outcome", tabindex: "-1" }, done);
  place.replaceChildren(outcome);
  outcome.focus();
  announce(done);
}
