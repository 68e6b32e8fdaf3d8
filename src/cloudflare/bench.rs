//! Measurements from inside the isolate, for `npm run bench` (feature `bench`; never part of a deployed Worker).
//! Local workerd's clock ticks coarsely, so short things are timed in batches.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::ticks_ms;
use crate::semantic::embedder::{DIMENSIONS, Embedder, quantise};
use crate::semantic::guard;
use crate::semantic::index::{ScopeIndex, Seq};
use crate::semantic::verifier::{SHIPPED, Verifier};

/// Answers `/bench/{name}?key=number...`.
pub(super) fn run(name: &str, query: &BTreeMap<String, usize>, embedder: &Embedder) -> Option<Value> {
    let of = |key: &str, default: usize| query.get(key).copied().unwrap_or(default);
    Some(match name {
        "load" => load(of("rounds", 5)),
        "embed" => embed(embedder, of("pieces", 16), of("rounds", 50)),
        "guard" => guard_pair(of("rounds", 50)),
        "verify" => verify(embedder, of("pieces", 20), of("rounds", 20)),
        "index" => index(of("entries", 1_000), of("graph", 0) == 1, of("queries", 200), embedder),
        _ => return None,
    })
}

/// Sorted batch means in microseconds.
fn batches(rounds: usize, size: usize, mut act: impl FnMut()) -> Vec<f64> {
    let mut means: Vec<f64> = (0..rounds)
        .map(|_| {
            let started = ticks_ms();
            (0..size).for_each(|_| act());
            (ticks_ms() - started) * 1000.0 / size as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn load(rounds: usize) -> Value {
    let all = batches(rounds, 1, || drop(Embedder::shipped()));
    json!({"p50_us": median(&all), "all_us": all})
}

/// A text of exactly so many wordpieces: each of these words is one.
pub(super) fn text_of(pieces: usize) -> String {
    const WORDS: [&str; 8] = ["how", "do", "i", "change", "the", "name", "of", "my"];
    (0..pieces).map(|k| WORDS[k % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

fn embed(embedder: &Embedder, pieces: usize, rounds: usize) -> Value {
    let text = text_of(pieces);
    let all = batches(rounds, 100, || drop(embedder.embed(&text)));
    json!({"pieces": embedder.pieces(&text).map(|ids| ids.len()).ok(), "p50_us": median(&all)})
}

/// Pairs that the guard has to read to the end: other wrapping, other words, a look-alike, and a longer text.
fn guard_pair(rounds: usize) -> Value {
    const PAIRS: [(&str, &str); 4] = [
        ("How do I reset the password of my account?", "How can I reset the password of my account please?"),
        (
            "Can I cancel my order after it has shipped?",
            "The package has left your warehouse, can I still call it off?",
        ),
        ("How do I export a report to CSV in the free plan?", "How do I import a report from CSV in the free plan?"),
        (
            "My laptop gets very hot when I play games for more than an hour, what can I do to keep it cool?",
            "After about an hour of gaming the notebook is too warm to touch; ways to bring its temperature down?",
        ),
    ];
    let mut next = PAIRS.iter().cycle();
    let all = batches(rounds, 200, || {
        if let Some((a, b)) = next.next() {
            _ = std::hint::black_box(guard::compare(a, b));
        }
    });
    json!({"p50_us": median(&all)})
}

/// The verifier on two texts of so many pieces, its loading, and the memory that it takes.
fn verify(embedder: &Embedder, pieces: usize, rounds: usize) -> Value {
    let (memory_before, started) = (memory_bytes(), ticks_ms());
    let Ok(verifier) = Verifier::load(SHIPPED, embedder.vocabulary()) else { return Value::Null };
    let load_ms = ticks_ms() - started;
    let ids = |text: &str| embedder.pieces(text).unwrap_or_default();
    let (a, b) = (ids(&text_of(pieces)), ids(&text_of(pieces + 1)[4..]));
    let all = batches(rounds, 5, || _ = std::hint::black_box(verifier.score(&a, &b)));
    let memory = memory_bytes() - memory_before;
    json!({"pieces": [a.len(), b.len()], "p50_us": median(&all), "load_ms": load_ms, "memory_bytes": memory})
}

/// Texts about many things, as vectors: what an index meets in use, unlike random vectors.
fn vectors(count: usize, from: usize, embedder: &Embedder) -> Vec<Vec<i8>> {
    const VERBS: [&str; 12] = [
        "reset", "change", "delete", "export", "import", "share", "print", "cancel", "renew", "verify", "upgrade",
        "merge",
    ];
    const THINGS: [&str; 17] = [
        "password",
        "invoice",
        "account",
        "photo",
        "contract",
        "subscription",
        "calendar",
        "report",
        "ticket",
        "printer",
        "database",
        "email",
        "phone",
        "garden",
        "recipe",
        "passport",
        "engine",
    ];
    const PLACES: [&str; 13] = [
        "berlin",
        "the office",
        "my laptop",
        "an old tablet",
        "the winter",
        "a small company",
        "school",
        "the kitchen",
        "linux",
        "the cloud",
        "our shop",
        "a train",
        "the hospital",
    ];
    (from..from + count)
        .filter_map(|k| {
            let (verb, thing, place) = (VERBS[k % 12], THINGS[k / 12 % 17], PLACES[k / 204 % 13]);
            let other = THINGS[(k / 2_652 + k) % 17];
            let text = format!("How do I {verb} the {thing} number {} for {place} with the {other}?", k / 7);
            embedder.embed(&text).ok().map(|vector| quantise(&vector))
        })
        .collect()
}

fn index(entries: usize, graph: bool, queries: usize, embedder: &Embedder) -> Value {
    let mut index = ScopeIndex::default();
    for (k, vector) in vectors(entries, 0, embedder).iter().enumerate() {
        index.insert(k as Seq + 1, vector);
    }
    let asked = vectors(queries, entries + 1_000, embedder);
    let memory_before = memory_bytes();
    let started = ticks_ms();
    while graph && index.grow(entries, 1_000) {}
    let build_ms = ticks_ms() - started;
    let memory_after = memory_bytes();
    let mut next = asked.iter().cycle();
    let mut search = |exact: bool| {
        batches(20, queries.div_ceil(20), || {
            if let Some(query) = next.next() {
                drop(if exact { index.scan(query, 8, 0.4) } else { index.nearest(query, 8, 0.4) });
            }
        })
    };
    let (scan, found) = (search(true), search(false));
    let first = |near: Vec<crate::semantic::index::Near>| near.first().map(|near| near.score);
    let same =
        asked.iter().filter(|query| first(index.nearest(query, 8, 0.4)) == first(index.scan(query, 8, 0.4))).count();
    json!({
        "entries": index.len(), "dimensions": DIMENSIONS, "graph": index.graph_ready(), "build_ms": build_ms,
        "scan_p50_us": median(&scan), "nearest_p50_us": median(&found),
        "recall_at_1": same as f64 / asked.len() as f64,
        "graph_bytes_an_entry": (memory_after - memory_before) / entries as f64,
        "scan_bytes_an_entry": DIMENSIONS + 36,
    })
}

/// The size of the isolate's wasm memory.
fn memory_bytes() -> f64 {
    use worker::wasm_bindgen::JsCast;
    let memory: js_sys::WebAssembly::Memory = worker::wasm_bindgen::memory().unchecked_into();
    memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length().into()
}
