//! A chat stream as a Messages stream, chunk by chunk.

use serde_json::{Map, Value, json};

use super::answer::{begun, message_id, stop_reason, text_of, usage};
use super::blocks::Blocks;
use super::event::{Fault, send};
use super::failure::error;
use crate::protocol::sse::{Event, Parser};

/// The most bytes of one chunk.
const MAX_CHUNK_BYTES: usize = 8 << 20;

/// Turns the `chat.completion.chunk` events of one answer into the events of a `message`, as they come.
///
/// `message_delta` says why the model stopped and what was used, so it waits for the usage chunk or `[DONE]`. An answer
/// that cannot be carried on (an error of the upstream's, arguments that are not JSON, a reason for its end that nobody
/// here knows, or none) ends with an `error` event and has no `message_stop`: a client never takes a part for the
/// whole. Thoughts are left out, as in [`super::answer()`].
#[derive(Debug)]
pub struct Stream {
    parser: Parser,
    id: String,
    model: Value,
    usage: Value,
    blocks: Blocks,
    finish_reason: Option<String>,
    refuses: bool,
    started: bool,
    ended: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// A stream of which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            parser: Parser::new(MAX_CHUNK_BYTES),
            id: message_id(&Value::Null),
            model: Value::Null,
            usage: Value::Null,
            blocks: Blocks::default(),
            finish_reason: None,
            refuses: false,
            started: false,
            ended: false,
        }
    }

    /// Takes the next bytes, cut anywhere, and returns the bytes of the events that they make.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        for event in self.parser.feed(bytes) {
            let taken = self.take(&mut out, &event);
            self.settle(&mut out, taken);
        }
        if self.parser.overflowed() {
            self.settle(&mut out, Err(Fault::new("The answer is too large.")));
        }
        out
    }

    /// The upstream has closed the stream. Returns what is still to be said: the end of an answer whose reason to stop
    /// has come and whose `[DONE]` has not, or the `error` event of one that was cut.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.ended {
            let ended = self.end(&mut out);
            self.settle(&mut out, ended);
        }
        out
    }

    /// Ends the stream when it cannot go on.
    fn settle(&mut self, out: &mut Vec<u8>, outcome: Result<(), Fault>) {
        if let Err(Fault(event)) = outcome
            && !std::mem::replace(&mut self.ended, true)
        {
            send(out, &event);
        }
    }

    fn take(&mut self, out: &mut Vec<u8>, event: &Event) -> Result<(), Fault> {
        match event.data.trim() {
            _ if self.ended => return Ok(()),
            "[DONE]" => return self.end(out),
            // Some upstreams keep the line open with these.
            "" => return Ok(()),
            _ => {}
        }
        let chunk = serde_json::from_str::<Value>(&event.data).unwrap_or_default();
        if event.name == "error" || !chunk["error"].is_null() {
            return Err(Fault(error(&chunk, status(&chunk))));
        }
        let Value::Object(chunk) = chunk else { return Err(Fault::new("A chunk of the answer cannot be read.")) };
        self.chunk(out, &chunk)
    }

    fn chunk(&mut self, out: &mut Vec<u8>, chunk: &Map<String, Value>) -> Result<(), Fault> {
        let given = |name: &str| chunk.get(name).filter(|value| !value.is_null());
        let counted = given("usage").filter(|usage| usage.is_object());
        if let Some(counted) = counted {
            self.usage = counted.clone();
        }
        let choices = given("choices").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // Azure's first chunk judges the prompt: it has no choices, and names neither answer nor model.
        if !choices.is_empty() && !std::mem::replace(&mut self.started, true) {
            self.id = message_id(given("id").unwrap_or(&Value::Null));
            self.model = given("model").cloned().unwrap_or_default();
            let message = begun(&self.id, &self.model, &self.usage);
            send(out, &json!({"type": "message_start", "message": message}));
        }
        for choice in choices {
            self.choice(out, choice)?;
        }
        // Some upstreams count in every chunk: only what is said along with the end or after it is the whole.
        if counted.is_some() && self.finish_reason.is_some() { self.end(out) } else { Ok(()) }
    }

    fn choice(&mut self, out: &mut Vec<u8>, choice: &Value) -> Result<(), Fault> {
        let delta = &choice["delta"];
        if choice["index"].as_u64().unwrap_or(0) != 0 || !delta["function_call"].is_null() {
            return Err(Fault::new("The answer has a choice or a call that was not asked for."));
        }
        let text = |value: &Value| text_of(value).ok_or(Fault::new("The answer has content that is not text."));
        let refusal = text(&delta["refusal"])?;
        self.refuses |= !refusal.is_empty();
        self.blocks.text(out, &text(&delta["content"])?)?;
        self.blocks.text(out, &refusal)?;
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.blocks.call(out, &self.id, call)?;
        }
        if let (None, Some(reason)) = (&self.finish_reason, choice["finish_reason"].as_str()) {
            self.finish_reason = Some(reason.to_owned());
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(reason) = &self.finish_reason else {
            return Err(Fault::new("The answer was cut before its end."));
        };
        let Some(stop_reason) = stop_reason(reason, self.refuses, self.blocks.has_calls()) else {
            return Err(Fault::new("The answer ended for an unknown reason."));
        };
        self.blocks.close(out, &self.id, stop_reason == "max_tokens")?;
        self.ended = true;
        let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
        send(out, &json!({"type": "message_delta", "delta": delta, "usage": usage(&self.usage)}));
        send(out, &json!({"type": "message_stop"}));
        Ok(())
    }
}

/// The status of an error that came after the stream's own status of 200: routers say it in `code`.
fn status(chunk: &Value) -> u16 {
    [&chunk["error"]["code"], &chunk["error"]["status"], &chunk["code"]]
        .into_iter()
        .filter_map(Value::as_u64)
        .find_map(|code| u16::try_from(code).ok().filter(|code| (400..600).contains(code)))
        .unwrap_or(500)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
