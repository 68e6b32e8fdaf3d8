//! OpenAI's Chat Completions API, `POST /v1/chat/completions`.

mod answer;
mod detached;
mod replay;
mod request;
mod stream;

pub use answer::read_body;
pub use detached::detached;
pub use replay::{body, stream};
pub use request::read;
pub use stream::Recorder;

use serde_json::json;

use crate::error::Failure;

/// A failure in OpenAI's error shape.
#[must_use]
pub fn error_body(failure: &Failure) -> Vec<u8> {
    json!({"error": {
        "message": failure.message,
        "type": failure.openai_type(),
        "param": failure.param,
        "code": failure.code,
    }})
    .to_string()
    .into_bytes()
}
