// Cold start: the instance, the model, and an object that wakes with many rows.
import http from "node:http";
import { load, median, question, send } from "./load.mjs";

const URL_PATH = "/v1/chat/completions";
const TOPICS = ["lamp", "boat", "train", "tax form", "garden", "printer", "recipe", "contract", "engine", "passport"];

const textOf = (k) => `How do I register ${TOPICS[k % TOPICS.length]} number ${k} in district ${Math.floor(k / 7)}?`;

/**
 * @param {(persist: string) => Promise<object>} start starts a world on a folder
 * @returns rows of the table
 */
export async function coldStart(start, persist, rows = 10_000) {
  const table = [];
  const first = await start(persist);
  const ready = performance.now();
  await (await fetch(`${first.url}/healthz`)).arrayBuffer();
  table.push({ what: "first request of a new instance (compile, start, model)", ours: `${(performance.now() - ready).toFixed(0)} ms`, other: "", ratio: NaN, aim: "" });
  await load(first.url + URL_PATH, (k) => question(textOf(k)), rows, 32);
  await first.dispose();
  const again = await start(persist);
  await (await fetch(`${again.url}/healthz`)).arrayBuffer();
  const agent = new http.Agent({ keepAlive: true });
  const ask = async (k) => {
    const answer = await send(agent, again.url + URL_PATH, question(textOf(k).replace("How do I", "How can I")));
    return { ...answer, lookupMs: Number(/lookup;dur=([\d.]+)/.exec(answer.headers["server-timing"])?.[1]) };
  };
  // An empty object's first answer tells what waking costs without any rows.
  const empty = await send(agent, again.url + URL_PATH, question("Is this a new shard?", { seed: 1 }), { authorization: "Bearer nobody" });
  const emptyMs = Number(/lookup;dur=([\d.]+)/.exec(empty.headers["server-timing"])?.[1]);
  const woken = await ask(5);
  const warm = median(await Promise.all(Array.from({ length: 9 }, (_, k) => k + 100).map(async (k) => (await ask(k)).lookupMs)));
  table.push({ what: `lookup that wakes an object with ${rows} rows in one scope`, ours: `${woken.lookupMs.toFixed(0)} ms (${/detail=(.*)$/.exec(woken.headers["cache-status"])?.[1]})`, other: `${emptyMs.toFixed(0)} ms empty object, ${warm.toFixed(0)} ms awake`, ratio: woken.lookupMs / Math.max(emptyMs, 1), aim: "<= 50 ms more" });
  agent.destroy();
  await again.dispose();
  return table;
}
