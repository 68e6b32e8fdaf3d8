//! An upstream's error in Anthropic's words.

use serde_json::{Value, json};

/// An error body of an upstream that speaks `OpenAI`'s API (`{"error": {"message", "type", "param", "code"}}`), as
/// Anthropic writes it. The status alone says the type (Anthropic, "Errors": HTTP errors); the message stays as it is.
#[must_use]
pub fn error(body: &Value, status: u16) -> Value {
    let message = message(body).map_or_else(|| format!("The upstream answered with status {status}."), str::to_owned);
    json!({"type": "error", "error": {"type": kind(status), "message": message}})
}

/// What went wrong, in the upstream's words. vLLM puts the fields at the top, others answer with a bare string.
fn message(body: &Value) -> Option<&str> {
    [&body["error"]["message"], &body["error"], &body["message"], &body["detail"], body]
        .into_iter()
        .find_map(Value::as_str)
        .filter(|message| !message.is_empty())
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
