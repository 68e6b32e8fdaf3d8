//! The verifier: a small cross-encoder that reads two texts at once and says how probable it is that one answer serves
//! both (see `models/verifier/README.md`). An embedding finds candidates; only a model that reads both texts sees that
//! one word, number or direction has changed.

use std::collections::HashSet;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use tract_onnx::prelude::*;

use super::operators;

/// The longest pair that is read, in wordpieces, with the three marks around them. The time taken grows with it.
pub const MAX_PAIR_PIECES: usize = 128;

/// The verifier's name, as `/healthz` shows it. It changes with every change of the weights, and with it the evidence
/// that was collected for its scores loses its meaning.
pub const MODEL_NAME: &str = "cross-minilm-int8";

/// The model that ships with this crate; empty when its file was missing at the build.
pub static SHIPPED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/verifier.onnx"));

/// The labelled pairs that ship with it, with the scores that it gives them.
pub static CALIBRATION: &str = include_str!(concat!(env!("OUT_DIR"), "/calibration.tsv"));

/// What stands for the weights and their calibration: scores of two different ones cannot be compared.
#[must_use]
pub fn fingerprint() -> u32 {
    static FINGERPRINT: LazyLock<u32> = LazyLock::new(|| {
        let [a, b, c, d, ..] = Sha256::digest(CALIBRATION.as_bytes()).0;
        u32::from_be_bytes([a, b, c, d])
    });
    *FINGERPRINT
}

/// A loaded model.
pub struct Verifier {
    plan: Arc<TypedSimplePlan>,
    /// The ids of the marks `[CLS]` and `[SEP]`: they stand behind the embedder's vocabulary.
    marks: [i64; 2],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("model", &MODEL_NAME).finish_non_exhaustive()
    }
}

/// Why a pair has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoScore {
    /// It has more than [`MAX_PAIR_PIECES`] wordpieces.
    TooLong,
    /// The model failed on it.
    Fault,
}

impl Verifier {
    /// Loads a model from its ONNX bytes. `vocabulary` is the number of the embedder's wordpieces.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn load(onnx: &[u8], vocabulary: usize) -> Result<Self, String> {
        if onnx.is_empty() {
            return Err("its file was missing when the Worker was built".to_owned());
        }
        let plan = plan(onnx).map_err(|error| format!("the model cannot be read: {error:#}"))?;
        let first = i64::try_from(vocabulary).map_err(|error| error.to_string())?;
        Ok(Self { plan, marks: [first, first + 1] })
    }

    /// The probability that one answer serves both texts, from 0 to 1, calibrated on pairs that the model was not trained
    /// on. The texts come as wordpieces of the embedder. Which text comes first makes no difference.
    ///
    /// # Errors
    /// Why there is none.
    pub fn score(&self, a: &[i64], b: &[i64]) -> Result<f32, NoScore> {
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        let logit = self.logit(a, b)?;
        Ok(1.0 / (1.0 + (-logit).exp()))
    }

    /// The logit of `[CLS] a [SEP] b [SEP]`.
    fn logit(&self, a: &[i64], b: &[i64]) -> Result<f32, NoScore> {
        let length = a.len() + b.len() + 3;
        if length > MAX_PAIR_PIECES {
            return Err(NoScore::TooLong);
        }
        self.run(a, b, length).ok().filter(|logit| logit.is_finite()).ok_or(NoScore::Fault)
    }

    fn run(&self, a: &[i64], b: &[i64], length: usize) -> TractResult<f32> {
        let [begin, end] = self.marks;
        let ids: Vec<i64> = [&[begin], a, &[end], b, &[end]].concat();
        let (in_a, in_b): (HashSet<_>, HashSet<_>) = (a.iter().collect(), b.iter().collect());
        // 0 and 1 in the first text, 2 and 3 in the second; 1 and 3 mark what the other text has too.
        let mut types: Vec<i64> = vec![0];
        types.extend(a.iter().map(|id| i64::from(in_b.contains(id))));
        types.push(0);
        types.extend(b.iter().map(|id| 2 + i64::from(in_a.contains(id))));
        types.push(2);
        let positions: Vec<i64> = (0i64..).take(length).collect();
        // The first row picks `[CLS]`, the other two take the mean of a text.
        let mut pool = vec![0f32; 3 * length];
        pool[0] = 1.0;
        pool[length + 1..][..a.len()].fill(share(a));
        pool[2 * length + a.len() + 2..][..b.len()].fill(share(b));
        let outputs = self.plan.run(tvec!(
            tensor1(&ids).into(),
            tensor1(&types).into(),
            tensor1(&positions).into(),
            Tensor::from_shape(&[3, length], &pool)?.into(),
        ))?;
        let logit = outputs.first().and_then(|tensor| tensor.to_plain_array_view::<f32>().ok()?.first().copied());
        logit.ok_or_else(|| TractError::msg("the model gave nothing"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a text has at most a few hundred pieces")]
fn share(pieces: &[i64]) -> f32 {
    1.0 / pieces.len().max(1) as f32
}

fn plan(onnx: &[u8]) -> TractResult<Arc<TypedSimplePlan>> {
    let mut model = operators::reader().model_for_read(&mut Cursor::new(onnx))?;
    let pieces = model.symbols.sym("pieces");
    for input in 0..3 {
        model.set_input_fact(input, InferenceFact::dt_shape(i64::datum_type(), tvec!(pieces.to_dim())))?;
    }
    model.set_input_fact(3, InferenceFact::dt_shape(f32::datum_type(), tvec!(3.to_dim(), pieces.to_dim())))?;
    model.into_optimized()?.into_runnable()
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
