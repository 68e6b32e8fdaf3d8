use super::*;

/// A request that asks as little as it can, with one more field.
fn with(name: &str, value: Value) -> Value {
    let mut body = json!({"model": "gpt-6.1", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]});
    body[name] = value;
    body
}

fn tool() -> Value {
    json!({"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"b": {}, "a": {}}}})
}

fn function() -> Value {
    json!({"type": "function", "function": {"name": "f", "description": "d",
        "parameters": {"type": "object", "properties": {"b": {}, "a": {}}}}})
}

fn tool_with(name: &str, value: Value) -> Value {
    let mut tool = tool();
    tool[name] = value;
    json!([tool])
}

/// The chat request's fields beside the three that every one has.
fn beside(body: &Value) -> Value {
    let mut chat = request(body).unwrap();
    for name in ["model", "messages", "max_completion_tokens"] {
        assert!(chat.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    chat
}

fn refused(body: &Value) -> String {
    match request(body) {
        Err(refusal) => {
            assert!(!refusal.why.is_empty() && !refusal.why.ends_with('.'), "{refusal}");
            refusal.field
        }
        Ok(chat) => panic!("{body} became {chat}"),
    }
}

#[test]
fn the_plainest_request_becomes_the_plainest_request() {
    assert_eq!(
        request(&with("system", Value::Null)).unwrap().to_string(),
        r#"{"model":"gpt-6.1","messages":[{"role":"user","content":"Hi."}],"max_completion_tokens":100}"#
    );
}

#[test]
fn every_field_that_has_a_place_is_carried_to_it() {
    let schema = json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "number"}}});
    let form = json!({"type": "json_schema", "schema": schema});
    let response_format =
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}});
    for (name, value, carried) in [
        ("temperature", json!(0.7), json!({"temperature": 0.7})),
        ("top_p", json!(0.9), json!({"top_p": 0.9})),
        ("stop_sequences", json!(["a", "b", "c", "d"]), json!({"stop": ["a", "b", "c", "d"]})),
        ("stop_sequences", json!([]), json!({})),
        ("stream", json!(true), json!({"stream": true, "stream_options": {"include_usage": true}})),
        ("stream", json!(false), json!({"stream": false})),
        ("metadata", json!({"user_id": "u"}), json!({"user": "u"})),
        ("metadata", json!({"user_id": null}), json!({})),
        ("output_config", json!({"effort": "xhigh"}), json!({"reasoning_effort": "xhigh"})),
        ("output_config", json!({"effort": null, "format": null}), json!({})),
        ("output_config", json!({"format": form}), json!({"response_format": response_format})),
        ("output_format", form.clone(), json!({"response_format": response_format})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 1024}), json!({"reasoning_effort": "low"})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 2048}), json!({"reasoning_effort": "low"})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 2049}), json!({"reasoning_effort": "medium"})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 8192}), json!({"reasoning_effort": "medium"})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 8193}), json!({"reasoning_effort": "high"})),
        ("tools", json!([tool()]), json!({"tools": [function()]})),
        ("tools", json!([]), json!({})),
        ("tools", tool_with("type", json!("custom")), json!({"tools": [function()]})),
        ("tools", tool_with("type", json!(null)), json!({"tools": [function()]})),
        (
            "tools",
            json!([{"name": "g", "input_schema": {}, "strict": true}]),
            json!({"tools": [{"type": "function", "function": {"name": "g", "parameters": {}, "strict": true}}]}),
        ),
    ] {
        assert_eq!(beside(&with(name, value.clone())), carried, "{name}: {value}");
    }
}

#[test]
fn what_does_not_change_the_answer_is_dropped() {
    for (name, value) in [
        ("cache_control", json!({"type": "ephemeral"})),
        ("service_tier", json!("auto")),
        ("diagnostics", json!({"previous_message_id": "msg_1"})),
        ("thinking", json!({"type": "disabled"})),
        ("thinking", json!({"type": "adaptive", "display": "summarized"})),
        ("top_k", json!(null)),
        ("mcp_servers", json!([])),
        ("a_field_of_tomorrow", json!(null)),
        ("tool_choice", json!({"type": "auto"})),
        ("tool_choice", json!({"type": "none"})),
    ] {
        assert_eq!(beside(&with(name, value.clone())), json!({}), "{name}: {value}");
    }
    for (name, value) in [
        ("cache_control", json!({"type": "ephemeral", "ttl": "1h"})),
        ("eager_input_streaming", json!(true)),
        ("allowed_callers", json!(["direct"])),
        ("defer_loading", json!(false)),
        ("input_examples", json!([])),
    ] {
        assert_eq!(beside(&with("tools", tool_with(name, value))), json!({"tools": [function()]}), "{name}");
    }
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (name, value, field) in [
        ("top_k", json!(5), "top_k"),
        ("mcp_servers", json!([{"type": "url"}]), "mcp_servers"),
        ("container", json!("c"), "container"),
        ("context_management", json!({"edits": []}), "context_management"),
        ("compaction", json!({}), "compaction"),
        ("thread", json!({"id": "t"}), "thread"),
        ("speed", json!("fast"), "speed"),
        ("inference_geo", json!("eu"), "inference_geo"),
        ("fallbacks", json!([{"model": "m"}]), "fallbacks"),
        ("fallback_credit_token", json!("t"), "fallback_credit_token"),
        ("billing_policy", json!({}), "billing_policy"),
        ("moderation", json!({"model": "m"}), "moderation"),
        ("a_field_of_tomorrow", json!(0), "a_field_of_tomorrow"),
        ("stop_sequences", json!(["a", "b", "c", "d", "e"]), "stop_sequences"),
        ("max_tokens", json!(0), "max_tokens"),
        ("metadata", json!({"user_id": "u", "x": 1}), "metadata.x"),
        ("output_config", json!({"task_budget": {"total": 9}}), "output_config.task_budget"),
        ("output_config", json!({"effort": "huge"}), "output_config.effort"),
        ("output_config", json!({"format": {"type": "regex"}}), "output_config.format"),
        ("output_format", json!({"type": "json_schema"}), "output_format"),
        ("thinking", json!({"type": "enabled"}), "thinking.budget_tokens"),
        ("thinking", json!({"type": "dreaming"}), "thinking.type"),
        ("thinking", json!({"type": "adaptive", "depth": 3}), "thinking.depth"),
        ("tools", tool_with("type", json!("web_search_20260209")), "tools[0].type"),
        ("tools", tool_with("type", json!("bash_20250124")), "tools[0].type"),
        ("tools", tool_with("defer_loading", json!(true)), "tools[0].defer_loading"),
        ("tools", tool_with("allowed_callers", json!(["code_execution_20260120"])), "tools[0].allowed_callers"),
        ("tools", tool_with("input_examples", json!([{}])), "tools[0].input_examples"),
        ("tools", tool_with("new", json!(1)), "tools[0].new"),
        ("tools", tool_with("name", json!("n".repeat(65))), "tools[0].name"),
        ("tool_choice", json!({"type": "any"}), "tool_choice"),
    ] {
        assert_eq!(refused(&with(name, value.clone())), field, "{name}: {value}");
    }
}

#[test]
fn every_field_of_the_table_is_tried_in_these_tests() {
    let source = [include_str!("request_tests.rs"), include_str!("turns_tests.rs")].concat();
    for (name, _) in &FIELDS {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn a_field_of_the_wrong_type_is_refused_by_name() {
    for (name, value) in [
        ("model", json!(1)),
        ("model", json!(null)),
        ("messages", json!("Hi.")),
        ("messages", json!(null)),
        ("system", json!(1)),
        ("tools", json!({})),
        ("tool_choice", json!("auto")),
        ("stop_sequences", json!("a")),
        ("stream", json!("yes")),
        ("metadata", json!("u")),
        ("output_config", json!("high")),
        ("thinking", json!("on")),
    ] {
        assert_eq!(refused(&with(name, value.clone())), name, "{value}");
    }
    assert_eq!(refused(&json!([])), "");
}

#[test]
fn a_choice_of_tools_is_carried_with_the_tools() {
    for (choice, carried) in [
        (json!({"type": "auto"}), json!({"tool_choice": "auto"})),
        (json!({"type": "any"}), json!({"tool_choice": "required"})),
        (json!({"type": "none"}), json!({"tool_choice": "none"})),
        (json!({"type": "tool", "name": "f"}), json!({"tool_choice": {"type": "function", "function": {"name": "f"}}})),
        (
            json!({"type": "auto", "disable_parallel_tool_use": true}),
            json!({"tool_choice": "auto", "parallel_tool_calls": false}),
        ),
        (json!({"type": "auto", "disable_parallel_tool_use": false}), json!({"tool_choice": "auto"})),
    ] {
        let mut body = with("tools", json!([tool()]));
        body["tool_choice"] = choice.clone();
        let mut chat = beside(&body);
        chat.as_object_mut().unwrap().remove("tools");
        assert_eq!(chat, carried, "{choice}");
    }
    for (choice, field) in [
        (json!({"type": "some"}), "tool_choice.type"),
        (json!({"type": "tool"}), "tool_choice.name"),
        (json!({"type": "auto", "allowed": []}), "tool_choice.allowed"),
        (json!({"type": "auto", "disable_parallel_tool_use": 1}), "tool_choice.disable_parallel_tool_use"),
    ] {
        let mut body = with("tools", json!([tool()]));
        body["tool_choice"] = choice;
        assert_eq!(refused(&body), field);
    }
}

#[test]
fn an_effort_in_words_comes_before_a_budget() {
    for first in ["thinking", "output_config"] {
        let mut body = with(first, json!({}));
        body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
        body["output_config"] = json!({"effort": "max"});
        assert_eq!(beside(&body), json!({"reasoning_effort": "max"}));
    }
}

#[test]
fn the_form_of_the_answer_is_given_once() {
    let form = json!({"type": "json_schema", "schema": {}});
    let mut body = with("output_format", form.clone());
    body["output_config"] = json!({"format": form});
    assert_eq!(refused(&body), "output_format");
}

#[test]
fn numbers_are_carried_as_they_are_spelled_and_keys_in_their_order() {
    let body: Value = serde_json::from_str(
        r#"{"temperature": 0.70000000000000000001, "max_tokens": 1e2, "top_p": 1.0, "model": "m", "messages": [],
        "tools": [{"name": "f", "input_schema": {"z": 123456789012345678901234567890, "a": -0.0, "m": 1E400}}]}"#,
    )
    .unwrap();
    let chat = request(&body).unwrap().to_string();
    for kept in [
        r#""temperature":0.70000000000000000001"#,
        r#""max_completion_tokens":1e"#,
        r#""top_p":1.0"#,
        r#"{"z":123456789012345678901234567890,"a":-0.0,"m":1"#,
    ] {
        assert!(chat.contains(kept), "{kept} in {chat}");
    }
}
