// What is answered by meaning, and above all what is not.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { question, said, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "How do I reset my password?";
const SIMILAR = "How can I reset my password?";
const SEMANTIC = /^nearhit; hit; .*detail="semantic;score=/;
const EXACT = /^nearhit; hit; .*detail=exact$/;

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

const numbered = () => bench.caller((_, number) => json(chatCompletion({ text: `answer ${number}` })));

const PARAPHRASES = [
  [ASKED, SIMILAR],
  [ASKED, "How to reset my password"],
  [ASKED, "Please tell me how to reset my password."],
  ["What is the capital of France?", "What's the capital of France"],
  ["How do I convert 5 miles to km?", "How do I convert five miles to km?"],
];

test("a question that means the same is answered from the cache, whichever came first", async () => {
  for (const pair of PARAPHRASES) {
    for (const [first, second] of [pair, pair.toReversed()]) {
      const { ask } = numbered();
      await ask(first);
      const hit = await ask(second);
      assert.match(hit.cacheStatus, SEMANTIC, `${first} | ${second}`);
      assert.equal(said(hit), "answer 1");
    }
  }
});

const LOOK_ALIKES = [
  ["What is 15% of 240?", "What is 15% of 420?", "numbers"],
  ["Give me seven names for a bakery", "Give me three names for a bakery", "numbers"],
  ["Which foods are safe for dogs?", "Which foods are not safe for dogs?", "negation"],
  ["Why can I log in to my account?", "Why can't I log in to my account?", "negation"],
  ["Should I take it with food?", "Should I take it without food?", "negation"],
  ["How do I convert psi to bar?", "How do I convert bar to psi?", "order"],
  ["Turn on dark mode", "Turn off dark mode", "opposites"],
  ["How long does a transfer to India take?", "How long does a transfer from India take?", "direction"],
  [ASKED, "Can I reset my password?", "question"],
  ["Translate 'good night' into French", "Translate 'good nights' into French", "quotes"],
  ["Is .5 mg of it safe?", "Is 5 mg of it safe?", "numbers"],
  ["Convert 5 mW to watts", "Convert 5 MW to watts", "units"],
];

for (const [first, second, reason] of LOOK_ALIKES) {
  test(`"${second}" is not answered by the answer to "${first}"`, async () => {
    for (const [one, two] of [[first, second], [second, first]]) {
      const { ask } = numbered();
      await ask(one);
      const miss = await ask(two);
      assert.ok(miss.cacheStatus.startsWith(`nearhit; fwd=uri-miss; stored; detail="near-miss:${reason};score=`), miss.cacheStatus);
      assert.equal(said(miss), "answer 2");
    }
  });
}

const user = (content) => ({ role: "user", content });
const system = (content) => ({ role: "system", content });
const tool = (name) => ({ type: "function", function: { name, parameters: { type: "object", properties: {} } } });
const BASE = { model: "gpt-test", messages: [system("You help customers of a bank."), user("I have an account."), { role: "assistant", content: "Good." }] };
const OTHER_SCOPES = {
  "another model": { ...BASE, model: "gpt-other" },
  "another system prompt": { ...BASE, messages: [system("You help customers of a shop."), ...BASE.messages.slice(1)] },
  "no system prompt": { ...BASE, messages: BASE.messages.slice(1) },
  "another earlier turn": { ...BASE, messages: [BASE.messages[0], user("I have no account."), BASE.messages[2]] },
  "another earlier answer": { ...BASE, messages: [...BASE.messages.slice(0, 2), { role: "assistant", content: "Bad." }] },
  "a shorter history": { ...BASE, messages: BASE.messages.slice(0, 1) },
  "another temperature": { ...BASE, temperature: 0.1 },
  "a tool": { ...BASE, tools: [tool("reset")] },
  "another answer format": { ...BASE, response_format: { type: "json_object" } },
  "a seed": { ...BASE, seed: 7 },
  "a field that is not known yet": { ...BASE, x_future: true },
};
const asking = (base, text) => ({ ...base, messages: [...base.messages, user(text)] });

for (const [name, scope] of Object.entries(OTHER_SCOPES)) {
  test(`${name} is never answered from the cache of a request without it`, async () => {
    const { ask } = numbered();
    await ask(asking(BASE, ASKED));
    for (const [text, answer] of [[SIMILAR, "answer 2"], [ASKED, "answer 3"]]) {
      // By its bytes alone, or the answer to the similar question of this very scope would serve.
      const other = await ask(asking(scope, text), { headers: text === ASKED ? { "x-nearhit-mode": "exact" } : {} });
      assert.equal(said(other), answer);
      assert.match(other.cacheStatus, /^nearhit; fwd=uri-miss; stored/);
      assert.doesNotMatch(other.cacheStatus, /near-miss/, "its neighbours are not even looked at");
    }
    assert.equal(said(await ask(asking(BASE, SIMILAR))), "answer 1");
  });
}

test("what cannot change an answer does not keep it from being found", async () => {
  const { ask } = numbered();
  await ask(asking(BASE, ASKED));
  const same = { user: "u-1", metadata: { a: "b" }, prompt_cache_key: "p", service_tier: "flex", temperature: null };
  assert.match((await ask({ ...same, ...asking(BASE, ASKED) })).cacheStatus, EXACT);
  assert.match((await ask({ ...asking(BASE, SIMILAR), ...same })).cacheStatus, SEMANTIC);
});

const LONG = "word ".repeat(400);
const EXACT_ONLY = {
  "text-too-long": [question(`Summarise this: ${LONG}`), question(`Summarize this: ${LONG}`)],
  "text-too-short": [question("Hello"), question("hello")],
  "several-choices": [question(ASKED, { n: 2 }), question(SIMILAR, { n: 2 })],
  logprobs: [question(ASKED, { logprobs: true }), question(SIMILAR, { logprobs: true })],
  media: [ASKED, SIMILAR].map((text) => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
    return { model: "gpt-test", messages: [user([image, { type: "text", text }])] };
  }),
  "tool-result": ["12 degrees", "12 degrees!"].map((content) => {
    const call = { id: "c", type: "function", function: { name: "weather", arguments: "{}" } };
    return { model: "gpt-test", messages: [user(ASKED), { role: "assistant", content: null, tool_calls: [call] }, { role: "tool", tool_call_id: "c", content }] };
  }),
};

for (const [reason, [one, two]] of Object.entries(EXACT_ONLY)) {
  test(`equal bytes alone will do, and Cache-Status says why: ${reason}`, async () => {
    const { ask } = numbered();
    for (const body of [one, two]) assert.equal((await ask(body)).cacheStatus, `nearhit; fwd=uri-miss; stored; detail=${reason}`);
    for (const [body, text] of [[one, "answer 1"], [two, "answer 2"]]) {
      const hit = await ask(body);
      assert.match(hit.cacheStatus, EXACT);
      assert.equal(said(hit), text);
    }
  });
}
