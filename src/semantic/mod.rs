//! Does another text mean the same? The embedder finds, the index looks up, the guard compares, the verifier reads both,
//! and `risk` says what score is enough.

pub mod answers;
pub mod decision;
pub mod embedder;
pub mod guard;
pub mod index;
mod operators;
pub mod record;
pub mod risk;
pub mod verifier;
