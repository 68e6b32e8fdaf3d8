// Tenants' tokens in place of provider keys, through the official SDKs, over the real Durable Objects.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ADMIN, admin as callAdmin } from "./lib/admin.mjs";
import { MESSAGES_API } from "./lib/apis.mjs";
import { question, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const SECRETS = { ACME_OPENAI: "sk-secret-openai", ACME_ANTHROPIC: "sk-secret-anthropic" };
const ASKED = question("What is a good lamp?");

let bench;
before(async () => (bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN, ...SECRETS } })));
after(() => bench.dispose());

const admin = (...call) => callAdmin(bench, ...call);

async function tenant(name) {
  const keys = { openai: "ACME_OPENAI", anthropic: "ACME_ANTHROPIC" };
  assert.equal((await admin("PUT", `tenants/${name}`, { keys })).status, 200);
  const { status, json: token } = await admin("POST", `tenants/${name}/tokens`);
  assert.equal(status, 201);
  return token;
}

const openai = (apiKey) => new OpenAI({ apiKey, baseURL: `${bench.url}/v1`, maxRetries: 0 });
const anthropic = (apiKey) => new Anthropic({ apiKey, baseURL: bench.url, maxRetries: 0 });

test("both SDKs work with a token, and the provider sees the tenant's own key alone", async () => {
  const { token } = await tenant("both");
  bench.caller(() => json(chatCompletion({ text: "A bright one." })));
  const chat = await openai(token).chat.completions.create(ASKED);
  assert.equal(chat.choices[0].message.content, "A bright one.");
  const { answer } = MESSAGES_API.cases["plain text"];
  bench.upstream.reply = MESSAGES_API.provider(answer);
  const message = await anthropic(token).messages.create(MESSAGES_API.params("What is a good lamp?"));
  assert.deepEqual(message.content, answer.content);
  const [first, second] = bench.upstream.requests;
  assert.deepEqual([first.headers.authorization, first.headers["x-api-key"]], ["Bearer sk-secret-openai", undefined]);
  assert.deepEqual([second.headers.authorization, second.headers["x-api-key"]], [undefined, "sk-secret-anthropic"]);
  for (const { headers } of bench.upstream.requests) assert.ok(!JSON.stringify(headers).includes("nh_"));
});

test("a token's hits end the moment it is revoked; the tenant's other tokens go on", async () => {
  const one = await tenant("revoking");
  const { json: two } = await admin("POST", "tenants/revoking/tokens");
  bench.caller();
  const ask = (token) => openai(token).chat.completions.create(ASKED);
  await ask(one.token);
  await ask(two.token);
  assert.equal(bench.upstream.requests.length, 1, "they share the tenant's answers");
  assert.equal((await admin("DELETE", `tenants/revoking/tokens/${one.id}`)).status, 204);
  await assert.rejects(ask(one.token), OpenAI.AuthenticationError);
  await assert.rejects(anthropic(one.token).messages.create(MESSAGES_API.params("x y")), Anthropic.AuthenticationError);
  await ask(two.token);
  assert.equal(bench.upstream.requests.length, 1);
});

test("wrong tokens learn nothing, and the admin API opens to its own alone", async () => {
  const { token } = await tenant("closed");
  bench.caller();
  for (const wrong of [`${token.slice(0, -1)}${token.endsWith("0") ? 1 : 0}`, token.replace("closed", "nobody"), "nh_"]) {
    await assert.rejects(openai(wrong).chat.completions.create(ASKED), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, "invalid_api_key");
      assert.match(error.requestID, /^req_/);
      return true;
    });
  }
  for (const wrong of [token, "", "wrong"]) assert.equal((await admin("GET", "tenants/closed", undefined, wrong)).status, 401);
  assert.equal(bench.upstream.requests.length, 0);
});

test("neither tokens nor provider keys are in what is stored, logged or answered", async () => {
  const { token } = await tenant("secrets");
  bench.caller(() => json({ error: { message: "wrong key", type: "invalid_request_error" } }, { status: 401 }));
  const failed = await openai(token).chat.completions.create(ASKED).catch((error) => error);
  bench.caller();
  await openai(token).chat.completions.create(ASKED);
  const shown = await admin("GET", "tenants/secrets");
  const texts = [shown.text, JSON.stringify(bench.logs), failed.message, ...storedBytes(bench.persist)];
  for (const secret of [token.slice(-64), ...Object.values(SECRETS), ADMIN]) {
    assert.ok(texts.every((text) => !text.includes(secret)), secret);
  }
  assert.ok(texts.length > 5, "the objects' files were read");
});

/** The files of all objects, write-ahead logs included. */
function storedBytes(persist) {
  const files = fs.readdirSync(path.join(persist, "do"), { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.map((file) => fs.readFileSync(path.join(file.parentPath, file.name), "latin1"));
}

test("a tenant's caps bound what its requests spend, and a wrong cap is named", async () => {
  const { token } = await tenant("frugal");
  const caps = { max_effort: "low", max_thinking_tokens: 1024, max_output_tokens: 200 };
  const { json: shown } = await admin("PUT", "tenants/frugal", { caps });
  assert.deepEqual(shown.caps, caps);
  assert.deepEqual(shown.keys, { openai: "ACME_OPENAI", anthropic: "ACME_ANTHROPIC" });
  bench.caller();
  const { response } = await openai(token).chat.completions.create({ ...ASKED, model: "gpt-5", reasoning_effort: "high" }).withResponse();
  assert.equal(response.headers.get("x-nearhit-caps"), "effort=high>low, output=unset>200");
  const { reasoning_effort, max_completion_tokens } = bench.upstream.requests[0].json;
  assert.deepEqual([reasoning_effort, max_completion_tokens], ["low", 200]);
  bench.upstream.reply = MESSAGES_API.provider(MESSAGES_API.cases["plain text"].answer);
  const thinking = { type: "enabled", budget_tokens: 4000 };
  await anthropic(token).messages.create({ ...MESSAGES_API.params("What is a good lamp?"), model: "claude-opus-5", max_tokens: 8000, thinking });
  const sent = bench.upstream.requests.at(-1).json;
  assert.ok(sent.max_tokens <= 200 && sent.thinking.type === "disabled", JSON.stringify(sent));
  for (const [wrong, param] of [[{ max_effort: "huge" }, "caps.max_effort"], [{ max_output_tokens: "many" }, "caps.max_output_tokens"], [{ speed: 1 }, "caps.speed"], [3, "caps"]]) {
    const { status, json: error } = await admin("PUT", "tenants/frugal", { caps: wrong });
    assert.deepEqual([status, error.error.param], [400, param]);
  }
  assert.deepEqual((await admin("PUT", "tenants/frugal", { caps: null })).json.caps, { max_effort: null, max_thinking_tokens: null, max_output_tokens: null });
});
