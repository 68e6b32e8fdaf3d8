// A dashboard in a browser, and what it shows: for the mock and for the real Worker alike.
import { chromium } from "playwright-core";
import { CHROMIUM_FLAGS, findChromium } from "../../../scripts/lib/chromium.mjs";
import { tidy } from "./tidy.mjs";

const found = await findChromium((line) => process.stderr.write(`${line}\n`));

/** Why there is no browser, for `skip`; false when there is one. */
export const noBrowser = found.reason ?? false;

/** Starts the browser, with an empty profile. */
export function startBrowser() {
  return chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS });
}

/**
 * Opens the dashboard of a Worker, and signs in where a token is given.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url of the Worker, without a path
 * @param {{token?: string, search?: string, width?: number, height?: number, dark?: boolean, still?: boolean}} options
 */
export async function openDashboard(browser, url, { token, search = "", width = 1280, height = 900, dark = false, still = true } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: still ? "reduce" : "no-preference",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const problems = watch(page);
  await page.goto(`${url}/dashboard${search}`);
  const board = { page, problems, close: () => context.close(), ...actions(page), ...readers(page) };
  if (token) await board.signIn(token);
  return board;
}

/** Every complaint of the page: errors, and what its content security policy has stopped. */
function watch(page) {
  const problems = [];
  page.on("pageerror", (fault) => problems.push(`error: ${fault.message}`));
  page.on("console", (message) => {
    // A refused request is the test's own doing; the browser reports each in these words.
    const asked = /^Failed to load resource: the server responded with a status of/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !asked) problems.push(`${message.type()}: ${message.text()}`);
  });
  return problems;
}

function actions(page) {
  const settled = () => page.waitForFunction(() => /^Up to date|parts could not/.test(document.getElementById("status").textContent));
  return {
    settled,
    /** Types the token and waits until all panels are there. */
    async signIn(token) {
      await page.getByLabel("Admin token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
      await settled();
    },
    /** Chooses "Hour", "24 hours" or "30 days". */
    async chooseRange(name) {
      await page.getByRole("radio", { name, exact: true }).check();
      await settled();
    },
    async chooseTenant(id) {
      await page.getByLabel("Tenant", { exact: true }).selectOption(id);
      await settled();
    },
    async refresh() {
      await page.getByRole("button", { name: "Refresh", exact: true }).click();
      await settled();
    },
    panel: (name) => page.getByRole("region", { name, exact: true }),
    dialog: () => page.getByRole("dialog"),
  };
}

function readers(page) {
  const exact = async (testid) => {
    const data = page.getByTestId(testid);
    return (await data.count()) ? { shown: (await data.innerText()).trim(), value: await data.getAttribute("value") } : undefined;
  };
  return {
    /** The numbers at the top: as they are read, and exact. */
    async tiles() {
      const names = { saved: "saved-total", spent: "spent-total", hitRatio: "hit-ratio", requests: "requests", unpriced: "unpriced" };
      return Object.fromEntries(await Promise.all(Object.entries(names).map(async ([name, id]) => [name, await exact(id)])));
    },
    /** The rows of the table in a panel: each cell as it is read. */
    rows: async (name) => {
      const rows = await page.getByRole("region", { name, exact: true }).first().locator("tbody tr").all();
      return Promise.all(rows.map(async (row) => (await row.locator("th, td").allInnerTexts()).map(tidy)));
    },
    /** The rows of the chart's table: `{start, saved, spent, requests}`, exact. */
    async chart() {
      return page
        .getByTestId("chart-table")
        .locator("tbody tr")
        .evaluateAll((rows) =>
          rows.map((row) => {
            const [saved, spent] = [...row.querySelectorAll("data")].map(({ value }) => value);
            return {
              start: Number(row.dataset.name),
              saved,
              spent,
              requests: Number(row.lastElementChild.textContent.replaceAll(",", "")),
            };
          }),
        );
    },
    /** The items of a list: "event", "entry" or "budget", as they are read. */
    items: async (testid) => (await page.getByTestId(testid).allInnerTexts()).map(tidy),
    status: async () => tidy(await page.getByRole("status").innerText()),
  };
}
