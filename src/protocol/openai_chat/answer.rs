//! An upstream's whole body, read into the stored form.

use serde_json::{Map, Value};

use crate::canonical::{ChatCompletion, Choice, NotKept};

/// Top-level fields that belong to one exchange and never replay.
pub(super) const OF_ONE_EXCHANGE: [&str; 8] =
    ["id", "object", "created", "service_tier", "obfuscation", "diagnostics", "x_groq", "request_id"];

/// Reads a `chat.completion` object.
///
/// # Errors
/// The reason why this answer may not be kept.
pub fn read_body(body: &[u8]) -> Result<ChatCompletion, NotKept> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return Err(NotKept::Unreadable) };
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    let Some(Value::Array(choices)) = object.shift_remove("choices") else { return Err(NotKept::Unreadable) };
    let choices =
        choices.into_iter().enumerate().map(read_choice).collect::<Option<Vec<Choice>>>().ok_or(NotKept::Unreadable)?;
    finish(object, choices)
}

fn read_choice((place, choice): (usize, Value)) -> Option<Choice> {
    let Value::Object(mut fields) = choice else { return None };
    let Some(Value::Object(message)) = fields.remove("message") else { return None };
    let Some(Value::String(finish_reason)) = fields.remove("finish_reason") else { return None };
    let index = fields.remove("index").and_then(|index| index.as_u64()).unwrap_or(place as u64);
    let logprobs = fields.remove("logprobs").filter(|logprobs| !logprobs.is_null());
    Some(Choice { index, message, finish_reason, logprobs, extra: fields })
}

/// The last step for body and stream alike: what may be kept, and what of the top level replays.
pub(super) fn finish(mut object: Map<String, Value>, mut choices: Vec<Choice>) -> Result<ChatCompletion, NotKept> {
    if choices.is_empty() {
        return Err(NotKept::Unreadable);
    }
    choices.iter().try_for_each(check)?;
    if !is_empty(object.get("search_results")) {
        return Err(NotKept::ServerTool);
    }
    choices.sort_by_key(|choice| choice.index);
    let Some(Value::String(model)) = object.shift_remove("model") else { return Err(NotKept::Unreadable) };
    let usage = object.shift_remove("usage").filter(|usage| !usage.is_null());
    for name in OF_ONE_EXCHANGE {
        object.shift_remove(name);
    }
    Ok(ChatCompletion { model, choices, usage, usage_estimated: false, extra: object })
}

/// Whether a choice ended as it should and can be given to another client.
fn check(choice: &Choice) -> Result<(), NotKept> {
    // A router passes on what it was told, and may call it a stop all the same.
    let native = choice.extra.get("native_finish_reason").and_then(Value::as_str).unwrap_or_default();
    match (choice.finish_reason.as_str(), native.to_ascii_lowercase().as_str()) {
        ("length", _) | (_, "length" | "max_tokens") => return Err(NotKept::Truncated),
        ("content_filter", _) | (_, "content_filter" | "safety") => return Err(NotKept::ContentFilter),
        ("stop" | "tool_calls" | "function_call", _) => {}
        // A reason that nobody here knows may mean anything, so the answer is not kept.
        _ => return Err(NotKept::Unreadable),
    }
    if !is_empty(choice.extra.get("error")) {
        return Err(NotKept::UpstreamError);
    }
    if !is_empty(choice.message.get("audio")) {
        return Err(NotKept::ServerState);
    }
    if !is_empty(choice.message.get("executed_tools")) {
        return Err(NotKept::ServerTool);
    }
    let calls = choice.message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let functions = calls.map(|call| &call["function"]).chain(choice.message.get("function_call"));
    let whole = functions
        .filter_map(|function| function["arguments"].as_str())
        .all(|arguments| arguments.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok());
    if !whole || says_nothing(choice) {
        return Err(NotKept::Unreadable);
    }
    Ok(())
}

/// An empty answer, or a thought that led to none, is a provider's slip more often than an answer.
fn says_nothing(choice: &Choice) -> bool {
    choice.message.iter().all(|(name, value)| name == "role" || name.starts_with("reasoning") || is_empty(Some(value)))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        _ => false,
    }
}
