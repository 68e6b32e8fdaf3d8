use super::*;

fn tags(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn filter(tag: Option<(&str, &str)>, model: Option<&str>) -> Filter {
    let tag = tag.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Filter { tag, model: model.map(str::to_owned) }
}

fn matches(filter: &Filter, of: &[(&str, &str)], models: &[&str]) -> bool {
    let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
    filter.matches(&tags(of), &models)
}

#[test]
fn without_a_filter_every_request_is_meant() {
    assert!(matches(&Filter::default(), &[], &[]));
    assert!(matches(&Filter::default(), &[("feature", "search")], &["openai/gpt-5"]));
}

#[test]
fn a_tag_has_to_be_the_same_in_name_and_value() {
    let search = filter(Some(("feature", "search")), None);
    let table: [(&[(&str, &str)], bool); 8] = [
        (&[("feature", "search")], true),
        (&[("team", "a"), ("feature", "search")], true),
        (&[("feature", "chat"), ("feature", "search")], true),
        (&[], false),
        (&[("feature", "search2")], false),
        (&[("feature", "SEARCH")], false),
        (&[("feature", "")], false),
        (&[("search", "feature")], false),
    ];
    for (of, expected) in table {
        assert_eq!(matches(&search, of, &["openai/gpt-5"]), expected, "{of:?}");
    }
}

#[test]
fn hostile_tags_are_only_compared() {
    let hostile =
        ["%", "*", "'; DROP TABLE budgets; --", "\u{0}", "a\nb", ".*", "🦀".repeat(30).as_str()].map(str::to_owned);
    for (k, value) in hostile.iter().enumerate() {
        let of = filter(Some(("feature", value)), None);
        for (j, other) in hostile.iter().enumerate() {
            assert_eq!(matches(&of, &[("feature", other)], &[]), k == j, "{value:?} and {other:?}");
        }
    }
}

#[test]
fn a_model_is_meant_with_its_provider_or_at_any() {
    let table: [(&str, &[&str], bool); 11] = [
        ("openai/gpt-5", &["openai/gpt-5"], true),
        ("openai/gpt-5", &["groq/llama", "openai/gpt-5"], true),
        ("openai/gpt-5", &["azure/gpt-5"], false),
        ("openai/gpt-5", &["openai/gpt-5-mini"], false),
        // A provider that has models of others: the slash in their names is not the one behind the provider.
        ("openai/gpt-5", &["openrouter/openai/gpt-5"], false),
        ("openrouter/openai/gpt-5", &["openrouter/openai/gpt-5"], true),
        ("gpt-5", &["azure/gpt-5"], true),
        ("gpt-5", &["openai/gpt-5-mini"], false),
        ("openai", &["openai/gpt-5"], false),
        ("openai", &["openai"], false),
        ("gpt-5", &[], false),
    ];
    for (model, models, expected) in table {
        assert_eq!(matches(&filter(None, Some(model)), &[], models), expected, "{model} of {models:?}");
    }
}

#[test]
fn tag_and_model_have_to_match_both() {
    let both = filter(Some(("feature", "search")), Some("gpt-5"));
    assert!(matches(&both, &[("feature", "search")], &["openai/gpt-5"]));
    assert!(!matches(&both, &[("feature", "search")], &["groq/llama"]));
    assert!(!matches(&both, &[("feature", "chat")], &["openai/gpt-5"]));
}
