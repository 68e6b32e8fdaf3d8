//! The messages of a request: the leading instructions as `system`, the others as turns that alternate.

use serde_json::{Map, Value, json};

use super::parts::{Speaker, blocks, text_block, with_mark};
use super::places::{
    Place::{self, Carried, Dropped, OnlyIf},
    check, field, join, object, refuse, text,
};
use crate::forward::translate::refusal::CannotCarry;
use crate::protocol::json::parse;

/// A conversation as Messages has it.
pub(super) struct Conversation {
    /// The instructions: text blocks, one for each part. Nothing when there are none.
    pub(super) system: Option<Value>,
    /// The turns, the user's last.
    pub(super) messages: Value,
}

/// Messages has no names of speakers, and the model reads them.
const NAME: (&str, Place) = ("name", OnlyIf(|name| name == "", "Messages has no names of speakers"));

/// Every known field of a system, developer or user message. Some clients mark a whole message for the prefix cache.
const PLAIN_FIELDS: [(&str, Place); 4] = [("role", Carried), ("content", Carried), ("cache_control", Carried), NAME];

/// Every known field of an assistant message.
const ASSISTANT_FIELDS: [(&str, Place); 12] = [
    ("role", Carried),
    ("content", Carried),
    ("refusal", Carried),
    ("tool_calls", Carried),
    ("cache_control", Carried),
    // A thought cannot go back without its signature, which Chat Completions has no field for. The model goes without.
    ("reasoning_content", Dropped),
    ("reasoning", Dropped),
    ("annotations", Dropped), // where an answer came from: no model reads it
    ("audio", OnlyIf(|_| false, "Messages has no audio")),
    ("function_call", OnlyIf(|_| false, "the old form of 'tool_calls' is not carried; use 'tool_calls'")),
    ("parsed", Dropped), // OpenAI's SDK keeps here what it read in the content
    NAME,
];

/// Every known field of a tool message.
const TOOL_FIELDS: [(&str, Place); 5] = [
    ("role", Carried),
    ("content", Carried),
    ("tool_call_id", Carried),
    ("cache_control", Carried),
    ("name", Dropped), // the call that the id names has it
];

/// Every known field of a tool call.
const CALL_FIELDS: [(&str, Place); 4] = [
    ("id", Carried),
    ("type", Carried),
    ("function", Carried),
    ("index", Dropped), // its place in a stream, left over by clients that join the pieces
];

/// Every known field of a call's function.
const CALLED_FIELDS: [(&str, Place); 3] = [
    ("name", Carried),
    ("arguments", Carried),
    ("parsed_arguments", Dropped), // OpenAI's SDK keeps here what it read in the arguments
];

/// Carries the messages over.
///
/// # Errors
/// A [`CannotCarry`] with the path of what has no place in Messages.
pub(super) fn carry(messages: Option<&Value>) -> Result<Conversation, CannotCarry> {
    let Some(Value::Array(messages)) = messages else {
        return Err(refuse("messages", "it must be an array of messages"));
    };
    let mut system = Vec::new();
    let mut turns = Turns::default();
    let mut leading = true;
    for (i, message) in messages.iter().enumerate() {
        let path = format!("messages[{i}]");
        let message = object(&path, message)?;
        let role = text(&path, message, "role")?;
        let instructs = matches!(role, "system" | "developer");
        leading &= instructs;
        match role {
            "system" | "developer" => {
                let blocks = plain(&path, message, Speaker::System)?;
                // Older Claude models take no instructions on the way, and at the start they would be others. Empty
                // ones say nothing anywhere.
                if !leading && !blocks.is_empty() {
                    return Err(refuse(path, "instructions after the first turn have no place that every model knows"));
                }
                system.extend(blocks);
            }
            "user" => turns.add("user", plain(&path, message, Speaker::User)?),
            "assistant" => turns.add("assistant", assistant(&path, message)?),
            "tool" => turns.add("user", vec![tool_result(&path, message)?]),
            "function" => return Err(refuse(path, "the old form of a tool's result is not carried; use role 'tool'")),
            _ => return Err(refuse(join(&path, "role"), "Messages has no such role")),
        }
    }
    Ok(Conversation {
        system: (!system.is_empty()).then_some(Value::Array(system)),
        messages: turns.end(messages.len())?,
    })
}

/// Turns that alternate: messages of one role in a row are one turn, as Messages itself would join them.
#[derive(Default)]
struct Turns(Vec<(&'static str, Vec<Value>)>);

impl Turns {
    /// Adds blocks. A message without any says nothing and leaves no turn.
    fn add(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.0.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, known)) if *last == role => known.extend(blocks),
            _ => self.0.push((role, blocks)),
        }
    }

    /// The turns of a conversation of `count` messages.
    fn end(self, count: usize) -> Result<Value, CannotCarry> {
        match self.0.last() {
            None => Err(refuse("messages", "Messages needs a turn of the user, not instructions alone")),
            Some(("assistant", _)) => Err(refuse(
                format!("messages[{}]", count.saturating_sub(1)),
                "Messages would continue a last turn of the assistant's instead of answering it",
            )),
            Some(_) => Ok(self.0.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks})).collect()),
        }
    }
}

fn plain(path: &str, message: &Map<String, Value>, speaker: Speaker) -> Result<Vec<Value>, CannotCarry> {
    check(path, message, &PLAIN_FIELDS)?;
    let blocks = blocks(&join(path, "content"), field(message, "content"), speaker)?;
    Ok(marked(blocks, message))
}

/// A mark on a message is a mark on its last block.
fn marked(mut blocks: Vec<Value>, message: &Map<String, Value>) -> Vec<Value> {
    if let Some(mark) = field(message, "cache_control")
        && let Some(last) = blocks.pop()
    {
        blocks.push(with_mark(last, Some(mark)));
    }
    blocks
}

/// What the model said: its text, its refusal, its calls.
fn assistant(path: &str, message: &Map<String, Value>) -> Result<Vec<Value>, CannotCarry> {
    check(path, message, &ASSISTANT_FIELDS)?;
    let mut said = blocks(&join(path, "content"), field(message, "content"), Speaker::Assistant)?;
    match field(message, "refusal") {
        None => {}
        Some(Value::String(refusal)) => said.extend(text_block(refusal)),
        Some(_) => return Err(refuse(join(path, "refusal"), "it must be a string")),
    }
    let path = join(path, "tool_calls");
    match field(message, "tool_calls") {
        None => {}
        Some(Value::Array(calls)) => {
            for (k, call) in calls.iter().enumerate() {
                said.push(tool_use(&format!("{path}[{k}]"), call)?);
            }
        }
        Some(_) => return Err(refuse(path, "it must be an array of calls")),
    }
    Ok(marked(said, message))
}

fn tool_use(path: &str, call: &Value) -> Result<Value, CannotCarry> {
    let call = object(path, call)?;
    if field(call, "type").is_some_and(|kind| kind != "function") {
        return Err(refuse(join(path, "type"), "only calls of type 'function' are carried"));
    }
    check(path, call, &CALL_FIELDS)?;
    let id = call_id(text(path, call, "id")?);
    let path = join(path, "function");
    let function = object(&path, call.get("function").unwrap_or(&Value::Null))?;
    check(&path, function, &CALLED_FIELDS)?;
    let name = text(&path, function, "name")?;
    Ok(json!({"type": "tool_use", "id": id, "name": name, "input": input(&path, function)?}))
}

/// The arguments of a call, read: with their keys in order and every digit of their numbers. A name that stands
/// twice in one object cannot be kept, so such arguments are refused like those that are no JSON.
fn input(path: &str, function: &Map<String, Value>) -> Result<Value, CannotCarry> {
    let wrong = || refuse(join(path, "arguments"), "it must be a string that holds one JSON object");
    let arguments = function.get("arguments").and_then(Value::as_str).ok_or_else(wrong)?;
    if arguments.trim().is_empty() {
        // A call without arguments, as many models write it.
        return Ok(json!({}));
    }
    parse(arguments.as_bytes()).ok().filter(Value::is_object).ok_or_else(wrong)
}

/// An id of a call as Messages takes it: letters, digits, `_` and `-`. Other APIs' ids have other characters, such as
/// `functions.search:0`; each of these becomes its code, in a call and in its result alike.
fn call_id(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for character in id.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => out.push(character),
            other => out.push_str(&format!("_x{:x}_", u32::from(other))),
        }
    }
    out
}

/// A tool's result. Messages caches up to the end of a result, so the last mark inside it becomes the result's own.
fn tool_result(path: &str, message: &Map<String, Value>) -> Result<Value, CannotCarry> {
    check(path, message, &TOOL_FIELDS)?;
    let id = call_id(text(path, message, "tool_call_id")?);
    let mut result = json!({"type": "tool_result", "tool_use_id": id});
    let mut mark = field(message, "cache_control").cloned();
    match field(message, "content") {
        None => {}
        Some(Value::String(text)) => result["content"] = text.as_str().into(),
        content => {
            let mut parts = blocks(&join(path, "content"), content, Speaker::Tool)?;
            let inner = parts.iter_mut().rev().filter_map(|part| part.as_object_mut()?.shift_remove("cache_control"));
            // All marks are taken out; the first one from the end counts.
            mark = mark.or(inner.collect::<Vec<Value>>().into_iter().next());
            result["content"] = Value::Array(parts);
        }
    }
    Ok(with_mark(result, mark.as_ref()))
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
