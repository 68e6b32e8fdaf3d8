//! What the readers of request bodies share: types, the model, and what everything unknown becomes.

use serde_json::{Map, Value};

use crate::canonical::ScopePart;
use crate::error::Failure;
use crate::protocol::json::{kind, ordered_part, parse, scope_part};

/// Reads a body that must be one JSON object. Fields that are `null` are as good as absent to every API, and are
/// taken out.
///
/// # Errors
/// A [`Failure`] with status 400.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    let Value::Object(mut object) = parse(body)? else {
        return Err(Failure::bad_json("it must be an object"));
    };
    object.retain(|_, value| !value.is_null());
    Ok(object)
}

/// Checks the JSON type of every field in `types` that is there. A type is what [`kind`] calls it, or two of them
/// with ` or ` between.
///
/// # Errors
/// A [`Failure`] with status 400 that names the first wrong field.
pub(super) fn check_types(object: &Map<String, Value>, types: &[(&str, &str)]) -> Result<(), Failure> {
    for (name, expected) in types {
        if let Some(value) = object.get(*name)
            && !expected.split(" or ").any(|expected| kind(value) == expected)
        {
            return Err(wrong(name, expected, value));
        }
    }
    Ok(())
}

/// The failure for a field of the wrong type.
pub(super) fn wrong(path: &str, expected: &str, found: &Value) -> Failure {
    Failure::bad_field(path, format!("'{path}' must be {expected}, not {}.", kind(found)))
}

/// Takes the model's name.
///
/// # Errors
/// A [`Failure`] with status 400 when there is none.
pub(super) fn take_model(object: &mut Map<String, Value>) -> Result<String, Failure> {
    match object.remove("model") {
        Some(Value::String(model)) if !model.is_empty() => Ok(model),
        Some(other) => Err(wrong("model", "a string that is not empty", &other)),
        None => Err(Failure::bad_field("model", "'model' is required: the name of the model to ask.")),
    }
}

/// The scope part of the model's name.
pub(super) fn model_part(model: &str) -> ScopePart {
    ScopePart { name: "model".into(), value: model.as_bytes().to_vec() }
}

/// Takes the fields in `names` that are there.
pub(super) fn take_all(object: &mut Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), object.remove(*name)?))).collect()
}

/// Adds known fields to the scope, under their names.
pub(super) fn add_known(parts: &mut Vec<ScopePart>, fields: &Map<String, Value>) {
    parts.extend(fields.iter().map(|(name, value)| part(name, value)));
}

/// The scope part of a known field.
pub(super) fn part(name: &str, value: &Value) -> ScopePart {
    /// Fields that hold schemas.
    const SCHEMAS: [&str; 6] = ["functions", "output_config", "output_format", "response_format", "text", "tools"];
    if SCHEMAS.contains(&name) { ordered_part(name, value) } else { scope_part(name, value) }
}

/// Adds to the scope what nobody here knows: it may change the answer, so it must be equal. The prefix keeps a name
/// apart from those of the other parts, `message` among them.
pub(super) fn add_unknown(parts: &mut Vec<ScopePart>, unknown: &Map<String, Value>) {
    parts.extend(unknown.iter().map(|(name, value)| ordered_part(&format!("unknown field {name}"), value)));
}

/// Takes the marks of prefix caches out of an object: they steer the provider's bill, not the answer.
pub(super) fn without_marks(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.remove("cache_control");
        fields.remove("prompt_cache_breakpoint");
    }
    value
}

/// The same for each item of an array.
pub(super) fn without_marks_each(items: Value) -> Value {
    match items {
        Value::Array(items) => Value::Array(items.into_iter().map(without_marks).collect()),
        other => other,
    }
}

/// Whether some tool of OpenAI's APIs is run by the provider: anything but the client's own functions and custom tools.
pub(super) fn runs_on_server(tools: &Value) -> bool {
    tools
        .as_array()
        .is_some_and(|tools| tools.iter().any(|tool| !matches!(tool["type"].as_str(), Some("function" | "custom"))))
}

/// Whether a number field is there and is zero.
pub(super) fn is_zero(value: Option<&Value>) -> bool {
    value.and_then(Value::as_f64) == Some(0.0)
}

/// The fields that a table of `tests/fields/` flips.
#[cfg(test)]
pub(super) fn flipped(table: &str) -> Vec<String> {
    let table: Value = serde_json::from_str(table).unwrap_or_default();
    let rows = table["rows"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["field"].as_str().map(str::to_owned)).collect()
}
