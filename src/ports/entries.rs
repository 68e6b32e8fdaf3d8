//! What an operator asks a shard about its entries: which there are, what one of them says, and that they go.

use serde::{Deserialize, Serialize};

use super::Store;
use crate::cache::key::{Digest, EntryPrefix};
use crate::semantic::index::Seq;

/// By what an operator finds an entry again: what is known of the request that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The model, as it was asked of the provider.
    pub model: String,
    /// The client's labels (`x-nearhit-tags`).
    pub tags: Vec<(String, String)>,
    /// The request's body, as [`crate::cache::entry::encode_prompt`] makes it; of tenants that have opted in to export alone.
    pub prompt: Option<Vec<u8>>,
}

/// Whether a shard has kept what it was to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// All of it.
    All,
    /// Not all: a purge has taken away meanwhile what was asked for before it.
    Purged,
}

/// A question for a page of entries, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Find {
    /// What their text must hold, whatever the case of its ASCII letters; nothing for all entries, also those without text.
    pub text: Option<String>,
    /// Where to go on: entries before this one.
    pub after: Option<Seq>,
    /// How many at most.
    pub limit: u32,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries, the newest first. There may be none though more follow: a page ends where enough rows were looked at.
    pub entries: Vec<T>,
    /// Where to go on; nothing when that was all.
    pub next: Option<Seq>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), next: None }
    }
}

/// An entry without its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// Its number in the shard: a page after it goes on before this.
    pub seq: Seq,
    /// Its exact key.
    pub exact: Digest,
    /// Its scope.
    pub scope: Digest,
    /// The text that may be found by meaning.
    pub text: Option<String>,
    /// The model; nothing for entries that are older than this field.
    pub model: Option<String>,
    /// The labels of the request that made it.
    pub tags: Vec<(String, String)>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it goes stale, in milliseconds since 1970.
    pub expires_ms: u64,
    /// How often it has served.
    pub hits: u64,
    /// Tokens that one replay of it saves.
    pub tokens: u64,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// An entry with all that is stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryWhole {
    /// The rest of it.
    pub row: EntryRow,
    /// The stored answer; see [`crate::cache::entry`].
    pub stored: Vec<u8>,
    /// As in [`Labels`].
    pub prompt: Option<Vec<u8>>,
}

/// Which entries; all that is named must match, and without anything all entries do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The first bytes of the exact key, as an entry's id holds them.
    pub entry: Option<EntryPrefix>,
    /// A label, by name and value.
    pub tag: Option<(String, String)>,
    /// The scope.
    pub scope: Option<Digest>,
    /// The model, as it was asked of the provider.
    pub model: Option<String>,
}

impl Filter {
    /// One entry.
    #[must_use]
    pub fn one(entry: EntryPrefix) -> Self {
        Self { entry: Some(entry), ..Self::default() }
    }

    /// Whether it names nothing, and so is for all that a shard holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is for this entry.
    #[must_use]
    pub fn matches(&self, new: &Store) -> bool {
        let Self { entry, tag, scope, model } = self;
        entry.is_none_or(|entry| new.exact.0.starts_with(&entry))
            && tag.as_ref().is_none_or(|tag| new.labels.tags.contains(tag))
            && scope.is_none_or(|scope| new.scope == scope)
            && model.as_ref().is_none_or(|model| new.labels.model == *model)
    }
}

/// An order to remove entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Which.
    pub filter: Filter,
    /// They are only counted.
    pub dry_run: bool,
}

/// What came of a [`Purge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Entries that matched.
    pub matched: u64,
    /// Entries that were removed.
    pub purged: u64,
}

/// A page of entries that can be exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Where to go on: entries before this one.
    pub after: Option<Seq>,
    /// How many at most.
    pub limit: u32,
}
