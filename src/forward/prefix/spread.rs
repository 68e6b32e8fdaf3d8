//! Over how many `prompt_cache_key`s the requests with one prefix are spread. One key is served by one machine, which
//! takes about 15 requests a minute; what comes above that goes to machines that do not hold the prefix.

use std::collections::HashMap;

use super::openai::REQUESTS_A_MINUTE;
use crate::cache::key::Digest;

/// Keys at most for one prefix.
const MAX_KEYS: u32 = 64;

/// Prefixes whose requests are counted at most; those that were not used for longest are forgotten.
const MAX_PREFIXES: usize = 512;

const MINUTE_MS: u64 = 60_000;

/// The requests of the last minutes, by prefix.
#[derive(Clone, Debug, Default)]
pub struct Rates(HashMap<Digest, Rate>);

#[derive(Clone, Copy, Debug)]
struct Rate {
    minute: u64,
    this: u32,
    last: u32,
    /// The number of keys never falls while requests keep coming: a key that is left is a cache that is left.
    keys: u32,
    seen_ms: u64,
}

impl Rates {
    /// Takes another's word for how many requests a minute have this prefix: an isolate sees its own alone.
    pub fn learn(&mut self, prefix: Digest, requests: u32, now_ms: u64) {
        if let Some(rate) = self.0.get_mut(&prefix).filter(|rate| rate.minute == now_ms / MINUTE_MS) {
            rate.this = rate.this.max(requests);
        }
    }

    /// Counts a request with this prefix, and tells over how many keys they are spread.
    pub fn count(&mut self, prefix: Digest, now_ms: u64) -> u32 {
        if self.0.len() >= MAX_PREFIXES && !self.0.contains_key(&prefix) {
            let oldest = self.0.iter().min_by_key(|(_, rate)| rate.seen_ms).map(|(prefix, _)| *prefix);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        let minute = now_ms / MINUTE_MS;
        let fresh = Rate { minute, this: 0, last: 0, keys: 1, seen_ms: now_ms };
        let rate = self.0.entry(prefix).or_insert(fresh);
        match minute.saturating_sub(rate.minute) {
            0 => {}
            1 => (rate.last, rate.this) = (rate.this, 0),
            // Nothing for a while: the provider has forgotten the prefix, whatever its key.
            2..=10 => (rate.last, rate.this) = (0, 0),
            _ => *rate = fresh,
        }
        (rate.minute, rate.seen_ms) = (minute, now_ms);
        rate.this = rate.this.saturating_add(1);
        let busiest = rate.this.max(rate.last);
        // A power of two, so that of two steps every key of the first is one of the second.
        rate.keys = rate.keys.max(busiest.div_ceil(REQUESTS_A_MINUTE).next_power_of_two().min(MAX_KEYS));
        rate.keys
    }
}

/// Which of so many keys a conversation uses.
#[must_use]
pub fn pick(session: &Digest, keys: u32) -> u32 {
    let [a, b, c, d, ..] = session.0;
    u32::from_be_bytes([a, b, c, d]) % keys.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_with_the_rate_and_stay_while_it_lasts() {
        let mut rates = Rates::default();
        let prefix = Digest([1; 32]);
        let keys: Vec<u32> = (0..40).map(|i| rates.count(prefix, i * 1000)).collect();
        assert_eq!((keys[0], keys[14], keys[15], keys[30], keys[39]), (1, 1, 2, 4, 4));
        assert_eq!(rates.count(prefix, 3 * MINUTE_MS), 4);
        assert_eq!(rates.count(prefix, 60 * MINUTE_MS), 1);
        assert_eq!(rates.count(Digest([2; 32]), 0), 1);
    }

    #[test]
    fn memory_is_bounded_and_a_conversation_keeps_its_key() {
        let mut rates = Rates::default();
        for k in 0..2_000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&k.to_be_bytes());
            rates.count(Digest(digest), u64::from(k));
        }
        assert!(rates.0.len() <= MAX_PREFIXES);
        let session = Digest([0xab; 32]);
        // With twice the keys it is the same one or its twin.
        assert_eq!(pick(&session, 8) % 4, pick(&session, 4));
        assert_eq!(pick(&session, 0), 0);
    }
}
