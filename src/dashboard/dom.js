// Elements. Whatever comes from the API gets into the page as text nodes and attribute values only.
import { money } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. A function among the attributes listens to the event of its name, true stands alone (`disabled`), and
 * undefined, null and false are left out. Children are nodes, texts, or nothing.
 */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Makes an element of SVG, in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

/** An amount of money as it is read, with the exact one beside it for machines and for the pointer. */
export function amount(decimal, attributes = {}) {
  return el("data", { value: decimal, title: `$${decimal}`, ...attributes }, money(decimal));
}

/** A button that is no submit button. */
export function button(label, click, attributes = {}) {
  return el("button", { type: "button", click, ...attributes }, label);
}

/** Small facts in a row; what is missing is left out. */
export function facts(items) {
  return el(
    "ul",
    { class: "facts" },
    items.filter(Boolean).map((item) => el("li", {}, item)),
  );
}

/** Labels as `name=value`. */
export function tagList(tags) {
  return Object.entries(tags ?? {}).map(([name, value]) => el("span", { class: "tag" }, `${name}=${value}`));
}

/** A message that is to be noticed without being an error. */
export function notice(...children) {
  return el("p", { class: "notice" }, ...children);
}

/**
 * A table of numbers: the first column names the row, the others stand right. The roles are said again, for some browsers
 * forget them where a telephone's layout breaks the rows.
 * @param {string} caption
 * @param {string[]} heads
 * @param {{cells: (Node | string)[], name?: string | number}[]} rows
 * @param {{hiddenCaption?: boolean, kind?: string}} options
 */
export function table(caption, heads, rows, { hiddenCaption = false, kind } = {}) {
  const head = heads.map((name) => el("th", { scope: "col", role: "columnheader" }, name));
  const body = rows.map(({ cells: [first, ...rest], name }) => {
    const cells = rest.map((cell) => el("td", { role: "cell" }, cell));
    return el("tr", { role: "row", "data-name": name }, el("th", { scope: "row", role: "rowheader" }, first), cells);
  });
  return el(
    "table",
    { role: "table", class: kind },
    el("caption", { class: hiddenCaption && "hidden" }, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
    el("tbody", { role: "rowgroup" }, body),
  );
}

/** A bar of `share` (0 to 1) of its width. It repeats a number that stands beside it, so it is hidden from readers. */
export function bar(share, kind = "") {
  const fill = el("span", { class: `fill ${kind}` });
  fill.style.setProperty("inline-size", `${(Math.min(Math.max(share || 0, 0), 1) * 100).toFixed(2)}%`);
  return el("span", { class: "bar", "aria-hidden": "true" }, fill);
}

/** Says something to everyone: it is read aloud, and stands at the top of the page. */
export function announce(text) {
  byId("status").textContent = text;
}
