// The states that every panel has: loading, failed, and what it shows. One that fails leaves the others alone.
import { ApiError } from "./api.js";
import { button, byId, el } from "./dom.js";

/** Hears that the token was refused in the midst of things; set by the page. */
export const session = { refused: () => {} };

/** A part of the page that is filled from one call. Answers that come after a later call are dropped. */
export class Panel {
  #body;
  #failed;
  #turn = 0;
  #filled = false;

  /**
   * @param {string} id of the element that gets the content
   * @param {() => void} failed is called when it shows a failure instead
   */
  constructor(id, failed = () => {}) {
    this.#body = byId(id);
    this.#failed = failed;
  }

  /**
   * Asks, and shows what came.
   * @template T
   * @param {() => Promise<T>} ask
   * @param {(answer: T) => Node | Node[]} show
   * @returns {Promise<boolean>} whether it went well; an answer that nobody waits for any more has
   */
  async load(ask, show) {
    const turn = ++this.#turn;
    this.#body.setAttribute("aria-busy", "true");
    if (!this.#filled) this.#body.replaceChildren(el("p", { class: "loading" }, "Loading …"));
    const asked = await ask().then(
      (answer) => ({ answer }),
      (fault) => ({ fault }),
    );
    if (turn !== this.#turn) return true;
    this.#body.removeAttribute("aria-busy");
    try {
      if (asked.fault) throw asked.fault;
      this.#fill(show(asked.answer));
      return true;
    } catch (fault) {
      this.#failed();
      this.#fill(failure(fault, () => this.#again(ask, show)));
      if (fault.status === 401) session.refused(fault);
      return false;
    }
  }

  /** Empties it: what it showed must not outlive the session. */
  clear() {
    this.#turn += 1;
    this.#body.removeAttribute("aria-busy");
    this.#body.replaceChildren();
    this.#filled = false;
  }

  #fill(content) {
    this.#body.replaceChildren(...[content].flat());
    this.#filled = true;
  }

  /** The button goes with the message, and must not take the reader's place on the page with it. */
  async #again(ask, show) {
    await this.load(ask, show);
    if (document.activeElement === document.body)
      (this.#body.closest("section")?.querySelector("h2") ?? byId("content")).focus();
  }
}

/** Shows several things that stand on one answer: where one cannot be shown, the others are. */
export function each(answer, parts) {
  for (const [id, show] of Object.entries(parts)) {
    try {
      byId(id).replaceChildren(...[show(answer)].flat());
    } catch (fault) {
      byId(id).replaceChildren(failure(fault));
    }
  }
}

/** What went wrong, in words, with a way to try it again. */
export function failure(fault, again) {
  const known = fault instanceof ApiError;
  if (!known) console.warn(fault);
  const text = known ? fault.message : "This could not be shown: the answer has another form than expected.";
  return el("div", { class: "failure", role: "alert" }, el("p", {}, text), again && button("Try again", again));
}

/** What a panel says that has nothing to show. */
export function nothing(text) {
  return el("p", { class: "empty" }, text);
}
