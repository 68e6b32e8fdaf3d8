//! The indexes that are derived from rows, and the memory that they may take.

use std::collections::HashMap;

use crate::cache::key::Digest;
use crate::semantic::index::ScopeIndex;

/// Memory that indexes may take in one isolate, over all objects that live in it. The platform gives 128 MB in all.
const MAX_INDEX_BYTES: usize = 64 * 1024 * 1024;

/// Memory that may be lost to graphs which cannot be freed, before no more of them are built in this isolate.
const MAX_LOST_BYTES: usize = 24 * 1024 * 1024;

/// The indexes of all objects in this isolate. They outlive an object's instance, because the platform frees a Rust
/// object's memory late or never, and because waking is then free.
#[derive(Debug, Default)]
pub struct Indexes {
    scopes: HashMap<(String, Digest), Held>,
    pub(super) generations: HashMap<String, u64>,
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
    pub(super) fn wake(&mut self, object: &str, generation: u64) {
        if self.generations.insert(object.to_owned(), generation) != Some(generation) {
            let mut lost_bytes = 0;
            self.scopes.retain(|(owner, _), held| {
                lost_bytes += if owner == object { held.index.unfreeable_bytes() } else { 0 };
                owner != object
            });
            self.lost_bytes += lost_bytes;
        }
    }

    pub(super) fn loaded(&mut self, object: &str, scope: &Digest) -> Option<&mut ScopeIndex> {
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

    pub(super) fn hold(&mut self, object: &str, scope: &Digest, index: ScopeIndex) {
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
