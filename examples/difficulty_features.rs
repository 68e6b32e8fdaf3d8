//! The features, the vector and the score of each labelled prompt, one JSON object a line: what
//! `models/routing/fit_difficulty.py` reads. Run by `cargo run --example difficulty_features > features.jsonl`.

#![expect(clippy::expect_used, reason = "a tool for the command line: it stops with the reason")]

use nearhit::forward::difficulty::{Model, Seen, assess, features, lexicon::Lexicon};
use nearhit::semantic::embedder::Embedder;
use serde_json::{Map, Value, json};

fn main() {
    let lexicon = Lexicon::parse(include_str!("../src/forward/difficulty/words.txt")).expect("the word lists");
    // After a change of the features the shipped weights do not fit them until they are fitted again.
    let model = Model::shipped().ok();
    let embedder = Embedder::shipped().expect("the embedder");
    for line in include_str!("../models/routing/prompts.jsonl").lines() {
        let prompt: Value = serde_json::from_str(line).expect("a prompt");
        let text = prompt["prompt"].as_str().expect("its text");
        let vector = embedder.embed(text).ok();
        let system_bytes = prompt["system"].as_str().map_or(0, str::len);
        let seen = Seen { text, system_bytes, vector: vector.as_deref(), ..Seen::default() };
        let values = features::values(&seen, &lexicon).into_iter();
        let values: Map<String, Value> = values.map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let score = model.as_ref().map(|model| assess(&seen, model).score);
        println!("{}", json!({ "id": prompt["id"], "features": values, "vector": vector, "score": score }));
    }
}
