//! What a shard is told about hits by meaning after they were decided, and what it tells of them.

use serde::{Deserialize, Serialize};

use crate::cache::key::{Digest, EntryPrefix, Hasher};
use crate::semantic::answers::Likeness;
use crate::semantic::record::{Occasion, ScopeRecord};
use crate::semantic::risk::Outcome;

/// A text that was asked and an entry that served it, or might have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The scope of both.
    pub scope: Digest,
    /// The exact key of what was asked.
    pub query: Digest,
    /// The exact key of the entry.
    pub entry: Digest,
    /// The decision's score.
    pub score: f32,
    /// Whether the texts say the same in another wrapping, so that the verifier was not asked.
    pub sure: bool,
}

impl Pair {
    /// What stands for the two texts, whichever was asked first.
    #[must_use]
    pub fn id(query: &Digest, entry: &Digest) -> Digest {
        let (first, second) = if query <= entry { (query, entry) } else { (entry, query) };
        let mut hash = Hasher::new(b"nearhit pair 1");
        hash.part(&first.0);
        hash.part(&second.0);
        hash.finish()
    }
}

/// Something to remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// An entry served by meaning.
    Served(Pair),
    /// The upstream was asked all the same, and the answers were compared.
    Compared(Pair, Occasion, Likeness),
    /// A request in shadow mode was not answered from its own entry.
    Shadow {
        /// Its scope.
        scope: Digest,
        /// The nearest neighbour, if there was one.
        sighting: Option<Sighting>,
    },
    /// The upstream refused the caller's key.
    Rejected,
}

/// What shadow mode saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The exact key of what was asked.
    pub query: Digest,
    /// The exact key of the neighbour.
    pub entry: Digest,
    /// The decision's score, or the similarity where a gate before the verifier refused.
    pub score: f32,
    /// `would-hit`, or why it would not have served, with what differs.
    pub reason: String,
    /// Whether the two answers agreed, where they were compared.
    pub likeness: Option<Likeness>,
    /// When, in milliseconds since 1970; the shard's own clock.
    pub at_ms: u64,
    /// What was asked and what the neighbour answers, where the shard still holds them; filled in by the shard.
    pub texts: Option<(String, String)>,
}

/// Somebody's word on an entry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The first bytes of the entry's exact key, as its id holds them.
    pub entry: EntryPrefix,
    /// What was said.
    pub good: bool,
    /// The share of hits that are audited; see `Evidence::note_word`.
    pub audit_share: f32,
}

impl Feedback {
    /// The same for the evidence.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.good { Outcome::Good } else { Outcome::Bad }
    }
}

/// What came of feedback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedbackDone {
    /// Whether the shard knows the entry at all.
    pub known: bool,
    /// Whether the entry was removed.
    pub evicted: bool,
    /// Pairs of texts that were served from the entry; after `bad` they never serve again.
    pub pairs: u32,
    /// The scope's record now.
    pub record: Option<(Digest, ScopeRecord)>,
}

/// What a shard tells of its scopes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardReport {
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Pairs that never serve again.
    pub negatives: u64,
    /// All that was ever counted.
    pub total: ScopeRecord,
    /// The scopes that were judged or used last, the busiest first; not all of them.
    pub scopes: Vec<(Digest, ScopeRecord)>,
    /// What shadow mode saw last, the newest first.
    pub sightings: Vec<Sighting>,
    /// Prefixes that were found broken, by the part in which they differed first, in the order of
    /// [`crate::forward::prefix::changes::Part::ALL`].
    pub prefix_breaks: [u64; 2],
    /// Leaders at work now.
    pub leases: u64,
    /// Requests that wait for them, or read their streams.
    pub followers: u64,
}
