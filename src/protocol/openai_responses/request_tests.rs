use serde_json::json;

use super::*;
use crate::cache::key::{Digest, keys};

fn base() -> Value {
    json!({
        "model": "gpt-x",
        "input": [
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

/// The request with this input.
fn with_input(input: Value) -> CanonicalRequest {
    read_value(&json!({"model": "gpt-x", "input": input})).unwrap()
}

#[test]
fn the_table_in_tests_flips_every_field_that_is_placed() {
    let flipped = fields::flipped(include_str!("../../../tests/fields/responses.json"));
    for field in PLAIN_SCOPE.iter().chain(TYPES.iter().map(|(field, _)| field)).filter(|field| **field != "input") {
        assert!(flipped.iter().any(|known| known == field), "{field}");
    }
}

#[test]
fn the_provider_keeps_what_it_is_not_told_to_forget() {
    for (store, keeps) in [(Value::Null, true), (json!(true), true), (json!(false), false)] {
        let mut body = base();
        body["store"] = store.clone();
        assert_eq!(read_value(&body).unwrap().provider_keeps, keeps, "{store}");
    }
}

#[test]
fn a_stream_always_says_what_was_used() {
    let mut body = base();
    assert_eq!(read_value(&body).unwrap().delivery, Delivery::Body);
    body["stream"] = json!(true);
    assert_eq!(read_value(&body).unwrap().delivery, Delivery::Stream { usage: true });
}

#[test]
fn items_may_send_a_request_past_the_cache_too() {
    let user = json!({"role": "user", "content": "And now?"});
    for (item, bypass) in [
        (json!({"type": "item_reference", "id": "msg_1"}), Some(Bypass::ServerState)),
        (json!({"id": "msg_1"}), Some(Bypass::ServerState)),
        (json!({"type": null, "id": "msg_1"}), Some(Bypass::ServerState)),
        (
            json!({"type": "additional_tools", "role": "developer", "tools": [{"type": "web_search"}]}),
            Some(Bypass::ServerTool),
        ),
        (json!({"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]}), None),
        (json!({"id": "msg_1", "role": "assistant", "content": "Hi"}), None),
    ] {
        assert_eq!(with_input(json!([item, user])).bypass, bypass, "{item}");
        assert_eq!(with_input(json!([user, item])).bypass, bypass, "{item}");
    }
}

#[test]
fn every_earlier_word_is_in_the_scope_and_the_last_user_text_is_not() {
    let known = read_value(&base()).unwrap();
    let mut body = base();
    body["input"][1]["content"] = json!("What is a comonad?");
    let other = read_value(&body).unwrap();
    assert_eq!(scope(&other), scope(&known));
    assert_eq!(other.query, "What is a comonad?");
    let system = json!({"role": "system", "content": "Be brief."});
    let user = json!({"role": "user", "content": "What is a monad?"});
    for (change, input) in [
        ("another system prompt", json!([{"role": "system", "content": "Be long."}, user])),
        ("no system prompt", json!([user])),
        ("another role", json!([{"role": "developer", "content": "Be brief."}, user])),
        (
            "another history",
            json!([system, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, user]),
        ),
        (
            "a tool's result",
            json!([system, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "42"}, user]),
        ),
        (
            "an earlier part in the same turn",
            json!([system, {"role": "user", "content": [{"type": "input_text", "text": "In Haskell:"}, {"type": "input_text", "text": "What is a monad?"}]}]),
        ),
    ] {
        let other = with_input(input);
        assert_ne!(scope(&other), scope(&known), "{change}");
        assert_eq!(other.query, "What is a monad?", "{change}");
    }
}

#[test]
fn two_items_are_not_one_item_that_holds_both() {
    let item = |text: &str| json!({"role": "user", "content": text});
    let together = with_input(
        json!([{"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}, item("c d")]),
    );
    assert_ne!(scope(&with_input(json!([item("a"), item("b"), item("c d")]))), scope(&together));
}

#[test]
fn a_string_is_one_message_of_the_user() {
    let string = with_input(json!("What is a monad?"));
    let message = with_input(json!([{"role": "user", "content": "What is a monad?"}]));
    assert_eq!(string, message);
    assert_eq!(string.query, "What is a monad?");
    assert_eq!(string.exact_only, None);
}

#[test]
fn spellings_that_mean_the_same_have_the_same_key() {
    let known = read_value(&base()).unwrap();
    let mark = json!({"mode": "explicit"});
    for input in [
        json!([{"type": "message", "role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a monad?", "type": "message"}]),
        json!([{"role": "system", "content": [{"type": "input_text", "text": "Be brief.", "prompt_cache_breakpoint": mark}]}, {"role": "user", "content": [{"type": "input_text", "text": "What is a monad?"}]}]),
        json!([{"role": "system", "content": "Be brief.", "phase": null}, {"role": "user", "content": [{"type": "input_text", "text": "What is a monad?", "prompt_cache_breakpoint": null}], "cache_control": {"type": "ephemeral"}}]),
    ] {
        assert_eq!(with_input(input.clone()), known, "{input}");
    }
    let result = |output: Value| {
        with_input(
            json!([{"type": "function_call_output", "call_id": "c", "output": output}, {"role": "user", "content": "And?"}]),
        )
    };
    let part = json!({"type": "input_text", "text": "42"});
    let marked = json!({"type": "input_text", "text": "42", "prompt_cache_breakpoint": mark});
    assert_eq!(result(json!([marked])), result(json!([part])));
    assert_ne!(scope(&result(json!([part]))), scope(&result(json!([{"type": "input_text", "text": "43"}]))));
    let mut tools = base();
    tools["tools"] = json!([{"type": "function", "name": "f"}]);
    let plain = read_value(&tools).unwrap();
    tools["tools"][0]["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(read_value(&tools).unwrap(), plain);
}

#[test]
fn a_last_turn_that_is_not_plain_user_text_is_matched_by_bytes_alone() {
    let image =
        json!([{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": "data:x"}]);
    for (item, reason) in [
        (json!({"role": "user", "content": image}), ExactOnly::Media),
        (json!({"type": "function_call_output", "call_id": "c", "output": "42"}), ExactOnly::ToolResult),
        (json!({"type": "custom_tool_call_output", "call_id": "c", "output": "42"}), ExactOnly::ToolResult),
        (json!({"role": "assistant", "content": "The answer is"}), ExactOnly::LastTurnNotUser),
        (json!({"role": "developer", "content": "Be brief."}), ExactOnly::LastTurnNotUser),
        (json!({"type": "compaction_trigger"}), ExactOnly::LastTurnNotUser),
        (json!({"role": "user", "content": []}), ExactOnly::TooShort),
        (json!({"role": "user", "content": ""}), ExactOnly::TooShort),
    ] {
        assert_eq!(with_input(json!([item])).exact_only, Some(reason), "{item}");
    }
    for body in [json!({"model": "m"}), json!({"model": "m", "input": []}), json!({"model": "m", "input": null})] {
        assert_eq!(read_value(&body).unwrap().exact_only, Some(ExactOnly::TooShort), "{body}");
    }
}

#[test]
fn media_beside_the_question_is_in_the_scope() {
    let about = |url: &str| {
        with_input(
            json!([{"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]}]),
        )
    };
    assert_eq!(about("data:x").query, "What is this?");
    assert_ne!(scope(&about("data:x")), scope(&about("data:y")));
}

#[test]
fn bad_input_names_the_field() {
    for (body, field) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": 3, "input": "x"}), "model"),
        (json!({"model": "", "input": "x"}), "model"),
        (json!({"model": "m", "input": 3}), "input"),
        (json!({"model": "m", "input": {"role": "user"}}), "input"),
        (json!({"model": "m", "input": ["hi"]}), "input[0]"),
        (json!({"model": "m", "input": [{}]}), "input[0].type"),
        (json!({"model": "m", "input": [{"type": 3}]}), "input[0].type"),
        (json!({"model": "m", "input": [{"type": "message", "content": "x"}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"role": 3, "content": "x"}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"role": "user", "content": 3}]}), "input[0].content"),
        (json!({"model": "m", "input": [{"role": "user", "content": [3]}]}), "input[0].content[0]"),
        (
            json!({"model": "m", "input": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": [{"type": "input_text", "text": 5}]}]}),
            "input[2].content[0].text",
        ),
        (json!({"model": "m", "input": "x", "stream": "yes"}), "stream"),
        (json!({"model": "m", "input": "x", "store": "no"}), "store"),
        (json!({"model": "m", "input": "x", "temperature": "hot"}), "temperature"),
        (json!({"model": "m", "input": "x", "tools": {}}), "tools"),
        (json!({"model": "m", "input": "x", "prompt": "p"}), "prompt"),
    ] {
        let failure = read_value(&body).unwrap_err();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(field)), "{body}");
    }
    for body in ["", "{", "[]", "null", "\"x\"", "{\"model\": \"m\", \"model\": \"n\"}"] {
        assert_eq!(read(body.as_bytes()).unwrap_err().status, 400, "{body}");
    }
}

#[test]
fn a_prompt_template_may_name_the_model_itself() {
    let request = read_value(&json!({"prompt": {"id": "pmpt_1"}, "input": "x"})).unwrap();
    assert_eq!((request.model.as_str(), request.bypass), ("", Some(Bypass::ServerState)));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_value_in_any_field_makes_the_reader_panic(field in "[a-z_]{1,12}", number in -3i64..3, text in ".{0,12}") {
        for value in [json!(number), json!(text), json!([text]), json!({"role": text, "content": [number]}), json!({"type": text}), json!(null)] {
            for name in [field.as_str(), "input", "tools", "include", "prompt_cache_options"] {
                let mut body = base();
                body[name] = value.clone();
                let _ = read_value(&body);
            }
            let mut body = base();
            body["input"][1] = value;
            let _ = read_value(&body);
        }
    }
}
