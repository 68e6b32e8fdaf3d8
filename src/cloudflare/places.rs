//! Telling the list of places about a shard, now and then from each isolate.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use worker::Stub;

use super::calls::ask;
use crate::ports::ShardPlace;
use crate::tenant::places::TOLD_FOR_MS;

thread_local! {
    /// The shards that this isolate has told the list of places about, and when, in milliseconds since 1970.
    static PLACES: RefCell<HashMap<ShardPlace, u64>> = RefCell::default();
}

/// Things of a kind that an isolate remembers to have told.
const MAX_KNOWN: usize = 1_000;

/// The ledger that lists the shards. No tenant can have this name.
pub(super) const PLACES_OBJECT: &str = "~places";

/// Whether this isolate has told the list about a shard a short while ago.
pub(super) fn is_listed(place: &ShardPlace, now_ms: u64) -> bool {
    PLACES.with_borrow(|known| known.get(place).is_some_and(|told_ms| now_ms < told_ms + TOLD_FOR_MS))
}

/// Tells the list about a shard. A fault there costs a line in a report, until another isolate tells it.
pub(super) async fn list(ledger: worker::Result<Stub>, place: ShardPlace, tenant: Option<String>, now_ms: u64) {
    let told = ask::<_, ()>(ledger, "place", &(&place, tenant)).await;
    if told.is_ok() {
        PLACES.with_borrow_mut(|known| {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(place, now_ms)
        });
    }
}

/// Remembers that something was told. Telling it once more costs little, forgetting all now and then bounds the memory.
pub(super) fn remember<T: Hash + Eq>(known: &mut HashSet<T>, told: T) {
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    known.insert(told);
}
