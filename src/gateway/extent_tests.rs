use super::*;

/// What is added for the body's own bytes, at two bytes a token.
fn output(work: Work, body: &str) -> u64 {
    let extent = Extent { body: body.as_bytes(), work, reads_more: false };
    let tokens = extent.estimate([None].into_iter()).tokens.unwrap();
    tokens - (body.len() as u64).div_ceil(2)
}

/// What a model makes at most of which nothing is known.
const USUAL: u64 = 16_384;

#[test]
fn only_the_apis_own_limit_counts_and_only_when_it_is_a_number() {
    let (chat, responses, messages) = (
        Work::Generation(Generation::Chat),
        Work::Generation(Generation::Responses),
        Work::Generation(Generation::Messages),
    );
    let table = [
        (chat, r#"{"max_tokens":5}"#, 5),
        (chat, r#"{"max_completion_tokens":7,"max_tokens":5}"#, 7),
        (chat, r#"{"max_completion_tokens":7,"max_tokens":"many"}"#, USUAL),
        (chat, r#"{"max_output_tokens":5}"#, USUAL),
        (chat, r#"{"max_tokens":null}"#, USUAL),
        (chat, r#"{"max_tokens":0}"#, USUAL),
        (chat, r#"{"max_tokens":-1}"#, USUAL),
        (chat, r#"{"max_tokens":[1]}"#, USUAL),
        (chat, r#"{"max_tokens":"12"}"#, 12),
        (chat, r#"{"max_tokens":99.5}"#, 100),
        (chat, r#"{"max_tokens":1e2}"#, 100),
        (chat, r#"{"max_tokens":5,"n":3}"#, 15),
        (chat, r#"{"max_tokens":5,"n":100.0}"#, 500),
        (chat, r#"{"max_tokens":5,"n":"2"}"#, 10),
        (chat, r#"{"max_tokens":5,"n":{}}"#, 640),
        (chat, r#"{"max_tokens":5,"best_of":9}"#, 5),
        (responses, r#"{"max_output_tokens":5}"#, 5),
        (responses, r#"{"max_tokens":5,"n":1}"#, USUAL),
        (messages, r#"{"max_tokens":5}"#, 5),
        (messages, r#"{"max_completion_tokens":5}"#, USUAL),
        (Work::Completions, r#"{"max_tokens":5,"best_of":4,"n":2}"#, 20),
        (Work::Completions, r#"{"max_tokens":5,"prompt":["a","b","c"],"n":2}"#, 30),
        (Work::Completions, r#"{"max_tokens":5,"prompt":[[1,2],[3]]}"#, 10),
        (Work::Completions, r#"{"max_tokens":5,"prompt":[1,2,3]}"#, 5),
        (Work::Vectors, r#"{"input":"a"}"#, 0),
        (chat, "no JSON", USUAL),
    ];
    for (work, body, expected) in table {
        assert_eq!(output(work, body), expected, "{body}");
    }
}

#[test]
fn what_nobody_can_measure_has_no_amounts_and_what_is_free_takes_none() {
    let of = |work| Extent { body: b"{}", work, reads_more: false }.estimate([None].into_iter());
    assert_eq!((of(Work::Unmeasured), of(Work::Free)), (Amounts::default(), Amounts::nothing()));
}

#[test]
fn what_costs_something_else_than_the_table_says_has_no_price() {
    let price = || Some(Price { input: 5, output: 7, ..Price::default() });
    for (body, priced) in [
        (r#"{"max_tokens":5}"#, true),
        (r#"{"max_tokens":5,"service_tier":"flex"}"#, true),
        (r#"{"max_tokens":5,"service_tier":"priority"}"#, false),
        (r#"{"max_tokens":5,"speed":"fast"}"#, false),
        (r#"{"max_tokens":5,"inference_geo":"us"}"#, false),
        (r#"{"max_tokens":5,"service_tier":"pri\u006frity"}"#, false),
        (r#"{"max_tokens":5,"fallbacks":[{"model":"dear"}]}"#, false),
    ] {
        let work = Work::Generation(Generation::Messages);
        let amounts = Extent { body: body.as_bytes(), work, reads_more: false }.estimate([price()].into_iter());
        assert_eq!((amounts.money.is_some(), amounts.tokens.is_some()), (priced, true), "{body}");
    }
}

#[test]
fn what_is_stored_what_tools_find_and_what_comes_later_is_seen_however_else_a_request_is_read() {
    for (body, more, later) in [
        (r#"{"previous_response_id":"r","background":true}"#, true, true),
        (r#"{"store":true,"tools":[{"type":"web_search"}]}"#, true, false),
        (r#"{"tools":[{"type":"function"},{"type":"custom"},{"type":"bash_20250124"},{"name":"f"}]}"#, false, false),
        (r#"{"prompt":{"id":"p"}}"#, true, false),
        (r#"{"background":false,"conversation":null}"#, false, false),
        (r#"{"deferred":true}"#, false, true),
        ("no JSON", false, false),
    ] {
        assert_eq!((reads_more(body.as_bytes()), is_deferred(body.as_bytes())), (more, later), "{body}");
    }
}

#[test]
fn the_model_is_read_from_json_and_from_a_form() {
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let (json, form) = ("application/json", "multipart/form-data; boundary=x");
    let in_prompt = part("prompt", "name=\"model\"\r\n\r\ncheap") + &part("model", "whisper-1") + "--x--";
    for (body, content_type, model) in [
        (r#"{"model":"gpt-5"}"#.to_owned(), json, Some("gpt-5")),
        (r#"{"model":5}"#.to_owned(), json, None),
        (r#"{"model":"cheap","model":"dear"}"#.to_owned(), json, None),
        (r#"{}"#.to_owned(), json, None),
        (part("model", "whisper-1") + "--x--", form, Some("whisper-1")),
        (in_prompt, form, Some("whisper-1")),
        (part("model", "cheap") + &part("model", "dear") + "--x--", form, None),
        ("name=\"model\"".to_owned(), form, None),
        (String::new(), json, None),
    ] {
        assert_eq!(super::model(body.as_bytes(), content_type).as_deref(), model, "{body}");
    }
}

#[test]
fn encoded_data_is_not_taken_for_text() {
    let image =
        format!("{{\"image_url\":{{\"url\":\"data:image/png;base64,{}\"}},\"text\":\"Look.\"}}", "aB3/".repeat(1_000));
    assert_eq!(text_bytes(image.as_bytes(), 1), image.len() - 4_000 + 500);
    assert_eq!(text_bytes(image.as_bytes(), 0), image.len(), "there is no more data than there are media");
    for text in ["A text of many words. ".repeat(1_000), "aB3/".repeat(1_000)] {
        assert_eq!(text_bytes(text.as_bytes(), 1), text.len());
    }
    let document = format!("{{\"type\":\"document\",\"source\":{{\"data\":\"{}\"}}}}", "aB3/".repeat(1_000));
    assert_eq!(text_bytes(document.as_bytes(), 1), document.len() - 4_000 + 500);
}

#[test]
fn media_count_however_they_are_written() {
    for (body, parts) in [
        (r#"{"type":"image_url"}"#, 1),
        (r#"{"type":"file"}"#, 1),
        (r#"{"type":"video_url"}"#, 1),
        (r#"{"type":"im\u0061ge\u005furl"}"#, 1),
        (r#"{"type":"text","text":"a file, an image"}"#, 0),
        (r#"{"\u00"#, 0),
    ] {
        assert_eq!(media_parts(&unescaped(body.as_bytes())), parts, "{body}");
    }
}
