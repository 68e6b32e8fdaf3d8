// Exact and semantic hits against a bare JavaScript Worker that makes one Durable Object round trip.
import fs from "node:fs";
import path from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { load, question } from "./load.mjs";

const SCRIPT = path.join(import.meta.dirname, "baseline.mjs");
const CHAT = "/v1/chat/completions";
const ROUNDS = 3;

/** @returns rows of the table */
export async function hits(world) {
  const bare = await startBare();
  const base = (await bare.ready).origin;
  const url = world.url + CHAT;
  await load(url, () => question("How do I reset my password?"), 1, 1);
  const subjects = {
    bare: [base, () => question("How do I reset my password?")],
    exact: [url, () => question("How do I reset my password?")],
    semantic: [url, () => question("How can I reset my password?")],
  };
  const rows = [];
  for (const [concurrency, count] of [[1, 600], [32, 3000]]) {
    const best = {};
    // The three take turns, so that whatever else the machine does meets them all.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, [at, body]] of Object.entries(subjects)) {
        const { p50, perSecond } = await load(at, body, count, concurrency);
        best[name] = { p50: Math.min(best[name]?.p50 ?? Infinity, p50), perSecond: Math.max(best[name]?.perSecond ?? 0, perSecond) };
      }
    }
    for (const name of ["exact", "semantic"]) {
      rows.push({ what: `${name} hit, p50, concurrency ${concurrency}`, ours: ms(best[name].p50), other: `${ms(best.bare.p50)} bare round trip`, ratio: best[name].p50 / best.bare.p50, aim: "<= 2" });
      rows.push({ what: `${name} hit, requests/s, concurrency ${concurrency}`, ours: best[name].perSecond.toFixed(0), other: `${best.bare.perSecond.toFixed(0)} bare round trip`, ratio: best[name].perSecond / best.bare.perSecond, aim: ">= 0.5" });
    }
  }
  await bare.dispose();
  return rows;
}

const ms = (value) => `${value.toFixed(2)} ms`;

function startBare() {
  const worker = {
    name: "bare",
    modulesRoot: import.meta.dirname,
    modules: [{ type: "ESModule", path: SCRIPT, contents: fs.readFileSync(SCRIPT, "utf8") }],
    compatibilityDate: "2026-10-01",
    durableObjects: { BARE: { className: "Bare", useSQLite: true } },
  };
  return new Miniflare({ ...convertV4MiniflareOptions({ workers: [worker] }), host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false }, enableDevRegistry: false, logRequests: false });
}
