// Identical misses at the same time, in workerd: the parts that only the platform can break.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chunksOf } from "./lib/answers.mjs";
import { question, rawRequest, said, startBench } from "./lib/bench.mjs";
import { asEvent, chatCompletion, held, json, openaiError, startStream } from "./lib/upstream.mjs";

const ASKED = "What is a good lamp?";
const STREAMED = question(ASKED, { stream: true });
const COLLAPSED = "nearhit; fwd=uri-miss; collapsed; detail=collapsed";
const CHUNKS = chunksOf(chatCompletion({ text: "A bright one." })).map(asEvent);
/** Long enough for requests to have come to wait: nothing outside sees that they do. */
const SETTLED_MS = 300;

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

/** A caller whose first answer the test gives by hand, and the others come at once. */
function caller(next = json(chatCompletion({ text: "A second one." }))) {
  const { reply, response } = held();
  return { ...bench.caller((_, number) => (number === 1 ? reply : next)), response };
}

const answerWhole = (response, text = "A bright one.") => json(chatCompletion({ text }))(response);

test("200 identical requests at once cost one upstream call", async () => {
  const { ask, response } = caller();
  const asked = Array.from({ length: 200 }, () => ask(ASKED));
  await answerWhole(await response);
  const answers = await Promise.all(asked);
  assert.equal(bench.upstream.requests.length, 1);
  assert.ok(answers.every((answer) => said(answer) === "A bright one."));
  assert.equal(answers.filter(({ cacheStatus }) => cacheStatus === "nearhit; fwd=uri-miss; stored").length, 1);
  assert.ok(answers.every(({ cacheStatus }) => /stored$|collapsed$|^nearhit; hit/.test(cacheStatus)));
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 200, "each has an id of its own");
});

/** The pieces of an answer, as they arrive. */
async function open(key, body) {
  const { request, response } = rawRequest(bench.url, { key, body: JSON.stringify(body) });
  const answer = await response;
  const pieces = answer.setEncoding("utf8")[Symbol.asyncIterator]();
  return { request, answer, next: async () => (await pieces.next()).value };
}

async function rest({ next }) {
  let text = "";
  for (let piece = await next(); piece !== undefined; piece = await next()) text += piece;
  return text;
}

test("a stream reaches its followers while the leader is still getting it", async () => {
  const { key, response } = caller();
  const leading = open(key, STREAMED);
  const upstream = await response;
  const following = open(key, STREAMED);
  await sleep(SETTLED_MS);
  startStream(upstream);
  upstream.write(CHUNKS[0]);
  const [leader, follower] = await Promise.all([leading, following]);
  assert.equal(follower.answer.headers["cache-status"], COLLAPSED);
  assert.equal(follower.answer.headers["x-nearhit-cost-usd"], "0");
  assert.equal(await leader.next(), CHUNKS[0]);
  assert.equal(await follower.next(), CHUNKS[0], "the upstream has not said more yet");
  upstream.end(CHUNKS.slice(1).join(""));
  assert.equal(await rest(leader), CHUNKS.slice(1).join(""));
  assert.equal(await rest(follower), CHUNKS.slice(1).join(""));
  assert.equal(bench.upstream.requests.length, 1);
});

test("a body waits for the end of a stream", async () => {
  const { key, ask, response } = caller();
  const leader = open(key, STREAMED);
  const upstream = await response;
  const body = ask(ASKED);
  startStream(upstream);
  upstream.end(CHUNKS.join(""));
  assert.equal(said(await body), "A bright one.");
  assert.match(await rest(await leader), /\[DONE\]/);
  assert.equal(bench.upstream.requests.length, 1);
});

test("when the leader's upstream fails, a follower asks at once", async () => {
  const { ask, response } = caller();
  const leader = ask(ASKED);
  const upstream = await response;
  const follower = ask(ASKED);
  await sleep(SETTLED_MS);
  await openaiError(503)(upstream);
  assert.equal((await leader).status, 503);
  const answer = await follower;
  assert.equal(said(answer), "A second one.");
  assert.equal(answer.cacheStatus, "nearhit; fwd=uri-miss; stored");
});

for (const [name, body] of [["a body", question(ASKED)], ["a stream that has not begun", STREAMED]]) {
  test(`when the leader's client leaves ${name}, its followers get the answer all the same`, async () => {
    const { key, ask, response } = caller();
    const leader = rawRequest(bench.url, { key, body: JSON.stringify(body) });
    const upstream = await response;
    const follower = ask(ASKED);
    await sleep(SETTLED_MS);
    leader.request.socket.resetAndDestroy();
    await sleep(SETTLED_MS);
    // Whoever leads now: the old leader for its followers, or one of them.
    if (bench.upstream.requests.length === 1) await answerWhole(upstream, "A second one.");
    assert.equal(said(await follower), "A second one.");
  });
}

test("when the leader's client leaves in the middle of a stream, the stream goes on for the follower", async () => {
  const { key, response } = caller();
  const leading = open(key, STREAMED);
  const upstream = await response;
  startStream(upstream);
  upstream.write(CHUNKS[0]);
  const leader = await leading;
  await leader.next();
  const follower = await open(key, STREAMED);
  assert.equal(await follower.next(), CHUNKS[0], "late, but from the beginning");
  leader.request.socket.resetAndDestroy();
  await sleep(SETTLED_MS);
  upstream.write(CHUNKS[1]);
  await sleep(SETTLED_MS);
  upstream.end(CHUNKS.slice(2).join(""));
  assert.equal(await rest(follower), CHUNKS.slice(1).join(""));
  assert.equal(bench.upstream.requests.length, 1);
});

test("a follower's leaving disturbs nobody", async () => {
  const { key, ask, response } = caller();
  const leader = ask(ASKED);
  const upstream = await response;
  const leaver = rawRequest(bench.url, { key, body: JSON.stringify(question(ASKED)) });
  const stayer = ask(ASKED);
  await sleep(SETTLED_MS);
  leaver.request.socket.resetAndDestroy();
  await sleep(SETTLED_MS);
  await answerWhole(upstream);
  assert.deepEqual([said(await leader), said(await stayer)], ["A bright one.", "A bright one."]);
  assert.equal(bench.upstream.requests.length, 1);
});

test("followers that left are not waited for when the lease is handed over", async () => {
  const { key, ask, response } = caller();
  const leader = ask(ASKED);
  const upstream = await response;
  const leavers = Array.from({ length: 3 }, () => rawRequest(bench.url, { key, body: JSON.stringify(question(ASKED)) }));
  await sleep(SETTLED_MS);
  const stayer = ask(ASKED);
  await sleep(SETTLED_MS);
  for (const { request } of leavers) request.socket.resetAndDestroy();
  await sleep(SETTLED_MS);
  const failed = Date.now();
  await openaiError(503)(upstream);
  assert.equal(said(await stayer), "A second one.");
  assert.ok(Date.now() - failed < 1000, `${Date.now() - failed} ms`);
  assert.equal((await leader).status, 503);
});

test("when the leader and all its followers have left, the upstream's work ends", async () => {
  const { key, response } = caller();
  const body = JSON.stringify(question(ASKED));
  const leader = rawRequest(bench.url, { key, body });
  await response;
  const follower = rawRequest(bench.url, { key, body });
  await sleep(SETTLED_MS);
  follower.request.socket.resetAndDestroy();
  await sleep(SETTLED_MS);
  leader.request.socket.resetAndDestroy();
  const [seen] = bench.upstream.requests;
  await Promise.race([seen.closed, sleep(4000)]);
  assert.equal(seen.aborted, true);
});

test("kill -9 of the runtime in the middle leaves no lease behind", async () => {
  const own = await startBench();
  try {
    const { reply, response } = held();
    const { ask } = own.caller((_, number) => (number === 1 ? reply : json(chatCompletion({ text: "A second one." }))));
    const lost = [ask(ASKED), ask(ASKED)].map((asked) => asked.catch(() => "lost"));
    await response;
    await own.killRuntime();
    assert.deepEqual(await Promise.all(lost), ["lost", "lost"]);
    assert.equal(said(await ask(ASKED)), "A second one.");
  } finally {
    await own.dispose();
  }
});

test("a wait has an end: after coalesce_secs a silent leader is passed by", async () => {
  const own = await startBench({ vars: { NEARHIT_CACHE: { coalesce_secs: 1 } } });
  try {
    const { reply, response } = held();
    const { ask } = own.caller((_, number) => (number === 1 ? reply : json(chatCompletion({ text: "A second one." }))));
    const leader = ask(ASKED);
    const upstream = await response;
    const started = Date.now();
    assert.equal(said(await ask(ASKED)), "A second one.");
    assert.ok(Date.now() - started < 3000);
    await answerWhole(upstream);
    assert.equal(said(await leader), "A bright one.");
  } finally {
    await own.dispose();
  }
});

test("Anthropic misses with one prefix wait for the leader's first byte when hold_prefix says so", async () => {
  const own = await startBench({ vars: { NEARHIT_CACHE: { hold_prefix: true } } });
  try {
    const message = { id: "msg_1", type: "message", role: "assistant", model: "c", content: [{ type: "text", text: "Yes." }], stop_reason: "end_turn", stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } };
    const { reply, response } = held();
    const { ask } = own.caller((_, number) => (number === 1 ? reply : json(message)));
    const body = (text) => ({ model: "c", max_tokens: 9, system: "You help.", messages: [{ role: "user", content: text }] });
    const asked = ["What is one?", "Where is two?", "Why is three?"].map((text) => ask(body(text), { path: "/v1/messages" }));
    const upstream = await response;
    await sleep(SETTLED_MS);
    assert.equal(own.upstream.requests.length, 1, "the others are held");
    upstream.writeHead(200, { "content-type": "application/json" });
    upstream.write(" ");
    await asked[1];
    await asked[2];
    upstream.end(JSON.stringify(message));
    assert.equal((await asked[0]).status, 200);
    assert.equal(own.upstream.requests.length, 3);
  } finally {
    await own.dispose();
  }
});
