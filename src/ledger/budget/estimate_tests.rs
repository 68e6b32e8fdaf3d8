use super::*;
use crate::canonical::Usage;
use crate::ledger::prices::{Facts, LongContext, Rates};

/// A model whose writes to the prefix cache cost more than its input, and whose reasoning more than its output.
fn price() -> Price {
    Price {
        input: 10,
        output: 50,
        cached_read: Some(1),
        cached_write_5m: Some(12),
        cached_write_1h: Some(20),
        reasoning: Some(60),
        facts: Facts { max_input_tokens: Some(200_000), max_output_tokens: Some(64_000), ..Facts::default() },
        ..Price::default()
    }
}

fn money(amounts: &Amounts) -> Option<u128> {
    amounts.money.map(Money::as_picodollars)
}

#[test]
fn tokens_follow_from_the_body_and_the_limits() {
    struct Case {
        name: &'static str,
        of: Amounts,
        input: u64,
        output: u64,
    }
    let known = price();
    let small = Price { facts: Facts { max_input_tokens: Some(8_192), ..Facts::default() }, ..price() };
    let of = |name, of, input, output| Case { name, of, input, output };
    let table = [
        of("half of the bytes", upper(Some(&known), 1000, 0, false, Some(100), 1), 500, 100),
        of("rounded up", upper(Some(&known), 1001, 0, false, Some(100), 1), 501, 100),
        of("media", upper(Some(&known), 1000, 3, false, Some(100), 1), 15_500, 100),
        of("choices", upper(Some(&known), 1000, 0, false, Some(100), 4), 500, 400),
        of("the model's longest output", upper(Some(&known), 1000, 0, false, None, 2), 500, 128_000),
        of("no fact on the output", upper(Some(&small), 1000, 0, false, None, 1), 500, 16_384),
        of("no price", upper(None, 1000, 0, false, None, 1), 500, 16_384),
        of("stored conversation", upper(Some(&known), 1000, 0, true, Some(1), 1), 200_000, 1),
        of("stored, small model", upper(Some(&small), 1000, 0, true, Some(1), 1), 8_192, 1),
        of("stored, no price", upper(None, 1000, 0, true, Some(1), 1), 128_000, 1),
        of("stored, but the body is longer", upper(None, 1_000_000, 0, true, Some(1), 1), 500_000, 1),
        of("an output of nothing", upper(Some(&known), 2, 0, false, Some(0), 1), 1, 0),
        of("no body", upper(Some(&known), 0, 0, false, Some(7), 1), 0, 7),
    ];
    for Case { name, of, input, output } in table {
        assert_eq!((of.tokens, of.reasoning), (Some(input + output), Some(output)), "{name}");
    }
}

#[test]
fn money_is_that_of_the_dearest_kinds_of_tokens() {
    let amounts = upper(Some(&price()), 1000, 0, false, Some(100), 1);
    assert_eq!(money(&amounts), Some(500 * 20 + 100 * 60));
    let plain = Price { input: 10, output: 50, ..Price::default() };
    assert_eq!(money(&upper(Some(&plain), 1000, 0, false, Some(100), 1)), Some(500 * 10 + 100 * 50));
    assert_eq!(money(&upper(None, 1000, 0, false, Some(100), 1)), None);
}

#[test]
fn a_long_prompt_costs_what_its_tier_does() {
    let tier = |above_tokens, input, output| LongContext {
        above_tokens,
        standard: Rates { input: Some(input), output: Some(output), ..Rates::default() },
        batch: Rates::default(),
    };
    let plain = Price { input: 10, output: 50, ..Price::default() };
    let long = Price { long_context: vec![tier(1000, 20, 75)], ..plain.clone() };
    assert_eq!(money(&upper(Some(&long), 2000, 0, false, Some(10), 1)), Some(1000 * 10 + 10 * 50));
    assert_eq!(money(&upper(Some(&long), 2002, 0, false, Some(10), 1)), Some(1001 * 20 + 10 * 75));
    // The prompt may turn out shorter, and this tier is cheaper.
    let cheaper = Price { long_context: vec![tier(1000, 20, 40), tier(5000, 5, 75)], ..plain };
    assert_eq!(money(&upper(Some(&cheaper), 20_000, 0, false, Some(10), 1)), Some(10_000 * 20 + 10 * 75));
}

#[test]
fn no_split_of_the_estimated_tokens_costs_more() {
    let amounts = upper(Some(&price()), 600, 0, false, Some(200), 1);
    let most = amounts.money.unwrap();
    for (uncached, cached_read, cached_write_5m) in [(300, 0, 0), (0, 300, 0), (0, 0, 300), (0, 0, 0), (100, 100, 50)] {
        let cached_write_1h = 300 - uncached - cached_read - cached_write_5m;
        for reasoning in [0, 50, 200] {
            let usage = Usage { uncached, cached_read, cached_write_5m, cached_write_1h, output: 200, reasoning };
            assert!(price().cost(&usage, Tier::Standard) <= most, "{usage:?}");
            assert!(price().cost(&usage, Tier::Batch) <= most, "{usage:?}");
        }
    }
}

#[test]
fn absurd_numbers_stop_at_the_largest_one() {
    let dear = Price { input: u64::MAX, output: u64::MAX, ..Price::default() };
    let amounts = upper(Some(&dear), usize::MAX, usize::MAX, true, Some(u64::MAX), u64::MAX);
    assert_eq!((amounts.tokens, amounts.reasoning), (Some(u64::MAX), Some(u64::MAX)));
    assert_eq!(money(&amounts), Some(u128::MAX));
}
