//! The stored form under the names that it leaves with. Unless the provider keeps the exchange, what names it (its
//! id, its times, the ids of items and calls) is made anew, so that two answers are never taken for one.

use serde_json::{Map, Value};

use crate::protocol::Fresh;

/// The answer as one `response` object.
#[must_use]
pub fn body(response: &Map<String, Value>, fresh: &Fresh) -> Vec<u8> {
    Value::Object(named(response, fresh)).to_string().into_bytes()
}

/// The response as a replay sends it.
pub(super) fn named(response: &Map<String, Value>, fresh: &Fresh) -> Map<String, Value> {
    let mut response = response.clone();
    name(&mut response, "id", fresh.same_ids, format!("resp_{}", fresh.id));
    if !fresh.same_ids || !response.contains_key("created_at") {
        response.insert("created_at".into(), fresh.created_secs.into());
    }
    if let Some(completed_at) = response.get_mut("completed_at")
        && !completed_at.is_null()
        && !fresh.same_ids
    {
        *completed_at = fresh.created_secs.into();
    }
    response.extend(fresh.echoes.clone());
    if let Some(Value::Array(output)) = response.get_mut("output") {
        for (k, item) in output.iter_mut().enumerate() {
            if let Value::Object(item) = item {
                name_item(item, k, fresh);
            }
        }
    }
    response
}

fn name_item(item: &mut Map<String, Value>, k: usize, fresh: &Fresh) {
    let prefix = match item.get("type").and_then(Value::as_str) {
        Some("message") => "msg",
        Some("reasoning") => "rs",
        Some("function_call") => "fc",
        Some("custom_tool_call") => "ctc",
        _ => "item",
    };
    // The provider wants encrypted reasoning back as it gave it, and its name may be a part of what it checks.
    let is_sealed = prefix == "rs" && item.get("encrypted_content").is_some_and(|sealed| !sealed.is_null());
    name(item, "id", fresh.same_ids || is_sealed, format!("{prefix}_{}{k:03}", fresh.id));
    if item.contains_key("call_id") {
        name(item, "call_id", fresh.same_ids, format!("call_{}{k:03}", fresh.id));
    }
}

/// Sets an id. One that is missing is made even where ids stay: SDKs refuse a stream whose items have none.
fn name(fields: &mut Map<String, Value>, field: &str, stays: bool, made: String) {
    let has_one = fields.get(field).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    if !stays || !has_one {
        fields.insert(field.into(), made.into());
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
