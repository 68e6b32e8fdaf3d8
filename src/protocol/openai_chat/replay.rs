//! The stored form, written as a body or as a stream. What names one exchange (`id`, `created`, the ids of tool
//! calls) is made anew, so that two answers are never taken for one.

use serde_json::{Map, Value, json};

use crate::canonical::{ChatCompletion, Choice};
use crate::protocol::Fresh;
use crate::protocol::pieces::pieces;
use crate::protocol::sse::write_data;

fn completion_id(fresh: &Fresh) -> String {
    format!("chatcmpl-{}", fresh.id)
}

/// A new id in the form of the old one, where a provider insists on a form: Mistral's are nine letters and digits, and
/// some models' name the function and number the call (`functions.search:0`).
fn call_id(fresh: &Fresh, choice: u64, call: usize, old: &str) -> String {
    if old.contains(':') {
        return old.to_owned();
    }
    if old.len() == 9 && old.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return format!("{}{choice:x}{call:02x}", fresh.id.get(..6).unwrap_or("000000")).chars().take(9).collect();
    }
    format!("call_{}{choice}{call:02}", fresh.id.get(..20).unwrap_or(&fresh.id))
}

/// The answer as one `chat.completion` object.
#[must_use]
pub fn body(completion: &ChatCompletion, fresh: &Fresh) -> Vec<u8> {
    let choices: Vec<Value> = completion
        .choices
        .iter()
        .map(|choice| {
            let mut fields = choice.extra.clone();
            fields.insert("index".into(), choice.index.into());
            fields.insert("message".into(), Value::Object(message(choice, fresh)));
            fields.insert("logprobs".into(), choice.logprobs.clone().unwrap_or(Value::Null));
            fields.insert("finish_reason".into(), choice.finish_reason.clone().into());
            Value::Object(fields)
        })
        .collect();
    let mut object = top(completion, fresh, "chat.completion");
    object.insert("choices".into(), Value::Array(choices));
    if let Some(usage) = &completion.usage {
        object.insert("usage".into(), usage.clone());
    }
    Value::Object(object).to_string().into_bytes()
}

/// The answer as a stream of `chat.completion.chunk` events, `[DONE]` included. With `usage`, every chunk carries
/// `usage: null` but the last, which carries the figures and no choice.
#[must_use]
pub fn stream(completion: &ChatCompletion, fresh: &Fresh, usage: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut top = top(completion, fresh, "chat.completion.chunk");
    if usage {
        top.insert("usage".into(), Value::Null);
    }
    let mut send = |choices: Vec<Value>, usage: Option<&Value>| {
        let mut chunk = top.clone();
        chunk.insert("choices".into(), Value::Array(choices));
        if let Some(usage) = usage {
            chunk.insert("usage".into(), usage.clone());
        }
        write_data(&mut out, &Value::Object(chunk).to_string());
    };
    for choice in &completion.choices {
        for delta in deltas(message(choice, fresh)) {
            send(vec![chunk_choice(choice, delta, None)], None);
        }
        if let Some(logprobs) = &choice.logprobs {
            let mut last = chunk_choice(choice, Map::new(), None);
            last["logprobs"] = logprobs.clone();
            send(vec![last], None);
        }
        send(vec![chunk_choice(choice, Map::new(), Some(&choice.finish_reason))], None);
    }
    if usage {
        send(Vec::new(), completion.usage.as_ref());
    }
    write_data(&mut out, "[DONE]");
    out
}

fn top(completion: &ChatCompletion, fresh: &Fresh, object: &str) -> Map<String, Value> {
    let mut top = completion.extra.clone();
    top.insert("id".into(), completion_id(fresh).into());
    top.insert("object".into(), object.into());
    top.insert("created".into(), fresh.created_secs.into());
    top.insert("model".into(), completion.model.clone().into());
    top
}

/// The message with new tool-call ids.
fn message(choice: &Choice, fresh: &Fresh) -> Map<String, Value> {
    let mut message = choice.message.clone();
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        for (k, call) in calls.iter_mut().enumerate() {
            if let Value::Object(call) = call {
                let old = call.get("id").and_then(Value::as_str).unwrap_or_default();
                call.insert("id".into(), call_id(fresh, choice.index, k, old).into());
            }
        }
    }
    message
}

fn chunk_choice(choice: &Choice, delta: Map<String, Value>, finish_reason: Option<&str>) -> Value {
    let mut fields = if finish_reason.is_some() { choice.extra.clone() } else { Map::new() };
    fields.insert("index".into(), choice.index.into());
    fields.insert("delta".into(), Value::Object(delta));
    fields.insert("logprobs".into(), Value::Null);
    fields.insert("finish_reason".into(), finish_reason.map_or(Value::Null, Value::from));
    Value::Object(fields)
}

/// The message cut into deltas: the role first, then each text in pieces, then the tool calls, then the rest whole.
fn deltas(mut message: Map<String, Value>) -> Vec<Map<String, Value>> {
    let one = |name: &str, value: Value| Map::from_iter([(name.to_owned(), value)]);
    let role = message.remove("role").unwrap_or_else(|| "assistant".into());
    let calls = message.remove("tool_calls");
    let mut all = vec![one("role", role)];
    // Reasoning comes before the answer that it led to, as every provider streams it.
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut rest = Map::new();
    for (name, value) in message {
        match value {
            Value::String(text) => texts.push((name, text)),
            other => {
                rest.insert(name, other);
            }
        }
    }
    texts.sort_by_key(|(name, _)| !name.starts_with("reasoning"));
    for (name, text) in texts {
        if text.is_empty() {
            all[0].insert(name, text.into());
            continue;
        }
        all.extend(pieces(&text).map(|piece| one(&name, piece.into())));
    }
    for (index, call) in calls.as_ref().and_then(Value::as_array).into_iter().flatten().enumerate() {
        let mut call = call.clone();
        if let Value::Object(fields) = &mut call {
            fields.insert("index".into(), index.into());
        }
        all.push(one("tool_calls", json!([call])));
    }
    // `content: null` beside tool calls belongs to the first delta, as the API sends it.
    rest.retain(|name, value| {
        let null = value.is_null();
        if null {
            all[0].insert(name.clone(), Value::Null);
        }
        !null
    });
    if !rest.is_empty() {
        all.push(rest);
    }
    all
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
