//! Values by label, where labels come from clients: no label is long, and there are never too many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bytes of a label at most; the rest of a longer one is cut off.
pub const MAX_LABEL_BYTES: usize = 128;

/// The label of everything that has no room of its own.
pub const OTHER: &str = "other";

/// Values by label. The label [`OTHER`] always has room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels<T>(BTreeMap<String, T>);

impl<T> Default for Labels<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Labels<T> {
    /// The value of a label. A long label is cut as when it was put here.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<&T> {
        self.0.get(cut(label))
    }

    /// All labels with their values, in the order of the labels.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(label, value)| (label.as_str(), value))
    }

    /// How many labels there are besides [`OTHER`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() - usize::from(self.0.contains_key(OTHER))
    }

    /// Whether there is no label besides [`OTHER`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a label's value belongs: the label itself when it is here already or `has_room`, else [`OTHER`]; and
    /// whether it overflowed.
    pub(super) fn place<'a>(&self, label: &'a str, has_room: bool) -> (&'a str, bool) {
        let label = cut(label);
        let fits = has_room || label == OTHER || self.0.contains_key(label);
        if fits { (label, false) } else { (OTHER, true) }
    }

    /// The value of a label that [`Self::place`] gave, made when it is not here.
    pub(super) fn at(&mut self, label: &str) -> &mut T
    where
        T: Default,
    {
        self.0.entry(label.to_owned()).or_default()
    }

    /// Both steps at once: the value to add to, and whether the label overflowed.
    pub(super) fn seat(&mut self, label: &str, has_room: bool) -> (&mut T, bool)
    where
        T: Default,
    {
        let (label, overflowed) = self.place(label, has_room);
        (self.at(label), overflowed)
    }
}

/// The beginning of a label that fits, cut between two characters.
#[must_use]
pub fn cut(label: &str) -> &str {
    label.get(..label.floor_char_boundary(MAX_LABEL_BYTES)).unwrap_or_default()
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
