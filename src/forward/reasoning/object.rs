//! An object of a body whose fields were read once.

use crate::forward::body::{Edits, Json};

/// An object and its fields. Where a name stands twice the last one counts, as it does to the parsers of the upstreams.
pub(super) struct Object<'a> {
    whole: Json<'a>,
    fields: Vec<(String, Json<'a>)>,
}

impl<'a> Object<'a> {
    /// Nothing when it is no object.
    pub(super) fn of(whole: Json<'a>) -> Option<Self> {
        Some(Self { whole, fields: whole.fields()? })
    }

    /// The object as it is written.
    pub(super) fn whole(&self) -> Json<'a> {
        self.whole
    }

    fn last(&self, name: &str) -> Option<Json<'a>> {
        self.fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// One of its fields; `null` is as good as absent.
    pub(super) fn get(&self, name: &str) -> Option<Json<'a>> {
        self.last(name).filter(|value| value.raw() != "null")
    }

    /// One of its fields that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::of)
    }

    /// Sets a field that is absent or `null`.
    pub(super) fn put(&self, name: &str, value: &str, edits: &mut Edits) {
        match self.last(name) {
            Some(old) => edits.set(old, value),
            None => edits.add_field(self.whole, name, value),
        }
    }
}

/// A number of tokens; one that is too large to be told is endless. Nothing when it is negative or no number.
pub(super) fn amount(value: Json<'_>) -> Option<u64> {
    let is_endless = value.raw().starts_with(|first: char| first.is_ascii_digit());
    value.whole().or(is_endless.then_some(u64::MAX))
}

/// A number as a header can show it.
pub(super) fn shown(value: Json<'_>) -> String {
    amount(value).map_or_else(|| value.raw().to_owned(), |tokens| tokens.to_string())
}
