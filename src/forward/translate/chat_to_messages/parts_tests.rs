use super::*;

fn one(part: &Value, speaker: Speaker) -> Result<Value, CannotCarry> {
    blocks("c", Some(&json!([part])), speaker).map(|mut blocks| blocks.pop().unwrap_or_default())
}

fn image(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

#[test]
fn a_string_is_one_text_and_an_empty_text_is_none() {
    let text = |text: &str| json!({"type": "text", "text": text});
    for (content, expected) in [
        (json!("Hi 🦀"), json!([text("Hi 🦀")])),
        (json!(""), json!([])),
        (json!([]), json!([])),
        (json!([text("a"), text(""), text("b")]), json!([text("a"), text("b")])),
        (json!([text(" ")]), json!([text(" ")])),
    ] {
        let found = blocks("c", Some(&content), Speaker::User).unwrap();
        assert_eq!(Value::Array(found), expected, "{content}");
    }
    assert_eq!(blocks("c", None, Speaker::User), Ok(Vec::new()));
}

#[test]
fn an_image_comes_from_an_address_or_from_its_own_data() {
    for (url, source) in [
        ("https://e.org/a.png?x=1,2;base64,", json!({"type": "url", "url": "https://e.org/a.png?x=1,2;base64,"})),
        ("HTTP://e.org/a.png", json!({"type": "url", "url": "HTTP://e.org/a.png"})),
        ("data:image/png;base64,AA+/=", json!({"type": "base64", "media_type": "image/png", "data": "AA+/="})),
        ("DATA:Image/JPG;name=a;BASE64,AA", json!({"type": "base64", "media_type": "image/jpeg", "data": "AA"})),
    ] {
        for speaker in [Speaker::User, Speaker::Tool] {
            assert_eq!(one(&image(url), speaker), Ok(json!({"type": "image", "source": source})), "{url}");
        }
    }
    for url in ["data:image/png,AA", "data:;base64,AA", "data:image/png;base64", "data:", "file-1", "gs://a/b"] {
        assert_eq!(one(&image(url), Speaker::User).unwrap_err().field, "c[0].image_url.url", "{url}");
    }
}

#[test]
fn marks_of_anthropics_cache_stay_and_openais_and_the_detail_of_an_image_go() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let breakpoint = json!({"mode": "explicit"});
    let text = json!({"type": "text", "text": "a", "cache_control": mark, "prompt_cache_breakpoint": breakpoint});
    let marked = json!({"type": "text", "text": "a", "cache_control": mark});
    assert_eq!(one(&text, Speaker::System), Ok(marked.clone()));
    let refusal = json!({"type": "refusal", "refusal": "a", "cache_control": mark, "prompt_cache_breakpoint": null});
    assert_eq!(one(&refusal, Speaker::Assistant), Ok(marked));
    let mut picture = image("https://e.org/a.png");
    picture["image_url"]["detail"] = json!("low");
    picture["cache_control"] = mark.clone();
    picture["prompt_cache_breakpoint"] = breakpoint;
    let source = json!({"type": "url", "url": "https://e.org/a.png"});
    let expected = json!({"type": "image", "source": source, "cache_control": mark});
    assert_eq!(one(&picture, Speaker::User), Ok(expected));
}

#[test]
fn a_part_without_a_place_is_refused_by_name() {
    let text = json!({"type": "text", "text": "a"});
    let picture = image("https://e.org/a.png");
    let refusal = json!({"type": "refusal", "refusal": "No."});
    for (part, speaker, field) in [
        (json!({"type": "input_audio", "input_audio": {}}), Speaker::User, "c[0]"),
        (json!({"type": "file", "file": {"file_id": "f"}}), Speaker::User, "c[0]"),
        (json!({"type": "part_of_tomorrow"}), Speaker::User, "c[0]"),
        (picture.clone(), Speaker::System, "c[0]"),
        (picture.clone(), Speaker::Assistant, "c[0]"),
        (refusal.clone(), Speaker::User, "c[0]"),
        (json!("text"), Speaker::User, "c[0]"),
        (json!({"text": "a"}), Speaker::User, "c[0].type"),
        (json!({"type": "text"}), Speaker::User, "c[0].text"),
        (json!({"type": "refusal"}), Speaker::Assistant, "c[0].refusal"),
        (json!({"type": "image_url"}), Speaker::User, "c[0].image_url"),
        (json!({"type": "image_url", "image_url": "https://e.org"}), Speaker::User, "c[0].image_url"),
        (json!({"type": "image_url", "image_url": {}}), Speaker::User, "c[0].image_url.url"),
        (json!({"type": "image_url", "image_url": {"url": "http://e", "x": 1}}), Speaker::User, "c[0].image_url.x"),
        (with_field(text), Speaker::User, "c[0].x"),
        (with_field(picture), Speaker::User, "c[0].x"),
        (with_field(refusal), Speaker::Assistant, "c[0].x"),
    ] {
        assert_eq!(one(&part, speaker).unwrap_err().field, field, "{part}");
    }
    assert_eq!(blocks("c", Some(&json!(1)), Speaker::User).unwrap_err().field, "c");
}

fn with_field(mut part: Value) -> Value {
    part["x"] = json!(1);
    part
}
