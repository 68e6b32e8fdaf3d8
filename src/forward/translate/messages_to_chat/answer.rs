//! A whole chat completion as a message.

use serde_json::{Map, Value, json};

/// A `chat.completion` object as a `message` object. Nothing when it is no chat completion (an error, or an object of
/// another kind), when it has no choice or several, when it ended for a reason that has no counterpart, or when the
/// arguments of a call are not a JSON object, as those of an answer that ran into its limit: a call with other
/// arguments than the model's must not be run.
///
/// Thoughts (`reasoning_content`, `reasoning`) are left out. A `thinking` block carries a signature of Anthropic's,
/// which nobody else can write, and a client would send an unsigned block back to be refused. So are the citations in
/// `annotations`: only a search of the provider's own writes them, and no Messages request asks for one here.
#[must_use]
pub fn answer(completion: &Value) -> Option<Value> {
    let is_other = |name: &str, expected: &str| completion[name].as_str().is_some_and(|found| found != expected);
    if !completion["error"].is_null() || is_other("object", "chat.completion") {
        return None;
    }
    let [choice] = completion["choices"].as_array()?.as_slice() else { return None };
    let message = choice["message"].as_object()?;
    // Only a request with `functions` gets one of these, and no Messages request becomes such a request.
    if message.get("function_call").is_some_and(|call| !call.is_null()) {
        return None;
    }
    let id = message_id(&completion["id"]);
    let refusal = text_of(message.get("refusal").unwrap_or(&Value::Null))?;
    let text = text_of(message.get("content").unwrap_or(&Value::Null))? + &refusal;
    let mut content = Vec::new();
    if !text.is_empty() {
        content.push(json!({"type": "text", "text": text}));
    }
    let calls = message.get("tool_calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (k, call) in calls.iter().enumerate() {
        content.push(tool_use(&id, k, call)?);
    }
    let stop_reason = stop_reason(choice["finish_reason"].as_str()?, !refusal.is_empty(), !calls.is_empty())?;
    let mut whole = begun(&id, &completion["model"], &completion["usage"]);
    whole.insert("content".into(), content.into());
    whole.insert("stop_reason".into(), stop_reason.into());
    Some(Value::Object(whole))
}

/// A message that says nothing yet.
pub(super) fn begun(id: &str, model: &Value, counted: &Value) -> Map<String, Value> {
    let fields = [
        ("id", id.into()),
        ("type", "message".into()),
        ("role", "assistant".into()),
        ("model", model.as_str().unwrap_or_default().into()),
        ("content", json!([])),
        ("stop_reason", Value::Null),
        // `OpenAI` says that a stop sequence ended the answer as little as which one.
        ("stop_sequence", Value::Null),
        ("usage", usage(counted)),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// The message's id, out of the completion's.
pub(super) fn message_id(completion_id: &Value) -> String {
    let id = completion_id.as_str().unwrap_or_default();
    format!("msg_{}", id.strip_prefix("chatcmpl-").unwrap_or(id))
}

/// The id of the message's call number `k`, which the client gives back with the tool's result. It is the upstream's
/// own, so that the upstream finds its call again; some give none.
pub(super) fn call_id(given: &str, message_id: &str, k: usize) -> String {
    if given.is_empty() { format!("toolu_{}_{k}", message_id.trim_start_matches("msg_")) } else { given.to_owned() }
}

fn tool_use(message_id: &str, k: usize, call: &Value) -> Option<Value> {
    let id = call_id(call["id"].as_str().unwrap_or_default(), message_id, k);
    let name = call["function"]["name"].as_str().filter(|name| !name.is_empty())?;
    let input = input(call["function"]["arguments"].as_str()?)?;
    Some(json!({"type": "tool_use", "id": id, "name": name, "input": input}))
}

/// The input of a call. Some upstreams write no arguments at all where a function takes none.
pub(super) fn input(arguments: &str) -> Option<Value> {
    if arguments.trim().is_empty() {
        return Some(json!({}));
    }
    serde_json::from_str(arguments).ok().filter(Value::is_object)
}

/// The text of a content or of a delta: a string, nothing, or a list of parts, as Mistral writes it when its model
/// thinks; thoughts are left out. Nothing when there is a part of another kind.
pub(super) fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts
            .iter()
            .map(|part| match part["type"].as_str() {
                Some("text") => part["text"].as_str(),
                Some("thinking") => Some(""),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Why the model stopped, in Anthropic's words; nothing for a reason that nobody here knows. What the answer holds
/// decides whether tools are to be run: a call that was asked for by its name ends with `stop` at `OpenAI`.
pub(super) fn stop_reason(finish_reason: &str, refuses: bool, calls: bool) -> Option<&'static str> {
    match finish_reason {
        "length" => Some("max_tokens"),
        "content_filter" => Some("refusal"),
        "stop" | "tool_calls" if refuses => Some("refusal"),
        "stop" | "tool_calls" if calls => Some("tool_use"),
        "stop" | "tool_calls" => Some("end_turn"),
        _ => None,
    }
}

/// What was used. `OpenAI` counts the tokens read from and written to its prefix cache among the prompt's; Anthropic
/// counts the three apart. `DeepSeek` has its own name for those read.
pub(super) fn usage(usage: &Value) -> Value {
    let details = &usage["prompt_tokens_details"];
    let count = |value: &Value| value.as_u64();
    let read = count(&details["cached_tokens"]).or_else(|| count(&usage["prompt_cache_hit_tokens"])).unwrap_or(0);
    let written = count(&details["cache_write_tokens"]).unwrap_or(0);
    let prompt = count(&usage["prompt_tokens"]).unwrap_or(0);
    let mut counts = json!({
        "input_tokens": prompt.saturating_sub(read).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": count(&usage["completion_tokens"]).unwrap_or(0),
    });
    if let (Some(thoughts), Value::Object(counts)) =
        (count(&usage["completion_tokens_details"]["reasoning_tokens"]), &mut counts)
    {
        counts.insert("output_tokens_details".into(), json!({"thinking_tokens": thoughts}));
    }
    counts
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
