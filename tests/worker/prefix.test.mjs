// What the provider's own prefix cache is told, and what the client is told of its prefix.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ADMIN } from "./lib/admin.mjs";
import { question, startBench } from "./lib/bench.mjs";
import { messageOf } from "./lib/messages.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const LONG = "Answer only what the handbook says, and name the page. ".repeat(600);
const MARK = { type: "ephemeral" };

let bench;
before(async () => (bench = await startBench({ vars: { NEARHIT_ADMIN_TOKEN: ADMIN } })));
after(() => bench.dispose());

test("Anthropic's SDK: tools, system prompt and the latest earlier turn are marked, and nothing else is changed", async () => {
  const { key } = bench.caller(() => json(messageOf([{ type: "text", text: "Page 3." }])));
  const client = new Anthropic({ apiKey: key, baseURL: bench.url, maxRetries: 0 });
  const asked = {
    model: "claude-sonnet-5",
    max_tokens: 100,
    system: LONG,
    tools: [{ name: "look", description: LONG, input_schema: { type: "object", properties: {} } }],
    messages: [
      { role: "user", content: "What is the notice period?" },
      { role: "assistant", content: "Three months." },
      { role: "user", content: "Where does it say so?" },
    ],
  };
  const { response } = await client.messages.create(asked).withResponse();
  const { json: sent, headers } = bench.upstream.requests[0];
  assert.deepEqual(sent, {
    ...asked,
    system: [{ type: "text", text: LONG, cache_control: MARK }],
    tools: [{ ...asked.tools[0], cache_control: MARK }],
    messages: [asked.messages[0], { role: "assistant", content: [{ type: "text", text: "Three months.", cache_control: MARK }] }, asked.messages[2]],
  });
  assert.match(response.headers.get("x-nearhit-prefix"), /^[0-9a-f]{32}$/);
  assert.equal(headers["x-nearhit-prefix"], response.headers.get("x-nearhit-prefix"));
  assert.equal(response.headers.get("x-nearhit-tokens"), "uncached=31, cached=2048, written=128, output=57, reasoning=40");
});

test("OpenAI's SDK: from GPT-5.6 on a breakpoint ends the shared part, before it the key alone is sent", async () => {
  for (const [model, breakpoint] of [["gpt-5.6-mini", true], ["gpt-4o", false]]) {
    const { key } = bench.caller();
    const client = new OpenAI({ apiKey: key, baseURL: `${bench.url}/v1`, maxRetries: 0 });
    const messages = [{ role: "system", content: LONG }, { role: "user", content: "What is the notice period?" }];
    await client.chat.completions.create({ model, messages });
    const { json: sent } = bench.upstream.requests[0];
    assert.match(sent.prompt_cache_key, /^[0-9a-f]{32}$/);
    const marked = [{ type: "text", text: LONG, prompt_cache_breakpoint: { mode: "explicit" } }];
    assert.deepEqual(sent.messages, [{ role: "system", content: breakpoint ? marked : LONG }, messages[1]]);
    assert.deepEqual(sent.prompt_cache_options, breakpoint ? { mode: "explicit" } : undefined);
  }
});

test("JSON that is written oddly arrives byte for byte, but for what was added", async () => {
  const { request } = bench.caller();
  const odd = `{ "temperature" : 1.0e-1,\n "messages":[{"content":"${LONG.replaceAll("page", "p\\u0061ge")}","role":"system"},{"role":"user" , "content":"Well\\u2026?"}],"seed":9007199254740993, "model":"gpt-5.6" }`;
  await (await request(new TextEncoder().encode(odd))).text();
  const { text } = bench.upstream.requests[0];
  const bare = text
    .replace(/,"prompt_cache_options":\{"mode":"explicit"\},"prompt_cache_key":"[0-9a-f]{32}"/, "")
    .replace('[{"type":"text","text":', "")
    .replace(',"prompt_cache_breakpoint":{"mode":"explicit"}}]', "");
  assert.equal(bare, odd);
});

test("a timestamp in a system prompt is named with its place and counted", async () => {
  const { ask } = bench.caller();
  const prompt = (time) => `You help our customers.\nNow it is ${time}.\nBe brief, and never promise a date.`;
  const put = (time, text) => ask(question(text, { messages: [{ role: "system", content: prompt(time) }, { role: "user", content: text }] }));
  const first = await put("10:00:00", "Where is my parcel?");
  const second = await put("10:00:07", "Where is my invoice?");
  const third = await put("10:00:07", "Where is my refund?");
  const at = prompt("10:00:0").indexOf("10:00:0") + "10:00:0".length;
  assert.deepEqual([first, second, third].map(({ header }) => header("x-nearhit-prefix-break")), [undefined, `system@${at}`, undefined]);
  let counted = "";
  for (let tries = 0; !counted && tries < 20; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const metrics = await (await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } })).text();
    counted = metrics.match(/^nearhit_prefix_breaks_total\{part="system",.*\} 1$/m)?.[0] ?? "";
  }
  assert.ok(counted);
});

test("a stream says at its end what was used, to those who ask for it", async () => {
  const usage = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105, prompt_tokens_details: { cached_tokens: 64 } };
  const { sse, chatChunks } = await import("./lib/upstream.mjs");
  const { ask } = bench.caller(() => sse(chatChunks({ usage })));
  const asked = (text) => question(text, { stream: true, stream_options: { include_usage: true } });
  const told = await ask(asked("Where is my parcel?"), { headers: { "x-nearhit-usage": "stream" } });
  const said = ": x-nearhit-tokens: uncached=36, cached=64, written=0, output=5, reasoning=0\n\n: x-nearhit-cost-usd: unpriced\n\n";
  assert.ok(told.text.endsWith(`data: [DONE]\n\n${said}`), told.text.slice(-200));
  const plain = await ask(asked("Where is my invoice?"));
  assert.ok(plain.text.endsWith("data: [DONE]\n\n"));
});
