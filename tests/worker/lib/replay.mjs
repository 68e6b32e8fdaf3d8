// What an SDK gives for an answer: from the provider itself, through nearhit, and from nearhit's cache.
import assert from "node:assert/strict";

/** Two questions that mean the same. */
export const FIRST = "How do I reset my password?";
export const SIMILAR = "How can I reset my password?";
/** How an answer is asked for. */
export const WAYS = ["body", "stream"];

/** Every first way with every second one. */
export const ORDERS = WAYS.flatMap((first) => WAYS.map((then) => ({ first, then })));

/** The same for each kind of second question: a test's title, and what `compare` takes. */
export const REPLAYS = Object.entries({ "the same question": FIRST, "a question that means the same": SIMILAR }).flatMap(([kind, second]) =>
  ORDERS.map(({ first, then }) => ({ title: `a ${first} answers ${kind} as a ${then}, with every part of it`, how: { first, then, second } })),
);

/**
 * Asks the provider without nearhit; then through it, once `first` and once `then`, and compares.
 * @param {{bench: object, api: import("./apis.mjs").Api, ask: (at: {url: string, key: string}, way: string, params: object) => Promise<object>}} with
 *   `ask`: puts one request with an SDK; what it gives is compared as JSON, where what is undefined is absent
 * @param {string} name what the answer holds
 * @param {import("./apis.mjs").Case} given
 * @param {{first: string, then: string, second?: string, more?: object, keepsIds?: boolean}} how
 *   `keepsIds`: the provider keeps the exchange, so nothing of it is named anew
 */
export async function compare({ bench, api, ask }, name, { answer, freed = answer, unkept = freed, asks }, { first, then, second = FIRST, more, keepsIds = false }) {
  const caller = bench.caller();
  const put = async (url, way, text) => plain(await ask({ url, key: caller.key }, way, api.params(text, { ...asks, ...more })));
  const direct = (answer, way) => {
    bench.upstream.reply = api.provider(answer);
    return put(bench.upstream.url, way, FIRST);
  };
  const kept = second === FIRST ? answer : more?.store === false ? unkept : freed;
  const wanted = { hit: await direct(kept ?? answer, then), miss: await direct(answer, first) };
  bench.upstream.requests.length = 0;
  const miss = await put(bench.url, first, FIRST);
  const hit = await put(bench.url, then, second);
  assert.equal(bench.upstream.requests.length, kept ? 1 : 2, `${name}: the second answer comes from ${kept ? "the cache" : "the provider"}`);
  assert.deepEqual(miss, wanted.miss, `${name}: the miss is as the provider gave it`);
  assert.deepEqual(api.lasting(hit), api.lasting(wanted.hit), `${name}: the second answer`);
  if (kept) checkIds(api, name, api.ids(hit), api.ids(wanted.hit), keepsIds);
  return { caller, miss, hit };
}

/** The same for each of several answers. */
export async function compareAll(subject, cases, how) {
  for (const [name, given] of Object.entries(cases)) await compare(subject, name, given, how);
}

function checkIds({ idShape }, name, ids, provided, keepsIds) {
  if (keepsIds) return assert.deepEqual(ids, provided, `${name}: the provider knows the answer by its ids`);
  for (const id of ids) assert.match(id, idShape, name);
  assert.equal(new Set([...ids, ...provided]).size, 2 * provided.length, `${name}: everything has an id of its own`);
}

function plain(result) {
  return JSON.parse(JSON.stringify(result));
}

/** A value without the fields of some names, at any depth. */
export function without(value, names) {
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept.map(([name, field]) => [name, without(field, names)]));
}
