// Whether the Worker is well, and the paths that it only passes on.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { read, startBench } from "./lib/bench.mjs";

const ROOT = path.resolve(import.meta.dirname, "../..");
const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) % 256));
const PAST = "nearhit; fwd=bypass; detail=unsupported-path";

let bench;
before(async () => {
  bench = await startBench();
  bench.caller(() => (response) => response.writeHead(201, { "content-type": "application/octet-stream", "x-request-id": "req_up" }).end(BYTES));
});
after(() => bench.dispose());

async function pass(method, path, init = {}) {
  bench.upstream.requests.length = 0;
  const headers = { authorization: "Bearer sk-test", ...init.headers };
  const answer = await read(await fetch(`${bench.url}${path}`, { ...init, method, headers }));
  return { answer, seen: bench.upstream.requests[0] };
}

test("/healthz says that it is well, its version and its model", async () => {
  const { answer, seen } = await pass("GET", "/healthz");
  const [, version] = fs.readFileSync(path.join(ROOT, "Cargo.toml"), "utf8").match(/^version = "(.+)"$/m);
  assert.equal(answer.status, 200);
  const { model, verifier, ...health } = answer.json;
  assert.deepEqual(health, { status: "ok", version, detail: null });
  assert.match(model, /^static-[a-z0-9-]+$/);
  assert.match(verifier, /^cross-[a-z0-9-]+$/);
  assert.equal(seen, undefined, "no upstream is asked");
});

test("a path that nearhit does not know passes through, its bytes unchanged both ways", async () => {
  for (const type of ["application/octet-stream", "multipart/form-data; boundary=x"]) {
    const { answer, seen } = await pass("POST", "/v1/files?purpose=a%2Fb", { body: BYTES, headers: { "content-type": type } });
    assert.deepEqual([seen.method, seen.path, seen.headers["content-type"]], ["POST", "/v1/files?purpose=a%2Fb", type]);
    assert.ok(seen.bytes.equals(BYTES));
    assert.equal(answer.status, 201);
    assert.ok(answer.bytes.equals(BYTES));
    assert.deepEqual([answer.header("content-type"), answer.header("x-request-id")], ["application/octet-stream", "req_up"]);
    assert.equal(answer.cacheStatus, PAST);
  }
});

for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
  test(`${method} passes through and nothing of it is kept`, async () => {
    const init = method === "GET" ? {} : { body: "x" };
    for (const _ of ["once", "and again"]) {
      const { answer, seen } = await pass(method, "/v1/models/gpt-test", init);
      assert.deepEqual([seen.method, seen.path, seen.text], [method, "/v1/models/gpt-test", init.body ?? ""]);
      assert.equal(answer.cacheStatus, PAST);
      assert.ok(answer.bytes.equals(BYTES));
    }
  });
}

test("HEAD passes through without a body", async () => {
  const { answer, seen } = await pass("HEAD", "/v1/models");
  assert.deepEqual([seen.method, answer.status, answer.bytes.length], ["HEAD", 201, 0]);
});

test("a completion is only cached when it is posted", async () => {
  const { answer, seen } = await pass("GET", "/v1/chat/completions?limit=2");
  assert.deepEqual([seen.method, seen.path], ["GET", "/v1/chat/completions?limit=2"]);
  assert.equal(answer.cacheStatus, "nearhit; fwd=bypass; detail=unsupported-method");
});

test("below a chat completion's path is another path", async () => {
  for (const path of ["/v1/chat/completions/chatcmpl-1/messages", "/v1/completions"]) {
    const { answer, seen } = await pass("POST", path, { body: "{}" });
    assert.deepEqual([seen.path, answer.cacheStatus], [path, PAST]);
  }
});

test("an answer without a body keeps its status", async () => {
  for (const status of [204, 304]) {
    bench.upstream.reply = () => (response) => response.writeHead(status, { "x-request-id": "req_up" }).end();
    const { answer } = await pass("DELETE", "/v1/files/f");
    assert.deepEqual([answer.status, answer.bytes.length, answer.header("x-request-id")], [status, 0, "req_up"]);
  }
});
