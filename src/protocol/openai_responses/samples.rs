//! Answers to test with, and the ways in and out.

use serde_json::{Map, Value, json};

use super::{Recorder, read_body};
use crate::canonical::NotKept;
use crate::protocol::Fresh;
use crate::protocol::sse::Parser;

pub(super) fn fresh(same_ids: bool) -> Fresh {
    Fresh { id: "0123456789abcdef0123456789abcdef".into(), created_secs: 1_700_000_000, same_ids, echoes: Map::new() }
}

/// A response on the wire, with all that the API puts around its output.
pub(super) fn wire(output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 5, "completed_at": 6, "status": "completed",
        "background": false, "error": null, "incomplete_details": null, "instructions": "Be brief.",
        "model": "gpt-x-2026", "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": "low", "summary": null}, "store": true, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "truncation": "disabled",
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}, "metadata": {"of": "the first client"},
        "service_tier": "default", "user": "bob", "safety_identifier": "s", "prompt_cache_key": "k",
        "billing": {"payer": "developer"}, "prompt_cache_diagnostics": {"type": "cache_hit"},
    })
}

pub(super) fn stored(output: &Value) -> Map<String, Value> {
    read_body(wire(output).to_string().as_bytes()).unwrap()
}

pub(super) fn record(stream: &[u8]) -> Result<Map<String, Value>, NotKept> {
    let mut recorder = Recorder::new(1 << 20);
    recorder.feed(stream);
    recorder.finish()
}

pub(super) fn message(parts: &Value) -> Value {
    json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": parts})
}

pub(super) fn text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

pub(super) fn outputs() -> Vec<Value> {
    let long = "A sentence of some length, with é and 🦀 in it. ".repeat(20);
    let mut with_annotations = text("See here and there.");
    with_annotations["annotations"] = json!([
        {"type": "url_citation", "start_index": 4, "end_index": 8, "title": "T", "url": "u"},
        {"type": "file_path", "file_id": "f", "index": 9}]);
    let mut with_logprobs = text(&long);
    with_logprobs["logprobs"] =
        json!([{"token": "A", "bytes": [65], "logprob": -0.123456789012345, "top_logprobs": []}]);
    let reasoning = json!({"id": "rs_1", "type": "reasoning", "status": "completed",
        "summary": [{"type": "summary_text", "text": long}, {"type": "summary_text", "text": "Then."}],
        "content": [{"type": "reasoning_text", "text": long}]});
    let sealed = json!({"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"});
    let function = json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1",
        "name": "f", "arguments": format!("{{\"x\": \"{long}\"}}")});
    let other = json!({"id": "fc_2", "type": "function_call", "status": "completed", "call_id": "call_2",
        "name": "g", "arguments": ""});
    let custom = json!({"id": "ctc_1", "type": "custom_tool_call", "status": "completed", "call_id": "call_3",
        "name": "h", "input": "line 1\nline 2"});
    let refusal = json!({"type": "refusal", "refusal": "I can't."});
    vec![
        json!([message(&json!([text("Hi.")]))]),
        json!([message(&json!([text(&long)]))]),
        json!([message(&json!([text("é\n\n🦀\r\n\u{2028}")]))]),
        json!([message(&json!([refusal]))]),
        json!([message(&json!([text("One"), text(""), refusal]))]),
        json!([message(&json!([with_annotations]))]),
        json!([message(&json!([with_logprobs]))]),
        json!([message(&json!([{"type": "output_text", "text": "no frills"}]))]),
        json!([function]),
        json!([custom]),
        json!([reasoning, message(&json!([text("So.")])), function, other, custom]),
        json!([sealed, message(&json!([text("So.")]))]),
    ]
}

/// The events of a stream, with the name on the `event:` line.
pub(super) fn events(stream: &[u8]) -> Vec<(String, Value)> {
    let events = Parser::new(1 << 20).feed(stream);
    events.into_iter().map(|event| (event.name, serde_json::from_str(&event.data).unwrap())).collect()
}
