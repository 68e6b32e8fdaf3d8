//! What an answer says, whatever its API: its text, and the tools that it calls.

use serde_json::{Map, Value};

use super::json::canonical_bytes;
use crate::canonical::{Completion, Said, SaidCall};

/// The text and the calls of an answer. Ids and reasoning are left out: they differ every time.
#[must_use]
pub fn said(completion: &Completion) -> Said {
    let mut said = Said::default();
    match completion {
        Completion::Chat(chat) => {
            for message in chat.choices.iter().map(|choice| &choice.message) {
                message.get("content").into_iter().for_each(|content| add_text(&mut said, content));
                message.get("refusal").into_iter().for_each(|refusal| add_text(&mut said, refusal));
                for call in list(message.get("tool_calls")) {
                    said.calls.push(call_of(&call["function"]["name"], &call["function"]["arguments"]));
                }
                if let Some(call) = message.get("function_call").filter(|call| call.is_object()) {
                    said.calls.push(call_of(&call["name"], &call["arguments"]));
                }
            }
        }
        Completion::Response(response) => {
            for item in list(response.get("output")) {
                match item["type"].as_str() {
                    Some("message") => add_text(&mut said, &item["content"]),
                    Some("reasoning") => {}
                    Some("function_call") => said.calls.push(call_of(&item["name"], &item["arguments"])),
                    _ => said.calls.push(without_ids(item)),
                }
            }
        }
        Completion::Message(message) => {
            for block in list(message.get("content")) {
                match block["type"].as_str() {
                    Some("text") => add_text(&mut said, &block["text"]),
                    Some("thinking" | "redacted_thinking") => {}
                    Some("tool_use") => said.calls.push(call_of(&block["name"], &block["input"])),
                    _ => said.calls.push(without_ids(block)),
                }
            }
        }
        Completion::Embedding(_) => {}
    }
    said
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Adds a text, or the texts of parts.
fn add_text(said: &mut Said, content: &Value) {
    match content {
        Value::String(text) => {
            if !said.text.is_empty() {
                said.text.push('\n');
            }
            said.text.push_str(text);
        }
        Value::Array(parts) => {
            for part in parts {
                let text = part.get("text").or_else(|| part.get("refusal")).unwrap_or(&Value::Null);
                add_text(said, text);
            }
        }
        _ => {}
    }
}

/// A call, its arguments with sorted keys. Arguments that come as text are read first.
fn call_of(name: &Value, arguments: &Value) -> SaidCall {
    let read = arguments.as_str().and_then(|text| serde_json::from_str(text).ok());
    let arguments = read.as_ref().unwrap_or(arguments);
    let arguments = String::from_utf8_lossy(&canonical_bytes(arguments)).into_owned();
    SaidCall { name: name.as_str().unwrap_or_default().to_owned(), arguments }
}

fn without_ids(item: &Value) -> SaidCall {
    let fields = item.as_object().cloned().unwrap_or_default();
    let kept: Map<String, Value> =
        fields.into_iter().filter(|(name, _)| !matches!(name.as_str(), "id" | "call_id" | "status")).collect();
    call_of(&item["type"], &Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Generation;

    fn read(api: Generation, body: Value) -> Said {
        said(&api.read_body(body.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn text_and_calls_are_the_same_in_every_api() {
        let call = |arguments: Value| serde_json::json!({"name": "look", "arguments": arguments});
        let chat = read(
            Generation::Chat,
            serde_json::json!({"model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "Let me see.",
                "tool_calls": [{"id": "call_1", "type": "function", "function": call("{\"b\": 1, \"a\": 2}".into())}]}}]}),
        );
        let message = read(
            Generation::Messages,
            serde_json::json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
                "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 2, "b": 1}}]}),
        );
        assert_eq!(chat, message);
        assert_eq!(
            chat,
            Said {
                text: "Let me see.".into(),
                calls: vec![SaidCall { name: "look".into(), arguments: "{\"a\":2,\"b\":1}".into() }]
            }
        );
    }
}
