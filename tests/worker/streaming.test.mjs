// Answers on their way: they pass as they come, and only those that end well are kept.
import assert from "node:assert/strict";
import { once } from "node:events";
import test, { after, before } from "node:test";
import { question, rawRequest, read, said, startBench } from "./lib/bench.mjs";
import { asEvent, chatChunks, chatCompletion, held, json, openaiError, sse, startStream } from "./lib/upstream.mjs";

const ASKED = "What is a good lamp for reading?";
const STREAMED = question(ASKED, { stream: true });
const CHUNKS = chatChunks({ text: "One with a warm light." });
const MISS = /^nearhit; fwd=uri-miss/;
const EXACT = /^nearhit; hit; .*detail=exact$/;

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

/** Writes each piece once the client has read the one before, so the pieces cannot run together. */
async function relayOneByOne(response, reader, pieces) {
  const got = [];
  for (const piece of pieces) {
    response.write(piece);
    const { value } = await reader.read();
    got.push(Buffer.from(value));
  }
  response.end();
  for (let next = await reader.read(); !next.done; next = await reader.read()) got.push(Buffer.from(next.value));
  return got;
}

test("each chunk reaches the client before the upstream sends the next", async () => {
  const { reply, response } = held();
  const caller = bench.caller(() => reply);
  const asked = caller.request(STREAMED);
  startStream(await response);
  const answer = await asked;
  assert.match(answer.headers.get("cache-status"), MISS);
  const pieces = CHUNKS.slice(0, -1).map(asEvent);
  // The test would hang at the first piece if the Worker waited for the second.
  const got = await relayOneByOne(await response, answer.body.getReader(), pieces);
  assert.deepEqual(got.map(String), pieces);
});

test("a stream passes byte for byte, however it is cut and spelled, and is then in the cache", async () => {
  const odd = [": a comment\r\n\r\n", `data:${JSON.stringify({ ...CHUNKS[0], obfuscation: "aB3", x_future: { b: 1.0 } })}\r\n\r\n`, 'id: 7\nretry: 10\nevent: message\n'];
  const bytes = Buffer.from(odd.join("") + CHUNKS.slice(1).map(asEvent).join("").replace("warm", "w\\u0061rm 🦀 é"));
  const { reply, response } = held();
  const { request, ask } = bench.caller(() => reply);
  const asked = request(STREAMED);
  startStream(await response);
  // 7 bytes a piece cuts lines, numbers and the crab's four bytes.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7));
  const got = await relayOneByOne(await response, (await asked).body.getReader(), pieces);
  assert.equal(Buffer.concat(got).toString(), bytes.toString());
  const hit = await ask(ASKED);
  assert.match(hit.cacheStatus, EXACT);
  assert.equal(said(hit), "One with a warm 🦀 é light.");
});

test("a body passes byte for byte, whatever its spelling", async () => {
  const text = JSON.stringify(chatCompletion(), null, "\t").replace("Hello", "H\\u0065llo é 🦀").replace("17", "17.0e0").replace(/,\n/, ' ,\r\n"x_future" : 1e5,\n');
  const { ask } = bench.caller(() => json(text));
  assert.equal((await ask(ASKED)).text, text);
});

test("who has read the end of an answer finds it in the cache", async () => {
  for (const [round, body] of [STREAMED, question(ASKED), STREAMED, question(ASKED)].entries()) {
    const { ask } = bench.caller(({ json: { stream } }) => (stream ? sse(CHUNKS) : json(chatCompletion())));
    assert.match((await ask(body)).cacheStatus, MISS);
    assert.match((await ask(body)).cacheStatus, EXACT, `round ${round}`);
    assert.equal(bench.upstream.requests.length, 1);
  }
});

/** Asks what the provider answers badly, and then again: nothing of the first answer may be there. */
async function leavesNoEntry(reply, body, cacheStatus = MISS) {
  const { ask, request } = bench.caller((_, number) => (number === 1 ? reply : json(chatCompletion({ text: "A good one." }))));
  const answer = await request(body).then(read).catch((error) => ({ broken: error }));
  if (answer.cacheStatus) assert.match(answer.cacheStatus, cacheStatus);
  const next = await ask(ASKED);
  assert.match(next.cacheStatus, MISS);
  assert.equal(said(next), "A good one.");
  return answer;
}

const BAD_STREAMS = {
  "that ends without [DONE]": sse(CHUNKS.slice(0, -1)),
  "that breaks off": sse(CHUNKS, { cutAfter: 3 }),
  "with an event named error": sse([...CHUNKS.slice(0, 3), { event: "error", data: { message: "overloaded" } }, ...CHUNKS.slice(3)]),
  "with an error in an event": sse([...CHUNKS.slice(0, 3), { error: { message: "overloaded", type: "server_error" } }, "[DONE]"]),
  "with an event that is no JSON": sse([...CHUNKS.slice(0, 3), "{", ...CHUNKS.slice(3)]),
  "without a finish reason": sse([...CHUNKS.slice(0, -2), "[DONE]"]),
  "that was cut by its output limit": sse(chatChunks({ finish: "length" })),
  "that was cut by a content filter": sse(chatChunks({ finish: "content_filter" })),
  "of nothing but [DONE]": sse(["[DONE]"]),
};

for (const [name, reply] of Object.entries(BAD_STREAMS)) {
  test(`a stream ${name} leaves no entry`, () => leavesNoEntry(reply, STREAMED));
}

const BAD_BODIES = {
  "that was cut by its output limit": [json(chatCompletion({ finish: "length" })), /detail=truncated$/],
  "that was cut by a content filter": [json(chatCompletion({ finish: "content_filter" })), /detail=content-filter$/],
  "with an error and status 200": [json({ error: { message: "overloaded" } }), /detail=upstream-error$/],
  "that is no completion": [json("<html>not found</html>", { headers: { "content-type": "text/html" } }), /detail=unreadable-answer$/],
};

for (const [name, [reply, cacheStatus]] of Object.entries(BAD_BODIES)) {
  test(`a body ${name} leaves no entry`, () => leavesNoEntry(reply, question(ASKED), cacheStatus));
}

test("a stream that the upstream breaks off does not look complete to the client", async () => {
  const { broken } = await leavesNoEntry(sse(CHUNKS, { cutAfter: 3 }), STREAMED);
  assert.ok(broken, "reading the answer fails");
});

test("a body that the upstream breaks off is a 502 that may be retried, and leaves no entry", async () => {
  const text = JSON.stringify(chatCompletion());
  const half = async (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.write(text.slice(0, 20), () => response.destroy());
  };
  const answer = await leavesNoEntry(half, question(ASKED));
  assert.deepEqual([answer.status, answer.json.error.code, answer.header("x-should-retry")], [502, "upstream_unreachable", undefined]);
});

for (const status of [400, 401, 429, 500, 503]) {
  test(`an upstream's ${status} goes to the client as it came and leaves no entry`, async () => {
    const headers = { "retry-after": "17", "x-request-id": `req_${status}`, "x-ratelimit-remaining-tokens": "0", "x-should-retry": "true" };
    for (const body of [question(ASKED), STREAMED]) {
      const answer = await leavesNoEntry(openaiError(status, "not now", { headers, param: "model", code: "c" }), body);
      assert.equal(answer.status, status);
      assert.equal(answer.text, '{"error":{"message":"not now","type":"server_error","param":"model","code":"c"}}');
      for (const [name, value] of Object.entries(headers)) assert.equal(answer.header(name), value);
      assert.equal(answer.cacheStatus, `nearhit; fwd=uri-miss; fwd-status=${status}`);
      assert.equal(answer.header("x-nearhit-entry"), undefined);
    }
  });
}

/** Starts to ask, lets the provider begin as `begin` says, goes away, and waits until the provider has noticed. */
async function goAway(body, begin) {
  const { reply, response } = held();
  const caller = bench.caller((_, number) => (number === 1 ? reply : json(chatCompletion({ text: "A good one." }))));
  const client = rawRequest(bench.url, { key: caller.key, body: JSON.stringify(body) });
  await begin(await response, client.response);
  // A mere close could as well be half of one: it is noticed when the next chunk cannot be delivered.
  client.request.socket.resetAndDestroy();
  const [seen] = bench.upstream.requests;
  await seen.closed;
  assert.equal(seen.aborted, true);
  const next = await caller.ask(ASKED);
  assert.match(next.cacheStatus, MISS);
  assert.equal(said(next), "A good one.");
}

test("a client that leaves in the middle of a stream ends the upstream's work and leaves no entry", () =>
  goAway(STREAMED, async (response, answer) => {
    startStream(response);
    response.write(asEvent(CHUNKS[0]));
    await once(await answer, "data");
  }));

test("a client that leaves before the last event of a stream ends the upstream's work and leaves no entry", () =>
  goAway(STREAMED, async (response, answer) => {
    startStream(response);
    response.write(CHUNKS.slice(0, -1).map(asEvent).join(""));
    await once(await answer, "data");
  }));

test("a client that leaves before a stream begins ends the upstream's work and leaves no entry", () =>
  goAway(STREAMED, () => {}));

test("a client that leaves while a whole body is awaited ends the upstream's work and leaves no entry", () =>
  goAway(question(ASKED), () => {}));

test("a client that leaves in the middle of a whole body ends the upstream's work and leaves no entry", () =>
  goAway(question(ASKED), async (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    await new Promise((written) => response.write(JSON.stringify(chatCompletion()).slice(0, 20), written));
  }));
