//! Tools that the client runs, and which of them the model is to call.

use serde_json::{Map, Value, json};

use super::request::{is_empty_list, list, object, only, refuse, string};
use crate::forward::translate::refusal::CannotCarry;

/// The most characters that `OpenAI` takes for the name of a function; Anthropic takes 128.
const MAX_NAME_CHARS: usize = 64;

/// `tools`: each becomes a function, in the same order.
pub(super) fn tools(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let tools = list(value, "tools")?;
    let functions = tools.iter().enumerate().map(|(i, tool)| function(&format!("tools[{i}]"), tool));
    let functions = functions.collect::<Result<Vec<Value>, CannotCarry>>()?;
    // An empty list is an error there, and no tool at all here.
    if !functions.is_empty() {
        chat.insert("tools".into(), Value::Array(functions));
    }
    Ok(())
}

fn function(path: &str, tool: &Value) -> Result<Value, CannotCarry> {
    /// The known fields of a tool of the client's own.
    const KNOWN: [&str; 10] = [
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "cache_control",         // dropped: a mark of the prefix cache
        "eager_input_streaming", // dropped: the pace of the stream, not what is said
        "allowed_callers",
        "defer_loading",
        "input_examples",
    ];
    let fields = object(tool, path)?;
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    if given("type").is_some_and(|kind| kind != "custom") {
        return refuse(format!("{path}.type"), "Chat Completions has no tools of Anthropic's own");
    }
    only(fields, path, &KNOWN)?;
    if given("allowed_callers").is_some_and(|callers| *callers != json!(["direct"])) {
        return refuse(format!("{path}.allowed_callers"), "only the model itself calls a function");
    }
    if given("defer_loading").is_some_and(|deferred| *deferred != Value::Bool(false)) {
        return refuse(format!("{path}.defer_loading"), "Chat Completions loads every function at once");
    }
    if given("input_examples").is_some_and(|examples| !is_empty_list(examples)) {
        return refuse(format!("{path}.input_examples"), "a function has no examples");
    }
    if string(fields, path, "name")?.chars().count() > MAX_NAME_CHARS {
        return refuse(format!("{path}.name"), "the name of a function has at most 64 characters");
    }
    let mut function = Map::new();
    for (theirs, ours) in
        [("name", "name"), ("description", "description"), ("parameters", "input_schema"), ("strict", "strict")]
    {
        if let Some(value) = given(ours) {
            function.insert(theirs.into(), value.clone());
        }
    }
    Ok(json!({"type": "function", "function": function}))
}

/// `tool_choice`. It comes after the tools, without which `OpenAI` takes no choice.
pub(super) fn choice(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    const PATH: &str = "tool_choice";
    let fields = object(value, PATH)?;
    only(fields, PATH, &["type", "name", "disable_parallel_tool_use"])?;
    let has_tools = chat.contains_key("tools");
    let choice = match string(fields, PATH, "type")? {
        // Without tools these two say what is so anyway.
        "auto" | "none" if !has_tools => return Ok(()),
        "any" | "tool" if !has_tools => return refuse(PATH, "there is no tool to choose"),
        "auto" => json!("auto"),
        "none" => json!("none"),
        "any" => json!("required"),
        "tool" => json!({"type": "function", "function": {"name": string(fields, PATH, "name")?}}),
        _ => return refuse("tool_choice.type", "Chat Completions has no such choice"),
    };
    chat.insert(PATH.into(), choice);
    match fields.get("disable_parallel_tool_use") {
        // Several calls at once are the default of both.
        None | Some(Value::Null | Value::Bool(false)) => Ok(()),
        Some(Value::Bool(true)) => {
            chat.insert("parallel_tool_calls".into(), false.into());
            Ok(())
        }
        Some(_) => refuse("tool_choice.disable_parallel_tool_use", "it must be a boolean"),
    }
}
