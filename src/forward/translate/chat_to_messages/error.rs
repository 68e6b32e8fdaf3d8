//! An upstream's error, in the words of the API that the client speaks.

use serde_json::{Value, json};

/// An Anthropic error body (`{"type": "error", "error": {type, message}}`) as an OpenAI one. A body that is no such
/// error becomes one without details, so that a client's SDK always finds a message.
#[must_use]
pub fn error(body: &Value) -> Value {
    let message = body["error"]["message"].as_str().unwrap_or("The upstream answered with an error.");
    made(message, kind(body["error"]["type"].as_str().unwrap_or_default()))
}

/// An error in OpenAI's shape.
pub(super) fn made(message: &str, kind: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
}

/// OpenAI's type for one of Anthropic's, by who has to act. SDKs go by the status, which stays as it is.
fn kind(anthropic: &str) -> &'static str {
    match anthropic {
        "invalid_request_error" | "request_too_large" | "not_found_error" | "conflict_error" => "invalid_request_error",
        "authentication_error" => "authentication_error",
        "permission_error" => "permission_error",
        "billing_error" => "insufficient_quota",
        "rate_limit_error" => "rate_limit_error",
        // `api_error`, `overloaded_error`, `timeout_error`, and what is not known yet.
        _ => "server_error",
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
