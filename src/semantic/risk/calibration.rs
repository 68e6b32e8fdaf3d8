//! The labelled pairs that ship with the verifier, and how much they say.
//!
//! Pairs of one group (variants of one question, say) are not independent, so that n of them say less than n. Kish,
//! "Survey Sampling" (1965): divide by the design effect `1 + (m - 1) r`, with m the size-weighted mean size of a group
//! and r the correlation within groups. Korn and Graubard (1998) put such effective counts into Clopper-Pearson. r is
//! estimated by analysis of variance at every level that has enough wrong pairs to estimate it from, and the largest is
//! used at all of them; where no level has, r is 1: a group counts as one pair.

use super::bound::{CONFIDENCE, upper_bound};
use super::{LEVELS, Tally, level_of};

/// So many wrong pairs at a level let it say something of the correlation within groups.
const ENOUGH_WRONG: f64 = 10.0;

/// A level is tested for an error share only if it has pairs enough to pass with so many wrong ones. With fewer, one wrong
/// label among the strictest pairs would shut every scope.
const SPARE_WRONG: f64 = 2.0;

/// The calibration's counts weigh at most as if so many wrong ones had been expected at the error share allowed: 630
/// pairs at 1 %. It is the size at which two wrong pairs are still within the budget. It is a power prior (Ibrahim and
/// Chen, "Power prior distributions for regression models", Statistical Science 15, 2000): the scope's traffic is not the
/// calibration's, and must outweigh it soon. A heavier prior serves more hits and follows a drift later.
pub const PRIOR_EXPECTED: f64 = 6.3;

/// Labelled pairs, as effective counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    pub(super) above: [Tally; LEVELS],
    /// The bound that each level would have with `SPARE_WRONG` wrong pairs: the smallest error share it is tested for.
    provable: [f64; LEVELS],
    has_right: [bool; LEVELS],
}

#[derive(Clone, Copy)]
struct Pair<'a> {
    group: &'a str,
    level: usize,
    bad: bool,
}

/// The sums over groups that the design effect is made of.
#[derive(Default)]
struct Groups {
    count: f64,
    pairs: f64,
    bad: f64,
    /// The sum of squared sizes.
    squared_sizes: f64,
    /// The sums of `b²/m` and of `b (m - b)/m`, for b wrong of m.
    between: f64,
    within: f64,
}

impl Calibration {
    /// Reads lines `score<TAB>same(0|1)<TAB>group`. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The line's number and what is wrong with it; or that there are no pairs.
    pub fn read(tsv: &str) -> Result<Self, String> {
        let (mut pairs, mut any) = (Vec::new(), false);
        for (k, line) in tsv.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            pairs.extend(pair(line).map_err(|why| format!("calibration line {}: {why}", k + 1))?);
            any = true;
        }
        if !any {
            return Err("the calibration has no pairs".into());
        }
        pairs.sort_unstable_by_key(|pair| pair.group);
        let groups: [Groups; LEVELS] = std::array::from_fn(|level| Groups::of(&pairs, level));
        let enough = groups.iter().filter(|groups| groups.bad >= ENOUGH_WRONG).map(Groups::correlation);
        let correlation = enough.reduce(f64::max).unwrap_or(1.0);
        let above = groups.map(|groups| groups.effective(correlation));
        let provable = above.map(|tally| upper_bound(SPARE_WRONG, tally.judged, CONFIDENCE));
        let has_right = std::array::from_fn(|level| pairs.iter().any(|pair| pair.level == level && !pair.bad));
        Ok(Self { above, provable, has_right })
    }

    /// The counts at a level and above, as a prior of bounded weight.
    pub(super) fn prior(&self, level: usize, max_error_rate: f64) -> Tally {
        let tally = self.above[level];
        let most = PRIOR_EXPECTED / max_error_rate;
        if tally.judged > most { tally.times(most / tally.judged) } else { tally }
    }

    /// Whether a right pair is at the level itself.
    pub(super) fn has_right(&self, level: usize) -> bool {
        self.has_right[level]
    }

    /// Whether the level has pairs enough for a test, however they turned out.
    pub(super) fn is_testable(&self, level: usize, max_error_rate: f64) -> bool {
        self.provable[level] <= max_error_rate
    }

    /// The error share that the level must keep below: the one allowed, or more where it has too few pairs to tell.
    pub(super) fn limit(&self, level: usize, max_error_rate: f64) -> f64 {
        self.provable[level].max(max_error_rate)
    }

    /// Whether the level passes by the pairs alone.
    pub(super) fn allows(&self, level: usize, max_error_rate: f64) -> bool {
        self.prior(level, max_error_rate).is_within(self.limit(level, max_error_rate))
    }
}

/// A pair, or none when its score is below every level.
fn pair(line: &str) -> Result<Option<Pair<'_>>, String> {
    let mut fields = line.split('\t');
    let (Some(score), Some(same), Some(group), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("expected score, same and group, separated by tabs".into());
    };
    let score = match score.trim().parse::<f32>() {
        Ok(score) if (0.0..=1.0).contains(&score) => score,
        _ => return Err(format!("the score {score:?} is not a number from 0 to 1")),
    };
    let bad = match same.trim() {
        "0" => true,
        "1" => false,
        _ => return Err(format!("same is {same:?}, not 0 or 1")),
    };
    let group = group.trim();
    if group.is_empty() {
        return Err("the group is empty".into());
    }
    Ok(level_of(score).map(|level| Pair { group, level, bad }))
}

impl Groups {
    /// Of the pairs at a level or above. The pairs are sorted by group.
    fn of(pairs: &[Pair], level: usize) -> Self {
        let mut groups = Self::default();
        for group in pairs.chunk_by(|a, b| a.group == b.group) {
            let (mut size, mut bad) = (0.0, 0.0);
            for pair in group.iter().filter(|pair| pair.level >= level) {
                size += 1.0;
                bad += f64::from(u8::from(pair.bad));
            }
            if size > 0.0 {
                groups.count += 1.0;
                groups.pairs += size;
                groups.bad += bad;
                groups.squared_sizes += size * size;
                groups.between += bad * bad / size;
                groups.within += bad * (size - bad) / size;
            }
        }
        groups
    }

    /// The intraclass correlation of being wrong, from 0 to 1; 1 where it cannot be told.
    fn correlation(&self) -> f64 {
        let (pairs, count) = (self.pairs, self.count);
        let between = (self.between - self.bad * self.bad / pairs) / (count - 1.0);
        let within = self.within / (pairs - count);
        let size = (pairs - self.squared_sizes / pairs) / (count - 1.0);
        let correlation = (between - within) / (between + (size - 1.0) * within);
        if correlation.is_finite() { correlation.clamp(0.0, 1.0) } else { 1.0 }
    }

    fn effective(&self, correlation: f64) -> Tally {
        if self.pairs == 0.0 {
            return Tally::default();
        }
        let design_effect = 1.0 + (self.squared_sizes / self.pairs - 1.0) * correlation;
        Tally { bad: self.bad, judged: self.pairs }.times(1.0 / design_effect)
    }
}
