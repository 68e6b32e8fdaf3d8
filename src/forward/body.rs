//! A JSON body as its client wrote it, and changes to it that leave every other byte alone: a provider's prefix cache
//! compares bytes, so a body that was parsed and written anew would have another key order or another spelling of its
//! numbers, and miss.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One value in a JSON text, with the bytes that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a> {
    raw: &'a str,
    start: usize,
}

impl<'a> Json<'a> {
    /// A whole body; nothing when it is not one JSON value.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Some(Self { raw: raw.get(), start: offset(text, raw.get()) })
    }

    /// The bytes that it is written in.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// Where it stands in the body, in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    fn child(self, raw: &'a RawValue) -> Self {
        Self { raw: raw.get(), start: self.start + offset(self.raw, raw.get()) }
    }

    /// Its fields, in the order in which they are written; nothing when it is no object.
    #[must_use]
    pub fn fields(self) -> Option<Vec<(String, Self)>> {
        let mut reader = serde_json::Deserializer::from_str(self.raw);
        let fields = reader.deserialize_map(InOrder).ok()?;
        Some(fields.into_iter().map(|(name, raw)| (name, self.child(raw))).collect())
    }

    /// Its items; nothing when it is no array.
    #[must_use]
    pub fn items(self) -> Option<Vec<Self>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.raw).ok()?;
        Some(items.into_iter().map(|raw| self.child(raw)).collect())
    }

    /// One of its fields. One that is `null` is as good as absent to every API.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        find(&self.fields()?, name)
    }

    /// The text of a string.
    #[must_use]
    pub fn text(self) -> Option<String> {
        serde_json::from_str(self.raw).ok()
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_text(self) -> bool {
        self.raw.starts_with('"')
    }

    /// Whether it is this very string, written without escapes.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        self.raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) == Some(text)
    }

    /// A number that is not negative, as whole as it is.
    #[must_use]
    pub fn whole(self) -> Option<u64> {
        let number: serde_json::Number = serde_json::from_str(self.raw).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
        let rounded = |value: f64| (0.0..1e15).contains(&value).then_some(value as u64);
        number.as_u64().or_else(|| number.as_f64().and_then(rounded))
    }
}

/// One of some fields, as [`Json::get`] finds it; for those who look for several.
#[must_use]
pub fn find<'a>(fields: &[(String, Json<'a>)], name: &str) -> Option<Json<'a>> {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| *value).filter(|value| value.raw != "null")
}

/// Where a part of a text begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

/// Changes to a body, to be made all at once. They may not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts some bytes in the place of others.
    pub fn replace(&mut self, span: Range<usize>, new: impl Into<String>) {
        self.0.push((span, new.into()));
    }

    /// Puts JSON in the place of a value.
    pub fn set(&mut self, value: Json<'_>, new: impl Into<String>) {
        self.replace(value.span(), new);
    }

    /// Adds a field at the end of an object.
    pub fn add_field(&mut self, object: Json<'_>, name: &str, value: &str) {
        self.add_last(object, &format!("\"{name}\":{value}"));
    }

    /// Adds an item at the end of an array, or a written field at the end of an object.
    pub fn add_last(&mut self, container: Json<'_>, written: &str) {
        let end = container.span().end - 1;
        let inner = container.raw.get(1..container.raw.len() - 1).unwrap_or_default();
        // Several additions to one container stand behind one another, in the order in which they were made.
        let filled = !inner.trim().is_empty() || self.0.iter().any(|(span, _)| *span == (end..end));
        self.replace(end..end, if filled { format!(",{written}") } else { written.to_owned() });
    }

    /// Sets a field of an object, whether it is there or not.
    pub fn set_field(&mut self, object: Json<'_>, name: &str, value: &str) {
        let known = object.fields().unwrap_or_default().into_iter().find(|(known, _)| known == name);
        match known {
            Some((_, old)) => self.set(old, value),
            None => self.add_field(object, name, value),
        }
    }

    /// The body with all changes made.
    #[must_use]
    pub fn apply(mut self, body: &[u8]) -> Vec<u8> {
        // Stable, so that additions at one place keep their order.
        self.0.sort_by_key(|(span, _)| span.start);
        let mut made = Vec::with_capacity(body.len() + self.0.iter().map(|(_, new)| new.len()).sum::<usize>());
        let mut at = 0;
        for (span, new) in self.0 {
            made.extend_from_slice(body.get(at..span.start).unwrap_or_default());
            made.extend_from_slice(new.as_bytes());
            at = span.end;
        }
        made.extend_from_slice(body.get(at..).unwrap_or_default());
        made
    }
}

/// A text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
