//! A Messages answer as a chat completion, and what body and stream have in common.

use serde_json::{Map, Value, json};

use super::places::{field, present};
use crate::forward::usage::WRITTEN_1H;

/// A `message` object as a `chat.completion`; `created_secs` are seconds since 1970. Nothing when it is no message
/// that has ended.
///
/// Thoughts become `reasoning_content`, without their signatures. Blocks of kinds that no request made here can ask
/// for, such as the work of a server's tools, have no place in a chat completion and are left out.
#[must_use]
pub fn answer(message: &Value, created_secs: u64) -> Option<Value> {
    if message["type"] != "message" {
        return None;
    }
    let (id, model) = (message["id"].as_str()?, message["model"].as_str()?);
    let stop_reason = message["stop_reason"].as_str()?;
    let mut text = String::new();
    let mut thoughts = String::new();
    let mut calls = Vec::new();
    for block in message["content"].as_array()? {
        match block["type"].as_str() {
            Some("text") => text.push_str(block["text"].as_str()?),
            Some("thinking") => thoughts.push_str(block["thinking"].as_str()?),
            Some("tool_use") => calls.push(json!({
                "id": block["id"].as_str()?,
                "type": "function",
                "function": {"name": block["name"].as_str()?, "arguments": block["input"].as_object().map(to_text)?},
            })),
            _ => {}
        }
    }
    let filled = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    let said = present([
        ("role", Some("assistant".into())),
        ("content", Some(filled(text))),
        ("refusal", Some(refusal(stop_reason, &message["stop_details"]).map_or(Value::Null, Value::from))),
        ("reasoning_content", Some(filled(thoughts)).filter(|thoughts| !thoughts.is_null())),
        ("tool_calls", (!calls.is_empty()).then_some(Value::Array(calls))),
    ]);
    let finish_reason = finish_reason(stop_reason);
    let completion = present([
        ("id", Some(completion_id(id).into())),
        ("object", Some("chat.completion".into())),
        ("created", Some(created_secs.into())),
        ("model", Some(model.into())),
        ("choices", Some(json!([{"index": 0, "message": said, "logprobs": null, "finish_reason": finish_reason}]))),
        ("usage", message["usage"].as_object().and_then(usage)),
    ]);
    Some(Value::Object(completion))
}

fn to_text(input: &Map<String, Value>) -> String {
    // `Value` writes an object without failing; the map alone has no such writer.
    Value::Object(input.clone()).to_string()
}

/// The id of the completion that a message becomes.
pub(super) fn completion_id(message_id: &str) -> String {
    format!("chatcmpl-{message_id}")
}

/// Why the model stopped, in OpenAI's words. A reason that nobody here knows stays as it is spelled, so that a reader
/// does not take the answer for whole.
pub(super) fn finish_reason(stop_reason: &str) -> &str {
    match stop_reason {
        "end_turn" | "stop_sequence" => "stop",
        // A paused turn is not at its end, and is not kept.
        "pause_turn" => "length",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        other => other,
    }
}

/// The text of a refusal, when the model stopped with one. What it had said until then stays the content, for a
/// stream has sent it already.
pub(super) fn refusal<'a>(stop_reason: &str, stop_details: &'a Value) -> Option<&'a str> {
    (stop_reason == "refusal").then(|| {
        let explanation = stop_details["explanation"].as_str().filter(|explanation| !explanation.is_empty());
        explanation.unwrap_or("The model refused to answer.")
    })
}

/// Tokens used, in OpenAI's form. Anthropic's `input_tokens` leave out what the prefix cache took and gave; OpenAI's
/// `prompt_tokens` hold all of it. Nothing when the upstream did not count.
pub(super) fn usage(usage: &Map<String, Value>) -> Option<Value> {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let (input, completion) = (count("input_tokens")?, count("output_tokens")?);
    let cached = count("cache_read_input_tokens").unwrap_or(0);
    let written = count("cache_creation_input_tokens").unwrap_or(0);
    let prompt = input.saturating_add(cached).saturating_add(written);
    let hour = field(usage, "cache_creation").and_then(|split| split["ephemeral_1h_input_tokens"].as_u64());
    let mut details = json!({"cached_tokens": cached, "cache_write_tokens": written});
    if let Some(hour) = hour.filter(|hour| *hour > 0) {
        // OpenAI has no word for it, and it costs more than the rest.
        details[WRITTEN_1H] = hour.into();
    }
    let thoughts = field(usage, "output_tokens_details").and_then(|details| details["thinking_tokens"].as_u64());
    let usage = present([
        ("prompt_tokens", Some(prompt.into())),
        ("completion_tokens", Some(completion.into())),
        ("total_tokens", Some(prompt.saturating_add(completion).into())),
        ("prompt_tokens_details", Some(details)),
        ("completion_tokens_details", thoughts.map(|thoughts| json!({"reasoning_tokens": thoughts}))),
    ]);
    Some(Value::Object(usage))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
