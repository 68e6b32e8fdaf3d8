use serde_json::json;

use super::*;
use crate::forward::routing::Tier;

fn variables(extra: Value) -> BTreeMap<String, Value> {
    let mut variables = BTreeMap::from([("NEARHIT_HMAC_KEY".to_owned(), json!("secret"))]);
    variables.extend(extra.as_object().unwrap().clone());
    variables
}

fn paths(extra: Value) -> Vec<String> {
    check(&variables(extra)).unwrap_err().into_iter().map(|mistake| mistake.path).collect()
}

#[test]
fn nothing_but_the_secret_has_to_be_set_and_defaults_are_what_the_table_says() {
    let config = check(&variables(json!({}))).unwrap();
    assert_eq!(config.mode, Mode::Semantic);
    assert_eq!((config.ttl_secs, config.shards, config.candidates), (86_400, 4, 3));
    assert_eq!(config.max_bytes, 1_000_000_000);
    assert!((config.threshold - 0.5).abs() < 1e-6 && (config.find_from - 0.25).abs() < 1e-6);
    assert!((config.max_error_rate - 0.01).abs() < 1e-9 && (config.audit_share - 0.01).abs() < 1e-9);
    assert!(config.verifier);
    assert_eq!(config.upstream("openai").unwrap().base_url, "https://api.openai.com/v1");
    for setting in SETTINGS {
        let default: Value = serde_json::from_str(setting.default).unwrap();
        assert!(fits(setting.allowed, &default), "{}.{}", setting.table, setting.key);
    }
}

#[test]
fn every_mistake_is_named_with_its_path_in_one_answer() {
    let mistakes = paths(json!({
        "NEARHIT_CACHE": {"mode": "fuzzy", "ttl_secs": 0, "shards": 1.5, "size": 3},
        "NEARHIT_SEMANTIC": {"threshold": 1.2, "max_error_rate": 0, "verifier": "off", "audit_share": 2},
        "NEARHIT_LIMITS": [1],
        "NEARHIT_UPSTREAMS": {"v1": {"base_url": "https://a"}, "b": {"base_url": "ftp://b"}, "c": {}, "d": {"base_url": "http://d", "key": 1, "mode": "on"}},
        "NEARHIT_CASH": {},
        "OPENAI_BASE_URL": "api.openai.com",
    }));
    let mut expected = vec![
        "NEARHIT_CACHE.mode",
        "NEARHIT_CACHE.shards",
        "NEARHIT_CACHE.size",
        "NEARHIT_CACHE.ttl_secs",
        "NEARHIT_CASH",
        "NEARHIT_LIMITS",
        "NEARHIT_SEMANTIC.audit_share",
        "NEARHIT_SEMANTIC.max_error_rate",
        "NEARHIT_SEMANTIC.threshold",
        "NEARHIT_SEMANTIC.verifier",
        "NEARHIT_UPSTREAMS.v1",
        "NEARHIT_UPSTREAMS.b.base_url",
        "NEARHIT_UPSTREAMS.c.base_url",
        "NEARHIT_UPSTREAMS.d.mode",
        "NEARHIT_UPSTREAMS.d.key",
        "OPENAI_BASE_URL",
    ];
    let mut mistakes = mistakes;
    mistakes.sort();
    expected.sort_unstable();
    assert_eq!(mistakes, expected);
}

#[test]
fn a_mistake_says_what_is_allowed() {
    let mistakes = check(&variables(json!({"NEARHIT_CACHE": {"ttl_secs": "soon"}}))).unwrap_err();
    assert_eq!(
        mistakes[0].to_string(),
        "NEARHIT_CACHE.ttl_secs: is \"soon\"; it must be a whole number from 1 to 31536000"
    );
}

#[test]
fn a_missing_secret_is_a_mistake() {
    let mistakes = check(&BTreeMap::new()).unwrap_err();
    assert_eq!(mistakes[0].path, "NEARHIT_HMAC_KEY");
}

#[test]
fn tables_may_be_written_as_json_text_and_addresses_may_end_in_a_slash() {
    let config = check(&variables(json!({
        "NEARHIT_CACHE": "{\"ttl_secs\": 60}",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1/",
        "NEARHIT_UPSTREAMS": {"groq": {"base_url": "https://api.groq.com/openai/v1"}},
    })))
    .unwrap();
    assert_eq!(config.ttl_secs, 60);
    assert_eq!(config.upstream("openai").unwrap().base_url, "http://127.0.0.1:9/v1");
    assert_eq!(config.upstream("groq").unwrap().name, "groq");
}

#[test]
fn the_readme_documents_every_setting_as_it_is() {
    let readme = include_str!("../../README.md");
    for setting in SETTINGS {
        let row = format!(
            "| `{}` | `{}` | {} | `{}` | {} |",
            setting.table, setting.key, setting.allowed, setting.default, setting.meaning
        );
        assert!(readme.contains(&row), "README.md lacks this row of its configuration table:\n{row}");
    }
}

#[test]
fn a_route_names_models_in_order_and_may_name_other_routes() {
    let config = check(&variables(json!({
        "NEARHIT_UPSTREAMS": {"groq": {"base_url": "https://api.groq.com/openai/v1"}, "claude": {"base_url": "http://c", "provider": "anthropic", "cache_ttl": "1h"}},
        "NEARHIT_ROUTES": {
            "auto": {"cheap": ["groq/llama", "small"], "frontier": "claude/opus", "fallbacks": "openai/gpt-5", "frontier_from": 0.5, "max_effort": "low"},
            "small": {"models": ["openai/gpt-5-mini", "groq/llama"], "trim": true, "max_output_tokens": 100},
        },
        "NEARHIT_PRICES": {"groq/llama": {"input": 0.1, "output": "0.4"}},
    })))
    .unwrap();
    let names = |alias: &str, tier: Tier| {
        let goals = config.routes[alias].goals(tier).iter();
        goals.map(|goal| format!("{}/{}", goal.upstream, goal.model)).collect::<Vec<_>>()
    };
    assert_eq!(names("auto", Tier::Cheap), ["groq/llama", "openai/gpt-5-mini", "openai/gpt-5"]);
    assert_eq!(names("auto", Tier::Frontier), ["claude/opus", "openai/gpt-5"]);
    assert_eq!(names("small", Tier::Frontier), ["openai/gpt-5-mini", "groq/llama"]);
    assert!(config.routes["auto"].is_tiered() && !config.routes["small"].is_tiered());
    assert!(config.routes["small"].trim && config.routes["small"].caps.output_tokens == Some(100));
    let claude = config.upstream("claude").unwrap();
    assert_eq!((claude.auth, claude.api, claude.cache_ttl), (Auth::XApiKey, Speaks::Anthropic, Ttl::Hour));
}

#[test]
fn every_mistake_in_a_route_is_named_with_its_path() {
    let mut mistakes = paths(json!({
        "NEARHIT_UPSTREAMS": {"a": {"base_url": "http://a", "provider": "acme", "api": "soap", "cache_ttl": "2h", "prefix_hints": 1}},
        "NEARHIT_ROUTES": {
            "unknown": {"models": "nowhere/gpt"},
            "capped": {"models": "openai/gpt", "max_output_tokens": "many", "max_effort": "huge"},
            "one": {"models": "two"},
            "two": {"models": ["openai/gpt", "one"]},
            "self": {"cheap": "self", "frontier": "openai/gpt"},
            "nobody": {"models": "no-such-alias"},
            "half": {"cheap": "openai/gpt"},
            "both": {"models": "openai/gpt", "cheap": "openai/gpt", "frontier": "openai/gpt"},
            "odd": {"models": [1], "speed": 3},
            "a/b": {"models": "openai/gpt"},
        },
        "NEARHIT_PRICES": {"openai/gpt": {"input": -1, "output": 1}},
    }));
    mistakes.sort();
    assert_eq!(
        mistakes,
        [
            "NEARHIT_PRICES.\"openai/gpt\".input",
            "NEARHIT_ROUTES.a/b",
            "NEARHIT_ROUTES.both",
            "NEARHIT_ROUTES.capped.max_effort",
            "NEARHIT_ROUTES.capped.max_output_tokens",
            "NEARHIT_ROUTES.half",
            "NEARHIT_ROUTES.nobody.models",
            "NEARHIT_ROUTES.odd.models",
            "NEARHIT_ROUTES.odd.speed",
            "NEARHIT_ROUTES.one.models",
            "NEARHIT_ROUTES.self.cheap",
            "NEARHIT_ROUTES.two.models",
            "NEARHIT_ROUTES.unknown.models",
            "NEARHIT_UPSTREAMS.a.api",
            "NEARHIT_UPSTREAMS.a.cache_ttl",
            "NEARHIT_UPSTREAMS.a.prefix_hints",
            "NEARHIT_UPSTREAMS.a.provider",
        ]
    );
}
