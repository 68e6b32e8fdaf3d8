use super::*;

fn route(tiers: &[Tier]) -> Route {
    let goal = |tier: &Tier| vec![Goal { upstream: "openai".into(), model: tier.as_str().into() }];
    Route {
        tiers: tiers.iter().map(|tier| (*tier, goal(tier))).collect(),
        middle_from: Some(0.3),
        frontier_from: Some(0.7),
        ..Route::default()
    }
}

fn asked(score: f32, prefix_tokens: u64) -> Asked {
    Asked { difficulty: Difficulty { score, reasons: vec!["short"] }, prefix_tokens, new_tokens: 50 }
}

/// Ten times the price a tier.
fn price(tier: Tier) -> Option<Price> {
    let overrides = serde_json::json!({
        "x/cheap": {"input": 0.1, "output": 0.4, "cached_read": 0.01, "cached_write": 0.125},
        "x/middle": {"input": 1, "output": 4, "cached_read": 0.1, "cached_write": 1.25},
        "x/frontier": {"input": 10, "output": 40, "cached_read": 1, "cached_write": 12.5},
    });
    let overrides = crate::ledger::prices::Overrides::parse(&overrides).unwrap();
    crate::ledger::prices::Prices::shipped().unwrap().with_overrides(overrides).find("x", tier.as_str())
}

fn tier(route: &Route, turns: &[Asked]) -> Tier {
    choose(route, turns, &Model::shipped().unwrap(), price).tier
}

#[test]
fn the_score_chooses_among_the_tiers_that_there_are() {
    let all = route(&[Tier::Cheap, Tier::Middle, Tier::Frontier]);
    let two = route(&[Tier::Cheap, Tier::Frontier]);
    for (score, of_all, of_two) in [
        (0.0, Tier::Cheap, Tier::Cheap),
        (0.29, Tier::Cheap, Tier::Cheap),
        (0.31, Tier::Middle, Tier::Frontier),
        (0.71, Tier::Frontier, Tier::Frontier),
    ] {
        assert_eq!((tier(&all, &[asked(score, 0)]), tier(&two, &[asked(score, 0)])), (of_all, of_two), "{score}");
    }
    assert_eq!(tier(&all, &[]), Tier::Frontier);
}

#[test]
fn a_conversation_moves_up_at_once_and_down_only_when_that_saves_more_than_its_cache_is_worth() {
    let all = route(&[Tier::Cheap, Tier::Middle, Tier::Frontier]);
    assert_eq!(tier(&all, &[asked(0.1, 0), asked(0.9, 20_000)]), Tier::Frontier);
    // A tenth of the price: the gain is larger than the loss.
    assert_eq!(tier(&all, &[asked(0.9, 0), asked(0.1, 20_000)]), Tier::Cheap);
    // Nearly the same price: the warm cache is worth more.
    let near = |tier: Tier| {
        let text = serde_json::json!({"x/a": {"input": 10, "output": 12, "cached_read": 1}, "x/b": {"input": 9, "output": 11, "cached_read": 1}});
        let overrides = crate::ledger::prices::Overrides::parse(&text).unwrap();
        let prices = crate::ledger::prices::Prices::shipped().unwrap().with_overrides(overrides);
        prices.find("x", if tier == Tier::Frontier { "a" } else { "b" })
    };
    let model = Model::shipped().unwrap();
    let chosen = choose(&all, &[asked(0.9, 0), asked(0.1, 20_000)], &model, near);
    assert_eq!(chosen.tier, Tier::Frontier);
    let Some(Stay::Priced(gain, loss)) = chosen.stays else { unreachable!() };
    assert!(gain < loss, "{gain} {loss}");
    assert!(
        chosen.header().starts_with("frontier;score=0.100;reasons=\"short\";stays;gain-usd="),
        "{}",
        chosen.header()
    );
    let chosen = choose(&all, &[asked(0.9, 0), asked(0.1, 10)], &model, |_| None);
    assert_eq!((chosen.tier, chosen.stays), (Tier::Frontier, Some(Stay::Unpriced)));
}
