//! An upstream's stream, recorded as it passes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::{OF_ONE_EXCHANGE, finish};
use crate::canonical::{ChatCompletion, Choice, NotKept};
use crate::protocol::sse::{Event, Intake};

/// Listens to a stream of `chat.completion.chunk` events and builds the answer that they make.
#[derive(Debug)]
pub struct Recorder {
    intake: Intake,
    top: Map<String, Value>,
    choices: BTreeMap<u64, Partial>,
    fault: Option<NotKept>,
    done: bool,
}

#[derive(Debug, Default)]
struct Partial {
    message: Map<String, Value>,
    finish_reason: Option<String>,
    logprobs: Map<String, Value>,
    extra: Map<String, Value>,
}

impl Recorder {
    /// A recorder for answers of at most `limit_bytes` on the wire.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { intake: Intake::new(limit_bytes), top: Map::new(), choices: BTreeMap::new(), fault: None, done: false }
    }

    /// Listens to the next bytes. True once the terminal event (`[DONE]`) has gone by.
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
    pub fn finish(self) -> Result<ChatCompletion, NotKept> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.done {
            return Err(NotKept::CutStream);
        }
        let mut choices = self
            .choices
            .into_iter()
            .map(|(index, partial)| {
                Some(Choice {
                    index,
                    message: partial.message,
                    finish_reason: partial.finish_reason?,
                    logprobs: (!partial.logprobs.is_empty()).then_some(Value::Object(partial.logprobs)),
                    extra: partial.extra,
                })
            })
            .collect::<Option<Vec<Choice>>>()
            .ok_or(NotKept::CutStream)?;
        for choice in &mut choices {
            drop_call_indices(&mut choice.message);
        }
        finish(self.top, choices)
    }

    fn take(&mut self, event: &Event) {
        if event.data == "[DONE]" {
            self.done = true;
            return;
        }
        if self.done || event.name == "error" {
            self.fault = Some(NotKept::Unreadable);
            return;
        }
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(&event.data) else {
            self.fault = Some(NotKept::Unreadable);
            return;
        };
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            self.fault = Some(NotKept::UpstreamError);
            return;
        }
        if let Some(Value::Array(choices)) = chunk.remove("choices") {
            for choice in choices {
                self.take_choice(choice);
            }
        }
        for (name, value) in chunk {
            if !value.is_null() && !OF_ONE_EXCHANGE.contains(&name.as_str()) {
                self.top.insert(name, value);
            }
        }
    }

    fn take_choice(&mut self, choice: Value) {
        let Value::Object(mut fields) = choice else {
            self.fault = Some(NotKept::Unreadable);
            return;
        };
        let index = fields.remove("index").and_then(|index| index.as_u64()).unwrap_or(0);
        let partial = self.choices.entry(index).or_default();
        let mut clash = false;
        if let Some(Value::Object(delta)) = fields.remove("delta") {
            clash |= merge(&mut partial.message, delta).is_err();
        }
        if let Some(Value::Object(logprobs)) = fields.remove("logprobs") {
            clash |= merge(&mut partial.logprobs, logprobs).is_err();
        }
        if let Some(Value::String(reason)) = fields.remove("finish_reason") {
            // A turn has one end.
            clash |= partial.finish_reason.as_ref().is_some_and(|known| *known != reason);
            partial.finish_reason = Some(reason);
        }
        fields.retain(|_, value| !value.is_null());
        partial.extra.extend(fields);
        if clash {
            self.fault = Some(NotKept::Unreadable);
        }
    }
}

/// Texts that name a thing and come whole: they do not grow.
const NAMES: [&str; 6] = ["role", "id", "type", "name", "format", "signature"];

/// Two deltas that cannot belong to one thing, such as two tool calls under one index.
struct Clash;

/// Adds a delta as the official SDKs do: text grows, lists grow (by `index` where their items carry one), objects
/// merge. A name that changes on the way is a [`Clash`]: some providers reuse an index for another call.
fn merge(into: &mut Map<String, Value>, delta: Map<String, Value>) -> Result<(), Clash> {
    for (name, value) in delta {
        match into.get_mut(&name) {
            Some(known) => merge_value(&name, known, value)?,
            None => {
                let value = match value {
                    Value::Array(items) => {
                        let mut list = Vec::new();
                        merge_list(&mut list, items)?;
                        Value::Array(list)
                    }
                    other => other,
                };
                into.insert(name, value);
            }
        }
    }
    Ok(())
}

fn merge_value(name: &str, known: &mut Value, delta: Value) -> Result<(), Clash> {
    match (known, delta) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) if NAMES.contains(&name) => {
            if !text.is_empty() && !more.is_empty() && *text != more {
                return Err(Clash);
            }
            if text.is_empty() {
                *text = more;
            }
        }
        (Value::String(text), Value::String(more)) => text.push_str(&more),
        (Value::Array(list), Value::Array(items)) => merge_list(list, items)?,
        (Value::Object(object), Value::Object(fields)) => merge(object, fields)?,
        // Part of what was said before would be lost.
        (Value::String(text), _) if !text.is_empty() => return Err(Clash),
        (Value::Array(_) | Value::Object(_), _) => return Err(Clash),
        (known, value) => *known = value,
    }
    Ok(())
}

fn merge_list(list: &mut Vec<Value>, items: Vec<Value>) -> Result<(), Clash> {
    for item in items {
        let index = item.get("index").and_then(Value::as_u64);
        let known = index.and_then(|index| list.iter_mut().find(|known| known["index"].as_u64() == Some(index)));
        match (known, item) {
            (Some(Value::Object(known)), Value::Object(fields)) => {
                let fields = fields.into_iter().filter(|(name, _)| name != "index").collect();
                merge(known, fields)?;
            }
            (_, item) => list.push(item),
        }
    }
    Ok(())
}

/// A stream numbers its tool calls; a body does not.
fn drop_call_indices(message: &mut Map<String, Value>) {
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        calls.sort_by_key(|call| call["index"].as_u64());
        for call in calls {
            if let Value::Object(call) = call {
                call.remove("index");
            }
        }
    }
}
