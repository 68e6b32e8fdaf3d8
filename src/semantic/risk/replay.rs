//! What a threshold would have done to labelled pairs: for the shadow report and for tests.

use super::bound::{CONFIDENCE, upper_bound};

/// What would have been served, and how much of it wrongly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replay {
    /// How many pairs there were.
    pub pairs: usize,
    /// How many would have been served.
    pub hits: usize,
    /// How many of those wrongly.
    pub wrong: usize,
    /// The share of pairs that would have been served; 0 without pairs.
    pub hit_share: f64,
    /// The share of wrong answers among the served; 0 when none would have been.
    pub error_share: f64,
    /// The upper confidence bound on it.
    pub bound: f64,
}

/// Replays pairs of a score and whether the answer was the same, at a `Standing`'s threshold.
#[must_use]
pub fn replay(pairs: &[(f32, bool)], threshold: f32) -> Replay {
    let hits = pairs.iter().filter(|(score, _)| *score >= threshold).count();
    let wrong = pairs.iter().filter(|(score, same)| *score >= threshold && !same).count();
    Replay {
        pairs: pairs.len(),
        hits,
        wrong,
        hit_share: share(hits, pairs.len()),
        error_share: share(wrong, hits),
        bound: upper_bound(wrong as f64, hits as f64, CONFIDENCE),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
