use super::*;

#[test]
fn an_error_keeps_its_message_and_gets_the_type_that_openai_has_for_it() {
    for (anthropic, openai) in [
        ("invalid_request_error", "invalid_request_error"),
        ("request_too_large", "invalid_request_error"),
        ("not_found_error", "invalid_request_error"),
        ("conflict_error", "invalid_request_error"),
        ("authentication_error", "authentication_error"),
        ("permission_error", "permission_error"),
        ("billing_error", "insufficient_quota"),
        ("rate_limit_error", "rate_limit_error"),
        ("api_error", "server_error"),
        ("overloaded_error", "server_error"),
        ("timeout_error", "server_error"),
        ("an_error_of_tomorrow", "server_error"),
    ] {
        let body =
            json!({"type": "error", "error": {"type": anthropic, "message": "max_tokens: é"}, "request_id": "r"});
        let expected = json!({"error": {"message": "max_tokens: é", "type": openai, "param": null, "code": null}});
        assert_eq!(error(&body).to_string(), expected.to_string());
    }
}

#[test]
fn a_body_that_is_no_error_still_becomes_one_with_a_message() {
    for body in [json!(null), json!("<html>"), json!([]), json!({"error": "gone"}), json!({"error": {"message": 1}})] {
        let error = error(&body);
        assert_eq!(error["error"]["message"], "The upstream answered with an error.", "{body}");
        assert_eq!(error["error"]["type"], "server_error", "{body}");
    }
}
