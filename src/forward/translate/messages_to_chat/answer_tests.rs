use super::*;

fn completed(message: &Value, finish_reason: &str) -> Value {
    json!({"id": "chatcmpl-abc", "object": "chat.completion", "created": 1, "model": "gpt-6.1",
        "service_tier": "default",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

#[test]
fn an_answer_becomes_a_message() {
    let message = json!({"role": "assistant", "content": "Hi.", "refusal": null, "annotations": []});
    assert_eq!(
        answer(&completed(&message, "stop")).unwrap().to_string(),
        json!({"id": "msg_abc", "type": "message", "role": "assistant", "model": "gpt-6.1",
            "content": [{"type": "text", "text": "Hi."}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "output_tokens": 5}})
        .to_string()
    );
}

#[test]
fn what_was_said_becomes_blocks() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let tool_use = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "f", "input": input});
    for (message, finish_reason, content, stop_reason) in [
        (json!({"content": "Hi."}), "stop", json!([text("Hi.")]), "end_turn"),
        (json!({"content": "Hi"}), "length", json!([text("Hi")]), "max_tokens"),
        (json!({"content": "Hi"}), "content_filter", json!([text("Hi")]), "refusal"),
        (json!({"content": null, "refusal": "No."}), "stop", json!([text("No.")]), "refusal"),
        (json!({"content": ""}), "stop", json!([]), "end_turn"),
        (json!({"content": null, "reasoning_content": "hm"}), "length", json!([]), "max_tokens"),
        (
            json!({"content": "Hi.", "reasoning_content": "hm", "reasoning": "hm"}),
            "stop",
            json!([text("Hi.")]),
            "end_turn",
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": [text("hm")]}, text("H"), text("i.")]}),
            "stop",
            json!([text("Hi.")]),
            "end_turn",
        ),
        (
            json!({"tool_calls": [call("c", "{\"x\":1}")]}),
            "tool_calls",
            json!([tool_use("c", json!({"x": 1}))]),
            "tool_use",
        ),
        (
            json!({"content": "See:", "tool_calls": [call("c", ""), call("d", " {} ")]}),
            "tool_calls",
            json!([text("See:"), tool_use("c", json!({})), tool_use("d", json!({}))]),
            "tool_use",
        ),
        // A call that was asked for by its name.
        (json!({"tool_calls": [call("c", "{}")]}), "stop", json!([tool_use("c", json!({}))]), "tool_use"),
        (json!({"content": "Hi.", "tool_calls": []}), "tool_calls", json!([text("Hi.")]), "end_turn"),
        (
            json!({"tool_calls": [call("", "{}"), call("", "{}")]}),
            "tool_calls",
            json!([tool_use("toolu_abc_0", json!({})), tool_use("toolu_abc_1", json!({}))]),
            "tool_use",
        ),
    ] {
        let found = answer(&completed(&message, finish_reason)).unwrap();
        assert_eq!((&found["content"], &found["stop_reason"]), (&content, &json!(stop_reason)), "{message}");
    }
}

#[test]
fn what_is_no_answer_is_none() {
    let hi = json!({"content": "Hi."});
    let good = completed(&hi, "stop");
    assert!(answer(&good).is_some());
    let mut several = good.clone();
    several["choices"].as_array_mut().unwrap().push(good["choices"][0].clone());
    let changed = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for body in [
        json!(null),
        json!([]),
        json!({}),
        several,
        changed("choices", json!([])),
        changed("choices", json!([{"index": 0, "finish_reason": "stop"}])),
        changed("choices", json!([{"index": 0, "message": hi, "finish_reason": null}])),
        changed("object", json!("chat.completion.chunk")),
        changed("error", json!({"message": "No."})),
        completed(&hi, "a_reason_of_tomorrow"),
        completed(&json!({"content": [{"type": "image_url"}]}), "stop"),
        completed(&json!({"function_call": {"name": "f", "arguments": "{}"}}), "function_call"),
        completed(
            &json!({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]}),
            "tool_calls",
        ),
        completed(&json!({"tool_calls": [call("c", "{\"x\":")]}), "tool_calls"),
        completed(&json!({"tool_calls": [call("c", "{\"x\":")]}), "length"),
        completed(&json!({"tool_calls": [call("c", "[1]")]}), "tool_calls"),
        completed(&json!({"tool_calls": [call("c", "{}{}")]}), "tool_calls"),
    ] {
        assert_eq!(answer(&body), None, "{body}");
    }
}

#[test]
fn usage_counts_the_prefix_cache_apart() {
    for (given, [input, written, read, output]) in [
        (json!(null), [0, 0, 0, 0]),
        (json!({"prompt_tokens": 10, "completion_tokens": 5}), [10, 0, 0, 5]),
        (
            json!({"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}),
            [36, 0, 64, 5],
        ),
        (
            json!({"prompt_tokens": 100, "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 30, "audio_tokens": 0}}),
            [6, 30, 64, 5],
        ),
        (
            json!({"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 60,
                "prompt_cache_miss_tokens": 40}),
            [40, 0, 60, 5],
        ),
        (
            json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}),
            [0, 0, 64, 5],
        ),
    ] {
        let expected = json!({"input_tokens": input, "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read, "output_tokens": output});
        assert_eq!(usage(&given), expected, "{given}");
    }
    let given =
        json!({"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}});
    assert_eq!(usage(&given)["output_tokens_details"], json!({"thinking_tokens": 7}));
}
