use proptest::prelude::*;

use super::*;

/// Choices, in the order in which they are drawn; 0 when there are no more.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn below(&mut self, sides: u8) -> u8 {
        self.0.next().unwrap_or(0) % sides
    }

    /// Gives an object a mark, or `null`, or nothing.
    fn mark(&mut self, mut object: Value) -> Value {
        let mark = match self.below(8) {
            0 => json!({"type": "ephemeral"}),
            1 => json!({"ttl": "1h", "type": "ephemeral"}),
            2 => json!({"type": "ephemeral", "ttl": "5m"}),
            3 => Value::Null,
            _ => return object,
        };
        object["cache_control"] = mark;
        object
    }

    fn text(&mut self) -> String {
        let like_a_mark = "é\n\"cache_control\":{\"type\":\"ephemeral\"}";
        let texts = ["", "a", like_a_mark, "\\\"}],\"content\":[{", "\u{1f600}\t/"];
        let text = texts[usize::from(self.below(6)).min(4)];
        if self.below(3) == 0 { text.to_owned() + &long(600) } else { text.to_owned() }
    }

    fn block(&mut self) -> Value {
        let block = match self.below(5) {
            0 => return json!({"type": "thinking", "thinking": self.text(), "signature": "s"}),
            1 => json!({"type": "tool_result", "tool_use_id": "1", "content": self.text()}),
            2 => json!({"type": "tool_use", "id": "1", "name": "f", "input": {"cache_control": 1, "content": [1.0]}}),
            _ => json!({"type": "text", "text": self.text()}),
        };
        let empty = block["text"] == "";
        if empty { block } else { self.mark(block) }
    }

    fn content(&mut self) -> Value {
        if self.below(2) == 0 { json!(self.text()) } else { (0..self.below(4)).map(|_| self.block()).collect() }
    }

    /// A Messages request with marks anywhere.
    fn request(&mut self) -> Value {
        let mut body = json!({"model": "claude-opus-5"});
        let mut parts = vec!["tools", "system", "messages"];
        if self.below(2) == 0 {
            parts.reverse();
        }
        for part in parts {
            body[part] = match part {
                "tools" => (0..self.below(3)).map(|_| self.tool()).collect(),
                "system" => self.content(),
                _ => (0..=self.below(6)).map(|i| self.turn(i)).collect(),
            };
        }
        if self.below(5) == 0 { self.mark(body) } else { body }
    }

    fn tool(&mut self) -> Value {
        let tool = json!({"name": "f", "description": self.text(), "defer_loading": self.below(4) == 0});
        if tool["defer_loading"] == true { tool } else { self.mark(tool) }
    }

    fn turn(&mut self, i: u8) -> Value {
        json!({"content": self.content(), "role": if i.is_multiple_of(2) { "user" } else { "assistant" }})
    }

    /// A value as JSON, with white space and escapes anywhere and numbers in other spellings.
    fn write(&mut self, value: &Value) -> String {
        let space = |dice: &mut Self| [" ", "\n\t", "", "", "", ""][usize::from(dice.below(6))];
        let (before, after) = (space(self), space(self));
        let inner = match value {
            Value::Object(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{}\"{name}\"{}:{}", space(self), space(self), self.write(value)))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.write(item)).collect();
                format!("[{}]", items.join(","))
            }
            Value::Number(_) => ["1.0", "1.0e+0", "10E-1"][usize::from(self.below(3))].to_owned(),
            Value::String(text) if self.below(2) == 0 => {
                let escaped = |c: char| if c == 'o' { "\\u006f".to_owned() } else { c.to_string() };
                quoted(text).chars().map(escaped).collect()
            }
            value => value.to_string(),
        };
        format!("{before}{inner}{after}")
    }
}

/// The marks of a body in the order in which a provider reads them, with an automatic one at the end; true is an hour.
fn hours(body: &Value) -> Vec<bool> {
    fn look(value: &Value, found: &mut Vec<bool>) {
        match value {
            Value::Object(fields) => {
                // What a tool is given is no place for marks.
                let content = fields.iter().filter(|(name, _)| !["input", "cache_control"].contains(&name.as_str()));
                content.for_each(|(_, value)| look(value, found));
                found.extend(mark_of(value));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    ["tools", "system", "messages"].iter().for_each(|part| look(&body[*part], &mut found));
    found.extend(mark_of(body));
    found
}

fn mark_of(object: &Value) -> Option<bool> {
    let mark = object.get("cache_control")?;
    mark.is_object().then(|| mark["ttl"] == "1h")
}

/// Whether no mark of an hour stands behind one of five minutes.
fn in_order(hours: &[bool]) -> bool {
    hours.is_sorted_by(|before, after| before >= after)
}

/// Whether one text is another one with some bytes left out.
fn is_part_of(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
}

fn draws() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..160)
}

proptest! {
    // A case takes milliseconds, for the bodies are as long as those that get marks.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn with_any_marks_of_the_client_there_are_four_at_most_in_the_right_order(draws in draws(), hour in any::<bool>()) {
        let body = Dice(draws.into_iter()).request();
        let ttl = if hour { Ttl::Hour } else { Ttl::FiveMinutes };
        let sent = Sent { ttl, ..sent(Provider::Anthropic, Api::Messages, "claude-opus-5") };
        let made: Value = serde_json::from_slice(&hinted(body.to_string().as_bytes(), &sent).body).unwrap();
        let (before, after) = (hours(&body), hours(&made));
        prop_assert!(after.len() <= before.len().max(4), "{before:?} became {after:?}");
        prop_assert!(!in_order(&before) || in_order(&after), "{before:?} became {after:?}");
        for part in ["tools", "system", "messages"] {
            let own = hours(&json!({ part: body[part] })).len();
            let automatic = part == "messages" && mark_of(&body).is_some();
            prop_assert!((own == 0 && !automatic) || body[part] == made[part], "{part} has marks of its own");
        }
        let mut found = Vec::new();
        differences(&body, &made, "", &mut found);
        for path in found {
            prop_assert!(path.ends_with(".cache_control"), "{path}");
            let holder = made.pointer(&format!("/{}", path.replace('.', "/").replace("/cache_control", ""))).unwrap();
            prop_assert!(holder["type"] != "thinking" && holder["text"] != "" && holder["defer_loading"] != true);
        }
    }

    #[test]
    fn however_a_body_is_written_its_bytes_stay(draws in draws(), spelling in draws()) {
        let body = Dice(draws.into_iter()).request();
        let written = Dice(spelling.into_iter()).write(&body).replace("null", "{\"type\":\"ephemeral\"}");
        let body: Value = serde_json::from_str(&written).unwrap();
        for (provider, api, model) in [
            (Provider::Anthropic, Api::Messages, "claude-opus-5"),
            (Provider::OpenRouter, Api::Messages, "anthropic/claude-opus-5"),
            (Provider::OpenRouter, Api::ChatCompletions, "anthropic/claude-opus-5"),
            (Provider::OpenAi, Api::ChatCompletions, "gpt-5.6"),
            (Provider::OpenAi, Api::ChatCompletions, "gpt-4o"),
            (Provider::Fireworks, Api::ChatCompletions, "m"),
        ] {
            let sent = Sent { salted: true, ..sent(provider, api, model) };
            let made = hinted(written.as_bytes(), &sent).body;
            prop_assert!(is_part_of(written.as_bytes(), &made), "{provider:?} left something out");
            let mut found = Vec::new();
            differences(&body, &serde_json::from_slice(&made).unwrap(), "", &mut found);
            let ours = ["cache_control", "prompt_cache_breakpoint", "prompt_cache_options", "prompt_cache_key",
                "prompt_cache_isolation_key", "session_id"];
            for path in found {
                prop_assert!(ours.contains(&path.rsplit('.').next().unwrap()), "{provider:?} changed {path}");
            }
        }
    }
}

/// Odd key order, numbers, escapes and white space, and texts that look like what is inserted.
const ODD: &str = r#" { "max_tokens" : 1.0e+2 ,"messages":[
{"content":"LONG\u0061\/ ,\"cache_control\":{\"type\":\"ephemeral\"}" ,
"role":"user"},
{"role":"assistant","content":[
{"text" : "[{\"type\":\"text\",\"text\":","type":"text" } ,
 {"input":{"b":-0.0,"a":1E3},"type":"tool_use","id":"1","name":"f"	} ]},
{ "role" :"user","content":[{"content":"\ud83d\ude00","type":"tool_result","tool_use_id":"1"} ]}],
"system": "LONG\u00e9" , "tools":[{ "name":"f","input_schema":{ }}],"temperature":0.10 }
"#;

#[test]
fn without_what_was_inserted_an_odd_body_is_the_clients_own_byte_by_byte() {
    let body = ODD.replace("LONG", &long(2_000));
    let (mark, point) =
        (r#","cache_control":{"type":"ephemeral"}"#, r#","prompt_cache_breakpoint":{"mode":"explicit"}"#);
    for (provider, api, model, mark, marks, fields) in [
        (Provider::Anthropic, Api::Messages, "claude-opus-5", mark, 3, 0),
        (Provider::OpenRouter, Api::Messages, "claude-opus-5", mark, 3, 1),
        (Provider::OpenAi, Api::ChatCompletions, "gpt-4o", point, 0, 1),
        (Provider::OpenAi, Api::ChatCompletions, "gpt-5.6", point, 2, 1),
    ] {
        let made = String::from_utf8(hinted(body.as_bytes(), &sent(provider, api, model)).body).unwrap();
        let string = format!("{mark}}}]");
        assert_eq!(made.matches(mark).count(), marks, "{provider:?}: {made}");
        let mut bare = made.replace(&string, "").replace(mark, "").replace(r#"[{"type":"text","text":"#, "");
        let end = bare.rfind("0.10 ").unwrap() + "0.10 ".len();
        let added = bare.drain(end..).collect::<String>();
        assert_eq!(added.matches("\":").count(), fields, "{provider:?}: {added}");
        bare.push_str("}\n");
        assert_eq!(bare, body, "{provider:?}");
    }
}
