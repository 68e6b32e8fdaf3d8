use serde_json::json;

use super::*;

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
