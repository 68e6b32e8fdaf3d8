//! The messages of a request: their shape, their one spelling, and where the scope ends and the query begins.

use serde_json::{Value, json};

use crate::canonical::{ExactOnly, ScopePart};
use crate::error::Failure;
use crate::protocol::fields::{without_marks, wrong};
use crate::protocol::json::scope_part;

/// Checks that the messages are messages.
///
/// # Errors
/// A [`Failure`] with status 400 that names the first wrong field.
pub(super) fn check_messages(messages: Option<Value>) -> Result<Vec<Value>, Failure> {
    let messages = match messages {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(Value::Array(_)) => return Err(Failure::bad_field("messages", "'messages' must not be empty.")),
        Some(other) => return Err(wrong("messages", "an array of messages", &other)),
        None => return Err(Failure::bad_field("messages", "'messages' is required: an array of messages.")),
    };
    for (i, message) in messages.iter().enumerate() {
        check_message(&format!("messages[{i}]"), message)?;
    }
    Ok(messages)
}

fn check_message(path: &str, message: &Value) -> Result<(), Failure> {
    if !message.is_object() {
        return Err(wrong(path, "an object", message));
    }
    if !message["role"].is_string() {
        return Err(wrong(&format!("{path}.role"), "a string", &message["role"]));
    }
    let path = format!("{path}.content");
    match &message["content"] {
        Value::String(_) => Ok(()),
        Value::Array(blocks) => check_blocks(&path, blocks),
        // A system message may carry nothing but the settings of its turn.
        Value::Null if message["role"] == "system" => Ok(()),
        other => Err(wrong(&path, "a string or an array of blocks", other)),
    }
}

/// Checks that the blocks are blocks.
///
/// # Errors
/// A [`Failure`] with status 400 that names the first wrong field.
pub(super) fn check_blocks(path: &str, blocks: &[Value]) -> Result<(), Failure> {
    for (k, block) in blocks.iter().enumerate() {
        if !block.is_object() {
            return Err(wrong(&format!("{path}[{k}]"), "an object", block));
        }
        if block["type"] == "text" && !block["text"].is_string() {
            return Err(wrong(&format!("{path}[{k}].text"), "a string", &block["text"]));
        }
    }
    Ok(())
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

/// Whether some block puts a file into a container on the provider's side.
pub(super) fn names_container(messages: &[Value]) -> bool {
    messages.iter().flat_map(blocks).any(|block| block["type"] == "container_upload")
}

/// The tools that a system message adds on the way.
pub(super) fn added_tools(messages: &[Value]) -> impl Iterator<Item = &Value> {
    messages.iter().flat_map(blocks).filter(|block| block["type"] == "tool_addition").filter_map(|block| {
        let definition = &block["tool"]["definition"];
        (!definition.is_null()).then_some(definition)
    })
}

/// The last turn, taken apart.
pub(super) struct LastTurn {
    /// Its last text.
    pub(super) query: String,
    /// Why that text may only be compared byte for byte, if so.
    pub(super) exact_only: Option<ExactOnly>,
}

/// Puts every message into the scope but the last user text, which is the query.
pub(super) fn split_last(mut messages: Vec<Value>, parts: &mut Vec<ScopePart>) -> LastTurn {
    let last = messages.pop().unwrap_or_default();
    for message in messages {
        parts.push(scope_part("message", &normal_message(message)));
    }
    let mut last = normal_message(last);
    let (query, exact_only) = if last["role"] == "user" {
        let exact_only = why_exact(&last);
        (take_last_text(&mut last), exact_only)
    } else {
        (None, Some(ExactOnly::LastTurnNotUser))
    };
    parts.push(scope_part("last message", &last));
    LastTurn {
        exact_only: exact_only.or(query.is_none().then_some(ExactOnly::TooShort)),
        query: query.unwrap_or_default(),
    }
}

/// Why a user's turn is more than its text, if so.
fn why_exact(message: &Value) -> Option<ExactOnly> {
    let kinds: Vec<&str> = blocks(message).map(|block| block["type"].as_str().unwrap_or_default()).collect();
    if kinds.iter().any(|kind| !matches!(*kind, "text" | "tool_result")) {
        Some(ExactOnly::Media)
    } else if kinds.contains(&"tool_result") {
        Some(ExactOnly::ToolResult)
    } else {
        None
    }
}

/// A message in one spelling: a string is one text block, and the marks of prefix caches are gone.
fn normal_message(mut message: Value) -> Value {
    if let Value::Object(fields) = &mut message {
        fields.retain(|_, value| !value.is_null());
        if let Some(content) = fields.remove("content") {
            fields.insert("content".into(), normal_content(content));
        }
    }
    message
}

/// Content in one spelling, be it a message's or the system prompt.
pub(super) fn normal_content(content: Value) -> Value {
    match content {
        Value::String(text) => json!([{"type": "text", "text": text}]),
        Value::Array(blocks) => Value::Array(blocks.into_iter().map(normal_block).collect()),
        other => other,
    }
}

/// A block without marks and nulls. Some hold blocks of their own, a tool's result among them; the input of a tool
/// is the client's data, and stays as it is.
fn normal_block(block: Value) -> Value {
    let mut block = without_marks(block);
    if let Value::Object(fields) = &mut block {
        fields.retain(|_, value| !value.is_null());
        if let Some(Value::Array(inner)) = fields.get_mut("content") {
            let blocks = std::mem::take(inner);
            inner.extend(blocks.into_iter().map(normal_block));
        }
    }
    block
}

/// Takes the text out of the last text block; the blocks before it stay where they are, in the scope.
fn take_last_text(message: &mut Value) -> Option<String> {
    let block = message.get_mut("content")?.as_array_mut()?.iter_mut().rev().find(|block| block["type"] == "text")?;
    match block.get_mut("text")?.take() {
        Value::String(text) => Some(text),
        _ => None,
    }
}
