//! An upstream's stream, recorded as it passes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::finish;
use crate::canonical::NotKept;
use crate::protocol::sse::{Event, Intake};

/// Listens to a stream of `response.*` events. The terminal one holds the whole answer, so the deltas before it are
/// not read; only the finished items are, for the servers that end with an empty `output`.
#[derive(Debug)]
pub struct Recorder {
    intake: Intake,
    items: BTreeMap<u64, Value>,
    response: Map<String, Value>,
    fault: Option<NotKept>,
    done: bool,
}

impl Recorder {
    /// A recorder for answers of at most `limit_bytes` on the wire.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            intake: Intake::new(limit_bytes),
            items: BTreeMap::new(),
            response: Map::new(),
            fault: None,
            done: false,
        }
    }

    /// Listens to the next bytes. True once the terminal event has gone by: `response.completed`,
    /// `response.incomplete`, `response.failed` or `error`.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.fault.is_none() {
            match self.intake.feed(bytes) {
                Ok(events) => events.iter().for_each(|event| self.take(event)),
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
        let mut response = self.response;
        if response.get("output").is_none_or(|output| output.is_null() || output.as_array().is_some_and(Vec::is_empty))
        {
            response.insert("output".into(), self.items.into_values().collect());
        }
        finish(response)
    }

    /// The first fault is the cause of those after it.
    fn fail(&mut self, fault: NotKept) {
        self.fault.get_or_insert(fault);
    }

    fn take(&mut self, event: &Event) {
        // This API has no `[DONE]`, but some servers of it send one.
        if event.data == "[DONE]" {
            return;
        }
        if self.done {
            return self.fail(NotKept::Unreadable);
        }
        let data = serde_json::from_str(&event.data).ok();
        let Some(Value::Object(mut data)) = data else {
            self.done = event.name == "error";
            return self.fail(if self.done { NotKept::UpstreamError } else { NotKept::Unreadable });
        };
        let kind = data.get("type").and_then(Value::as_str).unwrap_or(&event.name).to_owned();
        let has_error = data.get("error").is_some_and(|error| !error.is_null());
        match kind.as_str() {
            "response.completed" | "response.incomplete" => {
                self.done = true;
                match data.remove("response") {
                    Some(Value::Object(response)) => self.response = response,
                    _ => self.fail(NotKept::Unreadable),
                }
            }
            "response.output_item.done" => {
                if let (Some(index), Some(item)) =
                    (data.get("output_index").and_then(Value::as_u64), data.remove("item"))
                {
                    self.items.insert(index, item);
                }
            }
            kind if has_error || matches!(kind, "response.failed" | "error") => {
                self.done = true;
                self.fail(NotKept::UpstreamError);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
