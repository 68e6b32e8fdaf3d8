//! What happened to a request, and the headers that say so: `Cache-Status` (RFC 9211), `Age`, `Server-Timing` and
//! nearhit's own.

use std::fmt::Write;

use crate::cache::entry::Freshness;
use crate::canonical::{Bypass, ExactOnly, NotKept};
use crate::ledger::record::Kind;
use crate::ports::entries::Stored;
use crate::ports::{Headers, ShardFault};
use crate::semantic::decision::{Refused, Shy};
use crate::semantic::guard::Difference;

/// What was decided for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Answered from an entry with the same bytes.
    HitExact(Entry),
    /// Answered from an entry that means the same.
    HitSemantic(Entry, f32),
    /// Answered from a stale entry.
    HitStale(Entry, Stale),
    /// Answered by what another request was asking for at the same time; from the entry that it made, or live.
    Collapsed(Option<Entry>),
    /// A batch, answered by parts: so many of so many were there. The rest was asked for, unless all were.
    Batch(Batch),
    /// Sent upstream after a lookup that found nothing to serve.
    Miss(Miss),
    /// Sent upstream without a lookup, on the request's word (`no-cache`); the new answer may be kept.
    Refresh(Option<Kept>),
    /// Past the cache.
    Bypass(Bypass),
    /// Nothing stored matches, and the request wants nothing else.
    OnlyIfCached,
}

/// The entry that served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The first digits of its key.
    pub key: String,
    /// Its age in seconds.
    pub age_secs: u64,
    /// How long it stays fresh, or has been stale.
    pub freshness: Freshness,
}

/// Why a stale entry served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// `max-stale` in the request.
    MaxStale,
    /// `stale_while_revalidate_secs` in the configuration (RFC 5861 section 3).
    WhileRevalidate,
    /// `stale_if_error_secs` in the configuration (RFC 5861 section 4): the upstream failed with this status.
    IfError(u16),
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Parts that were there.
    pub hits: usize,
    /// Parts that were asked for.
    pub parts: usize,
    /// The oldest of the entries that served; its freshness is the shortest of them.
    pub oldest: Option<Entry>,
    /// What became of the parts that were not there.
    pub kept: Option<Kept>,
    /// Another request was asking for them already.
    pub collapsed: bool,
    /// The upstream's status.
    pub status: u16,
}

/// Why a near entry did not serve.
#[derive(Clone, Debug, PartialEq)]
pub enum Near {
    /// A gate refused the pair of texts.
    Refused(Refused),
    /// Its score is not enough.
    Shy(Shy),
    /// Its answer cannot be continued without reasoning that is signed for another conversation.
    SignedReasoning,
}

impl Near {
    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.as_str(),
            Self::Shy(shy) => shy.as_str(),
            Self::SignedReasoning => "signed-reasoning",
        }
    }

    /// The reason and the score, and where there are, the two spans that differ or the threshold:
    /// `numbers;score=0.965;here=15;there=51`.
    #[must_use]
    pub fn detail(&self, score: f32) -> String {
        let mut text = format!("{};score={}", self.as_str(), score_text(score));
        match self {
            Self::Refused(Refused::Guard(Difference { here, there, .. })) => {
                for (name, span) in [("here", here), ("there", there)] {
                    if !span.is_empty() {
                        let _ = write!(text, ";{name}={}", plain(span));
                    }
                }
            }
            Self::Shy(Shy::BelowThreshold(threshold)) => {
                let _ = write!(text, ";threshold={threshold:.3}");
            }
            Self::Refused(_) | Self::Shy(Shy::BudgetSpent) | Self::SignedReasoning => {}
        }
        text
    }
}

/// A span of a text as a header may carry it: percent-encoded where it is not plain ASCII (RFC 3986 section 2.1).
fn plain(span: &str) -> String {
    let mut text = String::new();
    for byte in span.bytes() {
        match byte {
            b'"' | b'\\' | b';' | b'%' | b'=' | ..b' ' | 0x7f.. => {
                let _ = write!(text, "%{byte:02X}");
            }
            byte => text.push(char::from(byte)),
        }
    }
    text
}

/// A miss and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// What became of the answer; nothing while it is not known.
    pub kept: Option<Kept>,
    /// The nearest neighbour that was refused.
    pub near: Option<(Near, f32)>,
    /// What would have been served, in shadow mode.
    pub shadow: Option<f32>,
    /// Why only equal bytes were looked for.
    pub exact_only: Option<ExactOnly>,
    /// The provider has not accepted the caller's key for too long, so nothing was looked for.
    pub unproven: bool,
    /// There is an entry with the same bytes, but it is stale.
    pub stale: bool,
    /// The upstream's status.
    pub status: u16,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is, or with a stream will be when it ends well, an entry with this id.
    Stored(String),
    /// It is not kept.
    Not(NotKept),
}

impl Kept {
    /// What came of storing the entry with this id.
    #[must_use]
    pub fn of(stored: Result<Stored, ShardFault>, id: String) -> Self {
        match stored {
            Ok(Stored::All) => Self::Stored(id),
            Ok(Stored::Purged) => Self::Not(NotKept::Purged),
            Err(_) => Self::Not(NotKept::CacheFault),
        }
    }
}

/// Milliseconds spent, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Reading the request.
    pub decode_ms: f64,
    /// Embedding the text.
    pub embed_ms: Option<f64>,
    /// Asking the shard.
    pub lookup_ms: Option<f64>,
    /// Judging the neighbours.
    pub judge_ms: Option<f64>,
    /// Waiting for the upstream's headers.
    pub upstream_ms: Option<f64>,
    /// Writing the entry.
    pub store_ms: Option<f64>,
}

impl Timing {
    /// The value of `Server-Timing`.
    #[must_use]
    pub fn header(&self) -> String {
        let parts = [
            ("decode", Some(self.decode_ms)),
            ("embed", self.embed_ms),
            ("lookup", self.lookup_ms),
            ("judge", self.judge_ms),
            ("upstream", self.upstream_ms),
            ("store", self.store_ms),
        ];
        let parts: Vec<String> =
            parts.iter().filter_map(|(name, ms)| Some(format!("{name};dur={:.1}", (*ms)?))).collect();
        parts.join(", ")
    }
}

impl Decision {
    /// The headers that tell the client.
    #[must_use]
    pub fn headers(&self, timing: &Timing) -> Headers {
        let mut headers = vec![("cache-status".to_owned(), self.cache_status())];
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        match self {
            Self::HitExact(entry)
            | Self::HitSemantic(entry, _)
            | Self::HitStale(entry, _)
            | Self::Collapsed(Some(entry)) => {
                add("age", entry.age_secs.to_string());
                add("x-nearhit-entry", entry.id.clone());
            }
            Self::Batch(Batch { oldest: Some(entry), .. }) => add("age", entry.age_secs.to_string()),
            Self::Miss(Miss { kept: Some(Kept::Stored(id)), .. }) | Self::Refresh(Some(Kept::Stored(id))) => {
                add("x-nearhit-entry", id.clone());
            }
            _ => {}
        }
        match self {
            Self::HitSemantic(_, score) => add("x-nearhit-score", score_text(*score)),
            Self::Miss(Miss { near: Some((_, score)), .. }) => add("x-nearhit-score", score_text(*score)),
            Self::Miss(Miss { shadow: Some(score), .. }) => {
                add("x-nearhit-shadow", format!("would-hit;score={}", score_text(*score)));
            }
            _ => {}
        }
        if self.costs_nothing() {
            add("x-nearhit-cost-usd", "0".to_owned());
        }
        add("server-timing", timing.header());
        headers
    }

    /// What became of the request, and why, for the ledger.
    #[must_use]
    pub fn outcome(&self) -> (Kind, String) {
        let named = |kind, reason: &str| (kind, reason.to_owned());
        match self {
            Self::HitExact(_) => named(Kind::HitExact, ""),
            Self::HitSemantic(..) => named(Kind::HitSemantic, ""),
            Self::HitStale(_, Stale::MaxStale) => named(Kind::HitStale, "max-stale"),
            Self::HitStale(_, Stale::WhileRevalidate) => named(Kind::HitStale, "stale-while-revalidate"),
            Self::HitStale(_, Stale::IfError(_)) => named(Kind::HitStale, "stale-if-error"),
            Self::Collapsed(_) => named(Kind::Collapsed, ""),
            Self::Batch(batch) if batch.collapsed => named(Kind::Collapsed, ""),
            Self::Batch(batch) if batch.hits == batch.parts => named(Kind::HitExact, ""),
            Self::Batch(batch) if batch.hits > 0 => named(Kind::Miss, "partial"),
            Self::Batch(_) => named(Kind::Miss, ""),
            Self::Miss(Miss { unproven: true, .. }) => named(Kind::Miss, "key-unproven"),
            Self::Miss(Miss { near: Some((near, _)), .. }) => (Kind::Miss, format!("near-miss:{}", near.as_str())),
            Self::Miss(Miss { shadow: Some(_), .. }) => named(Kind::Miss, "would-hit"),
            Self::Miss(Miss { stale: true, .. }) => named(Kind::Miss, "stale"),
            Self::Miss(Miss { exact_only: Some(reason), .. }) => named(Kind::Miss, reason.as_str()),
            Self::Miss(_) => named(Kind::Miss, ""),
            Self::Refresh(_) => named(Kind::Refresh, ""),
            Self::Bypass(reason) => named(Kind::Bypass, reason.as_str()),
            Self::OnlyIfCached => named(Kind::Failed, "only-if-cached"),
        }
    }

    /// The score of the entry that served or nearly did, and the entry that there is of it.
    #[must_use]
    pub fn nearness(&self) -> Option<(f32, String)> {
        match self {
            Self::HitSemantic(entry, score) => Some((*score, entry.id.clone())),
            Self::Miss(Miss { near: Some((_, score)), kept, .. })
            | Self::Miss(Miss { shadow: Some(score), kept, .. }) => {
                let id = if let Some(Kept::Stored(id)) = kept { id.clone() } else { String::new() };
                Some((*score, id))
            }
            _ => None,
        }
    }

    /// Whether the provider bills nothing for this answer, whatever its usage says.
    fn costs_nothing(&self) -> bool {
        match self {
            Self::HitExact(_) | Self::HitSemantic(..) | Self::HitStale(..) | Self::Collapsed(_) => true,
            Self::Batch(batch) => batch.hits == batch.parts || batch.collapsed,
            Self::Miss(_) | Self::Refresh(_) | Self::Bypass(_) | Self::OnlyIfCached => false,
        }
    }

    /// The value of `Cache-Status`.
    #[must_use]
    pub fn cache_status(&self) -> String {
        match self {
            Self::HitExact(entry) => format!("{}; detail=exact", hit(entry)),
            Self::HitSemantic(entry, score) => {
                format!("{}; detail=\"semantic;score={}\"", hit(entry), score_text(*score))
            }
            Self::HitStale(entry, Stale::MaxStale) => format!("{}; detail=max-stale", hit(entry)),
            Self::HitStale(entry, Stale::WhileRevalidate) => format!("{}; detail=stale-while-revalidate", hit(entry)),
            Self::HitStale(entry, Stale::IfError(status)) => {
                format!("{}; detail=\"stale-if-error;status={status}\"", hit(entry))
            }
            Self::Collapsed(_) => "nearhit; fwd=uri-miss; collapsed; detail=collapsed".to_owned(),
            Self::Batch(batch) => batch_status(batch),
            Self::Miss(miss) => {
                let fwd = if miss.stale { "stale" } else { "uri-miss" };
                forwarded(fwd, miss.status) + &kept_text(miss.kept.as_ref(), miss_detail(miss))
            }
            Self::Refresh(kept) => format!("nearhit; fwd=request{}", kept_text(kept.as_ref(), None)),
            Self::Bypass(reason) => format!("nearhit; fwd=bypass; detail={}", reason.as_str()),
            Self::OnlyIfCached => "nearhit; detail=only-if-cached".to_owned(),
        }
    }
}

fn hit(entry: &Entry) -> String {
    format!("nearhit; hit; ttl={}; key=\"{}\"", entry.freshness.ttl_secs(), entry.key)
}

fn forwarded(fwd: &str, status: u16) -> String {
    let mut text = format!("nearhit; fwd={fwd}");
    if status != 200 {
        let _ = write!(text, "; fwd-status={status}");
    }
    text
}

fn batch_status(batch: &Batch) -> String {
    let Batch { hits, parts, oldest, kept, collapsed, status } = batch;
    match oldest {
        Some(entry) if hits == parts && !collapsed => format!("{}; detail=exact", hit(entry)),
        _ if *collapsed => "nearhit; fwd=uri-miss; collapsed; detail=collapsed".to_owned(),
        _ => {
            let fwd = if *hits > 0 { "partial" } else { "uri-miss" };
            let detail = (*hits > 0).then(|| format!("\"exact;hits={hits}/{parts}\""));
            forwarded(fwd, *status) + &kept_text(kept.as_ref(), detail)
        }
    }
}

fn miss_detail(miss: &Miss) -> Option<String> {
    if miss.unproven {
        return Some("key-unproven".to_owned());
    }
    match (&miss.near, miss.exact_only) {
        (Some((near, score)), _) => Some(format!("\"near-miss:{}\"", near.detail(*score))),
        (None, Some(reason)) => Some(reason.as_str().to_owned()),
        (None, None) => None,
    }
}

fn kept_text(kept: Option<&Kept>, detail: Option<String>) -> String {
    let mut text = String::new();
    let detail = match kept {
        Some(Kept::Stored(_)) => {
            text.push_str("; stored");
            detail
        }
        Some(Kept::Not(reason)) => Some(reason.as_str().to_owned()),
        None => detail,
    };
    if let Some(detail) = detail {
        let _ = write!(text, "; detail={detail}");
    }
    text
}

fn score_text(score: f32) -> String {
    format!("{score:.3}")
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
