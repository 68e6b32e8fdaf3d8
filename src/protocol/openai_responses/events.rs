//! The stored form as a stream. The SDKs rebuild the answer from its events and refuse one that is out of order, so
//! every item and every part is opened, told in deltas, and closed, as the API itself does it.

use serde_json::{Map, Value, json};

use super::replay::named;
use crate::protocol::Fresh;
use crate::protocol::pieces::pieces;
use crate::protocol::sse::write_event;

/// A kind of part: the field with its text, and the names of the events that tell it.
struct PartKind {
    part_type: &'static str,
    field: &'static str,
    part_event: &'static str,
    text_event: &'static str,
}

const PART_KINDS: [PartKind; 4] = [
    PartKind {
        part_type: "output_text",
        field: "text",
        part_event: "response.content_part",
        text_event: "response.output_text",
    },
    PartKind {
        part_type: "refusal",
        field: "refusal",
        part_event: "response.content_part",
        text_event: "response.refusal",
    },
    PartKind {
        part_type: "reasoning_text",
        field: "text",
        part_event: "response.content_part",
        text_event: "response.reasoning_text",
    },
    PartKind {
        part_type: "summary_text",
        field: "text",
        part_event: "response.reasoning_summary_part",
        text_event: "response.reasoning_summary_text",
    },
];

/// The answer as a stream of `response.*` events. There is no `[DONE]` in this API.
#[must_use]
pub fn stream(response: &Map<String, Value>, fresh: &Fresh) -> Vec<u8> {
    let response = named(response, fresh);
    let nowhere = Map::new();
    let mut events = Events { out: Vec::new(), sequence_number: 0 };
    let begun = json!({"response": begun_response(&response)});
    events.send("response.created", &nowhere, begun.clone());
    events.send("response.in_progress", &nowhere, begun);
    for (output_index, item) in response.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
        events.send_item(output_index, item);
    }
    events.send("response.completed", &nowhere, json!({"response": response}));
    events.out
}

/// The response before its first item.
fn begun_response(response: &Map<String, Value>) -> Map<String, Value> {
    let mut begun = response.clone();
    begun.insert("status".into(), "in_progress".into());
    begun.insert("output".into(), json!([]));
    begun.insert("usage".into(), Value::Null);
    if let Some(completed_at) = begun.get_mut("completed_at") {
        *completed_at = Value::Null;
    }
    begun
}

/// An item or a part before its first delta: what its events will fill is empty.
fn begun(whole: &Value) -> Value {
    let mut begun = whole.clone();
    for (name, value) in begun.as_object_mut().into_iter().flatten() {
        match (name.as_str(), &value) {
            ("status", Value::String(_)) => *value = "in_progress".into(),
            ("content" | "summary" | "annotations" | "logprobs", Value::Array(_)) => *value = json!([]),
            ("arguments" | "input" | "text" | "refusal", Value::String(_)) => *value = "".into(),
            _ => {}
        }
    }
    begun
}

struct Events {
    out: Vec<u8>,
    sequence_number: u64,
}

impl Events {
    /// Sends one event: where in the answer it belongs, and what it says.
    fn send(&mut self, name: &str, place: &Map<String, Value>, says: Value) {
        let mut data = place.clone();
        if let Value::Object(says) = says {
            data.extend(says);
        }
        data.shift_insert(0, "type".into(), name.into());
        data.shift_insert(1, "sequence_number".into(), self.sequence_number.into());
        self.sequence_number += 1;
        write_event(&mut self.out, name, &Value::Object(data).to_string());
    }

    fn send_item(&mut self, output_index: usize, item: &Value) {
        let place = Map::from_iter([("output_index".to_owned(), output_index.into())]);
        self.send("response.output_item.added", &place, json!({"item": begun(item)}));
        let mut within = place.clone();
        within.insert("item_id".into(), item["id"].clone());
        for (list, index) in [("summary", "summary_index"), ("content", "content_index")] {
            for (k, part) in item[list].as_array().into_iter().flatten().enumerate() {
                within.insert(index.into(), k.into());
                self.send_part(&within, part);
            }
            within.remove(index);
        }
        match item["type"].as_str() {
            Some("function_call") => {
                self.send_deltas("response.function_call_arguments.delta", &within, &item["arguments"], None);
                // Older SDKs type the function's name here, newer ones do not read it.
                let whole = json!({"arguments": item["arguments"], "name": item["name"]});
                self.send("response.function_call_arguments.done", &within, whole);
            }
            Some("custom_tool_call") => {
                self.send_deltas("response.custom_tool_call_input.delta", &within, &item["input"], None);
                self.send("response.custom_tool_call_input.done", &within, json!({"input": item["input"]}));
            }
            _ => {}
        }
        self.send("response.output_item.done", &place, json!({"item": item}));
    }

    fn send_part(&mut self, place: &Map<String, Value>, part: &Value) {
        let Some(kind) = PART_KINDS.iter().find(|kind| part["type"] == kind.part_type) else { return };
        let logprobs = (kind.part_type == "output_text")
            .then(|| part.get("logprobs").filter(|logprobs| logprobs.is_array()).cloned().unwrap_or(json!([])));
        self.send(&format!("{}.added", kind.part_event), place, json!({"part": begun(part)}));
        self.send_deltas(&format!("{}.delta", kind.text_event), place, &part[kind.field], logprobs.as_ref());
        for (k, annotation) in part["annotations"].as_array().into_iter().flatten().enumerate() {
            let says = json!({"annotation_index": k, "annotation": annotation});
            self.send("response.output_text.annotation.added", place, says);
        }
        let mut whole = Map::from_iter([(kind.field.to_owned(), part[kind.field].clone())]);
        whole.extend(logprobs.map(|logprobs| ("logprobs".to_owned(), logprobs)));
        self.send(&format!("{}.done", kind.text_event), place, Value::Object(whole));
        self.send(&format!("{}.done", kind.part_event), place, json!({"part": part}));
    }

    /// Sends a text in pieces. The log probabilities all go with the last one, for nobody knows any more which of
    /// them belongs to which piece.
    fn send_deltas(&mut self, name: &str, place: &Map<String, Value>, text: &Value, logprobs: Option<&Value>) {
        let mut left = pieces(text.as_str().unwrap_or_default()).peekable();
        while let Some(piece) = left.next() {
            let mut says = Map::from_iter([("delta".to_owned(), piece.into())]);
            if let Some(logprobs) = logprobs {
                let now = if left.peek().is_none() { logprobs.clone() } else { json!([]) };
                says.insert("logprobs".into(), now);
            }
            self.send(name, place, Value::Object(says));
        }
    }
}
