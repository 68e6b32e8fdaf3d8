//! An upstream's whole body, read into the stored form.

use serde_json::{Map, Value};

use crate::canonical::{ChatCompletion, Choice, NotKept};

/// Top-level fields that belong to one exchange and never replay.
pub(super) const OF_ONE_EXCHANGE: [&str; 6] = ["id", "object", "created", "service_tier", "obfuscation", "diagnostics"];

/// Reads a `chat.completion` object.
///
/// # Errors
/// The reason why this answer may not be kept.
pub fn read_body(body: &[u8]) -> Result<ChatCompletion, NotKept> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return Err(NotKept::Unreadable) };
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    let Some(Value::Array(choices)) = object.remove("choices") else { return Err(NotKept::Unreadable) };
    let choices = choices.into_iter().map(read_choice).collect::<Option<Vec<Choice>>>().ok_or(NotKept::Unreadable)?;
    finish(object, choices)
}

fn read_choice(choice: Value) -> Option<Choice> {
    let Value::Object(mut fields) = choice else { return None };
    let Some(Value::Object(message)) = fields.remove("message") else { return None };
    let Some(Value::String(finish_reason)) = fields.remove("finish_reason") else { return None };
    let index = fields.remove("index").and_then(|index| index.as_u64()).unwrap_or(0);
    let logprobs = fields.remove("logprobs").filter(|logprobs| !logprobs.is_null());
    Some(Choice { index, message, finish_reason, logprobs, extra: fields })
}

/// The last step for body and stream alike: what may be kept, and what of the top level replays.
pub(super) fn finish(mut object: Map<String, Value>, mut choices: Vec<Choice>) -> Result<ChatCompletion, NotKept> {
    if choices.is_empty() {
        return Err(NotKept::Unreadable);
    }
    for choice in &choices {
        if says_nothing(choice) {
            return Err(NotKept::Unreadable);
        }
        match choice.finish_reason.as_str() {
            "stop" | "tool_calls" | "function_call" => {}
            "length" => return Err(NotKept::Truncated),
            "content_filter" => return Err(NotKept::ContentFilter),
            // A reason that nobody here knows may mean anything, so the answer is not kept.
            _ => return Err(NotKept::Unreadable),
        }
    }
    choices.sort_by_key(|choice| choice.index);
    let Some(Value::String(model)) = object.remove("model") else { return Err(NotKept::Unreadable) };
    let usage = object.remove("usage").filter(|usage| !usage.is_null());
    for name in OF_ONE_EXCHANGE {
        object.remove(name);
    }
    Ok(ChatCompletion { model, choices, usage, extra: object })
}

/// An empty answer is a provider's slip more often than an answer.
fn says_nothing(choice: &Choice) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    choice.message.iter().all(|(name, value)| name == "role" || empty(value))
}
