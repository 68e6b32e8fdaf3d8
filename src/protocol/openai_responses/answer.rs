//! An upstream's whole body, read into the stored form: the `response` object, as the terminal event holds it too.

use serde_json::{Map, Value};

use crate::canonical::NotKept;

/// Top-level fields that never replay: what belongs to one exchange, the echo of what the request's reader ignores,
/// and `output_text`, which SDKs make up from the rest.
const OF_ONE_EXCHANGE: [&str; 11] = [
    "billing",
    "diagnostics",
    "obfuscation",
    "output_text",
    "prompt_cache_diagnostics",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "user",
];

/// Reads a `response` object.
///
/// # Errors
/// The reason why this answer may not be kept.
pub fn read_body(body: &[u8]) -> Result<Map<String, Value>, NotKept> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(response)) => finish(response),
        _ => Err(NotKept::Unreadable),
    }
}

/// The last step for body and stream alike: what may be kept, and what of the top level replays.
pub(super) fn finish(mut response: Map<String, Value>) -> Result<Map<String, Value>, NotKept> {
    check_status(&response)?;
    let Some(Value::Array(output)) = response.get("output") else { return Err(NotKept::Unreadable) };
    let mut says_something = false;
    for item in output {
        says_something |= check_item(item)?;
    }
    // An empty answer is a provider's slip more often than an answer.
    if !says_something {
        return Err(NotKept::Unreadable);
    }
    for name in OF_ONE_EXCHANGE {
        response.shift_remove(name);
    }
    // The labels are those of the client that asked first; the API sends an empty object when there are none.
    if let Some(labels) = response.get_mut("metadata") {
        *labels = Value::Object(Map::new());
    }
    Ok(response)
}

fn check_status(response: &Map<String, Value>) -> Result<(), NotKept> {
    if response.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    let reason = response.get("incomplete_details").and_then(|details| details["reason"].as_str());
    match (response.get("status").and_then(Value::as_str), reason) {
        (Some("completed"), None) => Ok(()),
        (Some("failed"), _) => Err(NotKept::UpstreamError),
        (Some("incomplete" | "completed"), Some("max_output_tokens")) => Err(NotKept::Truncated),
        (Some("incomplete" | "completed"), Some("content_filter")) => Err(NotKept::ContentFilter),
        // A status that nobody here knows may mean anything, so the answer is not kept.
        _ => Err(NotKept::Unreadable),
    }
}

/// Whether an item says something, provided that a replay can tell it in a stream: an item of a kind that nobody here
/// knows, or without a text where its kind has one, cannot be cut into deltas.
fn check_item(item: &Value) -> Result<bool, NotKept> {
    if item["status"] == "incomplete" {
        return Err(NotKept::Truncated);
    }
    let parts_say = |list: &str, kinds: &[(&str, &str)]| check_parts(&item[list], kinds);
    match item["type"].as_str() {
        Some("message") => parts_say("content", &[("output_text", "text"), ("refusal", "refusal")]),
        Some("reasoning") => {
            parts_say("summary", &[("summary_text", "text")])?;
            parts_say("content", &[("reasoning_text", "text")])?;
            Ok(false)
        }
        Some("function_call") => check_call(item, "arguments"),
        Some("custom_tool_call") => check_call(item, "input"),
        _ => Err(NotKept::Unreadable),
    }
}

/// Whether some part holds a text that is not empty.
fn check_parts(parts: &Value, kinds: &[(&str, &str)]) -> Result<bool, NotKept> {
    let parts = match parts {
        Value::Null => return Ok(false),
        Value::Array(parts) => parts,
        _ => return Err(NotKept::Unreadable),
    };
    let mut says_something = false;
    for part in parts {
        let kind = kinds.iter().find(|(kind, _)| part["type"] == *kind);
        let text = kind.and_then(|(_, field)| part[*field].as_str()).ok_or(NotKept::Unreadable)?;
        says_something |= !text.is_empty();
    }
    Ok(says_something)
}

/// A call says something by being there, as long as the client can run it and name it in the result.
fn check_call(item: &Value, field: &str) -> Result<bool, NotKept> {
    let is_named = |name: &str| item[name].as_str().is_some_and(|text| !text.is_empty());
    if is_named("name") && is_named("call_id") && item[field].is_string() { Ok(true) } else { Err(NotKept::Unreadable) }
}
