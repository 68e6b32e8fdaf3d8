//! The last hits by meaning and near misses, for `GET /admin/v1/events`.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::labels::cut;
use super::stored::Stored;
use super::{OWN, six_digits};
use crate::ledger::prices::Money;
use crate::ledger::record::{Kind, RequestRecord};
use crate::ports::ShardPlace;

/// Events that a ledger keeps, the last ones.
pub const MAX_EVENTS: usize = 200;

/// Characters of what was asked that an event keeps.
const MAX_ASKED_CHARS: usize = 300;

/// Tags that an event keeps.
const MAX_TAGS: usize = 16;

/// What the reason of a near miss begins with where decisions are listed; in a list of near misses it says nothing.
const NEAR_MISS: &str = "near-miss:";

/// Which events are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Hits by meaning.
    Hit,
    /// Misses with a neighbour that was not near enough.
    NearMiss,
}

impl EventKind {
    /// The kind of that name, as the admin API writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "hit" => Some(Self::Hit),
            "near-miss" => Some(Self::NearMiss),
            _ => None,
        }
    }
}

/// A hit by meaning, or a near miss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the request came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose request it was; nothing when the caller has a provider's key of its own.
    pub tenant: Option<String>,
    /// Which of the two it is.
    pub kind: EventKind,
    /// Why, in a word.
    pub reason: String,
    /// The decision's score.
    pub score: f32,
    /// The entry that served, or that the new answer was kept as; nothing when it was not kept.
    pub entry: Option<String>,
    /// The beginning of what was asked.
    pub asked: String,
    /// `provider/model`.
    pub model: String,
    /// The client's labels.
    pub tags: Vec<(String, String)>,
    /// What it cost; nothing when that is not known.
    pub cost: Option<Money>,
    /// What it saved.
    pub saved: Money,
}

/// Of which events the texts are to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forget {
    /// All of them.
    All,
    /// Those that name this entry.
    Entry(String),
    /// Those that name an entry of one of these shards.
    Places(Vec<ShardPlace>),
}

impl Forget {
    /// Whether an event is meant.
    #[must_use]
    pub fn means(&self, event: &Event) -> bool {
        let Some(entry) = &event.entry else { return *self == Self::All };
        match self {
            Self::All => true,
            Self::Entry(id) => id == entry,
            Self::Places(places) => ShardPlace::of_entry(entry).is_some_and(|(place, _)| places.contains(&place)),
        }
    }
}

impl Stored for Event {
    const VERSION: u8 = 1;
}

impl Event {
    /// What the list shows of a request: nothing unless it was a hit by meaning or a miss with a neighbour.
    #[must_use]
    pub fn of(record: &RequestRecord) -> Option<Self> {
        let near = record.near.as_ref();
        let kind = match record.kind {
            Kind::HitSemantic => EventKind::Hit,
            Kind::Miss if near.is_some() => EventKind::NearMiss,
            _ => return None,
        };
        let near = near.cloned().unwrap_or_default();
        let reason = record.reason.strip_prefix(NEAR_MISS).unwrap_or(&record.reason);
        let tags = record.tags.iter().take(MAX_TAGS);
        Some(Self {
            at_ms: record.at_ms,
            tenant: record.tenant.as_deref().map(|tenant| cut(tenant).to_owned()),
            kind,
            reason: cut(reason).to_owned(),
            score: near.score,
            entry: Some(cut(&near.entry)).filter(|entry| !entry.is_empty()).map(str::to_owned),
            asked: near.asked.chars().take(MAX_ASKED_CHARS).collect(),
            model: cut(&record.model).to_owned(),
            tags: tags.map(|(name, value)| (cut(name).to_owned(), cut(value).to_owned())).collect(),
            cost: record.cost,
            saved: record.saved.total(),
        })
    }

    /// The event as the admin API shows it. A tag that came twice shows its last value.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { at_ms, tenant, kind, reason, score, entry, asked, model, tags, cost, saved } = self;
        let decision = match kind {
            EventKind::Hit => Kind::HitSemantic,
            EventKind::NearMiss => Kind::Miss,
        };
        let tags: Map<String, Value> = tags.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "at_ms": at_ms,
            "tenant": tenant.as_deref().unwrap_or(OWN),
            "decision": decision.as_str(),
            "reason": reason,
            "score": six_digits(f64::from(*score)),
            "entry": entry,
            "asked": asked,
            "model": model,
            "tags": tags,
            "cost_usd": cost.map(|cost| cost.to_string()),
            "saved_usd": saved.to_string(),
        })
    }
}

/// The events of several ledgers as the admin API shows them: the newest first, at most `limit`.
#[must_use]
pub fn events<'a>(of_ledgers: impl IntoIterator<Item = &'a Event>, limit: usize) -> Value {
    let mut events: Vec<&Event> = of_ledgers.into_iter().collect();
    events.sort_by_key(|event| Reverse(event.at_ms));
    json!({ "events": events.into_iter().take(limit).map(Event::json).collect::<Vec<_>>() })
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
