//! One period of one ledger: what its requests come to, in all and by decision, model and tag.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Cell;
use super::labels::{Labels, OTHER};
use super::stored::Stored;
use crate::ledger::record::{Kind, RequestRecord};

/// How many labels a page holds besides `other`.
struct Bounds {
    models: usize,
    decisions: usize,
    tag_names: usize,
    /// Of one name.
    tag_values: usize,
    /// Of all names together.
    tag_cells: usize,
}

/// Of a page that a ledger keeps.
const KEPT: Bounds = Bounds { models: 100, decisions: 128, tag_names: 64, tag_values: 64, tag_cells: 300 };

/// Of a sum of pages, over time or over ledgers.
const MERGED: Bounds = Bounds { models: 1000, decisions: 1000, tag_names: 100, tag_values: 1000, tag_cells: 1000 };

/// The totals of one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// All requests.
    pub all: Cell,
    /// By what became of them, and the reason; what has no room is under the kind and `other`.
    pub decisions: BTreeMap<Kind, Labels<Cell>>,
    /// By model.
    pub models: Labels<Cell>,
    /// By the name and the value of a tag. A request with several tags is in several cells, but never twice in one.
    pub tags: Labels<Labels<Cell>>,
    /// Requests with a label that went to `other`. Every request counts once; where pages were merged, never too few.
    pub overflowed: u64,
    /// Records that could not be delivered.
    pub unrecorded: u64,
}

impl Stored for Page {
    const VERSION: u8 = 1;
}

impl Page {
    /// Adds one request. The answer is whether one of its labels went to `other`.
    pub fn add(&mut self, record: &RequestRecord) -> bool {
        self.all.add_record(record);
        let (cell, decision_overflowed) = self.decision(record.kind, &record.reason, &KEPT);
        cell.add_record(record);
        let (cell, model_overflowed) = self.model(&record.model, &KEPT);
        cell.add_record(record);
        let mut overflowed = decision_overflowed || model_overflowed;
        let mut seen = BTreeSet::new();
        for (name, value) in &record.tags {
            let (place, tag_overflowed) = self.tag_place(name, value, &KEPT);
            overflowed |= tag_overflowed;
            // Two tags of one request may share a cell: as written by the client, or in `other`.
            if seen.insert(place) {
                self.tags.at(place.0).at(place.1).add_record(record);
            }
        }
        self.overflowed = self.overflowed.saturating_add(u64::from(overflowed));
        self.unrecorded = self.unrecorded.saturating_add(u64::from(record.lost));
        overflowed
    }

    /// Adds another page, of another period or another ledger. The sum has room for more labels than a page that a
    /// ledger keeps.
    pub fn merge(&mut self, other: &Self) {
        // No `..`: a new sum has to be added here.
        let Self { all, decisions, models, tags, overflowed, unrecorded } = other;
        self.all.add(all);
        let mut moved = 0_u64;
        let mut add = |(to, overflowed): (&mut Cell, bool), cell: &Cell| {
            to.add(cell);
            moved = moved.saturating_add(if overflowed { cell.requests() } else { 0 });
        };
        for (kind, reasons) in decisions {
            reasons.iter().for_each(|(reason, cell)| add(self.decision(*kind, reason, &MERGED), cell));
        }
        models.iter().for_each(|(model, cell)| add(self.model(model, &MERGED), cell));
        for (name, values) in tags.iter() {
            for (value, cell) in values.iter() {
                let ((name, value), overflowed) = self.tag_place(name, value, &MERGED);
                add((self.tags.at(name).at(value), overflowed), cell);
            }
        }
        // A request that two of its labels moved counts twice in `moved`, so the page's own requests are the limit.
        let more = overflowed.saturating_add(moved).min(all.requests());
        self.overflowed = self.overflowed.saturating_add(more);
        self.unrecorded = self.unrecorded.saturating_add(*unrecorded);
    }

    /// The cell of a tag, if requests had it.
    #[must_use]
    pub fn tag(&self, name: &str, value: &str) -> Option<&Cell> {
        self.tags.get(name)?.get(value)
    }

    fn decision(&mut self, kind: Kind, reason: &str, bounds: &Bounds) -> (&mut Cell, bool) {
        let has_room = self.decisions.values().map(Labels::len).sum::<usize>() < bounds.decisions;
        self.decisions.entry(kind).or_default().seat(reason, has_room)
    }

    fn model(&mut self, model: &str, bounds: &Bounds) -> (&mut Cell, bool) {
        let has_room = self.models.len() < bounds.models;
        self.models.seat(model, has_room)
    }

    /// Where a tag belongs. Without room for its name all of it is `other`, without room for its value only that.
    fn tag_place<'a>(&self, name: &'a str, value: &'a str, bounds: &Bounds) -> ((&'a str, &'a str), bool) {
        let (name, overflowed) = self.tags.place(name, self.tags.len() < bounds.tag_names);
        if overflowed {
            return ((OTHER, OTHER), true);
        }
        let none = Labels::default();
        let values = self.tags.get(name).unwrap_or(&none);
        let cells: usize = self.tags.iter().map(|(_, values)| values.len()).sum();
        let has_room = values.len() < bounds.tag_values && cells < bounds.tag_cells;
        let (value, overflowed) = values.place(value, has_room);
        ((name, value), overflowed)
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "page_properties.rs"]
mod properties;
