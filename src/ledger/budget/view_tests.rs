use super::*;
use crate::ledger::budget::{Lapsed, Period, Running};

const DOLLAR: u128 = 1_000_000_000_000;
/// 25 November 2026, 12:00 UTC, and the midnights around it.
const NOW_MS: u64 = 1_795_608_000_000;
const TODAY_MS: u64 = 1_795_564_800_000;
const TOMORROW_MS: u64 = 1_795_651_200_000;

fn budget(limit: u128, spent: u128, soft_share: Option<u16>) -> Budget {
    Budget {
        name: "search-daily".to_owned(),
        filter: Filter::default(),
        unit: Unit::Usd,
        limit,
        period: Period::Day,
        soft_share,
        at_soft: None,
        created_ms: 1_795_167_000_000,
        running: Running { period_start_ms: TODAY_MS, spent, lapsed: Lapsed { reservations: 2, amount: 7 } },
    }
}

#[test]
fn the_state_follows_from_what_is_spent_and_reserved() {
    let table = [
        ((100, 0, 0, Some(800)), State::Ok, 100, 0),
        ((100, 79, 0, Some(800)), State::Ok, 21, 790),
        ((100, 80, 0, Some(800)), State::Soft, 20, 800),
        ((100, 70, 10, Some(800)), State::Soft, 20, 800),
        ((100, 99, 0, None), State::Ok, 1, 990),
        ((100, 100, 0, None), State::Exhausted, 0, 1000),
        ((100, 70, 30, Some(800)), State::Exhausted, 0, 1000),
        ((100, 150, 0, Some(1000)), State::Exhausted, 0, 1500),
        ((3, 1, 0, Some(334)), State::Ok, 2, 333),
        ((3, 1, 0, Some(333)), State::Soft, 2, 333),
        ((1, u128::MAX, u128::MAX, Some(1)), State::Exhausted, 0, u64::MAX),
    ];
    for (case @ (limit, spent, reserved, soft_share), state, headroom, used) in table {
        let view = View::new(&budget(limit, spent, soft_share), reserved, NOW_MS);
        assert_eq!((view.state, view.headroom, view.used_per_mille()), (state, headroom, used), "{case:?}");
        let is_strained = soft_share.is_some_and(|share| used >= u64::from(share));
        assert_eq!(view.strained().is_some(), is_strained, "{case:?}");
    }
}

#[test]
fn a_strained_budget_says_for_whom_and_what_changes() {
    let filter = Filter { tag: Some(("feature".into(), "search".into())), model: Some("gpt-5".into()) };
    let relief = Relief { tier: Some("cheap".into()), ..Relief::default() };
    let strained = |at_soft| {
        let budget = Budget { filter: filter.clone(), at_soft, ..budget(100, 83, Some(800)) };
        View::new(&budget, 0, NOW_MS).strained().unwrap()
    };
    let expected =
        Strained { budget: "search-daily".into(), filter: filter.clone(), used_per_mille: 830, relief: relief.clone() };
    assert_eq!(strained(Some(relief)), expected);
    assert_eq!(strained(None).relief, Relief::default());
}

#[test]
fn a_budget_is_written_as_the_admin_api_says() {
    let of_search = Budget {
        filter: Filter { tag: Some(("feature".into(), "a=\"b\"".into())), model: None },
        at_soft: Some(Relief { tier: Some("cheap".into()), max_effort: Some("low".into()), ..Relief::default() }),
        ..budget(25 * DOLLAR, 20 * DOLLAR + 3 * DOLLAR / 4, Some(800))
    };
    let view = View::new(&of_search, DOLLAR * 12 / 100, NOW_MS);
    let expected = json!({
        "name": "search-daily", "tenant": "acme", "tag": "feature=a=\"b\"", "model": null, "unit": "usd",
        "limit": "25.000000", "period": "day", "soft_share": 0.8,
        "at_soft": {"tier": "cheap", "max_effort": "low", "max_thinking_tokens": null, "max_output_tokens": null},
        "spent": "20.750000", "reserved": "0.120000", "headroom": "4.130000", "lapsed": 2, "state": "soft",
        "resets_ms": TOMORROW_MS, "created_ms": 1_795_167_000_000_u64,
    });
    assert_eq!(written(Some("acme"), &view), expected);
}

#[test]
fn counts_are_written_as_numbers_and_what_is_not_there_as_null() {
    let filter = Filter { tag: None, model: Some("openai/gpt-5".into()) };
    let in_all = Budget { unit: Unit::Tokens, period: Period::Total, filter, ..budget(1000, 0, None) };
    let mut value = written(None, &View::new(&in_all, 1, NOW_MS));
    for (field, expected) in [
        ("tenant", Value::Null),
        ("tag", Value::Null),
        ("model", json!("openai/gpt-5")),
        ("unit", json!("tokens")),
        ("limit", json!(1000)),
        ("reserved", json!(1)),
        ("headroom", json!(999)),
        ("soft_share", Value::Null),
        ("at_soft", Value::Null),
        ("resets_ms", Value::Null),
    ] {
        assert_eq!(value[field].take(), expected, "{field}");
    }
}

#[test]
fn in_a_new_period_nothing_is_spent_and_what_is_reserved_stays() {
    let view = View::new(&budget(100, 90, Some(800)), 5, TOMORROW_MS);
    assert_eq!(
        (view.budget.running, view.reserved, view.headroom),
        (Running { period_start_ms: TOMORROW_MS, ..Running::default() }, 5, 95)
    );
    assert_eq!((view.state, view.resets_ms), (State::Ok, Some(TOMORROW_MS + 86_400_000)));
}

#[test]
fn a_clock_that_goes_back_brings_no_old_period_back() {
    let view = View::new(&budget(100, 90, None), 0, TODAY_MS - 1);
    assert_eq!((view.budget.running.spent, view.resets_ms), (90, Some(TOMORROW_MS)));
}
