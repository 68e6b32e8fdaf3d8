// How things are shown to people. Whatever comes from the API passes `visible`: a stored prompt may hold escape sequences.

// C0 and C1 controls, DEL, and what changes the direction of text or hides itself.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/g;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const COMBINING = /^[\p{M}\ufe0f]+$/u;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

const hex = (char, digits) => char.charCodeAt(0).toString(16).padStart(digits, "0");
const escaped = (char) => SHORT[char] ?? (char < "\u0100" ? `\\x${hex(char, 2)}` : `\\u${hex(char, 4)}`);

/** A text on one line, with control characters written out: `\x1b`. With `lines`, line breaks stay. */
export function visible(text, { lines = false } = {}) {
  return String(text).replace(CONTROL, (char) => (lines && char === "\n" ? char : escaped(char)));
}

/** A JSON document that says the same, without characters that a terminal would act on. */
export function safeJson(text) {
  return text.replace(CONTROL, (char) => (char === "\n" || char === "\t" ? char : char === "\r" ? "" : `\\u${hex(char, 4)}`));
}

/** How many columns of a terminal a text takes. */
export function width(text) {
  let columns = 0;
  for (const { segment } of segmenter.segment(text)) columns += COMBINING.test(segment) ? 0 : WIDE.test(segment) ? 2 : 1;
  return columns;
}

function clipped(text, most) {
  if (width(text) <= most) return text;
  let kept = "";
  let columns = 1; // the ellipsis
  for (const { segment } of segmenter.segment(text)) {
    columns += width(segment);
    if (columns > most) break;
    kept += segment;
  }
  return `${kept}…`;
}

/**
 * Lines up rows below their titles.
 * @param {{title: string, of: (row: any) => unknown, kind?: "text" | "number" | "money", most?: number}[]} columns
 *   `number` stands right, `money` with its points in one line; `most` columns at most
 * @param {{colour?: boolean}} options
 */
export function table(columns, rows, { colour = false } = {}) {
  const shown = columns.map(({ of, kind, most = 80 }) => {
    const cells = rows.map((row) => clipped(visible(of(row) ?? "-"), most));
    return kind === "money" ? alignPoints(cells) : cells;
  });
  const widths = columns.map(({ title }, k) => Math.max(width(title), ...shown[k].map(width)));
  const line = (cells) => cells.map((cell, k) => padded(cell, widths[k], columns[k].kind)).join("  ").trimEnd();
  const head = line(columns.map(({ title }) => title));
  const body = rows.map((_, row) => line(columns.map((_, k) => shown[k][row])));
  return `${[colour ? `\x1b[1m${head}\x1b[0m` : head, ...body].join("\n")}\n`;
}

function padded(cell, columns, kind = "text") {
  const space = " ".repeat(Math.max(0, columns - width(cell)));
  return kind === "text" ? cell + space : space + cell;
}

/** Amounts have six to twelve digits behind the point. */
function alignPoints(cells) {
  const behind = (cell) => (cell.includes(".") ? cell.length - cell.indexOf(".") : 0);
  const most = Math.max(0, ...cells.map(behind));
  return cells.map((cell) => cell + " ".repeat(most - behind(cell)));
}

/** Names and values, a line each; what is undefined is left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== undefined).map(([name, value]) => [visible(name), visible(value ?? "-")]);
  const columns = Math.max(0, ...known.map(([name]) => width(name)));
  return known.map(([name, value]) => `${padded(name, columns)}  ${value}\n`).join("");
}

/** A time in UTC: 2026-11-24T12:00:00Z. */
export function time(ms) {
  const date = typeof ms === "number" ? new Date(ms) : undefined;
  return date && !Number.isNaN(date.getTime()) ? date.toISOString().replace(/\.\d+Z$/, "Z") : ms;
}

/** 1234567 -> "1,234,567". */
export function count(value) {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
}

/** 0.4213 -> "42.1 %". */
export function share(value) {
  return typeof value === "number" ? `${(value * 100).toFixed(1)} %` : value;
}

/** {feature: "search"} -> "feature=search". */
export function tags(value) {
  const pairs = Object.entries(value ?? {}).map(([name, word]) => `${name}=${word}`);
  return pairs.length ? pairs.join(" ") : "-";
}
