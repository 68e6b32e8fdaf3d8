//! Asking again: after which faults, after how long, and when an upstream is left in peace.

use std::collections::HashMap;

/// Why an attempt came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There was no connection, or it broke before the answer began.
    Connect,
    /// The answer did not begin in time.
    TimedOut,
    /// It began with this status.
    Status(u16),
}

impl Fault {
    /// The fault in a status, when it is one that may pass.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        matches!(status, 408 | 409 | 429 | 500..).then_some(Self::Status(status))
    }

    /// Whether the same upstream is worth another attempt. One that was silent for the whole time limit is not.
    #[must_use]
    pub fn may_pass(self) -> bool {
        self != Self::TimedOut
    }

    /// Whether it speaks against the upstream as a whole, and not against one request.
    #[must_use]
    pub fn is_outage(self) -> bool {
        match self {
            Self::Connect | Self::TimedOut => true,
            Self::Status(status) => status >= 500,
        }
    }

    /// The fault as it is shown.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Connect => "unreachable".to_owned(),
            Self::TimedOut => "timed-out".to_owned(),
            Self::Status(status) => status.to_string(),
        }
    }
}

/// The first wait, in milliseconds; each further one is twice as long.
const FIRST_WAIT_MS: u64 = 250;

/// The longest wait that is our own choice, in milliseconds.
const MAX_WAIT_MS: u64 = 8_000;

/// How long to wait before the attempt after the `attempt`-th (from 0), in milliseconds; nothing when the upstream wants
/// to be left alone for longer than `patience_ms`. Exponential backoff with full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>): `random` spreads those who failed together.
#[must_use]
pub fn wait_ms(attempt: u32, random: u32, retry_after_ms: Option<u64>, patience_ms: u64) -> Option<u64> {
    let most = FIRST_WAIT_MS.saturating_mul(1 << attempt.min(16)).min(MAX_WAIT_MS);
    let jitter = (most * u64::from(random)) >> 32;
    match retry_after_ms {
        Some(asked) if asked > patience_ms => None,
        // Not before the time that was asked for, and not all at that time.
        Some(asked) => Some(asked + jitter.min(FIRST_WAIT_MS)),
        None => Some(jitter),
    }
}

/// What an answer says about when to come again, in milliseconds: `retry-after-ms`, or `Retry-After` in seconds or as a
/// date (RFC 9110 section 10.2.3).
#[must_use]
pub fn retry_after_ms<'a>(header: impl Fn(&str) -> Option<&'a str>, now_ms: u64) -> Option<u64> {
    if let Some(ms) = header("retry-after-ms").and_then(|ms| ms.trim().parse::<f64>().ok()) {
        return whole(ms);
    }
    let value = header("retry-after")?.trim();
    if let Ok(secs) = value.parse::<f64>() {
        return whole(secs * 1000.0);
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(u64::try_from(at.as_millis()).ok()?.saturating_sub(now_ms))
}

fn whole(ms: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    (0.0..1e12).contains(&ms).then_some(ms as u64)
}

/// Outages in a row after which an upstream is left in peace.
const FAILURES_TO_OPEN: u32 = 5;

/// For how long, in milliseconds; then one request tries it.
const OPEN_MS: u64 = 30_000;

/// What is known of the upstreams: a circuit breaker each.
#[derive(Clone, Debug, Default)]
pub struct Breakers(HashMap<String, Breaker>);

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    failures: u32,
    open_until_ms: u64,
}

impl Breakers {
    /// Whether an upstream may be asked. The first to ask after it was left in peace is let through alone: the others
    /// wait for what becomes of it.
    pub fn allows(&mut self, upstream: &str, now_ms: u64) -> bool {
        let Some(breaker) = self.0.get_mut(upstream).filter(|breaker| breaker.failures >= FAILURES_TO_OPEN) else {
            return true;
        };
        let allowed = now_ms >= breaker.open_until_ms;
        if allowed {
            breaker.open_until_ms = now_ms + OPEN_MS;
        }
        allowed
    }

    /// Whether an upstream is being left in peace.
    #[must_use]
    pub fn is_open(&self, upstream: &str, now_ms: u64) -> bool {
        self.0.get(upstream).is_some_and(|known| known.failures >= FAILURES_TO_OPEN && now_ms < known.open_until_ms)
    }

    /// Takes note of how an attempt ended.
    pub fn note(&mut self, upstream: &str, fault: Option<Fault>, now_ms: u64) {
        if fault.is_some_and(Fault::is_outage) {
            let breaker = self.0.entry(upstream.to_owned()).or_default();
            breaker.failures = breaker.failures.saturating_add(1);
            breaker.open_until_ms = now_ms + OPEN_MS;
        } else {
            self.0.remove(upstream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_capped_and_jittered() {
        let most = |attempt| wait_ms(attempt, u32::MAX, None, 0).unwrap();
        assert_eq!((most(0), most(1), most(2), most(40)), (249, 499, 999, 7_999));
        assert_eq!(wait_ms(3, 0, None, 0), Some(0));
        assert_eq!(wait_ms(0, u32::MAX, Some(2_000), 10_000), Some(2_249));
        assert_eq!(wait_ms(0, 0, Some(11_000), 10_000), None);
    }

    #[test]
    fn retry_after_is_read_in_each_of_its_forms() {
        let now_ms = 1_790_000_000_000;
        for (name, value, ms) in [
            ("retry-after", "2", Some(2_000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after-ms", "1500", Some(1_500)),
            ("retry-after", "Mon, 21 Sep 2026 14:13:25 GMT", Some(5_000)),
            ("retry-after", "Mon, 21 Sep 2020 14:13:25 GMT", Some(0)),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
            ("x-other", "2", None),
        ] {
            let header = |asked: &str| (asked == name).then_some(value);
            assert_eq!(retry_after_ms(header, now_ms), ms, "{name}: {value}");
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for (status, again) in [
            (200, false),
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (409, true),
            (429, true),
            (500, true),
            (529, true),
        ] {
            assert_eq!(Fault::of_status(status).is_some(), again, "{status}");
        }
        assert!(Fault::Connect.may_pass() && !Fault::TimedOut.may_pass());
        assert!(!Fault::Status(429).is_outage() && Fault::Status(503).is_outage());
    }

    #[test]
    fn an_upstream_that_fails_again_and_again_is_left_in_peace_and_then_tried_once() {
        let mut breakers = Breakers::default();
        for _ in 0..5 {
            assert!(breakers.allows("a", 0));
            breakers.note("a", Some(Fault::Connect), 0);
        }
        assert!(!breakers.allows("a", 29_999) && breakers.is_open("a", 29_999));
        assert!(breakers.allows("b", 0));
        assert!(breakers.allows("a", 30_000));
        assert!(!breakers.allows("a", 30_001), "only one tries it");
        breakers.note("a", None, 30_100);
        assert!(breakers.allows("a", 30_101));
        for _ in 0..9 {
            breakers.note("a", Some(Fault::Status(429)), 0);
        }
        assert!(breakers.allows("a", 0), "being busy is no outage");
    }
}
