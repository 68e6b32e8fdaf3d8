//! An upstream's stream, recorded as it passes by.

use serde_json::{Map, Value, json};

use super::answer;
use crate::canonical::NotKept;
use crate::protocol::sse::{Event, Intake};

/// Listens to a stream of Messages events and builds the `message` that they make, as the official SDKs do.
#[derive(Debug)]
pub struct Recorder {
    intake: Intake,
    message: Option<Map<String, Value>>,
    blocks: Vec<Partial>,
    fault: Option<NotKept>,
    done: bool,
}

/// A content block on its way.
#[derive(Debug)]
struct Partial {
    block: Map<String, Value>,
    input_json: String,
    stopped: bool,
}

/// The stream broke the API's rules, or made use of one that nobody here knows.
struct Broken;

impl Recorder {
    /// A recorder for answers of at most `limit_bytes` on the wire.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { intake: Intake::new(limit_bytes), message: None, blocks: Vec::new(), fault: None, done: false }
    }

    /// Listens to the next bytes. True once a terminal event (`message_stop`, or an error) has gone by.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.fault.is_none() {
            match self.intake.feed(bytes) {
                Ok(events) => events.iter().for_each(|event| self.listen(event)),
                Err(fault) => self.fault = Some(fault),
            }
        }
        self.done
    }

    /// The answer, when the stream ended well.
    ///
    /// # Errors
    /// The reason why it may not be kept.
    pub fn finish(self) -> Result<Map<String, Value>, NotKept> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.done {
            return Err(NotKept::CutStream);
        }
        let Some(mut message) = self.message else { return Err(NotKept::Unreadable) };
        if !self.blocks.iter().all(|partial| partial.stopped) {
            return Err(NotKept::Unreadable);
        }
        let content = self.blocks.into_iter().map(|partial| Value::Object(partial.block)).collect();
        message.insert("content".into(), Value::Array(content));
        answer::finish(message)
    }

    fn listen(&mut self, event: &Event) {
        if self.fault.is_some() {
            return;
        }
        // Servers that also speak OpenAI's API end every stream with this.
        if self.done && event.data == "[DONE]" {
            return;
        }
        let data = serde_json::from_str::<Value>(&event.data).unwrap_or_default();
        if !self.done && (event.name == "error" || data["type"] == "error") {
            self.done = true;
            self.fault = Some(NotKept::UpstreamError);
        } else if self.take(data).is_err() {
            self.fault = Some(NotKept::Unreadable);
        }
    }

    fn take(&mut self, data: Value) -> Result<(), Broken> {
        let Value::Object(mut data) = data else { return Err(Broken) };
        let Some(Value::String(kind)) = data.remove("type") else { return Err(Broken) };
        if self.done {
            return Err(Broken);
        }
        match (kind.as_str(), self.message.as_mut()) {
            ("message_start", None) => self.start(data),
            ("content_block_start", Some(message)) => {
                let partial = open_block(data, self.blocks.len(), message)?;
                self.blocks.push(partial);
                Ok(())
            }
            ("content_block_delta", Some(_)) => {
                let Some(Value::Object(delta)) = data.remove("delta") else { return Err(Broken) };
                self.open(&data)?.grow(delta)
            }
            ("content_block_stop", Some(_)) => self.open(&data)?.stop(),
            ("message_delta", Some(message)) => change(message, data),
            ("message_stop", Some(_)) => {
                self.done = true;
                Ok(())
            }
            // Known events at a wrong time.
            (
                "message_start"
                | "content_block_start"
                | "content_block_delta"
                | "content_block_stop"
                | "message_delta"
                | "message_stop",
                _,
            ) => Err(Broken),
            // `ping`, and what the API may add: its versioning policy asks clients to pass over it.
            _ => Ok(()),
        }
    }

    fn start(&mut self, mut data: Map<String, Value>) -> Result<(), Broken> {
        let Some(Value::Object(message)) = data.remove("message") else { return Err(Broken) };
        self.message = Some(message);
        Ok(())
    }

    /// The block that an event is about, which must not have stopped yet.
    fn open(&mut self, data: &Map<String, Value>) -> Result<&mut Partial, Broken> {
        let index = data.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let partial = index.and_then(|index| self.blocks.get_mut(index)).ok_or(Broken)?;
        if partial.stopped { Err(Broken) } else { Ok(partial) }
    }
}

/// Starts a block. Indices count the blocks, so each is the next one.
fn open_block(mut data: Map<String, Value>, index: usize, message: &mut Map<String, Value>) -> Result<Partial, Broken> {
    let Some(Value::Object(block)) = data.remove("content_block") else { return Err(Broken) };
    if data.get("index") != Some(&Value::from(index)) {
        return Err(Broken);
    }
    // From here on another model answers, and the whole message of a body would name that one.
    if block.get("type").is_some_and(|kind| kind == "fallback")
        && let Some(Value::String(model)) = block.get("to").map(|to| &to["model"])
    {
        message.insert("model".into(), model.clone().into());
    }
    Ok(Partial { block, input_json: String::new(), stopped: false })
}

impl Partial {
    fn grow(&mut self, mut delta: Map<String, Value>) -> Result<(), Broken> {
        let Some(Value::String(kind)) = delta.remove("type") else { return Err(Broken) };
        let of = self.block.get("type").and_then(Value::as_str).unwrap_or_default();
        match (kind.as_str(), of) {
            ("text_delta", "text") => self.append("text", &delta),
            ("thinking_delta", "thinking") => self.append("thinking", &delta),
            ("input_json_delta", "tool_use") => {
                let more = delta.get("partial_json").and_then(Value::as_str).ok_or(Broken)?;
                self.input_json.push_str(more);
                Ok(())
            }
            ("citations_delta", "text") => {
                let citation = delta.remove("citation").ok_or(Broken)?;
                match self.block.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(citation),
                    _ => {
                        self.block.insert("citations".into(), json!([citation]));
                    }
                }
                Ok(())
            }
            ("signature_delta", "thinking") => {
                let signature = delta.remove("signature").filter(Value::is_string).ok_or(Broken)?;
                self.block.insert("signature".into(), signature);
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    fn append(&mut self, name: &str, delta: &Map<String, Value>) -> Result<(), Broken> {
        let more = delta.get(name).and_then(Value::as_str).ok_or(Broken)?;
        match self.block.get_mut(name) {
            Some(Value::String(text)) => text.push_str(more),
            Some(Value::Null) | None => {
                self.block.insert(name.into(), more.into());
            }
            Some(_) => return Err(Broken),
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<(), Broken> {
        self.stopped = true;
        if !self.input_json.is_empty() {
            let input: Value = serde_json::from_str(&self.input_json).map_err(|_| Broken)?;
            self.block.insert("input".into(), input);
        }
        Ok(())
    }
}

/// What the end of a message says about all of it. Its usage counts the whole, so it replaces what was known.
fn change(message: &mut Map<String, Value>, mut data: Map<String, Value>) -> Result<(), Broken> {
    let Some(Value::Object(delta)) = data.remove("delta") else { return Err(Broken) };
    for (name, value) in delta {
        // What is null here and was never there says nothing, but for the two fields that every message has.
        let always = name == "stop_reason" || name == "stop_sequence";
        if !value.is_null() || always || message.contains_key(&name) {
            message.insert(name, value);
        }
    }
    if let Some(Value::Object(given)) = data.remove("usage") {
        let usage = message.entry("usage").or_insert_with(|| json!({}));
        if !usage.is_object() {
            *usage = json!({});
        }
        for (name, value) in given {
            if !value.is_null() {
                usage[name] = value;
            }
        }
    }
    for name in ["context_management", "input_transformations"] {
        if let Some(value) = data.remove(name).filter(|value| !value.is_null()) {
            message.insert(name.into(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
