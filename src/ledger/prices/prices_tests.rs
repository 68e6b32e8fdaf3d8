use serde_json::json;

use super::*;
use crate::canonical::Usage;

fn shipped() -> Prices {
    Prices::shipped().unwrap()
}

fn with(table: serde_json::Value) -> Prices {
    shipped().with_overrides(Overrides::parse(&table).unwrap())
}

#[test]
fn the_shipped_table_is_read_and_says_where_it_comes_from() {
    let prices = shipped();
    assert_eq!(prices.source().source, "litellm");
    assert_eq!(prices.source().version, "1.109.1");
    assert_eq!(prices.source().sha256.len(), 64);
}

#[test]
fn a_model_is_found_by_its_name_with_and_without_the_providers_prefix() {
    let prices = shipped();
    let rows = [
        ("openai", "gpt-5.6", 4_000_000),
        ("anthropic", "claude-sonnet-4-5-20250929", 3_000_000),
        ("gemini", "gemini-2.5-pro", 1_250_000),
        ("gemini", "gemini/gemini-2.5-pro", 1_250_000),
        ("bedrock", "anthropic.claude-opus-5-5", 4_000_000),
        ("bedrock_converse", "anthropic.claude-opus-5-5", 4_000_000),
        ("bedrock_mantle", "anthropic.claude-opus-5-5", 4_400_000),
        ("groq", "openai/gpt-oss-120b", 150_000),
    ];
    for (provider, model, input) in rows {
        assert_eq!(prices.find(provider, model).map(|price| price.input), Some(input), "{provider} {model}");
    }
    for (provider, model) in [
        ("xai", "grok-4.6"),
        ("mistral", "mistral-embed"),
        ("azure", "gpt-5.6-terra"),
        ("bedrock", "openai.gpt-5.6-sol"),
        ("bedrock_mantle", "openai.gpt-5.6-sol"),
        ("fireworks", "accounts/fireworks/models/deepseek-v4-pro"),
        ("fireworks_ai", "accounts/fireworks/models/deepseek-v4-pro"),
        ("workers-ai", "@cf/openai/gpt-oss-120b"),
        ("cloudflare", "@cf/openai/gpt-oss-120b"),
    ] {
        assert!(prices.find(provider, model).is_some(), "{provider} {model}");
    }
}

#[test]
fn an_exact_name_counts_before_a_prefixed_one() {
    let prices = shipped();
    let input = |model: &str| prices.find("gemini", model).map(|price| price.input);
    assert_eq!(input("gemini-exp-1206"), Some(300_000), "the source lists this name too, at another price");
    assert_eq!(input("gemini/gemini-exp-1206"), Some(0));
}

#[test]
fn a_model_of_bedrocks_other_endpoint_is_found_from_bedrock_but_not_the_other_way_round() {
    let prices = shipped();
    assert_eq!(prices.find("bedrock", "openai.gpt-5.6-sol"), prices.find("bedrock_mantle", "openai.gpt-5.6-sol"));
    assert!(prices.find("bedrock", "amazon.nova-pro-v1:0").is_some());
    assert_eq!(prices.find("bedrock_mantle", "amazon.nova-pro-v1:0"), None);
}

#[test]
fn a_dated_model_costs_what_the_undated_one_does_unless_it_has_a_price_of_its_own() {
    let prices = shipped();
    let found = |model: &str| prices.find("openai", model).unwrap();
    assert_eq!(found("gpt-5.6-2031-01-15"), found("gpt-5.6"));
    assert_eq!(prices.find("anthropic", "claude-sonnet-5-20310115"), prices.find("anthropic", "claude-sonnet-5"));
    assert_eq!(prices.find("gemini", "gemini-2.5-pro-2031-01-15"), prices.find("gemini", "gemini-2.5-pro"));
    assert_ne!(found("gpt-4o-2024-05-13").input, found("gpt-4o").input, "this one has a price of its own");
}

#[test]
fn only_a_date_at_the_end_is_taken_off() {
    let rows = [
        ("gpt-5-2025-08-07", Some("gpt-5")),
        ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
        ("gpt-5-2025-08", None),
        ("gpt-5-2025-8-07", None),
        ("gpt-5-2025-13-07", None),
        ("gpt-5-2025-00-07", None),
        ("gpt-5-2025-08-32", None),
        ("gpt-5-1999-08-07", None),
        ("gpt-5-20251399", None),
        ("gpt-5-12345678", None),
        ("gpt-5-2025080", None),
        ("gpt-5-2025-08-07-preview", None),
        ("mistral-large-2512", None),
        ("grok-4.20-0309", None),
        ("gpt-5-+025-08-07", None),
        ("gpt-5-2025é99", None),
        ("-2025-08-07", None),
        ("2025-08-07", None),
        ("-20250807", None),
        ("", None),
    ];
    for (model, expected) in rows {
        assert_eq!(without_date(model), expected, "{model}");
    }
}

#[test]
fn an_undated_name_never_takes_a_dated_models_price() {
    assert!(shipped().find("openai", "gpt-4o-audio-preview-2025-06-03").is_some());
    assert_eq!(shipped().find("openai", "gpt-4o-audio-preview"), None);
}

#[test]
fn an_unknown_model_is_unpriced() {
    for (provider, model) in [
        ("openai", "gpt-nobody-knows"),
        ("openai", "claude-opus-5-5"),
        ("openai", "gemini/gemini-2.5-pro"),
        ("nobody", "gpt-5.6"),
        ("openai", "GPT-5.6"),
        ("openai", ""),
        ("", "gpt-5.6"),
        ("gemini", "lyria-3.5"),
        ("azure", "model-router"),
        ("openai", "container"),
    ] {
        assert_eq!(shipped().find(provider, model), None, "{provider} {model}");
    }
}

#[test]
fn a_free_model_is_known_and_costs_nothing() {
    let price = shipped().find("gemini", "gemma-3-27b-it").unwrap();
    assert_eq!((price.input, price.output), (0, 0));
    let tokens = Usage { uncached: 1_000, output: 1_000, ..Usage::default() };
    assert_eq!(price.cost(&tokens, Tier::Standard), Money::ZERO);
}

#[test]
fn facts_come_with_the_price() {
    let opus = shipped().find("anthropic", "claude-opus-5-5").unwrap().facts;
    assert_eq!(opus.prompt_cache_min_tokens, Some(512));
    assert_eq!((opus.max_input_tokens, opus.max_output_tokens), (Some(1_000_000), Some(128_000)));
    assert_eq!(opus.supports_breakpoint, None);
    assert_eq!(shipped().find("openai", "gpt-5.6").unwrap().facts.supports_breakpoint, Some(true));
    assert_eq!(shipped().find("bedrock", "moonshotai.kimi-k3").unwrap().facts.supports_breakpoint, Some(false));
}

#[test]
fn an_override_wins_and_replaces_the_whole_price_but_no_facts() {
    let prices = with(json!({"anthropic/claude-opus-5-5": {"input": 1, "output": "2.5"}}));
    let price = prices.find("anthropic", "claude-opus-5-5").unwrap();
    assert_eq!((price.input, price.output), (1_000_000, 2_500_000));
    assert_eq!((price.cached_read, price.cached_write_5m, price.cached_write_1h), (None, None, None));
    assert_eq!((price.batch, price.long_context.len()), (Rates::default(), 0));
    assert_eq!(price.facts, shipped().find("anthropic", "claude-opus-5-5").unwrap().facts);
    assert_eq!(prices.find("anthropic", "claude-opus-5"), shipped().find("anthropic", "claude-opus-5"));
}

#[test]
fn an_override_of_the_undated_name_wins_over_a_shipped_dated_price() {
    let prices = with(json!({
        "openai/gpt-5": {"input": 1, "output": 2},
        "openai/gpt-5-mini": {"input": 3, "output": 4},
        "openai/gpt-5-mini-2025-08-07": {"input": 5, "output": 6},
    }));
    let input = |model: &str| prices.find("openai", model).unwrap().input;
    assert_eq!(input("gpt-5-2025-08-07"), 1_000_000);
    assert_eq!(input("gpt-5-mini-2025-08-07"), 5_000_000);
    assert_eq!(input("gpt-5-mini"), 3_000_000);
}

#[test]
fn an_override_prices_models_and_providers_that_the_table_does_not_know() {
    let prices = with(json!({
        "my-vllm/meta/llama": {"input": "0.05", "output": 0.1},
        "fireworks/some-model": {"input": 0, "output": 0},
    }));
    assert_eq!(prices.find("my-vllm", "meta/llama").map(|price| (price.input, price.output)), Some((50_000, 100_000)));
    assert_eq!(prices.find("fireworks_ai", "some-model").map(|price| price.input), Some(0));
    assert_eq!(prices.find("my-vllm", "llama"), None);
}
