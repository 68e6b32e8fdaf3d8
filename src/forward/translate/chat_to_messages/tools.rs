//! The tools that a model may call, and how it is to choose among them.

use serde_json::{Map, Value, json};

use super::places::{
    Place::{self, Carried},
    check, field, join, object, present, refuse, text,
};
use crate::forward::translate::refusal::CannotCarry;

/// Every known field of a tool.
const TOOL_FIELDS: [(&str, Place); 3] = [("type", Carried), ("function", Carried), ("cache_control", Carried)];

/// Every known field of a tool's function. Some clients put the mark of the prefix cache here.
const FUNCTION_FIELDS: [(&str, Place); 5] = [
    ("name", Carried),
    ("description", Carried),
    ("parameters", Carried),
    ("strict", Carried),
    ("cache_control", Carried),
];

/// The tools of a body; nothing when there are none.
///
/// # Errors
/// A [`CannotCarry`] with the path of a tool that is not a function, or of a field that nobody here knows.
pub(super) fn tools(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    match field(body, "tools") {
        None => Ok(None),
        Some(Value::Array(tools)) if tools.is_empty() => Ok(None),
        Some(Value::Array(tools)) => {
            tools.iter().enumerate().map(tool).collect::<Result<Vec<Value>, _>>().map(|tools| Some(tools.into()))
        }
        Some(_) => Err(refuse("tools", "it must be an array of tools")),
    }
}

fn tool((i, tool): (usize, &Value)) -> Result<Value, CannotCarry> {
    let path = format!("tools[{i}]");
    let tool = object(&path, tool)?;
    if field(tool, "type").is_none_or(|kind| kind != "function") {
        return Err(refuse(join(&path, "type"), "only tools of type 'function' are carried"));
    }
    check(&path, tool, &TOOL_FIELDS)?;
    let path = join(&path, "function");
    let function = object(&path, tool.get("function").unwrap_or(&Value::Null))?;
    check(&path, function, &FUNCTION_FIELDS)?;
    let tool = present([
        ("name", Some(text(&path, function, "name")?.into())),
        ("description", field(function, "description").cloned()),
        ("input_schema", Some(input_schema(&path, function)?)),
        ("strict", field(function, "strict").cloned()),
        ("cache_control", field(tool, "cache_control").or_else(|| field(function, "cache_control")).cloned()),
    ]);
    Ok(Value::Object(tool))
}

/// A function without parameters takes none, which Messages wants to be told.
fn input_schema(path: &str, function: &Map<String, Value>) -> Result<Value, CannotCarry> {
    match field(function, "parameters") {
        None => Ok(json!({"type": "object"})),
        Some(Value::Object(schema)) if schema.is_empty() => Ok(json!({"type": "object"})),
        Some(Value::Object(schema)) => Ok(Value::Object(schema.clone())),
        Some(_) => Err(refuse(join(path, "parameters"), "it must be an object")),
    }
}

/// Every known field of a choice that names a tool.
const CHOICE_FIELDS: [(&str, Place); 2] = [("type", Carried), ("function", Carried)];

/// Every known field of the function that such a choice names.
const CHOSEN_FIELDS: [(&str, Place); 1] = [("name", Carried)];

/// How the model is to choose, and whether it may call several tools at once; nothing when both are as ever.
///
/// # Errors
/// A [`CannotCarry`] when Messages has no such choice.
pub(super) fn tool_choice(body: &Map<String, Value>) -> Result<Option<Value>, CannotCarry> {
    let one_at_a_time = match field(body, "parallel_tool_calls") {
        None | Some(Value::Bool(true)) => false,
        Some(Value::Bool(false)) => true,
        Some(_) => return Err(refuse("parallel_tool_calls", "it must be a boolean")),
    };
    let has_tools = field(body, "tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
    let mut choice = match field(body, "tool_choice") {
        // What there are no tools for needs no saying.
        None if !has_tools => return Ok(None),
        Some(choice) if !has_tools => {
            let says_nothing = choice == "none" || choice == "auto";
            let no_tools = refuse("tool_choice", "there are no tools to choose from");
            return if says_nothing { Ok(None) } else { Err(no_tools) };
        }
        None if one_at_a_time => json!({"type": "auto"}),
        None => return Ok(None),
        Some(Value::String(choice)) => match choice.as_str() {
            "auto" => json!({"type": "auto"}),
            "required" => json!({"type": "any"}),
            // Calls that may not be made cannot be made at once, and Messages takes no such flag here.
            "none" => return Ok(Some(json!({"type": "none"}))),
            _ => return Err(refuse("tool_choice", "it is none of auto, none, required and a named function")),
        },
        Some(choice) => json!({"type": "tool", "name": chosen(choice)?}),
    };
    if one_at_a_time {
        choice["disable_parallel_tool_use"] = true.into();
    }
    Ok(Some(choice))
}

/// The name of the function that must be called.
fn chosen(choice: &Value) -> Result<&str, CannotCarry> {
    let choice = object("tool_choice", choice)?;
    if field(choice, "type").is_none_or(|kind| kind != "function") {
        return Err(refuse("tool_choice.type", "only a choice of type 'function' is carried"));
    }
    check("tool_choice", choice, &CHOICE_FIELDS)?;
    let path = "tool_choice.function";
    let function = object(path, choice.get("function").unwrap_or(&Value::Null))?;
    check(path, function, &CHOSEN_FIELDS)?;
    text(path, function, "name")
}
