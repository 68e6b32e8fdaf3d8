//! The stored form without what binds it to its conversation.

use serde_json::{Map, Value};

use crate::canonical::ChatCompletion;

/// Fields in which providers behind this API put what only continues the conversation that it was made in: Gemini's
/// `extra_content` (`thought_signature`), OpenRouter's `reasoning_details` and LiteLLM's `thinking_blocks`
/// (`signature`, encrypted `data`).
const BOUND: [&str; 3] = ["extra_content", "reasoning_details", "thinking_blocks"];

/// See [`crate::protocol::detached`].
pub fn detached(completion: &ChatCompletion) -> Option<ChatCompletion> {
    let mut free = completion.clone();
    for choice in &mut free.choices {
        let no_calls = Vec::new();
        let calls = choice.message.get("tool_calls").and_then(Value::as_array).unwrap_or(&no_calls);
        let bound = |fields: &Map<String, Value>| BOUND.iter().any(|name| fields.contains_key(*name));
        let signed = bound(&choice.message) || calls.iter().filter_map(Value::as_object).any(bound);
        // A provider that signs its reasoning wants it back with the results of the tools.
        if signed && !calls.is_empty() {
            return None;
        }
        choice.message.retain(|name, _| !BOUND.contains(&name.as_str()));
    }
    Some(free)
}
