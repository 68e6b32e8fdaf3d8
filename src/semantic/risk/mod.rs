//! From the operator's `max_error_rate` to a threshold on the verifier's score, so that an upper confidence bound on the
//! share of wrong answers among the served hits stays below it.
//!
//! - `bound`: the bound, Clopper-Pearson.
//! - `calibration`: labelled pairs that ship with the model.
//! - `evidence`: what a scope's own traffic has shown, discounted by age.
//!
//! # How the threshold is found
//!
//! Only the edges of a fixed grid are thresholds. The levels are tested from the strictest down, and the first that fails
//! ends it: fixed-sequence testing, which needs no correction for the number of levels (Angelopoulos, Bates, Candès,
//! Jordan and Lei, "Learn then Test", 2021; with errors that only grow as the threshold falls it is the upper confidence
//! bound procedure of Bates et al., "Distribution-free, risk-controlling prediction sets", 2021). The order must not depend
//! on the labels. Few pairs score very high, and a level with too few to prove anything must not end the scan: whether
//! it has enough follows from the calibration's scores alone. Such a level serves nothing, and ends the scan only if more
//! than two of its few pairs were wrong, in effect.
//!
//! A level at which the calibration alone is within the budget is tested on the calibration and the scope's evidence
//! together, the former with a bounded weight, so that bad outcomes tighten soon. Below, the scope's evidence alone must
//! be within the budget: no prior loosens anything. So with little evidence the threshold is the calibration's or
//! stricter.
//!
//! # What it does not promise
//!
//! Evidence is of the past: an error share that rises faster than audits can see is served until they have seen it. The
//! confidence is that of each decision, not of all the decisions in a scope's life together.

use std::array;

mod bound;
mod calibration;
mod evidence;

pub use bound::{CONFIDENCE, upper_bound};
pub use calibration::{Calibration, PRIOR_EXPECTED};
pub use evidence::{Evidence, HALF_LIFE, Outcome};

/// How many levels the score is divided into.
pub const LEVELS: usize = 24;

/// The levels' lower edges: in steps of one third on the scale of log odds, from even odds to 2000 to 1. What is more
/// likely wrong than right is below every level, and never served.
pub const EDGES: [f32; LEVELS] = [
    0.5, 0.582_570, 0.660_756, 0.731_059, 0.791_391, 0.841_131, 0.880_797, 0.911_600, 0.935_031, 0.952_574, 0.965_555,
    0.975_076, 0.982_014, 0.987_046, 0.990_684, 0.993_307, 0.995_195, 0.996_553, 0.997_527, 0.998_227, 0.998_729,
    0.999_089, 0.999_347, 0.999_532,
];

/// The threshold of a scope that serves nothing: no score reaches it.
pub const SERVES_NOTHING: f32 = 2.0;

/// Without a calibration a level that the evidence must prove first; odds of 100 to 1. Stricter ones cannot be told apart
/// by evidence.
const FIRST_WITHOUT_CALIBRATION: usize = 14;

/// The level of a score; none below the lowest, and none for what is not a score.
#[must_use]
pub fn level_of(score: f32) -> Option<usize> {
    if score.is_nan() || score > 1.0 {
        return None;
    }
    EDGES.partition_point(|edge| *edge <= score).checked_sub(1)
}

/// What a threshold rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The pairs that ship with the model.
    Calibration,
    /// The scope's own outcomes, with or without those pairs.
    Evidence,
    /// Neither: nothing may be served.
    Nothing,
}

impl Source {
    /// The source as it is shown in stats.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calibration => "calibration",
            Self::Evidence => "evidence",
            Self::Nothing => "nothing",
        }
    }
}

/// Where a scope stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The lowest score that may be served; above 1 when nothing may be.
    pub threshold: f32,
    /// The upper bound of the error share at that threshold. When nothing may be served, at the strictest level that could
    /// have been, so that it says why.
    pub bound: f64,
    /// How many of the scope's outcomes were judged at the level that the bound is for and above, discounted by age.
    pub judged: f64,
    /// How many of those were wrong.
    pub bad: f64,
    /// What the threshold rests on.
    pub source: Source,
}

/// Answers judged, and how many of them were wrong. Not whole numbers: discounted, or effective.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    bad: f64,
    judged: f64,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self { bad: self.bad + other.bad, judged: self.judged + other.judged }
    }
    fn times(self, weight: f64) -> Self {
        Self { bad: self.bad * weight, judged: self.judged * weight }
    }
    fn is_within(self, share: f64) -> bool {
        bound::at_most(self.bad, self.judged, share, CONFIDENCE)
    }
    fn upper_bound(self) -> f64 {
        upper_bound(self.bad, self.judged, CONFIDENCE)
    }
}

/// The threshold for a scope. Without evidence it is the calibration's; with neither, nothing may be served.
#[must_use]
pub fn standing(calibration: Option<&Calibration>, evidence: Option<&Evidence>, max_error_rate: f64) -> Standing {
    let evidence = evidence.filter(|evidence| !evidence.is_empty());
    let source = match (calibration, evidence) {
        (_, Some(_)) => Source::Evidence,
        (Some(_), None) => Source::Calibration,
        (None, None) => Source::Nothing,
    };
    let own = evidence.map_or([Tally::default(); LEVELS], Evidence::above);
    // A rate that is not a number allows nothing.
    let rate = if max_error_rate > 0.0 { max_error_rate.min(1.0) } else { 0.0 };
    let tests = tests(calibration, &own, rate);
    let nothing = source == Source::Nothing || rate == 0.0;
    let lowest = if nothing { None } else { lowest(&tests) };
    // Where nothing may be served: the strictest level that could have been.
    let level = lowest.or_else(|| tests.iter().rposition(|test| test.may_serve)).unwrap_or(LEVELS - 1);
    Standing {
        threshold: lowest.map_or(SERVES_NOTHING, |level| EDGES[level]),
        bound: tests[level].tally.upper_bound(),
        judged: own[level].judged,
        bad: own[level].bad,
        source,
    }
}

/// One level's test.
struct Test {
    tally: Tally,
    /// What the level's error share must be proven to be below.
    limit: f64,
    /// Whether passing means that the level may serve, or only that the next may be tested.
    may_serve: bool,
}

fn tests(calibration: Option<&Calibration>, own: &[Tally; LEVELS], rate: f64) -> [Test; LEVELS] {
    let Some(calibration) = calibration else {
        return array::from_fn(|level| {
            let first = level > FIRST_WITHOUT_CALIBRATION;
            let may_serve = !first && has_right(own, level);
            Test { tally: own[level], limit: if first { 1.0 } else { rate }, may_serve }
        });
    };
    // From the first level that the calibration refuses it vouches for nothing.
    let refused = (0..LEVELS).rev().find(|&level| !calibration.allows(level, rate));
    array::from_fn(|level| {
        if refused.is_some_and(|refused| level <= refused) {
            return Test { tally: own[level], limit: rate, may_serve: has_right(own, level) };
        }
        Test {
            tally: calibration.prior(level, rate).plus(own[level]),
            limit: calibration.limit(level, rate),
            may_serve: calibration.is_testable(level, rate) && (calibration.has_right(level) || has_right(own, level)),
        }
    })
}

/// Whether a right answer is known at the level itself. Counts at a level and above say nothing of a level that nobody has
/// seen, and it does not serve.
fn has_right(above: &[Tally; LEVELS], level: usize) -> bool {
    let right = |tally: &Tally| tally.judged - tally.bad;
    right(&above[level]) > above.get(level + 1).map_or(0.0, right)
}

/// From the strictest level down to the first that fails: the last one that passed and may serve.
fn lowest(tests: &[Test; LEVELS]) -> Option<usize> {
    let passed = (0..LEVELS).rev().take_while(|&level| tests[level].tally.is_within(tests[level].limit));
    passed.filter(|&level| tests[level].may_serve).last()
}

#[cfg(test)]
mod tests;
