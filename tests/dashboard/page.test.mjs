// The dashboard in a browser, against canned answers: what it shows is what the API says, and every button does what it says.
import assert from "node:assert/strict";
import test from "node:test";
import { TOTALS, cell, stats } from "./lib/canned.mjs";
import { refusal } from "./lib/mock.mjs";
import { tidy } from "./lib/tidy.mjs";
import { useDashboard } from "./lib/use.mjs";

const LENGTH = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const { mock, open, checks } = useDashboard();
const asked = (method, route) => mock.asked.filter((call) => call.method === method && call.route === route);

test("the numbers at the top are the API's: money to the last digit, and rounded for reading", checks, async () => {
  const { tiles, problems } = await open();
  assert.deepEqual(await tiles(), {
    saved: { shown: "$627.56", value: "627.561733" },
    spent: { shown: "$1,235", value: "1234.567890" },
    hitRatio: { shown: "42.4\u00a0%", value: "0.4242" },
    requests: { shown: "12,480", value: "12480" },
    unpriced: { shown: "41", value: "41" },
  });
  assert.deepEqual(problems, []);
});

test("hits by kind and savings by source are the API's", checks, async () => {
  const { rows } = await open();
  assert.deepEqual(await rows("Hits and misses"), [
    ["Exact hit", "3,120", "25.0 %"],
    ["Hit by meaning", "1,604", "12.9 %"],
    ["Stale hit", "12", "0.1 %"],
    ["Collapsed", "388", "3.1 %"],
    ["Miss", "6,900", "55.3 %"],
    ["Refresh", "56", "0.4 %"],
    ["Bypass", "310", "2.5 %"],
    ["Refused", "66", "0.5 %"],
    ["Failed", "24", "0.2 %"],
  ]);
  assert.deepEqual(await rows("Savings by source"), [
    ["Exact hit", "$312.45"],
    ["Hit by meaning", "$98.76"],
    ["Collapsed", "$12.35"],
    ["Provider prefix", "$204.00"],
    ["Routing", "$0.0012"],
  ]);
  assert.deepEqual((await rows("Decisions and reasons")).slice(0, 4), [
    ["miss new", "4,100"],
    ["hit-exact", "3,120"],
    ["hit-semantic", "1,604"],
    ["miss near-miss:numbers", "1,288"],
  ]);
});

test("a model without a price is said to have none, and a cost that is known in part says so", checks, async () => {
  const { rows } = await open();
  assert.deepEqual(await rows("Models"), [
    ["anthropic/claude-opus-5", "$801.25", "$310.10", "31.0 %", "2,900"],
    ["openai/gpt-5", "$433.32", "$317.46", "47.5 %", "7,200"],
    ["openai/gpt-5-nano 3 requests unpriced: cost unknown", "≥ $0.0013", "$0.0012", "52.0 %", "2,100"],
    ["groq/llama-next-preview-with-a-rather-long-name unpriced: cost unknown", "unknown", "$0.00", "0.0 %", "38"],
  ]);
});

test("features stand by cost, and another tag can be chosen", checks, async () => {
  const { page, rows } = await open();
  const first = await rows("Features");
  assert.deepEqual(first[0], ["search", "$700.10", "$402.00", "51.0 %", "6,000"]);
  assert.equal(first.length, 4);
  await page.getByLabel("Tag", { exact: true }).selectOption("team");
  assert.deepEqual(await rows("Features"), [["growth", "$300.00", "$120.00", "40.0 %", "3,000"]]);
});

test("of a long list the dearest ten are shown, and the rest when it is asked for", checks, async () => {
  const many = Array.from({ length: 23 }, (_, at) => ({ model: `openai/model-${at}`, ...cell({ requests: 1 }) }));
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => ({
    body: stats({ from: Number(from), to: Number(to), grain, by_model: many }),
  });
  const { page, rows } = await open();
  assert.equal((await rows("Models")).length, 10);
  await page.getByRole("button", { name: "Show all 23" }).click();
  assert.equal((await rows("Models")).length, 23);
  await page.getByRole("button", { name: "Show the first 10" }).click();
  assert.equal((await rows("Models")).length, 10);
});

for (const [name, grain, periods] of [
  ["Hour", "minute", 60],
  ["24 hours", "hour", 24],
  ["30 days", "day", 30],
]) {
  test(`${name}: ${periods} periods by ${grain}, drawn, and the same in the table, also those without a request`, checks, async () => {
    const board = await open();
    if (name !== "24 hours") await board.chooseRange(name);
    const { query } = asked("GET", "stats").at(-1);
    const [from, to] = [Number(query.from), Number(query.to)];
    assert.equal(query.grain, grain);
    assert.equal(from % LENGTH[grain], 0, "it begins where a period begins");
    assert.equal(Math.floor(to / LENGTH[grain]) * LENGTH[grain] - from, (periods - 1) * LENGTH[grain]);
    assert.ok(Math.abs(to - Date.now()) < 60_000);
    const known = new Map(stats({ from, to, grain }).usage.series.map((period) => [period.start_ms, period]));
    const rows = await board.chart();
    assert.equal(rows.length, periods);
    for (const row of rows) {
      const said = known.get(row.start);
      assert.deepEqual([row.saved, row.spent, row.requests], said ? [said.saved_usd.total, said.cost_usd, said.requests] : ["0", "0", 0]);
    }
    assert.equal(await board.page.locator(".chart rect.spent").count(), known.size);
    assert.equal(await board.page.locator(".chart rect.saved").count(), known.size);
    assert.match(await board.page.getByRole("img").getAttribute("aria-label"), /\$627\.56 saved, \$1,235 spent/);
  });
}

test("a bar is as high as its money, and a loss hangs below the line", checks, async () => {
  const at = (start_ms, cost, total) => ({ start_ms, ...cell({ requests: 1, cost, saved: { total } }) });
  mock.answers["GET stats"] = ({ query: { from, to, grain } }) => {
    const series = [at(Number(from), "4.000000", "2.000000"), at(Number(from) + LENGTH.hour, "2.000000", "-1.000000")];
    return { body: stats({ from: Number(from), to: Number(to), grain, series }) };
  };
  const { page } = await open();
  const boxes = (kind) =>
    page.locator(`.chart rect.${kind}`).evaluateAll((all) => all.map((one) => [one.y.baseVal.value, one.height.baseVal.value]));
  const [[fourTop, four], [, two]] = await boxes("spent");
  const [[gainTop, gain], [lossTop, loss]] = await boxes("saved");
  assert.ok(Math.abs(four - 2 * two) < 0.01 && Math.abs(gain - two) < 0.01 && Math.abs(loss - two / 2) < 0.01);
  assert.ok(Math.abs(gainTop + gain - fourTop) < 0.01, "what was saved stands on what was spent");
  assert.ok(Math.abs(lossTop - (fourTop + four)) < 0.01, "a loss begins at zero");
});

test("the pointer reads a bar", checks, async () => {
  const { page, chart } = await open();
  const bar = page.locator(".chart rect.spent").last();
  await bar.hover();
  const last = (await chart()).filter(({ requests }) => requests > 0).at(-1);
  assert.match(await page.locator(".readout").innerText(), new RegExp(`spent .*, requests ${last.requests}$`));
});

test("budgets say what is spent, what is left and in which state they are, the most urgent first", checks, async () => {
  const { items, page } = await open();
  const shown = await items("budget");
  assert.deepEqual(
    shown.map((text) => text.split(" ")[0]),
    ["burst", "search-daily", "company-month", "thinking"],
  );
  assert.match(shown[0], /^burst exhausted tenant globex 600 of 600 requests a minute \(100\.0 %\); 0 left/);
  assert.match(
    shown[1],
    /soft limit reached tenant acme, feature=search \$21\.50 of \$25\.00 a day \(86\.0 %\); \$3\.25 left \$0\.25 reserved for requests under way starts anew in 4 h/,
  );
  assert.match(shown[1], /from 80\.0 % on: at most the cheap tier, effort low, 2,000 output tokens/);
  assert.match(shown[2], /within everybody \$1,235 of \$4,000 a month/);
  assert.match(shown[3], /250,000 of 2,000,000 reasoning tokens in total \(12\.5 %\); 1,738,000 left .*2 reservations ended by deadline/);
  const meters = await page.getByRole("meter").evaluateAll((all) => all.map((one) => one.ariaValueText.replace(/\s/, " ")));
  assert.deepEqual(meters, ["100.0 % spent", "86.0 % spent", "30.9 % spent", "12.5 % spent"]);
});

test("events show their score, reason and worth, and can be narrowed to one kind", checks, async () => {
  const { items, page } = await open();
  const all = await items("event");
  assert.equal(all.length, 5);
  assert.match(
    all[0],
    /^Hit score 0\.991 .*How can I reset my password\? openai\/gpt-5 tenant acme feature=search saved \$0\.0012 This hit was wrong$/,
  );
  assert.match(all[1], /^Near miss score 0\.961 reason: numbers .*What is 15% of 420\?.* cost \$0\.035$/);
  assert.match(all[3], /unpriced: cost unknown$/);
  await page.getByLabel("Show", { exact: true }).selectOption("near-miss");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=event]").length === 2);
  assert.equal(asked("GET", "events").at(-1).query.kind, "near-miss");
});

test("a hit that was wrong is reported after a question, and the page says what came of it", checks, async () => {
  const { page, dialog, items, status, refresh } = await open();
  const button = page.getByTestId("event").first().getByRole("button", { name: "This hit was wrong" });
  await button.click();
  assert.match(await dialog().innerText(), /Was this hit wrong\?[^]*How can I reset my password\?/);
  await dialog().getByRole("button", { name: "Cancel" }).click();
  assert.equal(asked("POST", "feedback").length, 0);

  await button.click();
  await dialog().getByRole("button", { name: "Yes, it was wrong" }).click();
  await page.getByRole("status").getByText("Reported").waitFor();
  assert.deepEqual(
    asked("POST", "feedback").map(({ body }) => body),
    [{ entry: "0-a1", verdict: "bad" }],
  );
  const outcome = "Reported. The entry was evicted; 1 pair remembered as different.";
  assert.equal(await status(), outcome);
  const told = (texts) => texts.filter((text) => text.endsWith(outcome)).length;
  assert.equal(told(await items("event")), 2, "the other hit that the same entry served is told of too");
  assert.equal(told(await items("entry")), 1, "and so is the entry");
  assert.equal(tidy(await page.evaluate(() => document.activeElement.textContent)), outcome, "the focus went where the button was");
  await refresh();
  assert.equal(told(await items("event")), 2, "it is remembered while the tab is open");
});

test("a report that fails leaves the question open with the reason, and can be tried again", checks, async () => {
  mock.answers["POST feedback"] = () => refusal(503, "Shard 0 does not answer.");
  const { page, dialog } = await open();
  await page.getByRole("button", { name: "This hit was wrong" }).first().click();
  await dialog().getByRole("button", { name: "Yes, it was wrong" }).click();
  await dialog().getByRole("alert").filter({ hasText: "Shard 0 does not answer." }).waitFor();
  delete mock.answers["POST feedback"];
  await dialog().getByRole("button", { name: "Yes, it was wrong" }).click();
  await dialog().waitFor({ state: "hidden" });
  assert.equal(asked("POST", "feedback").length, 2);
});

test("entries are searched by text, and pages are turned both ways", checks, async () => {
  const { page, items, panel } = await open();
  assert.equal((await items("entry")).length, 25);
  await page.getByRole("button", { name: "Next" }).click();
  await panel("Entries").getByText("Page 2, 7 entries").waitFor();
  assert.deepEqual(asked("GET", "entries").at(-1).query, { limit: "25", cursor: "25" });
  await page.getByRole("button", { name: "Next" }).click({ force: true });
  assert.equal(asked("GET", "entries").length, 2, "there is no third page");
  await page.getByRole("button", { name: "Back" }).click();
  await panel("Entries").getByText("Page 1, 25 entries").waitFor();
  await page.getByLabel("Text of the question").fill("DOGS");
  await page.keyboard.press("Enter");
  await panel("Entries").getByText("Page 1, 1 entry").waitFor();
  assert.match(
    (await items("entry"))[0],
    /^Which foods are safe for dogs\? gpt-5 feature=search 39 hits 181 tokens 1\.4 kB made .* fresh until/,
  );
  await page.getByLabel("Text of the question").fill("zebra");
  await page.getByRole("button", { name: "Search" }).click();
  await panel("Entries").getByText("No entry has this text.").waitFor();
});

test("an entry's answer is shown, and its line breaks are kept", checks, async () => {
  const { page, dialog } = await open();
  await page.getByTestId("entry").first().getByRole("button", { name: "Show answer" }).click();
  await page.getByTestId("answer").waitFor();
  assert.equal(await page.getByTestId("answer").innerText(), "Open the settings, then choose “Reset”.\n\nHow do I reset my password?");
  assert.match(await dialog().innerText(), /openai\.chat\.completions/);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "hidden" });
  mock.entries.shift();
  await page.getByTestId("entry").first().getByRole("button", { name: "Show answer" }).click();
  await dialog().getByText("This entry is not there any more").waitFor();
});

test("an entry is deleted after a question; one that has left meanwhile was gone already", checks, async () => {
  const { page, dialog, items } = await open();
  const remove = async (at) => {
    await page.getByTestId("entry").nth(at).getByRole("button", { name: "Delete" }).click();
    await dialog().getByRole("button", { name: "Delete" }).click();
    await dialog().waitFor({ state: "hidden" });
  };
  await page.getByTestId("entry").first().getByRole("button", { name: "Delete" }).click();
  await page.keyboard.press("Escape");
  assert.equal(mock.asked.filter(({ method }) => method === "DELETE").length, 0);
  await remove(0);
  assert.deepEqual(
    mock.asked.filter(({ method }) => method === "DELETE").map(({ route }) => route),
    ["entries/0-a1"],
  );
  assert.match((await items("entry"))[0], /Deleted\.$/);
  mock.entries = mock.entries.filter(({ id }) => id !== "1-e1");
  await remove(1);
  assert.match((await items("entry"))[1], /It was gone already\.$/);
});

test("a tenant narrows everything, and the address keeps the choices", checks, async () => {
  const board = await open();
  mock.asked.length = 0;
  await board.chooseTenant("acme");
  for (const route of ["stats", "events", "budgets", "entries"]) assert.equal(asked("GET", route)[0].query.tenant, "acme", route);
  assert.equal(await board.panel("Tenants").count(), 0);
  assert.match(board.page.url(), /\?range=day&tenant=acme$/);
  await board.chooseTenant("~own");
  assert.equal(asked("GET", "stats").at(-1).query.tenant, "~own");
  assert.deepEqual(
    (await board.items("budget")).map((text) => text.split(" ")[0]),
    ["company-month", "thinking"],
    "own keys have everybody's budgets",
  );

  const kept = await open({ search: "?range=month&tenant=globex" });
  assert.equal(asked("GET", "stats").at(-1).query.grain, "day");
  assert.equal(asked("GET", "stats").at(-1).query.tenant, "globex");
  assert.equal(await kept.page.getByRole("radio", { name: "30 days" }).isChecked(), true);
});

test("an answer that comes late does not take the place of a newer one", checks, async () => {
  const board = await open();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  mock.answers["GET stats"] = async ({ query: { from, to, grain } }) => {
    if (grain === "minute") await held;
    const totals = cell({ ...TOTALS, requests: grain === "minute" ? 1 : 2, saved: TOTALS.saved_usd, cost: TOTALS.cost_usd });
    return { body: stats({ from: Number(from), to: Number(to), grain, totals }) };
  };
  await board.page.getByRole("radio", { name: "Hour", exact: true }).check();
  await board.chooseRange("30 days");
  release();
  await board.page.waitForLoadState("networkidle");
  assert.equal((await board.tiles()).requests.value, "2");
});
