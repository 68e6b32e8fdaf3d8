// The built Worker starts in workerd, and comes back when its runtime is killed.
import assert from "node:assert/strict";
import test from "node:test";
import { startWorker } from "./lib/world.mjs";

test("the Worker serves, and serves again after kill -9", async (t) => {
  const world = await startWorker();
  t.after(() => world.dispose());
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200);
  await world.killRuntime();
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200);
});
