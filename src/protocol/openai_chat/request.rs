//! A request body, read field by field. Every known field has one place: in the scope, in the query, or in the
//! list of what does not change an answer. The destructuring in [`place`] has no `..`, so a new field does not
//! compile until somebody has decided.

use serde_json::{Map, Value};

use crate::canonical::{Api, Bypass, CanonicalRequest, Delivery, ExactOnly, ScopePart};
use crate::error::Failure;
use crate::protocol::fields::{self, is_zero, runs_on_server, without_marks};
use crate::protocol::json::{kind, scope_part};

/// The known fields as they were sent; `null` and absent are the same to the API, and are the same here.
struct Fields {
    model: String,
    messages: Vec<Value>,
    scope: Map<String, Value>,
    shape: Shape,
    ignored: Ignored,
    unknown: Map<String, Value>,
}

/// Fields that decide how the request may be cached, apart from being in the scope.
struct Shape {
    n: Option<Value>,
    logprobs: Option<Value>,
    top_logprobs: Option<Value>,
    prediction: Option<Value>,
    store: Option<Value>,
    tools: Option<Value>,
    web_search_options: Option<Value>,
    plugins: Option<Value>,
    /// Other providers' ways to let the provider search.
    search: Vec<(&'static str, Value)>,
    moderation: Option<Value>,
    max_tokens: Option<Value>,
    max_completion_tokens: Option<Value>,
    /// `prompt_cache_options.prewarm`: the prefix is to be cached, and nothing is to be said.
    prewarm: bool,
}

/// Fields that never change what the answer says.
#[expect(dead_code, reason = "held so that each one has to be named where it is ignored")]
struct Ignored {
    stream: Option<Value>,
    stream_options: Option<Value>,
    metadata: Option<Value>,
    prompt_cache_key: Option<Value>,
    prompt_cache_retention: Option<Value>,
    prompt_cache_options: Option<Value>,
    service_tier: Option<Value>,
    user: Option<Value>,
    safety_identifier: Option<Value>,
}

/// Known fields whose value goes into the scope and means nothing else here.
const PLAIN_SCOPE: [&str; 20] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "modalities",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "thinking",
    "tool_choice",
    "top_k",
    "top_p",
    "verbosity",
    "min_p",
];

/// The JSON type that a field must have when it is there.
const TYPES: [(&str, &str); 21] = [
    ("stream", "a boolean"),
    ("stream_options", "an object"),
    ("n", "a number"),
    ("logprobs", "a boolean"),
    ("top_logprobs", "a number"),
    ("prediction", "an object"),
    ("store", "a boolean"),
    ("tools", "an array"),
    ("max_tokens", "a number"),
    ("max_completion_tokens", "a number"),
    ("frequency_penalty", "a number"),
    ("presence_penalty", "a number"),
    ("temperature", "a number"),
    ("top_p", "a number"),
    ("top_k", "a number"),
    ("seed", "a number"),
    ("logit_bias", "an object"),
    ("parallel_tool_calls", "a boolean"),
    ("response_format", "an object"),
    ("functions", "an array"),
    ("modalities", "an array"),
];

/// Fields by which other providers are told to search, and the value that says not to: xAI, Qwen, Azure, Groq.
const SEARCH: [(&str, &str); 4] = [
    ("search_parameters", r#"{"mode":"off"}"#),
    ("enable_search", "false"),
    ("data_sources", "[]"),
    ("search_settings", "{}"),
];

/// Reads a request body.
///
/// # Errors
/// A [`Failure`] with status 400 that names the field, when the body is not a Chat Completions request.
pub fn read(body: &[u8]) -> Result<CanonicalRequest, Failure> {
    place(check(fields::object(body)?)?)
}

/// Sorts the fields of the body and checks their types.
fn check(mut object: Map<String, Value>) -> Result<Fields, Failure> {
    fields::check_types(&object, &TYPES)?;
    let model = fields::take_model(&mut object)?;
    let messages = check_messages(object.remove("messages"))?;
    let prewarm = object.get("prompt_cache_options").is_some_and(|options| options["prewarm"] == true);
    let mut take = |name: &str| object.remove(name);
    let shape = Shape {
        n: take("n"),
        logprobs: take("logprobs"),
        top_logprobs: take("top_logprobs"),
        prediction: take("prediction"),
        store: take("store"),
        tools: take("tools"),
        web_search_options: take("web_search_options"),
        plugins: take("plugins"),
        search: SEARCH.iter().filter_map(|(name, _)| Some((*name, take(name)?))).collect(),
        moderation: take("moderation"),
        max_tokens: take("max_tokens"),
        max_completion_tokens: take("max_completion_tokens"),
        prewarm,
    };
    let ignored = Ignored {
        stream: take("stream"),
        stream_options: take("stream_options"),
        metadata: take("metadata"),
        prompt_cache_key: take("prompt_cache_key"),
        prompt_cache_retention: take("prompt_cache_retention"),
        prompt_cache_options: take("prompt_cache_options"),
        service_tier: take("service_tier"),
        user: take("user"),
        safety_identifier: take("safety_identifier"),
    };
    let scope = fields::take_all(&mut object, &PLAIN_SCOPE);
    Ok(Fields { model, messages, scope, shape, ignored, unknown: object })
}

fn check_messages(messages: Option<Value>) -> Result<Vec<Value>, Failure> {
    let messages = match messages {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(Value::Array(_)) => return Err(Failure::bad_field("messages", "'messages' must not be empty.")),
        Some(other) => {
            return Err(Failure::bad_field(
                "messages",
                format!("'messages' must be an array of messages, not {}.", kind(&other)),
            ));
        }
        None => return Err(Failure::bad_field("messages", "'messages' is required: an array of messages.")),
    };
    for (i, message) in messages.iter().enumerate() {
        check_message(i, message)?;
    }
    Ok(messages)
}

fn check_message(i: usize, message: &Value) -> Result<(), Failure> {
    let wrong = |field: &str, expected: &str, found: &Value| {
        Err(fields::wrong(&format!("messages[{i}]{field}"), expected, found))
    };
    let Value::Object(object) = message else { return wrong("", "an object", message) };
    match object.get("role") {
        Some(Value::String(_)) => {}
        other => return wrong(".role", "a string", other.unwrap_or(&Value::Null)),
    }
    match object.get("content") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            for (k, part) in parts.iter().enumerate() {
                if !part.is_object() {
                    return wrong(&format!(".content[{k}]"), "an object", part);
                }
                if part["type"] == "text" && !part["text"].is_string() {
                    return wrong(&format!(".content[{k}].text"), "a string", &part["text"]);
                }
            }
            Ok(())
        }
        Some(other) => wrong(".content", "a string or an array of parts", other),
    }
}

/// Gives every field its place.
fn place(fields: Fields) -> Result<CanonicalRequest, Failure> {
    let Fields { model, messages, scope, shape, ignored, unknown } = fields;
    let delivery = delivery(ignored)?;
    let (mut exact_only, bypass) = rules(&shape);
    let Shape {
        n,
        logprobs,
        top_logprobs,
        prediction,
        // `false` is what an absent `store` means for this API, and `true` is a bypass.
        store: _,
        tools,
        web_search_options,
        plugins,
        search,
        moderation,
        max_tokens,
        max_completion_tokens,
        prewarm: _, // a bypass, or nothing
    } = shape;
    let mut parts = vec![fields::model_part(&model)];
    for (name, value) in [
        ("n", n),
        ("logprobs", logprobs),
        ("top_logprobs", top_logprobs),
        ("prediction", prediction),
        ("tools", tools.map(fields::without_marks_each)),
        ("web_search_options", web_search_options),
        ("plugins", plugins),
        ("moderation", moderation),
        ("max_tokens", max_tokens),
        ("max_completion_tokens", max_completion_tokens),
    ] {
        parts.extend(value.map(|value| fields::part(name, &value)));
    }
    parts.extend(search.iter().map(|(name, value)| fields::part(name, value)));
    fields::add_known(&mut parts, &scope);
    fields::add_unknown(&mut parts, &unknown);
    let last = split_last(messages, &mut parts);
    exact_only = last.exact_only.or(exact_only);
    Ok(CanonicalRequest {
        api: Api::ChatCompletions,
        model,
        delivery,
        scope: parts,
        query: last.query,
        exact_only,
        bypass,
        provider_keeps: false,
        echoes: Map::new(),
    })
}

/// How the answer leaves; the other ignored fields end here, each for its reason.
fn delivery(ignored: Ignored) -> Result<Delivery, Failure> {
    let Ignored {
        stream,
        stream_options,
        metadata: _,               // the client's own labels
        prompt_cache_key: _,       // the provider's accounting
        prompt_cache_retention: _, // the provider's accounting
        prompt_cache_options: _,   // the provider's accounting
        service_tier: _,           // speed and price, not content
        user: _,                   // abuse tracking; the tenant is the credential
        safety_identifier: _,      // abuse tracking
    } = ignored;
    if stream != Some(Value::Bool(true)) {
        return Ok(Delivery::Body);
    }
    match stream_options.as_ref().and_then(|options| options.get("include_usage")) {
        None | Some(Value::Null) => Ok(Delivery::Stream { usage: false }),
        Some(Value::Bool(usage)) => Ok(Delivery::Stream { usage: *usage }),
        Some(other) => Err(Failure::bad_field(
            "stream_options.include_usage",
            format!("'stream_options.include_usage' must be a boolean, not {}.", kind(other)),
        )),
    }
}

/// What the shape of a request forbids.
fn rules(shape: &Shape) -> (Option<ExactOnly>, Option<Bypass>) {
    let is_one = |value: &Value| value.as_f64() == Some(1.0);
    let bypass = if shape.store == Some(Value::Bool(true)) {
        Some(Bypass::StoreRequested)
    } else if shape.web_search_options.is_some()
        || shape.plugins.is_some()
        || shape.search.iter().any(|(name, value)| searches(name, value))
        || shape.tools.as_ref().is_some_and(runs_on_server)
    {
        Some(Bypass::ServerTool)
    } else if shape.moderation.is_some() {
        Some(Bypass::Moderation)
    } else if shape.prewarm || is_zero(shape.max_tokens.as_ref()) || is_zero(shape.max_completion_tokens.as_ref()) {
        Some(Bypass::NothingToGenerate)
    } else {
        None
    };
    let exact_only = if shape.n.as_ref().is_some_and(|n| !is_one(n)) {
        Some(ExactOnly::SeveralChoices)
    } else if shape.logprobs == Some(Value::Bool(true)) || shape.top_logprobs.is_some() {
        Some(ExactOnly::Logprobs)
    } else if shape.prediction.is_some() {
        Some(ExactOnly::Prediction)
    } else {
        None
    };
    (exact_only, bypass)
}

fn searches(name: &str, value: &Value) -> bool {
    let off = SEARCH.iter().find(|(known, _)| *known == name).map(|(_, off)| *off);
    Some(value.to_string().as_str()) != off
}

struct LastTurn {
    query: String,
    exact_only: Option<ExactOnly>,
}

/// Puts every message into the scope but the last user text, which is the query.
fn split_last(mut messages: Vec<Value>, parts: &mut Vec<ScopePart>) -> LastTurn {
    let last = messages.pop().unwrap_or_default();
    for message in messages {
        parts.push(scope_part("message", &normal_message(message)));
    }
    let mut last = normal_message(last);
    let exact_only = match last["role"].as_str() {
        Some("user") if holds_media(&last) => Some(ExactOnly::Media),
        Some("user") => None,
        Some("tool" | "function") => Some(ExactOnly::ToolResult),
        _ => Some(ExactOnly::LastTurnNotUser),
    };
    let query = if last["role"] == "user" { take_last_text(&mut last) } else { None };
    parts.push(scope_part("last message", &last));
    LastTurn {
        exact_only: exact_only.or(query.is_none().then_some(ExactOnly::TooShort)),
        query: query.unwrap_or_default(),
    }
}

/// A message in one spelling: a string is one text part, and the marks of prefix caches are gone.
fn normal_message(message: Value) -> Value {
    let mut message = without_marks(message);
    if let Value::Object(fields) = &mut message {
        fields.retain(|_, value| !value.is_null());
        match fields.remove("content") {
            Some(Value::String(text)) => {
                fields.insert("content".into(), serde_json::json!([{"type": "text", "text": text}]));
            }
            Some(Value::Array(content)) => {
                fields.insert("content".into(), Value::Array(content.into_iter().map(without_marks).collect()));
            }
            Some(other) => {
                fields.insert("content".into(), other);
            }
            None => {}
        }
    }
    message
}

fn holds_media(message: &Value) -> bool {
    message["content"].as_array().is_some_and(|parts| parts.iter().any(|part| part["type"] != "text"))
}

/// Takes the text out of the last text part; the parts before it stay where they are, in the scope.
fn take_last_text(message: &mut Value) -> Option<String> {
    let part = message.get_mut("content")?.as_array_mut()?.iter_mut().rev().find(|part| part["type"] == "text")?;
    match part.get_mut("text")?.take() {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
