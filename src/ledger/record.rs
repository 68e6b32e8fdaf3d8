//! What is written down of a request when it is over.

use serde::{Deserialize, Serialize};

use super::prices::Money;
use crate::canonical::Usage;

/// What became of a request, without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Answered from an entry with the same bytes.
    HitExact,
    /// Answered from an entry that means the same.
    HitSemantic,
    /// Answered from a stale entry.
    HitStale,
    /// Answered by what another request was asking for.
    Collapsed,
    /// Answered by the upstream after a lookup.
    Miss,
    /// Answered by the upstream without a lookup, on the request's word.
    Refresh,
    /// Answered by the upstream, past the cache.
    Bypass,
    /// Refused by a budget or a rate.
    Refused,
    /// No answer, or an error of the upstream.
    Failed,
}

impl Kind {
    /// Every kind, as it is written.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("hit-exact", Self::HitExact),
        ("hit-semantic", Self::HitSemantic),
        ("hit-stale", Self::HitStale),
        ("collapsed", Self::Collapsed),
        ("miss", Self::Miss),
        ("refresh", Self::Refresh),
        ("bypass", Self::Bypass),
        ("refused", Self::Refused),
        ("failed", Self::Failed),
    ];

    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether the answer came without a call to the upstream.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::HitExact | Self::HitSemantic | Self::HitStale | Self::Collapsed)
    }
}

/// What a request saved, by what saved it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What the stored answer cost when it was made: an entry with the same bytes, fresh or stale.
    pub exact: Money,
    /// The same, an entry that means the same.
    pub semantic: Money,
    /// What the answer cost that was shared with another request.
    pub collapsed: Money,
    /// What the provider's prefix cache made cheaper, less what writing to it cost more; never below nothing.
    pub prefix: Money,
    /// What the frontier model of the route would have cost more.
    pub routing: Money,
}

impl Saved {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Money {
        let Self { exact, semantic, collapsed, prefix, routing } = *self;
        [exact, semantic, collapsed, prefix, routing].into_iter().sum()
    }
}

/// How long things took, in milliseconds; nothing for what was not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// From the request to the end of the answer.
    pub total_ms: f32,
    /// Asking the shard.
    pub lookup_ms: Option<f32>,
    /// Embedding the text.
    pub embed_ms: Option<f32>,
    /// From sending to the upstream's headers.
    pub upstream_ms: Option<f32>,
}

/// What makes a hit by meaning, or a near miss, worth a look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nearness {
    /// The decision's score.
    pub score: f32,
    /// The entry that served, or that the answer was stored as; empty when there is none.
    pub entry: String,
    /// The beginning of what was asked.
    pub asked: String,
}

/// One request, when it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Something random, by which a ledger knows a record that it is told twice.
    pub id: [u8; 16],
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose token it carried; nothing when the caller has a provider's key of its own.
    pub tenant: Option<String>,
    /// The client's labels (`x-nearhit-tags`).
    pub tags: Vec<(String, String)>,
    /// The route's alias, when the client named one.
    pub route: Option<String>,
    /// What answered, or would have: `provider/model`, as prices are found.
    pub model: String,
    /// What became of it.
    pub kind: Kind,
    /// Why, in a word: `numbers`, `no-store`, the status of an error, the name of a budget; may be empty.
    pub reason: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Tokens that the upstream counted for this request; nothing for hits, and where nobody counted.
    pub usage: Option<Usage>,
    /// `usage` was estimated from the bytes.
    pub estimated: bool,
    /// What it cost; nothing when there is no price for the model, or the tokens are not known.
    pub cost: Option<Money>,
    /// What it saved.
    pub saved: Saved,
    /// How long it took.
    pub latency: Latency,
    /// For the list of recent hits by meaning and near misses.
    pub near: Option<Nearness>,
    /// Records that this isolate could not deliver before this one.
    pub lost: u32,
}
