// The dashboard as the Worker serves it, in a real browser: what it shows is what the ledger says, and its buttons work.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { noBrowser, openDashboard, startBrowser } from "../dashboard/lib/page.mjs";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { post, question, read, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const NEARHIT_PRICES = { "openai/gpt-test": { input: 1000, output: 1000 } };
const HOSTILE = `<img src=x onerror="document.title='owned'">`;
const checks = { skip: noBrowser };

let bench;
let browser;
let key;
before(async () => {
  if (noBrowser) return;
  const vars = { NEARHIT_ADMIN_TOKEN: ADMIN, NEARHIT_PRICES, ACME_OPENAI: "sk-secret-openai" };
  [bench, browser] = await Promise.all([startBench({ vars }), startBrowser()]);
  await admin("PUT", "tenants/acme", { keys: { openai: "ACME_OPENAI" } });
  key = (await admin("POST", "tenants/acme/tokens")).json.token;
  await admin("POST", "budgets", { tenant: "acme", name: "search-daily", unit: "usd", limit: 50, period: "day", tag: "feature=search", soft_share: 0.8 });
});
after(async () => {
  await browser?.close();
  await bench?.dispose();
});

const admin = (...call) => callAdmin(bench, ...call);
const usage = async () => (await admin("GET", "stats")).json.usage;

async function ask(text, { tags = "feature=search", ...more } = {}) {
  bench.upstream.reply = () => json(chatCompletion({ text: `About: ${text}` }));
  return read(await post(`${bench.url}/v1/chat/completions`, question(text, { max_tokens: 50, ...more }), { key, headers: { "x-nearhit-tags": tags } }));
}

/** Waits until the ledger has so many requests: they are written down when their answers have left. */
async function recorded(count) {
  for (let k = 0; k < 100; k += 1) {
    const now = await usage();
    if (now.totals.requests >= count) return now;
    await sleep(50);
  }
  assert.fail("they were not written down");
}

async function board(t, options) {
  const opened = await openDashboard(browser, bench.url, { token: ADMIN, ...options });
  t.after(async () => {
    assert.deepEqual(opened.problems, [], "the page complains of nothing");
    await opened.close();
  });
  return opened;
}

test("the numbers shown are the ledger's", checks, async (t) => {
  await ask("How do I reset my password?");
  await ask("How do I reset my password?");
  const similar = await ask("How can I reset my password?");
  assert.match(similar.cacheStatus, /semantic/);
  await ask("What is a good lamp?", { tags: `feature=${HOSTILE}` });
  await ask("What is a good lamp?", { model: "gpt-of-nobody-knows", tags: "feature=unpriced" });
  const { totals, by_model, by_tag } = await recorded(5);
  const shown = await board(t);
  const tiles = await shown.tiles();
  assert.equal(tiles.saved.value, totals.saved_usd.total);
  assert.equal(tiles.spent.value, totals.cost_usd);
  assert.equal(tiles.requests.shown, String(totals.requests));
  assert.equal(tiles.unpriced.shown, "1");
  assert.match(tiles.hitRatio.shown, /^40\.0\s%$/);
  const models = await shown.rows("Models");
  assert.deepEqual(models.map(([name]) => name.split(" ")[0]), by_model.map(({ model }) => model));
  const features = await shown.rows("Features");
  assert.deepEqual(features.map(([name]) => name.replace(/ unpriced: cost unknown$/, "")), by_tag.feature.map(({ value }) => value));
  assert.equal(await shown.page.title(), "nearhit", "a tag is data");
  const bars = (await shown.chart()).filter(({ requests }) => requests > 0);
  assert.deepEqual(bars.map(({ spent, saved }) => [spent, saved]), [[totals.cost_usd, totals.saved_usd.total]]);
  const [budget] = await shown.items("budget");
  assert.match(budget, /search-daily.*tenant acme.*\$50/s);
});

test("a hit that was wrong is reported by its button, and serves no more", checks, async (t) => {
  const shown = await board(t);
  const hit = shown.page.getByTestId("event").filter({ hasText: "How can I reset my password?" }).first();
  await hit.getByRole("button", { name: "This hit was wrong" }).click();
  await shown.dialog().getByRole("button", { name: "Yes, it was wrong" }).click();
  await shown.page.getByText(/removed|evicted/i).first().waitFor();
  const again = await ask("How can I reset my password?");
  assert.doesNotMatch(again.cacheStatus, /nearhit; hit/);
});

test("an entry is found by its text, read and deleted", checks, async (t) => {
  await ask("Which paint is best for a fence?");
  await recorded(7);
  const shown = await board(t);
  await shown.page.getByRole("searchbox").fill("FENCE");
  await shown.page.getByRole("button", { name: "Search", exact: true }).click();
  const entry = shown.page.getByTestId("entry").filter({ hasText: "Which paint is best for a fence?" });
  await entry.waitFor();
  await entry.getByRole("button", { name: "Show answer" }).click();
  await shown.dialog().getByText("About: Which paint is best for a fence?").waitFor();
  await shown.page.keyboard.press("Escape");
  await entry.getByRole("button", { name: "Delete" }).click();
  await shown.dialog().getByRole("button", { name: /delete/i }).click();
  await entry.getByText("Deleted.").waitFor();
  const again = await ask("Which paint is best for a fence?");
  assert.doesNotMatch(again.cacheStatus, /nearhit; hit/);
});

test("a wrong token shows the form again, and the page itself holds no data", checks, async (t) => {
  const shown = await openDashboard(browser, bench.url);
  t.after(() => shown.close());
  await shown.page.getByLabel("Admin token").fill("wrong");
  await shown.page.getByRole("button", { name: "Sign in" }).click();
  await shown.page.getByRole("alert").waitFor();
  const page = await fetch(`${bench.url}/dashboard`);
  assert.match(page.headers.get("content-security-policy"), /default-src 'none'; script-src 'self'/);
  assert.doesNotMatch(await page.text(), /acme|gpt-test/);
  assert.equal((await fetch(`${bench.url}/dashboard/../admin/v1/stats`)).status, 401);
  assert.equal((await fetch(`${bench.url}/dashboard/nothing.js`)).status, 404);
});
