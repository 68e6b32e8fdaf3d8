//! What was purged while leaders were asking: an answer that was asked for before a purge must not be kept after it.

use std::collections::VecDeque;

use crate::ports::Store;
use crate::ports::entries::Filter;

/// Purges that are remembered one by one. When there are more, the oldest counts as one of the whole shard: an answer too few
/// is kept rather than one too many.
const MAX_PURGES: usize = 64;

/// How far the clocks of a Worker and of an object may differ, in milliseconds.
const CLOCKS_MS: u64 = 2_000;

/// The purges of one shard, as long as its object is awake: a leader's open line keeps it so.
#[derive(Debug, Default)]
pub struct Purges {
    /// The oldest first.
    last: VecDeque<(Filter, u64)>,
    /// When the whole shard was purged last.
    whole_ms: Option<u64>,
}

impl Purges {
    /// Remembers a purge. `now_ms`: the object's clock, in milliseconds since 1970.
    pub fn remember(&mut self, filter: &Filter, now_ms: u64) {
        self.last.retain(|(known, _)| known != filter);
        if filter.is_empty() {
            self.last.clear();
            self.whole_ms = Some(now_ms);
            return;
        }
        if self.last.len() >= MAX_PURGES
            && let Some((_, at_ms)) = self.last.pop_front()
        {
            self.whole_ms = self.whole_ms.max(Some(at_ms));
        }
        self.last.push_back((filter.clone(), now_ms));
    }

    /// Whether an answer was asked for before a purge that is meant for it.
    #[must_use]
    pub fn took(&self, new: &Store) -> bool {
        let before = |at_ms: u64| new.asked_ms < at_ms.saturating_add(CLOCKS_MS);
        self.whole_ms.is_some_and(before)
            || self.last.iter().any(|(filter, at_ms)| before(*at_ms) && filter.matches(new))
    }
}
