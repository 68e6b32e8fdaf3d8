use serde_json::json;

use super::super::cases::{model, provider};
use super::super::{Billed, Kind};

const BILLED: Billed = Billed {
    input_tokens: 1_000,
    cached_tokens: 400,
    written_tokens_5m: 300,
    written_tokens_1h: 200,
    uncached_tokens: 100,
    cost_milli: 0,
};

#[test]
fn usage_is_spelled_as_the_provider_spells_it() {
    let cached = json!({"cached_tokens": 400});
    for (kind, usage) in [
        (
            Kind::Anthropic,
            json!({
                "input_tokens": 100, "cache_creation_input_tokens": 500, "cache_read_input_tokens": 400,
                "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200},
                "output_tokens": 3,
            }),
        ),
        (
            Kind::OpenAi56,
            json!({
                "prompt_tokens": 1_000, "completion_tokens": 3, "total_tokens": 1_003,
                "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 300},
            }),
        ),
        (
            Kind::OpenAiBefore56,
            json!({
                "prompt_tokens": 1_000, "completion_tokens": 3, "total_tokens": 1_003, "prompt_tokens_details": cached,
            }),
        ),
        (
            Kind::DeepSeek,
            json!({
                "prompt_tokens": 1_000, "completion_tokens": 3, "total_tokens": 1_003, "prompt_tokens_details": cached,
                "prompt_cache_hit_tokens": 400, "prompt_cache_miss_tokens": 600,
            }),
        ),
    ] {
        let body = provider(kind).completion(&json!({}), BILLED, "Use it.");
        assert_eq!(body["usage"], usage, "{kind:?}");
        assert_eq!(body["model"], model(kind));
    }
}

#[test]
fn the_text_stands_where_the_api_has_it() {
    for kind in Kind::ALL {
        let body = provider(kind).completion(&json!({"model": "asked-for"}), BILLED, "Use it.");
        let (text, end) = match kind {
            Kind::Anthropic => (&body["content"][0]["text"], &body["stop_reason"]),
            _ => (&body["choices"][0]["message"]["content"], &body["choices"][0]["finish_reason"]),
        };
        assert_eq!((text, body["model"].as_str()), (&json!("Use it."), Some("asked-for")));
        assert_eq!(end, if kind == Kind::Anthropic { "end_turn" } else { "stop" });
    }
}

#[test]
fn ids_follow_the_time_and_the_text() {
    let mut provider = provider(Kind::OpenAi56);
    let id = |provider: &super::super::Provider, text| provider.completion(&json!({}), BILLED, text)["id"].clone();
    let first = id(&provider, "one");
    assert_eq!(first, id(&provider, "one"));
    assert_ne!(first, id(&provider, "two"));
    provider.answer(&json!({"messages": []}), &[], 5_000).unwrap();
    assert_ne!(first, id(&provider, "one"));
    assert_eq!(provider.completion(&json!({}), BILLED, "one")["created"], 5);
}
