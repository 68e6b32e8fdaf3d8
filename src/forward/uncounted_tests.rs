use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::sse::Parser;

fn asked(body: &str) -> Option<String> {
    ask(body.as_bytes()).map(|made| String::from_utf8(made).unwrap())
}

#[test]
fn a_stream_is_asked_to_count_and_no_other_byte_changes() {
    for (body, wanted) in [
        (
            r#" { "model":"m", "stream" : true }"#,
            r#" { "model":"m", "stream" : true ,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null,"seed":1.0}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"seed":1.0}"#,
        ),
        (r#"{"stream_options":{ },"stream":true}"#, r#"{"stream_options":{ "include_usage":true},"stream":true}"#),
        (
            r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
            r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":false,"x":"é"}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":"é"}}"#,
        ),
        (
            r#"{"stre\u0061m":true,"stream_options":{"include_usage":null}}"#,
            r#"{"stre\u0061m":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(asked(body).as_deref(), Some(wanted), "{body}");
    }
}

#[test]
fn what_counts_already_is_no_stream_or_is_unclear_stays_as_it_is() {
    for body in [
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        r#"{"stream":false}"#,
        r#"{"stream":null}"#,
        r#"{"stream":"true"}"#,
        r#"{"messages":[{"stream":true}]}"#,
        r#"{"stream":true,"stream_options":[]}"#,
        r#"{"stream":true,"stream_options":{"include_usage":"yes"}}"#,
        r#"{"stream":true,"stream":true}"#,
        r#"{"stream":true,"stream_options":{},"stream_options":null}"#,
        r#"{"stream":true,"stream_options":{"include_usage":false,"include_usage":true}}"#,
        r#"[{"stream":true}]"#,
        r#"{"stream":true"#,
        "",
        "\u{feff}{\"stream\":true}",
    ] {
        assert_eq!(asked(body), None, "{body}");
    }
    assert_eq!(ask(b"{\"stream\":true,\"x\":\"\xff\"}"), None);
}

fn usage() -> Value {
    json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn counting() -> String {
    event(&json!({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage()}))
}

/// Events that look alike and are for the client.
fn others() -> Vec<String> {
    vec![
        event(&json!({"choices": [{"index": 0, "delta": {"content": "Hi\n\n\"choices\":[]"}}], "usage": null})),
        event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage()})),
        // Azure's first chunk.
        event(&json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": null})),
        event(&json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]})),
        event(&json!({"usage": usage()})),
        event(&json!({"choices": null, "usage": usage()})),
        event(&json!([[], usage()])),
        event(&json!("{\"choices\":[],\"usage\":{}}")),
        "data: {\"choices\":[],\"usage\":{}\n\n".to_owned(),
        ": OPENROUTER PROCESSING\n\n".to_owned(),
        ": ping\n".to_owned(),
        "event: error\ndata: {\"error\": {\"message\": \"no\"}}\n\n".to_owned(),
        "\n\n".to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ]
}

fn filter<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut unasked = Unasked::default();
    let mut passed: Vec<u8> = pieces.into_iter().flat_map(|piece| unasked.feed(piece)).collect();
    passed.extend(unasked.finish());
    String::from_utf8(passed).unwrap()
}

#[test]
fn the_count_alone_is_taken_out_wherever_the_stream_is_cut() {
    let others = others();
    let in_lines = "event: x\ndata: {\"choices\":\ndata: [],\n: note\ndata:\"usage\":{}}\nid: 4\n\n".to_owned();
    for counting in [counting(), in_lines] {
        for at in 0..=others.len() {
            let (before, after) = others.split_at(at);
            let plain = format!("\u{feff}data: 1\n\n{}{}", before.concat(), after.concat());
            let stream = format!("\u{feff}data: 1\n\n{}{counting}{}", before.concat(), after.concat());
            // A comment without an empty line is not taken out, though it may stand right before the count.
            for ending in ["\n", "\r\n", "\r"] {
                let (stream, plain) = (stream.replace('\n', ending), plain.replace('\n', ending));
                assert_eq!(filter([stream.as_bytes()]), plain, "{ending:?}, at event {at}");
                assert_eq!(filter(stream.as_bytes().chunks(1)), plain, "{ending:?}, at event {at}, byte by byte");
                for cut in (0..=stream.len()).step_by(3) {
                    let (head, tail) = stream.as_bytes().split_at(cut);
                    assert_eq!(filter([head, tail]), plain, "{ending:?}, at event {at}, cut at byte {cut}");
                }
            }
        }
    }
}

#[test]
fn a_count_is_taken_out_even_when_the_stream_ends_before_its_empty_line() {
    let counting = counting();
    for ending in ["", "\n", "\r", "\r\n"] {
        assert_eq!(filter([format!("data: 1\n\n{}{ending}", counting.trim_end()).as_bytes()]), "data: 1\n\n");
    }
    for other in [counting.split_at(counting.len() - 4).0, "data: [[],{\"prompt_tokens\":3}]", "data: {", "da"] {
        assert_eq!(filter([other.as_bytes()]), other, "what is not a chunk is not the count");
    }
}

#[test]
fn an_event_passes_as_soon_as_it_is_complete() {
    for event in others() {
        for ending in ["\n", "\r\n", "\r"] {
            let event = event.replace('\n', ending);
            // The line feed that follows on a carriage return belongs to it, and is not waited for.
            let complete = event.strip_suffix("\r\n").map_or(event.clone(), |start| format!("{start}\r"));
            let mut unasked = Unasked::default();
            assert_eq!(String::from_utf8(unasked.feed(complete.as_bytes())).unwrap(), complete);
            assert_eq!(
                unasked.feed(event.split_at(complete.len()).1.as_bytes()),
                event.split_at(complete.len()).1.as_bytes()
            );
            assert!(unasked.finish().is_empty());
        }
    }
}

#[test]
fn what_is_clearly_no_chunk_passes_before_its_event_is_complete() {
    let mut unasked = Unasked::default();
    assert_eq!(unasked.feed(b"data: [DONE]\n"), b"data: [DONE]\n");
    assert_eq!(unasked.feed(b"\n: comment\r"), b"\n: comment\r");
    assert_eq!(unasked.feed(b"\ndata: {"), b"\n");
    assert_eq!(unasked.feed(b"}\n: in the event\n"), b"");
    assert_eq!(unasked.feed(b"\n"), b"data: {}\n: in the event\n\n");
}

#[test]
fn an_event_that_grows_too_large_is_let_go_and_the_next_one_is_judged() {
    let long = format!("data: {{\"choices\":[],\"usage\":{{}},\"x\":\"{}\"}}\r\n\r\n", "x".repeat(MAX_HELD_BYTES));
    let stream = long.clone() + &counting();
    assert_eq!(filter([stream.as_bytes()]), long);
    let (mut unasked, mut passed, mut longest) = (Unasked::default(), Vec::new(), 0);
    for piece in stream.as_bytes().chunks(7) {
        passed.extend(unasked.feed(piece));
        longest = longest.max(unasked.held.len());
    }
    assert_eq!(passed, long.as_bytes());
    assert!((MAX_HELD_BYTES - 7..=MAX_HELD_BYTES).contains(&longest), "{longest}");
}

proptest! {
    #[test]
    fn a_stream_without_a_count_passes_byte_for_byte(
        stream in r#"(data|data: |x|:|\{"choices":\[\]|,"usage":null|,"usage":|\}|\[DONE\]|é|\r|\n|\n\n|\r\n){0,40}"#,
        cuts in prop::collection::vec(1..9_usize, 1..20),
    ) {
        let whole = filter([stream.as_bytes()]);
        let (mut rest, mut pieces) = (stream.as_bytes(), Vec::new());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(filter(pieces), whole.as_str());
        prop_assert_eq!(whole, stream, "the grammar has no value for a usage but null");
    }

    #[test]
    fn any_mixture_of_events_loses_the_counts_alone(
        picks in prop::collection::vec(0..18_usize, 0..12), size in 1..50_usize,
    ) {
        let others = others();
        let (mut stream, mut wanted) = (String::new(), String::new());
        for pick in picks {
            match others.get(pick) {
                Some(other) => {
                    stream.push_str(other);
                    wanted.push_str(other);
                }
                None => stream.push_str(&counting()),
            }
        }
        prop_assert_eq!(filter(stream.as_bytes().chunks(size)), wanted);
    }

    #[test]
    fn asking_changes_nothing_but_the_options(seed in 0..99_u32, with in any::<bool>()) {
        let options = if with { json!({"include_obfuscation": false}) } else { Value::Null };
        let body = json!({"seed": seed, "stream": true, "stream_options": options, "messages": [{"content": "é\n"}]});
        let mut made: Value = serde_json::from_slice(&ask(body.to_string().as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(&made["stream_options"]["include_usage"], &json!(true));
        prop_assert!(ask(made.to_string().as_bytes()).is_none(), "it is asked once");
        made["stream_options"] = body["stream_options"].clone();
        prop_assert_eq!(made, body);
    }

    #[test]
    fn events_are_those_of_the_parser(
        stream in r"(data|data:|data: |event: x|:|id: 1|\{\}|é|\r|\n|\n\n|\r\n|\r\n\r\n){0,30}", cut in 0..60_usize
    ) {
        let wanted: Vec<Vec<u8>> =
            Parser::new(1000).feed(stream.as_bytes()).into_iter().map(|event| event.data.into_bytes()).collect();
        let (head, tail) = stream.as_bytes().split_at(cut.min(stream.len()));
        let (mut events, mut found, mut all) = (Events::default(), Vec::new(), Vec::new());
        for mut rest in [head, tail] {
            while !rest.is_empty() {
                let (came, taken);
                (came, taken, rest) = events.take(rest);
                all.extend_from_slice(taken);
                if came == Came::Event {
                    found.extend(events.has_data.then(|| events.data().to_vec()));
                    events.begin_next();
                }
            }
        }
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(all, stream.as_bytes());
    }
}
