//! Does another text mean the same? The embedder finds, the index looks up, the guard decides.

pub mod embedder;
pub mod guard;
pub mod index;
mod operators;
