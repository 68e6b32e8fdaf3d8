// A test file's mock and browser: started before its tests, cleaned after each, and stopped at the end.
import { after, afterEach, before } from "node:test";
import { startMock, TOKEN } from "./mock.mjs";
import { noBrowser, openDashboard, startBrowser } from "./page.mjs";

/**
 * Call it once, at the top of a test file.
 * @returns {{mock: object, open: Function, checks: {skip: string | false}}} `open` takes the options of `openDashboard` and
 *   signs in unless told otherwise; `checks` are the options of each test
 */
export function useDashboard() {
  const mock = {};
  const opened = [];
  let browser;
  before(async () => {
    if (!noBrowser) [, browser] = await Promise.all([startMock(mock), startBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await mock.close?.();
  });
  afterEach(async () => {
    for (const board of opened.splice(0)) await board.close();
    mock.reset?.();
  });
  const open = async (options) => {
    const board = await openDashboard(browser, mock.url, { token: TOKEN, ...options });
    opened.push(board);
    return board;
  };
  return { mock, open, checks: { skip: noBrowser } };
}
