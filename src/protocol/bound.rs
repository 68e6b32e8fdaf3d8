//! What binds an answer to the conversation that it was given in.

use serde_json::{Map, Value};

/// Fields in which providers and gateways put what only continues the conversation that it was made in: Gemini's
/// `extra_content` (`thought_signature`), OpenAI's `encrypted_content`, OpenRouter's `reasoning_details`, LiteLLM's
/// `thinking_blocks` and `provider_specific_fields`, and whatever is signed or encrypted inside of anything else.
const BOUND: [&str; 9] = [
    "encrypted_content",
    "extra_content",
    "provider_specific_fields",
    "reasoning_details",
    "redacted_thinking",
    "signature",
    "thinking_blocks",
    "thought_signature",
    "thought_signatures",
];

/// Takes the bound fields out, at any depth. True when one of them held something.
pub(super) fn release(fields: &mut Map<String, Value>) -> bool {
    let mut was_bound = false;
    fields.retain(|name, value| {
        let bound = BOUND.contains(&name.as_str());
        was_bound |= bound && !value.is_null();
        !bound
    });
    for value in fields.values_mut() {
        was_bound |= release_value(value);
    }
    was_bound
}

pub(super) fn release_value(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => release(fields),
        Value::Array(items) => items.iter_mut().fold(false, |was_bound, item| release_value(item) | was_bound),
        _ => false,
    }
}
