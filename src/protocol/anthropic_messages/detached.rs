//! The stored form without what binds it to its conversation.

use serde_json::{Map, Value};

/// See [`crate::protocol::detached`].
pub fn detached(message: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut free = message.clone();
    let blocks = free.get_mut("content")?.as_array_mut()?;
    let before = blocks.len();
    blocks.retain(|block| !matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking")));
    let has_thought = blocks.len() < before;
    let calls_tool = blocks.iter().any(|block| block["type"] == "tool_use");
    // The signature of a thought covers its conversation, and the provider wants the thought back with the tool's
    // result. A kind that nobody here knows may be bound too, as a compaction's summary is.
    let may_be_bound = blocks.iter().any(|block| !matches!(block["type"].as_str(), Some("text" | "tool_use")));
    if blocks.is_empty() || may_be_bound || (has_thought && calls_tool) {
        return None;
    }
    Some(free)
}
