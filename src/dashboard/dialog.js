// The one dialog of the page. The browser keeps the focus inside and gives it back; Escape closes it.
import { announce, button, byId, el } from "./dom.js";

const dialog = byId("dialog");
let opened = 0;
let whenClosed;

dialog.addEventListener("close", () => !dialog.open && finish());

function finish() {
  const told = whenClosed;
  whenClosed = undefined;
  told?.();
}

/** Closes whatever is open. */
export function closeDialog() {
  dialog.close();
}

/**
 * Asks before something is done for good, does it, and stays open with the reason where that fails.
 * @template T
 * @param {{title: string, body: Node[], action: string, run: () => Promise<T>}} question
 * @returns {Promise<T | undefined>} what `run` gave; undefined when the reader thought better of it
 */
export function confirm({ title, body, action, run }) {
  const said = el("p", { role: "alert", class: "dialog-alert" });
  const go = button(action, start, { class: "danger" });
  const done = resolvers();
  let running;
  const id = open(title, [...body, said], [button("Cancel", closeDialog, { autofocus: true }), go], () =>
    done.resolve(running),
  );
  return done.promise;

  async function start() {
    if (running) return;
    go.setAttribute("aria-disabled", "true");
    said.textContent = "";
    const work = run();
    // Who closes the dialog while it is being done still learns how it ended.
    running = work.catch(() => undefined);
    try {
      await work;
      if (id === opened) closeDialog();
    } catch (fault) {
      said.textContent = fault.message;
      if (id !== opened || !dialog.open) announce(fault.message);
      running = undefined;
      go.removeAttribute("aria-disabled");
    }
  }
}

function resolvers() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

/** Shows something to read, with a button that closes it. Gives back the function that fills in what comes later. */
export function show(title, body) {
  const id = open(title, body, [button("Close", closeDialog)], () => {});
  return (later) => {
    if (id === opened) dialog.querySelector(".dialog-body").replaceChildren(...later);
  };
}

function open(title, body, buttons, closed) {
  if (dialog.open) {
    closeDialog();
    finish();
  }
  const heading = el("h2", { id: "dialog-title", tabindex: "-1", autofocus: buttons.length === 1 }, title);
  const content = el("div", { class: "dialog-body" }, body);
  dialog.replaceChildren(heading, content, el("div", { class: "actions" }, buttons));
  whenClosed = closed;
  dialog.showModal();
  opened += 1;
  return opened;
}
