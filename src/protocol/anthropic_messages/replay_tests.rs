use proptest::prelude::*;

use super::*;
use crate::canonical::NotKept;
use crate::protocol::anthropic_messages::{Recorder, detached, read_body};
use crate::protocol::sse::Parser;

fn fresh() -> Fresh {
    Fresh {
        id: "0123456789abcdef0123456789abcdef".into(),
        created_secs: 1_700_000_000,
        same_ids: false,
        echoes: Map::new(),
    }
}

fn stored_as(content: &str, stop_reason: &str) -> Map<String, Value> {
    let body = format!(
        r#"{{"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": {content},
        "stop_reason": "{stop_reason}", "stop_sequence": null, "stop_details": null, "container": null,
        "diagnostics": null, "context_management": {{"applied_edits": [1]}}, "service_tier": "standard",
        "usage": {{"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": null,
            "cache_creation": {{"ephemeral_5m_input_tokens": 0}}, "output_tokens": 42, "service_tier": "standard",
            "output_tokens_details": {{"thinking_tokens": 3}}, "server_tool_use": null, "inference_geo": "eu",
            "speed": null, "a_count_of_tomorrow": 8}}}}"#
    );
    read_body(body.as_bytes()).unwrap()
}

fn stored(content: &Value) -> Map<String, Value> {
    stored_as(&content.to_string(), "end_turn")
}

fn record(stream: &[u8]) -> Result<Map<String, Value>, NotKept> {
    let mut recorder = Recorder::new(1 << 20);
    recorder.feed(stream);
    recorder.finish()
}

fn events(stream: &[u8]) -> Vec<Value> {
    let events = Parser::new(1 << 20).feed(stream);
    events
        .into_iter()
        .map(|event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(data["type"], event.name.as_str());
            data
        })
        .collect()
}

fn without_call_ids(mut message: Map<String, Value>) -> Map<String, Value> {
    for block in message["content"].as_array_mut().unwrap() {
        if block["type"] == "tool_use" {
            block["id"] = json!("");
        }
    }
    message
}

fn contents() -> Vec<(String, &'static str)> {
    let long = "A sentence of some length, with é and 🦀 in it. ".repeat(20);
    let thought = json!({"type": "thinking", "thinking": long, "signature": "c2lnbmF0dXJl".repeat(40)});
    let text = json!({"type": "text", "text": "Hi."});
    let plain = |content: Value| (content.to_string(), "end_turn");
    vec![
        plain(json!([text])),
        plain(json!([{"type": "text", "text": long, "citations": null}])),
        plain(json!([{"type": "text", "text": "Line\nline\r\n\u{2028}\"\\\u{0}", "citations": []}])),
        plain(json!([text, {"type": "text", "text": long, "citations": [{"cited_text": "a"}, {"cited_text": "b"}]}])),
        plain(json!([thought, text])),
        plain(json!([{"type": "thinking", "thinking": "", "signature": "s"}, text])),
        plain(json!([{"type": "thinking", "thinking": "unsigned"}, text])),
        plain(json!([{"type": "redacted_thinking", "data": long}, text])),
        plain(json!([{"type": "a_block_of_tomorrow", "text": "x", "deep": {"y": [1]}}, text])),
        (json!([text]).to_string(), "stop_sequence"),
        (
            r#"[{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "See:"},
            {"type": "tool_use", "id": "toolu_a", "name": "f", "input": {}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "toolu_b", "name": "g", "input": {"big": 123456789012345678901234567890,
                "fine": 0.10000000000000000555, "round": 1.0, "minus": -0, "exp": 1e400, "text": "a b \n é", "none": null}}]"#
                .to_owned(),
            "tool_use",
        ),
    ]
}

#[test]
fn a_replayed_stream_makes_the_answer_that_was_stored() {
    for (content, stop_reason) in contents() {
        let known = without_call_ids(stored_as(&content, stop_reason));
        let again = without_call_ids(record(&stream(&known, &fresh())).unwrap());
        assert_eq!(again, known);
        assert_eq!(Value::Object(again).to_string(), Value::Object(known).to_string(), "numbers keep their spelling");
    }
}

#[test]
fn a_replayed_body_is_the_answer_that_was_stored() {
    for (content, stop_reason) in contents() {
        let known = without_call_ids(stored_as(&content, stop_reason));
        let again = read_body(&body(&known, &fresh())).unwrap();
        assert_eq!(Value::Object(without_call_ids(again)).to_string(), Value::Object(known).to_string());
    }
}

#[test]
fn the_stop_sequence_that_was_met_comes_back_in_body_and_stream() {
    let mut known = stored(&json!([{"type": "text", "text": "Hi."}]));
    known.insert("stop_reason".into(), "stop_sequence".into());
    known.insert("stop_sequence".into(), "END".into());
    assert_eq!(record(&stream(&known, &fresh())).as_ref(), Ok(&known));
    assert_eq!(read_body(&body(&known, &fresh())).as_ref(), Ok(&known));
}

#[test]
fn the_events_come_as_the_api_sends_them() {
    let known = stored(&json!([
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Hi.", "citations": [{"cited_text": "c"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
    ]));
    let events = events(&stream(&known, &fresh()));
    let first = &events[0]["message"];
    assert_eq!((&first["content"], &first["stop_reason"]), (&json!([]), &Value::Null));
    assert_eq!(first["id"], "msg_0123456789abcdef0123456789abcdef");
    assert_eq!((&first["usage"]["input_tokens"], &first["usage"]["output_tokens"]), (&json!(5), &json!(1)));
    assert_eq!(first["usage"]["a_count_of_tomorrow"], 8);
    assert_eq!(first["context_management"], Value::Null);
    let n = events.len();
    assert_eq!(
        events[1..n],
        [
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "", "citations": []}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"cited_text": "c"}}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi."}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_0123456789abcdef012302", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"x\":1}"}}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": null, "stop_details": null, "container": null},
                "context_management": {"applied_edits": [1]},
                "usage": {"input_tokens": 5, "output_tokens": 42, "output_tokens_details": {"thinking_tokens": 3}, "cache_creation_input_tokens": 0}}),
            json!({"type": "message_stop"}),
        ]
    );
}

#[test]
fn what_names_one_exchange_is_made_anew() {
    let (content, stop_reason) = contents().pop().unwrap();
    let known = stored_as(&content, stop_reason);
    assert!(!known.contains_key("id"));
    for gone in ["container", "diagnostics", "service_tier"] {
        assert!(known.get(gone).is_none_or(Value::is_null), "{gone}");
    }
    assert!(known["usage"]["service_tier"].is_null());
    let out: Value = serde_json::from_slice(&body(&known, &fresh())).unwrap();
    assert_eq!(out["id"], "msg_0123456789abcdef0123456789abcdef");
    let ids = [&out["content"][2]["id"], &out["content"][3]["id"]].map(|id| id.as_str().unwrap());
    assert!(ids.iter().all(|id| id.starts_with("toolu_0123456789")), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_stream_has_a_usage_even_when_the_provider_did_not_count() {
    let mut known = stored(&json!([{"type": "text", "text": "Hi."}]));
    known.remove("usage");
    let events = events(&stream(&known, &fresh()));
    assert!(events[0]["message"]["usage"].is_object());
    assert_eq!(events[events.len() - 2]["usage"]["output_tokens"], 0);
}

#[test]
fn an_answer_leaves_its_conversation_without_the_thoughts() {
    let text = json!({"type": "text", "text": "Hi."});
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
    let secret = json!({"type": "redacted_thinking", "data": "x"});
    let other = json!({"type": "compaction", "content": "x", "encrypted_content": "y"});
    for (content, left) in [
        (json!([text]), Some(json!([text]))),
        (json!([text, call]), Some(json!([text, call]))),
        (json!([thought, secret, text]), Some(json!([text]))),
        (json!([thought, text, call]), None),
        (json!([secret, call]), None),
        (json!([other, text]), None),
    ] {
        let known = stored(&content);
        let free = detached(&known);
        assert_eq!(free.as_ref().map(|free| free["content"].clone()), left, "{content}");
        if let Some(mut free) = free {
            free.insert("content".into(), content);
            assert_eq!(free, known, "the rest stays");
        }
    }
    let only_thought = Map::from_iter([("content".to_owned(), json!([thought]))]);
    assert_eq!(detached(&only_thought), None);
    assert_eq!(detached(&Map::new()), None);
}

proptest! {
    #[test]
    fn any_text_survives_being_cut_into_deltas(text in "(.|\n){1,400}", thinking in "(.|\n){0,400}", key in "(.|\n){0,100}") {
        let known = stored(&json!([
            {"type": "thinking", "thinking": thinking, "signature": key},
            {"type": "text", "text": text},
            {"type": "tool_use", "id": "toolu_0123456789abcdef012302", "name": "f", "input": {key: text}},
        ]));
        prop_assert_eq!(record(&stream(&known, &fresh())).unwrap(), known);
    }
}
