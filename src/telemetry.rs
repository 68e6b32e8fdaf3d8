//! What happened to a request, and the headers that say so: `Cache-Status` (RFC 9211), `Age`, `Server-Timing` and
//! nearhit's own.

use std::fmt::Write;

use crate::canonical::{Bypass, ExactOnly, NotKept};
use crate::ports::Headers;
use crate::semantic::guard::Refusal;

/// What was decided for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Answered from an entry with the same bytes.
    HitExact(Entry),
    /// Answered from an entry that means the same.
    HitSemantic(Entry, f32),
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
    /// How long it stays fresh, in seconds.
    pub ttl_secs: u64,
}

/// A miss and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// What became of the answer; nothing while it is not known.
    pub kept: Option<Kept>,
    /// The nearest neighbour that was refused.
    pub near: Option<(Refusal, f32)>,
    /// What would have been served, in shadow mode.
    pub shadow: Option<f32>,
    /// Why only equal bytes were looked for.
    pub exact_only: Option<ExactOnly>,
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

/// Milliseconds spent, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Reading the request.
    pub decode_ms: f64,
    /// Embedding the text.
    pub embed_ms: Option<f64>,
    /// Asking the shard.
    pub lookup_ms: Option<f64>,
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
            Self::HitExact(entry) | Self::HitSemantic(entry, _) => {
                add("age", entry.age_secs.to_string());
                add("x-nearhit-entry", entry.id.clone());
            }
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
        add("server-timing", timing.header());
        headers
    }

    /// The value of `Cache-Status`.
    #[must_use]
    pub fn cache_status(&self) -> String {
        match self {
            Self::HitExact(entry) => format!("{}; detail=exact", hit(entry)),
            Self::HitSemantic(entry, score) => {
                format!("{}; detail=\"semantic;score={}\"", hit(entry), score_text(*score))
            }
            Self::Miss(miss) => {
                let mut text = "nearhit; fwd=uri-miss".to_owned();
                if miss.status != 200 {
                    let _ = write!(text, "; fwd-status={}", miss.status);
                }
                text.push_str(&kept_text(miss.kept.as_ref(), miss_detail(miss)));
                text
            }
            Self::Refresh(kept) => format!("nearhit; fwd=request{}", kept_text(kept.as_ref(), None)),
            Self::Bypass(reason) => format!("nearhit; fwd=bypass; detail={}", reason.as_str()),
            Self::OnlyIfCached => "nearhit; detail=only-if-cached".to_owned(),
        }
    }
}

fn hit(entry: &Entry) -> String {
    format!("nearhit; hit; ttl={}; key=\"{}\"", entry.ttl_secs, entry.key)
}

fn miss_detail(miss: &Miss) -> Option<String> {
    match (miss.near, miss.exact_only) {
        (Some((refusal, score)), _) => Some(format!("\"near-miss:{};score={}\"", refusal.as_str(), score_text(score))),
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
