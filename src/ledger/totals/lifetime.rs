//! Counters of one ledger that only ever grow, as Prometheus wants them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::labels::Labels;
use super::stored::Stored;
use super::{add_saved, add_usage, hit_ratio, is_unpriced};
use crate::canonical::Usage;
use crate::ledger::prices::Money;
use crate::ledger::record::{Kind, RequestRecord, Saved};

/// Decisions that have a counter of their own, besides `other` of each kind.
const MAX_DECISIONS: usize = 128;

/// Models that have a counter of their own, besides `other`.
const MAX_MODELS: usize = 100;

/// Where the buckets of a [`Histogram`] end, in microseconds, the end included. A lookup takes a few milliseconds, a
/// reasoning model's answer minutes.
pub const EDGES_US: [u64; 18] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];

/// How long something took, by buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// How often it ended in each bucket of [`EDGES_US`]; the last one is for what took longer.
    pub counts: [u64; EDGES_US.len() + 1],
    /// All times together, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// Adds a time in milliseconds. A negative one counts as none at all; what is no number is left out.
    pub fn note(&mut self, took_ms: f32) {
        if took_ms.is_nan() {
            return;
        }
        // The conversion stops at the ends of the range.
        let took_us = (f64::from(took_ms) * 1e3).round() as u64;
        let bucket = EDGES_US.partition_point(|edge| *edge < took_us);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.sum_us = self.sum_us.saturating_add(took_us);
    }

    /// Adds another histogram.
    pub fn add(&mut self, other: &Self) {
        let Self { counts, sum_us } = other;
        self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        self.sum_us = self.sum_us.saturating_add(*sum_us);
    }
}

/// Everything that one ledger has counted since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// Requests by what became of them, and the reason; what has no room is under the kind and `other`.
    pub decisions: BTreeMap<Kind, Labels<u64>>,
    /// Tokens that upstreams counted.
    pub tokens: Usage,
    /// What requests cost, by model. A model without a price takes no room.
    pub costs: Labels<Money>,
    /// What requests saved.
    pub saved: Saved,
    /// Requests that `costs` leaves out; see [`is_unpriced`].
    pub unpriced: u64,
    /// Requests with a label that went to `other`, here or on a page.
    pub overflowed: u64,
    /// Records that could not be delivered.
    pub lost: u64,
    /// Asking the shard.
    pub lookup: Histogram,
    /// Embedding the text.
    pub embed: Histogram,
    /// From sending to the upstream's headers.
    pub upstream: Histogram,
    /// From the request to the end of the answer.
    pub total: Histogram,
}

impl Stored for Lifetime {
    const VERSION: u8 = 1;
}

impl Lifetime {
    /// Adds one request. `page_overflowed` is what [`super::page::Page::add`] said of it.
    pub fn add(&mut self, record: &RequestRecord, page_overflowed: bool) {
        let (count, decision_overflowed) = self.decision(record.kind, &record.reason);
        *count = count.saturating_add(1);
        let model_overflowed = record.cost.is_some_and(|cost| self.add_cost(&record.model, cost));
        let overflowed = page_overflowed || decision_overflowed || model_overflowed;
        self.overflowed = self.overflowed.saturating_add(u64::from(overflowed));
        add_usage(&mut self.tokens, &record.usage.unwrap_or_default());
        add_saved(&mut self.saved, &record.saved);
        self.unpriced = self.unpriced.saturating_add(u64::from(is_unpriced(record)));
        self.lost = self.lost.saturating_add(u64::from(record.lost));
        let latency = &record.latency;
        self.total.note(latency.total_ms);
        let parts = [
            (&mut self.lookup, latency.lookup_ms),
            (&mut self.embed, latency.embed_ms),
            (&mut self.upstream, latency.upstream_ms),
        ];
        for (histogram, took_ms) in parts {
            took_ms.into_iter().for_each(|took_ms| histogram.note(took_ms));
        }
    }

    /// Adds what another ledger has counted, within the same bounds.
    pub fn merge(&mut self, other: &Self) {
        // No `..`: a new counter has to be added here.
        let Self { decisions, tokens, costs, saved, unpriced, overflowed, lost, lookup, embed, upstream, total } =
            other;
        for (kind, reasons) in decisions {
            for (reason, more) in reasons.iter() {
                let (count, _) = self.decision(*kind, reason);
                *count = count.saturating_add(*more);
            }
        }
        add_usage(&mut self.tokens, tokens);
        for (model, cost) in costs.iter() {
            self.add_cost(model, *cost);
        }
        add_saved(&mut self.saved, saved);
        self.unpriced = self.unpriced.saturating_add(*unpriced);
        self.overflowed = self.overflowed.saturating_add(*overflowed);
        self.lost = self.lost.saturating_add(*lost);
        self.lookup.add(lookup);
        self.embed.add(embed);
        self.upstream.add(upstream);
        self.total.add(total);
    }

    /// The share of requests answered without an upstream, of those that might have been; nothing when there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        hit_ratio(
            self.decisions.iter().map(|(kind, reasons)| {
                (*kind, reasons.iter().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count)))
            }),
        )
    }

    fn decision(&mut self, kind: Kind, reason: &str) -> (&mut u64, bool) {
        let has_room = self.decisions.values().map(Labels::len).sum::<usize>() < MAX_DECISIONS;
        self.decisions.entry(kind).or_default().seat(reason, has_room)
    }

    fn add_cost(&mut self, model: &str, cost: Money) -> bool {
        let has_room = self.costs.len() < MAX_MODELS;
        let (sum, overflowed) = self.costs.seat(model, has_room);
        *sum = *sum + cost;
        overflowed
    }
}

#[cfg(test)]
#[path = "lifetime_tests.rs"]
mod tests;
