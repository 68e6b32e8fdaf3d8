//! A request body, field by field. Each known field has one row in [`FIELDS`], and what has no row is refused, so
//! nothing that a client asks for is lost without a word.

use serde_json::{Map, Value, json};

use super::{tools, turns};
use crate::forward::translate::refusal::CannotCarry;

/// Writes one field into the chat request.
type Carry = fn(&Value, &mut Map<String, Value>) -> Result<(), CannotCarry>;

/// Where a field goes.
enum Place {
    /// Into the chat request.
    Carried(Carry),
    /// Nowhere: it changes nothing of what the answer says.
    Dropped,
    /// The request is not carried at all, for this reason.
    Refused(&'static str),
}

use Place::{Carried, Dropped, Refused};

/// Every known field of the Messages API (`MessageCreateParams` of the official SDK 2.12, beta fields included), in
/// the order in which the chat request is written. `thinking` comes after `output_config`, which goes before it.
const FIELDS: [(&str, Place); 28] = [
    ("model", Carried(model)),
    ("system", Carried(turns::system)),
    ("messages", Carried(turns::messages)),
    ("tools", Carried(tools::tools)),
    ("tool_choice", Carried(tools::choice)),
    ("max_tokens", Carried(max_tokens)),
    ("stop_sequences", Carried(stop_sequences)),
    ("temperature", Carried(|value, chat| put(chat, "temperature", value.clone()))),
    ("top_p", Carried(|value, chat| put(chat, "top_p", value.clone()))),
    ("stream", Carried(stream)),
    ("metadata", Carried(metadata)),
    ("output_config", Carried(output_config)),
    ("output_format", Carried(|value, chat| format("output_format", value, chat))),
    ("thinking", Carried(thinking)),
    // Chat Completions upstreams find shared prefixes by themselves.
    ("cache_control", Dropped),
    // Speed and price of the other provider, not content.
    ("service_tier", Dropped),
    // Asks why the other provider's prefix cache missed.
    ("diagnostics", Dropped),
    ("top_k", Refused("Chat Completions has no top_k")),
    ("mcp_servers", Refused("Chat Completions does not call MCP servers")),
    ("container", Refused("Chat Completions has no containers")),
    ("context_management", Refused("Chat Completions does not edit the context")),
    ("compaction", Refused("Chat Completions does not compact the context")),
    ("thread", Refused("the thread is kept by the other provider")),
    ("speed", Refused("Chat Completions has no choice of speed")),
    ("inference_geo", Refused("Chat Completions does not promise where it computes")),
    ("fallbacks", Refused("Chat Completions has no fallback models")),
    ("fallback_credit_token", Refused("the credit is the other provider's")),
    ("billing_policy", Refused("the policy is the other provider's")),
];

/// The Chat Completions request that asks the same as a Messages request. Fields that are `null` are as good as absent,
/// and so are empty lists of what would be refused. Numbers keep their spelling and objects their order.
///
/// # Errors
/// [`CannotCarry`] with the first field that Chat Completions has no place for.
pub fn request(body: &Value) -> Result<Value, CannotCarry> {
    let Value::Object(body) = body else { return refuse("", "the body must be an object") };
    let mut chat = Map::new();
    for (name, place) in &FIELDS {
        let Some(value) = body.get(*name).filter(|value| !value.is_null()) else { continue };
        match place {
            Carried(carry) => carry(value, &mut chat)?,
            Dropped => {}
            Refused(_) if is_empty_list(value) => {}
            Refused(why) => return refuse(*name, why),
        }
    }
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    only(body, "", &names)?;
    for required in ["model", "messages"] {
        if body.get(required).is_none_or(Value::is_null) {
            return refuse(required, "it is required");
        }
    }
    Ok(Value::Object(chat))
}

/// A refusal.
pub(super) fn refuse<T>(field: impl Into<String>, why: &'static str) -> Result<T, CannotCarry> {
    Err(CannotCarry { field: field.into(), why })
}

/// Refuses the first field of an object that is not among the known ones, for nobody here knows what it asks.
pub(super) fn only(fields: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), CannotCarry> {
    let dot = if path.is_empty() { "" } else { "." };
    match fields.iter().find(|(name, value)| !value.is_null() && !known.contains(&name.as_str())) {
        Some((name, _)) => refuse(format!("{path}{dot}{name}"), "a field that Chat Completions has no place for"),
        None => Ok(()),
    }
}

/// An object, or a refusal.
pub(super) fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, CannotCarry> {
    value.as_object().map_or_else(|| refuse(path, "it must be an object"), Ok)
}

/// A list, or a refusal.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> Result<&'a [Value], CannotCarry> {
    let Value::Array(items) = value else { return refuse(path, "it must be an array") };
    Ok(items)
}

/// A string field of an object, or a refusal.
pub(super) fn string<'a>(fields: &'a Map<String, Value>, path: &str, name: &str) -> Result<&'a str, CannotCarry> {
    let text = fields.get(name).and_then(Value::as_str);
    text.map_or_else(|| refuse(format!("{path}.{name}"), "it must be a string"), Ok)
}

pub(super) fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

#[expect(clippy::unnecessary_wraps, reason = "the rows of the table share one type")]
fn put(chat: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), CannotCarry> {
    chat.insert(name.to_owned(), value);
    Ok(())
}

fn model(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    if value.is_string() { put(chat, "model", value.clone()) } else { refuse("model", "it must be a string") }
}

fn max_tokens(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    if value.as_f64() == Some(0.0) {
        return refuse("max_tokens", "a chat completion cannot generate nothing");
    }
    put(chat, "max_completion_tokens", value.clone())
}

/// `OpenAI` takes "up to 4 sequences". It does not say which of them was met, so an answer that ends at one says
/// `end_turn`.
fn stop_sequences(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    match list(value, "stop_sequences")?.len() {
        0 => Ok(()),
        1..=4 => put(chat, "stop", value.clone()),
        _ => refuse("stop_sequences", "Chat Completions takes at most 4 stop sequences"),
    }
}

fn stream(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let Value::Bool(streams) = value else { return refuse("stream", "it must be a boolean") };
    if *streams {
        // A Messages stream always says what was used; a chat stream does only when it is asked.
        chat.insert("stream_options".into(), json!({"include_usage": true}));
    }
    put(chat, "stream", value.clone())
}

fn metadata(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let fields = object(value, "metadata")?;
    only(fields, "metadata", &["user_id"])?;
    match fields.get("user_id") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => put(chat, "user", string(fields, "metadata", "user_id")?.into()),
    }
}

fn output_config(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let fields = object(value, "output_config")?;
    only(fields, "output_config", &["effort", "format"])?;
    match fields.get("effort") {
        None | Some(Value::Null) => {}
        // Anthropic's words, all of which `OpenAI` knows too.
        Some(effort) if matches!(effort.as_str(), Some("low" | "medium" | "high" | "xhigh" | "max")) => {
            chat.insert("reasoning_effort".into(), effort.clone());
        }
        Some(_) => return refuse("output_config.effort", "Chat Completions does not know this effort"),
    }
    match fields.get("format") {
        None | Some(Value::Null) => Ok(()),
        Some(wanted) => format("output_config.format", wanted, chat),
    }
}

/// The form of the answer, under its name of today or under its older one, `output_format`.
fn format(path: &str, value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let fields = object(value, path)?;
    only(fields, path, &["type", "schema"])?;
    if chat.contains_key("response_format") {
        return refuse(path, "the form of the answer is given twice");
    }
    let schema = match (string(fields, path, "type")?, fields.get("schema")) {
        ("json_schema", Some(schema)) => schema,
        _ => return refuse(path, "Chat Completions has no such form of the answer"),
    };
    // The schema has no name here, and must have one there.
    let json_schema = json!({"name": "answer", "schema": schema, "strict": true});
    put(chat, "response_format", json!({"type": "json_schema", "json_schema": json_schema}))
}

/// The most thinking tokens that count as a low effort.
const LOW_BUDGET_TOKENS: f64 = 2_048.0;
/// The most thinking tokens that count as a medium effort; more is a high one.
const MEDIUM_BUDGET_TOKENS: f64 = 8_192.0;

/// How the model thinks. Whether and how much it does is the upstream model's own affair unless an effort or a budget
/// is given: `adaptive` leaves it to the model, and no effort means "off" to every model, so `disabled` is not carried.
/// `display` says how thoughts are shown, and none come back (see [`super::answer`]).
fn thinking(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let fields = object(value, "thinking")?;
    only(fields, "thinking", &["type", "budget_tokens", "display"])?;
    match string(fields, "thinking", "type")? {
        "disabled" | "adaptive" => Ok(()),
        "enabled" => {
            let Some(budget_tokens) = fields.get("budget_tokens").and_then(Value::as_f64) else {
                return refuse("thinking.budget_tokens", "it must be a number");
            };
            let effort = match budget_tokens {
                ..=LOW_BUDGET_TOKENS => "low",
                ..=MEDIUM_BUDGET_TOKENS => "medium",
                _ => "high",
            };
            // An effort in words says more than a bound does.
            chat.entry("reasoning_effort").or_insert_with(|| effort.into());
            Ok(())
        }
        _ => refuse("thinking.type", "Chat Completions has no such way of thinking"),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
