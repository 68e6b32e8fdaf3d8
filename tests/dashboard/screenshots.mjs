// Takes the README's pictures of the dashboard, over canned answers: node tests/dashboard/screenshots.mjs
import path from "node:path";
import { HOSTILE, stats } from "./lib/canned.mjs";
import { startMock, TOKEN } from "./lib/mock.mjs";
import { noBrowser, openDashboard, startBrowser } from "./lib/page.mjs";

const DOCS = path.resolve(import.meta.dirname, "../../docs");

if (noBrowser) throw new Error(noBrowser);
const mock = {};
const [, browser] = await Promise.all([startMock(mock), startBrowser()]);
// The canned answers have a hostile tag in them, which no picture needs.
const plain = (value) => JSON.parse(JSON.stringify(value).replaceAll(JSON.stringify(HOSTILE).slice(1, -1), "onboarding"));
mock.answers["GET stats"] = ({ query: { from, to, grain } }) => ({ body: plain(stats({ from: Number(from), to: Number(to), grain })) });
for (const [name, options] of [["dashboard", {}], ["dashboard-dark", { dark: true }]]) {
  const board = await openDashboard(browser, mock.url, { token: TOKEN, width: 1280, height: 1080, ...options });
  await board.page.screenshot({ path: path.join(DOCS, `${name}.png`) });
  await board.close();
}
await browser.close();
await mock.close();
