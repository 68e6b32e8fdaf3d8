// What a miss adds to the time to the first byte, against the upstream asked directly.
import http from "node:http";
import { median, question, send } from "./load.mjs";

const PAIRS = 200;

/** @returns rows of the table */
export async function misses(world, upstream) {
  const agent = new http.Agent({ keepAlive: true });
  const rows = [];
  for (const [name, more] of [["stream", { stream: true }], ["body", {}]]) {
    const times = { direct: [], through: [] };
    for (let k = 0; k < PAIRS; k++) {
      const body = question(`Tell me fact number ${k} about ${name} ${Math.random()} please`, more);
      times.direct.push((await send(agent, `${upstream.url}/v1/chat/completions`, body)).firstMs);
      times.through.push((await send(agent, `${world.url}/v1/chat/completions`, body)).firstMs);
    }
    const [direct, through] = [median(times.direct), median(times.through)];
    rows.push({ what: `miss, first byte of a ${name}, added`, ours: `${(through - direct).toFixed(2)} ms`, other: `${direct.toFixed(2)} ms direct`, ratio: through / direct, aim: "adds <= 5 ms" });
  }
  agent.destroy();
  return rows;
}
