use serde_json::{Value, json};

use super::*;
use crate::forward::translate::messages_to_chat::answer;

fn sse(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"id": "chatcmpl-abc", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6.1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], "usage": null})
}

fn call(index: u64, id: Option<&str>, arguments: &str) -> Value {
    let mut call = json!({"index": index, "function": {"arguments": arguments}});
    if let Some(id) = id {
        call["id"] = id.into();
        call["function"]["name"] = format!("tool_{id}").into();
    }
    json!({"tool_calls": [call]})
}

fn counted() -> Value {
    json!({"id": "chatcmpl-abc", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4}}})
}

/// A stream that ends as it should: deltas, the reason, the usage, `[DONE]`.
fn ended(deltas: &[Value], finish_reason: &str) -> String {
    let mut chunks = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    chunks.extend(deltas.iter().map(|delta| chunk(delta, None)));
    chunks.extend([chunk(&json!({}), Some(finish_reason)), counted()]);
    sse(&chunks) + "data: [DONE]\n\n"
}

fn events(bytes: &[u8]) -> Vec<Value> {
    let events = Parser::new(1 << 20).feed(bytes).into_iter().map(|event| {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(data["type"], event.name.as_str(), "an event is named twice");
        data
    });
    events.collect()
}

fn translated(stream: &str) -> Vec<Value> {
    events(&Stream::new().feed(stream.as_bytes()))
}

/// The message that the events make, as the SDKs build it; every rule of the sequence is checked on the way.
fn whole(events: &[Value]) -> Value {
    let mut message = events[0]["message"].clone();
    let (mut open, mut json) = (None, String::new());
    for event in &events[1..] {
        let blocks = message["content"].as_array_mut().unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(blocks.len() as u64)));
                open = event["index"].as_u64();
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), open);
                let (block, delta) = (blocks.last_mut().unwrap(), &event["delta"]);
                match delta["type"].as_str().unwrap() {
                    "text_delta" => {
                        block["text"] =
                            format!("{}{}", block["text"].as_str().unwrap(), delta["text"].as_str().unwrap()).into();
                    }
                    "input_json_delta" => json.push_str(delta["partial_json"].as_str().unwrap()),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64(), open.take());
                if !json.is_empty() {
                    blocks.last_mut().unwrap()["input"] = serde_json::from_str(&std::mem::take(&mut json)).unwrap();
                }
            }
            "message_delta" => {
                assert_eq!(open, None);
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => return message,
            other => panic!("{other}"),
        }
    }
    panic!("no message_stop in {events:?}")
}

/// The `error` event that ends the events, which then have no `message_stop`.
fn fault(events: &[Value]) -> &Value {
    let last = events.last().unwrap();
    assert_eq!(last["type"], "error", "{events:?}");
    assert!(events.iter().all(|event| event["type"] != "message_stop"));
    &last["error"]
}

#[test]
fn text_becomes_the_events_of_a_message() {
    let usage =
        json!({"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 5});
    let nothing =
        json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0});
    assert_eq!(
        translated(&ended(
            &[json!({"content": "Hi"}), json!({"reasoning_content": "hm"}), json!({"content": "."})],
            "stop"
        )),
        [
            json!({"type": "message_start", "message": {"id": "msg_abc", "type": "message", "role": "assistant",
                "model": "gpt-6.1", "content": [], "stop_reason": null, "stop_sequence": null, "usage": nothing}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "."}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "usage": usage,
                "delta": {"stop_reason": "end_turn", "stop_sequence": null}}),
            json!({"type": "message_stop"}),
        ]
    );
}

/// Streams of every shape, with the completion that says the same.
fn samples() -> Vec<(String, Value)> {
    let odd = "é 🦀\u{200d} \u{2028}\u{0}\"\\\r\n\u{feff}data: x\n\n";
    let args =
        r#"{"z":123456789012345678901234567890,"a":0.10000000000000000555,"é\\\"}":["}{",1.0,null],"m":{"y":1,"b":2}}"#;
    let made = |id: &str, arguments: &str| {
        let name = format!("tool_{id}");
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    };
    let (half, rest) = args.split_at(40);
    let rows = [
        (vec![json!({"content": odd}), json!({"content": odd})], "stop", json!({"content": odd.repeat(2)})),
        (vec![json!({"content": "cut"})], "length", json!({"content": "cut"})),
        (vec![json!({"refusal": "N"}), json!({"refusal": "o."})], "stop", json!({"refusal": "No."})),
        (vec![], "stop", json!({"content": ""})),
        (
            vec![json!({"content": "See:"}), call(0, Some("a"), ""), call(0, None, half), call(0, None, rest)],
            "tool_calls",
            json!({"content": "See:", "tool_calls": [made("a", args)]}),
        ),
        // One after the other.
        (
            vec![
                call(0, Some("a"), half),
                call(0, None, rest),
                call(1, Some("b"), "{"),
                call(1, None, "}"),
                call(2, Some("c"), "{}"),
            ],
            "tool_calls",
            json!({"tool_calls": [made("a", args), made("b", "{}"), made("c", "{}")]}),
        ),
        // In turns.
        (
            vec![
                call(0, Some("a"), ""),
                call(1, Some("b"), ""),
                call(0, None, half),
                call(1, None, half),
                call(0, None, rest),
                call(1, None, rest),
            ],
            "tool_calls",
            json!({"tool_calls": [made("a", args), made("b", args)]}),
        ),
        // Without arguments, then another.
        (
            vec![call(0, Some("a"), ""), call(1, Some("b"), "{}"), call(0, None, " ")],
            "stop",
            json!({"tool_calls": [made("a", ""), made("b", "{}")]}),
        ),
        // All under one number.
        (
            vec![call(0, Some("a"), "{}"), call(0, Some("b"), args)],
            "tool_calls",
            json!({"tool_calls": [made("a", "{}"), made("b", args)]}),
        ),
    ];
    let finish = |(deltas, reason, message): (Vec<Value>, &str, Value)| {
        let mut completion = counted();
        completion["model"] = "gpt-6.1".into();
        completion["choices"] = json!([{"index": 0, "message": message, "finish_reason": reason}]);
        (ended(&deltas, reason), completion)
    };
    rows.into_iter().map(finish).collect()
}

#[test]
fn a_stream_says_what_the_body_says() {
    for (stream, completion) in samples() {
        let message = whole(&translated(&stream));
        assert_eq!(message.to_string(), answer(&completion).unwrap().to_string(), "with keys and digits as they were");
    }
}

#[test]
fn a_stream_cut_at_every_byte_gives_the_same_bytes() {
    for (stream, _) in samples() {
        let expected = Stream::new().feed(stream.as_bytes());
        for cut in 0..=stream.len() {
            let mut translation = Stream::new();
            let mut out = translation.feed(&stream.as_bytes()[..cut]);
            out.extend(translation.feed(&stream.as_bytes()[cut..]));
            assert!(out == expected, "cut at byte {cut} of {stream}");
        }
        for stream in [stream.clone(), stream.replace('\n', "\r\n")] {
            let mut translation = Stream::new();
            let bytewise: Vec<u8> = stream.bytes().flat_map(|byte| translation.feed(&[byte])).collect();
            assert!(bytewise == expected, "byte by byte: {stream}");
        }
    }
}

#[test]
fn a_call_streams_as_soon_as_the_one_before_it_is_whole() {
    let mut stream = Stream::new();
    let mut kinds = |delta: &Value| -> Vec<String> {
        let events = events(&stream.feed(sse(&[chunk(delta, None)]).as_bytes()));
        events.iter().map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["index"])).collect()
    };
    kinds(&json!({"role": "assistant"}));
    let (start, delta, stop) = ("content_block_start", "content_block_delta", "content_block_stop");
    assert_eq!(kinds(&call(0, Some("a"), "{\"x\":")), [format!("{start} 0"), format!("{delta} 0")]);
    assert_eq!(kinds(&call(1, Some("b"), "{\"y\":\"}\"")), [""; 0], "the first one is not whole");
    assert_eq!(
        kinds(&call(0, None, "1}")),
        [format!("{delta} 0"), format!("{stop} 0"), format!("{start} 1"), format!("{delta} 1")]
    );
    assert_eq!(kinds(&call(1, None, "}")), [format!("{delta} 1")]);
}

#[test]
fn text_after_a_call_follows_the_calls() {
    let deltas = [json!({"content": "a"}), call(0, Some("a"), "{"), json!({"content": "b"}), call(0, None, "}")];
    let content = whole(&translated(&ended(&deltas, "tool_calls")))["content"].clone();
    let kinds: Vec<&str> = content.as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "tool_use", "text"]);
    assert_eq!(content[2]["text"], "b");
}

#[test]
fn the_end_waits_for_the_usage_or_the_last_word() {
    let hi = chunk(&json!({"content": "Hi."}), None);
    let stop = chunk(&json!({}), Some("stop"));
    let is_over = |bytes: &[u8]| events(bytes).last().is_some_and(|event| event["type"] == "message_stop");
    let mut stream = Stream::new();
    assert!(!is_over(&stream.feed(sse(&[hi.clone(), stop.clone()]).as_bytes())));
    assert!(is_over(&stream.feed(sse(&[counted()]).as_bytes())));
    assert!(stream.feed(b"data: [DONE]\n\n").is_empty(), "nothing follows the end");
    assert!(stream.finish().is_empty());

    let mut stream = Stream::new();
    stream.feed(sse(&[hi.clone(), stop.clone()]).as_bytes());
    assert!(is_over(&stream.feed(b"data: [DONE]\n\n")));

    let mut stream = Stream::new();
    stream.feed(sse(&[hi.clone(), stop.clone()]).as_bytes());
    assert!(is_over(&stream.finish()), "the reason is enough where the upstream closes without a last word");

    // Some count in every chunk.
    let (mut first, mut last) = (hi, stop);
    first["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 1});
    last["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 2});
    let events = translated(&sse(&[first, last]));
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 10);
    assert_eq!(whole(&events)["usage"]["output_tokens"], 2);
}

#[test]
fn a_stream_that_was_cut_has_no_end() {
    let full = ended(&[json!({"content": "Hi."}), call(0, Some("a"), "{}")], "tool_calls");
    let before = full.find("\"finish_reason\":\"tool_calls\"").unwrap();
    for cut in 0..before {
        let mut stream = Stream::new();
        let mut out = stream.feed(&full.as_bytes()[..cut]);
        assert!(events(&out).iter().all(|event| event["type"] != "message_stop" && event["type"] != "error"));
        out.extend(stream.finish());
        assert_eq!(fault(&events(&out))["type"], "api_error", "cut at byte {cut}");
    }
    let done = sse(&[chunk(&json!({"content": "Hi."}), None)]) + "data: [DONE]\n\n";
    fault(&translated(&done));
}

#[test]
fn what_cannot_be_carried_on_ends_with_an_error() {
    let good = chunk(&json!({"content": "Hi."}), None);
    let mut second = good.clone();
    second["choices"][0]["index"] = 1.into();
    let error = |body: Value| format!("data: {body}\n\n");
    for (stream, kind) in [
        (error(json!({"error": {"message": "No.", "type": "server_error"}})), "api_error"),
        (error(json!({"error": {"message": "No.", "code": 429}})), "rate_limit_error"),
        (error(json!({"error": {"message": "No.", "code": "context_length_exceeded"}})), "api_error"),
        ("event: error\ndata: {\"message\":\"No.\",\"code\":529}\n\n".to_owned(), "overloaded_error"),
        ("data: {\"choices\":[{\n\n".to_owned(), "api_error"),
        (sse(&[second]), "api_error"),
        (sse(&[chunk(&json!({"content": [{"type": "image_url"}]}), None)]), "api_error"),
        (sse(&[chunk(&json!({"function_call": {"name": "f"}}), None)]), "api_error"),
        (ended(&[], "a_reason_of_tomorrow"), "api_error"),
        (ended(&[call(0, Some("a"), "{\"x\":")], "tool_calls"), "api_error"),
        (ended(&[call(0, Some("a"), "[1]")], "tool_calls"), "api_error"),
        (ended(&[call(0, Some("a"), "{]"), call(1, Some("b"), "{}")], "tool_calls"), "api_error"),
        (ended(&[call(0, Some("a"), "{}"), call(1, Some("b"), "{}"), call(0, None, "{}")], "tool_calls"), "api_error"),
        (ended(&[call(0, None, "{}")], "tool_calls"), "api_error"),
    ] {
        for before in [String::new(), sse(std::slice::from_ref(&good))] {
            let mut translation = Stream::new();
            let out = translation.feed((before + &stream).as_bytes());
            let events = events(&out);
            assert_eq!(fault(&events)["type"], kind, "{stream}");
            assert_eq!(events.iter().filter(|event| event["type"] == "error").count(), 1);
            assert!(translation.feed(sse(&[counted()]).as_bytes()).is_empty() && translation.finish().is_empty());
        }
    }
}

#[test]
fn a_call_that_the_limit_cut_stays_cut() {
    let events = translated(&ended(&[call(0, Some("a"), "{\"x\":")], "length"));
    let delta = &events[events.len() - 2];
    assert_eq!((&delta["type"], &delta["delta"]["stop_reason"]), (&json!("message_delta"), &json!("max_tokens")));
}

#[test]
fn a_chunk_that_judges_the_prompt_and_lines_that_keep_the_line_open_say_nothing() {
    let judged = json!({"choices": [], "id": "", "model": "", "prompt_filter_results": [{}]});
    let stream = format!(": ping\n\ndata:\n\ndata: {judged}\n\n{}", ended(&[json!({"content": "Hi."})], "stop"));
    assert_eq!(translated(&stream), translated(&ended(&[json!({"content": "Hi."})], "stop")));
}

#[test]
fn an_answer_of_any_size_is_bounded() {
    let huge = format!("data: {}", "x".repeat(MAX_CHUNK_BYTES + 1));
    let out = Stream::new().feed(huge.as_bytes());
    assert_eq!(fault(&events(&out))["type"], "api_error");

    let mut stream = Stream::new();
    let piece = sse(&[chunk(&call(0, Some("a"), &"x".repeat(1 << 20)), None)]);
    let out: Vec<u8> = (0..9).flat_map(|_| stream.feed(piece.as_bytes())).collect();
    assert_eq!(events_of_any_size(&out).last().unwrap()["type"], "error");

    let calls: Vec<Value> = (0..1_001).map(|k| call(k, Some("a"), "")).collect();
    fault(&translated(&ended(&calls, "tool_calls")));
}

fn events_of_any_size(bytes: &[u8]) -> Vec<Value> {
    Parser::new(1 << 24).feed(bytes).iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect()
}
