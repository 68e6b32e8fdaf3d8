//! What a shard remembers about hits by meaning: who was served from what, what was said of it, which pairs must never
//! serve again, and each scope's record.

use super::{Gone, Indexes, Rows, Shard};
use crate::cache::key::Digest;
use crate::ports::ShardFault;
use crate::ports::evidence::{EntryPrefix, Feedback, FeedbackDone, Note, Pair, ShardReport, Sighting};
use crate::semantic::record::ScopeRecord;
use crate::semantic::risk::Outcome;

/// The rows that hold it. Every method is one transaction.
pub trait VerdictRows {
    /// A scope's record, as it was stored.
    fn record(&self, scope: &Digest) -> Result<Option<Vec<u8>>, ShardFault>;
    /// Stores a scope's record.
    fn set_record(&self, scope: &Digest, record: &[u8], now_ms: u64) -> Result<(), ShardFault>;
    /// All records, the last changed first; at most `limit`.
    fn records(&self, limit: u32) -> Result<Vec<(Digest, Vec<u8>)>, ShardFault>;
    /// Whether a pair must never serve.
    fn is_negative(&self, pair: &Digest) -> Result<bool, ShardFault>;
    /// Remembers such a pair, for good. There is no limit: a pair takes 40 bytes, and each was an audit or somebody's word.
    fn add_negative(&self, pair: &Digest, now_ms: u64) -> Result<(), ShardFault>;
    /// How many such pairs there are.
    fn negatives(&self) -> Result<u64, ShardFault>;
    /// Remembers who was served from an entry; only the last `keep` of the shard are kept.
    fn add_served(&self, pair: &Pair, now_ms: u64, keep: u32) -> Result<(), ShardFault>;
    /// Takes out who was served from an entry and has not been judged.
    fn take_served(&self, entry: &EntryPrefix) -> Result<Vec<Served>, ShardFault>;
    /// The exact key and scope of an entry.
    fn entry(&self, entry: &EntryPrefix) -> Result<Option<(Digest, Digest)>, ShardFault>;
    /// Removes an entry.
    fn remove(&self, exact: &Digest) -> Result<Vec<Gone>, ShardFault>;
    /// Remembers a sighting; only the last `keep` are kept.
    fn add_sighting(&self, sighting: &[u8], keep: u32) -> Result<(), ShardFault>;
    /// The last sightings, the newest first.
    fn sightings(&self, limit: u32) -> Result<Vec<Vec<u8>>, ShardFault>;
    /// Whether any of this is there.
    fn has_verdicts(&self) -> Result<bool, ShardFault>;
}

/// Somebody was served from an entry.
pub type Served = Pair;

/// Served hits that are remembered until feedback comes, over the whole shard.
const MAX_SERVED: u32 = 5_000;

/// Sightings of shadow mode that are remembered.
const MAX_SIGHTINGS: u32 = 200;

/// Sightings that a report shows.
const SHOWN_SIGHTINGS: u32 = 50;

/// Scopes with a record that are read for a report, and those that are listed in it.
const MAX_RECORDS: u32 = 5_000;
const SHOWN_SCOPES: usize = 100;

impl<R: Rows> Shard<R> {
    /// A scope's record; nothing when nothing was noted yet. One that cannot be read is of another layout: it is treated
    /// as none, and replaced by the next note.
    pub(super) fn record(&self, scope: &Digest) -> Result<Option<ScopeRecord>, ShardFault> {
        Ok(self.rows.record(scope)?.and_then(|stored| postcard::from_bytes(&stored).ok()))
    }

    /// Whether an entry must never serve a query.
    pub(super) fn is_negative(&self, query: &Digest, entry: &Digest) -> Result<bool, ShardFault> {
        self.rows.is_negative(&Pair::id(query, entry))
    }

    fn change_record(
        &self,
        scope: &Digest,
        now_ms: u64,
        act: impl FnOnce(&mut ScopeRecord),
    ) -> Result<ScopeRecord, ShardFault> {
        let mut record = self.record(scope)?.unwrap_or_default();
        act(&mut record);
        let stored = postcard::to_stdvec(&record).map_err(|error| ShardFault(error.to_string()))?;
        self.rows.set_record(scope, &stored, now_ms)?;
        Ok(record)
    }

    /// Remembers something.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn note(&mut self, note: &Note, now_ms: u64) -> Result<(), ShardFault> {
        match note {
            Note::Served(pair) => {
                self.count_hit(pair.entry);
                self.rows.add_served(pair, now_ms, MAX_SERVED)?;
                self.change_record(&pair.scope, now_ms, |record| record.served += 1)?;
            }
            Note::Compared(pair, occasion, likeness) => {
                if likeness.agreed() == Some(false) {
                    self.rows.add_negative(&Pair::id(&pair.query, &pair.entry), now_ms)?;
                }
                self.change_record(&pair.scope, now_ms, |record| {
                    record.compared(*occasion, pair.sure, pair.score, *likeness);
                })?;
            }
            Note::Shadow { scope, sighting } => {
                self.change_record(scope, now_ms, |record| record.shadow_asked += 1)?;
                if let Some(sighting) = sighting {
                    let sighting = Sighting { at_ms: now_ms, texts: None, ..sighting.clone() };
                    let stored = postcard::to_stdvec(&sighting).map_err(|error| ShardFault(error.to_string()))?;
                    self.rows.add_sighting(&stored, MAX_SIGHTINGS)?;
                }
            }
        }
        Ok(())
    }

    /// Takes somebody's word on an entry. `bad` removes it; the pairs of texts that it has served never serve again, and
    /// the scope becomes stricter.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn feedback(
        &mut self,
        word: &Feedback,
        now_ms: u64,
        indexes: &mut Indexes,
    ) -> Result<FeedbackDone, ShardFault> {
        let entry = self.rows.entry(&word.entry)?;
        let served = self.rows.take_served(&word.entry)?;
        let scope = served.first().map(|pair| pair.scope).or(entry.map(|(_, scope)| scope));
        let Some(scope) = scope else { return Ok(FeedbackDone::default()) };
        let mut done = FeedbackDone { known: true, judged: served.len() as u32, ..FeedbackDone::default() };
        let outcome = word.outcome();
        if outcome == Outcome::Bad {
            for pair in &served {
                self.rows.add_negative(&Pair::id(&pair.query, &pair.entry), now_ms)?;
            }
            if let Some((exact, _)) = entry {
                let gone = self.rows.remove(&exact)?;
                done.evicted = !gone.is_empty();
                self.forget(&gone, indexes)?;
            }
        }
        if !served.is_empty() {
            let record = self.change_record(&scope, now_ms, |record| {
                served.iter().for_each(|pair| record.said(pair.sure, pair.score, outcome));
            })?;
            done.record = Some((scope, record));
        }
        Ok(done)
    }

    /// Tells what it knows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn report(&self) -> Result<ShardReport, ShardFault> {
        let totals = self.rows.totals()?;
        let stored = self.rows.records(MAX_RECORDS)?;
        let mut scopes: Vec<(Digest, ScopeRecord)> = stored
            .into_iter()
            .filter_map(|(scope, record)| Some((scope, postcard::from_bytes(&record).ok()?)))
            .collect();
        scopes.sort_by_key(|(_, record)| std::cmp::Reverse(record.served + record.shadow_asked));
        let mut rest = ScopeRecord::default();
        let rest_count = scopes.len().saturating_sub(SHOWN_SCOPES) as u64;
        scopes.drain(scopes.len().min(SHOWN_SCOPES)..).for_each(|(_, record)| rest.add(&record));
        let sightings = self.rows.sightings(SHOWN_SIGHTINGS)?;
        let sightings: Vec<Sighting> =
            sightings.iter().filter_map(|stored| postcard::from_bytes(stored).ok()).collect();
        Ok(ShardReport {
            entries: totals.entries,
            bytes: totals.bytes,
            negatives: self.rows.negatives()?,
            scopes,
            rest,
            rest_count,
            sightings: sightings.into_iter().map(|sighting| self.with_texts(sighting)).collect(),
        })
    }

    fn with_texts(&self, sighting: Sighting) -> Sighting {
        let text = |key: &Digest| self.rows.by_key(key).ok().flatten().and_then(|row| row.text);
        let texts = text(&sighting.query).zip(text(&sighting.entry));
        Sighting { texts, ..sighting }
    }
}
