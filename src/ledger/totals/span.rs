//! What one ledger answers to a query: its pages, summed up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Cell;
use super::page::Page;
use super::query::Filter;
use super::stored::Stored;

/// The totals of several periods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The periods with requests, by their start in milliseconds since 1970.
    pub series: BTreeMap<u64, Cell>,
    /// All periods together. With a filter there is only `all`, of the requests that are meant: pages do not know which
    /// decisions a tag's requests had. `overflowed` and `unrecorded` are always those of all requests.
    pub sum: Page,
}

impl Stored for Span {
    // It holds a page, so it changes with one.
    const VERSION: u8 = Page::VERSION;
}

impl Span {
    /// Adds the page of the period that began at `start_ms`. Pages come one by one, so that no one has to hold all.
    pub fn add(&mut self, start_ms: u64, page: &Page, filter: &Filter) {
        if *filter == Filter::All {
            self.sum.merge(page);
        } else {
            self.sum.overflowed = self.sum.overflowed.saturating_add(page.overflowed);
            self.sum.unrecorded = self.sum.unrecorded.saturating_add(page.unrecorded);
            if let Some(cell) = filter.cell(page) {
                self.sum.all.add(cell);
            }
        }
        if let Some(cell) = filter.cell(page).filter(|cell| cell.requests() > 0) {
            self.series.entry(start_ms).or_default().add(cell);
        }
    }

    /// Adds what another ledger answered.
    pub fn merge(&mut self, other: &Self) {
        for (start_ms, cell) in &other.series {
            self.series.entry(*start_ms).or_default().add(cell);
        }
        self.sum.merge(&other.sum);
    }
}
