//! What one CacheShard does, over whatever holds its rows: look up, keep, expire, evict, and derive the index.

mod entries;
mod indexes;
mod prefixes;
mod verdicts;

pub use entries::{EntryRows, MAX_PAGE_BYTES, MAX_SCANNED, read_tags, written_tags};
pub use indexes::Indexes;
pub use prefixes::{MAX_FAMILIES, MAX_PREFIX_BYTES, PREFIX_KEPT_MS, PrefixRow, PrefixRows, PrefixUse};
pub use verdicts::{NewRecord, VerdictRows};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use prefixes::Prefixes;

use crate::cache::key::Digest;
use crate::leases::line::Frame;
use crate::leases::{Ending, Leases, Seat};
use crate::ports::entries::Stored;
use crate::ports::{Found, GaveUp, Looked, Lookup, LookupMany, Neighbour, ShardFault, Store, TakeTurn, Turn, Wanted};
use crate::semantic::index::{ScopeIndex, Seq};

/// The rows of a shard. Every method is one transaction.
pub trait Rows: VerdictRows + PrefixRows + EntryRows {
    /// Counts and the number of changes so far.
    fn totals(&self) -> Result<Totals, ShardFault>;
    /// The row under an exact key.
    fn by_key(&self, exact: &Digest) -> Result<Option<Row>, ShardFault>;
    /// The row with a number.
    fn by_seq(&self, seq: Seq) -> Result<Option<Row>, ShardFault>;
    /// Calls back with each vector of a scope, in the order of their numbers.
    fn vectors(&self, scope: &Digest, each: &mut dyn FnMut(Seq, &[i8])) -> Result<(), ShardFault>;
    /// Puts a row in, in place of the one under the same key; then removes the rows that are over the limits.
    /// Returns its number and what went.
    fn put(&self, new: &Store) -> Result<(Seq, Vec<Gone>), ShardFault>;
    /// Removes at most `limit` rows whose time is over.
    fn expire(&self, now_ms: u64, limit: u32) -> Result<Vec<Gone>, ShardFault>;
    /// Notes when the provider last accepted the namespace's key.
    fn set_accepted(&self, now_ms: u64) -> Result<(), ShardFault>;
    /// Adds to the hit counts.
    fn add_hits(&self, hits: &BTreeMap<Digest, u32>) -> Result<(), ShardFault>;
    /// When the first of the rows is to be removed.
    fn next_purge(&self) -> Result<Option<u64>, ShardFault>;
}

/// What a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows.
    pub entries: u64,
    /// Bytes of answers and texts.
    pub bytes: u64,
    /// Grows with every change of the rows: what was derived at an older one is out of date.
    pub generation: u64,
    /// When the provider last accepted the namespace's key; 0 when it never has.
    pub accepted_ms: u64,
}

/// A stored row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The entry.
    pub found: Found,
    /// The text that may be found by meaning.
    pub text: Option<String>,
}

/// A row that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its number.
    pub seq: Seq,
    /// Its scope.
    pub scope: Digest,
}

/// Rows that one alarm removes at most, so that no request waits long behind it.
pub const EXPIRE_BATCH: u32 = 500;

/// When to look again at a shard that holds nothing but verdicts.
const IDLE_SWEEP_MS: u64 = 30 * 86_400_000;

/// Entries whose hits are counted in memory at most; then the counts go to the rows.
const MAX_PENDING_HITS: usize = 256;

/// Graph insertions done on the way of a request that stores.
const GROW_POINTS: usize = 4;

/// One shard.
#[derive(Debug)]
pub struct Shard<R> {
    object: String,
    rows: R,
    hits: BTreeMap<Digest, u32>,
    accepted_ms: u64,
    leases: Rc<RefCell<Leases>>,
    prefixes: Prefixes,
}

/// A time at which the provider has refused the key: so long ago that it counts as not accepted.
const REJECTED_MS: u64 = 1;

impl<R: Rows> Shard<R> {
    /// A shard that wakes: `object` is the name under which its indexes are held. Leases are the object's, for they
    /// outlive its rows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn wake(
        object: String,
        rows: R,
        indexes: &mut Indexes,
        leases: Rc<RefCell<Leases>>,
    ) -> Result<Self, ShardFault> {
        let Totals { generation, accepted_ms, .. } = rows.totals()?;
        indexes.wake(&object, generation);
        Ok(Self { object, rows, hits: BTreeMap::new(), accepted_ms, leases, prefixes: Prefixes::default() })
    }

    /// What it holds.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn totals(&self) -> Result<Totals, ShardFault> {
        self.rows.totals()
    }

    /// Answers a lookup, and says whose turn it is when nothing fresh was found.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn lookup(&mut self, ask: &Lookup, indexes: &mut Indexes) -> Result<Looked, ShardFault> {
        if self.hits.len() >= MAX_PENDING_HITS {
            // Counts that could not be written only make eviction a little blinder.
            let _ = self.flush_hits();
        }
        let mut looked = self.search(ask, indexes)?;
        let fresh = looked.exact.as_ref().is_some_and(|found| found.expires_ms > ask.now_ms);
        if let Some(terms) = ask.terms
            && !fresh
            && looked.neighbours.is_empty()
        {
            looked.turn = Some(self.leases.borrow_mut().turn(&ask.exact, &terms, ask.now_ms));
        }
        Ok(looked)
    }

    fn search(&mut self, ask: &Lookup, indexes: &mut Indexes) -> Result<Looked, ShardFault> {
        if self.unproven(ask.accepted_within_ms, ask.now_ms) {
            return Ok(Looked { unproven: true, ..Looked::default() });
        }
        let usable = |row: &Row| row.found.expires_ms.saturating_add(ask.stale_ms) > ask.now_ms;
        let fresh = |row: &Row| row.found.expires_ms > ask.now_ms;
        let exact = self.rows.by_key(&ask.exact)?.filter(usable);
        if let Some(row) = exact.as_ref().filter(|row| fresh(row)) {
            self.count_hit(ask.exact);
            return Ok(Looked { exact: Some(row.found.clone()), ..Looked::default() });
        }
        let mut looked = Looked { exact: exact.map(|row| row.found), ..Looked::default() };
        let Some(query) = &ask.query else { return Ok(looked) };
        // Stale rows wait for their alarm, so a few more are looked at than are wanted.
        let wanted = usize::from(query.count);
        let near = self.index(&ask.scope, indexes)?.nearest(&query.vector, 2 * wanted + 2, query.floor);
        for near in near {
            if looked.neighbours.len() == wanted {
                break;
            }
            if let Some(Row { found, text: Some(text) }) = self.rows.by_seq(near.seq)?.filter(fresh)
                && !self.is_negative(&ask.exact, &found.exact)?
            {
                looked.neighbours.push(Neighbour { found, text, score: near.score });
            }
        }
        if !looked.neighbours.is_empty() {
            looked.evidence = self.record(&ask.scope)?.map(|record| record.evidence);
        }
        Ok(looked)
    }

    /// Looks up several keys at once; fresh entries alone.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn lookup_many(&mut self, ask: &LookupMany) -> Result<Vec<Option<Found>>, ShardFault> {
        let wanted = Wanted { newer_than_ms: 0, accepted_within_ms: ask.accepted_within_ms };
        ask.keys.iter().map(|key| self.fresh(key, &wanted, ask.now_ms)).collect()
    }

    /// The fresh entry under a key that would do.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn fresh(&mut self, key: &Digest, wanted: &Wanted, now_ms: u64) -> Result<Option<Found>, ShardFault> {
        if self.unproven(wanted.accepted_within_ms, now_ms) {
            return Ok(None);
        }
        let would_do = |found: &Found| found.expires_ms > now_ms && found.created_ms > wanted.newer_than_ms;
        let found = self.rows.by_key(key)?.map(|row| row.found).filter(would_do);
        if found.is_some() {
            self.count_hit(*key);
        }
        Ok(found)
    }

    /// Whose turn it is to ask for what may have come to be there since it was looked for.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn take_turn(&mut self, ask: &TakeTurn, now_ms: u64) -> Result<Turn, ShardFault> {
        if self.fresh(&ask.key, &ask.wanted, now_ms)?.is_some() {
            return Ok(Turn::Follow);
        }
        Ok(self.leases.borrow_mut().turn(&ask.key, &ask.terms, now_ms))
    }

    /// Whether the provider's last acceptance of the key is too long ago. A shard without any holds nothing.
    fn unproven(&self, within_ms: Option<u64>, now_ms: u64) -> bool {
        self.accepted_ms != 0 && within_ms.is_some_and(|within_ms| now_ms.saturating_sub(self.accepted_ms) >= within_ms)
    }

    /// Does what a leader says on its line. What came of it, when that was its last word.
    ///
    /// # Errors
    /// When the rows cannot be written; the lease is handed over then.
    pub fn hear(
        &mut self,
        seat: &mut Option<Seat>,
        frame: Frame,
        now_ms: u64,
        indexes: &mut Indexes,
    ) -> Result<Option<Stored>, ShardFault> {
        let ending = match frame {
            Frame::Hello(lease) => {
                *seat = Some(self.leases.borrow_mut().open(lease, now_ms));
                return Ok(None);
            }
            Frame::Begin(live) => {
                let all = self.leases.borrow().live_bytes().clone();
                seat.iter().for_each(|seat| seat.begin(live, &all, now_ms));
                return Ok(None);
            }
            Frame::Feed(bytes) => {
                seat.iter().for_each(|seat| seat.feed(&bytes, now_ms));
                return Ok(None);
            }
            Frame::Keep(entries) => {
                let stored = self.store_all(&entries, indexes);
                // A shard that cannot keep an answer would make its followers ask one after the other.
                self.close(seat, if stored == Ok(Stored::All) { Ending::Kept } else { Ending::Alone });
                return stored.map(Some);
            }
            Frame::GiveUp(GaveUp::Failed) => Ending::HandOver,
            Frame::GiveUp(GaveUp::Rejected) => {
                self.accept(REJECTED_MS)?;
                // Those who wait have the same key.
                Ending::Alone
            }
            Frame::GiveUp(GaveUp::Alone) => Ending::Alone,
            Frame::GiveUp(GaveUp::Warm(for_ms)) => {
                let key = seat.as_ref().map(|seat| *seat.key());
                key.iter().for_each(|key| self.leases.borrow_mut().warm(key, now_ms + for_ms, now_ms));
                Ending::Alone
            }
        };
        self.close(seat, ending);
        Ok(Some(Stored::All))
    }

    fn close(&self, seat: &mut Option<Seat>, ending: Ending) {
        if let Some(seat) = seat.take() {
            self.leases.borrow_mut().close(seat, ending);
        }
    }

    fn accept(&mut self, at_ms: u64) -> Result<(), ShardFault> {
        // A shard that holds nothing has nothing to protect, and a refused key must leave nothing behind.
        if self.accepted_ms != 0 {
            self.accepted_ms = at_ms;
            self.rows.set_accepted(at_ms)?;
        }
        Ok(())
    }

    /// Keeps answers.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn store_all(&mut self, entries: &[Store], indexes: &mut Indexes) -> Result<Stored, ShardFault> {
        let mut all = Stored::All;
        for new in entries {
            if self.store(new, indexes)? == Stored::Purged {
                all = Stored::Purged;
            }
        }
        Ok(all)
    }

    /// Keeps an answer, unless it was asked for before a purge that is meant for it.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn store(&mut self, new: &Store, indexes: &mut Indexes) -> Result<Stored, ShardFault> {
        if self.is_purged(new) {
            return Ok(Stored::Purged);
        }
        self.flush_hits()?;
        let (seq, gone) = self.rows.put(new)?;
        self.accepted_ms = self.accepted_ms.max(new.now_ms);
        if let (Some(searchable), Some(index)) = (&new.searchable, indexes.loaded(&self.object, &new.scope)) {
            index.insert(seq, &searchable.vector);
        }
        indexes.grow(&self.object, &new.scope, new.hnsw_from, GROW_POINTS);
        self.forget(&gone, indexes)?;
        Ok(Stored::All)
    }

    /// Counts a hit in memory. The count reaches the rows with the next write.
    fn count_hit(&mut self, exact: Digest) {
        let hits = self.hits.entry(exact).or_default();
        *hits = hits.saturating_add(1);
    }

    /// Removes stale rows. Returns when to do it again; nothing when there are no more rows, and nothing either that
    /// must be remembered without them.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn expire(&mut self, now_ms: u64, indexes: &mut Indexes) -> Result<Option<u64>, ShardFault> {
        self.flush_hits()?;
        let gone = self.rows.expire(now_ms, EXPIRE_BATCH)?;
        self.forget(&gone, indexes)?;
        let next = [self.rows.next_purge()?, self.expire_prefixes(now_ms)?].into_iter().flatten().min();
        // What was said and seen outlives the entries: a pair that was wrong once stays wrong.
        Ok(next.or(self.rows.has_verdicts()?.then_some(now_ms.saturating_add(IDLE_SWEEP_MS))))
    }

    fn flush_hits(&mut self) -> Result<(), ShardFault> {
        if self.hits.is_empty() {
            return Ok(());
        }
        self.rows.add_hits(&std::mem::take(&mut self.hits))
    }

    fn forget(&self, gone: &[Gone], indexes: &mut Indexes) -> Result<(), ShardFault> {
        for Gone { seq, scope } in gone {
            if let Some(index) = indexes.loaded(&self.object, scope) {
                index.remove(*seq);
            }
        }
        indexes.generations.insert(self.object.clone(), self.rows.totals()?.generation);
        Ok(())
    }

    /// The index of a scope, derived from the rows when it is not there.
    fn index<'i>(&self, scope: &Digest, indexes: &'i mut Indexes) -> Result<&'i ScopeIndex, ShardFault> {
        if indexes.loaded(&self.object, scope).is_none() {
            let mut index = ScopeIndex::default();
            self.rows.vectors(scope, &mut |seq, vector| index.insert(seq, vector))?;
            indexes.hold(&self.object, scope, index);
        }
        let index = indexes.loaded(&self.object, scope);
        index.map(|index| &*index).ok_or_else(|| ShardFault("the index was dropped while it was in use".into()))
    }
}
