use serde_json::json;

use super::*;
use crate::cache::key::{Digest, keys};
use crate::canonical::ExactOnly;

fn base() -> Value {
    json!({
        "model": "claude-x",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "What is a monad?"},
        ],
    })
}

fn read_value(body: &Value) -> Result<CanonicalRequest, Failure> {
    read(body.to_string().as_bytes())
}

fn with_last(message: Value) -> CanonicalRequest {
    let mut body = base();
    body["messages"][2] = message;
    read_value(&body).unwrap()
}

fn scope(request: &CanonicalRequest) -> Digest {
    keys(&Digest([7; 32]), "anthropic", request, 4).scope
}

#[test]
fn the_table_in_tests_flips_every_field_that_is_placed() {
    let flipped = fields::flipped(include_str!("../../../tests/fields/messages.json"));
    for field in PLAIN_SCOPE.iter().chain(TYPES.iter().map(|(field, _)| field)).filter(|field| **field != "messages") {
        assert!(flipped.iter().any(|known| known == field), "{field}");
    }
}

#[test]
fn what_a_message_adds_on_the_providers_side_goes_past_the_cache_too() {
    for (block, bypass) in [
        (json!({"type": "container_upload", "file_id": "f"}), Some(Bypass::ServerState)),
        (
            json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"type": "web_search_20260318"}}}),
            Some(Bypass::ServerTool),
        ),
        (json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"name": "f"}}}), None),
        (json!({"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}), None),
    ] {
        let mut body = base();
        body["messages"][0] = json!({"role": "system", "content": [block]});
        assert_eq!(read_value(&body).unwrap().bypass, bypass, "{block}");
    }
}

#[test]
fn every_earlier_word_is_in_the_scope_and_the_last_user_text_is_not() {
    let known = read_value(&base()).unwrap();
    let other = with_last(json!({"role": "user", "content": "What is a comonad?"}));
    assert_eq!(scope(&other), scope(&known));
    assert_eq!(other.query, "What is a comonad?");
    let question = json!({"role": "user", "content": "What is a monad?"});
    for (change, messages) in [
        ("no history", json!([question])),
        ("less history", json!([{"role": "user", "content": "Hi."}, question])),
        (
            "another first turn",
            json!([{"role": "user", "content": "Ho."}, {"role": "assistant", "content": "Hello."}, question]),
        ),
        (
            "another answer",
            json!([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}, question]),
        ),
        ("another role", json!([{"role": "user", "content": "Hi."}, {"role": "user", "content": "Hello."}, question])),
        (
            "an earlier block in the same turn",
            json!([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."},
                {"role": "user", "content": [{"type": "text", "text": "In Haskell:"}, {"type": "text", "text": "What is a monad?"}]}]),
        ),
        (
            "a citation in the last text",
            json!([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."},
                {"role": "user", "content": [{"type": "text", "text": "What is a monad?", "citations": [{"cited_text": "x"}]}]}]),
        ),
    ] {
        let mut body = base();
        body["messages"] = messages;
        let other = read_value(&body).unwrap();
        assert_ne!(scope(&other), scope(&known), "{change}");
        assert_eq!(other.query, "What is a monad?", "{change}");
    }
}

#[test]
fn an_unknown_field_never_stands_for_a_message() {
    let first = json!({"role": "user", "content": [{"type": "text", "text": "S"}]});
    let last = json!({"role": "user", "content": "What is a monad?"});
    let with = read_value(&json!({"model": "m", "max_tokens": 1, "messages": [first, last]})).unwrap();
    let beside = read_value(&json!({"model": "m", "max_tokens": 1, "message": first, "messages": [last]})).unwrap();
    assert_ne!(scope(&with), scope(&beside));
}

#[test]
fn spellings_that_mean_the_same_have_the_same_key() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let known = read_value(&base()).unwrap();
    let mut body = base();
    body["system"] = json!([{"type": "text", "text": "Be brief.", "cache_control": mark, "citations": null}]);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "Hi.", "cache_control": null}]);
    body["messages"][2]["content"] = json!([{"type": "text", "text": "What is a monad?", "cache_control": mark}]);
    assert_eq!(scope(&read_value(&body).unwrap()), scope(&known));

    let tools = |marked: bool| {
        let mut body = base();
        body["tools"] = json!([{"name": "f", "input_schema": {"type": "object"}}]);
        body["messages"][1]["content"] =
            json!([{"type": "tool_use", "id": "t", "name": "f", "input": {"cache_control": 1, "x": null}}]);
        body["messages"][2]["content"] =
            json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "42"}]}]);
        if marked {
            body["tools"][0]["cache_control"] = mark.clone();
            body["messages"][1]["content"][0]["cache_control"] = mark.clone();
            body["messages"][2]["content"][0]["cache_control"] = mark.clone();
            body["messages"][2]["content"][0]["content"][0]["cache_control"] = mark.clone();
            body["messages"][2]["content"][0]["is_error"] = Value::Null;
        }
        body
    };
    let known = read_value(&tools(false)).unwrap();
    assert_eq!(scope(&read_value(&tools(true)).unwrap()), scope(&known));
    for input in [json!({"x": null}), json!({"cache_control": 1})] {
        let mut other = tools(false);
        other["messages"][1]["content"][0]["input"] = input;
        assert_ne!(scope(&read_value(&other).unwrap()), scope(&known), "a tool's input is the client's data");
    }
}

#[test]
fn a_last_turn_that_is_not_plain_user_text_is_matched_by_bytes_alone() {
    let text = json!({"type": "text", "text": "What is this?"});
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": "42"});
    for (message, query, reason) in [
        (json!({"role": "user", "content": [text, {"type": "image"}]}), "What is this?", ExactOnly::Media),
        (json!({"role": "user", "content": [{"type": "document"}, text]}), "What is this?", ExactOnly::Media),
        (json!({"role": "user", "content": [{"type": "search_result"}, text]}), "What is this?", ExactOnly::Media),
        (json!({"role": "user", "content": [{"type": "of_tomorrow"}, result]}), "", ExactOnly::Media),
        (json!({"role": "user", "content": [result]}), "", ExactOnly::ToolResult),
        (json!({"role": "user", "content": [result, text]}), "What is this?", ExactOnly::ToolResult),
        (json!({"role": "assistant", "content": "The answer is"}), "", ExactOnly::LastTurnNotUser),
        (json!({"role": "system", "output_config": {"effort": "low"}}), "", ExactOnly::LastTurnNotUser),
        (json!({"role": "user", "content": []}), "", ExactOnly::TooShort),
    ] {
        let request = with_last(message.clone());
        assert_eq!((request.query.as_str(), request.exact_only), (query, Some(reason)), "{message}");
    }
    let prefill = |text: &str| scope(&with_last(json!({"role": "assistant", "content": text})));
    assert_ne!(prefill("The answer is"), prefill("The answer is not"));
}

#[test]
fn a_stream_is_asked_for_with_true_alone() {
    for (stream, delivery) in
        [(json!(true), Delivery::Stream { usage: true }), (json!(false), Delivery::Body), (Value::Null, Delivery::Body)]
    {
        let mut body = base();
        body["stream"] = stream;
        assert_eq!(read_value(&body).unwrap().delivery, delivery);
    }
}

#[test]
fn bad_input_names_the_field() {
    for (field, value, named) in [
        ("model", Value::Null, "model"),
        ("model", json!(3), "model"),
        ("max_tokens", Value::Null, "max_tokens"),
        ("max_tokens", json!("many"), "max_tokens"),
        ("messages", Value::Null, "messages"),
        ("messages", json!([]), "messages"),
        ("messages", json!("hi"), "messages"),
        ("messages", json!(["hi"]), "messages[0]"),
        ("messages", json!([{"content": "x"}]), "messages[0].role"),
        ("messages", json!([{"role": "user"}]), "messages[0].content"),
        ("messages", json!([{"role": "user", "content": 3}]), "messages[0].content"),
        ("messages", json!([{"role": "user", "content": [3]}]), "messages[0].content[0]"),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text"}]}]),
            "messages[0].content[1].text",
        ),
        ("system", json!(3), "system"),
        ("system", json!(["x"]), "system[0]"),
        ("system", json!([{"type": "text", "text": 3}]), "system[0].text"),
        ("tools", json!({}), "tools"),
        ("tools", json!([{}, "x"]), "tools[1]"),
        ("stream", json!("yes"), "stream"),
        ("temperature", json!("hot"), "temperature"),
        ("thinking", json!(true), "thinking"),
        ("stop_sequences", json!("."), "stop_sequences"),
    ] {
        let mut body = base();
        body[field] = value;
        let failure = read_value(&body).unwrap_err();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(named)), "{body}");
        assert!(failure.message.contains(&format!("'{named}'")), "{}", failure.message);
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
            let _ = read_value(&body);
            body["messages"][2] = value.clone();
            let _ = read_value(&body);
            body["messages"][2] = json!({"role": "user", "content": [{"type": text, "text": value, "content": [value], "tool": value}]});
            body["tools"] = json!([{"type": value}]);
            let _ = read_value(&body);
        }
    }
}
