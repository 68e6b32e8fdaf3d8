// What goes on to the provider, and what of its answer comes back.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";
import { question, rawRequest, read, said, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "What is a good lamp for reading?";
const BODY = JSON.stringify(question(ASKED));

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

async function send(headers, { body = BODY, ...more } = {}) {
  const { key } = bench.caller();
  const response = await rawRequest(bench.url, { key, body, headers, ...more }).response;
  response.resume();
  assert.equal(response.statusCode, 200);
  return { key, seen: bench.upstream.requests[0] };
}

test("the client's key and its own headers reach the provider as they are", async () => {
  const headers = {
    accept: "application/json",
    "user-agent": "OpenAI/JS 7.0.0",
    "openai-organization": "org-1",
    "openai-beta": "assistants=v2",
    "idempotency-key": "stainless-node-retry-1",
    "x-stainless-lang": "js",
    "x-custom": "anything, at=all; \"quoted\"",
    "cache-control": "max-age=60",
  };
  const { key, seen } = await send(headers);
  assert.equal(seen.headers.authorization, `Bearer ${key}`);
  assert.equal(seen.headers["content-type"], "application/json");
  assert.equal(seen.headers.host, new URL(bench.upstream.url).host);
  for (const [name, value] of Object.entries(headers)) assert.equal(seen.headers[name], value, name);
});

test("an x-api-key is a credential as well, with a cache of its own", async () => {
  for (const key of ["sk-one", "sk-other"]) {
    const { seen } = await send({ authorization: undefined, "x-api-key": key });
    assert.equal(seen.headers["x-api-key"], key);
    assert.equal(seen.headers.authorization, undefined);
  }
});

test("what is meant for nearhit or for one hop alone does not reach the provider", async () => {
  const kept = {
    cookie: "session=1",
    "cf-connecting-ip": "203.0.113.7",
    "cf-ray": "1",
    "cf-aig-cache-ttl": "60",
    "cdn-loop": "cloudflare",
    "x-nearhit-mode": "exact",
    "x-nearhit-ttl": "60",
    "x-nearhit-tags": "feature=search",
    "helicone-cache-enabled": "true",
    "x-portkey-cache-namespace": "n",
    "x-bf-cache-ttl": "60s",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-real-ip": "203.0.113.7",
    forwarded: "for=203.0.113.7",
    via: "1.1 somewhere",
    te: "trailers",
    "keep-alive": "timeout=5",
    "proxy-authorization": "Basic eA==",
    "x-hop": "1",
    connection: "close, x-hop",
  };
  const { seen } = await send(kept);
  const { connection: _, ...gone } = kept;
  for (const name of Object.keys(gone)) assert.equal(seen.headers[name], undefined, name);
  // `cf-worker` is the platform's own, added to every request that a Worker makes; the prefix is for the provider.
  const others = Object.keys(seen.headers).filter((name) => /^(cf-|x-nearhit|x-forwarded)/.test(name) && !["cf-worker", "x-nearhit-prefix"].includes(name));
  assert.deepEqual(others, []);
  assert.doesNotMatch(seen.headers.connection ?? "", /x-hop/);
});

test("the body reaches the provider byte for byte", async () => {
  const odd = ` {\t"temperature" : 1.0,\r\n"seed":9007199254740993, "max_tokens": 1e5, "top_p":0.10000000000000001,
    "messages":[{"content":"caf\\u00e9 \\ud83e\\udd80 \\/ é 🦀 \\u0000","role":"user","name":null}] ,"model":"gpt-test","x_future":{"z":1,"a":[ ]}}\n\n`;
  const { key, seen } = await send({}, { body: odd });
  assert.equal(seen.bytes.toString(), odd);
  assert.equal(seen.headers["content-length"], String(Buffer.byteLength(odd)));
  bench.upstream.requests.length = 0;
  await read(await fetch(`${bench.url}/v1/chat/completions`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: odd }));
  assert.equal(bench.upstream.requests.length, 0, "and is found again");
});

test("files go up and sound comes down as they are, past the cache", async () => {
  const sound = Buffer.from(Array.from({ length: 70_000 }, (_, k) => (k * 7) % 256));
  const { key } = bench.caller(() => async (response) => {
    response.writeHead(200, { "content-type": "audio/mpeg" });
    response.end(sound);
  });
  const form = new FormData();
  form.set("file", new Blob([sound]), "a.bin");
  form.set("purpose", "naïve 🦀");
  for (const number of [1, 2]) {
    const answer = await fetch(`${bench.url}/v1/audio/translations`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: form }).then(read);
    assert.equal(answer.cacheStatus, "nearhit; fwd=bypass; detail=unsupported-path");
    assert.ok(answer.bytes.equals(sound));
    const seen = bench.upstream.requests[number - 1];
    assert.match(seen.headers["content-type"], /^multipart\/form-data; boundary=/);
    assert.ok(seen.bytes.includes(sound) && seen.text.includes("naïve 🦀"));
  }
});

test("the path after /v1 and the query reach the provider", async () => {
  const { seen } = await send({}, { path: "/v1/chat/completions?api-version=2026-01-01&x=%2F%20" });
  assert.equal(seen.path, "/v1/chat/completions?api-version=2026-01-01&x=%2F%20");
});

test("the provider's headers come back, but for cookies, its connection's and its own Cache-Status", async () => {
  const passing = {
    "x-request-id": "req_1",
    "openai-processing-ms": "12",
    "x-ratelimit-remaining-requests": "99",
    "openai-version": "2020-10-01",
  };
  const gone = { "set-cookie": "a=b", "cache-status": "theirs; hit", "x-hop": "1", connection: "close, x-hop", "keep-alive": "timeout=9", "strict-transport-security": "max-age=1" };
  const { ask } = bench.caller(() => json(chatCompletion(), { headers: { ...passing, ...gone } }));
  const miss = await ask(ASKED);
  for (const [name, value] of Object.entries(passing)) assert.equal(miss.header(name), value, name);
  assert.equal(miss.header("set-cookie"), undefined);
  assert.equal(miss.header("x-hop"), undefined);
  assert.equal(miss.header("strict-transport-security"), undefined, "the provider does not speak for the operator's domain");
  assert.equal(miss.cacheStatus, "nearhit; fwd=uri-miss; stored");
  const hit = await ask(ASKED);
  assert.notEqual(hit.header("x-request-id"), "req_1");
  assert.equal(hit.header("openai-processing-ms"), undefined, "a hit does not repeat another exchange's headers");
});

test("a compressed answer is read, kept and given on", async () => {
  const gzipped = (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    response.end(gzipSync(JSON.stringify(chatCompletion({ text: "Small." }))));
  };
  const { ask } = bench.caller(() => gzipped);
  const [miss, hit] = [await ask(ASKED), await ask(ASKED)];
  assert.deepEqual([said(miss), said(hit)], ["Small.", "Small."]);
  assert.equal(bench.upstream.requests.length, 1);
});

test("a redirect of the provider is the client's to follow", async () => {
  const elsewhere = (response) => response.writeHead(307, { location: "https://example.com/v1" }).end();
  const { request } = bench.caller(() => elsewhere);
  const answer = await request(ASKED, { redirect: "manual" }).then(read);
  assert.deepEqual([answer.status, answer.header("location")], [307, "https://example.com/v1"]);
  assert.equal(bench.upstream.requests.length, 1);
});
