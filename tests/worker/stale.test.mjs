// Answers past their time: served while they are refreshed, when the upstream fails, or to those who ask for them.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { said, startBench } from "./lib/bench.mjs";
import { chatCompletion, json, openaiError } from "./lib/upstream.mjs";

const ASKED = "What is a good lamp?";
const SHORT = { headers: { "x-nearhit-ttl": "1" } };
const EXPIRED_MS = 1100; // there is no event for the passing of a second

let bench;
before(async () => {
  bench = await startBench({ vars: { NEARHIT_CACHE: { stale_while_revalidate_secs: 1, stale_if_error_secs: 600 } } });
});
after(() => bench.dispose());

/** A caller whose answer has expired; the provider numbers its answers, and says `then` from the second on. */
async function expired(then, ms = EXPIRED_MS) {
  const numbered = (_, number) => (then && number > 1 ? then : json(chatCompletion({ text: `answer ${number}` })));
  const caller = bench.caller(numbered);
  await caller.ask(ASKED, SHORT);
  await sleep(ms);
  return caller;
}

async function until(what, within = 3000) {
  const deadline = Date.now() + within;
  while (!what()) {
    assert.ok(Date.now() < deadline, `${what} within ${within} ms`);
    await sleep(20);
  }
}

test("stale-while-revalidate: the old answer at once, one refresh behind it, then the new one", async () => {
  const { ask } = await expired();
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(ASKED)));
  for (const answer of answers) {
    assert.equal(said(answer), "answer 1");
    assert.match(answer.cacheStatus, /^nearhit; hit; ttl=-?\d; key="\w{8}"; detail=stale-while-revalidate$/);
  }
  await until(() => bench.upstream.requests.length > 1);
  await sleep(200); // the refresh is kept a moment after the provider was asked
  const fresh = await ask(ASKED);
  assert.deepEqual([said(fresh), bench.upstream.requests.length], ["answer 2", 2]);
  assert.match(fresh.cacheStatus, /detail=exact$/);
});

test("stale-if-error: the old answer when the upstream fails, and the reason", async () => {
  const { ask } = await expired(openaiError(503), 3200);
  const answer = await ask(ASKED);
  assert.deepEqual([answer.status, said(answer)], [200, "answer 1"]);
  assert.match(answer.cacheStatus, /^nearhit; hit; ttl=-\d+; key="\w{8}"; detail="stale-if-error;status=503"$/);
  assert.equal(bench.upstream.requests.length, 2);
});

test("an expired answer is asked for again when the upstream works", async () => {
  const { ask } = await expired(undefined, 3200);
  const answer = await ask(ASKED);
  assert.deepEqual([said(answer), answer.cacheStatus], ["answer 2", "nearhit; fwd=stale; stored"]);
});

test("max-stale takes an expired answer, and no refresh is needed for it", async () => {
  const { ask } = await expired(undefined, 3200);
  const answer = await ask(ASKED, { headers: { "cache-control": "max-stale=60" } });
  assert.equal(said(answer), "answer 1");
  assert.match(answer.cacheStatus, /detail=max-stale$/);
  assert.equal(bench.upstream.requests.length, 1);
});
