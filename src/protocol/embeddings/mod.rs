//! OpenAI's Embeddings API, `POST /v1/embeddings`.

mod batch;
mod own;

pub use batch::{BatchRequest, read, read_answer};
pub use own::{OWN_MODEL, OwnRequest, own_body, read_own};
