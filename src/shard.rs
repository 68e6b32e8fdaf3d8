//! What one CacheShard does, over whatever holds its rows: look up, keep, expire, evict, and derive the index.

use std::collections::{BTreeMap, HashMap};

use crate::cache::key::Digest;
use crate::ports::{Found, Looked, Lookup, Neighbour, ShardFault, Store};
use crate::semantic::index::{ScopeIndex, Seq};

/// The rows of a shard. Every method is one transaction.
pub trait Rows {
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
    /// Removes at most `limit` stale rows.
    fn expire(&self, now_ms: u64, limit: u32) -> Result<Vec<Gone>, ShardFault>;
    /// Adds to the hit counts.
    fn add_hits(&self, hits: &BTreeMap<Digest, u32>) -> Result<(), ShardFault>;
    /// The earliest expiry of all rows.
    fn next_expiry(&self) -> Result<Option<u64>, ShardFault>;
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

/// Entries whose hits are counted in memory at most; then the counts go to the rows.
const MAX_PENDING_HITS: usize = 256;

/// Graph insertions done on the way of a request that stores.
const GROW_POINTS: usize = 4;

/// Memory that indexes may take in one isolate, over all objects that live in it. The platform gives 128 MB in all.
const MAX_INDEX_BYTES: usize = 64 * 1024 * 1024;

/// Memory that may be lost to graphs which cannot be freed, before no more of them are built in this isolate.
const MAX_LOST_BYTES: usize = 24 * 1024 * 1024;

/// The indexes of all objects in this isolate. They outlive an object's instance, because the platform frees a Rust
/// object's memory late or never, and because waking is then free.
#[derive(Debug, Default)]
pub struct Indexes {
    scopes: HashMap<(String, Digest), Held>,
    generations: HashMap<String, u64>,
    clock: u64,
    lost_bytes: usize,
}

#[derive(Debug)]
struct Held {
    index: ScopeIndex,
    used: u64,
}

impl Indexes {
    /// Forgets an object's indexes when its rows have changed since they were derived.
    fn wake(&mut self, object: &str, generation: u64) {
        if self.generations.insert(object.to_owned(), generation) != Some(generation) {
            let mut lost_bytes = 0;
            self.scopes.retain(|(owner, _), held| {
                lost_bytes += if owner == object { held.index.unfreeable_bytes() } else { 0 };
                owner != object
            });
            self.lost_bytes += lost_bytes;
        }
    }

    fn loaded(&mut self, object: &str, scope: &Digest) -> Option<&mut ScopeIndex> {
        self.clock += 1;
        let held = self.scopes.get_mut(&(object.to_owned(), *scope))?;
        held.used = self.clock;
        Some(&mut held.index)
    }

    /// Works on the graph of a loaded scope, if it wants one; true while there is more to do.
    pub fn grow(&mut self, object: &str, scope: &Digest, hnsw_from: u32, points: usize) -> bool {
        let bytes: usize = self.scopes.values().map(|held| held.index.bytes()).sum();
        let Some(held) = self.scopes.get_mut(&(object.to_owned(), *scope)) else { return false };
        // A graph that would not fit is not begun, and the exact scan goes on answering.
        self.lost_bytes <= MAX_LOST_BYTES
            && bytes + held.index.graph_bytes_to_come() <= MAX_INDEX_BYTES
            && held.index.grow(hnsw_from as usize, points)
    }

    fn hold(&mut self, object: &str, scope: &Digest, index: ScopeIndex) {
        self.clock += 1;
        self.scopes.insert((object.to_owned(), *scope), Held { index, used: self.clock });
        let mut bytes: usize = self.scopes.values().map(|held| held.index.bytes()).sum();
        while bytes > MAX_INDEX_BYTES && self.scopes.len() > 1 {
            let oldest = self.scopes.iter().min_by_key(|(_, held)| held.used).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| self.scopes.remove(&key)) else { break };
            bytes -= gone.index.bytes();
            self.lost_bytes += gone.index.unfreeable_bytes();
        }
    }
}

/// One shard.
#[derive(Debug)]
pub struct Shard<R> {
    object: String,
    rows: R,
    hits: BTreeMap<Digest, u32>,
}

impl<R: Rows> Shard<R> {
    /// A shard that wakes: `object` is the name under which its indexes are held.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn wake(object: String, rows: R, indexes: &mut Indexes) -> Result<Self, ShardFault> {
        indexes.wake(&object, rows.totals()?.generation);
        Ok(Self { object, rows, hits: BTreeMap::new() })
    }

    /// What it holds.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn totals(&self) -> Result<Totals, ShardFault> {
        self.rows.totals()
    }

    /// Answers a lookup.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn lookup(&mut self, ask: &Lookup, indexes: &mut Indexes) -> Result<Looked, ShardFault> {
        ask.served.iter().for_each(|exact| self.count_hit(*exact));
        if self.hits.len() >= MAX_PENDING_HITS {
            // Counts that could not be written only make eviction a little blinder.
            let _ = self.flush_hits();
        }
        let fresh = |row: &Row| row.found.expires_ms > ask.now_ms;
        if let Some(row) = self.rows.by_key(&ask.exact)?.filter(fresh) {
            self.count_hit(ask.exact);
            return Ok(Looked { exact: Some(row.found), neighbours: Vec::new() });
        }
        let Some(query) = &ask.query else { return Ok(Looked::default()) };
        // Stale rows wait for their alarm, so a few more are looked at than are wanted.
        let wanted = usize::from(query.count);
        let near = self.index(&ask.scope, indexes)?.nearest(&query.vector, 2 * wanted + 2, query.floor);
        let mut neighbours = Vec::new();
        for near in near {
            if neighbours.len() == wanted {
                break;
            }
            if let Some(Row { found, text: Some(text) }) = self.rows.by_seq(near.seq)?.filter(fresh) {
                neighbours.push(Neighbour { found, text, score: near.score });
            }
        }
        Ok(Looked { exact: None, neighbours })
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn store(&mut self, new: &Store, indexes: &mut Indexes) -> Result<(), ShardFault> {
        self.flush_hits()?;
        let (seq, gone) = self.rows.put(new)?;
        if let (Some(searchable), Some(index)) = (&new.searchable, indexes.loaded(&self.object, &new.scope)) {
            index.insert(seq, &searchable.vector);
        }
        indexes.grow(&self.object, &new.scope, new.hnsw_from, GROW_POINTS);
        self.forget(&gone, indexes)
    }

    /// Counts a hit in memory. The count reaches the rows with the next write.
    fn count_hit(&mut self, exact: Digest) {
        let hits = self.hits.entry(exact).or_default();
        *hits = hits.saturating_add(1);
    }

    /// Removes stale rows. Returns when to do it again.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn expire(&mut self, now_ms: u64, indexes: &mut Indexes) -> Result<Option<u64>, ShardFault> {
        self.flush_hits()?;
        let gone = self.rows.expire(now_ms, EXPIRE_BATCH)?;
        self.forget(&gone, indexes)?;
        self.rows.next_expiry()
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
