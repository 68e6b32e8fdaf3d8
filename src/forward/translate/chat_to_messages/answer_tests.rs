use super::*;
use crate::forward::translate::chat_to_messages::request;
use crate::protocol::openai_chat;

fn message(content: &Value, stop_reason: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 300,
            "output_tokens": 42}})
}

fn answered(content: &Value, stop_reason: &str) -> Value {
    answer(&message(content, stop_reason), 1_700_000_000).unwrap()
}

#[test]
fn a_message_becomes_a_chat_completion_with_one_choice() {
    let content = json!([
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": ".", "signature": "s"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "see 🦀.", "citations": []},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"z": 1, "a": "é"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        {"type": "block_of_tomorrow"},
    ]);
    let expected = json!({
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "claude-x",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Let me see 🦀.",
                "refusal": null,
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {"id": "toolu_1", "type": "function",
                        "function": {"name": "f", "arguments": "{\"z\":1,\"a\":\"é\"}"}},
                    {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "logprobs": null,
            "finish_reason": "tool_calls",
        }],
        "usage": {
            "prompt_tokens": 375,
            "completion_tokens": 42,
            "total_tokens": 417,
            "prompt_tokens_details": {"cached_tokens": 70, "cache_write_tokens": 300},
        },
    });
    let completion = answered(&content, "tool_use");
    assert_eq!(completion.to_string(), expected.to_string());
    assert!(openai_chat::read_body(completion.to_string().as_bytes()).is_ok());
}

#[test]
fn every_stop_reason_has_its_finish_reason() {
    for (stop_reason, finish_reason) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "length"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("a_reason_of_tomorrow", "a_reason_of_tomorrow"),
    ] {
        let completion = answered(&json!([{"type": "text", "text": "x"}]), stop_reason);
        assert_eq!(completion["choices"][0]["finish_reason"], finish_reason);
        assert_eq!(completion["choices"][0]["message"]["refusal"].is_string(), stop_reason == "refusal");
    }
}

#[test]
fn a_refusal_is_told_in_its_own_field_beside_what_was_said() {
    let mut refused = message(&json!([{"type": "text", "text": "First, "}]), "refusal");
    for (details, text) in [
        (json!({"type": "refusal", "category": "bio", "explanation": "Not this."}), "Not this."),
        (json!({"type": "refusal", "explanation": null}), "The model refused to answer."),
        (json!(null), "The model refused to answer."),
    ] {
        refused["stop_details"] = details;
        let said = answer(&refused, 0).unwrap()["choices"][0]["message"].clone();
        assert_eq!(said, json!({"role": "assistant", "content": "First, ", "refusal": text}));
    }
}

#[test]
fn an_answer_without_text_has_null_for_its_content() {
    for content in [json!([]), json!([{"type": "text", "text": ""}]), json!([{"type": "thinking", "thinking": ""}])] {
        let said = answered(&content, "end_turn")["choices"][0]["message"].clone();
        assert_eq!(said, json!({"role": "assistant", "content": null, "refusal": null}));
    }
}

#[test]
fn counts_that_the_upstream_left_out_are_zero_or_leave_the_usage_out() {
    let mut counted = message(&json!([]), "end_turn");
    for (usage, expected) in [
        (
            json!({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": null,
                "output_tokens_details": {"thinking_tokens": 1}}),
            json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 1}}),
        ),
        (json!({"output_tokens": 2}), Value::Null),
        (json!({}), Value::Null),
        (json!(null), Value::Null),
    ] {
        counted["usage"] = usage;
        assert_eq!(answer(&counted, 0).unwrap()["usage"], expected);
    }
}

#[test]
fn what_is_no_message_is_no_answer() {
    let good = message(&json!([{"type": "text", "text": "x"}]), "end_turn");
    for (name, value) in [
        ("type", json!("error")),
        ("type", json!(null)),
        ("id", json!(null)),
        ("model", json!(1)),
        ("content", json!("x")),
        ("content", json!([{"type": "text"}])),
        ("content", json!([{"type": "tool_use", "id": "a", "name": "f", "input": "{}"}])),
        ("stop_reason", json!(null)),
    ] {
        let mut wrong = good.clone();
        wrong[name] = value;
        assert_eq!(answer(&wrong, 0), None, "{wrong}");
    }
    for wrong in [json!(null), json!([]), json!("x"), json!({"type": "error", "error": {"message": "x"}})] {
        assert_eq!(answer(&wrong, 0), None, "{wrong}");
    }
    assert!(answer(&good, 0).is_some());
}

#[test]
fn the_calls_of_an_answer_come_back_to_the_upstream_as_they_were() {
    let input = r#"{"z":12345678901234567890123,"a":{"y":0.10,"b":[1e+400,"é🦀\u0000"]}}"#;
    let call: Value =
        serde_json::from_str(&format!(r#"{{"type":"tool_use","id":"toolu_1","name":"f","input":{input}}}"#)).unwrap();
    let content = json!([{"type": "text", "text": "Wait."}, call]);
    let completion = answered(&content, "tool_use");
    let said = &completion["choices"][0]["message"];
    assert_eq!(said["tool_calls"][0]["function"]["arguments"], input);
    let result = json!({"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "done"});
    let next = json!({"model": "claude-x", "messages": [{"role": "user", "content": "Go"}, said, result]});
    let next = request(&next).unwrap();
    assert_eq!(next["messages"][1]["content"].to_string(), content.to_string());
    assert_eq!(
        next["messages"][2]["content"],
        json!([{"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}])
    );
}

#[test]
fn what_is_written_for_an_hour_is_told_apart_for_it_costs_more() {
    let mut message = message(&json!([{"type": "text", "text": "Hi."}]), "end_turn");
    message["usage"]["cache_creation"] = json!({"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200});
    let made = answer(&message, 1_700_000_000).unwrap();
    let details = json!({"cached_tokens": 70, "cache_write_tokens": 300, "cache_write_1h_tokens": 200});
    assert_eq!(made["usage"]["prompt_tokens_details"], details);
    let usage = crate::forward::usage::read(&made, &[]).unwrap();
    assert_eq!((usage.uncached, usage.cached_read), (5, 70));
    assert_eq!((usage.cached_write_5m, usage.cached_write_1h), (100, 200));
}
