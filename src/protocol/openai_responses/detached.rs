//! The stored form without what binds it to its conversation.

use serde_json::{Map, Value};

/// Fields that only continue the conversation that they were made in: OpenAI's encrypted reasoning, and the signature
/// that gateways to Anthropic's models put beside it.
const BOUND: [&str; 2] = ["encrypted_content", "signature"];

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
            let bound = release(item);
            was_bound |= bound;
            // Where the provider keeps nothing, sealed reasoning without its seal is an item that nobody knows.
            !bound || provider_keeps || item["type"] != "reasoning"
        });
    }
    // A provider that seals its reasoning wants it back with the results of the tools.
    if was_bound && calls { None } else { Some(free) }
}

/// Takes the bound fields out of a value, at any depth. True when one of them held something.
fn release(value: &mut Value) -> bool {
    let mut was_bound = false;
    match value {
        Value::Array(items) => {
            for item in items {
                was_bound |= release(item);
            }
        }
        Value::Object(fields) => {
            fields.retain(|name, value| {
                let bound = BOUND.contains(&name.as_str());
                was_bound |= bound && !value.is_null();
                !bound
            });
            for field in fields.values_mut() {
                was_bound |= release(field);
            }
        }
        _ => {}
    }
    was_bound
}
