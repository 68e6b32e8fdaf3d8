use super::*;

#[test]
fn the_status_says_the_type() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
    ] {
        let body = json!({"error": {"message": "No.", "type": "some_type", "param": "n", "code": null}});
        let expected = json!({"type": "error", "error": {"type": kind, "message": "No."}});
        assert_eq!(error(&body, status), expected, "{status}");
    }
}

#[test]
fn the_message_is_found_wherever_an_upstream_puts_it() {
    for (body, message) in [
        (json!({"error": {"message": "a"}}), "a"),
        (json!({"error": "b"}), "b"),
        (json!({"object": "error", "message": "c"}), "c"),
        (json!({"detail": "d"}), "d"),
        (json!("e"), "e"),
        (json!({"error": {"message": ""}}), "The upstream answered with status 418."),
        (json!({"error": {"code": 5}}), "The upstream answered with status 418."),
        (Value::Null, "The upstream answered with status 418."),
    ] {
        assert_eq!(error(&body, 418)["error"]["message"], message, "{body}");
    }
}
