use super::*;

fn money(picodollars: u128) -> Option<Money> {
    Some(Money::from_picodollars(picodollars))
}

#[test]
fn of_two_amounts_the_larger_counts_in_each_unit() {
    let (one, other) =
        (Amounts { money: money(5), tokens: 10, reasoning: 3 }, Amounts { money: money(4), tokens: 11, reasoning: 2 });
    assert_eq!(one.larger(other), Amounts { money: money(5), tokens: 11, reasoning: 3 });
    assert_eq!(one.larger(Amounts { money: None, ..other }), Amounts { money: None, tokens: 11, reasoning: 3 });
    assert_eq!(Amounts { money: None, ..one }.larger(other).money, None);
}

#[test]
fn an_unknown_price_is_not_a_price_of_nothing() {
    assert_eq!(Amounts::nothing().of(Unit::Usd), Some(0));
    assert_eq!(Amounts::default().of(Unit::Usd), None);
    let amounts = Amounts { money: money(5), tokens: 10, reasoning: 3 };
    let units = [Unit::Usd, Unit::Tokens, Unit::ReasoningTokens, Unit::Requests];
    assert_eq!(units.map(|unit| amounts.of(unit)), [5, 10, 3, 1].map(Some));
}
