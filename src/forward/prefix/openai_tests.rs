use super::*;

const OPENAI: Provider = Provider::OpenAi;

fn chat_of(turns: Value) -> Value {
    json!({ "messages": turns })
}

/// What is added beside the key.
fn breakpoints(api: Api, body: &Value) -> Vec<String> {
    let mut found = added(body, &sent(OPENAI, api, "gpt-5.6"));
    found.retain(|path| path != "prompt_cache_key");
    found
}

#[test]
fn models_from_5_6_on_want_breakpoints() {
    for (model, wanted) in [
        ("gpt-4o", false),
        ("gpt-4.1", false),
        ("gpt-5", false),
        ("gpt-5-mini", false),
        ("gpt-5.1-codex", false),
        ("gpt-5.5", false),
        ("gpt-5.6", true),
        ("gpt-5.6-mini", true),
        ("gpt-5.10", true),
        ("gpt-6", true),
        ("gpt-6-nano-2027-01-01", true),
        ("gpt-6.1-sol", true),
        ("openai/gpt-5.6", true),
        ("openai/gpt-5.5", false),
        ("gpt-5-mini-v1.9", false),
        ("gpt-35-turbo", false),
        ("gpt-oss-120b", false),
        ("o3", false),
        ("", false),
        ("gpt-", false),
    ] {
        assert_eq!(openai::wants_breakpoints(model), wanted, "{model}");
    }
}

#[test]
fn breakpoints_stand_after_system_and_earlier_turns_and_never_on_the_models_words() {
    let at = |i: usize| format!("messages.{i}.content.0.prompt_cache_breakpoint");
    let options = || "prompt_cache_options".to_owned();
    let (system, user) =
        (json!({"role": "developer", "content": long(2_000)}), json!({"role": "user", "content": "u"}));
    let (assistant, tool) = (
        json!({"role": "assistant", "content": "a", "tool_calls": []}),
        json!({"role": "tool", "tool_call_id": "1", "content": "t"}),
    );
    let big = |role: &str| json!({"role": role, "content": long(2_000)});
    let function = json!({"role": "function", "name": "f", "content": long(2_000)});
    for (name, turns, wanted) in [
        ("one turn", json!([system, user]), vec![at(0), options()]),
        ("nothing long but the last turn", json!([user, assistant, big("user")]), vec![]),
        ("no system", json!([big("user"), assistant, user]), vec![at(0)]),
        (
            "the one that was written and the one that will be read",
            json!([system, user, assistant, user, assistant, user, assistant, user]),
            vec![at(0), at(3), at(5)],
        ),
        ("a loop", json!([system, user, assistant, tool]), vec![at(0), at(1), at(3)]),
        ("a longer loop", json!([system, user, assistant, tool, assistant, tool]), vec![at(0), at(1), at(3), at(5)]),
        ("only the model was long", json!([user, big("assistant"), user]), vec![]),
        ("what a function gave is a string", json!([function, user]), vec![]),
        ("no text", json!([{"role": "system", "content": ""}, big("user"), user]), vec![at(1)]),
    ] {
        assert_eq!(breakpoints(Api::ChatCompletions, &chat_of(turns)), wanted, "{name}");
    }
}

#[test]
fn the_last_part_of_an_array_carries_the_breakpoint() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:,x"}});
    let text = json!({"type": "text", "text": long(2_000)});
    let empty = json!({"type": "text", "text": ""});
    for (parts, wanted) in [
        (json!([text, image]), Some(1)),
        (json!([image, text, empty]), Some(1)),
        (json!([text]), Some(0)),
        (json!([]), None),
    ] {
        let body = chat_of(json!([{"role": "system", "content": parts}, {"role": "user", "content": "u"}]));
        let wanted: Vec<String> = wanted.map_or(Vec::new(), |part| {
            vec![format!("messages.0.content.{part}.prompt_cache_breakpoint"), "prompt_cache_options".to_owned()]
        });
        assert_eq!(breakpoints(Api::ChatCompletions, &body), wanted, "{parts}");
    }
}

#[test]
fn responses_take_breakpoints_on_their_input_alone() {
    let user = |text: &str| json!({"type": "message", "role": "user", "content": text});
    let said = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]});
    let reasoning = json!({"type": "reasoning", "summary": [], "encrypted_content": "x"});
    let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"});
    let gave = json!({"type": "function_call_output", "call_id": "1", "output": "x"});
    let (options, at) = ("prompt_cache_options", |i| format!("input.{i}.content.0.prompt_cache_breakpoint"));
    for (name, body, wanted) in [
        ("instructions alone", json!({"instructions": long(2_000), "input": "hello"}), vec![]),
        ("one turn", json!({"instructions": long(2_000), "input": [user("a")]}), vec![]),
        (
            "a developer's message",
            json!({"input": [{"role": "developer", "content": long(2_000)}, user("a")]}),
            vec![at(0), options.to_owned()],
        ),
        (
            "items that are no messages",
            json!({"instructions": long(2_000), "input": [user("a"), reasoning, call, gave, said, user("b")]}),
            vec![at(0)],
        ),
    ] {
        assert_eq!(breakpoints(Api::Responses, &body), wanted, "{name}");
    }
}

#[test]
fn nothing_is_added_beside_the_key_where_the_client_steers() {
    let turns = json!([{"role": "system", "content": long(2_000)}, {"role": "user", "content": "u"}]);
    for (field, value) in
        [("prompt_cache_options", json!({"mode": "implicit"})), ("prompt_cache_retention", json!("24h"))]
    {
        let mut body = chat_of(turns.clone());
        body[field] = value;
        assert_eq!(added(&body, &sent(OPENAI, Api::ChatCompletions, "gpt-5.6")), ["prompt_cache_key"], "{field}");
    }
    let mark = json!({"mode": "explicit"});
    let own = json!({"type": "text", "text": "u", "prompt_cache_breakpoint": mark});
    let mut body = chat_of(turns.clone());
    body["messages"][1]["content"] = json!([own]);
    assert_eq!(breakpoints(Api::ChatCompletions, &body), [""; 0]);
    let own = json!({"type": "input_text", "text": "u", "prompt_cache_breakpoint": mark});
    let output = json!({"type": "function_call_output", "call_id": "1", "output": [own]});
    let body =
        json!({"input": [{"role": "developer", "content": long(2_000)}, output, {"role": "user", "content": "u"}]});
    assert_eq!(breakpoints(Api::Responses, &body), [""; 0]);
    // An option that is `null` steers nothing, and is replaced.
    let mut body = chat_of(turns);
    body["prompt_cache_options"] = json!(null);
    let made = hinted(body.to_string().as_bytes(), &sent(OPENAI, Api::ChatCompletions, "gpt-5.6")).body;
    assert_eq!(String::from_utf8(made).unwrap().matches("prompt_cache_options").count(), 1);
}

#[test]
fn a_string_becomes_one_part_with_the_same_bytes() {
    let text = long(2_000) + r"\u00e9\/\n\ud83d\ude00";
    let body = format!(r#"{{"messages":[{{"content" : "{text}","role":"system"}},{{"role":"user","content":"u"}}]}}"#);
    let made = hinted(body.as_bytes(), &sent(OPENAI, Api::ChatCompletions, "gpt-5.6")).body;
    let part = format!(
        r#""content" : [{{"type":"text","text":"{text}","prompt_cache_breakpoint":{{"mode":"explicit"}}}}],"role""#
    );
    assert!(String::from_utf8(made).unwrap().contains(&part));
}

fn key(body: &Value, number: u32) -> String {
    let sent = Sent { key: number, ..sent(OPENAI, Api::ChatCompletions, "gpt-4o") };
    let made: Value = serde_json::from_slice(&hinted(body.to_string().as_bytes(), &sent).body).unwrap();
    made["prompt_cache_key"].as_str().unwrap().to_owned()
}

#[test]
fn one_prompt_has_one_key_whatever_is_asked_and_a_further_key_is_another_one() {
    let mut other = chat(2_000);
    other["messages"][1]["content"] = json!("something else");
    assert_eq!(key(&chat(2_000), 0), key(&other, 0));
    assert_eq!(key(&chat(2_000), 3), format!("{}-3", key(&chat(2_000), 0)));
    assert_ne!(key(&chat(2_000), 0), key(&chat(2_001), 0));
    assert!(key(&chat(2_000), 63).len() <= 64);
}
