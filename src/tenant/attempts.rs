//! Wrong admin tokens, counted by the address that they came from. An isolate counts for itself: that slows down whoever
//! guesses, and the length of the token does the rest.

use std::collections::HashMap;

/// Wrong tokens that one address may send in a window.
const MAX_WRONG: u32 = 20;

/// The length of a window, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// Addresses that are remembered; with more, those whose window is over are forgotten, and then all.
const MAX_ADDRESSES: usize = 1_000;

/// The attempts of the running windows.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<String, (u64, u32)>);

impl Attempts {
    /// How long an address has to wait, in whole seconds; nothing when it need not.
    #[must_use]
    pub fn wait_secs(&self, address: &str, now_ms: u64) -> Option<u64> {
        let (since_ms, wrong) = *self.0.get(address)?;
        let left_ms = (since_ms + WINDOW_MS).saturating_sub(now_ms);
        (wrong >= MAX_WRONG && left_ms > 0).then(|| left_ms.div_ceil(1000))
    }

    /// Notes a wrong token.
    pub fn wrong(&mut self, address: &str, now_ms: u64) {
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(address) {
            self.0.retain(|_, (since_ms, _)| now_ms < *since_ms + WINDOW_MS);
            if self.0.len() >= MAX_ADDRESSES {
                self.0.clear();
            }
        }
        let (since_ms, wrong) = self.0.entry(address.to_owned()).or_insert((now_ms, 0));
        if now_ms >= *since_ms + WINDOW_MS {
            (*since_ms, *wrong) = (now_ms, 0);
        }
        *wrong = wrong.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_twenty_wrong_tokens_an_address_waits_for_the_rest_of_the_minute() {
        let mut attempts = Attempts::default();
        for k in 0..20 {
            assert_eq!(attempts.wait_secs("a", 1_000 + k), None);
            attempts.wrong("a", 1_000 + k);
        }
        assert_eq!(attempts.wait_secs("a", 31_000), Some(30));
        assert_eq!(attempts.wait_secs("b", 31_000), None, "others need not");
        assert_eq!(attempts.wait_secs("a", 61_000), None);
        attempts.wrong("a", 61_000);
        assert_eq!(attempts.wait_secs("a", 61_001), None, "a new window begins from nothing");
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory() {
        let mut attempts = Attempts::default();
        for k in 0..5_000 {
            attempts.wrong(&k.to_string(), 1);
        }
        assert!(attempts.0.len() <= MAX_ADDRESSES);
    }
}
