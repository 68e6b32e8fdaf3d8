// A small load generator over keep-alive connections.
import http from "node:http";

/** Sends one request; resolves with the time to the first byte, the whole time (both ms), the headers and the body. */
export function send(agent, url, body, headers = {}) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const options = { agent, method: "POST", headers: { "content-type": "application/json", authorization: "Bearer bench", ...headers } };
    const request = http.request(url, options, (response) => {
      let first;
      const chunks = [];
      response.on("data", (chunk) => {
        first ??= performance.now() - started;
        chunks.push(chunk);
      });
      response.on("end", () => resolve({ firstMs: first, wholeMs: performance.now() - started, headers: response.headers, status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Runs `count` requests, `concurrency` at a time. Returns p50 in ms and requests a second. */
export async function load(url, bodyOf, count, concurrency) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  const times = [];
  let next = 0;
  const started = performance.now();
  const worker = async () => {
    while (next < count) {
      const answer = await send(agent, url, bodyOf(next++));
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.text}`);
      times.push(answer.wholeMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  agent.destroy();
  return { p50: median(times), perSecond: count / ((performance.now() - started) / 1000) };
}

/** The middle value. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A chat request with one user turn. */
export function question(text, more = {}) {
  return JSON.stringify({ model: "bench", messages: [{ role: "user", content: text }], ...more });
}
