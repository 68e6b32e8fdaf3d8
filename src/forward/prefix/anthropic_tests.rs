use super::*;

const MODEL: &str = "claude-opus-5";

/// What is added to a Messages request.
fn marks(body: &Value) -> Vec<String> {
    added(body, &sent(Provider::Anthropic, Api::Messages, MODEL))
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn result() -> Value {
    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]})
}

fn call() -> Value {
    let used = json!({"type": "tool_use", "id": "1", "name": "f", "input": {}});
    json!({"role": "assistant", "content": [{"type": "text", "text": "b"}, used]})
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": long(700), "input_schema": {"type": "object"}})
}

fn request(system: Value, turns: Value) -> Value {
    json!({"tools": [tool("f"), tool("g")], "system": system, "messages": turns})
}

const TOOLS: &str = "tools.1.cache_control";
const SYSTEM: &str = "system.0.cache_control";

#[test]
fn marks_stand_at_the_ends_of_tools_system_and_earlier_turns() {
    let s = || json!("s");
    let at = |turn: usize, block: usize| format!("messages.{turn}.content.{block}.cache_control");
    let blocks = json!([{"type": "text", "text": "s"}, {"type": "text", "text": "t"}]);
    let thought = json!({"role": "assistant", "content": [{"type": "text", "text": "b"},
        {"type": "thinking", "thinking": "h", "signature": "x"}, {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": ""}]});
    let only_thought =
        json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "h", "signature": "x"}]});
    for (name, body, wanted) in [
        ("one turn", request(s(), json!([user("a")])), vec![TOOLS.into(), SYSTEM.into()]),
        ("blocks of system", request(blocks, json!([user("a")])), vec![TOOLS.into(), "system.1.cache_control".into()]),
        ("an empty system", request(json!(""), json!([user("a")])), vec![TOOLS.into()]),
        (
            "a conversation",
            request(s(), json!([user("a"), call(), user("c")])),
            vec![TOOLS.into(), SYSTEM.into(), at(1, 1)],
        ),
        (
            "a loop",
            request(s(), json!([user("a"), call(), result()])),
            vec![TOOLS.into(), SYSTEM.into(), at(1, 1), at(2, 0)],
        ),
        (
            "thinking and empty text at the end",
            request(s(), json!([user("a"), thought, user("c")])),
            vec![TOOLS.into(), SYSTEM.into(), at(1, 0)],
        ),
        (
            "a turn that only thinks",
            request(s(), json!([user("a"), only_thought, user("c")])),
            vec![TOOLS.into(), SYSTEM.into(), at(0, 0)],
        ),
        ("no tools", json!({"system": long(600), "messages": [user("a"), user("b")]}), vec![SYSTEM.into(), at(0, 0)]),
    ] {
        assert_eq!(marks(&body), wanted, "{name}");
    }
}

#[test]
fn a_tool_that_is_loaded_later_is_never_marked() {
    let deferred = |name: &str| {
        let mut tool = tool(name);
        tool["defer_loading"] = json!(true);
        tool
    };
    let body = |tools: Value| json!({"tools": tools, "messages": [user("a")]});
    assert_eq!(marks(&body(json!([tool("f"), deferred("g")]))), ["tools.0.cache_control"]);
    assert_eq!(marks(&body(json!([deferred("f"), deferred("g")]))), [""; 0]);
    assert_eq!(marks(&body(json!(["f".repeat(6_000)]))), [""; 0], "what is no tool");
}

#[test]
fn below_the_models_minimum_there_is_no_mark() {
    for (model, minimum) in [
        ("claude-opus-5", 512),
        ("claude-opus-5-5-20261001", 512),
        ("claude-sonnet-5.5", 512),
        ("claude-fable-5-1", 512),
        ("claude-opus-4-8", 1_024),
        ("claude-sonnet-5-20260601", 1_024),
        ("anthropic/claude-sonnet-4.6", 1_024),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1_024),
        ("claude-opus-4-7", 2_048),
        ("claude-opus-4-6@20260101", 4_096),
        ("claude-haiku-4-5", 4_096),
        ("claude-sonnet-50", 4_096),
        ("something-else", 4_096),
    ] {
        assert_eq!(anthropic::minimum_tokens(model), minimum, "{model}");
        let sent = sent(Provider::Anthropic, Api::Messages, model);
        let body = |tokens: usize| json!({"system": long(tokens), "messages": [user("a")]});
        assert_eq!(added(&body(minimum - 1), &sent), [""; 0], "{model}");
        assert_eq!(added(&body(minimum), &sent), [SYSTEM], "{model}");
    }
}

#[test]
fn the_clients_own_marks_take_their_region_and_their_share_of_the_four() {
    let own = json!({"type": "ephemeral"});
    let marked = |text: &str| json!({"type": "text", "text": text, "cache_control": own});
    let turns = json!([user("a"), call(), result()]);
    let mut in_tools = request(json!("s"), turns.clone());
    in_tools["tools"][0]["cache_control"] = own.clone();
    let mut automatic = request(json!("s"), turns.clone());
    automatic["cache_control"] = own.clone();
    let mut two = automatic.clone();
    two["system"] = json!([marked("s"), marked("t")]);
    let three = request(json!([marked("s"), marked("t"), marked("u")]), turns.clone());
    let four = request(json!([marked("s"), marked("t"), marked("u"), marked("v")]), turns.clone());
    let in_result = json!({"type": "tool_result", "tool_use_id": "1", "content": [marked("r")]});
    let in_source = json!({"type": "document", "source": {"type": "content", "content": [marked("r")]}});
    let nested = |block: Value| request(json!("s"), json!([{"role": "user", "content": [block]}, user("b")]));
    let mut null = request(json!([{"type": "text", "text": "s", "cache_control": null}]), json!([user("a")]));
    null["tools"][1]["cache_control"] = json!(null);
    let (earlier, last) = ("messages.1.content.1.cache_control", "messages.2.content.0.cache_control");
    for (name, body, wanted) in [
        ("in the tools", in_tools, vec![SYSTEM, earlier, last]),
        ("automatic", automatic, vec![TOOLS, SYSTEM]),
        ("automatic and two", two, vec![TOOLS]),
        ("three: the last turn goes first", three, vec![last]),
        ("four", four, vec![]),
        ("in a result", nested(in_result), vec![TOOLS, SYSTEM]),
        ("in a document", nested(in_source), vec![TOOLS, SYSTEM]),
        ("null is none", null.clone(), vec![TOOLS, SYSTEM]),
    ] {
        assert_eq!(marks(&body), wanted, "{name}");
    }
    let made = hinted(null.to_string().as_bytes(), &sent(Provider::Anthropic, Api::Messages, MODEL)).body;
    assert_eq!(String::from_utf8(made).unwrap().matches("cache_control").count(), 2, "no field is there twice");
}

#[test]
fn an_hours_marks_stand_before_those_of_five_minutes() {
    let (five, hour) = (json!({"type": "ephemeral"}), json!({"type": "ephemeral", "ttl": "1h"}));
    let block = |mark: &Value| json!([{"type": "text", "text": "s", "cache_control": mark}]);
    let with = |mark: &Value| request(block(mark), json!([user("a"), call(), user("c")]));
    let plain = || request(json!("s"), json!([user("a"), call(), user("c")]));
    let earlier = "/messages/1/content/1/cache_control";
    for (name, ttl, body, tools, turns) in [
        ("five minutes", Ttl::FiveMinutes, plain(), Some(&five), Some(&five)),
        ("an hour", Ttl::Hour, plain(), Some(&hour), Some(&hour)),
        ("an hour behind the client's five minutes", Ttl::Hour, with(&five), Some(&hour), Some(&five)),
        ("five minutes before the client's hour", Ttl::FiveMinutes, with(&hour), None, Some(&five)),
    ] {
        let sent = Sent { ttl, ..sent(Provider::Anthropic, Api::Messages, MODEL) };
        let made: Value = serde_json::from_slice(&hinted(body.to_string().as_bytes(), &sent).body).unwrap();
        assert_eq!(made["tools"][1].get("cache_control"), tools, "{name}");
        assert_eq!(made.pointer(earlier), turns, "{name}");
    }
}

#[test]
fn a_chat_by_way_of_openrouter_is_marked_unless_the_client_has_done_so() {
    let sent = sent(Provider::OpenRouter, Api::ChatCompletions, "anthropic/claude-opus-5");
    let own = json!({"type": "ephemeral"});
    for (name, path) in [("the whole", ""), ("a turn", "/messages/0"), ("a tool", "/tools/0")] {
        let mut body = chat(3_000);
        body["tools"] = json!([{"type": "function"}]);
        body.pointer_mut(path).unwrap()["cache_control"] = own.clone();
        assert_eq!(added(&body, &sent), ["session_id"], "{name}");
    }
}

#[test]
fn bedrock_gets_points_for_models_that_take_them_only() {
    let body = json!({"system": [{"text": long(5_000)}], "messages": [{"role": "user", "content": [{"text": "a"}]}]});
    let body = body.to_string();
    for (model, wanted) in [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1),
        ("anthropic.claude-opus-5-v1:0", 1),
        ("anthropic.claude-3-sonnet-20240229-v1:0", 0),
        ("meta.llama3-3-70b-instruct-v1:0", 0),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", 0),
    ] {
        let made = String::from_utf8(hint_converse(body.as_bytes(), model)).unwrap();
        assert_eq!(made.matches("cachePoint").count(), wanted, "{model}");
        assert_eq!(made.replace(r#",{"cachePoint":{"type":"default"}}"#, ""), body, "{model}");
    }
}
