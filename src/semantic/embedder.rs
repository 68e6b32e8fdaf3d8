//! The embedding model: a static model (one vector a wordpiece, weighted, summed, normalised; see
//! `models/embedder/README.md`) run by tract, after tokenising as BERT does.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{DecoderWrapper, TokenizerImpl};
use tract_onnx::prelude::*;

use super::operators;

/// The number of dimensions of a vector.
pub const DIMENSIONS: usize = 256;

/// The longest text that the model represents, in wordpieces. A longer one is never looked up by meaning.
pub const MAX_PIECES: usize = 256;

/// The longest text that is tokenised at all, in bytes: no wordpiece of an ordinary text is longer than this over
/// [`MAX_PIECES`], and tokenising a book to learn that it is too long would cost more than the answer saves.
const MAX_BYTES: usize = 16 * MAX_PIECES;

/// The model's name, as `/healthz` shows it. It changes with every change of the vectors.
pub const MODEL_NAME: &str = "static-minilm-256-16k-int8-tuned";

type Tokenizer = TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, BertProcessing, DecoderWrapper>;

/// A loaded model.
pub struct Embedder {
    tokenizer: Tokenizer,
    plan: Arc<TypedSimplePlan>,
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder").field("model", &MODEL_NAME).finish_non_exhaustive()
    }
}

/// Why a text has no vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoVector {
    /// It has more than [`MAX_PIECES`] wordpieces.
    TooLong,
    /// It holds nothing that the model knows.
    Nothing,
    /// The model failed on it.
    Fault,
}

impl Embedder {
    /// Loads the model that ships with this crate.
    ///
    /// # Errors
    /// What is wrong with the files, in words.
    pub fn shipped() -> Result<Self, String> {
        Self::load(
            include_bytes!(concat!(env!("OUT_DIR"), "/embedder.onnx")),
            include_str!(concat!(env!("OUT_DIR"), "/vocab.txt")),
        )
    }

    /// Loads a model from its ONNX bytes and its vocabulary (one wordpiece a line; the line number is the id).
    ///
    /// # Errors
    /// What is wrong with the files, in words.
    pub fn load(onnx: &[u8], vocabulary: &str) -> Result<Self, String> {
        if onnx.is_empty() || vocabulary.is_empty() {
            return Err("its files were missing when the Worker was built".to_owned());
        }
        let vocabulary = vocabulary.lines().zip(0u32..).map(|(piece, id)| (piece.to_owned(), id));
        let pieces = WordPiece::builder()
            .vocab(vocabulary.collect::<ahash::AHashMap<_, _>>())
            .unk_token("[UNK]".to_owned())
            .build()
            .map_err(|error| format!("the vocabulary cannot be read: {error}"))?;
        let mut tokenizer = Tokenizer::new(pieces);
        tokenizer.with_normalizer(Some(BertNormalizer::default())).with_pre_tokenizer(Some(BertPreTokenizer));
        let plan = plan(onnx).map_err(|error| format!("the model cannot be read: {error:#}"))?;
        Ok(Self { tokenizer, plan })
    }

    /// The number of wordpieces in the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(false)
    }

    /// The wordpieces of a text, as ids.
    ///
    /// # Errors
    /// [`NoVector::Fault`] when the tokenizer fails.
    pub fn pieces(&self, text: &str) -> Result<Vec<i64>, NoVector> {
        let encoding = self.tokenizer.encode(text, false).map_err(|_| NoVector::Fault)?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// The vector of a text: [`DIMENSIONS`] numbers, of Euclidean length 1.
    ///
    /// # Errors
    /// Why it has none.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, NoVector> {
        self.read(text).map(|(_, vector)| vector)
    }

    /// The wordpieces of a text, as ids, and its vector.
    ///
    /// # Errors
    /// Why it has none.
    pub fn read(&self, text: &str) -> Result<(Vec<i64>, Vec<f32>), NoVector> {
        if text.len() > MAX_BYTES {
            return Err(NoVector::TooLong);
        }
        let ids = self.pieces(text)?;
        if ids.len() > MAX_PIECES {
            return Err(NoVector::TooLong);
        }
        if ids.is_empty() {
            return Err(NoVector::Nothing);
        }
        let input = Tensor::from_shape(&[1, ids.len()], &ids).map_err(|_| NoVector::Fault)?;
        let output = self.plan.run(tvec!(input.into())).map_err(|_| NoVector::Fault)?;
        let view = output.first().and_then(|tensor| tensor.to_plain_array_view::<f32>().ok()).ok_or(NoVector::Fault)?;
        let vector: Vec<f32> = view.iter().copied().collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if vector.len() != DIMENSIONS || !length.is_finite() {
            return Err(NoVector::Fault);
        }
        if length < 0.5 { Err(NoVector::Nothing) } else { Ok((ids, vector)) }
    }
}

fn plan(onnx: &[u8]) -> TractResult<Arc<TypedSimplePlan>> {
    let mut model = operators::reader().model_for_read(&mut Cursor::new(onnx))?;
    let pieces = model.symbols.sym("pieces");
    model.set_input_fact(0, InferenceFact::dt_shape(i64::datum_type(), tvec!(1.to_dim(), pieces.to_dim())))?;
    model.into_optimized()?.into_runnable()
}

/// Rounds a vector to 8 bits a dimension. The scale is the vector's own, so a cosine is the same up to rounding.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the quotient lies between -127 and 127")]
pub fn quantise(vector: &[f32]) -> Vec<i8> {
    let largest = vector.iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    vector.iter().map(|x| (x / largest * 127.0).round() as i8).collect()
}

#[cfg(test)]
#[path = "embedder_tests.rs"]
mod tests;
