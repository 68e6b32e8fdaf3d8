//! What a scope's own traffic has shown: how many answers at each level were judged right, and how many wrong.

use serde::{Deserialize, Serialize};

use super::{LEVELS, Tally, level_of};

/// After so many judged outcomes an outcome counts half. The memory then amounts to at most `HALF_LIFE / ln 2`, some 1443
/// outcomes: enough to prove an error share of 0.5 % with two wrong ones among them, and no more, so that drift is followed.
/// Discounted counts are a simple and strict choice: n outcomes so weighted inform a mean as well as 2n equal ones would
/// (Kish), and are counted as n.
pub const HALF_LIFE: f32 = 1000.0;

/// How an outcome came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The answer was right for the request.
    Good,
    /// It was wrong.
    Bad,
}

/// What is known of a scope: discounted counts a level. Some 200 bytes when stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    good: [f32; LEVELS],
    bad: [f32; LEVELS],
}

impl Evidence {
    /// Notes an outcome that would have been judged whatever it was: an audit, or feedback that judges every answer or a
    /// random share of them. Outcomes below the lowest level say nothing of what is served, and are left out.
    ///
    /// Hits and refused neighbours must be judged at the same rate, or refused ones more often: more often only makes a
    /// looser threshold look worse than it is.
    pub fn note(&mut self, score: f32, outcome: Outcome) {
        self.add(score, outcome, 1.0);
    }

    /// Notes somebody's word on a hit. A wrong answer counts in full: it was seen. A right one counts no more than the audits of
    /// hits do (`audit_share`), for words are about hits alone: counted in full they would drown what is known of refused
    /// neighbours, which are judged at that share, and open levels that nobody has praised.
    pub fn note_word(&mut self, score: f32, outcome: Outcome, audit_share: f32) {
        match outcome {
            Outcome::Bad => self.add(score, outcome, 1.0),
            Outcome::Good if audit_share > 0.0 => self.add(score, outcome, audit_share.min(1.0)),
            Outcome::Good => {}
        }
    }

    /// A right answer ages all the others. A wrong one ages only the right ones, so that it can never make the scope look
    /// better.
    fn add(&mut self, score: f32, outcome: Outcome, weight: f32) {
        let Some(level) = level_of(score) else { return };
        let kept = (-weight / HALF_LIFE).exp2();
        self.good.iter_mut().for_each(|count| *count *= kept);
        if outcome == Outcome::Bad {
            self.bad[level] += weight;
        } else {
            self.bad.iter_mut().for_each(|count| *count *= kept);
            self.good[level] += weight;
        }
    }

    /// Whether nothing has been judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.good.iter().chain(&self.bad).all(|count| *count == 0.0)
    }

    /// How many answers were judged right, discounted by age.
    #[must_use]
    pub fn good(&self) -> f64 {
        self.good.iter().copied().map(f64::from).sum()
    }

    /// How many answers were judged wrong, discounted by age.
    #[must_use]
    pub fn bad(&self) -> f64 {
        self.bad.iter().copied().map(f64::from).sum()
    }

    /// For each level, what is known of answers at it or above.
    pub(super) fn above(&self) -> [Tally; LEVELS] {
        let mut above = [Tally::default(); LEVELS];
        let mut sum = Tally::default();
        for level in (0..LEVELS).rev() {
            let (good, bad) = (f64::from(self.good[level]), f64::from(self.bad[level]));
            sum = sum.plus(Tally { bad, judged: good + bad });
            above[level] = sum;
        }
        above
    }

    #[cfg(test)]
    pub(super) fn take_good(&mut self, level: usize, weight: f32) {
        self.good[level] -= weight;
    }
}
