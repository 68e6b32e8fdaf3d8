//! The content blocks of a stream. A chat stream may let the deltas of several calls alternate; Messages blocks come
//! one after the other. So one block is open at a time, and what belongs to a later one waits until that is closed.

use serde_json::{Value, json};

use super::answer::{call_id, input};
use super::event::{Fault, send};

/// The most bytes of calls and waiting text that one answer may hold.
const MAX_HELD_BYTES: usize = 8 << 20;
/// The most calls that one answer may hold.
const MAX_CALLS: usize = 1_000;

/// The blocks of one answer: its text, then its calls in the order in which they begin.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The index of the open block, or of the next one.
    index: usize,
    text_is_open: bool,
    calls: Vec<Call>,
    /// How many of the calls are closed.
    closed: usize,
    /// Text that came after the first call: its block follows the calls.
    late_text: String,
    held_bytes: usize,
}

/// One call of a tool.
#[derive(Debug, Default)]
struct Call {
    /// The upstream's number for it, where it has one.
    number: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// How many bytes of the arguments the client has.
    sent_bytes: usize,
    is_open: bool,
    extent: Extent,
}

impl Blocks {
    /// Whether a tool is called.
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Takes the next piece of text.
    pub(super) fn text(&mut self, out: &mut Vec<u8>, more: &str) -> Result<(), Fault> {
        if more.is_empty() {
            return Ok(());
        }
        if self.has_calls() {
            self.late_text.push_str(more);
            return self.hold(more);
        }
        self.send_text(out, more);
        Ok(())
    }

    /// Takes the next piece of a call, an item of `tool_calls`.
    pub(super) fn call(&mut self, out: &mut Vec<u8>, message_id: &str, delta: &Value) -> Result<(), Fault> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, function) = (text(&delta["id"]), &delta["function"]);
        let more = text(&function["arguments"]);
        self.hold(&more)?;
        let number = delta["index"].as_u64();
        let at = match self.find(number, &id) {
            Some(at) => at,
            None if self.calls.len() == MAX_CALLS => return Err(Fault::new("The answer calls too many tools.")),
            None => {
                self.calls.push(Call { number, ..Call::default() });
                self.calls.len() - 1
            }
        };
        let is_closed = at < self.closed;
        let Some(call) = self.calls.get_mut(at) else { return Ok(()) };
        if is_closed && !more.trim().is_empty() {
            return Err(Fault::new("The arguments of a call went on after their end."));
        }
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = text(&function["name"]);
        }
        call.extent.take(&more);
        call.arguments.push_str(&more);
        self.go_on(out, message_id)
    }

    /// Closes all blocks. Of an answer that ran into its limit, a call may be cut, as it may be at Anthropic.
    pub(super) fn close(&mut self, out: &mut Vec<u8>, message_id: &str, is_cut: bool) -> Result<(), Fault> {
        while self.closed < self.calls.len() {
            self.send_call(out, message_id)?;
            self.close_call(out, is_cut)?;
        }
        let late_text = std::mem::take(&mut self.late_text);
        if !late_text.is_empty() {
            self.send_text(out, &late_text);
        }
        self.close_text(out);
        Ok(())
    }

    fn hold(&mut self, more: &str) -> Result<(), Fault> {
        self.held_bytes += more.len();
        if self.held_bytes > MAX_HELD_BYTES { Err(Fault::new("The answer is too large.")) } else { Ok(()) }
    }

    /// The call that a delta belongs to. Some upstreams give every call the same number, or none, and another id.
    fn find(&self, number: Option<u64>, id: &str) -> Option<usize> {
        let is_it = |call: &Call| call.number == number && (id.is_empty() || call.id.is_empty() || call.id == id);
        self.calls.iter().rposition(is_it)
    }

    /// Sends what can be sent: more of the open call, and the next ones as soon as it is whole.
    fn go_on(&mut self, out: &mut Vec<u8>, message_id: &str) -> Result<(), Fault> {
        while let Some(call) = self.calls.get(self.closed) {
            if call.name.is_empty() {
                break;
            }
            let is_whole = call.extent.is_whole();
            self.send_call(out, message_id)?;
            if !is_whole || self.closed + 1 == self.calls.len() {
                break;
            }
            self.close_call(out, false)?;
        }
        Ok(())
    }

    fn send_text(&mut self, out: &mut Vec<u8>, text: &str) {
        let index = self.index;
        if !std::mem::replace(&mut self.text_is_open, true) {
            let block = json!({"type": "text", "text": ""});
            send(out, &json!({"type": "content_block_start", "index": index, "content_block": block}));
        }
        let delta = json!({"type": "text_delta", "text": text});
        send(out, &json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }

    fn close_text(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.text_is_open) {
            self.close_block(out);
        }
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        send(out, &json!({"type": "content_block_stop", "index": self.index}));
        self.index += 1;
    }

    /// Sends the first call that is not closed, as far as it has come.
    fn send_call(&mut self, out: &mut Vec<u8>, message_id: &str) -> Result<(), Fault> {
        self.close_text(out);
        let (at, index) = (self.closed, self.index);
        let Some(call) = self.calls.get_mut(at) else { return Ok(()) };
        if call.name.is_empty() {
            return Err(Fault::new("A call names no tool."));
        }
        if !std::mem::replace(&mut call.is_open, true) {
            let id = call_id(&call.id, message_id, at);
            let block = json!({"type": "tool_use", "id": id, "name": call.name, "input": {}});
            send(out, &json!({"type": "content_block_start", "index": index, "content_block": block}));
        }
        let more = call.arguments.get(call.sent_bytes..).unwrap_or_default();
        // White space alone is no JSON, and stands for no arguments where nothing follows.
        if !more.is_empty() && !call.arguments.trim().is_empty() {
            let delta = json!({"type": "input_json_delta", "partial_json": more});
            send(out, &json!({"type": "content_block_delta", "index": index, "delta": delta}));
            call.sent_bytes = call.arguments.len();
        }
        Ok(())
    }

    /// Closes the call that is open.
    fn close_call(&mut self, out: &mut Vec<u8>, is_cut: bool) -> Result<(), Fault> {
        let arguments = self.calls.get_mut(self.closed).map(|call| std::mem::take(&mut call.arguments));
        if !is_cut && input(&arguments.unwrap_or_default()).is_none() {
            return Err(Fault::new("The arguments of a call are not a JSON object."));
        }
        self.close_block(out);
        self.closed += 1;
        Ok(())
    }
}

/// How far a JSON object goes, read as it comes: its end tells that a call is whole before the answer is. It counts
/// brackets outside of strings, no more; whether the text is JSON is asked when the call is closed.
#[derive(Debug, Default)]
struct Extent {
    depth: usize,
    in_string: bool,
    escaped: bool,
    ended: bool,
}

impl Extent {
    fn take(&mut self, more: &str) {
        for byte in more.bytes() {
            match byte {
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.ended |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
