//! A Messages stream as a stream of chat completion chunks, event by event as it passes.

use serde_json::{Map, Value, json};

use super::answer::{completion_id, finish_reason, refusal, usage};
use super::error;
use crate::protocol::sse::{Event, Parser, write_data};

/// Most bytes of one event. The largest is a delta of some tokens or the start of a message, far below this.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// Turns the bytes of one Messages stream into those of a chat completion stream.
///
/// `data: [DONE]` comes after `message_stop` and never else: a stream that breaks off has none, so that nobody takes
/// it for a whole answer. An upstream's `error` event, or a stream that breaks the API's rules, ends in
/// `data: {"error": ...}`, which OpenAI's SDKs raise, and everything after it is passed over.
#[derive(Debug)]
pub struct Stream {
    parser: Parser,
    created_secs: u64,
    include_usage: bool,
    stage: Stage,
    /// The fields that all chunks share; known once the message has started.
    top: Map<String, Value>,
    /// Anthropic's counts, the latest of each.
    usage: Map<String, Value>,
    /// How the message ended: `stop_reason` and `stop_details`.
    end: Map<String, Value>,
    open: Option<Open>,
    calls: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    BeforeStart,
    Running,
    /// Whole, refused or broken: nothing is written any more.
    Over,
}

/// The content block that is being written. Messages writes one at a time.
#[derive(Debug)]
struct Open {
    index: u64,
    call: Option<Call>,
}

/// The tool call in a block.
#[derive(Debug)]
struct Call {
    /// Its number among the calls, from 0.
    index: u64,
    /// Its arguments, if no piece of them follows.
    input: String,
    /// Whether a piece of its arguments has been written.
    begun: bool,
}

/// The stream broke the API's rules.
struct Broken;

impl Stream {
    /// A stream whose chunks say they were made at `created_secs`, in seconds since 1970. With `include_usage`
    /// (`stream_options.include_usage` of the request) a last chunk counts the tokens, and the others have
    /// `usage: null`.
    #[must_use]
    pub fn new(created_secs: u64, include_usage: bool) -> Self {
        Self {
            parser: Parser::new(MAX_EVENT_BYTES),
            created_secs,
            include_usage,
            stage: Stage::BeforeStart,
            top: Map::new(),
            usage: Map::new(),
            end: Map::new(),
            open: None,
            calls: 0,
        }
    }

    /// Takes the next bytes of the upstream, cut anywhere, and gives the bytes that they make for the client.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.stage == Stage::Over {
            return out;
        }
        for event in self.parser.feed(bytes) {
            self.take(&event, &mut out);
        }
        if self.parser.overflowed() {
            self.break_off(&mut out);
        }
        out
    }

    fn take(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.stage == Stage::Over {
            return;
        }
        let data = serde_json::from_str::<Value>(&event.data).unwrap_or_default();
        if event.name == "error" || data["type"] == "error" {
            self.stage = Stage::Over;
            write_data(out, &error::error(&data).to_string());
        } else if self.carry(&data, out).is_err() {
            self.break_off(out);
        }
    }

    fn break_off(&mut self, out: &mut Vec<u8>) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            let failed = error::made("The upstream's answer is not a stream of the Messages API.", "server_error");
            write_data(out, &failed.to_string());
        }
    }

    fn carry(&mut self, data: &Value, out: &mut Vec<u8>) -> Result<(), Broken> {
        match (data["type"].as_str().ok_or(Broken)?, self.stage) {
            ("message_start", Stage::BeforeStart) => self.start(&data["message"], out),
            ("content_block_start", Stage::Running) => self.start_block(data, out),
            ("content_block_delta", Stage::Running) => self.grow(data, out),
            ("content_block_stop", Stage::Running) => self.stop_block(data, out),
            ("message_delta", Stage::Running) => {
                self.change(data);
                Ok(())
            }
            ("message_stop", Stage::Running) => self.stop(out),
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

    fn start(&mut self, message: &Value, out: &mut Vec<u8>) -> Result<(), Broken> {
        let id = completion_id(message["id"].as_str().ok_or(Broken)?);
        let model = message["model"].as_str().ok_or(Broken)?;
        self.top.insert("id".into(), id.into());
        self.top.insert("object".into(), "chat.completion.chunk".into());
        self.top.insert("created".into(), self.created_secs.into());
        self.top.insert("model".into(), model.into());
        self.count(&message["usage"]);
        self.stage = Stage::Running;
        self.send(out, json!({"role": "assistant"}), None);
        Ok(())
    }

    fn start_block(&mut self, data: &Value, out: &mut Vec<u8>) -> Result<(), Broken> {
        let index = data["index"].as_u64().ok_or(Broken)?;
        if self.open.is_some() {
            return Err(Broken);
        }
        let block = &data["content_block"];
        let mut call = None;
        match block["type"].as_str().ok_or(Broken)? {
            // Blocks start empty, but the API does not forbid that one starts with something.
            "text" => self.send_text(out, "content", block["text"].as_str().unwrap_or_default()),
            "thinking" => self.send_text(out, "reasoning_content", block["thinking"].as_str().unwrap_or_default()),
            "tool_use" => {
                let (id, name) = (block["id"].as_str().ok_or(Broken)?, block["name"].as_str().ok_or(Broken)?);
                let input = if block["input"].is_object() { block["input"].to_string() } else { "{}".to_owned() };
                let function = json!({"name": name, "arguments": ""});
                let whole = json!({"index": self.calls, "id": id, "type": "function", "function": function});
                self.send(out, json!({"tool_calls": [whole]}), None);
                call = Some(Call { index: self.calls, input, begun: false });
                self.calls = self.calls.saturating_add(1);
            }
            // Encrypted thoughts, and blocks that no request made here can ask for.
            _ => {}
        }
        self.open = Some(Open { index, call });
        Ok(())
    }

    fn grow(&mut self, data: &Value, out: &mut Vec<u8>) -> Result<(), Broken> {
        let delta = &data["delta"];
        let open = self.open.as_mut().filter(|open| data["index"] == open.index).ok_or(Broken)?;
        match delta["type"].as_str().ok_or(Broken)? {
            "text_delta" => self.send_text(out, "content", delta["text"].as_str().ok_or(Broken)?),
            "thinking_delta" => {
                self.send_text(out, "reasoning_content", delta["thinking"].as_str().ok_or(Broken)?);
            }
            "input_json_delta" => {
                let piece = delta["partial_json"].as_str().ok_or(Broken)?;
                if let Some(call) = open.call.as_mut().filter(|_| !piece.is_empty()) {
                    call.begun = true;
                    let index = call.index;
                    self.send_arguments(out, index, piece);
                }
            }
            // Signatures and citations have no place in a chat completion.
            _ => {}
        }
        Ok(())
    }

    fn stop_block(&mut self, data: &Value, out: &mut Vec<u8>) -> Result<(), Broken> {
        let open = self.open.take().filter(|open| data["index"] == open.index).ok_or(Broken)?;
        if let Some(call) = open.call.filter(|call| !call.begun) {
            self.send_arguments(out, call.index, &call.input);
        }
        Ok(())
    }

    /// What the end of a message says about all of it.
    fn change(&mut self, data: &Value) {
        for name in ["stop_reason", "stop_details"] {
            if !data["delta"][name].is_null() {
                self.end.insert(name.to_owned(), data["delta"][name].clone());
            }
        }
        self.count(&data["usage"]);
    }

    /// Counts are cumulative, so a later one takes the place of an earlier one.
    fn count(&mut self, counts: &Value) {
        for (name, count) in counts.as_object().into_iter().flatten().filter(|(_, count)| !count.is_null()) {
            self.usage.insert(name.clone(), count.clone());
        }
    }

    fn stop(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let end = std::mem::take(&mut self.end);
        let stop_reason = end.get("stop_reason").and_then(Value::as_str).ok_or(Broken)?;
        if self.open.is_some() {
            return Err(Broken);
        }
        if let Some(refusal) = refusal(stop_reason, end.get("stop_details").unwrap_or(&Value::Null)) {
            self.send(out, json!({"refusal": refusal}), None);
        }
        self.send(out, json!({}), Some(finish_reason(stop_reason)));
        if self.include_usage {
            self.write(out, json!([]), usage(&self.usage));
        }
        write_data(out, "[DONE]");
        self.stage = Stage::Over;
        Ok(())
    }

    fn send_text(&self, out: &mut Vec<u8>, name: &str, text: &str) {
        if !text.is_empty() {
            self.send(out, json!({name: text}), None);
        }
    }

    fn send_arguments(&self, out: &mut Vec<u8>, index: u64, piece: &str) {
        self.send(out, json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}), None);
    }

    fn send(&self, out: &mut Vec<u8>, delta: Value, finish_reason: Option<&str>) {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        self.write(out, json!([choice]), None);
    }

    fn write(&self, out: &mut Vec<u8>, choices: Value, usage: Option<Value>) {
        let mut chunk = self.top.clone();
        chunk.insert("choices".into(), choices);
        if self.include_usage {
            chunk.insert("usage".into(), usage.unwrap_or(Value::Null));
        }
        write_data(out, &Value::Object(chunk).to_string());
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
