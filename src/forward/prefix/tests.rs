use serde_json::{Value, json};

use super::*;

#[path = "anthropic_tests.rs"]
mod anthropic_marks;
#[path = "openai_tests.rs"]
mod openai_breakpoints;
#[path = "property_tests.rs"]
mod properties;

const NAMESPACE: Digest = Digest([7; 32]);

/// A text of so many tokens.
fn long(tokens: usize) -> String {
    "word ".repeat(tokens)
}

fn sent<'a>(provider: Provider, api: Api, model: &'a str) -> Sent<'a> {
    Sent { namespace: &NAMESPACE, api, provider, model, ttl: Ttl::FiveMinutes, salted: false, session: None, key: 0 }
}

fn hinted(body: &[u8], sent: &Sent<'_>) -> Hinted {
    let prefix = Prefix::of(sent.api, sent.model, sent.session, body).unwrap();
    hint(body, &prefix, sent)
}

/// The paths of what was added to a body, then the names of the headers; what was changed otherwise is marked by `!`.
fn added(body: &Value, sent: &Sent<'_>) -> Vec<String> {
    let made = hinted(body.to_string().as_bytes(), sent);
    let mut found = Vec::new();
    differences(body, &serde_json::from_slice(&made.body).unwrap(), "", &mut found);
    let headers = made.headers.iter().map(|(name, _)| name).filter(|name| *name != "x-nearhit-prefix");
    found.extend(headers.cloned());
    found
}

/// Where two bodies differ. A string that became one text part is the same.
fn differences(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            found.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("!{}", below(name))));
            for (name, value) in new {
                match old.get(name) {
                    Some(Value::Null) | None if value.is_null() => {}
                    Some(Value::Null) | None => found.push(below(name)),
                    Some(before) => differences(before, value, &below(name), found),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                differences(old, new, &below(&i.to_string()), found);
            }
        }
        (Value::String(text), Value::Array(parts)) if parts.len() == 1 && parts[0]["text"] == **text => {
            let kind = parts[0]["type"].as_str().unwrap();
            assert!(["text", "input_text"].contains(&kind), "{path} is of the type {kind}");
            differences(&json!({"type": kind, "text": text}), &parts[0], &below("0"), found);
        }
        _ if old == new => {}
        _ => found.push(format!("!{path}")),
    }
}

/// A chat with a system prompt of so many tokens.
fn chat(tokens: usize) -> Value {
    json!({"model": "m", "messages": [
        {"role": "system", "content": long(tokens)}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})
}

fn responses(tokens: usize) -> Value {
    json!({"model": "m", "instructions": long(tokens), "input": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})
}

fn messages(tokens: usize) -> Value {
    json!({"model": "m", "system": long(tokens), "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})
}

/// Provider, API and model; what is added to a long prompt, and to a short one.
type Row = (Provider, Api, &'static str, Vec<&'static str>, Vec<&'static str>);

#[test]
fn every_provider_is_told_in_its_own_words() {
    use Api::{ChatCompletions as Chat, Messages, Responses};
    use Provider as P;
    let (key, session, affinity) = ("prompt_cache_key", "session_id", "x-session-affinity");
    let first_56 =
        ["messages.0.content.0.prompt_cache_breakpoint", "messages.1.content.0.prompt_cache_breakpoint"].as_slice();
    let claude = ["system.0.cache_control", "messages.1.content.0.cache_control"].as_slice();
    let claude_chat = ["messages.0.content.0.cache_control", "messages.2.content.0.cache_control"].as_slice();
    let rows: [Row; 28] = [
        (P::OpenAi, Chat, "gpt-4o", vec![key], vec![]),
        (P::OpenAi, Chat, "gpt-5.6", [first_56, &[key]].concat(), vec![]),
        (P::OpenAi, Responses, "gpt-5", vec![key], vec![]),
        (P::OpenAi, Responses, "gpt-5.6", vec!["input.0.content.0.prompt_cache_breakpoint", key], vec![]),
        (P::OpenAi, Messages, "gpt-5.6", vec![], vec![]),
        (P::Azure, Chat, "gpt-4.1", vec![key], vec![]),
        (P::Azure, Chat, "gpt-6", vec![key], vec![]),
        (P::Anthropic, Messages, "claude-opus-5", claude.to_vec(), vec![]),
        (P::Anthropic, Chat, "claude-opus-5", vec![], vec![]),
        (P::Gemini, Chat, "gemini-3-pro", vec![], vec![]),
        (P::DeepSeek, Chat, "deepseek-chat", vec![], vec![]),
        (P::XAi, Chat, "grok-5", vec!["x-grok-conv-id"], vec!["x-grok-conv-id"]),
        (P::XAi, Responses, "grok-5", vec![key], vec![key]),
        (P::Mistral, Chat, "mistral-large", vec![key], vec![]),
        (P::Groq, Chat, "llama", vec![], vec![]),
        (P::Fireworks, Chat, "glm", vec![key, affinity], vec![affinity]),
        (P::OpenRouter, Chat, "z-ai/glm-5", vec![session], vec![session]),
        (P::OpenRouter, Chat, "openai/gpt-5.6", [first_56, &[session]].concat(), vec![session]),
        (P::OpenRouter, Chat, "anthropic/claude-opus-5", [claude_chat, &[session]].concat(), vec![session]),
        (P::OpenRouter, Messages, "anthropic/claude-opus-5", [claude, &[session]].concat(), vec![session]),
        (P::OpenRouter, Responses, "anthropic/claude-opus-5", vec![session], vec![session]),
        (P::Bedrock, Chat, "x", vec![], vec![]),
        (P::WorkersAi, Chat, "@cf/x", vec![affinity], vec![affinity]),
        (P::Vllm, Chat, "x", vec!["x-session-id"], vec!["x-session-id"]),
        (P::Sglang, Chat, "x", vec!["x-session-id"], vec!["x-session-id"]),
        (P::LlamaCpp, Chat, "x", vec!["x-session-id"], vec!["x-session-id"]),
        (P::Dynamo, Chat, "x", vec!["x-dynamo-session-id"], vec!["x-dynamo-session-id"]),
        (P::Other, Chat, "gpt-5.6", vec![], vec![]),
    ];
    for (provider, api, model, at_long, at_short) in rows {
        let body = match api {
            Responses => responses,
            Messages => messages,
            _ => chat,
        };
        let sent = sent(provider, api, model);
        assert_eq!(added(&body(3_000), &sent), at_long, "{provider:?} {api:?} {model}, long");
        assert_eq!(added(&body(20), &sent), at_short, "{provider:?} {api:?} {model}, short");
    }
}

#[test]
fn tenants_are_kept_apart_where_an_engine_is_told_of_them() {
    for (provider, wanted) in [
        (Provider::Vllm, vec!["cache_salt", "x-session-id"]),
        (Provider::Fireworks, vec!["prompt_cache_isolation_key", "x-session-affinity"]),
        (Provider::Sglang, vec!["x-session-id"]),
    ] {
        let sent = Sent { salted: true, ..sent(provider, Api::ChatCompletions, "x") };
        assert_eq!(added(&chat(20), &sent), wanted, "{provider:?}");
        let other = Digest([8; 32]);
        let theirs = Sent { namespace: &other, ..sent };
        let body = chat(20).to_string();
        let values = |sent: &Sent<'_>| hinted(body.as_bytes(), sent).headers.last().cloned();
        assert_ne!(values(&sent), values(&theirs), "{provider:?}: the session has another name for another tenant");
    }
}

#[test]
fn what_the_client_has_set_itself_stays() {
    for (provider, field) in [
        (Provider::OpenAi, "prompt_cache_key"),
        (Provider::Mistral, "prompt_cache_key"),
        (Provider::OpenRouter, "session_id"),
    ] {
        let mut body = chat(3_000);
        body[field] = json!("mine");
        assert_eq!(added(&body, &sent(provider, Api::ChatCompletions, "gpt-4o")), [""; 0], "{provider:?}");
        // `null` is as good as absent, and must not be there twice afterwards.
        body[field] = json!(null);
        let made = hinted(body.to_string().as_bytes(), &sent(provider, Api::ChatCompletions, "gpt-4o"));
        assert_eq!(String::from_utf8(made.body).unwrap().matches(field).count(), 1, "{provider:?}");
    }
}

#[test]
fn a_body_that_is_no_object_has_no_prefix_and_leaves_as_it_came() {
    let known = Prefix::of(Api::ChatCompletions, "m", None, chat(20).to_string().as_bytes()).unwrap();
    for body in ["", "[1]", "5", "\"x\"", "null", "{\"a\":1} x", "{"] {
        assert!(Prefix::of(Api::ChatCompletions, "m", None, body.as_bytes()).is_none(), "{body}");
        let sent = sent(Provider::OpenRouter, Api::ChatCompletions, "m");
        assert_eq!(hint(body.as_bytes(), &known, &sent).body, body.as_bytes());
    }
}

fn chain(body: &Value) -> Chain {
    Prefix::of(Api::ChatCompletions, "m", None, body.to_string().as_bytes()).unwrap().chain
}

#[test]
fn requests_that_begin_alike_have_the_same_digests() {
    let before = chat(20);
    let mut after = before.clone();
    after["messages"][3]["content"] = json!("another question");
    after["temperature"] = json!(0.3);
    assert_eq!(chain(&before), chain(&after), "the last turn and what has nothing to do with a prefix do not count");

    let changed = |path: &str, value: Value| {
        let mut body = before.clone();
        body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
        let with = chain(&body);
        *body.pointer_mut(path).unwrap() = value;
        (with, chain(&body))
    };
    for (path, value, same_root, same_session) in [
        ("/tools/0/function/name", json!("g"), false, false),
        ("/messages/0/content", json!(long(20) + "."), false, false),
        ("/messages/1/content", json!("A"), true, false),
        ("/messages/2/content", json!("B"), true, true),
    ] {
        let (old, new) = changed(path, value);
        assert_ne!(old.stable, new.stable, "{path}");
        assert_eq!(old.root == new.root, same_root, "{path}");
        assert_eq!(old.session == new.session, same_session, "{path}");
    }
}

#[test]
fn a_conversation_keeps_its_session_and_shares_its_root_with_others() {
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let conversation = |first: &str, turns: usize| {
        let mut messages = vec![turn("system", "s"), turn("user", first)];
        (0..turns).for_each(|i| messages.extend([turn("assistant", "b"), turn("user", &i.to_string())]));
        chain(&json!({ "messages": messages }))
    };
    let chains: Vec<Chain> = (0..4).map(|turns| conversation("a", turns)).collect();
    let other = conversation("x", 1);
    for (i, chain) in chains.iter().enumerate() {
        assert_eq!(chain.session, chains[0].session, "turn {i}");
        assert_eq!(chain.root, other.root, "turn {i}");
        assert!(chains[..i].iter().all(|before| before.stable != chain.stable), "turn {i}");
    }
    assert_ne!(other.session, chains[0].session);
    // Nothing but the system prompt goes before the first turn.
    assert_eq!(Some(chains[0].stable), chains[0].root);
    let nothing_shared = chain(&json!({"messages": [turn("user", "a")]}));
    assert_eq!((nothing_shared.root, nothing_shared.shared()), (None, nothing_shared.session));
}

#[test]
fn a_session_that_the_client_names_and_a_model_and_an_api_count() {
    let body = chat(20).to_string();
    let of = |api, model: &str, session| Prefix::of(api, model, session, body.as_bytes()).unwrap();
    let plain = of(Api::ChatCompletions, "m", None);
    let named = of(Api::ChatCompletions, "m", Some("s"));
    assert_ne!(plain.chain.session, named.chain.session);
    assert_eq!((plain.chain.root, plain.chain.stable), (named.chain.root, named.chain.stable));
    assert_ne!(plain.chain.stable, of(Api::ChatCompletions, "n", None).chain.stable);
    assert_eq!(plain.header(), plain.chain.stable.to_string()[..32]);
    assert_eq!(plain.parts.len(), 1);
}
