//! An upstream's whole body, read into the stored form: the `message` object, less what belongs to one exchange.

use serde_json::{Map, Value};

use crate::canonical::NotKept;

/// Top-level fields that belong to one exchange and never replay. The SDKs' types have some of them always, as `null`.
const OF_ONE_EXCHANGE: [&str; 3] = ["container", "diagnostics", "service_tier"];

/// Reads a `message` object.
///
/// # Errors
/// The reason why this answer may not be kept.
pub fn read_body(body: &[u8]) -> Result<Map<String, Value>, NotKept> {
    let Ok(Value::Object(message)) = serde_json::from_slice(body) else { return Err(NotKept::Unreadable) };
    finish(message)
}

/// The last step for body and stream alike: what may be kept, and what of it replays.
pub(super) fn finish(mut message: Map<String, Value>) -> Result<Map<String, Value>, NotKept> {
    let is_error = message.get("type").is_some_and(|kind| kind == "error");
    if is_error || message.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    match message.get("stop_reason").and_then(Value::as_str) {
        Some("end_turn" | "tool_use" | "stop_sequence") => {}
        Some("max_tokens" | "model_context_window_exceeded") => return Err(NotKept::Truncated),
        Some("refusal") => return Err(NotKept::Refusal),
        Some("pause_turn") => return Err(NotKept::PauseTurn),
        // A reason that nobody here knows may mean anything, so the answer is not kept.
        _ => return Err(NotKept::Unreadable),
    }
    let Some(Value::Array(blocks)) = message.get("content") else { return Err(NotKept::Unreadable) };
    let named = message.get("model").and_then(Value::as_str).is_some_and(|model| !model.is_empty());
    if !named || !blocks.iter().all(may_replay) || !blocks.iter().any(says_something) {
        return Err(NotKept::Unreadable);
    }
    message.shift_remove("id");
    let forget = |fields: &mut Map<String, Value>, name: &str| {
        fields.get_mut(name).map(Value::take);
    };
    OF_ONE_EXCHANGE.iter().for_each(|name| forget(&mut message, name));
    if let Some(Value::Object(usage)) = message.get_mut("usage") {
        forget(usage, "service_tier");
    }
    // Every message has these; writing them down makes body and stream of it the same.
    message.entry("type").or_insert_with(|| "message".into());
    message.entry("role").or_insert_with(|| "assistant".into());
    message.entry("stop_sequence").or_insert(Value::Null);
    Ok(message)
}

/// Whether a block has its kind's shape and comes from the model alone: the work of a server's tools is as fresh as
/// the day it was done.
fn may_replay(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("text") => block["text"].is_string(),
        Some("thinking") => block["thinking"].is_string(),
        Some("tool_use") => {
            // Any other caller is code in a container, which waits there for the result.
            let caller = &block["caller"];
            block["name"].is_string() && block["input"].is_object() && (caller.is_null() || caller["type"] == "direct")
        }
        Some(kind) => {
            let of_server = ["server_tool_use", "tool_result", "container_upload"].contains(&kind);
            !of_server && !kind.starts_with("mcp_") && !kind.ends_with("_tool_result")
        }
        None => false,
    }
}

/// An empty answer is a provider's slip more often than an answer.
fn says_something(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("text") => block["text"] != "",
        Some("tool_use") => true,
        _ => false,
    }
}
