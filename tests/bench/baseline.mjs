// The least that any cache over a Durable Object can do: read the request, make one round trip, answer.
import { DurableObject } from "cloudflare:workers";

const ANSWER = JSON.stringify({ choices: [{ message: { role: "assistant", content: "x".repeat(300) } }] });

export class Bare extends DurableObject {
  async fetch(request) {
    await request.arrayBuffer();
    return new Response(ANSWER);
  }
}

export default {
  async fetch(request, env) {
    const body = await request.arrayBuffer();
    const answer = await env.BARE.get(env.BARE.idFromName("one")).fetch("https://bare/", { method: "POST", body });
    return new Response(await answer.arrayBuffer(), { headers: { "content-type": "application/json" } });
  },
};
