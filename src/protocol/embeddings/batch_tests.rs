use super::*;
use crate::cache::key::{Digest, keys};

fn read_value(value: &Value) -> Result<BatchRequest, Failure> {
    read(value.to_string().as_bytes())
}

fn scope(value: &Value) -> Digest {
    keys(&Digest([7; 32]), "openai/embeddings", &read_value(value).unwrap().request, 4).scope
}

#[test]
fn a_batch_is_its_inputs() {
    for (input, count) in
        [(json!("a b"), 1), (json!(["a", "b", "a"]), 3), (json!([1, 2, 3]), 1), (json!([[1, 2], [3]]), 2)]
    {
        assert_eq!(read_value(&json!({"model": "m", "input": input})).unwrap().inputs.len(), count, "{input}");
    }
    let batch = read_value(&json!({"model": "m", "input": ["a", "b", "c"], "dimensions": 8, "user": "u"})).unwrap();
    let body: Value = serde_json::from_slice(&batch.body_for(&[0, 2])).unwrap();
    assert_eq!(body, json!({"model": "m", "input": ["a", "c"], "dimensions": 8, "user": "u"}));
}

#[test]
fn bad_input_names_the_field() {
    for (body, field) in [
        (json!({"input": "a"}), "model"),
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"model": "m", "input": 3}), "input"),
        (json!({"model": "m", "input": ["a", null]}), "input[1]"),
        (json!({"model": "m", "input": "a", "dimensions": "8"}), "dimensions"),
        (json!({"model": "m", "input": "a", "encoding_format": 3}), "encoding_format"),
    ] {
        assert_eq!(read_value(&body).unwrap_err().param.as_deref(), Some(field), "{body}");
    }
}

#[test]
fn the_format_and_the_user_are_not_in_the_scope_and_everything_else_is() {
    let base = json!({"model": "m", "input": "a"});
    let with = |field: &str, value: Value| {
        let mut body = base.clone();
        body[field] = value;
        scope(&body)
    };
    let known = scope(&base);
    for (field, value) in [
        ("input", json!(["b"])),
        ("user", json!("u")),
        ("encoding_format", json!("float")),
        ("encoding_format", json!("base64")),
    ] {
        assert_eq!(with(field, value), known, "{field}");
    }
    for (field, value) in [
        ("model", json!("n")),
        ("dimensions", json!(8)),
        ("encoding_format", json!("int8")),
        ("input_type", json!("query")),
    ] {
        assert_ne!(with(field, value), known, "{field}");
    }
}

#[test]
fn an_answer_is_read_by_index_and_leaves_in_both_encodings() {
    let (a, b) = (json!("a"), json!("bcd"));
    let numbers = json!([0.006_929_283_495_992_422, -1.5]);
    let text = STANDARD.encode([0.006_929_283_495_992_422_f64 as f32, -1.5].map(f32::to_le_bytes).concat());
    let body = json!({"object": "list", "model": "m-1", "usage": {"prompt_tokens": 9, "total_tokens": 9}, "data": [
        {"object": "embedding", "index": 1, "embedding": text},
        {"object": "embedding", "index": 0, "embedding": numbers},
    ]});
    let read = read_answer(body.to_string().as_bytes(), &[&a, &b]).unwrap();
    assert_eq!(read.iter().map(|embedding| embedding.tokens).sum::<u64>(), 9);
    assert!(read[1].tokens > read[0].tokens);
    for (format, vector) in [("float", numbers), ("base64", json!(text))] {
        let batch = read_value(&json!({"model": "m", "input": ["a", "bcd"], "encoding_format": format})).unwrap();
        let answer: Value = serde_json::from_slice(&batch.answer(&read)).unwrap();
        assert_eq!(answer["model"], "m-1");
        assert_eq!(answer["usage"]["total_tokens"], 9);
        for k in 0..2 {
            assert_eq!((&answer["data"][k]["index"], &answer["data"][k]["embedding"]), (&json!(k), &vector));
        }
    }
}

#[test]
fn an_answer_that_is_not_one_vector_an_input_is_not_kept() {
    let (a, b) = (json!("a"), json!("b"));
    let item = |index: u64| json!({"index": index, "embedding": [1.0]});
    for data in [
        json!([]),
        json!([item(0)]),
        json!([item(0), item(0)]),
        json!([item(0), item(7)]),
        json!([item(0), {"index": 1}]),
        json!([item(0), {"index": 1, "embedding": []}]),
        json!({}),
    ] {
        let body = json!({"model": "m", "data": data}).to_string();
        assert_eq!(read_answer(body.as_bytes(), &[&a, &b]), Err(NotKept::Unreadable), "{body}");
    }
    assert_eq!(read_answer(br#"{"error": {"message": "x"}}"#, &[&a]), Err(NotKept::UpstreamError));
    assert_eq!(read_answer(b"{", &[&a]), Err(NotKept::Unreadable));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read_answer(&bytes, &[&Value::Null]);
    }
}

#[test]
fn what_only_the_provider_understands_leaves_as_it_came() {
    let a = json!("a");
    let body = json!({"model": "m", "data": [{"index": 0, "embedding": "/wAB"}]}).to_string();
    let read = read_answer(body.as_bytes(), &[&a]).unwrap();
    let batch = read_value(&json!({"model": "m", "input": "a", "output_dtype": "int8"})).unwrap();
    let answer: Value = serde_json::from_slice(&batch.answer(&read)).unwrap();
    assert_eq!(answer["data"][0]["embedding"], "/wAB");
    let with =
        |format: &str| scope(&json!({"model": "m", "input": "a", "output_dtype": "int8", "encoding_format": format}));
    assert_ne!(with("base64"), with("float"));
}
