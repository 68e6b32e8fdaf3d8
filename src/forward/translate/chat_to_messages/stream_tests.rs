use proptest::prelude::*;

use super::*;
use crate::canonical::ChatCompletion;
use crate::forward::translate::chat_to_messages::answer;
use crate::protocol::{Fresh, anthropic_messages, openai_chat};

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn wire(events: &[Value]) -> String {
    events.iter().map(event).collect()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(stop_reason: &str) -> Vec<Value> {
    vec![
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null},
            "usage": {"output_tokens": 42, "cache_read_input_tokens": null}}),
        json!({"type": "message_stop"}),
    ]
}

/// A stream with everything in it.
fn rich() -> Vec<Value> {
    let mut events = vec![
        start(),
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm…"})),
        delta(0, json!({"type": "signature_delta", "signature": "s"})),
        stop(0),
        block(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "é🦀"})),
        json!({"type": "event_of_tomorrow"}),
        delta(1, json!({"type": "text_delta", "text": "\n\"\u{2028}"})),
        stop(1),
        block(2, json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"z\": 1234567890123456"})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "7890123, \"a\": \"\\ud83e"})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "\\udd80\"}"})),
        stop(2),
        block(3, json!({"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}})),
        stop(3),
    ];
    events.extend(end("tool_use"));
    events
}

fn fed(wire: &str, include_usage: bool) -> String {
    String::from_utf8(Stream::new(1_700_000_000, include_usage).feed(wire.as_bytes())).unwrap()
}

fn chunks(out: &str) -> Vec<Value> {
    out.split_terminator("\n\n").filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// The chat completion that a client makes of this stream.
fn recorded(out: &str) -> ChatCompletion {
    let mut recorder = openai_chat::Recorder::new(1 << 20);
    recorder.feed(out.as_bytes());
    recorder.finish().unwrap()
}

#[test]
fn a_stream_becomes_chunks_in_the_order_of_the_api() {
    let out = fed(&wire(&rich()), true);
    let deltas: Vec<Value> =
        chunks(&out).iter().filter_map(|chunk| Some(chunk["choices"].get(0)?["delta"].clone())).collect();
    let call = |index: u64, id: &str, name: &str| {
        let function = json!({"name": name, "arguments": ""});
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
    };
    let arguments =
        |index: u64, piece: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
    let expected = [
        json!({"role": "assistant"}),
        json!({"reasoning_content": "Hm…"}),
        json!({"content": "é🦀"}),
        json!({"content": "\n\"\u{2028}"}),
        call(0, "toolu_1", "f"),
        arguments(0, "{\"z\": 1234567890123456"),
        arguments(0, "7890123, \"a\": \"\\ud83e"),
        arguments(0, "\\udd80\"}"),
        call(1, "toolu_2", "g"),
        arguments(1, "{}"),
        json!({}),
    ];
    assert_eq!(deltas, expected);
    assert!(out.ends_with("\n\ndata: [DONE]\n\n"));
    let chunks = chunks(&out);
    for chunk in &chunks {
        let top = (&chunk["id"], &chunk["object"], &chunk["created"], &chunk["model"]);
        let (id, object) = (json!("chatcmpl-msg_1"), json!("chat.completion.chunk"));
        assert_eq!(top, (&id, &object, &json!(1_700_000_000), &json!("claude-x")));
    }
    let reasons: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["finish_reason"]).collect();
    let ends = chunks.len() - 2;
    assert!(reasons.iter().enumerate().all(|(k, reason)| if k == ends {
        *reason == "tool_calls"
    } else {
        reason.is_null()
    }));
}

#[test]
fn usage_is_told_when_it_was_asked_for_and_only_then() {
    let with = chunks(&fed(&wire(&rich()), true));
    let (last, others) = with.split_last().unwrap();
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 42, "total_tokens": 54,
        "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 0}});
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &usage));
    assert!(others.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null) && chunk["choices"][0].is_object()));
    let without = chunks(&fed(&wire(&rich()), false));
    assert_eq!(without.len(), others.len());
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_bytes_and_only_its_end_gives_done() {
    let wire = wire(&rich()).replace('\n', "\r\n");
    let whole = fed(&wire, true);
    for cut in 0..=wire.len() {
        let mut stream = Stream::new(1_700_000_000, true);
        let mut out = stream.feed(&wire.as_bytes()[..cut]);
        if cut < wire.len() - 1 {
            assert!(!String::from_utf8_lossy(&out).contains("[DONE]"), "ended at byte {cut}");
        }
        out.extend(stream.feed(&wire.as_bytes()[cut..]));
        assert_eq!(String::from_utf8(out).unwrap(), whole, "cut at byte {cut}");
    }
    let mut stream = Stream::new(1_700_000_000, true);
    let out: Vec<u8> = wire.bytes().flat_map(|byte| stream.feed(&[byte])).collect();
    assert_eq!(String::from_utf8(out).unwrap(), whole);
}

/// Messages with texts, thoughts, calls and refusals.
fn messages() -> Vec<Value> {
    let big: Value =
        serde_json::from_str(r#"{"z":12345678901234567890123,"a":[0.10,{"é":"🦀\u0000\u2028"}]}"#).unwrap();
    let message = |content: Value, stop_reason: &str, details: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
            "stop_reason": stop_reason, "stop_sequence": null, "stop_details": details,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 300,
                "output_tokens": 42, "output_tokens_details": {"thinking_tokens": 9}}})
    };
    let long = "A sentence of some length, with é and 🦀 in it.\r\n".repeat(20);
    vec![
        message(json!([{"type": "text", "text": "Hi."}]), "end_turn", json!(null)),
        message(
            json!([{"type": "text", "text": long}, {"type": "text", "text": "More."}]),
            "stop_sequence",
            json!(null),
        ),
        message(
            json!([
                {"type": "thinking", "thinking": long, "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "So:", "citations": [{"type": "char_location"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": big},
                {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
            ]),
            "tool_use",
            json!(null),
        ),
        message(
            json!([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": 2}}]),
            "tool_use",
            json!(null),
        ),
    ]
}

#[test]
fn stream_and_body_make_the_same_answer() {
    for message in messages() {
        let fresh = Fresh { id: "1".into(), created_secs: 0, same_ids: false, echoes: Map::new() };
        let stored = anthropic_messages::read_body(message.to_string().as_bytes()).unwrap();
        // The replay makes new ids, so the body is one of the replay's too.
        let body: Value = serde_json::from_slice(&anthropic_messages::body(&stored, &fresh)).unwrap();
        let wire = String::from_utf8(anthropic_messages::stream(&stored, &fresh)).unwrap();
        let mut from_body = openai_chat::read_body(answer(&body, 0).unwrap().to_string().as_bytes()).unwrap();
        from_body.choices[0].message.retain(|_, value| !value.is_null());
        assert_eq!(recorded(&fed(&wire, true)), from_body, "{message}");
    }
}

#[test]
fn a_refusal_ends_a_stream_as_it_ends_a_body() {
    let mut events = vec![start(), block(0, json!({"type": "text", "text": "First, "})), stop(0)];
    events.extend(end("refusal"));
    events[3]["delta"]["stop_details"] = json!({"type": "refusal", "explanation": "Not this."});
    let out = fed(&wire(&events), false);
    let choices: Vec<Value> = chunks(&out).iter().map(|chunk| chunk["choices"][0].clone()).collect();
    let deltas: Vec<&Value> = choices.iter().map(|choice| &choice["delta"]).collect();
    let expected =
        [json!({"role": "assistant"}), json!({"content": "First, "}), json!({"refusal": "Not this."}), json!({})];
    assert_eq!(deltas, expected.iter().collect::<Vec<_>>());
    assert_eq!(choices[3]["finish_reason"], "content_filter");
    assert!(out.ends_with("data: [DONE]\n\n"));
}

#[test]
fn an_error_event_is_told_in_openais_shape_and_nothing_follows_it() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let expected = json!({"error": {"message": "Overloaded", "type": "server_error", "param": null, "code": null}});
    for before in [vec![], rich()[..8].to_vec()] {
        let ok = fed(&wire(&before), true);
        let out = fed(&(wire(&before) + &event(&overloaded) + &wire(&rich())), true);
        assert_eq!(out, format!("{ok}data: {expected}\n\n"));
    }
    let unreadable = fed("event: error\ndata: <html>\n\n", false);
    assert_eq!(chunks(&unreadable)[0]["error"]["message"], "The upstream answered with an error.");
}

#[test]
fn a_stream_that_breaks_the_rules_ends_in_an_error_and_never_in_done() {
    let text = || block(0, json!({"type": "text", "text": ""}));
    let with = |events: &[Value]| wire(&[&[start()], events, &end("end_turn")[..]].concat());
    let no_reason = json!({"type": "message_delta", "delta": {}, "usage": {}});
    for broken in [
        wire(&rich()[1..]),
        wire(&end("end_turn")),
        "data: not json\n\n".to_owned(),
        "data: {}\n\n".to_owned(),
        wire(&[start(), start()]),
        wire(&[json!({"type": "message_start", "message": {"id": "m"}})]),
        wire(&[start(), no_reason, json!({"type": "message_stop"})]),
        with(&[text()]),
        with(&[text(), block(1, json!({"type": "text", "text": ""}))]),
        with(&[text(), stop(1)]),
        with(&[text(), delta(1, json!({"type": "text_delta", "text": "x"})), stop(0)]),
        with(&[text(), delta(0, json!({"type": "text_delta"})), stop(0)]),
        with(&[text(), stop(0), delta(0, json!({"type": "text_delta", "text": "x"}))]),
        with(&[block(0, json!({"type": "tool_use", "name": "f"})), stop(0)]),
        with(&[block(0, json!({})), stop(0)]),
    ] {
        let out = fed(&broken, true);
        let last = chunks(&out).pop().unwrap();
        assert_eq!(last["error"]["type"], "server_error", "{broken}");
        assert_eq!((out.matches("\"error\"").count(), out.contains("[DONE]")), (1, false), "{broken}");
    }
}

#[test]
fn an_event_without_an_end_does_not_fill_the_memory() {
    let mut stream = Stream::new(0, false);
    let mut out = Vec::new();
    for _ in 0..=MAX_EVENT_BYTES / (1 << 20) {
        out.extend(stream.feed(&vec![b'x'; 1 << 20]));
    }
    out.extend(stream.feed(wire(&rich()).as_bytes()));
    assert_eq!(chunks(&String::from_utf8(out).unwrap()).len(), 1);
}

#[test]
fn what_follows_the_end_is_passed_over() {
    let whole = wire(&rich());
    let late = event(&json!({"type": "error", "error": {"type": "api_error", "message": "late"}}));
    for rest in ["data: [DONE]\n\n", &whole, &late] {
        assert_eq!(fed(&(whole.clone() + rest), true), fed(&whole, true), "{rest}");
    }
}

proptest! {
    #[test]
    fn any_text_survives(text in "(.|\n){1,200}", piece in 1usize..9) {
        let mut events = vec![start(), block(0, json!({"type": "text", "text": ""}))];
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(piece) {
            events.push(delta(0, json!({"type": "text_delta", "text": piece.iter().collect::<String>()})));
        }
        events.push(stop(0));
        events.extend(end("end_turn"));
        let known = recorded(&fed(&wire(&events), false));
        prop_assert_eq!(known.choices[0].message["content"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn no_stream_makes_it_panic(picks in proptest::collection::vec(0usize..21, 0..30), cut in 1usize..50) {
        let events = rich();
        let picked: Vec<Value> = picks.into_iter().filter_map(|pick| events.get(pick).cloned()).collect();
        let wire = wire(&picked);
        let mut stream = Stream::new(0, true);
        let out: Vec<u8> = wire.as_bytes().chunks(cut).flat_map(|part| stream.feed(part)).collect();
        prop_assert!(String::from_utf8_lossy(&out).matches("[DONE]").count() <= 1);
    }
}
