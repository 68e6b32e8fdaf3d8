//! The stored form without what binds it to its conversation.

use serde_json::{Map, Value};

use crate::protocol::bound::release_value;

/// See [`crate::protocol::detached`].
#[must_use]
pub fn detached(response: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut free = response.clone();
    let no_output = Vec::new();
    let output = response.get("output").and_then(Value::as_array).unwrap_or(&no_output);
    let calls = output.iter().any(|item| matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call")));
    let provider_keeps = response.get("store") == Some(&Value::Bool(true));
    let mut was_bound = false;
    if let Some(Value::Array(items)) = free.get_mut("output") {
        items.retain_mut(|item| {
            let bound = release_value(item);
            was_bound |= bound;
            // Where the provider keeps nothing, sealed reasoning without its seal is an item that nobody knows.
            !bound || provider_keeps || item["type"] != "reasoning"
        });
    }
    // A provider that seals its reasoning wants it back with the results of the tools.
    if was_bound && calls { None } else { Some(free) }
}
