//! What a shard remembers of prompt prefixes: the last ones of each kind of requests, how often they are asked with, and
//! how many were found broken.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Rows, Shard};
use crate::cache::key::Digest;
use crate::forward::prefix::changes::{Break, Family, PartText};
use crate::ports::ShardFault;
use crate::ports::prefixes::{PrefixAnswer, PrefixKnown, PrefixSeen};

/// The rows that hold it: bytes under a family's digest, with the time of its last use. Every method is one transaction.
pub trait PrefixRows {
    /// A family's row.
    fn prefix(&self, family: &Digest) -> Result<Option<PrefixRow>, ShardFault>;
    /// All rows without their bytes, in any order; few, for the shard sees to that.
    fn prefixes(&self) -> Result<Vec<PrefixUse>, ShardFault>;
    /// Stores a family's row in place of the one before.
    fn set_prefix(&self, family: &Digest, row: &PrefixRow) -> Result<(), ShardFault>;
    /// Notes that a family was used.
    fn use_prefix(&self, family: &Digest, used_ms: u64) -> Result<(), ShardFault>;
    /// Removes a family's row.
    fn remove_prefix(&self, family: &Digest) -> Result<(), ShardFault>;
}

/// A stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRow {
    /// As it is stored.
    pub stored: Vec<u8>,
    /// When it was used last, in milliseconds since 1970.
    pub used_ms: u64,
}

/// A row without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixUse {
    /// Whose it is.
    pub family: Digest,
    /// When it was used last, in milliseconds since 1970.
    pub used_ms: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Families that a shard remembers; then the one that was used longest ago leaves.
pub const MAX_FAMILIES: usize = 64;

/// Bytes of all families that a shard remembers, compressed.
pub const MAX_PREFIX_BYTES: u64 = 4 * 1024 * 1024;

/// How long a family is remembered after its last use, in milliseconds: seven days.
pub const PREFIX_KEPT_MS: u64 = 7 * 86_400_000;

/// A family's last use is written at most this often: a request with a known prefix should cost no write.
const USE_PAUSE_MS: u64 = 3_600_000;

/// In place of a family, for the counts of breaks. They last as long as the shard holds anything else.
const BREAKS: Digest = Digest([0; 32]);

/// Prefixes whose requests are counted in one minute; those beyond count as asked with once.
const MAX_COUNTED: usize = 1_024;

const MINUTE_MS: u64 = 60_000;

/// The first byte of a stored family; another one means another layout, which reads as no family at all.
const LAYOUT: u8 = 1;

/// Level 1 of DEFLATE: a request may be waiting.
const LEVEL: u8 = 1;

/// No family inflates to more: eight prefixes of two parts of 64 KB each, and their frame.
const MAX_INFLATED_BYTES: usize = 2 * 1024 * 1024;

/// What is held in memory. The texts are not: they would take megabytes in an isolate that many objects share.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    families: HashMap<Digest, Remembered>,
    counts: Counts,
}

/// A family that has a row.
#[derive(Debug)]
struct Remembered {
    /// The digests of its prefixes, the last used first.
    digests: Vec<Digest>,
    /// When it was used last.
    used_ms: u64,
    /// The same as the row has it.
    written_ms: u64,
}

impl<R: Rows> Shard<R> {
    /// Says whether a prefix is known; when its texts were sent, what broke it.
    ///
    /// # Errors
    /// When the rows cannot be read or written.
    pub fn prefix(&mut self, ask: &PrefixSeen) -> Result<PrefixAnswer, ShardFault> {
        let requests_a_minute = self.prefixes.counts.count((ask.family, ask.digest), ask.now_ms, ask.parts.is_none());
        let known = match &ask.parts {
            Some(parts) => PrefixKnown::Noted(self.note_prefix(ask, parts)?),
            None if self.knows_prefix(ask)? => PrefixKnown::Same,
            None => PrefixKnown::Tell,
        };
        Ok(PrefixAnswer { known, requests_a_minute })
    }

    fn knows_prefix(&mut self, ask: &PrefixSeen) -> Result<bool, ShardFault> {
        if !self.prefixes.families.contains_key(&ask.family) {
            let Some(row) = self.rows.prefix(&ask.family)? else { return Ok(false) };
            let Some(record) = Record::read(&row.stored) else {
                self.rows.remove_prefix(&ask.family)?;
                return Ok(false);
            };
            let remembered = Remembered { digests: record.digests, used_ms: row.used_ms, written_ms: row.used_ms };
            self.prefixes.families.insert(ask.family, remembered);
        }
        let Some(family) = self.prefixes.families.get_mut(&ask.family) else { return Ok(false) };
        let Some(place) = family.digests.iter().position(|known| *known == ask.digest) else { return Ok(false) };
        if ask.keep {
            family.digests[..=place].rotate_right(1);
            family.used_ms = ask.now_ms;
            if ask.now_ms.saturating_sub(family.written_ms) >= USE_PAUSE_MS {
                family.written_ms = ask.now_ms;
                self.rows.use_prefix(&ask.family, ask.now_ms)?;
            }
        }
        Ok(true)
    }

    fn note_prefix(&mut self, ask: &PrefixSeen, parts: &[PartText]) -> Result<Option<Break>, ShardFault> {
        let row = self.rows.prefix(&ask.family)?;
        // A damaged family is as good as none: this one takes its place.
        let stored = row.and_then(|row| Record::read(&row.stored)?.family());
        let mut family = stored.unwrap_or_default();
        if let Some(remembered) = self.prefixes.families.get(&ask.family) {
            family.arrange(&remembered.digests);
        }
        let found = family.note(parts);
        if ask.keep {
            self.write_family(ask, &family)?;
            if let Some(found) = found {
                self.count_break(&found, ask.now_ms)?;
            }
        }
        Ok(found)
    }

    fn write_family(&mut self, ask: &PrefixSeen, family: &Family) -> Result<(), ShardFault> {
        let (digests, now_ms) = (family.digests(), ask.now_ms);
        let stored = Record::of(family, digests.clone()).and_then(|record| record.write());
        let stored = stored.map_err(|error| ShardFault(error.to_string()))?;
        self.rows.set_prefix(&ask.family, &PrefixRow { stored, used_ms: now_ms })?;
        let remembered = Remembered { digests, used_ms: now_ms, written_ms: now_ms };
        self.prefixes.families.insert(ask.family, remembered);
        self.forget_over_limits(&ask.family)
    }

    /// Forgets the families that were used longest ago until the shard is within its limits. `spared`: the one that was
    /// used just now.
    fn forget_over_limits(&mut self, spared: &Digest) -> Result<(), ShardFault> {
        let mut families = self.families()?;
        let mut bytes: u64 = families.iter().map(|family| family.bytes).sum();
        families.sort_by_key(|family| (family.family == *spared, family.used_ms));
        let mut count = families.len();
        for oldest in families {
            if count <= MAX_FAMILIES && bytes <= MAX_PREFIX_BYTES {
                break;
            }
            self.forget_family(&oldest.family)?;
            count -= 1;
            bytes -= oldest.bytes;
        }
        Ok(())
    }

    fn forget_family(&mut self, family: &Digest) -> Result<(), ShardFault> {
        self.prefixes.families.remove(family);
        self.rows.remove_prefix(family)
    }

    /// The families that have rows, with their last use as it is known in memory.
    fn families(&self) -> Result<Vec<PrefixUse>, ShardFault> {
        let mut families = self.rows.prefixes()?;
        families.retain(|family| family.family != BREAKS);
        for family in &mut families {
            if let Some(remembered) = self.prefixes.families.get(&family.family) {
                family.used_ms = remembered.used_ms;
            }
        }
        Ok(families)
    }

    /// Forgets the families that were not used for too long. Returns when the next one will be.
    pub(super) fn expire_prefixes(&mut self, now_ms: u64) -> Result<Option<u64>, ShardFault> {
        let mut next = None;
        for family in self.families()? {
            let over_ms = family.used_ms.saturating_add(PREFIX_KEPT_MS);
            if over_ms <= now_ms {
                self.forget_family(&family.family)?;
            } else {
                next = Some(next.map_or(over_ms, |next: u64| next.min(over_ms)));
            }
        }
        Ok(next)
    }

    /// The counts of breaks, by part. Those that cannot be read begin anew.
    pub(super) fn prefix_breaks(&self) -> Result<[u64; 2], ShardFault> {
        let row = self.rows.prefix(&BREAKS)?;
        Ok(row.and_then(|row| postcard::from_bytes(&row.stored).ok()).unwrap_or_default())
    }

    fn count_break(&self, found: &Break, now_ms: u64) -> Result<(), ShardFault> {
        let mut counts = self.prefix_breaks()?;
        let count = &mut counts[found.part as usize];
        *count = count.saturating_add(1);
        let stored = postcard::to_stdvec(&counts).map_err(|error| ShardFault(error.to_string()))?;
        self.rows.set_prefix(&BREAKS, &PrefixRow { stored, used_ms: now_ms })
    }
}

/// A family as it is stored: the digests can be read without inflating the texts.
#[derive(Serialize, Deserialize)]
struct Record {
    digests: Vec<Digest>,
    /// The family, in DEFLATE (RFC 1951).
    texts: Vec<u8>,
}

impl Record {
    fn of(family: &Family, digests: Vec<Digest>) -> postcard::Result<Self> {
        let texts = miniz_oxide::deflate::compress_to_vec(&postcard::to_stdvec(family)?, LEVEL);
        Ok(Self { digests, texts })
    }

    fn write(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_extend(self, vec![LAYOUT])
    }

    fn read(stored: &[u8]) -> Option<Self> {
        let (&LAYOUT, record) = stored.split_first()? else { return None };
        postcard::from_bytes(record).ok()
    }

    fn family(&self) -> Option<Family> {
        let texts = miniz_oxide::inflate::decompress_to_vec_with_limit(&self.texts, MAX_INFLATED_BYTES).ok()?;
        postcard::from_bytes(&texts).ok()
    }
}

/// Requests by family and prefix, in this minute and in the one before.
#[derive(Debug, Default)]
struct Counts {
    minute: u64,
    this: HashMap<(Digest, Digest), u32>,
    before: HashMap<(Digest, Digest), u32>,
}

impl Counts {
    /// Counts a request, if it is a new one. Returns how many there were in the last minute: those of the minute before
    /// count by the share of it that is less than a minute ago.
    fn count(&mut self, prefix: (Digest, Digest), now_ms: u64, new: bool) -> u32 {
        let minute = now_ms / MINUTE_MS;
        if minute != self.minute {
            let last = std::mem::take(&mut self.this);
            self.before = if minute == self.minute + 1 { last } else { HashMap::new() };
            self.minute = minute;
        }
        if new && (self.this.len() < MAX_COUNTED || self.this.contains_key(&prefix)) {
            let count = self.this.entry(prefix).or_default();
            *count = count.saturating_add(1);
        }
        let of = |counts: &HashMap<_, u32>| u64::from(counts.get(&prefix).copied().unwrap_or_default());
        let before = (of(&self.before) * (MINUTE_MS - now_ms % MINUTE_MS)).div_ceil(MINUTE_MS);
        u32::try_from(of(&self.this) + before).unwrap_or(u32::MAX).max(1)
    }
}
