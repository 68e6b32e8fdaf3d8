use super::*;

const HEAD: &str = r#""source":"s","version":"1","file":"f","sha256":"","license":"MIT","date":"2026-01-01""#;

fn table(unit: &str, groups: &str) -> Result<Table, String> {
    let text = format!(r#"{{"head":{{{HEAD},"unit":"{unit}"}},"groups":[{groups}]}}"#);
    Table::parse(Box::leak(text.into_boxed_str()))
}

fn shipped(provider: &str, model: &str) -> Price {
    Table::parse(super::super::SHIPPED).unwrap().get(provider, model).cloned().unwrap()
}

#[test]
fn prices_are_converted_exactly_from_the_sources_decimals() {
    // The source: 3e-06, 1.5e-05, 3e-07, 3.75e-06, 6e-06; in batches 1.5e-06, 7.5e-06, 1.5e-07, 1.875e-06.
    let sonnet = shipped("anthropic", "claude-sonnet-4-5-20250929");
    assert_eq!((sonnet.input, sonnet.output), (3_000_000, 15_000_000));
    assert_eq!(sonnet.cached_read, Some(300_000));
    assert_eq!((sonnet.cached_write_5m, sonnet.cached_write_1h), (Some(3_750_000), Some(6_000_000)));
    assert_eq!(sonnet.reasoning, None);
    let batch = Rates {
        input: Some(1_500_000),
        output: Some(7_500_000),
        cached_read: Some(150_000),
        cached_write_5m: Some(1_875_000),
        ..Rates::default()
    };
    assert_eq!(sonnet.batch, batch);
}

#[test]
fn long_context_tiers_are_kept_with_their_batch_prices() {
    // The source, above 272k tokens: 4e-06, 1.5e-05, 2e-07, 5e-06; in batches half of each.
    let sol = shipped("openai", "gpt-6.1-sol");
    let rates = |scale: u64| Rates {
        input: Some(2_000_000 * scale),
        output: Some(7_500_000 * scale),
        cached_read: Some(100_000 * scale),
        cached_write_5m: Some(2_500_000 * scale),
        ..Rates::default()
    };
    assert_eq!(sol.long_context, [LongContext { above_tokens: 272_000, standard: rates(2), batch: rates(1) }]);
}

#[test]
fn xai_bills_long_context_from_the_threshold_on() {
    assert_eq!(shipped("xai", "xai/grok-4.20").long_context.first().map(|tier| tier.above_tokens), Some(199_999));
    assert_eq!(shipped("gemini", "gemini/gemini-2.5-pro").long_context.first().unwrap().above_tokens, 200_000);
}

#[test]
fn the_shipped_table_is_complete_and_small() {
    let table = Table::parse(super::super::SHIPPED).unwrap();
    let models = |provider: &str| table.places.keys().filter(|(of, _)| *of == provider).count();
    let counts = [
        ("anthropic", 20),
        ("azure", 200),
        ("bedrock", 400),
        ("bedrock_mantle", 40),
        ("cloudflare", 25),
        ("deepseek", 10),
        ("fireworks_ai", 250),
        ("gemini", 30),
        ("groq", 5),
        ("mistral", 40),
        ("openai", 100),
        ("xai", 30),
    ];
    for (provider, least) in counts {
        assert!(models(provider) >= least, "{provider}: {}", models(provider));
    }
    assert!(super::super::SHIPPED.len() <= 250_000, "{} bytes", super::super::SHIPPED.len());
}

#[test]
fn no_shipped_price_is_implausible() {
    let table = Table::parse(super::super::SHIPPED).unwrap();
    for ((provider, model), place) in &table.places {
        let price = table.prices.get(*place).unwrap();
        // More than a thousandth of a dollar per token would be a conversion that went wrong.
        assert!(price.input.max(price.output) <= 1_000_000_000, "{provider} {model}");
        assert!(price.cached_read.is_none_or(|read| read <= price.input), "{provider} {model}");
    }
}

#[test]
fn tiers_are_sorted_by_their_threshold() {
    let tiers = r#"[{"above_tokens":9},{"above_tokens":3},{"above_tokens":6}]"#;
    let group = format!(r#"{{"provider":"p","models":["m"],"price":{{"input":1,"output":2,"long_context":{tiers}}}}}"#);
    let table = table(UNIT, &group).unwrap();
    let above: Vec<u64> = table.get("p", "m").unwrap().long_context.iter().map(|tier| tier.above_tokens).collect();
    assert_eq!(above, [3, 6, 9]);
}

#[test]
fn a_table_of_another_form_is_refused() {
    let group = |price: &str| format!(r#"{{"provider":"p","models":["m"],"price":{price}}}"#);
    let good = group(r#"{"input":1,"output":2}"#);
    assert!(table(UNIT, &good).is_ok());
    let rows = [
        ("nanodollars per token", good.clone(), "its unit is 'nanodollars per token'"),
        (UNIT, format!("{good},{good}"), "'m' of 'p' has two prices"),
        (UNIT, group(r#"{"input":1}"#), "missing field `output`"),
        (UNIT, group(r#"{"output":1}"#), "missing field `input`"),
        (UNIT, group(r#"{"input":1,"output":2,"inputs":3}"#), "unknown field `inputs`"),
        (UNIT, group(r#"{"input":-1,"output":2}"#), "-1"),
        (UNIT, group(r#"{"input":1.5,"output":2}"#), "1.5"),
        (UNIT, group(r#"{"input":1,"output":2,"batch":{"input":"1"}}"#), "invalid type: string"),
        (UNIT, "!".to_owned(), "expected value"),
    ];
    for (unit, groups, expected) in rows {
        let error = table(unit, &groups).unwrap_err();
        assert!(error.starts_with("the price table: ") && error.contains(expected), "{groups}: {error}");
    }
}
