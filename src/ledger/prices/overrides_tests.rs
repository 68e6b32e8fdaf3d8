use serde_json::json;

use super::*;

fn parse(text: &str) -> Result<Overrides, Vec<PriceMistake>> {
    Overrides::parse(&serde_json::from_str(text).unwrap())
}

fn mistakes(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn prices_are_read_exactly_from_their_spelling() {
    let rows = [
        ("0", Ok(0)),
        ("0.000000", Ok(0)),
        ("-0", Ok(0)),
        ("0e9", Ok(0)),
        ("0.000001", Ok(1)),
        ("0.1", Ok(100_000)),
        ("0.30", Ok(300_000)),
        ("1.25", Ok(1_250_000)),
        ("15", Ok(15_000_000)),
        ("015", Ok(15_000_000)),
        ("1e-6", Ok(1)),
        ("2.5e-5", Ok(25)),
        ("2.5E+1", Ok(25_000_000)),
        ("1.0000000", Ok(1_000_000)),
        ("8.999999", Ok(8_999_999)),
        ("9007199254.740993", Ok(9_007_199_254_740_993)),
        ("18446744073709.551615", Ok(u64::MAX)),
        ("18446744073709.551616", Err(NotAPrice::TooLarge)),
        ("1e99", Err(NotAPrice::TooLarge)),
        ("1e2000000000", Err(NotAPrice::TooLarge)),
        ("0.0000001", Err(NotAPrice::TooFine)),
        ("1.2345678", Err(NotAPrice::TooFine)),
        ("1e-7", Err(NotAPrice::TooFine)),
        ("1e-2000000000", Err(NotAPrice::TooFine)),
        ("-1", Err(NotAPrice::Negative)),
        ("-0.000001", Err(NotAPrice::Negative)),
        ("", Err(NotAPrice::NotANumber)),
        ("-", Err(NotAPrice::NotANumber)),
        (".5", Err(NotAPrice::NotANumber)),
        ("5.", Err(NotAPrice::NotANumber)),
        ("1,5", Err(NotAPrice::NotANumber)),
        ("$1", Err(NotAPrice::NotANumber)),
        (" 1", Err(NotAPrice::NotANumber)),
        ("+1", Err(NotAPrice::NotANumber)),
        ("--1", Err(NotAPrice::NotANumber)),
        ("1.2.3", Err(NotAPrice::NotANumber)),
        ("1e", Err(NotAPrice::NotANumber)),
        ("NaN", Err(NotAPrice::NotANumber)),
        ("1e99999999999", Err(NotAPrice::NotANumber)),
    ];
    for (spelled, expected) in rows {
        assert_eq!(exact(spelled), expected, "{spelled}");
    }
}

#[test]
fn numbers_and_strings_read_alike() {
    let read = |text: &str| parse(text).unwrap().get("openai", "gpt-x").cloned().unwrap();
    let numbers = r#"{"openai/gpt-x": {"input": 1.25, "output": 10, "cached_read": 0.125, "cached_write": 1.5625,
        "cached_write_1h": 2.000001}}"#;
    let strings = r#"{"openai/gpt-x": {"input": "1.25", "output": "10", "cached_read": "0.125",
        "cached_write": "1.5625", "cached_write_1h": "2.000001"}}"#;
    assert_eq!(read(numbers), read(strings));
    let expected = Price {
        input: 1_250_000,
        output: 10_000_000,
        cached_read: Some(125_000),
        cached_write_5m: Some(1_562_500),
        cached_write_1h: Some(2_000_001),
        ..Price::default()
    };
    assert_eq!(read(numbers), expected);
}

#[test]
fn a_number_keeps_digits_that_a_float_would_lose() {
    let overrides = parse(r#"{"a/b": {"input": 9007199254.740993, "output": 0}}"#).unwrap();
    assert_eq!(overrides.get("a", "b").map(|price| price.input), Some(9_007_199_254_740_993));
}

#[test]
fn the_table_may_be_a_string_of_json() {
    let overrides = Overrides::parse(&json!(r#"{"a/b": {"input": 1, "output": 2}}"#)).unwrap();
    assert_eq!(overrides.get("a", "b").map(|price| price.output), Some(2_000_000));
}

#[test]
fn an_empty_table_sets_nothing() {
    assert_eq!(parse("{}"), Ok(Overrides::default()));
}

#[test]
fn every_mistake_is_reported_with_its_path() {
    let found = mistakes(
        r#"{
            "openai/gpt-5.6": {"input": -1, "output": "ten", "cached_read": 0.0000001, "cached_writes": 1},
            "openai/good": {"input": 1, "output": 2},
            "openai/short": {"input": 1},
            "openai/empty": {},
            "gpt-x": {"input": null, "output": 1e99},
            "/gpt-x": {"input": [1], "output": 1},
            "openai/": {"input": true, "output": {}},
            "openai/flat": 5
        }"#,
    );
    let known = "known are input, output, cached_read, cached_write, cached_write_1h";
    let number = "must be a number of US dollars per million tokens";
    let expected = [
        r#"."openai/gpt-5.6".input: must not be negative"#.to_owned(),
        format!(r#"."openai/gpt-5.6".output: {number}"#),
        r#"."openai/gpt-5.6".cached_read: must not have more than six decimals"#.to_owned(),
        format!(r#"."openai/gpt-5.6".cached_writes: is not a key that nearhit knows; {known}"#),
        r#"."openai/short".output: is missing; write 0 if it is free"#.to_owned(),
        r#"."openai/empty".input: is missing; write 0 if it is free"#.to_owned(),
        r#"."openai/empty".output: is missing; write 0 if it is free"#.to_owned(),
        r#"."gpt-x": must be named 'provider/model'"#.to_owned(),
        format!(r#"."gpt-x".input: {number}"#),
        r#"."gpt-x".output: is too large"#.to_owned(),
        r#"."/gpt-x": must be named 'provider/model'"#.to_owned(),
        format!(r#"."/gpt-x".input: {number}"#),
        r#"."openai/": must be named 'provider/model'"#.to_owned(),
        format!(r#"."openai/".input: {number}"#),
        format!(r#"."openai/".output: {number}"#),
        r#"."openai/flat": must be a table with input, output, cached_read, cached_write, cached_write_1h"#.to_owned(),
    ];
    assert_eq!(found, expected.map(|line| format!("NEARHIT_PRICES{line}")));
}

#[test]
fn what_is_no_table_is_one_mistake() {
    for text in ["[]", "null", "5", r#""not JSON""#, r#""[]""#] {
        assert_eq!(mistakes(text), ["NEARHIT_PRICES: must be a table"], "{text}");
    }
}

#[test]
fn two_names_of_one_provider_must_not_set_two_prices() {
    let found = mistakes(r#"{"fireworks/m": {"input": 1, "output": 1}, "fireworks_ai/m": {"input": 2, "output": 2}}"#);
    let what = "is a second price of the same model: the provider has two names";
    assert_eq!(found, [format!(r#"NEARHIT_PRICES."fireworks_ai/m": {what}"#)]);
}
