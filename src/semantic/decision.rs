//! The decision on one neighbour, cheap gates before dear ones: the guard compares what the texts say, the verifier
//! reads both. Each gate can say no, with a reason. What score is enough is not decided here but in `risk`.

use std::cell::OnceCell;

use super::guard::{self, Agreement, Difference};
use super::record::ScopeEvidence;
use super::risk::{self, Calibration, Evidence, PRIOR_EXPECTED, SERVES_NOTHING};
use super::verifier::{NoScore, Verifier};

/// The similarity (cosine) from which two texts that say the same in another wrapping may share an answer without the
/// verifier.
pub const SURE_SIMILARITY: f32 = 0.85;

/// A text as the gates read it.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The text.
    pub text: &'a str,
    /// Its wordpieces, as the embedder's ids.
    pub pieces: &'a [i64],
}

/// What the gates found.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// The same words in another wrapping. The score is the similarity.
    Sure(f32),
    /// The verifier's probability that one answer serves both, calibrated.
    Likely(f32),
    /// One answer must not serve both.
    Refused(Refused),
}

/// Why a neighbour does not serve.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// The guard found a difference.
    Guard(Difference),
    /// The guard cannot read one of the texts, and they do not say the same word for word.
    Unread,
    /// They are not the same word for word, and the verifier is switched off.
    VerifierOff,
    /// They are not the same word for word, and the verifier could not be loaded or failed.
    VerifierUnavailable,
    /// The two texts together are longer than the verifier reads.
    PairTooLong,
}

impl Refused {
    /// The reason as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Guard(difference) => difference.reason.as_str(),
            Self::Unread => "unread",
            Self::VerifierOff => "verifier-off",
            Self::VerifierUnavailable => "verifier-unavailable",
            Self::PairTooLong => "pair-too-long",
        }
    }
}

/// The gates behind the neighbours. The verifier is loaded when the first pair has passed the guard: it is large, and
/// an isolate that sees no such pair never needs it.
#[derive(Debug)]
pub struct Judge {
    verifier: Option<OnceCell<Result<Verifier, String>>>,
    onnx: &'static [u8],
    vocabulary: usize,
    pairs: &'static str,
    calibration: OnceCell<Result<Calibration, String>>,
}

impl Judge {
    /// With the verifier and the calibration that ship with this crate, or without a verifier. `vocabulary` is the number
    /// of the embedder's wordpieces.
    #[must_use]
    pub fn shipped(verifier: bool, vocabulary: usize) -> Self {
        Self::new(verifier.then_some(super::verifier::SHIPPED), super::verifier::CALIBRATION, vocabulary)
    }

    /// With these files, whatever is in them.
    #[must_use]
    pub fn new(onnx: Option<&'static [u8]>, calibration: &'static str, vocabulary: usize) -> Self {
        let (verifier, onnx) = (onnx.map(|_| OnceCell::new()), onnx.unwrap_or_default());
        Self { verifier, onnx, vocabulary, pairs: calibration, calibration: OnceCell::new() }
    }

    fn read_calibration(&self) -> &Result<Calibration, String> {
        self.calibration.get_or_init(|| Calibration::read(self.pairs))
    }

    /// The verifier, loaded now if it was not yet; nothing when it is switched off.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    pub fn verifier(&self) -> Option<Result<&Verifier, &str>> {
        let cell = self.verifier.as_ref()?;
        let loaded = cell.get_or_init(|| {
            self.read_calibration().as_ref().map_err(|why| format!("the calibration cannot be read: {why}"))?;
            Verifier::load(self.onnx, self.vocabulary)
        });
        Some(loaded.as_ref().map_err(String::as_str))
    }

    /// The labelled pairs that say what a score is worth.
    #[must_use]
    pub fn calibration(&self) -> Option<&Calibration> {
        self.verifier.as_ref()?;
        self.read_calibration().as_ref().ok()
    }

    /// Judges a pair of texts whose similarity (cosine) is known. `pieces_of` gives the neighbour's wordpieces, when they
    /// are needed.
    pub fn judge(
        &self,
        query: Reading<'_>,
        neighbour: &str,
        similarity: f32,
        pieces_of: impl FnOnce(&str) -> Option<Vec<i64>>,
    ) -> Judgement {
        match guard::compare(query.text, neighbour) {
            Err(difference) => return Judgement::Refused(Refused::Guard(difference)),
            Ok(Agreement::Wording) if similarity >= SURE_SIMILARITY => return Judgement::Sure(similarity),
            Ok(Agreement::Unread) => return Judgement::Refused(Refused::Unread),
            Ok(Agreement::Wording | Agreement::Open) => {}
        }
        let verifier = match self.verifier() {
            None => return Judgement::Refused(Refused::VerifierOff),
            Some(Err(_)) => return Judgement::Refused(Refused::VerifierUnavailable),
            Some(Ok(verifier)) => verifier,
        };
        let Some(pieces) = pieces_of(neighbour) else { return Judgement::Refused(Refused::VerifierUnavailable) };
        match verifier.score(query.pieces, &pieces) {
            Ok(score) => Judgement::Likely(score),
            Err(NoScore::TooLong) => Judgement::Refused(Refused::PairTooLong),
            Err(NoScore::Fault) => Judgement::Refused(Refused::VerifierUnavailable),
        }
    }
}

/// What scores may be served in a scope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// From which score of the verifier; above 1 when none may be.
    pub likely_from: f32,
    /// From which similarity of texts in another wrapping; above 1 when none may be.
    pub sure_from: f32,
}

/// Why a score is not enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shy {
    /// It is below what the error budget, the configuration and the request allow.
    BelowThreshold(f32),
    /// The scope has had too many wrong hits: its error budget allows none until there is other evidence.
    BudgetSpent,
}

impl Shy {
    /// The reason as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BelowThreshold(_) => "below-threshold",
            Self::BudgetSpent => "error-budget-spent",
        }
    }
}

impl Limits {
    /// `least`: the lowest score that the configuration allows; `asked`: the lowest that the request does. Neither makes
    /// anything looser than the error budget.
    #[must_use]
    pub fn of(judge: &Judge, evidence: Option<&ScopeEvidence>, max_error_rate: f64, least: f32, asked: f32) -> Self {
        let verified = risk::standing(judge.calibration(), evidence.map(|known| &known.verified), max_error_rate);
        let sure_bound = evidence.map_or(0.0, |known| sure_bound(&known.sure, max_error_rate));
        Self {
            likely_from: verified.threshold.max(least).max(asked),
            sure_from: if sure_bound > max_error_rate { SERVES_NOTHING } else { SURE_SIMILARITY.max(asked) },
        }
    }

    /// Whether a neighbour may serve.
    ///
    /// # Errors
    /// Why its score is not enough.
    pub fn allow(&self, judgement: &Judgement) -> Result<(), Shy> {
        let (score, from) = match judgement {
            Judgement::Sure(score) => (*score, self.sure_from),
            Judgement::Likely(score) => (*score, self.likely_from),
            Judgement::Refused(_) => return Err(Shy::BelowThreshold(SERVES_NOTHING)),
        };
        if score >= from {
            return Ok(());
        }
        Err(if from > 1.0 { Shy::BudgetSpent } else { Shy::BelowThreshold(from) })
    }
}

/// The upper confidence bound on the share of wrong answers among texts in another wrapping. They are served before there
/// is any evidence, so the rule has a weight of its own against the first wrong ones: that of as many right ones as `risk`
/// lets the calibration count at a level.
#[must_use]
pub fn sure_bound(evidence: &Evidence, max_error_rate: f64) -> f64 {
    let judged = evidence.good() + evidence.bad() + PRIOR_EXPECTED / max_error_rate;
    risk::upper_bound(evidence.bad(), judged, risk::CONFIDENCE)
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
