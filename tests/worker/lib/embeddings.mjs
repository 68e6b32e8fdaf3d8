// A provider of embeddings: each text has one vector, in whichever encoding it is asked for.
import crypto from "node:crypto";
import { json } from "./upstream.mjs";

/** How the SDKs ask for vectors: by default they want base64, and decode it themselves. */
export const ENCODINGS = { "base64, the default": {}, "decimal numbers": { encoding_format: "float" } };

export const embeddingParams = (input, encoding) => ({ model: "embed-test", input, ...ENCODINGS[encoding] });

export function embeddingsProvider({ json: { input, model, encoding_format } }) {
  const texts = [input].flat();
  const data = texts.map((text, index) => {
    const vector = vectorOf(text);
    const embedding = encoding_format === "base64" ? Buffer.from(vector.buffer).toString("base64") : [...vector].map(shortest);
    return { object: "embedding", index, embedding };
  });
  const tokens = texts.reduce((sum, text) => sum + text.split(" ").length, 0);
  return json({ object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } });
}

/** 16 numbers of float32, the smallest below 1e-6. */
function vectorOf(text) {
  const bytes = crypto.createHash("sha256").update(text).digest();
  return Float32Array.from({ length: 16 }, (_, i) => bytes.readInt16LE(2 * i) / 32768 / 10 ** (i % 7));
}

/** A float32 in as few digits as tell it from its neighbours: this is how providers print it. */
function shortest(number) {
  for (let digits = 1; ; digits += 1) {
    const short = Number(number.toPrecision(digits));
    if (Math.fround(short) === number) return short;
  }
}

/**
 * The parts of an answer, with the vectors as float32: what one encoding tells by a longer and the other by a shorter
 * number is the same vector.
 */
export function vectors({ data, usage, model }) {
  return { model, usage, data: data.map(({ embedding, ...part }) => ({ ...part, embedding: embedding.map(Math.fround) })) };
}
