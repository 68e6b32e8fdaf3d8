// The demonstration provider speaks OpenAI's and Anthropic's APIs well enough for their own clients.
import assert from "node:assert/strict";
import test from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startDemoProvider } from "../../scripts/demo-provider.mjs";

const messages = [{ role: "user", content: "How do I reset my password?" }];

async function client(t, apiKey = "any") {
  const provider = await startDemoProvider();
  t.after(() => provider.close());
  const anthropic = new Anthropic({ baseURL: provider.url.replace(/\/v1$/, ""), apiKey, maxRetries: 0 });
  return { openai: new OpenAI({ baseURL: provider.url, apiKey, maxRetries: 0 }), anthropic, url: provider.url };
}

test("an answer repeats the question and carries a running number", async (t) => {
  const { openai } = await client(t);
  const first = await openai.chat.completions.create({ model: "demo-small", messages });
  const second = await openai.chat.completions.create({ model: "demo-small", messages });
  assert.match(first.choices[0].message.content, /no\. 1\..*How do I reset my password\?/);
  assert.match(second.choices[0].message.content, /no\. 2\./);
  assert.ok(first.usage.total_tokens > 0);
});

test("a stream gives the words one by one, and usage when asked", async (t) => {
  const { openai } = await client(t);
  const stream = await openai.chat.completions.create({ model: "demo-small", messages, stream: true, stream_options: { include_usage: true } });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const words = chunks.filter((chunk) => chunk.choices[0]?.delta.content);
  assert.ok(words.length > 10);
  assert.match(words.map((chunk) => chunk.choices[0].delta.content).join(""), /How do I reset my password\?$/);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test("Responses and Messages say the same, whole and word by word", async (t) => {
  const { openai, anthropic } = await client(t);
  const asked = { model: "demo-small", input: "Who is it?" };
  const message = { model: "demo-small", max_tokens: 99, messages: [{ role: "user", content: "Who is it?" }] };
  const texts = [
    (await openai.responses.create(asked)).output_text,
    (await openai.responses.stream(asked).finalResponse()).output_text,
    (await anthropic.messages.create(message)).content[0].text,
    (await anthropic.messages.stream(message).finalMessage()).content[0].text,
  ];
  for (const [k, text] of texts.entries()) assert.equal(text, `This is the demonstration provider, answer no. ${k + 1}. You asked: Who is it?`);
});

test("without a key the answer is OpenAI's 401, without a question its 400", async (t) => {
  const { openai, url } = await client(t);
  const answer = await fetch(`${url}/chat/completions`, { method: "POST", body: "{}" });
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).error.code, "missing_api_key");
  await assert.rejects(openai.chat.completions.create({ model: "demo-small", messages: [] }), OpenAI.BadRequestError);
});
