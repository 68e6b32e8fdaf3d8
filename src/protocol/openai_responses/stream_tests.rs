use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::openai_responses::samples::{events, fresh, message, outputs, record, stored, text, wire};
use crate::protocol::openai_responses::{body, detached, read_body, stream};

#[test]
fn an_upstream_stream_is_recorded_whatever_its_pieces() {
    let known = stored(&outputs()[4]);
    let bytes = stream(&known, &fresh(true));
    for cut in 0..bytes.len() {
        let mut recorder = Recorder::new(1 << 20);
        assert!(!recorder.feed(&bytes[..cut]), "done before byte {cut}");
        assert!(recorder.feed(&bytes[cut..]));
        assert_eq!(recorder.finish().as_ref(), Ok(&known), "cut at byte {cut}");
        assert_eq!(record(&bytes[..cut]), Err(NotKept::CutStream), "ended at byte {cut}");
    }
}

#[test]
fn items_that_the_last_event_leaves_out_are_filled_in() {
    let known = stored(&outputs()[10]);
    let text = String::from_utf8(stream(&known, &fresh(true))).unwrap();
    for empty in [json!([]), Value::Null] {
        let (before, last) = text.split_at(text.find("event: response.completed").unwrap());
        let (_, data) = events(last.as_bytes()).pop().unwrap();
        let mut data = data;
        data["response"]["output"] = empty;
        let end = format!("event: response.completed\ndata: {data}\n\n");
        assert_eq!(record(format!("{before}{end}").as_bytes()), Ok(known.clone()));
        assert_eq!(record(end.as_bytes()), Err(NotKept::Unreadable), "nothing to fill in");
        assert_eq!(record(format!("{before}{end}data: [DONE]\n\n").as_bytes()), Ok(known.clone()));
    }
}

#[test]
fn what_did_not_end_well_is_not_kept() {
    let event = |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let ended =
        |kind: &str, response: &Value| event(&json!({"type": kind, "sequence_number": 1, "response": response}));
    let good = wire(&outputs()[0]);
    let ok = ended("response.completed", &good);
    let incomplete = |reason: &str| {
        let mut response = good.clone();
        response["status"] = json!("incomplete");
        response["incomplete_details"] = json!({"reason": reason});
        ended("response.incomplete", &response)
    };
    assert!(record(ok.as_bytes()).is_ok());
    for (stream, reason) in [
        (String::new(), NotKept::CutStream),
        (event(&json!({"type": "response.created", "response": good})), NotKept::CutStream),
        ("data: [DONE]\n\n".into(), NotKept::CutStream),
        (incomplete("max_output_tokens"), NotKept::Truncated),
        (incomplete("content_filter"), NotKept::ContentFilter),
        (incomplete("steered"), NotKept::Unreadable),
        (ended("response.failed", &good), NotKept::UpstreamError),
        (event(&json!({"type": "error", "message": "x"})) + "data: [DONE]\n\n", NotKept::UpstreamError),
        ("event: error\ndata: overloaded\n\n".into(), NotKept::UpstreamError),
        ("data: {\"error\": {\"message\": \"x\"}}\n\n".into(), NotKept::UpstreamError),
        (format!("data: not json\n\n{ok}"), NotKept::Unreadable),
        (format!("data: 5\n\n{ok}"), NotKept::Unreadable),
        (format!("{ok}{ok}"), NotKept::Unreadable),
        (format!("{ok}data: {{}}\n\n"), NotKept::Unreadable),
        (event(&json!({"type": "response.completed"})), NotKept::Unreadable),
    ] {
        assert_eq!(record(stream.as_bytes()), Err(reason), "{stream}");
    }
    for limit in [10, ok.len() - 1] {
        let mut small = Recorder::new(limit);
        ok.as_bytes().chunks(7).for_each(|piece| {
            small.feed(piece);
        });
        assert_eq!(small.finish(), Err(NotKept::TooLarge));
    }
}

#[test]
fn a_terminal_event_is_known_by_its_type_or_by_its_name() {
    let good = wire(&outputs()[0]);
    for stream in [
        format!("data: {}\n\n", json!({"type": "response.completed", "response": good})),
        format!("event: response.completed\ndata: {}\n\n", json!({"response": good})),
    ] {
        let mut recorder = Recorder::new(1 << 20);
        assert!(recorder.feed(stream.as_bytes()), "{stream}");
        assert!(recorder.finish().is_ok());
    }
    let mut failed = Recorder::new(1 << 20);
    assert!(failed.feed(b"event: error\ndata: {\"type\":\"error\"}\n\n"));
}

#[test]
fn a_body_that_is_no_whole_answer_is_not_kept() {
    let status = |status: &str| json!({"status": status, "output": outputs()[0]});
    let output = |output: Value| json!({"status": "completed", "output": output});
    let call = |name: &str, call_id: Value, arguments: Value| {
        output(json!([{"type": "function_call", "name": name, "call_id": call_id, "arguments": arguments}]))
    };
    let mut cut = outputs()[0].clone();
    cut[0]["status"] = json!("incomplete");
    for (body, reason) in [
        (json!([]), NotKept::Unreadable),
        (json!({}), NotKept::Unreadable),
        (json!({"error": {"message": "x"}}), NotKept::UpstreamError),
        (status("failed"), NotKept::UpstreamError),
        (status("queued"), NotKept::Unreadable),
        (status("in_progress"), NotKept::Unreadable),
        (status("cancelled"), NotKept::Unreadable),
        (status("incomplete"), NotKept::Unreadable),
        (output(json!([])), NotKept::Unreadable),
        (output(json!("x")), NotKept::Unreadable),
        (output(json!([message(&json!([]))])), NotKept::Unreadable),
        (output(json!([message(&json!([text("")]))])), NotKept::Unreadable),
        (output(json!([message(&json!([{"type": "output_image", "text": "x"}]))])), NotKept::Unreadable),
        (
            output(json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]}])),
            NotKept::Unreadable,
        ),
        (output(json!([{"type": "web_search_call", "id": "ws_1"}, outputs()[0][0]])), NotKept::Unreadable),
        (output(json!([{"type": "compaction", "encrypted_content": "x"}, outputs()[0][0]])), NotKept::Unreadable),
        (output(json!([{"type": "reasoning", "summary": [{"type": "x"}]}, outputs()[0][0]])), NotKept::Unreadable),
        (output(json!([{"type": "reasoning", "content": [{"type": "x"}]}, outputs()[0][0]])), NotKept::Unreadable),
        (output(cut), NotKept::Truncated),
        (call("", json!("c"), json!("{}")), NotKept::Unreadable),
        (call("f", Value::Null, json!("{}")), NotKept::Unreadable),
        (call("f", json!("c"), json!({})), NotKept::Unreadable),
    ] {
        assert_eq!(read_body(body.to_string().as_bytes()), Err(reason), "{body}");
    }
    assert!(read_body(call("f", json!("c"), json!("")).to_string().as_bytes()).is_ok());
    assert_eq!(read_body(b"<html>"), Err(NotKept::Unreadable));
}

/// Any JSON, with the names that the replay looks at among its fields.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..300).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        "(message|reasoning|function_call|custom_tool_call|output_text|refusal|completed)".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = "(id|type|status|output|content|summary|text|refusal|arguments|input|annotations|logprobs|call_id|error|response)";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_makes_a_reader_or_a_replay_panic(value in any_value()) {
        let _ = read_body(value.to_string().as_bytes());
        let _ = read_body(json!({"status": "completed", "output": value}).to_string().as_bytes());
        let _ = record(format!("data: {value}\n\ndata: {}\n\n", json!({"type": "response.completed", "response": value})).as_bytes());
        let response = Map::from_iter([("output".to_owned(), json!([value]))]);
        let _ = (body(&response, &fresh(false)), stream(&response, &fresh(false)), detached(&response));
        if let Value::Object(response) = value {
            let _ = (body(&response, &fresh(true)), stream(&response, &fresh(true)), detached(&response));
        }
    }

    #[test]
    fn no_stream_makes_the_recorder_panic(pieces in proptest::collection::vec("(data: |event: |event: response.completed\n|\\{\"type\":\"response.completed\",|\\{\"response\":|\\[DONE\\]|\\}|\\]|\n|.){0,20}", 0..10)) {
        let mut recorder = Recorder::new(1000);
        for piece in &pieces {
            recorder.feed(piece.as_bytes());
        }
        let _ = recorder.finish();
    }

    #[test]
    fn no_bytes_make_a_reader_or_the_recorder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_body(&bytes);
        let _ = record(&bytes);
    }
}
