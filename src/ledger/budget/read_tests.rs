use super::*;
use serde_json::json;

const DOLLAR: u128 = 1_000_000_000_000;

/// The body of a good budget, with one field as given; null for without.
fn body(field: &str, value: Value) -> Value {
    let mut body = json!({"name": "search-daily", "unit": "usd", "limit": 25, "period": "day"});
    body[field] = value;
    body
}

fn param(body: &Value) -> Result<Budget, String> {
    read(body).map_err(|mistake| mistake.param)
}

/// The limit in this unit, spelled as given, in JSON.
fn limit_of(unit: &str, spelled: &str) -> Result<u128, String> {
    let text = format!(r#"{{"name":"a","unit":"{unit}","limit":{spelled},"period":"day"}}"#);
    read(&serde_json::from_str(&text).unwrap()).map(|budget| budget.limit).map_err(|mistake| mistake.message)
}

#[test]
fn a_budget_is_read_with_all_its_fields() {
    let body = json!({
        "name": "search-daily", "tenant": "acme", "tag": "feature=a=b", "model": "openai/gpt-5", "unit": "usd",
        "limit": "25.5", "period": "month", "soft_share": 0.8,
        "at_soft": {"tier": "cheap", "max_effort": "low", "max_thinking_tokens": 0, "max_output_tokens": 4000},
    });
    let expected = Budget {
        name: "search-daily".into(),
        filter: Filter { tag: Some(("feature".into(), "a=b".into())), model: Some("openai/gpt-5".into()) },
        unit: Unit::Usd,
        limit: 51 * DOLLAR / 2,
        period: Period::Month,
        soft_share: Some(800),
        at_soft: Some(Relief {
            tier: Some("cheap".into()),
            max_effort: Some("low".into()),
            max_thinking_tokens: Some(0),
            max_output_tokens: Some(4000),
        }),
        created_ms: 0,
        running: Running::default(),
    };
    assert_eq!(read(&body), Ok(expected));
}

#[test]
fn what_may_be_left_out_may_also_be_null() {
    let least = read(&json!({"name": "a", "unit": "tokens", "limit": 1, "period": "total"})).unwrap();
    let nulls = json!({
        "name": "a", "tenant": null, "tag": null, "model": null, "unit": "tokens", "limit": 1, "period": "total",
        "soft_share": null, "at_soft": null,
    });
    assert_eq!(read(&nulls), Ok(least.clone()));
    assert_eq!((least.filter, least.soft_share, least.at_soft), (Filter::default(), None, None));
    let at_soft = json!({"tier": null, "max_effort": null, "max_thinking_tokens": null, "max_output_tokens": null});
    let mut body = body("at_soft", at_soft);
    body["soft_share"] = json!(1);
    let budget = read(&body).unwrap();
    assert_eq!((budget.soft_share, budget.at_soft), (Some(1000), Some(Relief::default())));
}

#[test]
fn a_change_takes_its_name_from_the_path() {
    let body = json!({"unit": "usd", "limit": 25, "period": "day"});
    let budget = read_change("search-daily", &body).unwrap();
    assert_eq!((budget.name.as_str(), budget.limit), ("search-daily", 25 * DOLLAR));
    assert_eq!(read_change("Search", &body).unwrap_err().param, "name");
    for field in ["name", "tenant", "spent"] {
        let mut body = body.clone();
        body[field] = json!("search-daily");
        assert_eq!(read_change("search-daily", &body).unwrap_err().param, field);
    }
    assert_eq!(read_change("a", &json!([])).unwrap_err().param, "body");
}

#[test]
fn limits_of_dollars_are_read_to_the_last_digit() {
    let good = [
        ("25", 25 * DOLLAR),
        ("\"25\"", 25 * DOLLAR),
        ("0.1", DOLLAR / 10),
        ("0.000000000001", 1),
        ("\"0.000000000001\"", 1),
        ("1e-12", 1),
        ("2.5E1", 25 * DOLLAR),
        ("\"2.5e+1\"", 25 * DOLLAR),
        ("123456789.123456789012", 123_456_789_123_456_789_012),
        ("1000000000", 1_000_000_000 * DOLLAR),
        ("1e9", 1_000_000_000 * DOLLAR),
        ("25.0000000000000000", 25 * DOLLAR),
    ];
    for (spelled, expected) in good {
        assert_eq!(limit_of("usd", spelled), Ok(expected), "{spelled}");
    }
    let bad = [
        "0",
        "0.0",
        "-0",
        "-5",
        "\"-5\"",
        "1000000000.000000000001",
        "1e10",
        "1e999",
        "0.0000000000001",
        "1e-13",
        "\"NaN\"",
        "\"\"",
        "\"25 USD\"",
        "\"$25\"",
        "\"1,000\"",
        "\"0x10\"",
        "true",
        "[]",
        "{}",
        "[25]",
    ];
    for spelled in bad {
        let message = limit_of("usd", spelled).unwrap_err();
        assert!(message.starts_with("'limit' is ") && message.contains("US dollars"), "{spelled}: {message}");
    }
    assert!(limit_of("usd", "0.0000000000001").unwrap_err().contains("at most 12 digits after the point"));
}

#[test]
fn other_limits_are_whole_numbers() {
    for unit in ["tokens", "reasoning_tokens", "requests"] {
        for (spelled, expected) in
            [("1", 1), ("1e3", 1000), ("1.5e1", 15), ("\"1000\"", 1000), ("1000.0", 1000), ("1e15", 10_u128.pow(15))]
        {
            assert_eq!(limit_of(unit, spelled), Ok(expected), "{unit} {spelled}");
        }
        for spelled in ["0", "-1", "0.5", "1000.5", "1000000000000001", "1e16", "\"many\"", "false"] {
            let message = limit_of(unit, spelled).unwrap_err();
            assert!(message.contains("a whole number from 1 to 1000000000000000"), "{unit} {spelled}: {message}");
        }
    }
}

#[test]
fn each_mistake_names_its_field() {
    let table = [
        (
            "name",
            vec![Value::Null, json!(""), json!("Search"), json!("a b"), json!("ä"), json!("a".repeat(65)), json!(5)],
        ),
        (
            "tag",
            vec![
                json!("search"),
                json!("=search"),
                json!("a=b,c=d"),
                json!("a=b c"),
                json!("a".repeat(129) + "=b"),
                json!(["a=b"]),
            ],
        ),
        (
            "model",
            vec![json!(""), json!("/gpt-5"), json!("openai/"), json!("gpt 5"), json!("m".repeat(257)), json!({})],
        ),
        ("unit", vec![Value::Null, json!("USD"), json!("eur"), json!(1)]),
        ("period", vec![Value::Null, json!("hour"), json!("Day"), json!(1)]),
        ("limit", vec![Value::Null]),
        (
            "soft_share",
            vec![json!(0), json!(-0.5), json!(1.001), json!(2), json!("0.8"), json!(0.8005), json!(1e-9), json!(1e300)],
        ),
        ("at_soft", vec![json!("cheap"), json!([]), json!({})]),
        ("limt", vec![json!(5)]),
        ("spent", vec![json!("0")]),
    ];
    for (field, values) in table {
        for value in values {
            assert_eq!(param(&body(field, value.clone())), Err(field.to_owned()), "{field}: {value}");
        }
    }
    for value in [Value::Null, json!([]), json!("budget"), json!(5)] {
        assert_eq!(param(&value), Err("body".to_owned()));
    }
}

#[test]
fn mistakes_at_soft_name_the_field_in_it() {
    let table = [
        ("tier", vec![json!("frontier"), json!("Cheap"), json!(1)]),
        ("max_effort", vec![json!("lowest"), json!("LOW"), json!(true)]),
        ("max_thinking_tokens", vec![json!(-1), json!(0.5), json!(1_000_001), json!("5")]),
        ("max_output_tokens", vec![json!(0), json!(-1), json!(1_000_001), json!("5")]),
        ("max_tokens", vec![json!(5)]),
    ];
    for (field, values) in table {
        for value in values {
            let mut body = body("at_soft", json!({field: value}));
            body["soft_share"] = json!(0.5);
            assert_eq!(param(&body), Err(format!("at_soft.{field}")), "{body}");
        }
    }
}

#[test]
fn what_is_allowed_is_listed() {
    let message = |field: &str, value| read(&body(field, value)).unwrap_err().message;
    let units = r#"'unit' is "eur"; it must be one of "usd", "tokens", "reasoning_tokens", "requests"."#;
    assert_eq!(message("unit", json!("eur")), units);
    let periods = r#"'period' is "hour"; it must be one of "minute", "day", "week", "month", "total"."#;
    assert_eq!(message("period", json!("hour")), periods);
    assert!(
        message("limt", json!(5))
            .ends_with("known are name, tenant, tag, model, unit, limit, period, soft_share, at_soft.")
    );
    assert_eq!(message("limit", Value::Null), "'limit' is missing.");
}

#[test]
fn a_minute_is_for_requests_and_requests_are_for_any_period() {
    for (unit, _) in Unit::NAMES {
        for (period, _) in Period::NAMES {
            let body = json!({"name": "a", "unit": unit, "limit": 5, "period": period});
            let expected = if period == "minute" && unit != "requests" { Err("period".to_owned()) } else { Ok(()) };
            assert_eq!(param(&body).map(drop), expected, "{unit} {period}");
        }
    }
}

#[test]
fn hostile_values_are_shown_short_and_kept_as_they_are() {
    let long = "🦀".repeat(100_000);
    let mistake = read(&body("unit", json!(long))).unwrap_err();
    assert!(mistake.message.chars().count() < 200, "{}", mistake.message);
    let mistake = read(&body(&long, json!(1))).unwrap_err();
    assert!(mistake.param.chars().count() <= 60 && mistake.message.chars().count() < 300);
    for value in ["'; DROP TABLE budgets; --", "%", "\u{0}\u{1b}[31m", "<script>", "🦀"] {
        let label = value.replace(' ', "_");
        let budget = read(&body("tag", json!(format!("feature={label}")))).unwrap();
        assert_eq!(budget.filter.tag, Some(("feature".to_owned(), label)));
    }
}
