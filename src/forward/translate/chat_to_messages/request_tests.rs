use super::*;
use crate::canonical::Api;
use crate::protocol::{Generation, anthropic_messages};

/// What becomes of one field that is added to the smallest body.
enum Then {
    /// The Messages body has this at this path too.
    Has(&'static str, Value),
    /// The Messages body is that of the smallest body.
    Nothing,
    /// The request is refused, and the refusal names this field.
    Refused(&'static str),
}
use Then::{Has, Nothing, Refused};

fn tool() -> Value {
    json!({"type": "function", "function": {"name": "f"}})
}

fn smallest() -> Value {
    json!({"model": "claude-x", "messages": [{"role": "user", "content": "Hi"}]})
}

/// The smallest body with these fields instead of or beside its own.
fn body(fields: &Value) -> Value {
    let mut body = smallest();
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn with(name: &str, value: &Value) -> Result<Value, CannotCarry> {
    request(&body(&json!({name: value})))
}

fn refused(body: &Value) -> String {
    request(body).expect_err(&body.to_string()).field
}

/// Every field that is carried.
fn carried() -> Vec<(&'static str, Value, Then)> {
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let turn = |text: &str| json!([{"role": "user", "content": text}]);
    vec![
        ("model", json!("claude-y"), Has("/model", json!("claude-y"))),
        ("messages", turn("Yo"), Has("/messages/0/content/0/text", json!("Yo"))),
        ("tools", json!([tool()]), Has("/tools/0", json!({"name": "f", "input_schema": {"type": "object"}}))),
        ("tools", json!([]), Nothing),
        ("tools", json!({}), Refused("tools")),
        ("tool_choice", json!("auto"), Nothing), // there are no tools
        ("tool_choice", json!("none"), Nothing),
        ("tool_choice", json!("required"), Refused("tool_choice")),
        ("tool_choice", Value::Null, Nothing),
        ("parallel_tool_calls", json!(false), Nothing), // there are no tools
        ("parallel_tool_calls", json!("no"), Refused("parallel_tool_calls")),
        ("max_tokens", json!(7), Has("/max_tokens", json!(7))),
        ("max_completion_tokens", json!(8), Has("/max_tokens", json!(8))),
        ("stop", json!("END"), Has("/stop_sequences", json!(["END"]))),
        ("stop", json!(["a", "b"]), Has("/stop_sequences", json!(["a", "b"]))),
        ("stop", json!([]), Nothing),
        ("stop", json!(["a", 1]), Refused("stop")),
        ("stop", json!(1), Refused("stop")),
        ("temperature", number("0.70"), Has("/temperature", number("0.70"))),
        ("temperature", json!(1), Has("/temperature", json!(1))),
        ("temperature", number("1.0000001"), Refused("temperature")),
        ("temperature", json!(2), Refused("temperature")),
        ("temperature", json!("hot"), Refused("temperature")),
        ("top_p", number("0.10"), Has("/top_p", number("0.10"))),
        ("top_k", json!(40), Has("/top_k", json!(40))),
        ("stream", json!(true), Has("/stream", json!(true))),
        ("stream", json!(false), Has("/stream", json!(false))),
        ("user", json!("u-1"), Has("/metadata", json!({"user_id": "u-1"}))),
        ("user", json!(1), Refused("user")),
        ("safety_identifier", json!("s-1"), Has("/metadata", json!({"user_id": "s-1"}))),
        ("reasoning_effort", json!("none"), Has("/thinking", json!({"type": "disabled"}))),
        ("reasoning_effort", json!("minimal"), Has("/output_config", json!({"effort": "low"}))),
        ("reasoning_effort", json!("low"), Has("/output_config", json!({"effort": "low"}))),
        ("reasoning_effort", json!("medium"), Has("/output_config", json!({"effort": "medium"}))),
        ("reasoning_effort", json!("high"), Has("/output_config", json!({"effort": "high"}))),
        ("reasoning_effort", json!("xhigh"), Has("/output_config", json!({"effort": "xhigh"}))),
        ("reasoning_effort", json!("max"), Has("/output_config", json!({"effort": "max"}))),
        ("reasoning_effort", json!("extreme"), Refused("reasoning_effort")),
        ("reasoning_effort", json!(3), Refused("reasoning_effort")),
        ("thinking", json!({"type": "adaptive"}), Has("/thinking", json!({"type": "adaptive"}))),
        ("response_format", json!({"type": "text"}), Nothing),
        ("response_format", json!({"type": "json_object"}), Refused("response_format")),
        ("response_format", json!({"type": "grammar"}), Refused("response_format.type")),
        ("response_format", json!({"type": "text", "x": 1}), Refused("response_format.x")),
        ("response_format", json!("json"), Refused("response_format")),
        ("response_format", json!({"type": "json_schema"}), Refused("response_format.json_schema")),
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "n"}}),
            Refused("response_format.json_schema.schema"),
        ),
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "object"}}}),
            Has("/output_config", json!({"format": {"type": "json_schema", "schema": {"type": "object"}}})),
        ),
        ("cache_control", json!({"type": "ephemeral"}), Has("/cache_control", json!({"type": "ephemeral"}))),
    ]
}

/// Every field that is dropped, always or for one value.
fn others() -> Vec<(&'static str, Value, Then)> {
    vec![
        ("stream_options", json!({"include_usage": true}), Nothing),
        ("metadata", json!({"team": "a"}), Nothing),
        ("prompt_cache_key", json!("k"), Nothing),
        ("prompt_cache_retention", json!("24h"), Nothing),
        ("service_tier", json!("flex"), Nothing),
        ("seed", json!(7), Nothing),
        ("prediction", json!({"type": "content", "content": "x"}), Nothing),
        ("prompt_cache_options", json!({"mode": "explicit", "ttl": "30m"}), Nothing),
        ("prompt_cache_options", json!({"prewarm": true}), Refused("prompt_cache_options")),
        ("n", json!(1), Nothing),
        ("n", json!(2), Refused("n")),
        ("logprobs", json!(false), Nothing),
        ("logprobs", json!(true), Refused("logprobs")),
        ("top_logprobs", json!(0), Nothing),
        ("top_logprobs", json!(5), Refused("top_logprobs")),
        ("logit_bias", json!({}), Nothing),
        ("logit_bias", json!({"50256": -100}), Refused("logit_bias")),
        ("frequency_penalty", json!(0.0), Nothing),
        ("frequency_penalty", json!(-0.1), Refused("frequency_penalty")),
        ("presence_penalty", json!(0), Nothing),
        ("presence_penalty", json!(1), Refused("presence_penalty")),
        ("min_p", json!(0), Nothing),
        ("min_p", json!(0.1), Refused("min_p")),
        ("verbosity", json!("medium"), Nothing),
        ("verbosity", json!("low"), Refused("verbosity")),
        ("modalities", json!(["text"]), Nothing),
        ("modalities", json!(["text", "audio"]), Refused("modalities")),
        ("audio", json!({"voice": "alloy", "format": "wav"}), Refused("audio")),
        ("audio", Value::Null, Nothing),
        ("store", json!(false), Nothing),
        ("store", json!(true), Refused("store")),
        ("moderation", json!({"model": "m"}), Refused("moderation")),
        ("functions", json!([{"name": "f"}]), Refused("functions")),
        ("function_call", json!("auto"), Refused("function_call")),
        ("web_search_options", json!({}), Refused("web_search_options")),
        ("plugins", json!([]), Nothing),
        ("plugins", json!([{"id": "web"}]), Refused("plugins")),
        ("search_parameters", json!({"mode": "off"}), Nothing),
        ("search_parameters", json!({"mode": "on"}), Refused("search_parameters")),
        ("enable_search", json!(false), Nothing),
        ("enable_search", json!(true), Refused("enable_search")),
        ("reasoning", json!({}), Nothing),
        ("reasoning", json!({"max_tokens": 9}), Refused("reasoning")),
        ("a_field_of_tomorrow", json!(0), Refused("a_field_of_tomorrow")),
        ("a_field_of_tomorrow", Value::Null, Nothing),
    ]
}

#[test]
fn every_field_is_carried_or_dropped_or_refused_by_name() {
    let plain = request(&smallest()).unwrap();
    for (name, value, then) in carried().into_iter().chain(others()) {
        match (with(name, &value), then) {
            (Ok(out), Has(path, expected)) => {
                let found = out.pointer(path).map(Value::to_string);
                assert_eq!(found, Some(expected.to_string()), "{name}: {value}");
            }
            (Ok(out), Nothing) => assert_eq!(out, plain, "{name}: {value}"),
            (Err(refusal), Refused(field)) => assert_eq!(refusal.field, field, "{name}: {value}"),
            (result, _) => panic!("{name}: {value} gave {result:?}"),
        }
    }
}

#[test]
fn the_table_of_this_test_has_a_row_for_every_outcome_that_the_table_of_fields_allows() {
    let rows: Vec<_> = carried().into_iter().chain(others()).filter(|(_, value, _)| !value.is_null()).collect();
    let has = |name: &str, test: fn(&Then) -> bool| rows.iter().any(|(field, _, then)| *field == name && test(then));
    for (name, place) in &FIELDS {
        match place {
            // A tool is chosen among tools; see the test below.
            Carried if name.contains("tool_c") => {}
            Carried => assert!(has(name, |then| matches!(then, Has(..))), "{name}"),
            Dropped => assert!(has(name, |then| matches!(then, Nothing)), "{name}"),
            OnlyIf(..) => assert!(has(name, |then| matches!(then, Refused(_))), "{name}"),
        }
    }
    for (name, _, _) in rows.iter().filter(|(name, ..)| *name != "a_field_of_tomorrow") {
        assert!(FIELDS.iter().any(|(field, _)| field == name), "{name}");
    }
}

#[test]
fn tools_are_chosen_in_the_words_of_messages_and_one_at_a_time_when_asked() {
    let named = json!({"type": "function", "function": {"name": "f"}});
    for (choice, parallel, expected) in [
        (json!(null), json!(null), json!(null)),
        (json!(null), json!(true), json!(null)),
        (json!(null), json!(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (json!("auto"), json!(null), json!({"type": "auto"})),
        (json!("none"), json!(false), json!({"type": "none"})),
        (json!("required"), json!(true), json!({"type": "any"})),
        (json!("required"), json!(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (named.clone(), json!(null), json!({"type": "tool", "name": "f"})),
        (named, json!(false), json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true})),
    ] {
        let body = body(&json!({"tools": [tool()], "tool_choice": choice, "parallel_tool_calls": parallel}));
        assert_eq!(request(&body).unwrap()["tool_choice"], expected, "{body}");
    }
    for (choice, field) in [
        (json!("sometimes"), "tool_choice"),
        (json!(1), "tool_choice"),
        (json!({"type": "custom", "custom": {"name": "f"}}), "tool_choice.type"),
        (json!({"type": "allowed_tools", "allowed_tools": {}}), "tool_choice.type"),
        (json!({"type": "function"}), "tool_choice.function"),
        (json!({"type": "function", "function": {}}), "tool_choice.function.name"),
        (json!({"type": "function", "function": {"name": "f", "x": 1}}), "tool_choice.function.x"),
        (json!({"type": "function", "function": {"name": "f"}, "x": 1}), "tool_choice.x"),
    ] {
        assert_eq!(refused(&body(&json!({"tools": [tool()], "tool_choice": choice}))), field);
    }
}

#[test]
fn a_tool_keeps_its_name_its_schema_and_its_marks() {
    let parameters: Value = serde_json::from_str(
        r#"{"type":"object","properties":{"z":{"type":"integer","maximum":1e400},"a":{"const":9007199254740993}}}"#,
    )
    .unwrap();
    let function = json!({"name": "f", "description": "Does f.", "parameters": parameters, "strict": true});
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let expected = json!({"name": "f", "description": "Does f.", "input_schema": parameters, "strict": true,
        "cache_control": mark});
    let mut marked_inside = json!({"type": "function", "function": function});
    marked_inside["function"]["cache_control"] = mark.clone();
    for tool in [json!({"type": "function", "function": function, "cache_control": mark}), marked_inside] {
        assert_eq!(with("tools", &json!([tool])).unwrap()["tools"].to_string(), json!([expected]).to_string());
    }
    let bare = json!({"type": "function", "function":
        {"name": "g", "description": null, "parameters": {}, "strict": null}});
    let out = with("tools", &json!([tool(), bare])).unwrap();
    assert_eq!(out["tools"][1], json!({"name": "g", "input_schema": {"type": "object"}}));
}

#[test]
fn what_is_no_function_is_refused_by_its_place_among_the_tools() {
    for (wrong, field) in [
        (json!({"type": "custom", "custom": {"name": "f"}}), "tools[1].type"),
        (json!({"type": "web_search"}), "tools[1].type"),
        (json!({"function": {"name": "f"}}), "tools[1].type"),
        (json!("f"), "tools[1]"),
        (json!({"type": "function"}), "tools[1].function"),
        (json!({"type": "function", "function": {}}), "tools[1].function.name"),
        (json!({"type": "function", "function": {"name": "f", "parameters": []}}), "tools[1].function.parameters"),
        (json!({"type": "function", "function": {"name": "f", "x": 1}}), "tools[1].function.x"),
        (json!({"type": "function", "function": {"name": "f"}, "x": 1}), "tools[1].x"),
    ] {
        assert_eq!(refused(&body(&json!({"tools": [tool(), wrong]}))), field);
    }
}

#[test]
fn there_is_always_a_limit_of_tokens_and_thoughts_do_not_use_up_the_default() {
    assert_eq!(request(&smallest()).unwrap()["max_tokens"], DEFAULT_MAX_TOKENS);
    let thinking = json!({"type": "enabled", "budget_tokens": 10_000});
    assert_eq!(with("thinking", &thinking).unwrap()["max_tokens"], DEFAULT_MAX_TOKENS + 10_000);
    let both = json!({"max_tokens": 9, "max_completion_tokens": 9, "thinking": thinking});
    assert_eq!(request(&body(&both)).unwrap()["max_tokens"], 9);
    assert_eq!(refused(&body(&json!({"max_tokens": 9, "max_completion_tokens": 10}))), "max_tokens");
}

#[test]
fn fields_that_meet_in_one_place_agree_or_are_refused() {
    let out = request(&body(&json!({"user": "old", "safety_identifier": "new"}))).unwrap();
    assert_eq!(out["metadata"], json!({"user_id": "new"}));
    let off = json!({"type": "disabled"});
    let out = request(&body(&json!({"reasoning_effort": "none", "thinking": off}))).unwrap();
    assert_eq!((&out["thinking"], out.get("output_config")), (&off, None));
    let on = json!({"reasoning_effort": "none", "thinking": {"type": "adaptive"}});
    assert_eq!(refused(&body(&on)), "reasoning_effort");
    let described = |schema: Value| {
        let format = json!({"description": "A day.", "schema": schema});
        json!({"reasoning_effort": "high", "response_format": {"type": "json_schema", "json_schema": format}})
    };
    let out = request(&body(&described(json!({"type": "object"})))).unwrap();
    let schema = json!({"type": "object", "description": "A day."});
    assert_eq!(out["output_config"], json!({"effort": "high", "format": {"type": "json_schema", "schema": schema}}));
    assert_eq!(request(&body(&described(schema))).unwrap(), out);
    let other = described(json!({"description": "A night."}));
    assert_eq!(refused(&body(&other)), "response_format.json_schema.description");
}

#[test]
fn a_body_that_is_no_request_is_refused() {
    for body in [json!(null), json!([]), json!("x")] {
        assert_eq!(refused(&body), "body");
    }
    for (wrong, field) in [
        (json!({"model": null}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"model": 1}), "model"),
        (json!({"messages": null}), "messages"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": "Hi"}), "messages"),
    ] {
        assert_eq!(refused(&body(&wrong)), field, "{wrong}");
    }
}

#[test]
fn what_comes_out_is_a_messages_request_and_equal_requests_are_equal_bytes() {
    let one = json!({"temperature": 0.5, "stop": "x", "tools": [tool()], "top_p": 0.5, "stream": true});
    let other = json!({"stream": true, "top_p": 0.5, "tools": [tool()], "stop": ["x"], "temperature": 0.5, "n": 1});
    let (one, other) = (request(&body(&one)).unwrap(), request(&body(&other)).unwrap());
    assert_eq!(one.to_string(), other.to_string());
    let read = anthropic_messages::read(one.to_string().as_bytes()).unwrap();
    assert_eq!((read.api, read.model.as_str(), read.query.as_str()), (Api::Messages, "claude-x", "Hi"));
    assert_eq!(Generation::Messages.api(), read.api);
}
