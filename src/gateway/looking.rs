//! What is stored for a request, and whether it serves.

use super::errand::Why;
use super::flight::Flight;
use super::judging::Weighed;
use crate::cache::entry::{self, Freshness};
use crate::cache::key::{self, Keys};
use crate::canonical::{Completion, ExactOnly};
use crate::config::Mode;
use crate::keeping::AfterAnswer;
use crate::ports::evidence::Pair;
use crate::ports::{Found, Looked, Lookup, Searchable, ShardAddress, Terms, Turn, VectorQuery, World};
use crate::protocol;
use crate::semantic::embedder::{NoVector, quantise};
use crate::telemetry::{Entry, Near};

/// An entry that serves.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) completion: Completion,
    pub(super) entry: Entry,
}

/// What a lookup came to.
pub(super) enum Verdict {
    Exact(Served),
    Semantic(Served, Pair),
    /// `newer_than_ms`: when the entry with the same bytes was made that does not serve.
    Miss {
        why: Why,
        stale: Option<Served>,
        turn: Option<Turn>,
        newer_than_ms: u64,
        after: Option<AfterAnswer>,
    },
    Fault,
}

/// Where a request's answer lies, and by what it is found.
pub(super) struct Place {
    pub(super) at: ShardAddress,
    pub(super) keys: Keys,
    pub(super) searchable: Result<Searchable, ExactOnly>,
}

impl<W: World> Flight<W> {
    /// Where the answer lies, or will.
    pub(super) fn place(&mut self) -> Place {
        let keys = key::keys(&self.access.namespace, &self.target.name(), &self.request, self.setup.config.shards);
        let at = ShardAddress { namespace: self.access.namespace, shard: keys.shard };
        Place { at, keys, searchable: self.searchable() }
    }

    /// The text and its vector, or why it is looked up by its bytes alone.
    fn searchable(&mut self) -> Result<Searchable, ExactOnly> {
        if self.mode() == Mode::Exact {
            return Err(ExactOnly::Mode);
        }
        if let Some(reason) = self.request.exact_only {
            return Err(reason);
        }
        let text = &self.request.query;
        if text.split_whitespace().nth(1).is_none() {
            return Err(ExactOnly::TooShort);
        }
        if let Some(known) = self.embedded.as_ref().filter(|known| known.text == *text) {
            return Ok(known.clone());
        }
        let embedder = self.setup.embedder.as_ref().map_err(|_| ExactOnly::ModelUnavailable)?;
        let started = self.world.ticks_ms();
        let read = embedder.read(text).map_err(|why| match why {
            NoVector::TooLong => ExactOnly::TooLong,
            NoVector::Nothing => ExactOnly::TooShort,
            NoVector::Fault => ExactOnly::ModelUnavailable,
        });
        self.timing.embed_ms = Some(self.world.ticks_ms() - started);
        let (pieces, vector) = read?;
        self.pieces = pieces;
        Ok(self.embedded.insert(Searchable { text: text.clone(), vector: quantise(&vector) }).clone())
    }

    /// `terms`: on what terms a turn is taken when nothing serves, if at all.
    pub(super) async fn look_up(&mut self, place: &Place, terms: Option<Terms>) -> Verdict {
        let config = &self.setup.config;
        let stale_secs = config.stale_if_error_secs.max(self.stale_secs());
        let ask = Lookup {
            exact: place.keys.exact,
            scope: place.keys.scope,
            query: place.searchable.as_ref().ok().map(|searchable| VectorQuery {
                vector: searchable.vector.clone(),
                count: config.candidates,
                floor: config.find_from,
            }),
            hnsw_from: config.hnsw_from,
            now_ms: self.world.now_ms(),
            // Staleness is cut to whole seconds, so nearly one more of them has to come back.
            stale_ms: if stale_secs == 0 { 0 } else { stale_secs.saturating_add(1).saturating_mul(1000) },
            accepted_within_ms: self.access.accepted_within_ms,
            terms,
        };
        let started = self.world.ticks_ms();
        let looked = self.world.lookup(&place.at, &ask).await;
        self.timing.lookup_ms = Some(self.world.ticks_ms() - started);
        let Ok(looked) = looked else { return Verdict::Fault };
        let started = self.world.ticks_ms();
        let near = !looked.neighbours.is_empty();
        let verdict = self.judge(place, looked);
        self.timing.judge_ms = near.then(|| self.world.ticks_ms() - started);
        verdict
    }

    /// Decides what of the found entries serves. An entry that cannot be read is passed over: a miss, not an error.
    fn judge(&self, place: &Place, looked: Looked) -> Verdict {
        let Looked { exact, neighbours, turn, unproven, evidence } = looked;
        let newer_than_ms = exact.as_ref().map_or(0, |found| found.created_ms);
        let exact = exact.and_then(|found| self.open(place, found));
        let mut stale = None;
        if let Some(served) = exact {
            match served.entry.freshness {
                Freshness::Fresh(_) if self.accepts(&served.entry) => return Verdict::Exact(served),
                Freshness::Fresh(_) => {}
                Freshness::Stale(_) => stale = Some(served),
            }
        }
        let mut weighed = self.weigh(place, neighbours, evidence.as_ref());
        if let Some((served, pair)) = weighed.served {
            return Verdict::Semantic(served, pair);
        }
        let after = self.after_miss(place, &mut weighed);
        let exact_only = place.searchable.as_ref().err().copied();
        let Weighed { near, shadow, .. } = weighed;
        let why = Why::Miss { near, shadow, exact_only, unproven, stale: stale.is_some() };
        Verdict::Miss { why, stale, turn, newer_than_ms, after }
    }

    pub(super) fn accepts(&self, entry: &Entry) -> bool {
        self.directives.accept(entry.age_secs, entry.freshness, 0)
    }

    /// The answer in an entry, when it can be read.
    pub(super) fn open(&self, place: &Place, found: Found) -> Option<Served> {
        let now_ms = self.world.now_ms();
        let found_keys = Keys { exact: found.exact, ..place.keys };
        let entry = Entry {
            id: place.at.entry_id(&found.exact),
            key: found_keys.short(),
            age_secs: entry::age_secs(now_ms, found.created_ms),
            freshness: entry::freshness(now_ms, found.expires_ms),
        };
        Some(Served { completion: entry::decode(&found.stored)?, entry })
    }

    /// The same for a neighbour, whose answer belongs to another conversation.
    pub(super) fn open_detached(&self, place: &Place, found: Found) -> Result<Option<Served>, Near> {
        let Some(served) = self.open(place, found).filter(|served| self.accepts(&served.entry)) else {
            return Ok(None);
        };
        let completion = protocol::detached(&served.completion).ok_or(Near::SignedReasoning)?;
        Ok(Some(Served { completion, ..served }))
    }
}
