use serde_json::{Value, json};

use crate::forward::translate::messages_to_chat::{answer, request};

fn asked(messages: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": messages})
}

fn turns(messages: &Value) -> Value {
    request(&asked(messages)).unwrap()["messages"].clone()
}

fn refused(messages: &Value) -> String {
    match request(&asked(messages)) {
        Err(refusal) => refusal.field,
        Ok(chat) => panic!("{messages} became {chat}"),
    }
}

/// A conversation in which the model has said these blocks, and the user has gone on.
fn said(blocks: &Value) -> Value {
    json!([
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "On."},
    ])
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[test]
fn a_system_prompt_is_the_first_message() {
    let mark = json!({"type": "ephemeral"});
    for (system, content) in [
        (json!("Be brief."), Some(json!("Be brief."))),
        (json!([{"type": "text", "text": "Be brief.", "cache_control": mark}]), Some(json!("Be brief."))),
        (
            json!([{"type": "text", "text": "A", "cache_control": mark, "citations": null}, text("B")]),
            Some(json!([text("A"), text("B")])),
        ),
        (json!(""), None),
        (json!([]), None),
        (json!(null), None),
    ] {
        let mut body = asked(&json!([{"role": "user", "content": "Hi."}]));
        body["system"] = system.clone();
        let chat = request(&body).unwrap();
        let first = &chat["messages"][0];
        match content {
            Some(content) => assert_eq!(*first, json!({"role": "system", "content": content})),
            None => assert_eq!(first["role"], "user", "{system}"),
        }
    }
    let mut body = asked(&json!([]));
    body["system"] = json!([text("A"), {"type": "image", "source": {}}]);
    assert_eq!(request(&body).unwrap_err().field, "system[1]");
}

#[test]
fn a_users_blocks_become_parts() {
    for (content, carried) in [
        (json!("Hi."), json!("Hi.")),
        (json!(""), json!("")),
        (json!([]), json!("")),
        (json!([text("Hi.")]), json!("Hi.")),
        (json!([text("A"), text("B")]), json!([text("A"), text("B")])),
        (
            json!([{"type": "image", "cache_control": {"type": "ephemeral"},
                "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]),
            json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]),
        ),
        (
            json!([text("See:"), {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}]),
            json!([text("See:"), {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]),
        ),
        (json!("\u{0}\u{2028}\"\\ e\u{301} 🦀\u{200d}\r\n"), json!("\u{0}\u{2028}\"\\ e\u{301} 🦀\u{200d}\r\n")),
    ] {
        let messages = json!([{"role": "user", "content": content}]);
        assert_eq!(turns(&messages), json!([{"role": "user", "content": carried}]), "{content}");
    }
}

#[test]
fn a_tools_results_come_before_the_rest_of_the_turn() {
    let messages = json!([
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [
            text("See:"),
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {"x": 1},
                "cache_control": {"type": "ephemeral"}},
        ]},
        {"role": "user", "content": [
            text("First this."),
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "one", "cache_control": {"type": "ephemeral"}},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": [text("two"), text("three")]},
            text("And?"),
        ]},
    ]);
    assert_eq!(
        turns(&messages),
        json!([
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": "See:", "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{\"x\":1}"}},
            ]},
            {"role": "tool", "tool_call_id": "toolu_1", "content": "one"},
            {"role": "tool", "tool_call_id": "toolu_2", "content": [text("two"), text("three")]},
            {"role": "user", "content": [text("First this."), text("And?")]},
        ])
    );
}

#[test]
fn a_tools_error_is_marked() {
    for (content, is_error, carried) in [
        (json!("gone"), json!(true), json!("Error: gone")),
        (json!("gone"), json!(false), json!("gone")),
        (json!("gone"), json!(null), json!("gone")),
        (json!([text("gone")]), json!(true), json!("Error: gone")),
        (json!([text("a"), text("b")]), json!(true), json!([text("Error:"), text("a"), text("b")])),
        (json!(null), json!(true), json!("Error")),
        (json!([]), json!(null), json!("")),
    ] {
        let block = json!({"type": "tool_result", "tool_use_id": "t", "content": content, "is_error": is_error});
        let turns = turns(&json!([{"role": "user", "content": [block]}]));
        assert_eq!(turns, json!([{"role": "tool", "tool_call_id": "t", "content": carried}]), "{content} {is_error}");
    }
}

#[test]
fn a_models_turn_keeps_its_text_and_its_calls() {
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
    let secret = json!({"type": "redacted_thinking", "data": "x"});
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    let calls = json!([{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    for (content, carried) in [
        (json!("Hi."), Some(json!({"role": "assistant", "content": "Hi."}))),
        (json!([text("Hi.")]), Some(json!({"role": "assistant", "content": "Hi."}))),
        (
            json!([{"type": "text", "text": "A", "citations": []}, text("B")]),
            Some(json!({"role": "assistant", "content": [text("A"), text("B")]})),
        ),
        (json!([call]), Some(json!({"role": "assistant", "content": null, "tool_calls": calls}))),
        (json!([thought, secret, text("Hi.")]), Some(json!({"role": "assistant", "content": "Hi."}))),
        (
            json!([thought, text("Hi."), call]),
            Some(json!({"role": "assistant", "content": "Hi.", "tool_calls": calls})),
        ),
        (json!([thought]), None),
        (json!([]), Some(json!({"role": "assistant", "content": ""}))),
    ] {
        let turns = turns(&said(&content));
        let found = turns.as_array().unwrap().iter().find(|turn| turn["role"] == "assistant");
        assert_eq!(found, carried.as_ref(), "{content}");
    }
}

#[test]
fn the_thoughts_of_a_turn_that_is_not_over_are_refused_and_earlier_ones_dropped() {
    let called = json!({"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]});
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": "r"});
    let go = json!({"role": "user", "content": "Go."});
    let only_result = json!({"role": "user", "content": [result]});
    let with_text = json!({"role": "user", "content": [result, text("And?")]});
    assert_eq!(refused(&json!([go, called, only_result])), "messages[1].content[0]");
    assert_eq!(refused(&json!([go, called, only_result, called, only_result])), "messages[1].content[0]");
    assert_eq!(refused(&json!([go, called, only_result, go, called, only_result])), "messages[4].content[0]");
    let image = json!({"type": "image", "source": {"type": "url", "url": "u"}});
    let with_image = json!({"role": "user", "content": [result, image]});
    assert!(!turns(&json!([go, called, with_text])).to_string().contains("hm"));
    assert!(!turns(&json!([go, called, with_image])).to_string().contains("hm"));
    assert!(!turns(&json!([go, called, only_result, called, only_result, go])).to_string().contains("hm"));
}

#[test]
fn a_system_message_on_the_way_stays_where_it_is() {
    let messages = json!([{"role": "user", "content": "Hi."}, {"role": "system", "content": [text("Be brief.")]}]);
    assert_eq!(
        turns(&messages),
        json!([{"role": "user", "content": "Hi."}, {"role": "system", "content": "Be brief."}])
    );
}

#[test]
fn blocks_that_have_no_place_are_refused_by_name() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "u"}});
    let base64 = json!({"type": "base64", "media_type": "image/png", "data": 1});
    let result = |content: Value| json!({"type": "tool_result", "tool_use_id": "t", "content": content});
    for (block, field) in [
        (json!({"type": "document", "source": {}}), ""),
        (json!({"type": "search_result"}), ""),
        (json!({"type": "container_upload", "file_id": "f"}), ""),
        (json!({"type": "thinking", "thinking": "hm", "signature": "s"}), ""),
        (json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}), ""),
        (json!({"type": "web_search_tool_result", "tool_use_id": "t", "content": []}), ""),
        (json!({"type": "a_block_of_tomorrow"}), ""),
        (json!("text"), ""),
        (json!({"text": "no type"}), ".type"),
        (json!({"type": "text", "text": 5}), ".text"),
        (json!({"type": "text", "text": "a", "citations": [{"cited_text": "c"}]}), ".citations"),
        (json!({"type": "text", "text": "a", "new": 1}), ".new"),
        (json!({"type": "image"}), ".source"),
        (json!({"type": "image", "source": {"type": "file", "file_id": "f"}}), ".source"),
        (json!({"type": "image", "source": {"type": "url", "url": "u", "new": 1}}), ".source.new"),
        (json!({"type": "image", "source": base64}), ".source.data"),
        (
            json!({"type": "image", "source": base64, "transformations": {"oversized_image": "error"}}),
            ".transformations",
        ),
        (json!({"type": "tool_result", "content": "r"}), ".tool_use_id"),
        (json!({"type": "tool_result", "tool_use_id": "t", "is_error": 1}), ".is_error"),
        (json!({"type": "tool_result", "tool_use_id": "t", "toolset_name": "s"}), ".toolset_name"),
        (result(json!(5)), ".content"),
        (result(json!([text("a"), image])), ".content[1]"),
        (result(json!([{"type": "document"}])), ".content[0]"),
    ] {
        let messages = json!([{"role": "user", "content": [text("a"), block]}]);
        assert_eq!(refused(&messages), format!("messages[0].content[1]{field}"), "{block}");
    }
    let code = json!({"type": "code_execution_20260120", "tool_id": "s"});
    for (block, field) in [
        (image, ""),
        (json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}), ""),
        (json!({"type": "mcp_tool_use", "id": "s", "name": "f", "input": {}}), ""),
        (json!({"type": "tool_result", "tool_use_id": "t"}), ""),
        (json!({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}), ".input"),
        (json!({"type": "tool_use", "id": "t", "input": {}}), ".name"),
        (json!({"type": "tool_use", "name": "f", "input": {}}), ".id"),
        (json!({"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": code}), ".caller"),
        (json!({"type": "tool_use", "id": "t", "name": "f", "input": {}, "new": 1}), ".new"),
    ] {
        assert_eq!(refused(&said(&json!([block]))), format!("messages[1].content[0]{field}"), "{block}");
    }
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    assert_eq!(refused(&said(&json!([call, text("after")]))), "messages[1].content[1]");
}

#[test]
fn turns_that_have_no_place_are_refused_by_name() {
    for (message, field) in [
        (json!({"role": "assistant", "content": "The answer is ("}), ""),
        (json!({"role": "tool", "content": "r"}), ".role"),
        (json!({"content": "r"}), ".role"),
        (json!({"role": "user"}), ".content"),
        (json!({"role": "system", "content": null}), ".content"),
        (json!({"role": "user", "content": "a", "name": "b"}), ".name"),
        (json!("Hi."), ""),
    ] {
        let messages = json!([{"role": "user", "content": "Hi."}, message]);
        assert_eq!(refused(&messages), format!("messages[1]{field}"), "{message}");
    }
}

#[test]
fn a_call_goes_out_and_home_and_out_again_unchanged() {
    let numbers = r#""z":123456789012345678901234567890,"a":0.10000000000000000555,"b":[1.0,-0,1e+2]"#;
    let arguments = format!(r#"{{{numbers},"é\n":[null,"🦀\u0000"],"m":{{"y":1,"b":2}}}}"#);
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let completion = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": "See:", "tool_calls": [call]}},
    ]});
    let message = answer(&completion).unwrap();
    assert_eq!(message["content"][1]["input"].to_string(), arguments);
    let messages = json!([
        {"role": "user", "content": "Go."},
        {"role": message["role"], "content": message["content"]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": message["content"][1]["id"], "content": "done"},
        ]},
    ]);
    let turns = turns(&messages);
    assert_eq!(turns[1], completion["choices"][0]["message"]);
    assert_eq!(turns[2], json!({"role": "tool", "tool_call_id": "call_1", "content": "done"}));
}
