use super::super::table::LongContext;
use super::*;

/// A model with a price for everything, each of them different.
fn full() -> Price {
    Price {
        input: 100,
        output: 1_000,
        cached_read: Some(10),
        cached_write_5m: Some(125),
        cached_write_1h: Some(200),
        reasoning: Some(3_000),
        batch: Rates {
            input: Some(50),
            output: Some(500),
            cached_read: Some(5),
            cached_write_5m: Some(62),
            cached_write_1h: Some(101),
            reasoning: Some(1_500),
        },
        long_context: vec![
            LongContext {
                above_tokens: 1_000,
                standard: Rates { input: Some(110), output: Some(1_100), ..Rates::default() },
                batch: Rates { input: Some(55), ..Rates::default() },
            },
            LongContext {
                above_tokens: 2_000,
                standard: Rates { input: Some(120), cached_read: Some(12), ..Rates::default() },
                batch: Rates::default(),
            },
        ],
        ..Price::default()
    }
}

/// A model with nothing but the two prices that every model has.
fn plain() -> Price {
    Price { input: 100, output: 1_000, ..Price::default() }
}

fn all_kinds() -> Usage {
    Usage { uncached: 2, cached_read: 3, cached_write_5m: 5, cached_write_1h: 7, output: 24, reasoning: 13 }
}

fn picodollars(price: &Price, tokens: &Usage, tier: Tier) -> u128 {
    price.cost(tokens, tier).as_picodollars()
}

#[test]
fn every_kind_of_token_costs_its_own_price() {
    // 2*100 + 3*10 + 5*125 + 7*200 + (24-13)*1000 + 13*3000 = 200 + 30 + 625 + 1400 + 11000 + 39000.
    assert_eq!(picodollars(&full(), &all_kinds(), Tier::Standard), 52_255);
    // 2*50 + 3*5 + 5*62 + 7*101 + 11*500 + 13*1500 = 100 + 15 + 310 + 707 + 5500 + 19500.
    assert_eq!(picodollars(&full(), &all_kinds(), Tier::Batch), 26_132);
}

#[test]
fn a_shipped_model_costs_what_its_provider_lists() {
    let price = super::super::Prices::shipped().unwrap().find("anthropic", "claude-sonnet-4-5").unwrap();
    let tokens = Usage {
        uncached: 1_000,
        cached_read: 10_000,
        cached_write_5m: 2_000,
        cached_write_1h: 3_000,
        output: 500,
        reasoning: 200,
    };
    // In dollars per million: 1000*3 + 10000*0.30 + 2000*3.75 + 3000*6 + 500*15 = 3000 + 3000 + 7500 + 18000 + 7500.
    assert_eq!(price.cost(&tokens, Tier::Standard).to_string(), "0.039000");
    // Half of each; but writes for an hour, which have no batch price: 1500 + 1500 + 3750 + 18000 + 3750.
    assert_eq!(price.cost(&tokens, Tier::Batch).to_string(), "0.028500");
}

#[test]
fn what_a_model_does_not_list_costs_as_its_more_common_kind() {
    // (2+3+5+7)*100 + 24*1000.
    for tier in [Tier::Standard, Tier::Batch] {
        assert_eq!(picodollars(&plain(), &all_kinds(), tier), 25_700);
    }
    let one_write_price = Price { cached_write_5m: Some(125), ..plain() };
    assert_eq!(one_write_price.billed(Tier::Standard, 0).cached_write_1h, 125);
    let batch_input = Price { batch: Rates { input: Some(50), ..Rates::default() }, ..plain() };
    assert_eq!(batch_input.billed(Tier::Batch, 0).cached_read, 50);
}

#[test]
fn a_listed_price_of_zero_is_not_an_absent_one() {
    let free_reads = Price { cached_read: Some(0), cached_write_5m: Some(0), ..plain() };
    let billed = free_reads.billed(Tier::Standard, 0);
    assert_eq!((billed.cached_read, billed.cached_write_5m, billed.cached_write_1h), (0, 0, 0));
}

#[test]
fn more_reasoning_than_output_costs_no_more_than_the_output() {
    let tokens = Usage { output: 10, reasoning: 99, ..Usage::default() };
    assert_eq!(picodollars(&full(), &tokens, Tier::Standard), 30_000);
}

#[test]
fn a_long_prompt_costs_the_highest_tier_that_it_exceeds() {
    let rows = [
        (0, Tier::Standard, (100, 10, 1_000)),
        (1_000, Tier::Standard, (100, 10, 1_000)),
        (1_001, Tier::Standard, (110, 10, 1_100)),
        (2_000, Tier::Standard, (110, 10, 1_100)),
        (2_001, Tier::Standard, (120, 12, 1_000)),
        (u64::MAX, Tier::Standard, (120, 12, 1_000)),
        (1_000, Tier::Batch, (50, 5, 500)),
        (1_001, Tier::Batch, (55, 5, 1_100)),
        (2_001, Tier::Batch, (120, 12, 500)),
    ];
    for (prompt, tier, expected) in rows {
        let billed = full().billed(tier, prompt);
        assert_eq!((billed.input, billed.cached_read, billed.output), expected, "{prompt} {tier:?}");
    }
}

#[test]
fn cached_tokens_count_towards_a_long_prompt_and_output_does_not() {
    let price = full();
    let prompt =
        Usage { uncached: 250, cached_read: 250, cached_write_5m: 250, cached_write_1h: 250, ..Usage::default() };
    assert_eq!(prompt.input(), 1_000);
    let short = Usage { output: 5_000, ..prompt };
    // 250*(100 + 10 + 125 + 200) + 5000*1000.
    assert_eq!(picodollars(&price, &short, Tier::Standard), 5_108_750);
    for longer in [
        Usage { uncached: 251, ..prompt },
        Usage { cached_read: 251, ..prompt },
        Usage { cached_write_5m: 251, ..prompt },
        Usage { cached_write_1h: 251, ..prompt },
    ] {
        assert_eq!(price.billed(Tier::Standard, longer.input()).input, 110);
    }
}

#[test]
fn the_order_of_tiers_does_not_matter() {
    let mut price = full();
    price.long_context.reverse();
    assert_eq!(price.billed(Tier::Standard, 2_001), full().billed(Tier::Standard, 2_001));
}

#[test]
fn absurd_counts_stop_at_a_number_instead_of_wrapping() {
    let max = u64::MAX;
    let tokens =
        Usage { uncached: max, cached_read: max, cached_write_5m: 1, cached_write_1h: 0, output: max, reasoning: 0 };
    assert_eq!(tokens.input(), max);
    let price = Price { input: max, output: max, ..Price::default() };
    assert_eq!(price.cost(&tokens, Tier::Standard), Money::from_picodollars(u128::MAX));
    assert_eq!(Money::from_picodollars(u128::MAX).as_microdollars(), max);
}

#[test]
fn money_shows_as_dollars_with_every_digit_that_counts() {
    let rows = [
        (0, "0.000000"),
        (1, "0.000000000001"),
        (1_234_000_000, "0.001234"),
        (1_234_500_000, "0.0012345"),
        (1_000_000_000_000, "1.000000"),
        (12_000_000_000_010, "12.00000000001"),
        (999_999_999_999, "0.999999999999"),
        (1_500_000_000_000_000, "1500.000000"),
    ];
    for (picodollars, expected) in rows {
        assert_eq!(Money::from_picodollars(picodollars).to_string(), expected);
    }
}

#[test]
fn microdollars_are_rounded_up() {
    for (picodollars, expected) in
        [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (39_000_000_000, 39_000)]
    {
        assert_eq!(Money::from_picodollars(picodollars).as_microdollars(), expected);
    }
}

#[test]
fn sums_and_differences_stay_in_range() {
    let [one, two] = [1, 2].map(Money::from_picodollars);
    assert_eq!(one + two, Money::from_picodollars(3));
    assert_eq!([one, two, two].into_iter().sum::<Money>(), Money::from_picodollars(5));
    assert_eq!((two.saturating_sub(one), one.saturating_sub(two)), (one, Money::ZERO));
    assert_eq!(Money::from_picodollars(u128::MAX) + one, Money::from_picodollars(u128::MAX));
}
