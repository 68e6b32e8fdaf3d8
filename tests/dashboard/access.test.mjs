// The dashboard for everyone: by keyboard, by ear, on a telephone, in the dark, and without motion.
import assert from "node:assert/strict";
import test from "node:test";
import { budgets, cell, events, stats } from "./lib/canned.mjs";
import { faintTexts } from "./lib/contrast.mjs";
import { TOKEN } from "./lib/mock.mjs";
import { useDashboard } from "./lib/use.mjs";

const { mock, open, checks } = useDashboard();
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

/** Presses Tab until `id` or a text has the focus. */
async function tabTo(page, wanted, limit = 80) {
  for (let presses = 0; presses < limit; presses += 1) {
    if ((await focused(page)) === wanted) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${wanted} cannot be reached with Tab`);
}

test("everything can be done by keyboard: sign in, choose a time, report a hit, search, sign out", checks, async () => {
  const { page, settled, dialog } = await open({ token: undefined });
  assert.equal(await focused(page), "token");
  await page.keyboard.type(TOKEN);
  await page.keyboard.press("Enter");
  await settled();

  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the numbers");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowRight");
  await settled();
  assert.equal(mock.asked.filter(({ route }) => route === "stats").at(-1).query.grain, "day");

  await tabTo(page, "This hit was wrong");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "Cancel", "what cannot be undone is not what Enter does first");
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "hidden" });
  assert.equal(await focused(page), "This hit was wrong", "the focus comes back");
  await page.keyboard.press("Enter");
  for (const next of ["Yes, it was wrong", "Cancel"]) await tabTo(page, next, 4);
  await tabTo(page, "Yes, it was wrong", 4);
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Reported").waitFor();

  await tabTo(page, "entry-text");
  await page.keyboard.type("dogs");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Page 1, 1").waitFor();
  await page.locator("#sign-out").focus();
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "token");
});

test("turning pages keeps the focus on the button", checks, async () => {
  const { page } = await open();
  await page.locator("#page-next").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Page 2, 7").waitFor();
  assert.equal(await focused(page), "page-next");
});

test("a screen reader finds landmarks, headings, captions, labels and what has just happened", checks, async () => {
  const { page, status } = await open();
  for (const landmark of ["banner", "main", "contentinfo", "search"]) assert.equal(await page.getByRole(landmark).count(), 1, landmark);
  const headings = await page.getByRole("heading").evaluateAll((all) => all.map((one) => [one.tagName, one.textContent]));
  assert.deepEqual(headings[0], ["H1", "nearhit"]);
  assert.ok(headings.slice(1).every(([tag]) => tag === "H2") && headings.length > 10);
  assert.equal(await page.getByRole("region").count(), headings.length - 1, "every heading names its region");
  const captions = await page.locator("table").evaluateAll((all) => all.map((one) => one.caption?.textContent));
  assert.ok(captions.length > 7 && captions.every(Boolean), captions.join());
  const nameless = await page
    .locator("input, select, button")
    .evaluateAll((all) =>
      all.filter((one) => one.checkVisibility() && !(one.labels?.[0]?.textContent || one.textContent).trim()).map((one) => one.outerHTML),
    );
  assert.deepEqual(nameless, []);
  assert.equal(await status(), "Up to date.");
  assert.match(await page.getByTestId("updated").innerText(), /^Updated at \d\d:\d\d:\d\d$/);
  const button = page.getByRole("button", { name: "This hit was wrong" }).first();
  const about = await button.evaluate((one) => document.getElementById(one.getAttribute("aria-describedby")).textContent);
  assert.equal(about, "How can I reset my password?", "each button says which hit it is for");
});

/** Names and texts without a place to break the line at: wherever the API lets a client choose them. */
function unbroken() {
  const long = "x".repeat(250);
  const [event] = events(mock.now);
  const [budget] = budgets(mock.now);
  mock.entries[0].text = long;
  mock.entries[1].tags = { feature: long };
  mock.answers["GET events"] = () => ({ body: { events: [{ ...event, asked: long, model: long, tags: { feature: long } }] } });
  mock.answers["GET budgets"] = () => ({ body: { budgets: [{ ...budget, name: long.slice(0, 64), tag: `feature=${long}` }] } });
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => {
    const row = cell({ requests: 1_234_567, cost: "1234567.000000", saved: { total: "999.990000" } });
    const more = {
      by_model: [{ model: long, ...row }],
      by_tag: { [long]: [{ value: long, ...row }] },
      by_decision: [{ decision: "miss", reason: long, ...row }],
    };
    return { body: stats({ from: Number(from), to: Number(to), grain, ...more }) };
  };
}

for (const width of [320, 360, 768, 1280]) {
  test(`at ${width} pixels nothing has to be scrolled sideways, and every control is large enough to touch`, checks, async () => {
    unbroken();
    const { page } = await open({ width, height: 740 });
    await page.getByText("The same as a table").click();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    const outside = await page
      .locator("#app *")
      .evaluateAll((all) =>
        all
          .filter(
            (one) =>
              one.checkVisibility() && !one.closest(".scroll, .hidden, .skip") && one.getBoundingClientRect().right > innerWidth + 0.5,
          )
          .map((one) => one.outerHTML),
      );
    assert.deepEqual(outside, []);
    const small = await page
      .locator("#app button, #app select")
      .evaluateAll((all) =>
        all.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML),
      );
    assert.deepEqual(small, []);
    await page.getByRole("button", { name: "Show answer" }).first().click();
    const { x, width: wide } = await page.getByRole("dialog").boundingBox();
    assert.ok(x >= 0 && x + wide <= width);
  });
}

for (const dark of [false, true]) {
  test(`every text stands out as AA asks ${dark ? "in the dark" : "in the light"}`, checks, async () => {
    const { page, signIn } = await open({ dark, token: undefined });
    await page.getByLabel("Admin token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "refused" }).waitFor();
    assert.deepEqual(await faintTexts(page), []);
    await signIn(TOKEN);
    assert.deepEqual(await faintTexts(page), []);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
    assert.equal(ground < 128, dark);
    await page.evaluate(() => document.getElementById("tiles").style.setProperty("color", "rgb(128, 128, 128)"));
    assert.notEqual((await faintTexts(page)).length, 0, "a faint text would be found");
  });
}

test("who wants no motion gets none", checks, async () => {
  const moving = ({ page }) =>
    page.locator("#app *").evaluateAll((all) => all.filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length);
  assert.equal(await moving(await open({ still: true })), 0);
  assert.ok((await moving(await open({ still: false }))) > 0);
});
