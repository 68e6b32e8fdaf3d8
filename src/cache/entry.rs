//! The stored form of an answer, and how long it stays fresh.

use crate::canonical::{Completion, NotKept};

/// The largest compressed answer that is kept: a row of the shard holds at most 2 MB, the text and keys included.
pub const MAX_STORED_BYTES: usize = 1_500_000;

/// The first byte of every stored answer; another one means another layout, which reads as no answer at all.
const LAYOUT: u8 = 2;

/// Level 1 of DEFLATE: answers are small, and the request waits.
const LEVEL: u8 = 1;

/// The bytes that go into the row: a layout byte, then DEFLATE (RFC 1951) over JSON.
///
/// # Errors
/// [`NotKept::TooLarge`] when the result is over [`MAX_STORED_BYTES`].
pub fn encode(completion: &Completion) -> Result<Vec<u8>, NotKept> {
    let json = serde_json::to_vec(completion).map_err(|_| NotKept::Unreadable)?;
    let mut stored = vec![LAYOUT];
    stored.extend(miniz_oxide::deflate::compress_to_vec(&json, LEVEL));
    if stored.len() > MAX_STORED_BYTES { Err(NotKept::TooLarge) } else { Ok(stored) }
}

/// The answer in a row; nothing when the row is damaged or of another layout, which makes the lookup a miss.
#[must_use]
pub fn decode(stored: &[u8]) -> Option<Completion> {
    /// No answer of [`MAX_STORED_BYTES`] that a model wrote inflates to more.
    const MAX_INFLATED_BYTES: usize = 64 * 1024 * 1024;
    let (&LAYOUT, deflated) = stored.split_first()? else { return None };
    let json = miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, MAX_INFLATED_BYTES).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The largest compressed request that is kept beside its answer.
pub const MAX_PROMPT_BYTES: usize = 256 * 1024;

/// A request's body as it is kept for export: a layout byte, then DEFLATE. Nothing when it is over [`MAX_PROMPT_BYTES`].
#[must_use]
pub fn encode_prompt(body: &[u8]) -> Option<Vec<u8>> {
    let mut kept = vec![LAYOUT];
    kept.extend(miniz_oxide::deflate::compress_to_vec(body, LEVEL));
    (kept.len() <= MAX_PROMPT_BYTES).then_some(kept)
}

/// The body again; nothing when it is damaged or of another layout.
#[must_use]
pub fn decode_prompt(kept: &[u8]) -> Option<Vec<u8>> {
    /// A body that compresses as well as this is nothing to learn from.
    const MAX_INFLATED_BYTES: usize = 16 * 1024 * 1024;
    let (&LAYOUT, deflated) = kept.split_first()? else { return None };
    miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, MAX_INFLATED_BYTES).ok()
}

/// The age in whole seconds of something made at `created_ms`, as the header `Age` wants it.
#[must_use]
pub fn age_secs(now_ms: u64, created_ms: u64) -> u64 {
    now_ms.saturating_sub(created_ms) / 1000
}

/// Whether an entry is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It stays fresh for so many whole seconds.
    Fresh(u64),
    /// It went stale so many whole seconds ago.
    Stale(u64),
}

impl Freshness {
    /// The `ttl` of RFC 9211, which is negative when the entry is stale.
    #[must_use]
    pub fn ttl_secs(self) -> i64 {
        let signed = |secs| i64::try_from(secs).unwrap_or(i64::MAX);
        match self {
            Self::Fresh(secs) => signed(secs),
            Self::Stale(secs) => -signed(secs),
        }
    }

    /// Whether it is stale, and has been for at most this long. With 0 nothing stale is, not even in its first second.
    #[must_use]
    pub fn is_stale_within(self, most_secs: u64) -> bool {
        matches!(self, Self::Stale(secs) if most_secs > 0 && secs <= most_secs)
    }
}

/// The freshness of something that goes stale at `expires_ms`.
#[must_use]
pub fn freshness(now_ms: u64, expires_ms: u64) -> Freshness {
    if now_ms < expires_ms {
        Freshness::Fresh((expires_ms - now_ms) / 1000)
    } else {
        Freshness::Stale((now_ms - expires_ms) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Completion {
        crate::protocol::Generation::Chat
            .read_body(
                serde_json::json!({"model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text}}]})
                .to_string()
                .as_bytes(),
            )
            .unwrap()
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let completion = answer("é\u{0}\n🦀");
        assert_eq!(decode(&encode(&completion).unwrap()), Some(completion));
    }

    #[test]
    fn a_damaged_row_reads_as_nothing() {
        let stored = encode(&answer("a long enough answer, a long enough answer")).unwrap();
        for cut in 0..stored.len() {
            assert_eq!(decode(&stored[..cut]), None, "cut at byte {cut}");
        }
        let mut other = stored.clone();
        other[0] = 1;
        assert_eq!(decode(&other), None);
    }

    /// Text that does not compress: a linear congruential generator's digits.
    fn noise(length: usize) -> String {
        let mut state = 1u64;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + ((state >> 33) % 90) as u8)
            })
            .collect()
    }

    #[test]
    fn an_answer_larger_than_a_row_is_refused() {
        assert_eq!(encode(&answer(&noise(3_000_000))), Err(NotKept::TooLarge));
    }

    #[test]
    fn a_prompt_is_read_again_and_one_that_is_too_large_is_not_kept() {
        let body = "{\"model\": \"m\"}".repeat(1_000);
        let kept = encode_prompt(body.as_bytes()).unwrap();
        assert!(kept.len() < body.len() / 10);
        assert_eq!(decode_prompt(&kept), Some(body.into_bytes()));
        assert_eq!(decode_prompt(&kept[..kept.len() / 2]), None);
        assert_eq!(decode_prompt(&[9, 1, 2]), None);
        assert_eq!(encode_prompt(noise(400_000).as_bytes()), None);
    }
}
