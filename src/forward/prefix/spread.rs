//! Over which `prompt_cache_key`s the requests with one prefix are spread. One key is served by one machine, which takes
//! about 15 requests a minute; what comes above that goes to machines that do not hold the prefix.

use std::collections::{HashMap, VecDeque};

use super::openai::REQUESTS_A_MINUTE;
use crate::cache::key::Digest;

/// Keys at most for one prefix.
const MAX_KEYS: u32 = 64;

/// Prefixes whose requests are counted at most; those that were not used for longest are forgotten.
const MAX_PREFIXES: usize = 512;

const MINUTE_MS: u64 = 60_000;

/// After this time without a request no machine holds the prefix any more, whatever its key.
const FORGOTTEN_MS: u64 = 10 * MINUTE_MS;

/// The requests of the last minute, by prefix.
#[derive(Clone, Debug, Default)]
pub struct Rates(HashMap<Digest, Rate>);

#[derive(Clone, Debug, Default)]
struct Rate {
    /// When requests were sent, and under which key.
    sent: VecDeque<(u64, u32)>,
    /// Keys that have been used.
    keys: u32,
    /// Requests of the last minute in all isolates, where that is known and more than ours.
    everywhere: usize,
    seen_ms: u64,
}

impl Rates {
    /// The key that a request is sent under. `continues`: it belongs to a conversation that has begun, which keeps to
    /// one key, the same in every isolate. Any other goes to the first key that has room: the fewer keys, the fewer
    /// machines have to read the prefix anew.
    pub fn assign(&mut self, prefix: Digest, session: &Digest, continues: bool, now_ms: u64) -> u32 {
        if self.0.len() >= MAX_PREFIXES && !self.0.contains_key(&prefix) {
            let oldest = self.0.iter().min_by_key(|(_, rate)| rate.seen_ms).map(|(prefix, _)| *prefix);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        let rate = self.0.entry(prefix).or_default();
        if now_ms.saturating_sub(rate.seen_ms) > FORGOTTEN_MS {
            *rate = Rate::default();
        }
        rate.seen_ms = now_ms;
        while rate.sent.front().is_some_and(|(at_ms, _)| now_ms.saturating_sub(*at_ms) >= MINUTE_MS) {
            rate.sent.pop_front();
        }
        let key = if continues { pick(session, rate.keys) } else { rate.first_with_room() };
        rate.keys = rate.keys.max(key + 1);
        rate.sent.push_back((now_ms, key));
        if rate.sent.len() > (MAX_KEYS * REQUESTS_A_MINUTE) as usize {
            rate.sent.pop_front();
        }
        key
    }

    /// Takes the shard's word for how many requests a minute have this prefix: an isolate sees its own alone.
    pub fn learn(&mut self, prefix: &Digest, requests: u32) {
        if let Some(rate) = self.0.get_mut(prefix) {
            rate.everywhere = requests as usize;
        }
    }
}

impl Rate {
    fn first_with_room(&self) -> u32 {
        // What one machine takes is shared by all isolates, as far as each has a share in the requests.
        let ours = self.sent.len() + 1;
        let room = (REQUESTS_A_MINUTE as usize * ours / self.everywhere.max(ours)).max(1);
        let mut counts = [0; MAX_KEYS as usize];
        for (_, key) in &self.sent {
            if let Some(count) = counts.get_mut(*key as usize) {
                *count += 1;
            }
        }
        let free = counts.iter().position(|count| *count < room);
        free.and_then(|key| u32::try_from(key).ok()).unwrap_or(MAX_KEYS - 1)
    }
}

/// Which of so many keys a conversation uses.
fn pick(session: &Digest, keys: u32) -> u32 {
    let [a, b, c, d, ..] = session.0;
    u32::from_be_bytes([a, b, c, d]) % keys.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: Digest = Digest([1; 32]);
    const SESSION: Digest = Digest([9; 32]);

    #[test]
    fn a_key_is_filled_before_the_next_one_is_used_and_again_when_its_minute_is_over() {
        let mut rates = Rates::default();
        let keys: Vec<u32> = (0..40).map(|i| rates.assign(PREFIX, &SESSION, false, i * 1_000)).collect();
        assert_eq!(keys.iter().filter(|key| **key == 0).count(), 15);
        assert_eq!((keys[0], keys[14], keys[15], keys[39]), (0, 0, 1, 2));
        assert_eq!(rates.assign(PREFIX, &SESSION, false, 61_000), 0);
        assert_eq!(rates.assign(Digest([2; 32]), &SESSION, false, 61_000), 0);
    }

    #[test]
    fn a_conversation_keeps_its_key() {
        let mut rates = Rates::default();
        assert_eq!(rates.assign(PREFIX, &SESSION, true, 0), 0);
        for i in 0..40 {
            rates.assign(PREFIX, &SESSION, false, i);
        }
        let keys: Vec<u32> = (0..20).map(|i| rates.assign(PREFIX, &SESSION, true, 100 + i)).collect();
        assert!(keys.iter().all(|key| *key == keys[0] && *key < 3));
    }

    #[test]
    fn an_isolate_with_a_small_share_of_the_requests_fills_a_small_share_of_a_key() {
        let mut rates = Rates::default();
        rates.assign(PREFIX, &SESSION, false, 0);
        rates.learn(&PREFIX, 30);
        let keys: Vec<u32> = (1..6).map(|i| rates.assign(PREFIX, &SESSION, false, i)).collect();
        // With 2 to 6 requests of 30 of its own it may fill 1, 1, 2, 2 and 3 of a key's 15.
        assert_eq!(keys, [1, 2, 0, 1, 0]);
    }

    #[test]
    fn memory_is_bounded_and_what_is_long_ago_is_forgotten() {
        let mut rates = Rates::default();
        for k in 0..2_000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&k.to_be_bytes());
            rates.assign(Digest(digest), &SESSION, false, u64::from(k));
        }
        assert!(rates.0.len() <= MAX_PREFIXES);
        for _ in 0..5_000 {
            assert!(rates.assign(PREFIX, &SESSION, false, 3_000) < MAX_KEYS);
        }
        assert!(rates.0[&PREFIX].sent.len() <= 960);
        assert_eq!(rates.assign(PREFIX, &SESSION, true, 3_000 + FORGOTTEN_MS + 1), 0);
    }
}
