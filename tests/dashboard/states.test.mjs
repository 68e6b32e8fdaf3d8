// The dashboard when something is wrong, missing, late or hostile: tokens, failures, empty answers, and texts that are markup.
import assert from "node:assert/strict";
import test from "node:test";
import { cell, stats } from "./lib/canned.mjs";
import { refusal, TOKEN } from "./lib/mock.mjs";
import { useDashboard } from "./lib/use.mjs";

const { mock, open, checks } = useDashboard();

test("a wrong token shows the form again with a reason, and so does waiting for too many of them", checks, async () => {
  const { page, signIn, tiles } = await open({ token: undefined });
  const alert = page.getByRole("alert");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await alert.innerText(), "Type the admin token.");
  await page.getByLabel("Admin token").fill("wrong");
  await page.keyboard.press("Enter");
  await alert.filter({ hasText: "The token was refused." }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  mock.answers["GET tenants"] = () => refusal(429, "Slow down.", { "retry-after": "42" });
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await alert.filter({ hasText: "Wait 42 seconds" }).waitFor();
  delete mock.answers["GET tenants"];
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await signIn(TOKEN);
  assert.equal((await tiles()).requests.value, "12480");
});

test(
  "the token stays in this tab: it survives a reload, is nowhere else, and signing out forgets it with all numbers",
  checks,
  async () => {
    const { page, settled } = await open();
    await page.reload();
    await settled();
    const kept = () => page.evaluate(() => [Object.values(sessionStorage), localStorage.length, document.cookie, location.href]);
    const [session, ...elsewhere] = await kept();
    assert.deepEqual(session, [TOKEN]);
    assert.ok(!JSON.stringify([elsewhere, await page.content()]).includes(TOKEN));
    await page.getByRole("button", { name: "Sign out" }).click();
    assert.deepEqual((await kept())[0], []);
    assert.equal(await page.getByLabel("Admin token").isVisible(), true);
    assert.doesNotMatch(await page.content(), /627\.56|search-daily|reset my password|acme/);
  },
);

test("a token that ends in the midst of things brings the form back", checks, async () => {
  const { page } = await open();
  mock.answers["GET stats"] = () => refusal(401, "Unauthorized.");
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByRole("alert").filter({ hasText: "The token was refused." }).waitFor();
  assert.equal(await page.getByRole("region", { name: "Budgets" }).count(), 0);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

const FAULTS = [
  ["stats", () => refusal(503, "2 shards do not answer."), /cannot be asked right now.*try again in a minute\. 2 shards/],
  ["budgets", () => refusal(429, "Slow down.", { "retry-after": "30" }), /Wait 30 seconds/],
  ["events", () => ({ body: { events: "none" } }), /has another form than expected/],
  ["entries", () => ({ status: 502, body: "<h1>Bad gateway</h1>" }), /answered with status 502/],
];

for (const [route, fault, message] of FAULTS) {
  test(`when /${route} fails, its panel says so and the others stand; trying again mends it`, checks, async () => {
    mock.answers[`GET ${route}`] = fault;
    const { page, status, items, tiles, settled } = await open();
    assert.equal(await status(), "1 of 4 parts could not be loaded.");
    const alert = page.locator("#app").getByRole("alert");
    assert.equal(await alert.count(), 1);
    assert.match(await alert.innerText(), message);
    const shown = {
      stats: (await tiles()).saved,
      budgets: (await items("budget")).length,
      events: (await items("event")).length,
      entries: (await items("entry")).length,
    };
    for (const [name, content] of Object.entries(shown)) assert.equal(Boolean(content), name !== route, name);
    delete mock.answers[`GET ${route}`];
    await alert.getByRole("button", { name: "Try again" }).click();
    await alert.waitFor({ state: "detached" });
    await settled();
    assert.equal((await tiles()).saved.value, "627.561733");
  });
}

test("one part of the statistics that cannot be shown leaves the other parts alone", checks, async () => {
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => ({
    body: stats({ from: Number(from), to: Number(to), grain, by_model: null }),
  });
  const { panel, rows } = await open();
  assert.match(await panel("Models").innerText(), /has another form than expected/);
  assert.equal((await rows("Hits and misses")).length, 9);
  assert.equal((await rows("Features")).length, 4);
});

test("when the Worker cannot be reached, every panel says so, and the page lives on", checks, async () => {
  const { page, status, refresh, tiles } = await open();
  await page.route("**/admin/v1/**", (route) => route.abort());
  await refresh();
  assert.equal(await status(), "4 of 4 parts could not be loaded.");
  assert.equal(await page.locator("#app").getByRole("alert").filter({ hasText: "could not be reached" }).count(), 4);
  await page.unroute("**/admin/v1/**");
  await refresh();
  assert.equal((await tiles()).requests.value, "12480");
});

test("numbers that are less than the whole truth say so", checks, async () => {
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => {
    const more = { ledgers_silent: 1, ledgers_asked: 3, ledgers_known: 4, unrecorded: 5, overflowed: 2 };
    return { body: { ...stats({ from: Number(from), to: Number(to), grain, ...more }), shards_silent: 2 } };
  };
  mock.answers["GET entries"] = () => ({ body: { entries: [], next: "7", shards_silent: 1 } });
  mock.answers["GET budgets"] = () => ({ body: { budgets: [], next: "acme", ledgers_silent: 1 } });
  const { page, panel } = await open();
  const said = await page.locator("#usage-state").innerText();
  for (const part of [
    /1.ledger of 3 did not answer/,
    /Only 3 of 4.ledgers were asked/,
    /2.shards did not answer/,
    /5.requests could not be recorded/,
    /2.requests had more different labels/,
  ])
    assert.match(said, part);
  assert.match(await panel("Entries").innerText(), /1.shard did not answer[^]*turn to the next page/);
  assert.match(await panel("Budgets").innerText(), /More tenants have budgets[^]*1.ledger did not answer/);
});

test("a deployment without traffic says so everywhere, and is no error", checks, async () => {
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => ({
    body: stats({ from: Number(from), to: Number(to), grain, totals: cell() }),
  });
  mock.answers["GET events"] = () => ({ body: { events: [] } });
  mock.answers["GET budgets"] = () => ({ body: { budgets: [], next: null, ledgers_silent: 0 } });
  mock.answers["GET entries"] = () => ({ body: { entries: [], next: null, shards_silent: 0 } });
  const { panel, tiles, page, problems } = await open();
  assert.equal((await tiles()).hitRatio.shown, "–");
  assert.equal((await tiles()).unpriced, undefined);
  const empty = {
    "Money saved and spent": /No requests/,
    Features: /No tags/,
    Models: /No requests/,
    Budgets: /No budgets/,
    "Hits by meaning and near misses": /Nothing was served/,
    Entries: /Nothing is stored yet/,
  };
  for (const [name, text] of Object.entries(empty)) assert.match(await panel(name).innerText(), text, name);
  assert.equal(await page.locator("#app").getByRole("alert").count(), 0);
  assert.deepEqual(problems, []);
});

test("until answers are there, the panels say that they load", checks, async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  mock.answers["GET budgets"] = async () => (await held, { body: { budgets: [] } });
  const { page, panel, settled } = await open({ token: undefined });
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await panel("Budgets").getByText("Loading …").waitFor();
  assert.equal(await page.locator("#budgets").getAttribute("aria-busy"), "true");
  release();
  await settled();
  assert.equal(await page.locator("#budgets").getAttribute("aria-busy"), null);
});

test("hostile values are text and nothing else, in every list and dialog", checks, async () => {
  const { page, dialog, problems } = await open();
  const harmless = async () => {
    assert.equal(await page.title(), "nearhit");
    assert.deepEqual(await page.evaluate(() => [document.images.length, document.querySelectorAll("body script").length]), [0, 0]);
  };
  await harmless();
  for (const button of ["This hit was wrong", "Show answer", "Delete"]) {
    const items = page.locator("li", { hasText: "<img src=x" }).getByRole("button", { name: button });
    await items.first().click();
    await dialog().getByText("<img src=x").first().waitFor();
    await harmless();
    await page.keyboard.press("Escape");
  }
  assert.deepEqual(problems, []);
});

test("the page's policy is in force, and these tests would see a breach of it", checks, async () => {
  const { page, problems } = await open();
  await page.evaluate(() =>
    document.body.insertAdjacentHTML("beforeend", `<p style="color: red">styled</p><img src="https://example.invalid/x.png">`),
  );
  await page.waitForFunction(() => document.images.length === 1);
  assert.ok(
    problems.some((problem) => /style-src/.test(problem)),
    problems.join(),
  );
  assert.ok(
    problems.some((problem) => /img-src/.test(problem)),
    problems.join(),
  );
});
