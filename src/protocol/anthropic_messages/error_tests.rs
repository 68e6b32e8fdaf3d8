use serde_json::Value;

use super::*;

#[test]
fn an_error_has_the_shape_that_the_sdks_read() {
    let failure = Failure::bad_field("max_tokens", "'max_tokens' is required.");
    let body: Value = serde_json::from_slice(&error_body(&failure, "req_1")).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "'max_tokens' is required."},
            "request_id": "req_1",
        })
    );
}

#[test]
fn the_status_says_the_type() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        assert_eq!(error_type(status), kind, "{status}");
    }
}
