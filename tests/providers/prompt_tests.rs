use serde_json::{Value, json};

use super::super::cases::{block, blocks, breakpoint, marked, message, messages, text};
use super::{Kind, Prompt, shared};

fn prompt(kind: Kind, request: &Value) -> Prompt<'_> {
    Prompt::read(kind, "model", "", request).unwrap()
}

fn tokens_shared(kind: Kind, one: &Value, other: &Value) -> usize {
    prompt(kind, one).shared(&prompt(kind, other))
}

#[test]
fn four_bytes_are_a_token_and_each_message_and_block_begins_with_one() {
    for (request, tokens) in [
        (json!({"messages": []}), 0),
        (json!({"messages": [{"role": "user", "content": ""}]}), 2),
        (json!({"messages": [{"role": "user", "content": "four"}]}), 3),
        (json!({"messages": [{"role": "user", "content": "fours"}]}), 4),
        (blocks([block("a", 10), block("b", 20)]), 31),
        (messages([message("user", "a", 10), message("assistant", "b", 20)]), 30),
    ] {
        assert_eq!(prompt(Kind::Anthropic, &request).tokens(), tokens, "{request}");
        assert_eq!(prompt(Kind::OpenAi56, &request).tokens(), tokens, "{request}");
    }
}

#[test]
fn hints_are_no_part_of_the_tokens() {
    let tool = |hint: Value| {
        let mut tool = json!({"name": "a", "input_schema": {"type": "object"}});
        tool["cache_control"] = hint.clone();
        let result = json!({"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "x"}]});
        let mut hinted = result.clone();
        hinted["content"][0]["cache_control"] = json!({"type": "ephemeral"});
        let result = if hint.is_null() { result } else { hinted };
        json!({"tools": [tool], "messages": [{"role": "user", "content": [result]}]})
    };
    let mark = json!({"type": "ephemeral"});
    let (plain, marked_tool) = (tool(Value::Null), tool(mark));
    let (one, other) = (prompt(Kind::Anthropic, &plain), prompt(Kind::Anthropic, &marked_tool));
    assert_eq!((one.shared(&other), other.tokens()), (one.tokens(), one.tokens()));
    for hinted in [marked("a", 50, "1h"), breakpoint("a", 50)] {
        assert_eq!(tokens_shared(Kind::Anthropic, &blocks([block("a", 50)]), &blocks([hinted])), 51);
    }
}

#[test]
fn a_string_is_one_text_block() {
    let string = json!({"system": text("s", 9), "messages": [{"role": "user", "content": text("a", 49)}]});
    let block = json!({"system": [block("s", 10)], "messages": [{"role": "user", "content": [block("a", 50)]}]});
    assert_eq!(tokens_shared(Kind::Anthropic, &string, &block), 1 + 10 + 1 + 50);
}

#[test]
fn what_comes_later_leaves_the_prefix_as_it_is() {
    let base = || {
        json!({
            "tools": [{"name": "t"}, {"name": "u"}], "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": [
                {"type": "tool_use", "id": "1", "name": "t", "input": {"a": 1, "b": 2}},
            ]}],
        })
    };
    let with = |pointer: &str, value: Value| {
        let mut request = base();
        *request.pointer_mut(pointer).unwrap() = value;
        request
    };
    let ends: Vec<usize> = prompt(Kind::Anthropic, &base()).blocks.iter().map(|block| block.end).collect();
    for (changed, least, most) in [
        (with("/tools/0/name", json!("s")), 0, ends[0]),
        (with("/tools", json!([{"name": "u"}, {"name": "t"}])), 0, ends[0]),
        (with("/system", json!("Be polite.")), ends[1], ends[2]),
        (with("/messages/0/content", json!("Help!")), ends[2], ends[3]),
        (with("/messages/1/content/0/input", json!({"b": 2, "a": 1})), ends[3], ends[4]),
    ] {
        let shared = tokens_shared(Kind::Anthropic, &base(), &changed);
        assert!((least..most).contains(&shared), "{changed} shares {shared}");
    }
}

#[test]
fn settings_count_for_what_follows_them() {
    let with = |name: &str, value: Value| {
        let mut request =
            json!({"tools": [{"name": "t"}], "system": "Be brief.", "messages": [message("user", "a", 9)]});
        request[name] = value;
        request
    };
    let base = with("max_tokens", json!(5));
    let tools = prompt(Kind::Anthropic, &base).blocks[0].end;
    let system = prompt(Kind::Anthropic, &base).blocks[1].end;
    for (kind, name, value, shared) in [
        (Kind::Anthropic, "tool_choice", json!({"type": "any"}), system),
        (Kind::Anthropic, "thinking", json!({"type": "adaptive"}), system),
        (Kind::Anthropic, "speed", json!("fast"), tools),
        (Kind::Anthropic, "temperature", json!(1), system + 9),
        (Kind::OpenAi56, "response_format", json!({"type": "json_object"}), 0),
        (Kind::OpenAi56, "reasoning_effort", json!("low"), 0),
        (Kind::OpenAi56, "tool_choice", json!("none"), tools + 9),
    ] {
        assert_eq!(tokens_shared(kind, &base, &with(name, value)), shared, "{name}");
    }
}

#[test]
fn chat_messages_keep_roles_ids_and_tool_calls_apart() {
    let base = || {
        json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "1", "function": {"name": "t", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "42"},
        ])
    };
    let whole = prompt(Kind::OpenAi56, &json!({"messages": base()})).tokens();
    for (pointer, value) in [
        ("/0/role", json!("developer")),
        ("/1/tool_calls/0/function/arguments", json!("{ }")),
        ("/2/tool_call_id", json!("2")),
        ("/2/content", json!("43")),
    ] {
        let mut changed = base();
        *changed.pointer_mut(pointer).unwrap() = value;
        let shared = tokens_shared(Kind::OpenAi56, &json!({"messages": base()}), &json!({"messages": changed}));
        assert!(shared < whole, "{pointer}");
    }
}

#[test]
fn the_shared_beginning_is_found_at_any_length() {
    let chain =
        |length: u64, parts_at: u64| (0..length).map(|i| if i < parts_at { i } else { i + 1_000 }).collect::<Vec<_>>();
    for length in 0..20 {
        for parts_at in 0..=length {
            assert_eq!(shared(&chain(20, 20), &chain(length, parts_at)), usize::try_from(parts_at).unwrap());
        }
    }
}
