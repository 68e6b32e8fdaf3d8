//! Prefixes that a provider holds, by digest: from when they can be read, and until when.

use std::collections::HashMap;

use super::BEGINS_MS;

/// The prefixes of one cache.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(HashMap<u64, Span>);

#[derive(Clone, Copy, Debug)]
struct Span {
    readable_from_ms: u64,
    /// Nobody can read it from then on.
    ends_ms: u64,
    ttl_ms: u64,
}

impl Held {
    /// Whether a request that starts now can read the prefix.
    pub(super) fn is_readable(&self, digest: u64, now_ms: u64) -> bool {
        self.0.get(&digest).is_some_and(|span| (span.readable_from_ms..span.ends_ms).contains(&now_ms))
    }

    /// Lets the ttl begin anew at the start of a request that reads the prefix. Nothing happens when it cannot be read.
    pub(super) fn refresh(&mut self, digest: u64, now_ms: u64) {
        if self.is_readable(digest, now_ms)
            && let Some(span) = self.0.get_mut(&digest)
        {
            span.ends_ms = span.ends_ms.max(now_ms + span.ttl_ms);
        }
    }

    /// Writes the prefix: it can be read once the response has begun, and the ttl counts from the request's start.
    pub(super) fn write(&mut self, digest: u64, now_ms: u64, ttl_ms: u64) {
        let new = Span { readable_from_ms: now_ms + BEGINS_MS, ends_ms: now_ms + ttl_ms, ttl_ms };
        let span = self.0.entry(digest).or_insert(new);
        if span.ends_ms <= now_ms {
            *span = new;
        } else {
            // Two requests wrote it at nearly the same time: the earlier response makes it readable, the longer
            // ttl holds.
            span.readable_from_ms = span.readable_from_ms.min(new.readable_from_ms);
            span.ends_ms = span.ends_ms.max(new.ends_ms);
            span.ttl_ms = span.ttl_ms.max(new.ttl_ms);
        }
    }
}
