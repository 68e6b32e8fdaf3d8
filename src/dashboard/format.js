// How money, counts, shares and times are written. Money comes as decimal strings and is rounded as decimals.

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const LOCALE = "en-GB";
const NBSP = "\u00a0";
const MINUS = "\u2212";

/** The length of a period of each grain, in ms. */
export const GRAIN_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** US dollars: "12.345678" is "$12.35", "0.00123" "$0.0012", "1234.5" "$1,235"; what is no decimal is "unknown". */
export function money(decimal) {
  const [, sign, whole, fraction = ""] = DECIMAL.exec(decimal) ?? [];
  if (whole === undefined) return "unknown";
  const places = placesFor(whole, fraction);
  const digits = whole + fraction.padEnd(places + 1, "0").slice(0, places + 1);
  const rounded = String((BigInt(digits) + 5n) / 10n).padStart(places + 1, "0");
  const cut = rounded.length - places;
  const cents = rounded.slice(cut).replace(/(?<=^..\d*?)0+$/, "");
  const shown = `$${grouped(rounded.slice(0, cut))}${cents && `.${cents}`}`;
  return sign && /[1-9]/.test(shown) ? MINUS + shown : shown;
}

/** None from a thousand dollars on, two from one dollar on, and below as many as show the first two digits that count. */
function placesFor(whole, fraction) {
  if (BigInt(whole) >= 1000n) return 0;
  const zeros = fraction.search(/[1-9]/);
  return BigInt(whole) >= 1n || zeros < 0 ? 2 : Math.max(2, zeros + 2);
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Is this decimal zero? What is no decimal is not. */
export function isZero(decimal) {
  return DECIMAL.test(decimal) && !/[1-9]/.test(decimal);
}

/** A whole number with its thousands apart. */
export function count(number) {
  return typeof number === "number" ? number.toLocaleString(LOCALE) : "unknown";
}

/** "1 request", "2,000 requests". */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)}${NBSP}${number === 1 ? one : many}`;
}

/** A share as a percentage; null, a share of nothing, is a dash. */
export function percent(share) {
  if (typeof share !== "number") return "–";
  const points = share * 100;
  return `${points > 0 && points < 0.05 ? "<0.1" : points.toFixed(1)}${NBSP}%`;
}

/** How sure a decision was. */
export function score(number) {
  return typeof number === "number" ? number.toFixed(3) : "none";
}

/** "1.4 MB". */
export function bytes(number) {
  if (typeof number !== "number") return "unknown";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let [size, unit] = [number, 0];
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${unit === 0 || size >= 100 ? count(Math.round(size)) : size.toFixed(1)}${NBSP}${units[unit]}`;
}

const CLOCK = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECONDS = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DATE = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const UTC_DATE = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });

/** The start of a period, as short as its grain allows: days are UTC's, the rest is in the reader's time. */
export function periodStart(ms, grain) {
  return grain === "day" ? UTC_DATE.format(ms) : CLOCK.format(ms);
}

/** The start of a period in full. */
export function periodName(ms, grain) {
  return grain === "day" ? `${UTC_DATE.format(ms)} (UTC)` : `${DATE.format(ms)}, ${CLOCK.format(ms)}`;
}

/** "14:03:22" today, "5 Nov, 14:03" on any other day. */
export function moment(ms, now = Date.now()) {
  if (typeof ms !== "number") return "unknown";
  const today = DATE.format(ms) === DATE.format(now) && Math.abs(now - ms) < 2 * GRAIN_MS.day;
  return today ? SECONDS.format(ms) : `${DATE.format(ms)}, ${CLOCK.format(ms)}`;
}

/** How long until then: "2 d 4 h", "4 h 12 min", "3 min", "now". */
export function until(ms, now = Date.now()) {
  const minutes = Math.ceil((ms - now) / 60_000);
  if (minutes <= 0) return "now";
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const parts = days
    ? [
        [days, "d"],
        [hours, "h"],
      ]
    : [
        [hours, "h"],
        [rest, "min"],
      ];
  return parts
    .filter(([number]) => number > 0)
    .map(([number, unit]) => number + NBSP + unit)
    .join(" ");
}

/** A tenant's name as a person reads it. */
export function tenantName(id) {
  return id === "~own" ? "own keys" : id;
}
