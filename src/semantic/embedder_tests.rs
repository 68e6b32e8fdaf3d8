use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Reference {
    text: String,
    ids: Vec<i64>,
    vector: Vec<f32>,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../../models/embedder/reference.json")).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn pieces_and_vectors_are_those_of_the_reference() {
    let embedder = Embedder::shipped().unwrap();
    for Reference { text, ids, vector } in references() {
        assert_eq!(embedder.pieces(&text).unwrap(), ids, "{text:?}");
        match embedder.embed(&text) {
            Ok(found) => assert!(cosine(&found, &vector) >= 0.999, "{text:?}: {}", cosine(&found, &vector)),
            Err(NoVector::Nothing) => assert!(vector.iter().all(|x| *x == 0.0), "{text:?}"),
            Err(other) => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn a_text_over_the_models_length_has_no_vector() {
    let embedder = Embedder::shipped().unwrap();
    let words = |count: usize| vec!["word"; count].join(" ");
    assert!(embedder.embed(&words(MAX_PIECES)).is_ok());
    assert_eq!(embedder.embed(&words(MAX_PIECES + 1)), Err(NoVector::TooLong));
    assert_eq!(embedder.embed(&"word ".repeat(100_000)), Err(NoVector::TooLong));
}

#[test]
fn odd_texts_have_a_vector_or_none_but_never_a_panic() {
    let embedder = Embedder::shipped().unwrap();
    for text in
        ["", " ", "\u{0}", "\u{200b}\u{200b}", "🦀🦀", "مرحبا بالعالم", "日本語のテキスト", "a\u{301}", "\u{feff}x"]
    {
        if let Ok(vector) = embedder.embed(text) {
            assert_eq!(vector.len(), DIMENSIONS, "{text:?}");
        }
    }
    assert_eq!(embedder.embed(""), Err(NoVector::Nothing));
}

#[test]
fn a_damaged_model_is_an_error_in_words() {
    let onnx = include_bytes!("../../models/embedder/model.onnx");
    let vocabulary = include_str!("../../models/embedder/vocab.txt");
    assert!(Embedder::load(&onnx[..onnx.len() / 2], vocabulary).unwrap_err().contains("model"));
    assert!(Embedder::load(b"", vocabulary).is_err());
}

#[test]
fn quantising_keeps_the_direction() {
    for Reference { vector, .. } in references() {
        if vector.iter().any(|x| *x != 0.0) {
            let back: Vec<f32> = quantise(&vector).into_iter().map(f32::from).collect();
            assert!(cosine(&back, &vector) > 0.999);
        }
    }
}
