//! What a shard remembers about hits by meaning: who was served from what, what was said of it, which pairs must never
//! serve again, and each scope's record.

use super::REJECTED_MS;
use super::{Gone, Indexes, Rows, Shard};
use crate::cache::key::{Digest, EntryPrefix};
use crate::ports::ShardFault;
use crate::ports::evidence::{Feedback, FeedbackDone, Note, Pair, ShardReport, Sighting};
use crate::semantic::record::ScopeRecord;
use crate::semantic::risk::Outcome;
use crate::semantic::verifier;

/// The rows that hold it. Every method is one transaction.
pub trait VerdictRows {
    /// A scope's record, as it was stored.
    fn record(&self, scope: &Digest) -> Result<Option<Vec<u8>>, ShardFault>;
    /// Stores a scope's record. Only the last changed `keep` are kept, those that were judged before all others.
    fn set_record(&self, scope: &Digest, new: &NewRecord) -> Result<(), ShardFault>;
    /// The records that were judged or changed last; at most `limit`.
    fn records(&self, limit: u32) -> Result<Vec<(Digest, Vec<u8>)>, ShardFault>;
    /// Whether a pair must never serve.
    fn is_negative(&self, pair: &Digest) -> Result<bool, ShardFault>;
    /// Remembers such a pair, for good. There is no limit: a pair takes 40 bytes, and each was somebody's word or an answer of
    /// the upstream that differed.
    fn add_negative(&self, pair: &Digest, now_ms: u64) -> Result<(), ShardFault>;
    /// How many such pairs there are.
    fn negatives(&self) -> Result<u64, ShardFault>;
    /// Remembers that a pair was served; only the last `keep` pairs of the shard are kept.
    fn add_served(&self, pair: &Pair, now_ms: u64, keep: u32) -> Result<(), ShardFault>;
    /// The pairs that were served from an entry, the last one first.
    fn served(&self, entry: &EntryPrefix) -> Result<Vec<Pair>, ShardFault>;
    /// The exact key and scope of an entry.
    fn entry(&self, entry: &EntryPrefix) -> Result<Option<(Digest, Digest)>, ShardFault>;
    /// Removes an entry.
    fn remove(&self, exact: &Digest) -> Result<Vec<Gone>, ShardFault>;
    /// Remembers a sighting; only the last `keep` are kept.
    fn add_sighting(&self, sighting: &[u8], keep: u32) -> Result<(), ShardFault>;
    /// The last sightings, the newest first.
    fn sightings(&self, limit: u32) -> Result<Vec<Vec<u8>>, ShardFault>;
    /// The text of an entry, without its answer.
    fn text(&self, exact: &Digest) -> Result<Option<String>, ShardFault>;
    /// Whether there are pairs that must never serve, or records that were judged.
    fn has_verdicts(&self) -> Result<bool, ShardFault>;
}

/// A record to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// As it is stored.
    pub stored: Vec<u8>,
    /// Whether it holds anything that must not be forgotten.
    pub judged: bool,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// How many may be kept.
    pub keep: u32,
}

/// Served pairs that are remembered until feedback comes, over the whole shard.
const MAX_SERVED: u32 = 5_000;

/// Sightings of shadow mode that are remembered.
const MAX_SIGHTINGS: u32 = 200;

/// Sightings that a report shows.
const SHOWN_SIGHTINGS: u32 = 50;

/// Scopes with a record: in a conversation in shadow mode every turn is one.
const MAX_RECORDS: u32 = 5_000;

/// Scopes that a report shows.
const SHOWN_SCOPES: u32 = 100;

/// In place of a scope, for the record that sums up the shard.
const TOTAL: Digest = Digest([0; 32]);

impl<R: Rows> Shard<R> {
    /// A scope's record; nothing when nothing was noted yet. One that cannot be read is of another layout: it is treated
    /// as none, and replaced by the next note.
    pub(super) fn record(&self, scope: &Digest) -> Result<Option<ScopeRecord>, ShardFault> {
        Ok(self.rows.record(scope)?.and_then(|stored| read_record(&stored)))
    }

    /// Whether an entry must never serve a query.
    pub(super) fn is_negative(&self, query: &Digest, entry: &Digest) -> Result<bool, ShardFault> {
        self.rows.is_negative(&Pair::id(query, entry))
    }

    /// Changes a scope's record, and the shard's sums with it.
    fn change_record(
        &self,
        scope: &Digest,
        now_ms: u64,
        act: impl Fn(&mut ScopeRecord),
    ) -> Result<ScopeRecord, ShardFault> {
        let mut total = self.record(&TOTAL)?.unwrap_or_default();
        act(&mut total);
        self.write_record(&TOTAL, total, now_ms, true)?;
        let mut record = self.record(scope)?.unwrap_or_default();
        act(&mut record);
        let judged = record.is_judged();
        self.write_record(scope, record, now_ms, judged)
    }

    fn write_record(
        &self,
        scope: &Digest,
        record: ScopeRecord,
        now_ms: u64,
        judged: bool,
    ) -> Result<ScopeRecord, ShardFault> {
        let record = ScopeRecord { model: verifier::fingerprint(), ..record };
        let stored = postcard::to_stdvec(&record).map_err(|error| ShardFault(error.to_string()))?;
        self.rows.set_record(scope, &NewRecord { stored, judged, now_ms, keep: MAX_RECORDS })?;
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
            Note::Rejected => self.accept(REJECTED_MS)?,
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
        let served = self.rows.served(&word.entry)?;
        let scope = served.first().map(|pair| pair.scope).or(entry.map(|(_, scope)| scope));
        let Some(scope) = scope else { return Ok(FeedbackDone::default()) };
        let pairs = u32::try_from(served.len()).unwrap_or(u32::MAX);
        let mut done = FeedbackDone { known: true, pairs, ..FeedbackDone::default() };
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
        // One word is one outcome: that of the hit that came last, as far as anybody can tell.
        let last = served.first();
        let record = self.change_record(&scope, now_ms, |record| match last {
            Some(pair) => record.said(pair.sure, pair.score, outcome, word.audit_share),
            None => record.counted(outcome),
        })?;
        done.record = Some((scope, record));
        Ok(done)
    }

    /// Tells what it knows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn report(&self) -> Result<ShardReport, ShardFault> {
        let totals = self.rows.totals()?;
        let stored = self.rows.records(SHOWN_SCOPES + 1)?.into_iter().filter(|(scope, _)| *scope != TOTAL);
        let mut scopes: Vec<(Digest, ScopeRecord)> =
            stored.filter_map(|(scope, record)| Some((scope, read_record(&record)?))).collect();
        scopes.sort_by_key(|(_, record)| std::cmp::Reverse(record.served + record.shadow_asked));
        let sightings = self.rows.sightings(SHOWN_SIGHTINGS)?;
        let (leases, followers) = self.leases.borrow().counts();
        let sightings: Vec<Sighting> =
            sightings.iter().filter_map(|stored| postcard::from_bytes(stored).ok()).collect();
        Ok(ShardReport {
            entries: totals.entries,
            bytes: totals.bytes,
            negatives: self.rows.negatives()?,
            total: self.record(&TOTAL)?.unwrap_or_default(),
            scopes,
            sightings: sightings.into_iter().map(|sighting| self.with_texts(sighting)).collect(),
            prefix_breaks: self.prefix_breaks()?,
            leases,
            followers,
        })
    }

    fn with_texts(&self, sighting: Sighting) -> Sighting {
        let text = |key: &Digest| self.rows.text(key).ok().flatten();
        let texts = text(&sighting.query).map(|asked| (asked, text(&sighting.entry).unwrap_or_default()));
        Sighting { texts, ..sighting }
    }
}

fn read_record(stored: &[u8]) -> Option<ScopeRecord> {
    let record: ScopeRecord = postcard::from_bytes(stored).ok()?;
    Some(record.of_model(verifier::fingerprint()))
}
