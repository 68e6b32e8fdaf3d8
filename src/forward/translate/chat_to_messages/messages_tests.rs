use super::*;

fn carried(messages: &Value) -> Value {
    let conversation = carry(Some(messages)).unwrap();
    json!({"system": conversation.system, "messages": conversation.messages})
}

fn refused(messages: &Value) -> String {
    match carry(Some(messages)) {
        Err(refusal) => refusal.field,
        Ok(_) => panic!("carried: {messages}"),
    }
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn user() -> Value {
    json!({"role": "user", "content": "Hi"})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

/// The input that these arguments become.
fn input(arguments: &str) -> Result<String, String> {
    let messages =
        json!([user(), {"role": "assistant", "content": null, "tool_calls": [call("a", arguments)]}, user()]);
    match carry(Some(&messages)) {
        Ok(conversation) => Ok(conversation.messages[1]["content"][0]["input"].to_string()),
        Err(refusal) => Err(refusal.field),
    }
}

#[test]
fn leading_instructions_become_the_system_prompt_one_block_a_part() {
    let mark = json!({"type": "ephemeral"});
    let marked = json!({"type": "text", "text": "c", "cache_control": mark});
    let messages = json!([
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [text("b"), marked]},
        {"role": "system", "content": ""},
        {"role": "system", "content": [text("d"), text("e")], "cache_control": mark},
        user(),
    ]);
    let last = json!({"type": "text", "text": "e", "cache_control": mark});
    let out = carried(&messages);
    assert_eq!(out["system"], json!([text("a"), text("b"), marked, text("d"), last]));
    assert_eq!(out["messages"], json!([{"role": "user", "content": [text("Hi")]}]));
    assert_eq!(carried(&json!([user()]))["system"], Value::Null);
}

#[test]
fn later_instructions_are_refused_by_name_unless_they_are_empty() {
    for role in ["system", "developer"] {
        let later = |content: &str| json!([user(), {"role": role, "content": content}]);
        assert_eq!(refused(&later("Be brief.")), "messages[1]");
        assert_eq!(carried(&later("")), carried(&json!([user()])));
    }
}

#[test]
fn messages_of_one_role_in_a_row_are_one_turn() {
    let messages = json!([
        user(),
        {"role": "user", "content": [text("and"), {"type": "image_url", "image_url": {"url": "https://e.org/a"}}]},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": [text("b"), {"type": "refusal", "refusal": "c"}], "refusal": "d"},
        user(),
    ]);
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://e.org/a"}});
    let expected = json!([
        {"role": "user", "content": [text("Hi"), text("and"), image]},
        {"role": "assistant", "content": [text("a"), text("b"), text("c"), text("d")]},
        {"role": "user", "content": [text("Hi")]},
    ]);
    assert_eq!(carried(&messages)["messages"], expected);
}

#[test]
fn a_tool_loop_becomes_calls_and_one_turn_of_results_in_order() {
    let messages = json!([
        user(),
        {"role": "assistant", "content": "Let me see.", "tool_calls": [
            call("call_1", "{\"x\":1}"), call("call_2", ""),
        ]},
        {"role": "tool", "tool_call_id": "call_2", "content": "two", "name": "f"},
        {"role": "tool", "tool_call_id": "call_1", "content": [text("one"), text("")]},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "", "tool_calls": [call("functions.f:0", "{}")]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": ""},
        {"role": "tool", "tool_call_id": "call_4"},
    ]);
    let expected = json!([
        {"role": "user", "content": [text("Hi")]},
        {"role": "assistant", "content": [
            text("Let me see."),
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "call_2", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_2", "content": "two"},
            {"type": "tool_result", "tool_use_id": "call_1", "content": [text("one")]},
            text("And?"),
        ]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "functions_x2e_f_x3a_0", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "functions_x2e_f_x3a_0", "content": ""},
            {"type": "tool_result", "tool_use_id": "call_4"},
        ]},
    ]);
    assert_eq!(carried(&messages)["messages"], expected);
}

#[test]
fn arguments_keep_their_order_their_digits_and_their_characters() {
    for arguments in [
        r#"{"z":1,"a":{"y":2,"b":3}}"#,
        r#"{"n":12345678901234567890123,"f":0.1000000000000000055,"e":1e+400}"#,
        "{\"é\":\"🦀\u{2028}\\u0000\"}",
        "{}",
    ] {
        assert_eq!(input(arguments).as_deref(), Ok(arguments));
    }
    assert_eq!(input(" { \"a\" : [ 1 ] } ").as_deref(), Ok("{\"a\":[1]}"));
    assert_eq!(input("").as_deref(), Ok("{}"));
    assert_eq!(input(" \n").as_deref(), Ok("{}"));
}

#[test]
fn arguments_that_cannot_be_kept_are_refused_by_name() {
    for arguments in [
        "{",
        "[]",
        "null",
        "\"x\"",
        "{} {}",
        r#"{"a":1,"a":2}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":{"$serde_json::private::Number":"1"}}"#,
    ] {
        let path = "messages[1].tool_calls[0].function.arguments";
        assert_eq!(input(arguments).unwrap_err(), path, "{arguments}");
    }
}

#[test]
fn a_mark_inside_a_result_becomes_the_results_own() {
    let (short, long) = (json!({"type": "ephemeral"}), json!({"type": "ephemeral", "ttl": "1h"}));
    let part = |mark: &Value| json!({"type": "text", "text": "a", "cache_control": mark});
    let content = json!([part(&long), part(&short)]);
    let of_message = json!({"role": "tool", "tool_call_id": "c", "content": content, "cache_control": long});
    let of_parts = json!({"role": "tool", "tool_call_id": "c", "content": content});
    for (message, mark) in [(of_message, &long), (of_parts, &short)] {
        let result = carried(&json!([message]))["messages"][0]["content"][0].clone();
        assert_eq!(result["cache_control"], *mark);
        assert_eq!(result["content"], json!([text("a"), text("a")]));
    }
}

#[test]
fn what_sdks_leave_in_a_message_of_the_model_does_not_stand_in_the_way() {
    let mut from_sdk = json!({"role": "assistant", "content": "a", "refusal": null, "annotations": [], "audio": null,
        "function_call": null, "tool_calls": [call("c", "{}")], "reasoning_content": "Hm.", "reasoning": "Hm.",
        "parsed": {"a": 1}, "name": null});
    from_sdk["tool_calls"][0]["index"] = json!(0);
    from_sdk["tool_calls"][0]["function"]["parsed_arguments"] = json!({});
    let plain = json!({"role": "assistant", "content": "a", "tool_calls": [call("c", "{}")]});
    let around = |message: Value| json!([user(), message, {"role": "tool", "tool_call_id": "c", "content": "r"}]);
    assert_eq!(carried(&around(from_sdk)), carried(&around(plain)));
}

#[test]
fn a_message_without_a_place_is_refused_by_name() {
    let assistant = |name: &str, value: Value| json!({"role": "assistant", "content": "a", name: value});
    let calls = |call: Value| assistant("tool_calls", json!([call]));
    for (message, field) in [
        (json!("Hi"), "messages[1]"),
        (json!({"content": "Hi"}), "messages[1].role"),
        (json!({"role": "critic", "content": "Hi"}), "messages[1].role"),
        (json!({"role": "function", "name": "f", "content": "r"}), "messages[1]"),
        (json!({"role": "user", "content": "Hi", "name": "Ann"}), "messages[1].name"),
        (json!({"role": "user", "content": "Hi", "x": 1}), "messages[1].x"),
        (json!({"role": "user", "content": {}}), "messages[1].content"),
        (json!({"role": "user", "content": [{"type": "file"}]}), "messages[1].content[0]"),
        (json!({"role": "tool", "content": "r"}), "messages[1].tool_call_id"),
        (json!({"role": "tool", "tool_call_id": "c", "content": 1}), "messages[1].content"),
        (json!({"role": "tool", "tool_call_id": "c", "content": "r", "x": 1}), "messages[1].x"),
        (assistant("name", json!("Bob")), "messages[1].name"),
        (assistant("audio", json!({"id": "a"})), "messages[1].audio"),
        (assistant("function_call", json!({"name": "f"})), "messages[1].function_call"),
        (assistant("thinking_blocks", json!([])), "messages[1].thinking_blocks"),
        (assistant("refusal", json!(1)), "messages[1].refusal"),
        (assistant("tool_calls", json!({})), "messages[1].tool_calls"),
        (calls(json!("c")), "messages[1].tool_calls[0]"),
        (calls(json!({"id": "c", "type": "custom", "custom": {}})), "messages[1].tool_calls[0].type"),
        (calls(json!({"type": "function", "function": {}})), "messages[1].tool_calls[0].id"),
        (calls(json!({"id": "c"})), "messages[1].tool_calls[0].function"),
        (calls(json!({"id": "c", "function": {"arguments": ""}})), "messages[1].tool_calls[0].function.name"),
        (calls(json!({"id": "c", "function": {"name": "f"}})), "messages[1].tool_calls[0].function.arguments"),
        (calls(json!({"id": "c", "function": {"name": "f"}, "x": 1})), "messages[1].tool_calls[0].x"),
        (calls(json!({"id": "c", "function": {"name": "f", "x": 1}})), "messages[1].tool_calls[0].function.x"),
    ] {
        assert_eq!(refused(&json!([user(), message, user()])), field, "{message}");
    }
}

#[test]
fn a_conversation_needs_the_user_and_the_last_word_is_not_the_assistants() {
    assert_eq!(refused(&json!([{"role": "system", "content": "a"}])), "messages");
    assert_eq!(refused(&json!([{"role": "user", "content": ""}])), "messages");
    assert_eq!(refused(&json!([user(), {"role": "assistant", "content": "Well,"}])), "messages[1]");
    assert_eq!(refused(&json!([user(), {"role": "assistant", "content": "a"}, {"role": "user"}])), "messages[2]");
}
