//! Wire formats and nothing else: bytes to [`crate::canonical`] and back. One folder an API, split by part.

pub mod embeddings;
pub mod json;
pub mod openai_chat;
pub mod sse;
