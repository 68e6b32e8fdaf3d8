//! The upper confidence bound on a share: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in
//! the case of the binomial", Biometrika 26 (1934), one-sided, as a quantile of the beta distribution. Its coverage never
//! falls below what is asked for. Counts need not be whole: Korn and Graubard, "Confidence intervals for proportions with
//! small expected number of positive counts estimated from survey data", Survey Methodology 24 (1998), put effective
//! counts into the same quantile.

use statrs::function::beta::checked_beta_reg;

/// How sure the bound is.
pub const CONFIDENCE: f64 = 0.95;

/// Halvings of [0, 1]. The bound is too high by at most 2^-24, far below what counts can tell.
const HALVINGS: usize = 24;

/// The share of wrong answers that is, at this confidence, not exceeded when `bad` of `judged` were wrong. Nothing judged,
/// or counts that are not counts, bound nothing: 1.
#[must_use]
pub fn upper_bound(bad: f64, judged: f64, confidence: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if at_most(bad, judged, middle, confidence) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Whether `upper_bound` is at most `share`, for one evaluation instead of many: the quantile is below the share where
/// the distribution function at the share is above the confidence.
pub(super) fn at_most(bad: f64, judged: f64, share: f64, confidence: f64) -> bool {
    if share >= 1.0 {
        return true;
    }
    let good = judged - bad;
    if !(bad >= 0.0 && good > 0.0 && share > 0.0 && bad.is_finite() && good.is_finite()) {
        return false;
    }
    checked_beta_reg(bad + 1.0, good, share).is_ok_and(|below| below >= confidence)
}
