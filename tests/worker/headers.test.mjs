// What nearhit says in an answer's headers, and what a request can tell it in its own.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { question, read, said, startBench } from "./lib/bench.mjs";
import { chatCompletion, json } from "./lib/upstream.mjs";

const ASKED = "How do I reset my password?";
/** What every answer says of its request. */
const ASKS = ["x-nearhit-model", "x-nearhit-prefix"];
const SIMILAR = "How can I reset my password?";
const STORED = "nearhit; fwd=uri-miss; stored";
const EXACT = /^nearhit; hit; ttl=\d+; key="[0-9a-f]{8}"; detail=exact$/;
const SEMANTIC = /^nearhit; hit; ttl=\d+; key="[0-9a-f]{8}"; detail="semantic;score=0\.\d{3}"$/;

let bench;
before(async () => (bench = await startBench()));
after(() => bench.dispose());

/** A caller whose provider numbers its answers: "answer 1", "answer 2" ... */
const numbered = () => bench.caller((_, number) => json(chatCompletion({ text: `answer ${number}` })));

/** nearhit's own headers, all of them, and the parts of Server-Timing. */
function own(answer) {
  const names = [...answer.headers.keys()].filter((name) => name.startsWith("x-nearhit-") || name === "age");
  const timing = answer.header("server-timing").split(", ").map((part) => part.match(/^(\w+);dur=\d+\.\d$/)?.[1]);
  return { names: names.sort(), timing: timing.join(" ") };
}

test("a miss says that it was stored, and as what", async () => {
  const miss = await numbered().ask(ASKED);
  assert.equal(miss.cacheStatus, STORED);
  assert.deepEqual(own(miss), { names: ["x-nearhit-cost-usd", "x-nearhit-entry", ...ASKS, "x-nearhit-tokens"], timing: "decode embed lookup upstream store" });
  assert.match(miss.header("x-nearhit-entry"), /^[0-9a-f]{64}$/);
});

test("an exact hit says so, with its entry, its age and how long it stays fresh", async () => {
  const { ask } = numbered();
  const miss = await ask(ASKED);
  const hit = await ask(ASKED);
  const entry = miss.header("x-nearhit-entry");
  const [, ttl, key] = hit.cacheStatus.match(/^nearhit; hit; ttl=(\d+); key="(\w+)"; detail=exact$/);
  assert.ok(ttl > 86_390 && ttl <= 86_400, ttl);
  assert.equal(key, entry.slice(2, 10), "the key is a part of the entry's id");
  assert.equal(hit.header("x-nearhit-entry"), entry);
  assert.match(hit.header("age"), /^\d$/);
  assert.deepEqual(own(hit), { names: ["age", "x-nearhit-cost-usd", "x-nearhit-entry", ...ASKS], timing: "decode embed lookup" });
});

test("a hit by meaning says so, with its score and the entry that served", async () => {
  const { ask } = numbered();
  const miss = await ask(ASKED);
  const hit = await ask(SIMILAR);
  assert.match(hit.cacheStatus, SEMANTIC);
  const score = hit.header("x-nearhit-score");
  assert.ok(hit.cacheStatus.endsWith(`score=${score}"`));
  assert.ok(score > 0.85 && score < 1, score);
  assert.equal(hit.header("x-nearhit-entry"), miss.header("x-nearhit-entry"));
  assert.deepEqual(own(hit), { names: ["age", "x-nearhit-cost-usd", "x-nearhit-entry", ...ASKS, "x-nearhit-score"], timing: "decode embed lookup judge" });
});

test("a near miss names the reason and the score", async () => {
  const { ask } = numbered();
  await ask("What is 15% of 240?");
  const near = await ask("What is 15% of 420?");
  assert.match(near.cacheStatus, /^nearhit; fwd=uri-miss; stored; detail="near-miss:numbers;score=0\.\d{3};here=420;there=240"$/);
  assert.ok(near.cacheStatus.includes(`;score=${near.header("x-nearhit-score")};`));
  assert.deepEqual(own(near), { names: ["x-nearhit-cost-usd", "x-nearhit-entry", ...ASKS, "x-nearhit-score", "x-nearhit-tokens"], timing: "decode embed lookup judge upstream store" });
});

test("a bypass names its reason and nothing that is not there", async () => {
  const bypasses = {
    "no-store": [question(ASKED), { "cache-control": "no-store" }],
    "mode-off": [question(ASKED), { "x-nearhit-mode": "off" }],
    "store-requested": [question(ASKED, { store: true }), {}],
    "server-tool": [question(ASKED, { web_search_options: {} }), {}],
    "nothing-to-generate": [question(ASKED, { max_completion_tokens: 0 }), {}],
  };
  for (const [reason, [body, headers]] of Object.entries(bypasses)) {
    const { ask } = numbered();
    for (const round of [1, 2]) {
      const answer = await ask(body, { headers });
      assert.equal(answer.cacheStatus, `nearhit; fwd=bypass; detail=${reason}`);
      assert.deepEqual(own(answer), { names: ASKS, timing: "decode upstream" });
      assert.equal(said(answer), `answer ${round}`);
    }
  }
});

test("no-store neither looks up nor keeps, and leaves what is there", async () => {
  const { ask } = numbered();
  await ask(ASKED);
  assert.equal(said(await ask(ASKED, { headers: { "cache-control": "no-store" } })), "answer 2");
  assert.equal(said(await ask(ASKED)), "answer 1");
});

test("no-cache asks the provider and keeps the new answer in place of the old", async () => {
  const { ask } = numbered();
  await ask(ASKED);
  const refreshed = await ask(ASKED, { headers: { "cache-control": "no-cache" } });
  assert.equal(refreshed.cacheStatus, "nearhit; fwd=request; stored");
  assert.equal(said(await ask(ASKED)), "answer 2");
});

test("only-if-cached asks nobody: what is there, or a 504 that is not to be retried", async () => {
  const { ask } = numbered();
  const headers = { "cache-control": "only-if-cached" };
  for (const more of [{}, { "x-nearhit-mode": "off" }, { "cache-control": "only-if-cached, no-cache" }]) {
    const none = await ask(ASKED, { headers: { ...headers, ...more } });
    assert.deepEqual([none.status, none.header("x-should-retry"), none.json.error.code], [504, "false", "not_cached"]);
    assert.equal(none.cacheStatus, "nearhit; detail=only-if-cached");
  }
  assert.equal(bench.upstream.requests.length, 0);
  await ask(ASKED);
  assert.match((await ask(ASKED, { headers })).cacheStatus, EXACT);
  assert.match((await ask(SIMILAR, { headers })).cacheStatus, SEMANTIC);
});

test("answers grow old: max-age, x-nearhit-ttl and Age count seconds", async () => {
  const [short, long] = [numbered(), numbered()];
  await short.ask(ASKED, { headers: { "x-nearhit-ttl": "1" } });
  await long.ask(ASKED, { headers: { "x-nearhit-ttl": "60" } });
  await sleep(1100); // there is no event for the passing of a second
  assert.equal((await short.ask(ASKED)).cacheStatus, STORED, "its second is over");
  const hit = await long.ask(ASKED);
  assert.match(hit.cacheStatus, /^nearhit; hit; ttl=5\d;/);
  assert.match(hit.header("age"), /^[1-9]$/);
  const aged = (directive) => long.ask(ASKED, { headers: { "cache-control": directive } });
  assert.match((await aged("max-age=60")).cacheStatus, EXACT);
  assert.match((await aged("min-fresh=10")).cacheStatus, EXACT);
  assert.equal((await aged("min-fresh=60")).cacheStatus, STORED);
  assert.equal((await aged("max-age=60, min-fresh=86000")).header("age"), "0", "it was kept again, with a ttl of its own");
});

test("max-age=0 accepts no stored answer, however young", async () => {
  const { ask } = numbered();
  await ask(ASKED);
  const answer = await ask(ASKED, { headers: { "cache-control": "max-age=0" } });
  assert.equal(said(answer), "answer 2");
});

test("x-nearhit-mode bounds how far the cache goes", async () => {
  const modes = {
    off: ["nearhit; fwd=bypass; detail=mode-off", undefined],
    exact: [`${STORED}; detail=mode-exact`, undefined],
    shadow: [STORED, /^would-hit;score=0\.\d{3}$/],
    semantic: [SEMANTIC, undefined],
  };
  for (const [mode, [cacheStatus, shadow]] of Object.entries(modes)) {
    const { ask } = numbered();
    await ask(ASKED);
    const answer = await ask(SIMILAR, { headers: { "x-nearhit-mode": mode } });
    if (typeof cacheStatus === "string") assert.equal(answer.cacheStatus, cacheStatus);
    else assert.match(answer.cacheStatus, cacheStatus);
    if (shadow) assert.match(answer.header("x-nearhit-shadow"), shadow);
    else assert.equal(answer.header("x-nearhit-shadow"), undefined);
    assert.equal(said(answer), mode === "semantic" ? "answer 1" : "answer 2");
    const same = await ask(ASKED, { headers: { "x-nearhit-mode": mode } });
    assert.equal(said(same), mode === "off" ? "answer 3" : "answer 1", `the same bytes, mode ${mode}`);
  }
});

test("x-nearhit-threshold raises what counts as the same meaning", async () => {
  for (const [threshold, text] of [["0.9", "answer 1"], ["1", "answer 2"]]) {
    const { ask } = numbered();
    await ask(ASKED);
    assert.equal(said(await ask(SIMILAR, { headers: { "x-nearhit-threshold": threshold } })), text);
  }
});

for (const name of ["x-nearhit-namespace", "cf-aig-cache-key", "x-portkey-cache-namespace"]) {
  test(`${name} divides one key's cache`, async () => {
    const { ask } = numbered();
    const within = (space) => ask(ASKED, { headers: space ? { [name]: space } : {} });
    const texts = [];
    for (const space of ["blue", "red", "", "blue", "red", ""]) texts.push(said(await within(space)));
    assert.deepEqual(texts, ["answer 1", "answer 2", "answer 3", "answer 1", "answer 2", "answer 3"]);
  });
}

const PEERS = [
  ["cf-aig-skip-cache", "true", "nearhit; fwd=bypass; detail=no-store"],
  ["helicone-cache-enabled", "false", "nearhit; fwd=bypass; detail=no-store"],
  ["x-bf-cache-no-store", "true", "nearhit; fwd=bypass; detail=no-store"],
  ["x-portkey-cache-force-refresh", "true", "nearhit; fwd=request; stored"],
  ["cf-aig-skip-cache", "false", "nearhit; hit"],
  ["helicone-cache-enabled", "true", "nearhit; hit"],
];

for (const [name, value, cacheStatus] of PEERS) {
  test(`${name}: ${value} means what it means to the peer`, async () => {
    const { ask } = numbered();
    await ask(ASKED);
    const answer = await ask(ASKED, { headers: { [name]: value } });
    assert.ok(answer.cacheStatus.startsWith(cacheStatus), answer.cacheStatus);
  });
}

test("a peer's ttl counts, and nearhit's own wins over it", async () => {
  for (const [headers, most] of [
    [{ "cf-aig-cache-ttl": "90" }, 90],
    [{ "x-bf-cache-ttl": "300s" }, 300],
    [{ "x-bf-cache-ttl": "300s", "x-nearhit-ttl": "20" }, 20],
  ]) {
    const { ask } = numbered();
    await ask(ASKED, { headers });
    const [, ttl] = (await ask(ASKED)).cacheStatus.match(/ttl=(\d+)/);
    assert.ok(ttl <= most && ttl > most - 10, `${JSON.stringify(headers)} gave ${ttl}`);
  }
});
