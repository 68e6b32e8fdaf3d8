//! The fitted model: weights and prototypes from `weights.json`, which `models/routing/fit_difficulty.py` writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lexicon::Lexicon;
use super::{Difficulty, Seen, features};

/// The most reasons that are given for a score.
pub const REASONS: usize = 4;

/// A feature that moved the logit by less than this is no reason.
const REASON_FROM: f32 = 0.1;

/// The features of which a low value says something, and what.
const LOW: [(&str, &str); 4] = [
    ("long", "short"),
    ("long-words", "short-words"),
    ("near-hard-examples", "near-easy-examples"),
    ("sentences", "few-sentences"),
];

/// The file's form.
#[derive(Deserialize)]
struct File {
    bias: f32,
    middle_from: f32,
    frontier_from: f32,
    features: BTreeMap<String, Weight>,
    prototypes: BTreeMap<String, Vec<Vec<i8>>>,
}

/// What one feature is worth: `weight` for each unit above `mean`.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Weight {
    weight: f32,
    mean: f32,
}

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    /// From this score on a prompt is more than the cheap model's. Fitted, for the default.
    pub middle_from: f32,
    /// From this score on a prompt is the frontier model's. Fitted, for the default.
    pub frontier_from: f32,
    lexicon: Lexicon,
    bias: f32,
    weights: BTreeMap<String, Weight>,
    prototypes: BTreeMap<String, Vec<Vec<f32>>>,
}

impl Model {
    /// The model that ships with this crate.
    ///
    /// # Errors
    /// What is wrong with its files, in words.
    pub fn shipped() -> Result<Self, String> {
        Self::load(include_str!("weights.json"), include_str!("words.txt"))
    }

    /// Loads a model from its weights and its word lists.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn load(weights: &str, words: &'static str) -> Result<Self, String> {
        let lexicon = Lexicon::parse(words)?;
        let file: File =
            serde_json::from_str(weights).map_err(|error| format!("the weights cannot be read: {error}"))?;
        if let Some(name) = features::names(&lexicon).into_iter().find(|name| !file.features.contains_key(*name)) {
            return Err(format!("the weights lack the feature `{name}`"));
        }
        let unit = |rows: Vec<Vec<i8>>| rows.iter().map(|row| unit(row)).collect();
        Ok(Self {
            middle_from: file.middle_from,
            frontier_from: file.frontier_from,
            lexicon,
            bias: file.bias,
            weights: file.features,
            prototypes: file.prototypes.into_iter().map(|(label, rows)| (label, unit(rows))).collect(),
        })
    }

    /// The word lists.
    #[must_use]
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// Judges a request.
    #[must_use]
    pub fn assess(&self, seen: &Seen) -> Difficulty {
        let mut features = features::values(seen, &self.lexicon);
        features.extend(seen.vector.into_iter().filter_map(|vector| self.nearness(vector)).flatten());
        let mut parts: Vec<(&'static str, f32)> = Vec::with_capacity(features.len());
        for (name, value) in features {
            let Some(weight) = self.weights.get(name) else { continue };
            let above = value - weight.mean;
            let low = LOW.iter().find(|(high, _)| *high == name).filter(|_| above < 0.0);
            parts.push((low.map_or(name, |(_, low)| low), weight.weight * above));
        }
        let logit = self.bias + parts.iter().map(|(_, part)| part).sum::<f32>();
        parts.retain(|(_, part)| part.abs() >= REASON_FROM);
        parts.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        Difficulty {
            score: 1.0 / (1.0 + (-logit).exp()),
            reasons: parts.into_iter().take(REASONS).map(|(name, _)| name).collect(),
        }
    }

    /// How near a text is to the prototypes of hard prompts rather than of easy ones, and to those of middling ones.
    /// Nothing for a vector of another model.
    fn nearness(&self, vector: &[f32]) -> Option<[features::Feature; 2]> {
        let [easy, middle, hard] = ["easy", "middle", "hard"].map(|label| self.nearest(label, vector));
        let (easy, middle, hard) = (easy?, middle?, hard?);
        Some([("near-hard-examples", hard - easy), ("near-middle-examples", middle - easy.max(hard))])
    }

    /// The largest cosine of a vector and a label's prototypes.
    fn nearest(&self, label: &str, vector: &[f32]) -> Option<f32> {
        let rows = self.prototypes.get(label)?.iter().filter(|row| row.len() == vector.len());
        let cosine = |row: &Vec<f32>| row.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        rows.map(cosine).max_by(f32::total_cmp).filter(|cosine| cosine.is_finite())
    }
}

/// A prototype as a vector of Euclidean length 1.
fn unit(row: &[i8]) -> Vec<f32> {
    let length = row.iter().map(|&x| f32::from(x) * f32::from(x)).sum::<f32>().sqrt().max(1.0);
    row.iter().map(|&x| f32::from(x) / length).collect()
}
