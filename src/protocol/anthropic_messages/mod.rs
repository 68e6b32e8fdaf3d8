//! Anthropic's Messages API, `POST /v1/messages`.

mod answer;
mod detached;
mod replay;
mod request;
mod stream;
mod turns;

pub use answer::read_body;
pub use detached::detached;
pub use replay::{body, stream};
pub use request::read;
pub use stream::Recorder;

use serde_json::json;

use crate::error::Failure;

/// A failure in Anthropic's error shape. It has no place for the field's name: the message says it already.
#[must_use]
pub fn error_body(failure: &Failure, request_id: &str) -> Vec<u8> {
    json!({
        "type": "error",
        "error": {"type": error_type(failure.status), "message": failure.message},
        "request_id": request_id,
    })
    .to_string()
    .into_bytes()
}

/// The `error.type` that Anthropic gives along with a status.
fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
