use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::canonical::NotKept;
use crate::protocol::openai_chat::{Recorder, read_body};

fn fresh() -> Fresh {
    Fresh {
        id: "0123456789abcdef0123456789abcdef".into(),
        created_secs: 1_700_000_000,
        same_ids: false,
        echoes: Map::new(),
    }
}

fn completion(message: Value, finish_reason: &str) -> ChatCompletion {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1", "service_tier": "default",
        "system_fingerprint": "fp", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
    });
    read_body(body.to_string().as_bytes()).unwrap()
}

fn record(stream: &[u8]) -> Result<ChatCompletion, NotKept> {
    let mut recorder = Recorder::new(1 << 20);
    recorder.feed(stream);
    recorder.finish()
}

fn messages() -> Vec<(Value, &'static str)> {
    let long = "A sentence of some length, with é and 🦀 in it. ".repeat(20);
    vec![
        (json!({"role": "assistant", "content": "Hi.", "refusal": null}), "stop"),
        (json!({"role": "assistant", "content": long, "reasoning_content": long}), "stop"),
        (json!({"role": "assistant", "content": null, "refusal": "I can't."}), "stop"),
        (
            json!({"role": "assistant", "content": "See", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}),
            "stop",
        ),
        (
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]}),
            "tool_calls",
        ),
    ]
}

#[test]
fn a_replayed_stream_makes_the_answer_that_was_stored() {
    for (message, finish_reason) in messages() {
        let known = completion(message, finish_reason);
        let mut again = record(&stream(&known, &fresh(), true)).unwrap();
        let ids = |completion: &mut ChatCompletion| {
            for call in
                completion.choices[0].message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten()
            {
                call["id"] = json!("");
            }
        };
        let mut known = known;
        ids(&mut known);
        ids(&mut again);
        assert_eq!(again, known);
    }
}

#[test]
fn what_names_one_exchange_is_made_anew() {
    let (message, finish_reason) = messages().pop().unwrap();
    let known = completion(message, finish_reason);
    let body: Value = serde_json::from_slice(&body(&known, &fresh())).unwrap();
    assert_eq!(body["id"], "chatcmpl-0123456789abcdef0123456789abcdef");
    assert_eq!(body["created"], 1_700_000_000);
    assert_eq!(body["service_tier"], Value::Null);
    assert_eq!(body["system_fingerprint"], "fp");
    let calls = body["choices"][0]["message"]["tool_calls"].as_array().unwrap();
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert!(calls[0]["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(calls[0]["function"]["arguments"], "{\"x\": 1}");
}

#[test]
fn usage_is_streamed_when_it_was_asked_for_and_only_then() {
    let known = completion(json!({"role": "assistant", "content": "Hi."}), "stop");
    let chunks = |usage| -> Vec<Value> {
        let text = String::from_utf8(stream(&known, &fresh(), usage)).unwrap();
        text.split("\n\n").filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok()).collect()
    };
    assert!(chunks(false).iter().all(|chunk| chunk.get("usage").is_none()));
    let with = chunks(true);
    let (last, others) = with.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(3)));
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
}

#[test]
fn an_upstream_stream_is_recorded_whatever_its_pieces() {
    let events = [
        json!({"id": "x", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "a\n"}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "é"}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "id": "c1", "type": "function", "function": {"name": "g", "arguments": "{"}}]}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}}]}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]}}]}),
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "obfuscation": "xyz"}),
        json!({"id": "x", "model": "m", "choices": [], "usage": {"total_tokens": 9}}),
    ];
    let mut text: String = events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect();
    text.push_str("data: [DONE]\n\n");
    let whole = record(text.as_bytes()).unwrap();
    let message = Value::Object(whole.choices[0].message.clone());
    assert_eq!(message["content"], "a\né");
    assert_eq!(message["reasoning_content"], "hm");
    assert_eq!(
        message["tool_calls"][0],
        json!({"id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}})
    );
    assert_eq!(message["tool_calls"][1]["function"]["arguments"], "{}");
    assert_eq!(whole.usage, Some(json!({"total_tokens": 9})));
    assert!(whole.extra.is_empty());
    for cut in 0..text.len() {
        let mut recorder = Recorder::new(1 << 20);
        assert!(!recorder.feed(&text.as_bytes()[..cut]) || cut >= text.len() - 1);
        recorder.feed(&text.as_bytes()[cut..]);
        assert_eq!(recorder.finish().as_ref(), Ok(&whole), "cut at byte {cut}");
        if cut < text.len() - 1 {
            let mut cut_off = Recorder::new(1 << 20);
            cut_off.feed(&text.as_bytes()[..cut]);
            assert_eq!(cut_off.finish(), Err(NotKept::CutStream), "ended at byte {cut}");
        }
    }
}

#[test]
fn what_did_not_end_well_is_not_kept() {
    let chunk = |text: &str| format!("data: {text}\n\n");
    let ok = chunk(r#"{"model":"m","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#);
    for (stream, reason) in [
        (ok.clone(), NotKept::CutStream),
        (
            chunk(r#"{"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}"#) + &chunk("[DONE]"),
            NotKept::CutStream,
        ),
        (ok.replace("stop", "length") + &chunk("[DONE]"), NotKept::Truncated),
        (ok.replace("stop", "content_filter") + &chunk("[DONE]"), NotKept::ContentFilter),
        (ok.replace("stop", "a_reason_of_tomorrow") + &chunk("[DONE]"), NotKept::Unreadable),
        (ok.clone() + &chunk(r#"{"error":{"message":"overloaded"}}"#) + &chunk("[DONE]"), NotKept::UpstreamError),
        (ok.clone() + &chunk("not json") + &chunk("[DONE]"), NotKept::Unreadable),
        (ok.clone() + "event: error\ndata: {}\n\n" + &chunk("[DONE]"), NotKept::Unreadable),
        (ok.clone() + &chunk("[DONE]") + &ok, NotKept::Unreadable),
        (chunk("[DONE]"), NotKept::Unreadable),
        (ok.replace("\"content\":\"x\"", "\"content\":\"\"") + &chunk("[DONE]"), NotKept::Unreadable),
        (
            chunk(
                r#"{"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
            ) + &chunk(
                r#"{"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
            ) + &chunk("[DONE]"),
            NotKept::Unreadable,
        ),
    ] {
        assert_eq!(record(stream.as_bytes()), Err(reason), "{stream}");
    }
    let mut small = Recorder::new(10);
    small.feed((ok + &chunk("[DONE]")).as_bytes());
    assert_eq!(small.finish(), Err(NotKept::TooLarge));
    for (body, reason) in [
        (json!({"error": {"message": "x"}}), NotKept::UpstreamError),
        (json!({"model": "m", "choices": []}), NotKept::Unreadable),
        (
            json!({"model": "m", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": null}]}),
            NotKept::Unreadable,
        ),
        (
            json!({"model": "m", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "length"}]}),
            NotKept::Truncated,
        ),
        (json!([]), NotKept::Unreadable),
    ] {
        assert_eq!(read_body(body.to_string().as_bytes()), Err(reason), "{body}");
    }
}

#[test]
fn several_choices_and_logprobs_come_back_in_body_and_stream() {
    let body_in = json!({"model": "m", "choices": [
        {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop", "logprobs": {"content": [{"token": "b", "logprob": -0.123456789012345}], "refusal": null}},
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
    ]});
    let known = read_body(body_in.to_string().as_bytes()).unwrap();
    let out: Value = serde_json::from_slice(&body(&known, &fresh())).unwrap();
    assert_eq!(out["choices"][1]["logprobs"], body_in["choices"][0]["logprobs"]);
    assert_eq!(out["choices"][0]["message"]["content"], "a");
    assert_eq!(record(&stream(&known, &fresh(), false)).unwrap(), known);
}

proptest! {
    #[test]
    fn any_text_survives_being_cut_into_deltas(text in "(.|\n){1,400}") {
        let known = completion(json!({"role": "assistant", "content": text}), "stop");
        prop_assert_eq!(record(&stream(&known, &fresh(), true)).unwrap(), known);
    }

    #[test]
    fn no_stream_makes_the_recorder_panic(pieces in proptest::collection::vec("(data: |event: |\\{\"choices\":\\[|\\{\"delta\":|\\}|\\]|\n|.){0,20}", 0..10)) {
        let mut recorder = Recorder::new(1000);
        for piece in &pieces {
            recorder.feed(piece.as_bytes());
        }
        let _ = recorder.finish();
    }
}
