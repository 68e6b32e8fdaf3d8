//! The events of a Messages stream.

use serde_json::{Value, json};

use crate::protocol::sse::write_event;

/// Why a stream cannot go on: the `error` event that ends it.
pub(super) struct Fault(pub(super) Value);

impl Fault {
    /// A fault of the upstream's, in one sentence.
    pub(super) fn new(message: &'static str) -> Self {
        Self(json!({"type": "error", "error": {"type": "api_error", "message": message}}))
    }
}

/// Writes one event, named twice: SDKs pass over an event without a name, and read the type in its data.
pub(super) fn send(out: &mut Vec<u8>, event: &Value) {
    write_event(out, event["type"].as_str().unwrap_or_default(), &event.to_string());
}
