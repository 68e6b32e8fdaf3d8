use super::*;

fn money(picodollars: u128) -> Option<Money> {
    Some(Money::from_picodollars(picodollars))
}

fn amounts(picodollars: u128, tokens: u64, reasoning: u64) -> Amounts {
    Amounts { money: money(picodollars), tokens: Some(tokens), reasoning: Some(reasoning) }
}

#[test]
fn of_two_amounts_the_larger_counts_in_each_unit() {
    let (one, other) = (amounts(5, 10, 3), amounts(4, 11, 2));
    assert_eq!(one.larger(other), amounts(5, 11, 3));
    assert_eq!(one.larger(Amounts { money: None, ..other }), Amounts { money: None, ..amounts(0, 11, 3) });
    assert_eq!(one.larger(Amounts::default()), Amounts::default(), "unknown beside known is unknown");
    assert_eq!(Amounts { money: None, ..one }.larger(other).money, None);
}

#[test]
fn what_is_not_known_is_not_nothing() {
    for unit in [Unit::Usd, Unit::Tokens, Unit::ReasoningTokens] {
        assert_eq!((Amounts::nothing().of(unit), Amounts::default().of(unit)), (Some(0), None), "{unit:?}");
    }
    let amounts = amounts(5, 10, 3);
    let units = [Unit::Usd, Unit::Tokens, Unit::ReasoningTokens, Unit::Requests];
    assert_eq!(units.map(|unit| amounts.of(unit)), [5, 10, 3, 1].map(Some));
}
