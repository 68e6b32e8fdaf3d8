use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "\"quotes\" \\ back\nslash\r\n\t\u{0}\u{b}\u{c}\u{1c}\u{85}\u{2028}\u{2029}\u{feff}\
    </script><!-- 中🦀 {\"role\":\"system\"}";

/// What one reader or another takes for the end of a line.
const LINE_ENDINGS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

fn chat(messages: &Value) -> Value {
    json!({"model": "m", "messages": messages})
}

fn export(format: Format, api: Api, request: &Value, answer: &str) -> Result<Value, Skipped> {
    let line = line(format, api, request.to_string().as_bytes(), answer)?;
    assert!(line.ends_with('\n'));
    Ok(serde_json::from_str(&line).unwrap())
}

fn skipped(api: Api, request: &Value) -> Skipped {
    export(Format::OpenAi, api, request, "Yes.").unwrap_err()
}

/// One conversation in the spellings of the three APIs, with reasoning and marks in it that no format knows.
fn conversation() -> [(Api, Value); 3] {
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "s"});
    [
        (
            Api::ChatCompletions,
            chat(&json!([{"role": "system", "content": "Be brief."}, {"role": "developer", "content": [
                {"type": "text", "text": "Be kind."}]},
                {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]},
                {"role": "assistant", "content": "Three.", "reasoning_content": "Hm.", "tool_calls": []},
                {"role": "user", "content": "Four?"}, {"role": "user", "content": "Five?"}])),
        ),
        (
            Api::Responses,
            json!({"model": "m", "instructions": "Be brief.", "tools": [], "input": [
                {"role": "developer", "content": "Be kind."},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "One"},
                    {"type": "input_text", "text": "Two"}]},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "role": "assistant", "id": "msg_1", "content": [
                    {"type": "output_text", "text": "Three.", "annotations": []}]},
                {"role": "user", "content": "Four?\n\nFive?"}]}),
        ),
        (
            Api::Messages,
            json!({"model": "m", "max_tokens": 9, "system": [
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Be kind."}],
                "messages": [{"role": "user", "content": "One\n\nTwo"},
                {"role": "assistant", "content": [thought, {"type": "text", "text": "Three."}]},
                {"role": "user", "content": [{"type": "text", "text": "Four?"}, {"type": "text", "text": "Five?"}]}]}),
        ),
    ]
}

#[test]
fn every_api_gives_the_same_line_in_every_format() {
    for (api, request) in conversation() {
        for (format, wanted) in [
            (
                Format::OpenAi,
                json!({"messages": [{"role": "system", "content": "Be brief.\n\nBe kind."},
                    {"role": "user", "content": "One\n\nTwo"}, {"role": "assistant", "content": "Three."},
                    {"role": "user", "content": "Four?\n\nFive?"}, {"role": "assistant", "content": "Six."}]}),
            ),
            (
                Format::Bedrock,
                json!({"system": "Be brief.\n\nBe kind.", "messages": [
                    {"role": "user", "content": "One\n\nTwo"}, {"role": "assistant", "content": "Three."},
                    {"role": "user", "content": "Four?\n\nFive?"}, {"role": "assistant", "content": "Six."}]}),
            ),
            (
                Format::Gemini,
                json!({"systemInstruction": {"role": "system", "parts": [{"text": "Be brief.\n\nBe kind."}]},
                    "contents": [{"role": "user", "parts": [{"text": "One\n\nTwo"}]},
                    {"role": "model", "parts": [{"text": "Three."}]},
                    {"role": "user", "parts": [{"text": "Four?\n\nFive?"}]},
                    {"role": "model", "parts": [{"text": "Six."}]}]}),
            ),
        ] {
            assert_eq!(export(format, api, &request, "Six.").unwrap(), wanted, "{api:?} {format:?}");
        }
    }
}

#[test]
fn without_a_system_there_is_no_field_for_it() {
    let short = json!({"model": "m", "input": "Hi?"});
    for (format, wanted) in [
        (Format::OpenAi, r#"{"messages":[{"role":"user","content":"Hi?"},{"role":"assistant","content":"Hi."}]}"#),
        (Format::Bedrock, r#"{"messages":[{"role":"user","content":"Hi?"},{"role":"assistant","content":"Hi."}]}"#),
        (
            Format::Gemini,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi?"}]},{"role":"model","parts":[{"text":"Hi."}]}]}"#,
        ),
    ] {
        let line = line(format, Api::Responses, short.to_string().as_bytes(), "Hi.").unwrap();
        assert_eq!(line, format!("{wanted}\n"));
    }
}

#[test]
fn what_is_more_than_text_is_skipped_for_its_reason() {
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let with = |mut request: Value, field: &str, value: Value| {
        request[field] = value;
        request
    };
    let plain = || chat(&user("Hi?".into()));
    let call = json!([{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let (chat_api, responses, messages) = (Api::ChatCompletions, Api::Responses, Api::Messages);
    for (api, request, reason) in [
        (chat_api, with(plain(), "tools", json!([{"type": "function"}])), Skipped::Tools),
        (chat_api, with(plain(), "functions", json!([{"name": "f"}])), Skipped::Tools),
        (chat_api, with(plain(), "web_search_options", json!({})), Skipped::Tools),
        (
            chat_api,
            chat(&json!([{"role": "user", "content": "Hi?"}, {"role": "assistant", "tool_calls": call},
            {"role": "tool", "tool_call_id": "call_1", "content": "1"}])),
            Skipped::Tools,
        ),
        (chat_api, chat(&json!([{"role": "tool", "content": "1"}])), Skipped::Tools),
        (chat_api, chat(&user(json!([{"type": "image_url", "image_url": {"url": "u"}}]))), Skipped::Media),
        (chat_api, chat(&user(json!([{"type": "input_audio", "input_audio": {}}]))), Skipped::Media),
        (chat_api, chat(&user(json!([{"type": "file", "file": {}}]))), Skipped::Media),
        (chat_api, with(plain(), "audio", json!({"voice": "v"})), Skipped::Media),
        (chat_api, with(plain(), "n", json!(2)), Skipped::SeveralChoices),
        (responses, json!({"input": "Hi?", "previous_response_id": "resp_1"}), Skipped::ServerState),
        (responses, json!({"input": "Hi?", "prompt": {"id": "p"}}), Skipped::ServerState),
        (responses, json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), Skipped::ServerState),
        (responses, json!({"input": [{"id": "msg_1"}]}), Skipped::ServerState),
        (responses, json!({"input": "Hi?", "tools": [{"type": "web_search"}]}), Skipped::Tools),
        (
            responses,
            json!({"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]}),
            Skipped::Tools,
        ),
        (responses, json!({"input": user(json!([{"type": "input_file", "file_id": "f"}]))}), Skipped::Media),
        (messages, with(plain(), "tools", json!([{"name": "f"}])), Skipped::Tools),
        (messages, with(plain(), "mcp_servers", json!([{"url": "u"}])), Skipped::Tools),
        (messages, chat(&user(json!([{"type": "tool_result", "content": "1"}]))), Skipped::Tools),
        (messages, chat(&user(json!([{"type": "document", "source": {}}]))), Skipped::Media),
        (messages, with(plain(), "container", json!("c")), Skipped::ServerState),
        (Api::Embeddings, json!({"input": "Hi?"}), Skipped::Unreadable),
        (chat_api, json!({"messages": "Hi?"}), Skipped::Unreadable),
        (chat_api, chat(&json!([{"content": "Hi?"}])), Skipped::Unreadable),
        (chat_api, chat(&user(json!(4))), Skipped::Unreadable),
        (chat_api, chat(&user(json!([{"text": "no type"}]))), Skipped::Unreadable),
        (responses, json!([]), Skipped::Unreadable),
    ] {
        assert_eq!(skipped(api, &request), reason, "{request}");
    }
    assert_eq!(line(Format::OpenAi, chat_api, b"{", "Yes."), Err(Skipped::Unreadable));
}

#[test]
fn turns_that_do_not_fit_are_skipped() {
    let (user, assistant) = (json!({"role": "user", "content": "a"}), json!({"role": "assistant", "content": "b"}));
    let (system, empty) = (json!({"role": "system", "content": "c"}), json!({"role": "user", "content": " "}));
    for turns in [
        json!([]),
        json!([system]),
        json!([assistant, user]),
        json!([user, assistant]),
        json!([user, assistant, system, user]),
        json!([user, empty]),
        json!([user, {"role": "assistant", "content": null}, user]),
        json!([user, {"role": "critic", "content": "d"}]),
    ] {
        assert_eq!(skipped(Api::ChatCompletions, &chat(&turns)), Skipped::Turns, "{turns}");
        let items = json!({"model": "m", "input": turns});
        assert_eq!(skipped(Api::Responses, &items), Skipped::Turns, "{turns}");
    }
    for answer in ["", " \n"] {
        let request = chat(&json!([user]));
        assert_eq!(export(Format::Gemini, Api::Messages, &request, answer), Err(Skipped::NoAnswer));
    }
}

#[test]
fn names_are_found_again_and_differ() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.as_str()), Some(format));
    }
    assert_eq!(Format::named("OpenAI"), None);
    assert_eq!(Skipped::ServerState.as_str(), "server-state");
}

/// The roles and texts of a line, whatever its format.
fn turns(line: &Value) -> Vec<(String, String)> {
    let text =
        |turn: &Value| turn["content"].as_str().or_else(|| turn["parts"][0]["text"].as_str()).unwrap().to_owned();
    let list = line.get("messages").or_else(|| line.get("contents")).unwrap();
    list.as_array().unwrap().iter().map(|turn| (turn["role"].as_str().unwrap().to_owned(), text(turn))).collect()
}

fn system(line: &Value) -> Option<String> {
    let first = turns(line).into_iter().find(|(role, _)| role == "system").map(|(_, text)| text);
    let other = line["system"].as_str().or_else(|| line["systemInstruction"]["parts"][0]["text"].as_str());
    first.or(other.map(str::to_owned))
}

proptest! {
    #[test]
    fn every_line_is_one_line_and_gives_its_texts_back(
        said in prop::collection::vec((any::<bool>(), prop_oneof![Just(HOSTILE.to_owned()), any::<String>()]), 0..6),
        first in any::<String>(), asked in any::<String>(), answer in any::<String>(),
    ) {
        let role = |is_user: bool| if is_user { "user" } else { "assistant" };
        let mut messages =
            vec![json!({"role": "system", "content": HOSTILE}), json!({"role": "user", "content": first})];
        messages.extend(said.iter().map(|(is_user, text)| json!({"role": role(*is_user), "content": text})));
        messages.push(json!({"role": "user", "content": asked}));
        let body = chat(&Value::Array(messages)).to_string();
        for format in Format::ALL {
            let made = line(format, Api::ChatCompletions, body.as_bytes(), &answer);
            let empty = said.iter().map(|(_, text)| text).chain([&first, &asked]).any(|text| text.trim().is_empty());
            if empty || answer.trim().is_empty() {
                prop_assert!(made.is_err());
                continue;
            }
            let made = made.unwrap();
            let (inner, end) = made.split_at(made.len() - 1);
            prop_assert_eq!(end, "\n");
            prop_assert!(!inner.contains(LINE_ENDINGS));
            let parsed: Value = serde_json::from_str(&made).unwrap();
            prop_assert_eq!(system(&parsed), Some(HOSTILE.to_owned()));
            let mut turns = turns(&parsed);
            turns.retain(|(role, _)| role != "system");
            for (at, (role, _)) in turns.iter().enumerate() {
                let wanted = match (at % 2, format) {
                    (0, _) => "user",
                    (_, Format::Gemini) => "model",
                    _ => "assistant",
                };
                prop_assert_eq!(role, wanted);
            }
            let all: Vec<String> = turns.into_iter().map(|(_, text)| text).collect();
            let mut wanted = vec![first.as_str()];
            wanted.extend(said.iter().map(|(_, text)| text.as_str()));
            wanted.extend([asked.as_str(), answer.as_str()]);
            prop_assert_eq!(all.join("\n\n"), wanted.join("\n\n"));
        }
    }
}
