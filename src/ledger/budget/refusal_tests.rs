use super::*;
use crate::ledger::budget::{Filter, Running};
use crate::ledger::prices::Money;

/// An hour after the beginning of 1 January 1970.
const NOW_MS: u64 = 3_600_000;
const DOLLAR: u128 = 1_000_000_000_000;

fn budget(unit: Unit, limit: u128, spent: u128, period: Period) -> Budget {
    Budget {
        name: "search-daily".to_owned(),
        filter: Filter::default(),
        unit,
        limit,
        period,
        soft_share: None,
        at_soft: None,
        created_ms: 0,
        running: Running { spent, period_start_ms: period.start(NOW_MS), ..Running::default() },
    }
}

#[test]
fn what_is_in_the_way_is_told_apart() {
    let day = Some(23 * 3600);
    // Limit, spent, reserved and asked; then why, what is left and when to try again.
    let table = [
        ((10, 0, 0, Some(10)), None),
        ((10, 4, 4, Some(2)), None),
        ((10, 10, 0, Some(0)), None),
        ((10, 4, 4, Some(3)), Some((Why::InFlight, 2, Some(5)))),
        ((10, 4, 4, Some(6)), Some((Why::InFlight, 2, Some(5)))),
        ((10, 4, 4, Some(7)), Some((Why::Spent, 6, day))),
        ((10, 10, 0, Some(1)), Some((Why::Spent, 0, day))),
        // The limit was lowered.
        ((10, 15, 0, Some(0)), None),
        ((10, 15, 0, Some(1)), Some((Why::Spent, 0, day))),
        ((10, 0, 0, Some(11)), Some((Why::TooLarge, 10, None))),
        ((10, 0, 0, None), Some((Why::Unpriced, 0, None))),
    ];
    for (case @ (limit, spent, reserved, asked), expected) in table {
        let budget = budget(Unit::Usd, limit, spent, Period::Day);
        let refusal = Refusal::find(&budget, reserved, &amounts(asked), NOW_MS);
        let found = refusal.as_ref().map(|refusal| (refusal.why, refusal.left, refusal.retry_after_secs));
        assert_eq!(found, expected, "{case:?}");
        assert!(refusal.is_none_or(|refusal| (&*refusal.budget, refusal.limit) == ("search-daily", limit)));
    }
}

/// The same in every unit; nothing: there is no price.
fn amounts(asked: Option<u128>) -> Amounts {
    let tokens = asked.map_or(Some(1), |asked| u64::try_from(asked).ok());
    Amounts { money: asked.map(Money::from_picodollars), tokens, reasoning: tokens }
}

#[test]
fn waiting_is_until_the_period_ends() {
    let table = [
        (Period::Minute, NOW_MS, Some(60)),
        (Period::Minute, NOW_MS + 59_999, Some(1)),
        (Period::Day, NOW_MS + 1, Some(23 * 3600)),
        (Period::Week, NOW_MS, Some(4 * 86_400 - 3600)),
        (Period::Month, NOW_MS, Some(31 * 86_400 - 3600)),
        (Period::Total, NOW_MS, None),
    ];
    for (period, now_ms, expected) in table {
        let refusal = Refusal::find(&budget(Unit::Requests, 1, 1, period), 0, &amounts(Some(1)), now_ms).unwrap();
        assert_eq!((refusal.why, refusal.retry_after_secs), (Why::Spent, expected), "{}", period.as_str());
    }
}

#[test]
fn only_what_passes_soon_is_worth_another_try() {
    let table = [
        (Why::Spent, Unit::Requests, Period::Minute, true, true),
        (Why::Spent, Unit::Requests, Period::Day, false, false),
        (Why::Spent, Unit::Usd, Period::Day, false, false),
        (Why::InFlight, Unit::Usd, Period::Total, false, true),
        (Why::TooLarge, Unit::Usd, Period::Day, false, false),
        (Why::Unpriced, Unit::Usd, Period::Day, false, false),
        (Why::Unmeasured, Unit::Tokens, Period::Day, false, false),
        (Why::TooManyOpen, Unit::Usd, Period::Day, true, true),
    ];
    for (why, unit, period, is_rate, may_pass) in table {
        let refusal = Refusal::new(&budget(unit, 1, 0, period), why, 1, NOW_MS);
        assert_eq!((refusal.is_rate(), refusal.may_pass()), (is_rate, may_pass), "{} {unit:?}", why.as_str());
    }
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    let usd = budget(Unit::Usd, 25 * DOLLAR, 24 * DOLLAR, Period::Day);
    let of = |budget: &Budget, reserved, asked| {
        Refusal::find(budget, reserved, &amounts(asked), NOW_MS).unwrap().to_string()
    };
    let table = [
        (
            of(&usd, 0, Some(DOLLAR + 1)),
            "The budget 'search-daily' of 25.000000 US dollars a day has 1.000000 US dollars left, and this request \
             may take up to 1.000000000001 US dollars. Try again in 82800 s.",
        ),
        (
            of(&usd, DOLLAR / 2, Some(DOLLAR)),
            "The budget 'search-daily' of 25.000000 US dollars a day has 0.500000 US dollars left while other requests \
             are under way, and this one may take up to 1.000000 US dollars. Try again in 5 s.",
        ),
        (
            of(&budget(Unit::ReasoningTokens, 1000, 0, Period::Total), 0, Some(2000)),
            "This request may take up to 2000 reasoning tokens, more than the whole budget 'search-daily' of 1000 \
             reasoning tokens in all. Make it shorter, or limit its output (max_tokens, max_completion_tokens, \
             max_output_tokens).",
        ),
        (
            of(&budget(Unit::Requests, 60, 60, Period::Minute), 0, Some(1)),
            "The budget 'search-daily' of 60 requests a minute is used up. Try again in 60 s.",
        ),
        (
            of(&usd, 0, None),
            "The budget 'search-daily' of 25.000000 US dollars a day is for this request, and a model that may answer \
             it, or the service tier that it asks for, has no price. Set one in NEARHIT_PRICES, or ask for another \
             model or tier.",
        ),
        (
            Refusal::new(&budget(Unit::Tokens, 9, 0, Period::Week), Why::TooManyOpen, 0, NOW_MS).to_string(),
            "20000 requests that count for the budget 'search-daily' and others beside it are under way, and no more \
             are let in. Try again in 5 s.",
        ),
    ];
    for (sentence, expected) in table {
        assert_eq!(sentence, expected);
    }
}
