// What people write as the values of options, made into what the API wants.
import { UsageTrouble } from "./trouble.mjs";

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A time as people write it, in milliseconds since 1970: a date, a date with a time (UTC unless it says otherwise), or milliseconds. */
export function timeOf(option, text) {
  if (text === undefined) return undefined;
  if (/^\d{11,15}$/.test(text)) return Number(text);
  const zoned = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(text) ? `${text.replace(" ", "T")}Z` : text;
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(zoned) : NaN;
  if (Number.isNaN(ms)) throw new UsageTrouble(`--${option} is '${text}'; it must be like 2026-11-24, 2026-11-24T12:00, or milliseconds since 1970.`);
  return ms;
}

/** "24h" in milliseconds. */
export function spanOf(option, text) {
  const [, number, unit] = text.match(/^(\d{1,6})([smhdw])$/) ?? [];
  if (!Number(number)) throw new UsageTrouble(`--${option} is '${text}'; it must be like 90m, 24h, 7d or 4w.`);
  return Number(number) * UNITS[unit];
}

/** A whole number from `least` on. */
export function wholeOf(option, text, least = 0) {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text) || Number(text) < least) throw new UsageTrouble(`--${option} is '${text}'; it must be a whole number${least ? ` from ${least} on` : ""}.`);
  return Number(text);
}

/** A number, or null for "none". */
export function wholeOrNone(option, text) {
  return text === "none" ? null : wholeOf(option, text);
}

/** A text, or null for "none". */
export function textOrNone(text) {
  return text === "none" ? null : text;
}

/** "on" or "off". */
export function switchOf(option, text) {
  if (text === undefined) return undefined;
  if (!["on", "off"].includes(text)) throw new UsageTrouble(`--${option} is '${text}'; it must be on or off.`);
  return text === "on";
}

/** "name=value" as a pair. */
export function pairOf(option, text) {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw new UsageTrouble(`--${option} is '${text}'; it must be like name=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What is not undefined. */
export function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
