//! A request body, read field by field. Every known field has one place: in the scope, in the query, or in the
//! list of what does not change an answer. The destructuring in [`place`] has no `..`, so a new field does not
//! compile until somebody has decided.

use serde_json::{Map, Value};

use super::input::{self, Input};
use crate::canonical::{Api, Bypass, CanonicalRequest, Delivery, ExactOnly};
use crate::error::Failure;
use crate::protocol::fields::{self, is_zero, runs_on_server};

/// The known fields as they were sent; `null` and absent are the same to the API, and are the same here.
struct Fields {
    model: String,
    input: Input,
    scope: Map<String, Value>,
    shape: Shape,
    ignored: Ignored,
    unknown: Map<String, Value>,
}

/// Fields that decide how the request may be cached.
struct Shape {
    previous_response_id: Option<Value>,
    conversation: Option<Value>,
    prompt: Option<Value>,
    background: Option<Value>,
    store: Option<Value>,
    tools: Option<Value>,
    moderation: Option<Value>,
    max_output_tokens: Option<Value>,
    prompt_cache_options: Option<Value>,
    top_logprobs: Option<Value>,
    include: Option<Value>,
}

/// Fields that never change what the answer says.
struct Ignored {
    stream: Option<Value>,
    #[expect(dead_code, reason = "held so that it has to be named where it is ignored")]
    stream_options: Option<Value>,
    metadata: Option<Value>,
    prompt_cache_key: Option<Value>,
    prompt_cache_retention: Option<Value>,
    #[expect(dead_code, reason = "held so that it has to be named where it is ignored")]
    service_tier: Option<Value>,
    user: Option<Value>,
    safety_identifier: Option<Value>,
}

/// Known fields whose value goes into the scope and means nothing else here.
const PLAIN_SCOPE: [&str; 13] = [
    "access_programs",
    "context_management",
    "image",
    "instructions",
    "max_tool_calls",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "top_p",
    "truncation",
    "verbosity",
];

/// The JSON type that a field must have when it is there.
const TYPES: [(&str, &str); 23] = [
    ("background", "a boolean"),
    ("context_management", "an array"),
    ("conversation", "a string or an object"),
    ("include", "an array"),
    ("input", "a string or an array"),
    ("instructions", "a string or an array"),
    ("max_output_tokens", "a number"),
    ("max_tool_calls", "a number"),
    ("moderation", "an object"),
    ("parallel_tool_calls", "a boolean"),
    ("previous_response_id", "a string"),
    ("prompt", "an object"),
    ("reasoning", "an object"),
    ("store", "a boolean"),
    ("stream", "a boolean"),
    ("stream_options", "an object"),
    ("temperature", "a number"),
    ("text", "an object"),
    ("tool_choice", "a string or an object"),
    ("tools", "an array"),
    ("top_logprobs", "a number"),
    ("top_p", "a number"),
    ("truncation", "a string"),
];

/// Reads a request body.
///
/// # Errors
/// A [`Failure`] with status 400 that names the field, when the body is not a Responses request.
pub fn read(body: &[u8]) -> Result<CanonicalRequest, Failure> {
    Ok(place(check(fields::object(body)?)?))
}

/// Sorts the fields of the body and checks their types.
fn check(mut object: Map<String, Value>) -> Result<Fields, Failure> {
    fields::check_types(&object, &TYPES)?;
    // A prompt template may name the model itself.
    let model_elsewhere = object.contains_key("prompt") && !object.contains_key("model");
    let model = if model_elsewhere { String::new() } else { fields::take_model(&mut object)? };
    let input = input::read(object.remove("input"))?;
    let mut take = |name: &str| object.remove(name);
    let shape = Shape {
        previous_response_id: take("previous_response_id"),
        conversation: take("conversation"),
        prompt: take("prompt"),
        background: take("background"),
        store: take("store"),
        tools: take("tools"),
        moderation: take("moderation"),
        max_output_tokens: take("max_output_tokens"),
        prompt_cache_options: take("prompt_cache_options"),
        top_logprobs: take("top_logprobs"),
        include: take("include"),
    };
    let ignored = Ignored {
        stream: take("stream"),
        stream_options: take("stream_options"),
        metadata: take("metadata"),
        prompt_cache_key: take("prompt_cache_key"),
        prompt_cache_retention: take("prompt_cache_retention"),
        service_tier: take("service_tier"),
        user: take("user"),
        safety_identifier: take("safety_identifier"),
    };
    let scope = fields::take_all(&mut object, &PLAIN_SCOPE);
    Ok(Fields { model, input, scope, shape, ignored, unknown: object })
}

/// Gives every field its place.
fn place(fields: Fields) -> CanonicalRequest {
    let Fields { model, input, scope, shape, ignored, unknown } = fields;
    let (delivery, echoes) = delivery(ignored);
    let bypass = bypass(&shape, &input);
    let logprobs = asks_for_logprobs(&shape);
    let Shape {
        previous_response_id,
        conversation,
        prompt,
        // `true` is a bypass, and `false` is what an absent field means.
        background: _,
        store,
        tools,
        moderation,
        max_output_tokens,
        // The provider's accounting; its one member that changes the answer, `prewarm`, is a bypass.
        prompt_cache_options: _,
        top_logprobs,
        include,
    } = shape;
    // Unless it is told not to, the provider keeps the exchange; the two cases have answers of two kinds.
    let provider_keeps = store != Some(Value::Bool(false));
    let mut parts = vec![fields::model_part(&model)];
    for (name, value) in [
        ("previous_response_id", previous_response_id),
        ("conversation", conversation),
        ("prompt", prompt),
        ("store", store),
        ("tools", tools.map(fields::without_marks_each)),
        ("moderation", moderation),
        ("max_output_tokens", max_output_tokens),
        ("top_logprobs", top_logprobs),
        ("include", include),
    ] {
        parts.extend(value.map(|value| fields::part(name, &value)));
    }
    fields::add_known(&mut parts, &scope);
    fields::add_unknown(&mut parts, &unknown);
    let last = input.split_last(&mut parts);
    CanonicalRequest {
        api: Api::Responses,
        model,
        delivery,
        scope: parts,
        query: last.query,
        exact_only: last.exact_only.or(logprobs.then_some(ExactOnly::Logprobs)),
        bypass,
        provider_keeps,
        echoes,
    }
}

/// How the answer leaves, and what of the ignored fields it repeats; each of them is ignored for its reason.
fn delivery(ignored: Ignored) -> (Delivery, Map<String, Value>) {
    let Ignored {
        stream,
        stream_options: _,      // obfuscation, which belongs to one exchange
        metadata,               // the client's own labels
        prompt_cache_key,       // the provider's accounting
        prompt_cache_retention, // the provider's accounting
        service_tier: _,        // speed and price, not content; the answer names the one that was used
        user,                   // abuse tracking; the tenant is the credential
        safety_identifier,      // abuse tracking
    } = ignored;
    let echoes = [
        ("metadata", metadata),
        ("prompt_cache_key", prompt_cache_key),
        ("prompt_cache_retention", prompt_cache_retention),
        ("user", user),
        ("safety_identifier", safety_identifier),
    ];
    let echoes = echoes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    // The terminal event of this API always says what was used.
    let streamed = stream == Some(Value::Bool(true));
    (if streamed { Delivery::Stream { usage: true } } else { Delivery::Body }, echoes)
}

/// Why the request goes past the cache, if so. What the provider remembers comes first, since it says the most about
/// the request; what the request would merely do comes last.
fn bypass(shape: &Shape, input: &Input) -> Option<Bypass> {
    let is_true = |value: &Option<Value>| *value == Some(Value::Bool(true));
    let prewarm = shape.prompt_cache_options.as_ref().and_then(|options| options.get("prewarm"));
    if shape.previous_response_id.is_some()
        || shape.conversation.is_some()
        || shape.prompt.is_some()
        || input.refers_to_stored_items()
    {
        Some(Bypass::ServerState)
    } else if is_true(&shape.background) {
        Some(Bypass::Background)
    } else if is_true(&shape.store) {
        Some(Bypass::StoreRequested)
    } else if shape.tools.as_ref().is_some_and(runs_on_server) || input.tools().any(runs_on_server) {
        Some(Bypass::ServerTool)
    } else if shape.moderation.is_some() {
        Some(Bypass::Moderation)
    } else if is_zero(shape.max_output_tokens.as_ref()) || prewarm == Some(&Value::Bool(true)) {
        Some(Bypass::NothingToGenerate)
    } else {
        None
    }
}

fn asks_for_logprobs(shape: &Shape) -> bool {
    let included = shape.include.as_ref().and_then(Value::as_array);
    shape.top_logprobs.is_some()
        || included.is_some_and(|names| names.iter().any(|name| name == "message.output_text.logprobs"))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
