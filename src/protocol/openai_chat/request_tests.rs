use serde_json::json;

use super::*;
use crate::cache::key::{Digest, keys};

fn base() -> Value {
    json!({
        "model": "gpt-x",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is a monad?"},
        ],
    })
}

fn read_value(body: &Value) -> Result<CanonicalRequest, Failure> {
    read(body.to_string().as_bytes())
}

fn scope(request: &CanonicalRequest) -> Digest {
    keys(&Digest([7; 32]), "openai", request, 4).scope
}

#[test]
fn the_table_in_tests_flips_every_field_that_is_placed() {
    let flipped = fields::flipped(include_str!("../../../tests/fields/chat_completions.json"));
    for field in PLAIN_SCOPE.iter().chain(TYPES.iter().map(|(field, _)| field)) {
        assert!(flipped.iter().any(|known| known == field), "{field}");
    }
}

#[test]
fn every_earlier_word_is_in_the_scope_and_the_last_user_text_is_not() {
    let known = read_value(&base()).unwrap();
    let mut body = base();
    body["messages"][1]["content"] = json!("What is a comonad?");
    let other = read_value(&body).unwrap();
    assert_eq!(scope(&other), scope(&known));
    assert_eq!(other.query, "What is a comonad?");
    for (change, body) in [
        (
            "another system prompt",
            json!([{"role": "system", "content": "Be long."}, {"role": "user", "content": "What is a monad?"}]),
        ),
        ("no system prompt", json!([{"role": "user", "content": "What is a monad?"}])),
        (
            "another role",
            json!([{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "What is a monad?"}]),
        ),
        (
            "a named user",
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "name": "bob", "content": "What is a monad?"}]),
        ),
        (
            "another history",
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "What is a monad?"}]),
        ),
        (
            "an earlier part in the same turn",
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "In Haskell:"}, {"type": "text", "text": "What is a monad?"}]}]),
        ),
    ] {
        let mut other = base();
        other["messages"] = body;
        let other = read_value(&other).unwrap();
        assert_ne!(scope(&other), scope(&known), "{change}");
        assert_eq!(other.query, "What is a monad?", "{change}");
    }
}

#[test]
fn an_unknown_field_never_stands_for_a_message() {
    let system = json!({"role": "system", "content": [{"type": "text", "text": "S"}]});
    let user = json!({"role": "user", "content": "What is a monad?"});
    let with = read_value(&json!({"model": "m", "messages": [system, user]})).unwrap();
    let beside = read_value(&json!({"model": "m", "message": system, "messages": [user]})).unwrap();
    assert_ne!(scope(&with), scope(&beside));
}

#[test]
fn spellings_that_mean_the_same_have_the_same_key() {
    let known = read_value(&base()).unwrap();
    let mut parts = base();
    parts["messages"][1]["content"] =
        json!([{"type": "text", "text": "What is a monad?", "cache_control": {"type": "ephemeral"}}]);
    parts["messages"][0]["prompt_cache_breakpoint"] = json!({"mode": "explicit"});
    assert_eq!(scope(&read_value(&parts).unwrap()), scope(&known));
}

#[test]
fn a_last_turn_that_is_not_plain_user_text_is_matched_by_bytes_alone() {
    let image =
        json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:x"}}]);
    for (message, reason) in [
        (json!({"role": "user", "content": image}), ExactOnly::Media),
        (json!({"role": "tool", "tool_call_id": "c", "content": "42"}), ExactOnly::ToolResult),
        (json!({"role": "assistant", "content": "The answer is"}), ExactOnly::LastTurnNotUser),
        (json!({"role": "user", "content": []}), ExactOnly::TooShort),
    ] {
        let request = read_value(&json!({"model": "m", "messages": [message]})).unwrap();
        assert_eq!(request.exact_only, Some(reason), "{message}");
    }
}

#[test]
fn bad_input_names_the_field() {
    for (body, field) in [
        (json!({"messages": [{"role": "user", "content": "x"}]}), "model"),
        (json!({"model": 3, "messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": []}), "messages"),
        (json!({"model": "m", "messages": "hi"}), "messages"),
        (json!({"model": "m", "messages": ["hi"]}), "messages[0]"),
        (json!({"model": "m", "messages": [{"content": "x"}]}), "messages[0].role"),
        (json!({"model": "m", "messages": [{"role": "user", "content": 3}]}), "messages[0].content"),
        (json!({"model": "m", "messages": [{"role": "user", "content": [3]}]}), "messages[0].content[0]"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}), "stream"),
        (json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}), "temperature"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": true, "stream_options": {"include_usage": 1}}),
            "stream_options.include_usage",
        ),
    ] {
        let failure = read_value(&body).unwrap_err();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(field)), "{body}");
    }
    for body in ["", "{", "[]", "null", "\"x\"", "{\"model\": \"m\", \"model\": \"n\"}"] {
        assert_eq!(read(body.as_bytes()).unwrap_err().status, 400, "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_value_in_any_field_makes_the_reader_panic(field in "[a-z_]{1,12}", number in -3i64..3, text in ".{0,12}") {
        for value in [json!(number), json!(text), json!([text]), json!({"role": text, "content": [number]}), json!(null)] {
            let mut body = base();
            body[&field] = value.clone();
            body["messages"][1] = value;
            let _ = read_value(&body);
        }
    }
}
