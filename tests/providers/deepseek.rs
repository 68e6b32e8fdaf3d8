//! `DeepSeek`'s rules: automatic, in prefix units that are read whole or not at all.
//! <https://api-docs.deepseek.com/guides/kv_cache>
//!
//! - The end of each request's input is a unit.
//! - When a request begins like an earlier one, the end of what they share becomes a unit: after A+B, A+C reads
//!   nothing, and A+D reads A.
//! - Units are counted in blocks of 64 tokens.
//!
//! A unit also ends with each answer, and within long inputs at intervals that are not published: neither is simulated.
//! Unused units are gone "within a few hours to a few days": after [`IDLE_MS`] here.

use super::held::Held;
use super::prompt::{Prompt, shared};
use super::{BEGINS_MS, Billed, Price};

/// Units have multiples of so many tokens.
pub(super) const STEP_TOKENS: usize = 64;

/// After so long without a read a unit is gone, in milliseconds.
pub(super) const IDLE_MS: u64 = 3 * 60 * 60_000;

/// The units of one provider, and the requests that later ones are compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    units: Held,
    seen: Vec<Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    started_ms: u64,
    /// The digests of its prefixes, one each [`STEP_TOKENS`].
    steps: Vec<u64>,
}

impl Cache {
    /// Reads the longest unit, makes new ones, and says what the input costs.
    pub(super) fn answer(&mut self, prompt: &Prompt<'_>, price: Price, now_ms: u64) -> Billed {
        let ends = (STEP_TOKENS..=prompt.tokens()).step_by(STEP_TOKENS);
        let steps: Vec<u64> = ends.filter_map(|end| prompt.digest(end)).collect();
        let read =
            steps.iter().rposition(|digest| self.units.is_readable(*digest, now_ms)).map_or(0, |index| index + 1);
        self.seen.retain(|seen| seen.started_ms + IDLE_MS > now_ms);
        let begun = self.seen.iter().filter(|seen| seen.started_ms + BEGINS_MS <= now_ms);
        let beginning = begun.map(|seen| shared(&seen.steps, &steps)).max().unwrap_or(0);
        for unit in [read, beginning, steps.len()] {
            let Some(digest) = unit.checked_sub(1).and_then(|index| steps.get(index)) else { continue };
            if self.units.is_readable(*digest, now_ms) {
                self.units.refresh(*digest, now_ms);
            } else {
                self.units.write(*digest, now_ms, IDLE_MS);
            }
        }
        self.seen.push(Seen { started_ms: now_ms, steps });
        let read = read * STEP_TOKENS;
        Billed::of(price, prompt.tokens(), read, read, read)
    }
}

#[cfg(test)]
#[path = "deepseek_tests.rs"]
mod tests;
