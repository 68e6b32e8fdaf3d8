use proptest::prelude::*;

use super::*;
use crate::protocol::anthropic_messages::read_body;

fn record(stream: &str) -> Result<Map<String, Value>, NotKept> {
    let mut recorder = Recorder::new(1 << 20);
    recorder.feed(stream.as_bytes());
    recorder.finish()
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": null, "stop_sequence": null, "stop_details": null, "container": null, "diagnostics": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "standard"},
    }})
}

fn block(index: usize, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: usize, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: usize) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(stop_reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null, "container": null},
        "usage": {"output_tokens": 42, "cache_read_input_tokens": null}})
}

fn message_stop() -> Value {
    json!({"type": "message_stop"})
}

/// A whole stream around the events of its blocks.
fn around(blocks: &[Value], stop_reason: &str) -> String {
    let mut events = vec![start()];
    events.extend_from_slice(blocks);
    events.extend([end(stop_reason), message_stop()]);
    events.iter().map(event).collect()
}

fn text(index: usize, text: &str) -> Vec<Value> {
    vec![
        block(index, &json!({"type": "text", "text": ""})),
        delta(index, &json!({"type": "text_delta", "text": text})),
        stop(index),
    ]
}

fn rich() -> String {
    let blocks = [
        block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, &json!({"type": "thinking_delta", "thinking": "h"})),
        delta(0, &json!({"type": "thinking_delta", "thinking": "m\n"})),
        delta(0, &json!({"type": "signature_delta", "signature": "sig=="})),
        stop(0),
        block(1, &json!({"type": "redacted_thinking", "data": "xyz"})),
        stop(1),
        block(2, &json!({"type": "text", "text": "", "citations": []})),
        delta(2, &json!({"type": "text_delta", "text": "é"})),
        delta(2, &json!({"type": "citations_delta", "citation": {"cited_text": "c"}})),
        delta(2, &json!({"type": "text_delta", "text": "🦀"})),
        stop(2),
        block(3, &json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}})),
        delta(3, &json!({"type": "input_json_delta", "partial_json": ""})),
        delta(3, &json!({"type": "input_json_delta", "partial_json": "{\"x\": [1.0"})),
        delta(3, &json!({"type": "input_json_delta", "partial_json": "0, 1e5]}"})),
        stop(3),
        block(4, &json!({"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}})),
        delta(4, &json!({"type": "input_json_delta", "partial_json": ""})),
        stop(4),
        json!({"type": "an_event_of_tomorrow", "index": 9}),
    ];
    around(&blocks, "tool_use")
}

#[test]
fn an_upstream_stream_becomes_the_message_that_a_body_would_have_been() {
    let body = r#"{"id": "msg_2", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hm\n", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "é🦀", "citations": [{"cited_text": "c"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": [1.00, 1e5]}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null, "container": {"id": "c"}, "diagnostics": {},
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 42, "service_tier": "priority"}}"#;
    let whole = record(&rich()).unwrap();
    assert_eq!(whole, read_body(body.as_bytes()).unwrap());
    assert!(Value::Object(whole).to_string().contains("[1.00,1e"), "numbers keep their spelling");
}

#[test]
fn an_upstream_stream_is_recorded_whatever_its_pieces_and_not_kept_when_it_is_cut() {
    let stream = rich();
    let whole = record(&stream).unwrap();
    for cut in 0..stream.len() {
        let (before, after) = stream.as_bytes().split_at(cut);
        let mut recorder = Recorder::new(1 << 20);
        assert!(!recorder.feed(before), "cut at byte {cut}");
        assert!(recorder.feed(after), "cut at byte {cut}");
        assert_eq!(recorder.finish().as_ref(), Ok(&whole), "cut at byte {cut}");
        let mut cut_off = Recorder::new(1 << 20);
        cut_off.feed(before);
        assert_eq!(cut_off.finish(), Err(NotKept::CutStream), "ended at byte {cut}");
    }
    assert_eq!(record(&stream.replace('\n', "\r\n")).as_ref(), Ok(&whole));
}

#[test]
fn what_the_end_of_a_message_says_replaces_what_its_start_said() {
    let last = json!({"type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": null, "mood": "good"},
        "context_management": {"applied_edits": []},
        "usage": {"output_tokens": 9, "input_tokens": 6, "server_tool_use": null, "output_tokens_details": {"thinking_tokens": 1}}});
    let mut events = vec![start()];
    events.extend(text(0, "Hi"));
    events.extend([end("end_turn"), last, message_stop()]);
    let whole = Value::Object(record(&events.iter().map(event).collect::<String>()).unwrap());
    assert_eq!((&whole["stop_reason"], &whole["stop_sequence"]), (&json!("stop_sequence"), &json!("END")));
    assert_eq!((&whole["mood"], &whole["context_management"]), (&json!("good"), &json!({"applied_edits": []})));
    assert_eq!(
        whole["usage"],
        json!({"input_tokens": 6, "cache_read_input_tokens": 7, "output_tokens": 9, "service_tier": null, "output_tokens_details": {"thinking_tokens": 1}})
    );
}

#[test]
fn after_a_fallback_the_message_names_the_model_that_answered() {
    let mut blocks = vec![
        block(0, &json!({"type": "fallback", "from": {"model": "claude-x"}, "to": {"model": "claude-y"}})),
        stop(0),
    ];
    blocks.extend(text(1, "Hi"));
    assert_eq!(record(&around(&blocks, "end_turn")).unwrap()["model"], "claude-y");
}

#[test]
fn a_turn_that_did_not_end_well_is_not_kept() {
    for (stop_reason, reason) in [
        ("max_tokens", NotKept::Truncated),
        ("model_context_window_exceeded", NotKept::Truncated),
        ("refusal", NotKept::Refusal),
        ("pause_turn", NotKept::PauseTurn),
        ("compaction", NotKept::Unreadable),
        ("a_reason_of_tomorrow", NotKept::Unreadable),
    ] {
        assert_eq!(record(&around(&text(0, "Hi"), stop_reason)), Err(reason), "{stop_reason}");
        let body = json!({"model": "m", "content": [{"type": "text", "text": "Hi"}], "stop_reason": stop_reason});
        assert_eq!(read_body(body.to_string().as_bytes()), Err(reason), "{stop_reason}");
    }
}

#[test]
fn a_stream_that_breaks_the_rules_is_not_kept() {
    let ok = around(&text(0, "Hi"), "end_turn");
    assert!(record(&ok).is_ok());
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}});
    let block_text = |data: Value| around(&[block(0, &json!({"type": "text", "text": ""})), data, stop(0)], "end_turn");
    for (what, stream, reason) in [
        ("an error instead", event(&error), NotKept::UpstreamError),
        ("an error in between", event(&start()) + &event(&error) + &ok, NotKept::UpstreamError),
        ("an error without data", event(&start()) + "event: error\ndata: x\n\n", NotKept::UpstreamError),
        ("no JSON", ok.replace("event: content_block_stop", "data: x"), NotKept::Unreadable),
        ("no type", event(&start()) + "data: {}\n\n", NotKept::Unreadable),
        ("no start", event(&text(0, "Hi")[0]), NotKept::Unreadable),
        ("two starts", event(&start()) + &ok, NotKept::Unreadable),
        ("more after the end", ok.clone() + "data: {}\n\n", NotKept::Unreadable),
        ("an error after the end", ok.clone() + &event(&error), NotKept::Unreadable),
        ("no end of the block", around(&text(0, "Hi")[..2], "end_turn"), NotKept::Unreadable),
        ("no start of the block", around(&text(0, "Hi")[1..], "end_turn"), NotKept::Unreadable),
        ("a gap in the indices", around(&text(1, "Hi"), "end_turn"), NotKept::Unreadable),
        ("an index twice", around(&[text(0, "a"), text(0, "b")].concat(), "end_turn"), NotKept::Unreadable),
        ("no stop reason", [&start(), &message_stop()].map(event).concat(), NotKept::Unreadable),
        ("no message", event(&json!({"type": "message_start"})), NotKept::Unreadable),
        ("a delta of tomorrow", block_text(delta(0, &json!({"type": "x_delta"}))), NotKept::Unreadable),
        (
            "a delta of another kind",
            block_text(delta(0, &json!({"type": "thinking_delta", "thinking": "x"}))),
            NotKept::Unreadable,
        ),
        ("a delta without its text", block_text(delta(0, &json!({"type": "text_delta"}))), NotKept::Unreadable),
        ("a block that is none", around(&[block(0, &json!("x")), stop(0)], "end_turn"), NotKept::Unreadable),
        ("nothing said", around(&text(0, ""), "end_turn"), NotKept::Unreadable),
        ("nothing at all", around(&[], "end_turn"), NotKept::Unreadable),
        ("an empty stream", String::new(), NotKept::CutStream),
    ] {
        assert_eq!(record(&stream), Err(reason), "{what}");
    }
    let mut small = Recorder::new(10);
    small.feed(ok.as_bytes());
    assert_eq!(small.finish(), Err(NotKept::TooLarge));
}

#[test]
fn a_tool_input_that_is_no_object_is_not_kept() {
    for input in ["{\"x\": ", "{} {}", "[1]", "null"] {
        let blocks = [
            block(0, &json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
            delta(0, &json!({"type": "input_json_delta", "partial_json": input})),
            stop(0),
        ];
        assert_eq!(record(&around(&blocks, "tool_use")), Err(NotKept::Unreadable), "{input}");
    }
}

#[test]
fn a_body_that_is_no_plain_answer_is_not_kept() {
    let with = |block: Value| json!({"model": "m", "content": [{"type": "text", "text": "Hi"}, block], "stop_reason": "end_turn"});
    assert!(read_body(with(json!({"type": "a_block_of_tomorrow"})).to_string().as_bytes()).is_ok());
    let text = json!([{"type": "text", "text": "Hi"}]);
    for (body, reason) in [
        (json!({"type": "error", "error": {"type": "api_error", "message": "x"}}), NotKept::UpstreamError),
        (json!({"error": {"message": "x"}}), NotKept::UpstreamError),
        (json!([]), NotKept::Unreadable),
        (json!({"content": text, "stop_reason": "end_turn"}), NotKept::Unreadable),
        (json!({"model": "m", "stop_reason": "end_turn"}), NotKept::Unreadable),
        (json!({"model": "m", "content": text}), NotKept::Unreadable),
        (json!({"model": "m", "content": [], "stop_reason": "end_turn"}), NotKept::Unreadable),
        (with(json!("x")), NotKept::Unreadable),
        (with(json!({"type": "text"})), NotKept::Unreadable),
        (with(json!({"type": "thinking"})), NotKept::Unreadable),
        (with(json!({"type": "tool_use", "name": "f"})), NotKept::Unreadable),
        (
            with(json!({"type": "tool_use", "name": "f", "input": {}, "caller": {"type": "code_execution_20260120"}})),
            NotKept::Unreadable,
        ),
        (with(json!({"type": "server_tool_use", "name": "web_search"})), NotKept::Unreadable),
        (with(json!({"type": "web_search_tool_result"})), NotKept::Unreadable),
        (with(json!({"type": "mcp_tool_use"})), NotKept::Unreadable),
        (with(json!({"type": "container_upload"})), NotKept::Unreadable),
    ] {
        assert_eq!(read_body(body.to_string().as_bytes()), Err(reason), "{body}");
    }
    assert_eq!(read_body(b"<html>"), Err(NotKept::Unreadable));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0u64..3).prop_map(Value::from), word()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::vec((word(), inner), 0..5).prop_map(|fields| {
                fields.into_iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value))).collect()
            }),
        ]
    })
}

fn word() -> impl Strategy<Value = Value> {
    let words = "type message message_start message_delta message_stop content content_block content_block_start \
        content_block_delta content_block_stop index delta usage text text_delta thinking thinking_delta \
        signature_delta tool_use input input_json_delta partial_json citations_delta citation stop_reason end_turn \
        model fallback to";
    proptest::sample::select(words.split_whitespace().map(Value::from).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn no_bytes_make_the_recorder_panic(pieces in proptest::collection::vec("(data: |event: |\\{\"type\":\"message_start\"|\\}|\n|.){0,20}", 0..10)) {
        let mut recorder = Recorder::new(1000);
        for piece in &pieces {
            recorder.feed(piece.as_bytes());
            let _ = read_body(piece.as_bytes());
        }
        let _ = recorder.finish();
    }

    #[test]
    fn no_values_make_the_recorder_panic(
        events in proptest::collection::vec((proptest::sample::select(vec![
            "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
        ]), word(), any_json()), 0..8),
    ) {
        let mut recorder = Recorder::new(1 << 20);
        recorder.feed(event(&start()).as_bytes());
        for (kind, name, value) in events {
            let mut data = json!({"index": 0, "delta": {"type": "text_delta", "text": "x"}, "content_block": {"type": "text"}});
            data[name.as_str().unwrap()] = value.clone();
            data["type"] = kind.into();
            recorder.feed(event(&data).as_bytes());
            let _ = read_body(value.to_string().as_bytes());
        }
        recorder.feed(event(&end("end_turn")).as_bytes());
        recorder.feed(event(&message_stop()).as_bytes());
        let _ = recorder.finish();
    }
}
