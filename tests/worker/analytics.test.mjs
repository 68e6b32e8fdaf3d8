// A bound Workers Analytics Engine dataset gets a point for every request. The platform's stand-in for it keeps nothing, so
// the test binds one that tells the console.
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { question, startBench } from "./lib/bench.mjs";
import { eventually } from "./lib/eventually.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const WRAPPER = `
import Worker, { CacheShard, TenantLedger } from "./index.js";
const NEARHIT_ANALYTICS = { writeDataPoint: (point) => console.log("point " + JSON.stringify(point)) };
export { CacheShard, TenantLedger };
export default { fetch: (request, env, context) => new Worker(context, { ...env, NEARHIT_ANALYTICS }).fetch(request) };
`;

function tellsTheConsole(worker) {
  const [main] = worker.modules;
  worker.modules.unshift({ type: "ESModule", path: path.join(path.dirname(main.path), "wrapped.js"), contents: WRAPPER });
}

test("a request leaves a point with its model, decision, tags and cost", async () => {
  const bench = await startBench({ vars: { NEARHIT_PRICES: { "openai/gpt-test": { input: 1000, output: 1000 } } }, edit: tellsTheConsole });
  try {
    const { ask } = bench.caller(() => json(chatCompletion()));
    const asked = question("What is a good lamp?");
    const headers = { "x-nearhit-tags": "feature=search" };
    assert.equal((await ask(asked, { headers })).status, 200);
    assert.match((await ask(asked, { headers })).cacheStatus, /nearhit; hit/);
    const points = () => bench.logs.map(({ message }) => message.match(/^point (.*)$/)?.[1]).filter(Boolean).map((text) => JSON.parse(text));
    const [miss, hit] = await eventually(async () => points(), (found) => found.length === 2);
    assert.deepEqual(miss.indexes, ["~own"]);
    assert.deepEqual(miss.blobs, ["openai/gpt-test", "miss", "", "", "counted", "priced", "feature=search"]);
    assert.deepEqual(miss.doubles.slice(0, 7), [0.017, 0, 12, 0, 0, 5, 0]);
    assert.deepEqual([hit.blobs[1], hit.doubles.slice(0, 3)], ["hit-exact", [0, 0.017, 0]]);
  } finally {
    await bench.dispose();
  }
});

test("the platform's own stand-in can be bound, and nothing else changes", async () => {
  const bind = (worker) => (worker.analyticsEngineDatasets = { NEARHIT_ANALYTICS: { dataset: "nearhit" } });
  const bench = await startBench({ edit: bind });
  try {
    const { ask } = bench.caller(() => json(chatCompletion()));
    assert.equal((await ask("What is a good lamp?")).status, 200);
  } finally {
    await bench.dispose();
  }
});
