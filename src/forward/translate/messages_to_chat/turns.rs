//! The system prompt and the turns of the conversation, block by block.

use serde_json::{Map, Value, json};

use super::request::{is_empty_list, list, object, only, refuse, string};
use crate::forward::translate::refusal::CannotCarry;

/// `system`: the first chat message. One block is as good as a string; several stay several parts.
pub(super) fn system(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let content = texts("system", value)?;
    if content != "" {
        chat.insert("messages".into(), json!([{"role": "system", "content": content}]));
    }
    Ok(())
}

/// `messages`, after the system prompt.
pub(super) fn messages(value: &Value, chat: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let messages = list(value, "messages")?;
    let mut turns = match chat.remove("messages") {
        Some(Value::Array(system)) => system,
        _ => Vec::new(),
    };
    let open_from = messages.iter().rposition(starts_turn).map_or(0, |last| last + 1);
    for (i, message) in messages.iter().enumerate() {
        let path = format!("messages[{i}]");
        let fields = object(message, &path)?;
        only(fields, &path, &["role", "content"])?;
        let role = string(fields, &path, "role")?;
        let content = fields.get("content").unwrap_or(&Value::Null);
        let content_path = format!("{path}.content");
        match role {
            "user" => user(&content_path, content, &mut turns)?,
            "assistant" if i + 1 == messages.len() => {
                return refuse(path, "a chat completion does not go on with an answer that has begun");
            }
            "assistant" => turns.extend(assistant(&content_path, content, i >= open_from)?),
            "system" => turns.push(json!({"role": "system", "content": texts(&content_path, content)?})),
            _ => return refuse(format!("{path}.role"), "Chat Completions has no such role"),
        }
    }
    chat.insert("messages".into(), Value::Array(turns));
    Ok(())
}

/// Whether the user says something here. Results of tools alone go on with the turn that called the tools.
fn starts_turn(message: &Value) -> bool {
    message["role"] == "user"
        && match &message["content"] {
            Value::Array(blocks) => blocks.iter().any(|block| block["type"] != "tool_result"),
            _ => true,
        }
}

/// Content of text alone.
fn texts(path: &str, content: &Value) -> Result<Value, CannotCarry> {
    if content.is_string() {
        return Ok(content.clone());
    }
    let mut parts = Vec::new();
    for (path, block) in blocks(path, content)? {
        match kind(&path, block)? {
            "text" => parts.push(text(&path, block)?),
            other => return refuse(path, no_place_for(other)),
        }
    }
    Ok(joined(parts))
}

/// A user's turn. Results of tools are messages of their own, and follow the calls that they answer at once, so they
/// come before the rest of the turn.
fn user(path: &str, content: &Value, turns: &mut Vec<Value>) -> Result<(), CannotCarry> {
    if content.is_string() {
        turns.push(json!({"role": "user", "content": content}));
        return Ok(());
    }
    let (before, mut parts) = (turns.len(), Vec::new());
    for (path, block) in blocks(path, content)? {
        match kind(&path, block)? {
            "text" => parts.push(text(&path, block)?),
            "image" => parts.push(image(&path, block)?),
            "tool_result" => turns.push(tool_result(&path, block)?),
            other => return refuse(path, no_place_for(other)),
        }
    }
    if !parts.is_empty() || turns.len() == before {
        turns.push(json!({"role": "user", "content": joined(parts)}));
    }
    Ok(())
}

/// A model's turn; nothing when all that is left of it is dropped thoughts.
///
/// A thought is signed by the model that had it, and no other provider can read it. Those of earlier turns have done
/// their work (Anthropic passes over them itself), so they are dropped. In a turn that is not over, where tools
/// were called and the user has said nothing since, the model goes on from its thoughts: that turn has to be finished
/// where it began, so it is refused.
fn assistant(path: &str, content: &Value, is_open: bool) -> Result<Option<Value>, CannotCarry> {
    if content.is_string() {
        return Ok(Some(json!({"role": "assistant", "content": content})));
    }
    let (mut parts, mut calls, mut has_thought) = (Vec::new(), Vec::new(), false);
    for (path, block) in blocks(path, content)? {
        match kind(&path, block)? {
            "text" if !calls.is_empty() => {
                return refuse(path, "a chat message has its text before its calls, not after them");
            }
            "text" => parts.push(text(&path, block)?),
            "tool_use" => calls.push(tool_use(&path, block)?),
            "thinking" | "redacted_thinking" if is_open => {
                return refuse(path, "the thoughts of a turn that is not over can be read by their own provider alone");
            }
            "thinking" | "redacted_thinking" => has_thought = true,
            other => return refuse(path, no_place_for(other)),
        }
    }
    Ok(match (parts.is_empty(), calls.is_empty()) {
        (true, true) if has_thought => None,
        (_, true) => Some(json!({"role": "assistant", "content": joined(parts)})),
        (true, false) => Some(json!({"role": "assistant", "content": null, "tool_calls": calls})),
        (false, false) => Some(json!({"role": "assistant", "content": joined(parts), "tool_calls": calls})),
    })
}

/// The blocks of a content that is no string, each with its path.
fn blocks<'a>(
    path: &'a str,
    content: &'a Value,
) -> Result<impl Iterator<Item = (String, &'a Map<String, Value>)>, CannotCarry> {
    let Value::Array(blocks) = content else { return refuse(path, "it must be a string or an array of blocks") };
    if let Some(k) = blocks.iter().position(|block| !block.is_object()) {
        return refuse(format!("{path}[{k}]"), "it must be an object");
    }
    let fields = blocks.iter().filter_map(Value::as_object).enumerate();
    Ok(fields.map(move |(k, block)| (format!("{path}[{k}]"), block)))
}

fn kind<'a>(path: &str, block: &'a Map<String, Value>) -> Result<&'a str, CannotCarry> {
    string(block, path, "type")
}

/// Why a block has no place in a chat message.
fn no_place_for(kind: &str) -> &'static str {
    match kind {
        "document" => "a chat message has no documents",
        "search_result" => "a chat message has no search results that could be cited",
        "container_upload" => "Chat Completions has no containers",
        "image" => "only a user's own message can hold an image there",
        "tool_use" | "tool_result" => "the block does not belong to this role",
        _ if kind == "server_tool_use" || kind.starts_with("mcp_") || kind.ends_with("_tool_result") => {
            "the tool was run by the other provider"
        }
        _ => "a chat message has no block of this type",
    }
}

/// Several parts stay apart; one text is as good as a string, which more upstreams take.
fn joined(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => "".into(),
        [one] if one["type"] == "text" => one["text"].take(),
        _ => Value::Array(parts),
    }
}

/// A text. The mark of the prefix cache is dropped, in every block.
fn text(path: &str, block: &Map<String, Value>) -> Result<Value, CannotCarry> {
    only(block, path, &["type", "text", "cache_control", "citations"])?;
    if block.get("citations").is_some_and(|citations| !citations.is_null() && !is_empty_list(citations)) {
        return refuse(format!("{path}.citations"), "a chat message has no citations");
    }
    Ok(json!({"type": "text", "text": string(block, path, "text")?}))
}

fn image(path: &str, block: &Map<String, Value>) -> Result<Value, CannotCarry> {
    only(block, path, &["type", "source", "cache_control"])?;
    let path = format!("{path}.source");
    let source = object(block.get("source").unwrap_or(&Value::Null), &path)?;
    let url = match string(source, &path, "type")? {
        "base64" => {
            only(source, &path, &["type", "media_type", "data"])?;
            let (media_type, data) = (string(source, &path, "media_type")?, string(source, &path, "data")?);
            format!("data:{media_type};base64,{data}")
        }
        "url" => {
            only(source, &path, &["type", "url"])?;
            string(source, &path, "url")?.to_owned()
        }
        _ => return refuse(path, "the image is kept by the other provider"),
    };
    Ok(json!({"type": "image_url", "image_url": {"url": url}}))
}

/// A call that the model made, with its input as JSON text: the client's order of keys and spelling of numbers.
fn tool_use(path: &str, block: &Map<String, Value>) -> Result<Value, CannotCarry> {
    only(block, path, &["type", "id", "name", "input", "caller", "cache_control"])?;
    // Any other caller is code in a container.
    if block.get("caller").is_some_and(|caller| !caller.is_null() && *caller != json!({"type": "direct"})) {
        return refuse(format!("{path}.caller"), "only the model itself calls a function");
    }
    let input = block.get("input").unwrap_or(&Value::Null);
    object(input, &format!("{path}.input"))?;
    let (id, name) = (string(block, path, "id")?, string(block, path, "name")?);
    Ok(json!({"id": id, "type": "function", "function": {"name": name, "arguments": input.to_string()}}))
}

/// What a tool said. A chat message cannot mark it as an error, and a model that takes an error for a result answers
/// something else, so the word is put before it.
fn tool_result(path: &str, block: &Map<String, Value>) -> Result<Value, CannotCarry> {
    only(block, path, &["type", "tool_use_id", "content", "is_error", "cache_control"])?;
    let content = match block.get("content") {
        None | Some(Value::Null) => "".into(),
        Some(content) => texts(&format!("{path}.content"), content)?,
    };
    let content = match block.get("is_error") {
        None | Some(Value::Null | Value::Bool(false)) => content,
        Some(Value::Bool(true)) => marked_as_error(content),
        Some(_) => return refuse(format!("{path}.is_error"), "it must be a boolean"),
    };
    Ok(json!({"role": "tool", "tool_call_id": string(block, path, "tool_use_id")?, "content": content}))
}

fn marked_as_error(content: Value) -> Value {
    match content {
        Value::Array(mut parts) => {
            parts.insert(0, json!({"type": "text", "text": "Error:"}));
            Value::Array(parts)
        }
        text => match text.as_str().unwrap_or_default() {
            "" => "Error".into(),
            text => format!("Error: {text}").into(),
        },
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
