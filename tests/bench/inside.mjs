// Measurements from inside the isolate, by the endpoints of the feature `bench`.

async function measure(world, what) {
  const answer = await fetch(`${world.url}/bench/${what}`);
  return answer.json();
}

/** Embedding in workerd against native tract. `native`: microseconds by number of pieces. */
export async function embedding(world, native) {
  const rows = [];
  for (const [pieces, aim] of [[16, "<= 1 ms, <= 3x native"], [128, "<= 3x native"]]) {
    const { p50_us } = await measure(world, `embed?pieces=${pieces}`);
    rows.push({ what: `embedding, ${pieces} pieces, p50`, ours: us(p50_us), other: `${us(native[pieces])} native tract`, ratio: p50_us / native[pieces], aim });
  }
  const guard = await measure(world, "guard");
  rows.push({ what: "guard, a pair, mean of four kinds", ours: us(guard.p50_us), other: "", ratio: NaN, aim: "< 100 us" });
  return rows;
}

/** The verifier on two texts of equal length, its loading and its memory. */
export async function verifying(world) {
  const rows = [];
  for (const [pieces, aim] of [[10, ""], [20, "<= 25 ms"], [60, ""]]) {
    const found = await measure(world, `verify?pieces=${pieces}`);
    rows.push({ what: `verifier, two texts of ${found.pieces.join(" and ")} pieces, p50`, ours: us(found.p50_us), other: "", ratio: NaN, aim });
    if (pieces !== 10) continue; // It stays loaded from here on.
    rows.push({ what: "verifier load", ours: `${found.load_ms} ms`, other: "", ratio: NaN, aim: "" });
    rows.push({ what: "verifier memory, beside its file in the wasm", ours: `${(found.memory_bytes / 2 ** 20).toFixed(1)} MiB`, other: "60 MiB budget", ratio: found.memory_bytes / 60 / 2 ** 20, aim: "<= 60 MiB" });
  }
  return rows;
}

/** The exact scan against the graph, by the number of entries. */
export async function scanAgainstGraph(world, sizes) {
  const rows = [];
  for (const entries of sizes) {
    const found = await measure(world, `index?entries=${entries}&graph=1`);
    const bytes = `${found.scan_bytes_an_entry} / ${Math.round(found.graph_bytes_an_entry)} B an entry`;
    rows.push({ what: `nearest 8 of ${entries}: hnsw_rs against scan`, ours: `${us(found.nearest_p50_us)} (recall@1 ${found.recall_at_1.toFixed(3)}, built in ${(found.build_ms / 1000).toFixed(1)} s)`, other: `${us(found.scan_p50_us)} scan; scan / graph ${bytes}`, ratio: found.nearest_p50_us / found.scan_p50_us, aim: "" });
  }
  return rows;
}

/** How long the model takes to load in a running isolate. */
export async function modelLoad(world) {
  const { p50_us } = await measure(world, "load?rounds=5");
  return [{ what: "model load (tokenizer and graph), p50", ours: us(p50_us), other: "", ratio: NaN, aim: "<= 50 ms" }];
}

const us = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(1)} us`);
