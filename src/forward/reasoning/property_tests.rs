use proptest::prelude::*;
use serde_json::Value;

use super::*;

const APIS: [Api; 3] = [Api::ChatCompletions, Api::Responses, Api::Messages];
const MODELS: [&str; 6] = ["gpt-5", "o3", "claude-opus-5", "anthropic/claude", "gemini-2.5-pro", "mine"];

/// A value of one of the fields that say how much is spent, right or wrong.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..20_000_u32).prop_map(|tokens| tokens.to_string()),
        prop::sample::select(vec![
            "null", "-1", "1.5e3", "true", "\"none\"", "\"low\"", "\"high\"", "\"max\"", "\"HIGH\"", "\"odd\""
        ])
        .prop_map(str::to_owned),
    ]
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let field = (prop::sample::select(names), value(), "[ \n]{0,2}");
    prop::collection::vec(field, 0..4).prop_map(|fields| {
        let written: Vec<String> =
            fields.iter().map(|(name, value, gap)| format!("{gap}\"{name}\" :{gap}{value}")).collect();
        format!("{{{}}}", written.join(","))
    })
}

fn field() -> impl Strategy<Value = (&'static str, String)> {
    const FLAT: &[&str] = &[
        "reasoning_effort",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "thinking_budget",
        "thinking",
    ];
    prop_oneof![
        (prop::sample::select(FLAT), value()),
        (prop::sample::select(&["reasoning", "output_config"][..]), object(&["effort", "max_tokens", "enabled", "x"])),
        (0..20_000_u32, prop::sample::select(vec!["enabled", "adaptive", "disabled"])).prop_map(|(budget, kind)| {
            ("thinking", format!("{{\"budget_tokens\": {budget} ,\"type\":\"{kind}\"}}"))
        }),
        object(&["thinking_budget", "thinkingLevel", "thinking_level"])
            .prop_map(|config| ("extra_body", format!("{{\"google\":{{\"thinking_config\":{config}}}}}"))),
        (
            prop::sample::select(&["messages", "temperature", "user"][..]),
            "1\\.50|\\[ \\]|\"[a-z{\\[ ]{0,5}\"".prop_map(|raw| raw)
        ),
    ]
}

fn body() -> impl Strategy<Value = String> {
    prop::collection::vec(field(), 0..7).prop_map(|fields| {
        let written: Vec<String> = fields.iter().map(|(name, value)| format!(" \"{name}\": {value}")).collect();
        format!("{{{} }}", written.join(" ,"))
    })
}

fn caps() -> impl Strategy<Value = Caps> {
    let efforts: Vec<Effort> = Effort::NAMES.iter().map(|(_, effort)| *effort).collect();
    let effort = prop::option::of(prop::sample::select(efforts));
    (effort, prop::option::of(0..5000_u64), prop::option::of(1..5000_u64))
        .prop_map(|(effort, thinking_tokens, output_tokens)| Caps { effort, thinking_tokens, output_tokens })
}

fn run(api: Api, provider: Provider, model: &str, caps: &Caps, body: &str) -> (String, Vec<Change>) {
    let mut edits = Edits::default();
    let changes = cap(Json::read(body.as_bytes()).unwrap(), api, provider, model, caps, &mut edits);
    (String::from_utf8(edits.apply(body.as_bytes())).unwrap(), changes)
}

/// The fields of a body that no cap concerns, as they are written.
fn unconcerned(body: &str) -> Vec<(String, String)> {
    let fields = Json::read(body.as_bytes()).unwrap().fields().unwrap();
    let others = fields.into_iter().filter(|(name, _)| ["messages", "temperature", "user"].contains(&name.as_str()));
    others.map(|(name, value)| (name, value.raw().to_owned())).collect()
}

/// No number and no effort is higher than it was; what is new in an object is not compared.
fn is_lower_or_equal(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(_), off) if *off == serde_json::json!({"enabled": false}) => true,
        (Value::Object(old), Value::Object(new)) => old.iter().all(|(name, value)| match new.get(name) {
            Some(new) => value.is_null() || is_lower_or_equal(value, new),
            None => true,
        }),
        (Value::Number(number), Value::Number(new)) => {
            number == new || number.as_f64() == Some(-1.0) || new.as_f64() < number.as_f64()
        }
        (Value::String(word), Value::String(new)) => {
            word == new
                || (word == "enabled" || word == "adaptive") && new == "disabled"
                || Effort::read(&new.to_lowercase()) < Effort::read(&word.to_lowercase())
        }
        (old, new) => old == new,
    }
}

/// The bytes around the values of the first `count` fields of an object, and all bytes behind them.
fn around(object: Json<'_>, count: usize) -> String {
    let (mut bytes, mut at) = (String::new(), 0);
    for (_, value) in object.fields().unwrap().into_iter().take(count) {
        let span = value.span();
        bytes.push_str(&object.raw()[at..span.start - object.span().start]);
        bytes.push('_');
        at = span.end - object.span().start;
    }
    bytes.push_str(&object.raw()[at..]);
    bytes
}

/// Whether one object became the other by values that were changed in their places and fields that were added behind.
fn is_edited(old: Json<'_>, new: Json<'_>) -> bool {
    let (Some(before), Some(after)) = (old.fields(), new.fields()) else { return true };
    if [r#"{"type":"disabled"}"#, r#"{"enabled":false}"#].contains(&new.raw()) {
        return true;
    }
    let kept = around(old, before.len());
    around(new, before.len()).starts_with(kept.strip_suffix('}').unwrap())
        && before.iter().zip(&after).all(|((_, old), (_, new))| is_edited(*old, *new))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_is_raised_and_nothing_else_changes(
        body in body(), caps in caps(),
        api in prop::sample::select(&APIS[..]), model in prop::sample::select(&MODELS[..]),
        provider in prop::sample::select(Provider::NAMES.to_vec()),
    ) {
        let (made, changes) = run(api, provider.1, model, &caps, &body);
        let (old, new): (Value, Value) = (serde_json::from_str(&body).unwrap(), serde_json::from_str(&made).unwrap());
        prop_assert!(is_lower_or_equal(&old, &new), "{} became {}", body, made);
        prop_assert_eq!(unconcerned(&body), unconcerned(&made));
        let (read, reread) = (Json::read(body.as_bytes()).unwrap(), Json::read(made.as_bytes()).unwrap());
        prop_assert!(is_edited(read, reread), "{} became {}", body, made);
        prop_assert_eq!(changes.is_empty(), body == made);
        // Once is enough.
        let (again, more) = run(api, provider.1, model, &caps, &made);
        prop_assert_eq!(again, made);
        prop_assert!(more.is_empty());
    }

    #[test]
    fn without_caps_no_byte_changes(body in body(), api in prop::sample::select(&APIS[..])) {
        prop_assert_eq!(run(api, Provider::OpenAi, "gpt-5", &Caps::default(), &body), (body, Vec::new()));
    }
}
