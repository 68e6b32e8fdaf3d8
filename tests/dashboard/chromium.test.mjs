// How the tests come by a browser.
import assert from "node:assert/strict";
import test from "node:test";
import { findChromium } from "../../scripts/lib/chromium.mjs";

test("a browser that is named and does not start is a reason, not a search for another one", async (context) => {
  const before = process.env.CHROMIUM;
  context.after(() => (before === undefined ? delete process.env.CHROMIUM : (process.env.CHROMIUM = before)));
  for (const named of ["/no/such/browser", "/bin/false"]) {
    process.env.CHROMIUM = named;
    assert.deepEqual(await findChromium(), { reason: `CHROMIUM is ${named}, which does not start.` });
  }
});

test("a browser is found or the reason is told, and asking twice at once gets the same one", async () => {
  const [one, other] = await Promise.all([findChromium(), findChromium()]);
  assert.ok(Boolean(one.path) !== Boolean(one.reason));
  assert.deepEqual(one, other);
});
