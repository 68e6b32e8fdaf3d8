// The model in the isolate, asked over HTTP, against the reference that was computed without it.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { startUpstream } from "./lib/upstream.mjs";
import { startWorker } from "./lib/world.mjs";

const REFERENCE = path.join(import.meta.dirname, "../../models/embedder/reference.json");

let upstream, worker, client;
before(async () => {
  upstream = await startUpstream();
  worker = await startWorker({ vars: { OPENAI_BASE_URL: `${upstream.url}/v1` } });
  client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "sk-test", maxRetries: 0 });
});
after(async () => {
  await worker.dispose();
  upstream.close();
});

const length = (vector) => Math.hypot(...vector);
const cosine = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0) / (length(a) * length(b));

for (const encoding_format of ["float", "base64", undefined]) {
  test(`the Worker's vectors are the reference's (cosine >= 0.999), encoding ${encoding_format ?? "left to the SDK"}`, async (t) => {
    const reference = JSON.parse(fs.readFileSync(REFERENCE, "utf8"));
    const input = reference.map(({ text }) => text);
    const { data, model, usage } = await client.embeddings.create({ model: "nearhit-embed", input, encoding_format });
    assert.equal(model, "nearhit-embed");
    assert.equal(usage.total_tokens, reference.reduce((sum, { ids }) => sum + ids.length, 0));
    let worst = 1;
    for (const [k, { text, vector }] of reference.entries()) {
      const raw = data[k].embedding;
      const found = typeof raw === "string" ? [...new Float32Array(Uint8Array.from(Buffer.from(raw, "base64")).buffer)] : raw;
      assert.equal(found.length, vector.length);
      if (length(vector) === 0) assert.equal(length(found), 0, text);
      else worst = Math.min(worst, cosine(found, vector));
    }
    assert.ok(worst >= 0.999, `worst cosine ${worst}`);
    t.diagnostic(`${reference.length} texts, worst cosine ${worst.toFixed(6)}`);
    assert.equal(upstream.requests.length, 0, "no provider was asked");
  });
}

test("a text over the model's length is a 400 that names it, and another model goes upstream", async () => {
  const long = client.embeddings.create({ model: "nearhit-embed", input: ["short", "word ".repeat(300)] });
  await assert.rejects(long, (error) => error.status === 400 && error.param === "input[1]");
  await fetch(`${worker.url}/v1/embeddings`, { method: "POST", headers: { authorization: "Bearer k" }, body: JSON.stringify({ model: "text-embedding-3-small", input: "x" }) }).then((answer) => answer.arrayBuffer());
  assert.equal(upstream.requests.length, 1);
});
