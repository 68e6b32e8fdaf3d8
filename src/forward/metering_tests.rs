use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A prompt of 401 bytes is estimated at 101 tokens.
const PROMPT_BYTES: usize = 401;

fn used(uncached: u64, cached_read: u64, output: u64, reasoning: u64) -> Usage {
    Usage { uncached, cached_read, output, reasoning, ..Usage::default() }
}

fn counted(usage: Usage) -> Metered {
    Metered { usage, estimated: false, cut: false, input_told: false }
}

fn estimated(usage: Usage) -> Metered {
    Metered { usage, estimated: true, cut: false, input_told: false }
}

/// What was used; whether the input was told has a test of its own.
fn meter(mut meter: Meter, pieces: &[&[u8]]) -> Metered {
    pieces.iter().for_each(|piece| meter.feed(piece));
    Metered { input_told: false, ..meter.finish(&[]) }
}

fn stream(events: &str) -> Metered {
    meter(Meter::stream(PROMPT_BYTES), &[events.as_bytes()])
}

fn body(body: &[u8]) -> Metered {
    meter(Meter::body(PROMPT_BYTES, MAX_KEPT_BYTES), &[body])
}

fn events(data: &[Value]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn chunk(text: &str, usage: &Value) -> Value {
    json!({"id": "chatcmpl-123456789", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-x",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "usage": usage,
        "obfuscation": "aB3"})
}

fn chat_end(usage: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
}

fn chat_usage(output: u64) -> Value {
    json!({"prompt_tokens": 30, "completion_tokens": output, "total_tokens": 30 + output,
        "prompt_tokens_details": {"cached_tokens": 10}, "completion_tokens_details": {"reasoning_tokens": 2}})
}

fn message_start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {"input_tokens": 25,
        "cache_read_input_tokens": 300, "cache_creation_input_tokens": 40,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 40}, "output_tokens": 1}}})
}

fn text_delta(text: &str) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

fn message_delta() -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 42, "cache_read_input_tokens": null,
            "output_tokens_details": {"thinking_tokens": 7}}})
}

fn anthropic() -> Usage {
    Usage { cached_write_1h: 40, ..used(25, 300, 42, 7) }
}

fn response(kind: &str, usage: &Value) -> Value {
    json!({"type": kind, "sequence_number": 9, "response": {"id": "resp_1", "output": [{"type": "message", "content": [
        {"type": "output_text", "text": "A long text that was sent before."}]}], "usage": usage}})
}

fn response_delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": text, "obfuscation": "xyz"})
}

fn response_usage() -> Value {
    json!({"input_tokens": 30, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 35})
}

/// Streams that ended as they should, and what they used.
fn complete() -> Vec<(&'static str, String, Usage)> {
    let null = Value::Null;
    let chat = used(20, 10, 5, 2);
    let done = "data: [DONE]\n\n";
    let only_usage = json!({"choices": [], "usage": chat_usage(5)});
    vec![
        ("chat, with a usage chunk", events(&[chunk("Hi", &null), chat_end(&null), only_usage.clone()]) + done, chat),
        ("chat, whose client left before [DONE]", events(&[chunk("Hi", &null), chat_end(&null), only_usage]), chat),
        (
            "chat, with a usage in every chunk",
            events(&[chunk("Hi", &chat_usage(3)), chunk(".", &chat_usage(4)), chat_end(&chat_usage(5))]) + done,
            chat,
        ),
        ("chat, with the usage beside the end", events(&[chunk("Hi", &null), chat_end(&chat_usage(5))]), chat),
        (
            "chat, of Groq without being asked",
            events(&[
                chunk("Hi", &null),
                json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "x_groq": {"id": "req_1", "usage": chat_usage(5)}}),
            ]),
            chat,
        ),
        (
            "chat, of llama.cpp, whose timings tell what was cached",
            events(&[
                chunk("Hi", &null),
                json!({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 5},
                "timings": {"cache_n": 10, "prompt_n": 20, "predicted_n": 5}}),
            ]),
            used(20, 10, 5, 0),
        ),
        (
            "messages",
            events(&[message_start(), text_delta("Hi"), message_delta(), json!({"type": "message_stop"})]),
            anthropic(),
        ),
        (
            "responses",
            events(&[
                response("response.created", &null),
                response_delta("Hi"),
                response("response.completed", &response_usage()),
            ]),
            chat,
        ),
        ("responses, incomplete", events(&[response("response.incomplete", &response_usage())]), chat),
        ("responses, failed", events(&[response("response.failed", &response_usage())]), chat),
        (
            "Gemini's own API",
            events(&[json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 30, "cachedContentTokenCount": 10, "candidatesTokenCount": 3,
                    "thoughtsTokenCount": 2}})]),
            chat,
        ),
    ]
}

#[test]
fn a_stream_that_counts_to_its_end_is_not_estimated() {
    for (name, events, wanted) in complete() {
        assert_eq!(stream(&events), counted(wanted), "{name}");
    }
}

#[test]
fn line_endings_and_cuts_do_not_matter() {
    for (name, events, wanted) in complete() {
        for ending in ["\n", "\r\n", "\r"] {
            let events = format!("\u{feff}{events}: ping\n\n").replace('\n', ending);
            let bytes: Vec<&[u8]> = events.as_bytes().chunks(1).collect();
            assert_eq!(meter(Meter::stream(PROMPT_BYTES), &bytes), counted(wanted), "{name} {ending:?} in bytes");
            for cut in 0..=events.len() {
                let (head, tail) = events.as_bytes().split_at(cut);
                let found = meter(Meter::stream(PROMPT_BYTES), &[head, tail]);
                assert_eq!(found, counted(wanted), "{name}, {ending:?}, cut at byte {cut}");
            }
        }
    }
}

#[test]
fn an_event_in_several_lines_and_one_without_its_empty_line_count() {
    let split =
        "event: x\ndata: {\"choices\": [],\ndata:\"usage\":{\"prompt_tokens\":3,\ndata: \"completion_tokens\":4}}\n";
    assert_eq!(stream(split), counted(used(3, 0, 4, 0)));
    assert_eq!(stream(split.trim_end()), counted(used(3, 0, 4, 0)));
}

#[test]
fn where_nobody_counts_the_output_is_the_larger_of_pieces_and_bytes() {
    let null = Value::Null;
    let start =
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]});
    let long = "word ".repeat(80);
    let call = |arguments: &str| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "call_1234", "type": "function",
            "function": {"name": "look_up", "arguments": arguments}}]}}]})
    };
    let twice = json!({"choices": [{"delta": {"reasoning": "12345678", "reasoning_details": [
        {"type": "reasoning.text", "text": "12345678"}]}}]});
    let sealed =
        json!({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "a".repeat(900)}});
    for (name, data, output) in [
        ("nothing came", vec![], 0),
        ("only the frame of an answer", vec![start.clone(), chat_end(&null)], 0),
        ("short pieces", vec![start.clone(), chunk("a", &null), chunk("b", &null), chunk("c", &null)], 3),
        ("one long piece", vec![start, chunk(&long, &null)], 100),
        ("a tool's arguments", vec![call("{\"a\": "), call("12345}")], 3),
        ("the same text twice", vec![twice], 2),
        (
            "two choices in one event",
            vec![json!({"choices": [{"delta": {"content": "1234"}}, {"delta": {"content": "5678"}}]})],
            2,
        ),
        ("a signature", vec![sealed], 0),
        ("no delta at all", vec![json!({"delta": null, "text": "not this"})], 0),
        ("deltas in deltas", vec![json!({"delta": {"delta": {"delta": {"content": "12345"}}}})], 2),
        (
            "text of the Responses API, and once more as a whole",
            vec![
                response_delta("Hello"),
                response_delta(" there"),
                json!({"type": "response.output_text.done", "text": "Hello there".repeat(50)}),
            ],
            3,
        ),
        ("a text about deltas", vec![chunk(r#""delta": {"content": "not this"}"#, &null)], 8),
    ] {
        assert_eq!(stream(&events(&data)), estimated(used(101, 0, output, 0)), "{name}");
    }
}

#[test]
fn escaped_characters_are_measured_as_what_they_stand_for() {
    let escaped = format!(r#"{{"choices":[{{"delta" : {{"content":"{}\n\"\\"}}}}]}}"#, r"\u4e2d".repeat(8));
    assert_eq!(stream(&format!("data: {escaped}\n\n")), estimated(used(101, 0, 7, 0)), "27 bytes");
}

#[test]
fn a_cut_stream_keeps_what_the_provider_told_and_estimates_the_rest() {
    let told = |output| Usage { cached_write_1h: 40, ..used(25, 300, output, 0) };
    let long = text_delta(&"word ".repeat(80));
    for (name, data, wanted) in [
        ("the first event tells the input", vec![message_start()], told(1)),
        ("and one piece came", vec![message_start(), text_delta("Hi")], told(1)),
        ("and a long one came", vec![message_start(), long], told(100)),
        ("every chunk counts, and the count is ahead", vec![chunk("Hi", &chat_usage(9))], used(20, 10, 9, 2)),
        ("the count is behind", vec![chunk(&"word ".repeat(80), &chat_usage(3))], used(20, 10, 100, 2)),
        (
            "one choice has ended and the other one goes on",
            vec![chat_end(&chat_usage(5)), chunk("Hi", &Value::Null)],
            used(20, 10, 5, 2),
        ),
    ] {
        assert_eq!(stream(&events(&data)), estimated(wanted), "{name}");
    }
}

#[test]
fn what_ends_without_a_count_is_estimated_even_if_it_ended_well() {
    let zeros = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
    for data in [
        vec![chunk("Hi", &Value::Null), chat_end(&Value::Null)],
        vec![chunk("Hi", &json!({})), chat_end(&zeros)],
        vec![response_delta("Hi"), response("response.failed", &Value::Null)],
    ] {
        let events = events(&data) + "data: [DONE]\n\n";
        assert_eq!(stream(&events), estimated(used(101, 0, 1, 0)), "{events}");
    }
}

#[test]
fn an_event_that_is_too_long_is_passed_over_and_the_next_one_counts() {
    let long = format!(
        "data: {{\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":1}},\"x\":\"{}\"}}\n\n",
        "x".repeat(MAX_KEPT_BYTES)
    );
    let after = long.clone() + &events(&[json!({"choices": [], "usage": chat_usage(5)})]);
    let pieces: Vec<&[u8]> = after.as_bytes().chunks(1 << 20).collect();
    assert_eq!(meter(Meter::stream(PROMPT_BYTES), &pieces), counted(used(20, 10, 5, 2)));
    assert_eq!(stream(&long), estimated(used(101, 0, 0, 0)));
}

#[test]
fn a_body_is_counted_wherever_its_usage_stands_and_however_it_is_cut() {
    let chat = json!({"id": "c", "usage": chat_usage(5), "choices": [{"message": {"content": "\"usage\": {}"}}]});
    let message = json!({"content": [{"type": "text", "text": "Hi"}], "usage": {"input_tokens": 20,
        "cache_read_input_tokens": 10, "output_tokens": 5}});
    let gemini = json!({"usage": null, "usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 5}});
    for (answer, wanted) in [(chat, used(20, 10, 5, 2)), (message, used(20, 10, 5, 0)), (gemini, used(30, 0, 5, 0))] {
        let text = format!("  {answer}\n");
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            assert_eq!(
                meter(Meter::body(PROMPT_BYTES, MAX_KEPT_BYTES), &[head, tail]),
                counted(wanted),
                "{text}, cut at byte {cut}"
            );
        }
    }
}

#[test]
fn a_body_without_a_count_is_estimated_by_its_text() {
    let text = "12345678".repeat(3);
    for (answer, output) in [
        (json!({"error": {"message": "no", "type": "x"}}).to_string(), 0),
        (json!({"choices": [{"message": {"role": "assistant", "content": text}}]}).to_string(), 6),
        (json!([{"usage": chat_usage(5)}, 1, 2]).to_string(), 0),
        (json!({"usage": "much"}).to_string(), 0),
        (json!({"usage": {"prompt_tokens": 0, "completion_tokens": 0}, "content": text}).to_string(), 6),
    ] {
        assert_eq!(body(answer.as_bytes()), estimated(used(101, 0, output, 0)), "{answer}");
    }
}

#[test]
fn completions_bring_their_text_without_a_delta_and_nothing_counts_twice() {
    let completions = |text: &str| format!("data: {}\n\n", json!({"id": "c", "choices": [{"text": text, "index": 0}]}));
    let events = completions("Hello there, ") + &completions("how are you?") + "data: [DONE]\n\n";
    assert_eq!(stream(&events), estimated(used(101, 0, 7, 0)));
    let responses = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"12345678\"}\n\n\
                     data: {\"type\":\"response.output_text.done\",\"text\":\"12345678\"}\n\n";
    assert_eq!(stream(responses).usage.output, 2);
}

#[test]
fn whether_the_provider_has_told_the_input_is_known_before_the_end() {
    let start =
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":900,\"output_tokens\":1}}}\n\n";
    for (events, told) in [(start, true), ("data: {\"type\":\"response.created\"}\n\n", false)] {
        let mut meter = Meter::stream(PROMPT_BYTES);
        meter.feed(events.as_bytes());
        let metered = meter.finish(&[]);
        assert_eq!((metered.input_told, metered.estimated), (told, true), "{events}");
    }
}

#[test]
fn a_body_that_breaks_off_says_so_for_nobody_knows_how_much_was_to_come() {
    for (answer, output) in [
        ("", 0),
        ("<html>502 \"Bad Gateway\"</html>", 0),
        ("{\"choices\":[{\"message\":{\"content\":\"123456781234567812345678", 6),
        ("{\"choices\":[{\"message\":{\"content\":\"123456781234567812345678\"}}]", 6),
    ] {
        let metered = Metered { cut: true, ..estimated(used(101, 0, output, 0)) };
        assert_eq!(body(answer.as_bytes()), metered, "{answer}");
    }
}

#[test]
fn a_body_that_is_too_long_is_given_up() {
    let text = "1234".repeat(1000);
    let head = json!({"usage": chat_usage(5), "content": text}).to_string();
    let head = head.trim_end_matches('}').to_owned() + ",\"data\":\"";
    let filler = vec![b'x'; MAX_KEPT_BYTES];
    let found = meter(Meter::body(PROMPT_BYTES, MAX_KEPT_BYTES), &[head.as_bytes(), &filler, b"\"}"]);
    assert_eq!(found, Metered { cut: true, ..estimated(used(101, 0, 1000, 0)) });
}

#[test]
fn the_headers_count_too() {
    let headers = [("fireworks-cached-prompt-tokens".to_owned(), "96".to_owned())];
    let mut meter = Meter::stream(PROMPT_BYTES);
    meter.feed(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":1}}\n\n");
    assert_eq!(meter.finish(&headers).usage, used(4, 96, 1, 0));
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        text in r#"(\{|\}|\[|"|\\|"delta":|"usage":|"content":|null|data: |\n|:|u|1){0,40}"#,
    ) {
        for mut listening in [Meter::stream(PROMPT_BYTES), Meter::body(PROMPT_BYTES, MAX_KEPT_BYTES)] {
            pieces.iter().for_each(|piece| listening.feed(piece));
            listening.feed(text.as_bytes());
            let Metered { usage, .. } = listening.finish(&[]);
            prop_assert!(usage.output <= 400);
        }
    }
}
