//! What a shard is told about prompt prefixes, and what it says of them. The texts travel only when one is new: a first
//! question carries their digest alone, and a second one the texts, if the shard wants to be told.

use serde::{Deserialize, Serialize};

use crate::cache::key::Digest;
use crate::forward::prefix::changes::{self, Break, PartText};

/// One request's prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixSeen {
    /// What kind of request it is; see [`changes::family`].
    pub family: Digest,
    /// What stands for its tools and system prompt: [`changes::digest`] of them, and no other digest, for the shard
    /// compares it with those of what it remembers.
    pub digest: Digest,
    /// The texts; nothing in the first question.
    pub parts: Option<Vec<PartText>>,
    /// Whether the prefix may be remembered. A request with a key that no provider has accepted must leave nothing
    /// behind: the shard then compares, and neither writes nor counts the break.
    pub keep: bool,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
}

impl PrefixSeen {
    /// The first question about a prefix, without its texts.
    #[must_use]
    pub fn of(family: Digest, parts: &[PartText], keep: bool, now_ms: u64) -> Self {
        Self { family, digest: changes::digest(parts), parts: None, keep, now_ms }
    }

    /// The second question, after [`PrefixKnown::Tell`]: with as much of the texts as is compared.
    #[must_use]
    pub fn telling(&self, parts: &[PartText]) -> Self {
        Self { parts: Some(parts.iter().map(changes::cut).collect()), ..self.clone() }
    }
}

/// What a shard knows of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrefixKnown {
    /// It is one of those that were used last.
    Same,
    /// It is new: ask again with the texts.
    Tell,
    /// The texts were compared. Where they differ from the prefix that they must have come from, if they do.
    Noted(Option<Break>),
}

/// The answer to a [`PrefixSeen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixAnswer {
    /// What is known of the prefix.
    pub known: PrefixKnown,
    /// Requests of this kind with this prefix in the last minute, as far as the shard has been awake; an estimate from the
    /// counts of this minute and the one before, with this request in it. Each is counted at its first question.
    pub requests_a_minute: u32,
}
