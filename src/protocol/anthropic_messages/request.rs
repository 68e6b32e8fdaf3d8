//! A request body, read field by field. Every known field has one place: in the scope, in the query, or in the
//! list of what does not change an answer. The destructuring in [`place`] has no `..`, so a new field does not
//! compile until somebody has decided.

use serde_json::{Map, Value};

use super::turns;
use crate::canonical::{Api, Bypass, CanonicalRequest, Delivery};
use crate::error::Failure;
use crate::protocol::fields::{self, is_zero};

/// The known fields as they were sent; `null` and absent are the same to the API, and are the same here.
struct Fields {
    model: String,
    messages: Vec<Value>,
    scope: Map<String, Value>,
    shape: Shape,
    ignored: Ignored,
    unknown: Map<String, Value>,
}

/// Fields that decide how the request may be cached or have several spellings, apart from being in the scope.
struct Shape {
    system: Option<Value>,
    tools: Option<Value>,
    max_tokens: Option<Value>,
    container: Option<Value>,
    thread: Option<Value>,
    mcp_servers: Option<Value>,
    moderation: Option<Value>,
}

/// Fields that never change what the answer says.
#[expect(dead_code, reason = "held so that each one has to be named where it is ignored")]
struct Ignored {
    stream: Option<Value>,
    metadata: Option<Value>,
    service_tier: Option<Value>,
    cache_control: Option<Value>,
    diagnostics: Option<Value>,
}

/// Known fields whose value goes into the scope and means nothing else here.
const PLAIN_SCOPE: [&str; 15] = [
    "billing_policy",
    "compaction",
    "context_management",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "output_config",
    "output_format",
    "speed",
    "stop_sequences",
    "temperature",
    "thinking",
    "tool_choice",
    "top_k",
    "top_p",
];

/// The JSON type that a field must have when it is there.
const TYPES: [(&str, &str); 23] = [
    ("stream", "a boolean"),
    ("system", "a string or an array"),
    ("tools", "an array"),
    ("tool_choice", "an object"),
    ("max_tokens", "a number"),
    ("temperature", "a number"),
    ("top_p", "a number"),
    ("top_k", "a number"),
    ("stop_sequences", "an array"),
    ("thinking", "an object"),
    ("thread", "an object"),
    ("container", "a string or an object"),
    ("mcp_servers", "an array"),
    ("output_config", "an object"),
    ("output_format", "an object"),
    ("context_management", "an object"),
    ("compaction", "an object"),
    ("inference_geo", "a string"),
    ("speed", "a string"),
    ("metadata", "an object"),
    ("service_tier", "a string"),
    ("cache_control", "an object"),
    ("diagnostics", "an object"),
];

/// Reads a request body.
///
/// # Errors
/// A [`Failure`] with status 400 that names the field, when the body is not a Messages request.
pub fn read(body: &[u8]) -> Result<CanonicalRequest, Failure> {
    Ok(place(check(fields::object(body)?)?))
}

/// Sorts the fields of the body and checks their types.
fn check(mut object: Map<String, Value>) -> Result<Fields, Failure> {
    fields::check_types(&object, &TYPES)?;
    let model = fields::take_model(&mut object)?;
    let messages = turns::check_messages(object.remove("messages"))?;
    if !object.contains_key("max_tokens") {
        return Err(Failure::bad_field(
            "max_tokens",
            "'max_tokens' is required: the most tokens that the answer may have.",
        ));
    }
    if let Some(Value::Array(blocks)) = object.get("system") {
        turns::check_blocks("system", blocks)?;
    }
    for (i, tool) in object.get("tools").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if !tool.is_object() {
            return Err(fields::wrong(&format!("tools[{i}]"), "an object", tool));
        }
    }
    let mut take = |name: &str| object.remove(name);
    let shape = Shape {
        system: take("system"),
        tools: take("tools"),
        max_tokens: take("max_tokens"),
        container: take("container"),
        thread: take("thread"),
        mcp_servers: take("mcp_servers"),
        moderation: take("moderation"),
    };
    let ignored = Ignored {
        stream: take("stream"),
        metadata: take("metadata"),
        service_tier: take("service_tier"),
        cache_control: take("cache_control"),
        diagnostics: take("diagnostics"),
    };
    let scope = fields::take_all(&mut object, &PLAIN_SCOPE);
    Ok(Fields { model, messages, scope, shape, ignored, unknown: object })
}

/// Gives every field its place.
fn place(fields: Fields) -> CanonicalRequest {
    let Fields { model, messages, scope, shape, ignored, unknown } = fields;
    let delivery = delivery(ignored);
    let bypass = bypass(&shape, &messages);
    let Shape { system, tools, max_tokens, container, thread, mcp_servers, moderation } = shape;
    let mut parts = vec![fields::model_part(&model)];
    for (name, value) in [
        ("system", system.map(turns::normal_content)),
        ("tools", tools.map(without_delivery_marks)),
        ("max_tokens", max_tokens),
        ("container", container),
        ("thread", thread),
        ("mcp_servers", mcp_servers),
        ("moderation", moderation),
    ] {
        parts.extend(value.map(|value| fields::part(name, &value)));
    }
    fields::add_known(&mut parts, &scope);
    fields::add_unknown(&mut parts, &unknown);
    let last = turns::split_last(messages, &mut parts);
    CanonicalRequest {
        api: Api::Messages,
        model,
        delivery,
        scope: parts,
        query: last.query,
        exact_only: last.exact_only,
        bypass,
        provider_keeps: false,
        echoes: Map::new(),
    }
}

/// How the answer leaves; the other ignored fields end here, each for its reason.
fn delivery(ignored: Ignored) -> Delivery {
    let Ignored {
        stream,
        metadata: _,      // `user_id`: abuse tracking; the tenant is the credential
        service_tier: _,  // speed and price, not content
        cache_control: _, // a mark of the prefix cache: the provider's accounting
        diagnostics: _,   // asks why the prefix cache missed, which is never stored
    } = ignored;
    // A stream of this API always says what was used.
    if stream == Some(Value::Bool(true)) { Delivery::Stream { usage: true } } else { Delivery::Body }
}

/// Why this request may not be cached at all, if so.
fn bypass(shape: &Shape, messages: &[Value]) -> Option<Bypass> {
    let servers = shape.mcp_servers.as_ref().and_then(Value::as_array).is_some_and(|servers| !servers.is_empty());
    let tools = shape.tools.as_ref().and_then(Value::as_array).is_some_and(|tools| tools.iter().any(runs_on_server));
    // A thread is the provider's own copy of the conversation: an answer from here would be missing in it.
    if shape.container.is_some() || shape.thread.is_some() || turns::names_container(messages) {
        Some(Bypass::ServerState)
    } else if servers || tools || turns::added_tools(messages).any(runs_on_server) {
        Some(Bypass::ServerTool)
    } else if shape.moderation.is_some() {
        Some(Bypass::Moderation)
    } else if is_zero(shape.max_tokens.as_ref()) {
        Some(Bypass::NothingToGenerate)
    } else {
        None
    }
}

/// How the names of the tools start that Anthropic defines and the client runs.
const RUN_BY_CLIENT: [&str; 5] = ["bash_", "browser_toolset_", "computer_", "memory_", "text_editor_"];

/// Whether the provider runs this tool. One that nobody here knows may be of that kind.
fn runs_on_server(tool: &Value) -> bool {
    match &tool["type"] {
        Value::Null => false,
        Value::String(kind) => kind != "custom" && !RUN_BY_CLIENT.iter().any(|start| kind.starts_with(start)),
        _ => true,
    }
}

/// Tools without what steers the bill and the pace of a stream, but not what is said.
fn without_delivery_marks(tools: Value) -> Value {
    let mut tools = fields::without_marks_each(tools);
    for tool in tools.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        tool.remove("eager_input_streaming");
    }
    tools
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
