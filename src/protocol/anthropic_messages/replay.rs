//! The stored form, written as a body or as a stream. What names one exchange (`id`, the ids of tool calls) is made
//! anew, so that two answers are never taken for one.

use serde_json::{Map, Value, json};

use crate::protocol::Fresh;
use crate::protocol::pieces::pieces;
use crate::protocol::sse::write_event;

/// The answer as one `message` object.
#[must_use]
pub fn body(message: &Map<String, Value>, fresh: &Fresh) -> Vec<u8> {
    Value::Object(renamed(message, fresh)).to_string().into_bytes()
}

/// The answer as a stream of events, from `message_start` to `message_stop`.
#[must_use]
pub fn stream(message: &Map<String, Value>, fresh: &Fresh) -> Vec<u8> {
    let mut message = renamed(message, fresh);
    let blocks = match message.insert("content".into(), json!([])) {
        Some(Value::Array(blocks)) => blocks,
        _ => Vec::new(),
    };
    let last = take_end(&mut message);
    let mut out = Vec::new();
    send(&mut out, "message_start", json!({"message": message}));
    for (index, block) in blocks.into_iter().enumerate() {
        let (start, deltas) = cut(block);
        send(&mut out, "content_block_start", json!({"index": index, "content_block": start}));
        for delta in deltas {
            send(&mut out, "content_block_delta", json!({"index": index, "delta": delta}));
        }
        send(&mut out, "content_block_stop", json!({"index": index}));
    }
    send(&mut out, "message_delta", last);
    send(&mut out, "message_stop", json!({}));
    out
}

/// Writes one event, named twice: SDKs pass over an event without a name, and read the type in its data.
fn send(out: &mut Vec<u8>, name: &str, mut data: Value) {
    if let Value::Object(fields) = &mut data {
        fields.shift_insert(0, "type".into(), name.into());
    }
    write_event(out, name, &data.to_string());
}

/// The message with new ids.
fn renamed(message: &Map<String, Value>, fresh: &Fresh) -> Map<String, Value> {
    let mut message = message.clone();
    message.shift_insert(0, "id".into(), format!("msg_{}", fresh.id).into());
    let short = fresh.id.get(..20).unwrap_or(&fresh.id);
    if let Some(Value::Array(blocks)) = message.get_mut("content") {
        for (k, block) in blocks.iter_mut().enumerate() {
            if block["type"] == "tool_use" {
                block["id"] = format!("toolu_{short}{k:02}").into();
            }
        }
    }
    message
}

/// What a message's usage may say again at its end. The SDKs copy these and keep the others from the start.
const COUNTED_AT_THE_END: [&str; 8] = [
    "input_tokens",
    "output_tokens",
    "output_tokens_details",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "server_tool_use",
    "iterations",
    "fallback_credit",
];

/// Takes out of a message what is only known at its end, and makes the `message_delta` of it.
fn take_end(message: &mut Map<String, Value>) -> Value {
    let mut delta = Map::new();
    for name in ["stop_reason", "stop_sequence", "stop_details", "container"] {
        if let Some(value) = message.get_mut(name) {
            delta.insert(name.into(), value.take());
        }
    }
    // SDKs write into `usage` without asking whether it is there.
    let usage = message.entry("usage").or_insert(Value::Null);
    if !usage.is_object() {
        *usage = json!({"input_tokens": 0, "output_tokens": 0});
    }
    let counts: Map<String, Value> = COUNTED_AT_THE_END
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), usage.get(*name).filter(|count| !count.is_null())?.clone())))
        .collect();
    if counts.contains_key("output_tokens") {
        usage["output_tokens"] = 1.into();
    }
    let mut end = json!({"delta": delta, "usage": counts});
    if let Some(edits) = message.get_mut("context_management")
        && !edits.is_null()
    {
        end["context_management"] = edits.take();
    }
    end
}

/// A block as it starts, and the deltas that make it whole. A kind that nobody here knows starts whole.
fn cut(mut block: Value) -> (Value, Vec<Value>) {
    let mut deltas = Vec::new();
    match block["type"].as_str() {
        Some("text") => {
            // Text and citations grow apart, so the SDKs take them in any order.
            if let Some(Value::Array(citations)) = block.get_mut("citations") {
                let citations = std::mem::take(citations);
                deltas.extend(
                    citations.into_iter().map(|citation| json!({"type": "citations_delta", "citation": citation})),
                );
            }
            let text = take_text(&mut block, "text");
            deltas.extend(pieces(&text).map(|piece| json!({"type": "text_delta", "text": piece})));
        }
        Some("thinking") => {
            let thinking = take_text(&mut block, "thinking");
            deltas.extend(pieces(&thinking).map(|piece| json!({"type": "thinking_delta", "thinking": piece})));
            // A signature comes whole: the SDKs put the last one in the place of the others.
            let signature = take_text(&mut block, "signature");
            if !signature.is_empty() {
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
            }
        }
        Some("tool_use") => {
            let input = std::mem::replace(&mut block["input"], json!({})).to_string();
            deltas.extend(pieces(&input).map(|piece| json!({"type": "input_json_delta", "partial_json": piece})));
        }
        _ => {}
    }
    (block, deltas)
}

/// Takes a text out of a block and leaves an empty one. Other values stay, and go with the start.
fn take_text(block: &mut Value, name: &str) -> String {
    match block.get_mut(name) {
        Some(Value::String(text)) => std::mem::take(text),
        _ => String::new(),
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
