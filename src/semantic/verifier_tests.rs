use serde::Deserialize;

use super::*;
use crate::semantic::embedder::Embedder;

#[derive(Deserialize)]
struct Reference {
    a: String,
    b: String,
    ids: Vec<i64>,
    types: Vec<i64>,
    logit: f32,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../../models/verifier/reference.json")).unwrap()
}

fn shipped() -> (Embedder, Verifier) {
    let embedder = Embedder::shipped().unwrap();
    let verifier = Verifier::load(SHIPPED, embedder.vocabulary()).unwrap();
    (embedder, verifier)
}

#[test]
fn the_shipped_model_gives_what_onnxruntime_gave() {
    let (embedder, verifier) = shipped();
    for Reference { a, b, ids, types, logit } in references() {
        let (a, b) = (embedder.pieces(&a).unwrap(), embedder.pieces(&b).unwrap());
        assert_eq!(ids.len(), a.len() + b.len() + 3);
        assert_eq!(types.len(), ids.len());
        let got = verifier.logit(&a, &b).unwrap();
        assert!((got - logit).abs() < 0.02, "{got} for {logit}");
    }
}
