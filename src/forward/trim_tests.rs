use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The body after trimming, and the bytes saved.
fn trimmed_body(api: Api, body: &Value) -> (Value, usize) {
    let body = body.to_string();
    let mut edits = Edits::default();
    let saved = trim(Json::read(body.as_bytes()).unwrap(), api, &mut edits);
    assert_eq!(edits.is_empty(), saved == 0);
    (serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap(), saved)
}

fn trimmed(text: &str) -> String {
    let (body, saved) = trimmed_body(Api::Responses, &json!({ "input": text }));
    let made = body["input"].as_str().unwrap().to_owned();
    assert_eq!(saved, text.len() - made.len());
    made
}

#[test]
fn empty_whitespace_goes() {
    for (text, wanted) in [
        ("a  \nb\t\nc ", "a\nb\nc"),
        ("a\n\n\n \n\nb", "a\n\nb"),
        ("\n  \na\n \n\n", "a\n"),
        ("a \r\n\r\n \r\nb", "a\r\n\r\nb"),
        ("a\n    b  ", "a\n    b"),
        ("a  b\u{a0}\u{3000}", "a  b\u{a0}\u{3000}"),
        ("  a", "  a"),
        ("é \n\"\\\u{7f}", "é\n\"\\\u{7f}"),
    ] {
        assert_eq!(trimmed(text), wanted, "{text:?}");
    }
}

#[test]
fn what_would_be_empty_or_has_odd_line_ends_stays() {
    for text in ["", " \n\t\n", "a \rb \n", "a \r\r\n"] {
        assert_eq!(trimmed(text), text, "{text:?}");
    }
}

#[test]
fn fenced_code_stays() {
    for (text, wanted) in [
        ("a \n```py  \nx  \n\n\n\ny \n```  \nb ", "a\n```py  \nx  \n\n\n\ny \n```  \nb"),
        ("~~~~\nx \n~~~ \n```\n~~~~\na ", "~~~~\nx \n~~~ \n```\n~~~~\na"),
        ("a \n```\nx \n\n\n", "a\n```\nx \n\n\n"),
        ("```\nx \n    ```\ny ", "```\nx \n    ```\ny "),
        ("``` a ``` \nb ", "``` a ```\nb"),
        ("a \n> ```\n> x \n\n\n```\ny ", "a\n> ```\n> x \n\n\n```\ny "),
        ("a \n- b:\n\n    ```\n    x \n    ```\n\n\nc ", "a\n- b:\n\n    ```\n    x \n    ```\n\n\nc "),
        ("a \n1. ~~~\n   x \n", "a\n1. ~~~\n   x \n"),
    ] {
        assert_eq!(trimmed(text), wanted, "{text:?}");
    }
}

#[test]
fn indented_code_stays() {
    for (text, wanted) in [
        ("a \n\n    x \n\n\n\ty \n\n\nb ", "a\n\n    x \n\n\n\ty \n\nb"),
        ("\n\n    x \n", "    x \n"),
        ("  \tx \na ", "  \tx \na"),
        ("a\n    no code \n    either ", "a\n    no code\n    either"),
    ] {
        assert_eq!(trimmed(text), wanted, "{text:?}");
    }
}

#[test]
fn code_within_a_line_stays_even_when_it_spans_lines() {
    for (text, wanted) in [
        ("`a  \nb` c  \nd", "`a  \nb` c\nd"),
        ("``a ` \n`` b \n` c", "``a ` \n`` b\n` c"),
        ("\\`a  \nb` c", "\\`a\nb` c"),
        ("`a  \n\nb`  ", "`a\n\nb`"),
        ("`a` `b`  \n`c` ", "`a` `b`\n`c`"),
    ] {
        assert_eq!(trimmed(text), wanted, "{text:?}");
    }
}

#[test]
fn only_the_users_last_turn_is_trimmed() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let body = |last: Value| json!({"system": "s ", "tools": ["t "], "messages": [user("a "), last]});
    for api in [Api::ChatCompletions, Api::Messages] {
        assert_eq!(trimmed_body(api, &body(user("b "))), (body(user("b")), 1));
        for role in ["assistant", "system", "tool"] {
            let last = body(json!({"role": role, "content": "b "}));
            assert_eq!(trimmed_body(api, &last), (last, 0), "{role}");
        }
        for odd in
            [json!({}), json!({"messages": []}), json!({"messages": "b "}), json!([1]), body(json!({"role": "user"}))]
        {
            assert_eq!(trimmed_body(api, &odd), (odd, 0));
        }
    }
    assert_eq!(trimmed_body(Api::Embeddings, &json!({"input": "a "})).1, 0);
}

#[test]
fn of_a_turn_in_parts_only_the_texts_are_trimmed_and_the_seams_stay() {
    let body = |kind: &str, texts: [&str; 3]| {
        let parts: Vec<Value> = texts.iter().map(|text| json!({"type": kind, "text": text})).collect();
        json!({"role": "user", "content": parts})
    };
    let (old, new) = (["\na \n b ", "\nc \nd\n\n", "\n\ne \n\n"], ["a\n b ", "\nc\nd\n\n", "\n\ne\n"]);
    for (api, field, kind) in [
        (Api::ChatCompletions, "messages", "text"),
        (Api::Messages, "messages", "text"),
        (Api::Responses, "input", "input_text"),
    ] {
        assert_eq!(trimmed_body(api, &json!({field: [body(kind, old)]})).0, json!({field: [body(kind, new)]}));
        let other = json!({field: [body("tool_result", old)]});
        assert_eq!(trimmed_body(api, &other), (other, 0));
    }
    let open = json!({"input": [body("input_text", ["```\na \n", "b \n", "c \n"])]});
    assert_eq!(trimmed_body(Api::Responses, &open), (open, 0));
}

#[test]
fn a_text_that_does_not_change_keeps_its_spelling() {
    let body = r#"{"input" : "\u00e9\/ a"}"#;
    let mut edits = Edits::default();
    assert_eq!(trim(Json::read(body.as_bytes()).unwrap(), Api::Responses, &mut edits), 0);
    assert_eq!(edits.apply(body.as_bytes()), body.as_bytes());
}

/// Texts of what matters here: whitespace, marks of code, and words.
fn texts() -> impl Strategy<Value = String> {
    let pieces = [
        "\n", "\n", "\n\n\n", "\r\n", " ", "  ", "    ", "\t", "`", "``", "```", "~~~", "\\", "> ", "- ", "1. ", "a",
        "é",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

fn without_whitespace(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn once_is_enough_and_only_whitespace_goes(text in texts()) {
        let made = trimmed(&text);
        prop_assert_eq!(without_whitespace(&made), without_whitespace(&text));
        prop_assert_eq!(trimmed(&made), made);
    }

    #[test]
    fn fenced_code_survives_byte_for_byte(
        before in "[a-c \n]{0,12}", code in "[a-c~ \t\n]{0,20}", after in "[a-c \n]{0,12}", mark in "`{3,5}",
    ) {
        let block = format!("\n{mark}x\n{code}\n{mark}\n");
        let made = trimmed(&format!("{before}{block}{after}"));
        prop_assert!(made.contains(block.trim_start_matches('\n')), "{:?}", made);
        let open = format!("{mark}x\n{code}");
        let made = trimmed(&format!("{before}\n{open}"));
        prop_assert!(made.ends_with(&open), "{:?}", made);
    }

    #[test]
    fn indented_code_survives_byte_for_byte(
        before in "[a-c \n]{0,12}", lines in prop::collection::vec("(    |\t)[a-c] {0,2}|", 1..6),
    ) {
        let block = format!("    a {}", lines.iter().map(|line| format!("\n{line}")).collect::<String>());
        let block = block.trim_end_matches('\n');
        let made = trimmed(&format!("{before}\n\n{block}\n\n\nb"));
        prop_assert!(made.contains(block), "{:?}", made);
    }
}
