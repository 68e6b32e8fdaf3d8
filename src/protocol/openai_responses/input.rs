//! The input of a request: its items in one spelling, and the last user text among them.

use serde_json::{Map, Value, json};

use crate::canonical::{ExactOnly, ScopePart};
use crate::error::Failure;
use crate::protocol::fields::{self, without_marks};
use crate::protocol::json::scope_part;

/// The items of the input, each in the one spelling that all others of the same meaning share.
pub(super) struct Input {
    items: Vec<Map<String, Value>>,
}

/// What the end of the input says.
pub(super) struct LastTurn {
    pub(super) query: String,
    pub(super) exact_only: Option<ExactOnly>,
}

/// Reads the field `input`. A string is one message of the user's; no input is no item.
pub(super) fn read(input: Option<Value>) -> Result<Input, Failure> {
    let items = match input {
        None => Vec::new(),
        Some(Value::String(text)) => vec![json!({"role": "user", "content": text})],
        Some(Value::Array(items)) => items,
        Some(other) => return Err(fields::wrong("input", "a string or an array", &other)),
    };
    let items = items.into_iter().enumerate().map(|(i, item)| read_item(i, item));
    Ok(Input { items: items.collect::<Result<_, _>>()? })
}

impl Input {
    /// Whether some item is only the name of one that the provider has stored.
    pub(super) fn refers_to_stored_items(&self) -> bool {
        self.items.iter().any(|item| is(item, "type", "item_reference"))
    }

    /// The lists of tools that come along as items.
    pub(super) fn tools(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().filter_map(|item| item.get("tools"))
    }

    /// Puts every item into the scope but the last user text, which is the query.
    pub(super) fn split_last(mut self, parts: &mut Vec<ScopePart>) -> LastTurn {
        let last = self.items.pop();
        parts.extend(self.items.into_iter().map(|item| scope_part("item", &Value::Object(item))));
        let Some(mut last) = last else {
            return LastTurn { query: String::new(), exact_only: Some(ExactOnly::TooShort) };
        };
        let is_user = is(&last, "type", "message") && is(&last, "role", "user");
        let is_result = last.get("type").and_then(Value::as_str).is_some_and(|name| name.ends_with("_output"));
        let exact_only = match (is_user, is_result) {
            (true, _) => holds_media(&last).then_some(ExactOnly::Media),
            (false, true) => Some(ExactOnly::ToolResult),
            (false, false) => Some(ExactOnly::LastTurnNotUser),
        };
        let query = if is_user { take_last_text(&mut last) } else { None };
        parts.push(scope_part("last item", &Value::Object(last)));
        let silent = query.as_ref().is_none_or(String::is_empty);
        LastTurn { exact_only: exact_only.or(silent.then_some(ExactOnly::TooShort)), query: query.unwrap_or_default() }
    }
}

fn is(item: &Map<String, Value>, field: &str, value: &str) -> bool {
    item.get(field).and_then(Value::as_str) == Some(value)
}

/// Checks an item and brings it into its one spelling: nulls and the marks of prefix caches are gone, the type is
/// there, and the text of a message is a part.
fn read_item(i: usize, item: Value) -> Result<Map<String, Value>, Failure> {
    let wrong =
        |field: &str, expected: &str, found: &Value| Err(fields::wrong(&format!("input[{i}]{field}"), expected, found));
    let mut item = match clean(item) {
        Value::Object(item) => item,
        other => return wrong("", "an object", &other),
    };
    match item.get("type") {
        Some(Value::String(_)) => {}
        Some(other) => return wrong(".type", "a string", other),
        None if item.contains_key("role") => {
            item.insert("type".into(), "message".into());
        }
        // Only a reference may leave out both its type and a role.
        None if item.contains_key("id") => {
            item.insert("type".into(), "item_reference".into());
        }
        None => return wrong(".type", "a string", &Value::Null),
    }
    if is(&item, "type", "message") {
        check_message(i, &item)?;
    }
    for list in ["content", "output"] {
        if let Some(Value::Array(parts)) = item.get_mut(list) {
            *parts = std::mem::take(parts).into_iter().map(clean).collect();
        }
    }
    // An assistant's text is an `output_text` in some spellings and an `input_text` in others, so it stays as it is.
    if is(&item, "type", "message")
        && !is(&item, "role", "assistant")
        && let Some(Value::String(text)) = item.get_mut("content")
    {
        let text = std::mem::take(text);
        item.insert("content".into(), json!([{"type": "input_text", "text": text}]));
    }
    Ok(item)
}

fn check_message(i: usize, message: &Map<String, Value>) -> Result<(), Failure> {
    let wrong =
        |field: &str, expected: &str, found: &Value| Err(fields::wrong(&format!("input[{i}]{field}"), expected, found));
    match message.get("role") {
        Some(Value::String(_)) => {}
        other => return wrong(".role", "a string", other.unwrap_or(&Value::Null)),
    }
    match message.get("content") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            for (k, part) in parts.iter().enumerate() {
                if !part.is_object() {
                    return wrong(&format!(".content[{k}]"), "an object", part);
                }
                if part["type"] == "input_text" && !part["text"].is_string() {
                    return wrong(&format!(".content[{k}].text"), "a string", &part["text"]);
                }
            }
            Ok(())
        }
        Some(other) => wrong(".content", "a string or an array of parts", other),
    }
}

/// An item or a part without its nulls and without the marks of prefix caches.
fn clean(value: Value) -> Value {
    let mut value = without_marks(value);
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

fn holds_media(message: &Map<String, Value>) -> bool {
    let parts = message.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| parts.iter().any(|part| part["type"] != "input_text"))
}

/// Takes the text out of the last text part; the parts around it stay where they are, in the scope.
fn take_last_text(message: &mut Map<String, Value>) -> Option<String> {
    let parts = message.get_mut("content")?.as_array_mut()?;
    let part = parts.iter_mut().rev().find(|part| part["type"] == "input_text")?;
    match part.get_mut("text")?.take() {
        Value::String(text) => Some(text),
        _ => None,
    }
}
