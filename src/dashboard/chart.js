// Money over time: one bar a period, what was spent below and what was saved on top of it.
import { el, svg } from "./dom.js";
import { GRAIN_MS, money, periodName, periodStart } from "./format.js";

const HEIGHT = 220;
const EDGE = { top: 10, right: 2, bottom: 24, left: 64 };
const MAX_PERIODS = 1500;
const TICKS = 4;
const LABEL_WIDTH = 76;
/** Bars of less than this are all edge, so they get none. */
const THIN = 8;

/** Every period from `from_ms` to `to_ms`: the API leaves out those without a request. */
export function periods({ from_ms, to_ms, grain, series }) {
  const length = GRAIN_MS[grain];
  const known = new Map(series.map((cell) => [cell.start_ms, cell]));
  const all = [];
  for (let start = Math.floor(from_ms / length) * length; start < to_ms && all.length < MAX_PERIODS; start += length) {
    const cell = known.get(start);
    all.push({
      start_ms: start,
      spent: cell?.cost_usd ?? "0",
      saved: cell?.saved_usd.total ?? "0",
      requests: cell?.requests ?? 0,
    });
  }
  return all;
}

/** The chart, drawn anew whenever its width changes. */
export function moneyChart(usage, summary) {
  const bars = periods(usage);
  const place = el("div", { class: "chart", "data-testid": "chart" });
  const resting = "Each bar is one period. Its whole height is what it would have cost without nearhit.";
  const readout = el("p", { class: "readout", "aria-hidden": "true" }, resting);
  const point = (index) => {
    const { start_ms, spent, saved, requests } = bars[index] ?? {};
    const text = `${periodName(start_ms ?? 0, usage.grain)}: saved ${money(saved)}, spent ${money(spent)}, requests ${requests}`;
    readout.textContent = bars[index] ? text : resting;
  };
  let width = 0;
  const redraw = () => {
    if (place.clientWidth === width || place.clientWidth === 0) return;
    width = place.clientWidth;
    place.replaceChildren(draw(bars, usage.grain, width, summary, point));
  };
  new ResizeObserver(redraw).observe(place);
  return [place, readout];
}

function draw(bars, grain, width, summary, point) {
  const [low, high, step] = range(bars);
  const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
  const y = (value) => EDGE.top + inner.height * (1 - (value - low) / (high - low));
  const pitch = inner.width / bars.length;
  const x = (index) => EDGE.left + pitch * index;
  const hover = svg("rect", {
    class: "hover",
    x: 0,
    y: EDGE.top,
    width: pitch,
    height: inner.height,
    visibility: "hidden",
  });
  const over = (event) => {
    const index = Math.floor((event.offsetX - EDGE.left) / pitch);
    const inside = index >= 0 && index < bars.length;
    hover.setAttribute("visibility", inside ? "visible" : "hidden");
    if (inside) hover.setAttribute("x", x(index));
    point(index);
  };
  const left = () => {
    hover.setAttribute("visibility", "hidden");
    point(-1);
  };
  return svg(
    "svg",
    {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": summary,
      pointermove: over,
      pointerleave: left,
    },
    hover,
    gridLines(low, high, step, width, y),
    bars.map((one, index) => drawBar(one, x(index), pitch, y)),
    labels(bars, grain, width, x),
  );
}

function drawBar({ spent, saved }, left, pitch, y) {
  const [cost, gain] = [Number(spent), Number(saved)];
  const gap = pitch > 6 ? Math.min(pitch * 0.2, 6) : 1;
  const width = Math.max(pitch - gap, 1);
  const spentKind = pitch < THIN ? "spent thin" : "spent";
  const block = (kind, from, to) => {
    const height = Math.abs(y(from) - y(to));
    return (
      height > 0 &&
      svg("rect", { class: kind, x: left + gap / 2, y: Math.min(y(from), y(to)), width, height: Math.max(height, 1) })
    );
  };
  // A loss (routing or a prefix that was written and never read) hangs below the line.
  return [block(spentKind, 0, cost), gain > 0 ? block("saved", cost, cost + gain) : block("saved", 0, gain)];
}

function gridLines(low, high, step, width, y) {
  const lines = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1000; at += step) {
    const value = Math.abs(at) < step / 1000 ? 0 : at;
    lines.push(
      svg("line", { class: value === 0 ? "base" : "grid", x1: EDGE.left, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { class: "axis", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, axisMoney(value, step)),
    );
  }
  return lines;
}

/** All labels of the axis have as many places as its steps need. */
function axisMoney(value, step) {
  const places = step >= 1 ? 0 : Math.min(Math.max(2, Math.ceil(-Math.log10(step) - 1e-9)), 12);
  const shown = Math.abs(value).toLocaleString("en-GB", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  return `${value < 0 ? "\u2212" : ""}$${shown}`;
}

function labels(bars, grain, width, x) {
  const every = Math.max(1, Math.ceil(bars.length / Math.max(2, Math.floor((width - EDGE.left) / LABEL_WIDTH))));
  return bars.flatMap(({ start_ms }, index) => {
    const room = x(index) + LABEL_WIDTH / 2 < width || index === 0;
    if (index % every || !room) return [];
    return svg("text", { class: "axis", x: x(index), y: HEIGHT - 6 }, periodStart(start_ms, grain));
  });
}

/** The lowest and the highest value of the axis, and the distance of its lines: 1, 2 or 5 times a power of ten. */
function range(bars) {
  const top = Math.max(...bars.map(({ spent, saved }) => Number(spent) + Math.max(Number(saved), 0)), 0);
  const bottom = Math.min(...bars.map(({ saved }) => Number(saved)), 0);
  const rough = (top - bottom || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  return [Math.floor(bottom / step) * step, Math.max(Math.ceil(top / step), 1) * step, step];
}
