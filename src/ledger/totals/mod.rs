//! What a ledger's requests come to: by minute, hour and day, over all time, and the last ones worth a look.
//!
//! Every sum stops at the largest number instead of wrapping, and everything that holds labels is bounded.

pub mod grain;
pub mod labels;
pub mod lifetime;
pub mod metrics;
pub mod page;
pub mod query;
pub mod recent;
pub mod series;
pub mod span;
pub mod stored;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::prices::Money;
use super::record::{Kind, RequestRecord, Saved};
use crate::canonical::Usage;

/// The label of callers with provider keys of their own, where a tenant's id stands otherwise.
pub const OWN: &str = "~own";

/// How many kinds of decisions there are.
const KINDS: usize = Kind::NAMES.len();

/// What some requests come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Requests by [`Kind`], in the order of [`Kind::NAMES`].
    counts: [u64; KINDS],
    /// Tokens that upstreams counted.
    pub tokens: Usage,
    /// What the requests cost, those without a price left out.
    pub cost: Money,
    /// What they saved.
    pub saved: Saved,
    /// Requests that `cost` leaves out; see [`is_unpriced`].
    pub unpriced: u64,
    /// Requests whose tokens were estimated.
    pub estimated: u64,
}

impl Cell {
    /// Adds one request.
    pub fn add_record(&mut self, record: &RequestRecord) {
        if let Some(count) = self.counts.get_mut(record.kind as usize) {
            *count = count.saturating_add(1);
        }
        add_usage(&mut self.tokens, &record.usage.unwrap_or_default());
        self.cost = self.cost + record.cost.unwrap_or_default();
        add_saved(&mut self.saved, &record.saved);
        self.unpriced = self.unpriced.saturating_add(u64::from(is_unpriced(record)));
        self.estimated = self.estimated.saturating_add(u64::from(record.estimated));
    }

    /// Adds what other requests come to.
    pub fn add(&mut self, other: &Self) {
        // No `..`: a new sum has to be added here.
        let Self { counts, tokens, cost, saved, unpriced, estimated } = other;
        self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        add_usage(&mut self.tokens, tokens);
        self.cost = self.cost + *cost;
        add_saved(&mut self.saved, saved);
        self.unpriced = self.unpriced.saturating_add(*unpriced);
        self.estimated = self.estimated.saturating_add(*estimated);
    }

    /// How many requests became this.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(kind as usize).copied().unwrap_or_default()
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The share of requests answered without an upstream, of those that might have been; nothing when there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        hit_ratio(Kind::NAMES.map(|(_, kind)| (kind, self.count(kind))))
    }

    /// The cell as the admin API shows it.
    #[must_use]
    pub fn json(&self) -> Map<String, Value> {
        let Self { counts: _, tokens, cost, saved, unpriced, estimated } = self;
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("requests", self.requests().into());
        for (name, kind) in PLURALS {
            put(name, self.count(kind).into());
        }
        put("hit_ratio", self.hit_ratio().map(six_digits).into());
        let tokens: Map<String, Value> =
            token_kinds(tokens).map(|(name, count)| (name.to_owned(), count.into())).into_iter().collect();
        put("tokens", tokens.into());
        put("cost_usd", cost.to_string().into());
        let mut by_source: Map<String, Value> =
            sources(saved).map(|(name, amount)| (name.to_owned(), json!(amount.to_string()))).into_iter().collect();
        by_source.insert("total".to_owned(), saved.total().to_string().into());
        put("saved_usd", by_source.into());
        put("unpriced", (*unpriced).into());
        put("estimated", (*estimated).into());
        shown
    }
}

/// The counts of a cell as the admin API names them.
const PLURALS: [(&str, Kind); KINDS] = [
    ("hits_exact", Kind::HitExact),
    ("hits_semantic", Kind::HitSemantic),
    ("hits_stale", Kind::HitStale),
    ("collapsed", Kind::Collapsed),
    ("misses", Kind::Miss),
    ("refreshes", Kind::Refresh),
    ("bypasses", Kind::Bypass),
    ("refused", Kind::Refused),
    ("failed", Kind::Failed),
];

/// Whether the sums of costs leave out something that this request did cost, or may have: there is no price for the model, or
/// nobody counted the tokens, as when a client left before the answer. What is billed by nobody has a cost of nothing.
#[must_use]
pub fn is_unpriced(record: &RequestRecord) -> bool {
    record.cost.is_none()
}

/// The share of hits, collapsed requests among them, of the requests that were looked up or could have been.
fn hit_ratio(counts: impl IntoIterator<Item = (Kind, u64)>) -> Option<f64> {
    let (mut hits, mut all) = (0.0, 0.0);
    for (kind, count) in counts {
        if kind.is_hit() {
            hits += count as f64;
        }
        if kind.is_hit() || matches!(kind, Kind::Miss | Kind::Refresh) {
            all += count as f64;
        }
    }
    (all > 0.0).then(|| hits / all)
}

/// A share or a score as JSON shows it: six digits after the point are more than it means.
fn six_digits(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

/// The kinds of tokens, by name. `reasoning` is a part of `output`.
fn token_kinds(tokens: &Usage) -> [(&'static str, u64); 6] {
    let Usage { uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning } = *tokens;
    [
        ("uncached", uncached),
        ("cached_read", cached_read),
        ("cached_write_5m", cached_write_5m),
        ("cached_write_1h", cached_write_1h),
        ("output", output),
        ("reasoning", reasoning),
    ]
}

/// What was saved, by the name of what saved it.
fn sources(saved: &Saved) -> [(&'static str, Money); 5] {
    let Saved { exact, semantic, collapsed, prefix, routing } = *saved;
    [("exact", exact), ("semantic", semantic), ("collapsed", collapsed), ("prefix", prefix), ("routing", routing)]
}

fn add_usage(sum: &mut Usage, more: &Usage) {
    let Usage { uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning } = more;
    sum.uncached = sum.uncached.saturating_add(*uncached);
    sum.cached_read = sum.cached_read.saturating_add(*cached_read);
    sum.cached_write_5m = sum.cached_write_5m.saturating_add(*cached_write_5m);
    sum.cached_write_1h = sum.cached_write_1h.saturating_add(*cached_write_1h);
    sum.output = sum.output.saturating_add(*output);
    sum.reasoning = sum.reasoning.saturating_add(*reasoning);
}

fn add_saved(sum: &mut Saved, more: &Saved) {
    let Saved { exact, semantic, collapsed, prefix, routing } = *more;
    sum.exact = sum.exact + exact;
    sum.semantic = sum.semantic + semantic;
    sum.collapsed = sum.collapsed + collapsed;
    sum.prefix = sum.prefix + prefix;
    sum.routing = sum.routing + routing;
}

#[cfg(test)]
#[path = "cell_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "samples.rs"]
mod samples;
