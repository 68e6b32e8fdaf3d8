import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MS = 50;
const WITHIN_MS = 5_000;

/** What `read` gives once something has arrived: records are sent when the answer has left. */
export async function eventually(read, arrived) {
  let found;
  for (let waited = 0; waited < WITHIN_MS; waited += EVERY_MS) {
    found = await read();
    if (arrived(found)) return found;
    await sleep(EVERY_MS);
  }
  assert.fail(`it did not arrive; the last was ${JSON.stringify(found)?.slice(0, 500)}`);
}
