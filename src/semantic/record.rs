//! What is known of a scope: the evidence that its threshold rests on, and counts for those who want to see it.

use serde::{Deserialize, Serialize};

use super::answers::Likeness;
use super::risk::{Evidence, LEVELS, Outcome, level_of};

/// How two answers came to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// A served hit that went upstream all the same.
    Audit,
    /// A neighbour whose score was not enough, so that the upstream was asked.
    NearMiss,
    /// Shadow mode.
    Shadow,
}

impl Occasion {
    /// Every occasion, in the order of their index.
    pub const ALL: [Self; 3] = [Self::Audit, Self::NearMiss, Self::Shadow];

    /// Its name in stats.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::NearMiss => "near_miss",
            Self::Shadow => "shadow",
        }
    }
}

/// What a scope's own traffic has shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeEvidence {
    /// Of pairs that the verifier decides: what its threshold rests on.
    pub verified: Evidence,
    /// Of pairs that say the same in another wrapping.
    pub sure: Evidence,
}

impl ScopeEvidence {
    fn note(&mut self, sure: bool, score: f32, outcome: Outcome) {
        if sure { &mut self.sure } else { &mut self.verified }.note(score, outcome);
    }
}

/// One scope's record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeRecord {
    /// The verifier whose scores these are; see [`crate::semantic::verifier::fingerprint`].
    pub model: u32,
    /// What its thresholds rest on.
    pub evidence: ScopeEvidence,
    /// Hits by meaning that were served.
    pub served: u64,
    /// Comparisons by [`Occasion`] and [`Likeness`].
    pub compared: [[u32; 4]; 3],
    /// Feedback: good, bad.
    pub feedback: [u32; 2],
    /// Misses in shadow mode, with or without a neighbour.
    pub shadow_asked: u64,
    /// Neighbours in shadow mode that the verifier judged, by level of their score: agreed, differed, unclear.
    pub shadow: [[u32; 3]; LEVELS],
    /// Those that said the same in another wrapping.
    pub shadow_sure: [u32; 3],
}

impl ScopeRecord {
    /// Notes that two answers were compared.
    pub fn compared(&mut self, occasion: Occasion, sure: bool, score: f32, likeness: Likeness) {
        let count = &mut self.compared[occasion as usize][likeness.index()];
        *count = count.saturating_add(1);
        if let Some(agreed) = likeness.agreed() {
            self.evidence.note(sure, score, if agreed { Outcome::Good } else { Outcome::Bad });
        }
        let counts =
            if sure { Some(&mut self.shadow_sure) } else { level_of(score).map(|level| &mut self.shadow[level]) };
        if let (Occasion::Shadow, Some(counts)) = (occasion, counts) {
            let what = likeness.agreed().map_or(2, |agreed| usize::from(!agreed));
            counts[what] = counts[what].saturating_add(1);
        }
    }

    /// Notes what somebody said of a served hit.
    pub fn said(&mut self, sure: bool, score: f32, outcome: Outcome, audit_share: f32) {
        self.counted(outcome);
        let evidence = if sure { &mut self.evidence.sure } else { &mut self.evidence.verified };
        evidence.note_word(score, outcome, audit_share);
    }

    /// Counts a word.
    pub fn counted(&mut self, outcome: Outcome) {
        let which = usize::from(outcome == Outcome::Bad);
        self.feedback[which] = self.feedback[which].saturating_add(1);
    }

    /// Whether anything was judged, so that the record must not be forgotten.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        !self.evidence.verified.is_empty() || !self.evidence.sure.is_empty()
    }

    /// Forgets what was learnt with other weights of the verifier: their scores mean something else.
    #[must_use]
    pub fn of_model(self, model: u32) -> Self {
        if self.model == model {
            return self;
        }
        let evidence = ScopeEvidence { verified: Evidence::default(), ..self.evidence };
        Self { model, evidence, shadow: [[0; 3]; LEVELS], ..self }
    }

    /// Adds another scope's counts, for sums over scopes. Evidence is a scope's own and is not added.
    pub fn add(&mut self, other: &Self) {
        // No `..`: a new count has to be added here.
        let Self { model: _, evidence: _, served, compared, feedback, shadow_asked, shadow, shadow_sure } = other;
        self.served += served;
        self.shadow_asked += shadow_asked;
        add_all(self.compared.as_flattened_mut(), compared.as_flattened());
        add_all(&mut self.feedback, feedback);
        add_all(self.shadow.as_flattened_mut(), shadow.as_flattened());
        add_all(&mut self.shadow_sure, shadow_sure);
    }
}

fn add_all(to: &mut [u32], from: &[u32]) {
    to.iter_mut().zip(from).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
}
