//! A request body, carried over field by field.

use serde_json::{Map, Value, json};

use super::messages;
use super::places::{
    Place::{self, Carried, Dropped, OnlyIf},
    check, field, join, object, present, refuse, text,
};
use super::tools;
use crate::forward::translate::refusal::CannotCarry;

/// Tokens that an answer may have when the client set no limit. Messages requires one, Chat Completions does not; this
/// is what every Claude model can give. An answer that runs into it ends with `finish_reason: length`.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Every known field of a Chat Completions body, and its place.
const FIELDS: [(&str, Place); 45] = [
    ("model", Carried),
    ("messages", Carried),
    ("tools", Carried),
    ("tool_choice", Carried),
    ("parallel_tool_calls", Carried),
    ("max_tokens", Carried),
    ("max_completion_tokens", Carried),
    ("stop", Carried),
    ("temperature", Carried),
    ("top_p", Carried),
    ("top_k", Carried),
    ("stream", Carried),
    ("user", Carried),
    ("safety_identifier", Carried),
    ("reasoning_effort", Carried),
    ("thinking", Carried),
    ("response_format", Carried),
    ("cache_control", Carried), // Messages' automatic mark of the prefix cache, which routers take in a chat body
    ("stream_options", Dropped), // what the stream shows beside the answer: see `Stream`
    ("metadata", Dropped),      // the client's own labels
    ("prompt_cache_key", Dropped), // the provider's accounting
    ("prompt_cache_retention", Dropped), // the provider's accounting
    ("service_tier", Dropped),  // speed and price, not content
    ("seed", Dropped),          // OpenAI promises a best effort only, so no answer depends on it
    ("prediction", Dropped),    // makes an answer faster, not another one
    ("prompt_cache_options", OnlyIf(|options| options["prewarm"] != true, "Messages cannot warm a cache this way")),
    ("n", OnlyIf(is_one, "a Messages answer has one choice")),
    ("logprobs", OnlyIf(is_false, "Messages gives no log probabilities")),
    ("top_logprobs", OnlyIf(is_zero, "Messages gives no log probabilities")),
    ("logit_bias", OnlyIf(is_empty, "Messages has no bias of tokens")),
    ("frequency_penalty", OnlyIf(is_zero, "Messages has no penalties")),
    ("presence_penalty", OnlyIf(is_zero, "Messages has no penalties")),
    ("min_p", OnlyIf(is_zero, "Messages has no 'min_p'")),
    ("verbosity", OnlyIf(|verbosity| verbosity == "medium", "Messages has no verbosity but the usual one")),
    ("modalities", OnlyIf(|kinds| *kinds == json!(["text"]), "Messages answers in text alone")),
    ("audio", OnlyIf(never, "Messages answers in text alone")),
    ("store", OnlyIf(is_false, "Messages does not keep an answer for later")),
    ("moderation", OnlyIf(never, "Messages has no moderation of its own")),
    ("functions", OnlyIf(never, "the old form of 'tools' is not carried; use 'tools'")),
    ("function_call", OnlyIf(never, "the old form of 'tool_choice' is not carried; use 'tool_choice'")),
    ("web_search_options", OnlyIf(never, "a provider's own search is not carried")),
    ("plugins", OnlyIf(is_empty, "a provider's own tools are not carried")),
    ("search_parameters", OnlyIf(|search| *search == json!({"mode": "off"}), "a provider's own search is not carried")),
    ("enable_search", OnlyIf(is_false, "a provider's own search is not carried")),
    ("reasoning", OnlyIf(is_empty, "use 'reasoning_effort'")),
];

fn never(_: &Value) -> bool {
    false
}

fn is_false(value: &Value) -> bool {
    *value == false
}

fn is_one(value: &Value) -> bool {
    value.as_f64() == Some(1.0)
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// A Chat Completions body as a Messages body. Numbers keep their spelling, and objects of the client's (schemas, the
/// arguments of calls) their order; the body's own fields come in one fixed order, so equal requests are equal bytes.
///
/// # Errors
/// A [`CannotCarry`] that names the first field which would be lost or would mean something else. Whether a value
/// suits the model is for the upstream to say.
pub fn request(body: &Value) -> Result<Value, CannotCarry> {
    let Value::Object(body) = body else { return Err(refuse("body", "it must be one JSON object")) };
    check("", body, &FIELDS)?;
    let as_it_is = |name: &str| field(body, name).cloned();
    let conversation = messages::carry(field(body, "messages"))?;
    let out = present([
        ("model", Some(text("", body, "model")?.into())),
        ("max_tokens", Some(max_tokens(body)?)),
        ("system", conversation.system),
        ("messages", Some(conversation.messages)),
        ("tools", tools::tools(body)?),
        ("tool_choice", tools::tool_choice(body)?),
        ("stop_sequences", stop_sequences(body)?),
        ("temperature", temperature(body)?),
        ("top_p", as_it_is("top_p")),
        ("top_k", as_it_is("top_k")),
        ("stream", as_it_is("stream")),
        ("thinking", thinking(body)?),
        ("output_config", output_config(body)?),
        ("metadata", metadata(body)?),
        ("cache_control", as_it_is("cache_control")),
    ]);
    Ok(Value::Object(out))
}

/// The limit of the answer, in tokens. Thoughts count towards it, so a budget for them comes on top of the default.
fn max_tokens(body: &Map<String, Value>) -> Result<Value, CannotCarry> {
    match (field(body, "max_completion_tokens"), field(body, "max_tokens")) {
        (Some(limit), Some(old)) if limit != old => {
            Err(refuse("max_tokens", "it differs from 'max_completion_tokens', and only one of them can count"))
        }
        (Some(limit), _) | (None, Some(limit)) => Ok(limit.clone()),
        (None, None) => {
            let budget = body.get("thinking").and_then(|thinking| thinking["budget_tokens"].as_u64());
            Ok(DEFAULT_MAX_TOKENS.saturating_add(budget.unwrap_or(0)).into())
        }
    }
}

fn stop_sequences(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    match field(body, "stop") {
        None => Ok(None),
        Some(Value::String(stop)) => Ok(Some(json!([stop]))),
        Some(Value::Array(stops)) if stops.iter().all(Value::is_string) => {
            Ok((!stops.is_empty()).then(|| Value::Array(stops.clone())))
        }
        Some(_) => Err(refuse("stop", "it must be a string or an array of strings")),
    }
}

/// OpenAI's temperature goes from 0 to 2 and Anthropic's from 0 to 1. Up to 1 they mean the same.
fn temperature(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let Some(temperature) = field(body, "temperature") else { return Ok(None) };
    match temperature.as_f64() {
        Some(degrees) if degrees <= 1.0 => Ok(Some(temperature.clone())),
        Some(_) => Err(refuse("temperature", "Messages has no temperature above 1")),
        None => Err(refuse("temperature", "it must be a number")),
    }
}

/// What the body says about thinking in Anthropic's own words, or that there shall be none.
fn thinking(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let thinking = field(body, "thinking");
    if body.get("reasoning_effort").is_none_or(|effort| effort != "none") {
        return Ok(thinking.cloned());
    }
    match thinking {
        Some(thinking) if thinking["type"] != "disabled" => {
            Err(refuse("reasoning_effort", "'none' contradicts 'thinking'"))
        }
        _ => Ok(Some(json!({"type": "disabled"}))),
    }
}

fn output_config(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let config = present([("effort", effort(body)?), ("format", format(body)?)]);
    Ok((!config.is_empty()).then_some(Value::Object(config)))
}

/// The effort under Anthropic's names. `none` is no effort but [`thinking`] switched off.
fn effort(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let Some(effort) = field(body, "reasoning_effort") else { return Ok(None) };
    match effort.as_str() {
        Some("none") => Ok(None),
        Some("minimal") => Ok(Some("low".into())),
        Some("low" | "medium" | "high" | "xhigh" | "max") => Ok(Some(effort.clone())),
        _ => Err(refuse("reasoning_effort", "it is none of none, minimal, low, medium, high, xhigh and max")),
    }
}

/// Every known field of `response_format`.
const FORMAT_FIELDS: [(&str, Place); 2] = [("type", Carried), ("json_schema", Carried)];

/// Every known field of `response_format.json_schema`.
const SCHEMA_FIELDS: [(&str, Place); 4] = [
    ("schema", Carried),
    ("description", Carried),
    ("name", Dropped),   // a label
    ("strict", Dropped), // Messages always keeps to the schema
];

fn format(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    const PATH: &str = "response_format";
    let Some(format) = field(body, PATH) else { return Ok(None) };
    let format = object(PATH, format)?;
    check(PATH, format, &FORMAT_FIELDS)?;
    match field(format, "type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_schema") => {
            let path = join(PATH, "json_schema");
            let given = object(&path, format.get("json_schema").unwrap_or(&Value::Null))?;
            check(&path, given, &SCHEMA_FIELDS)?;
            let schema_path = join(&path, "schema");
            let mut schema = object(&schema_path, given.get("schema").unwrap_or(&Value::Null))?.clone();
            // The model reads the description of the format. The schema's own description is the place for it.
            if let Some(description) = field(given, "description") {
                let known = schema.entry("description").or_insert_with(|| description.clone());
                if known != description {
                    return Err(refuse(join(&path, "description"), "the schema has another description already"));
                }
            }
            Ok(Some(json!({"type": "json_schema", "schema": schema})))
        }
        Some("json_object") => Err(refuse(PATH, "Messages promises JSON only for a schema; use 'json_schema'")),
        _ => Err(refuse(join(PATH, "type"), "it is none of text, json_schema and json_object")),
    }
}

/// Who the client's user is, for the provider's watch over abuse. `safety_identifier` is the newer name of `user`.
fn metadata(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let named = ["safety_identifier", "user"].into_iter().find_map(|name| Some((name, field(body, name)?)));
    match named {
        None => Ok(None),
        Some((_, Value::String(user))) => Ok(Some(json!({"user_id": user}))),
        Some((name, _)) => Err(refuse(name, "it must be a string")),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
