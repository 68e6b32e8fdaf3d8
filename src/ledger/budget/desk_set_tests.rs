//! What the operator does at a desk.

use super::*;

#[test]
fn a_change_keeps_what_was_spent_and_reserved_and_when_it_was_made() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    world.settle(1, &actual(700), NOW_MS);
    assert_eq!(world.reserve(2, &ask(200), NOW_MS), Ok(true));
    for (period, limit) in [(Period::Month, 800), (Period::Total, 2000), (Period::Day, 1000), (Period::Week, 901)] {
        let changed = Budget { period, ..budget("all", Unit::Usd, limit) };
        let changes = world.desk.set(changed, How::Replace, NOW_MS + 5000).unwrap();
        world.write(changes);
        let view = world.desk.get("all", NOW_MS + 5000).unwrap();
        assert_eq!((view.budget.running.spent, view.reserved, view.budget.limit), (700, 200, limit));
        assert_eq!((view.headroom, view.budget.created_ms), (limit.saturating_sub(900), NOW_MS));
    }
    assert_eq!(world.used("all", NOW_MS + 7 * DAY_MS), (0, 200));
}

#[test]
fn what_was_spent_yesterday_does_not_come_back_with_a_longer_period() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    world.settle(1, &actual(700), NOW_MS);
    let longer = Budget { period: Period::Total, ..budget("all", Unit::Usd, 1000) };
    let changes = world.desk.set(longer, How::Replace, NOW_MS + DAY_MS).unwrap();
    world.write(changes);
    assert_eq!(world.used("all", NOW_MS + DAY_MS), (0, 0));
}

#[test]
fn each_no_to_the_operator_has_its_name() {
    let mut world = World::of((0..MAX_BUDGETS).map(|k| budget(&format!("b{k}"), Unit::Usd, 1)));
    let before = world.desk.clone();
    let table = [
        (budget("b0", Unit::Usd, 5), How::Create, SetRefusal::Taken),
        (budget("other", Unit::Usd, 5), How::Create, SetRefusal::TooMany),
        (budget("other", Unit::Usd, 5), How::Replace, SetRefusal::Unknown),
        (budget("b0", Unit::Tokens, 5), How::Replace, SetRefusal::OtherUnit),
    ];
    for (budget, how, expected) in table {
        assert_eq!(world.desk.set(budget, how, NOW_MS), Err(expected));
    }
    assert_eq!(world.desk.remove("other"), Err(SetRefusal::Unknown));
    assert_eq!(world.desk, before);
    let changes = world.desk.remove("b0").unwrap();
    world.write(changes);
    assert!(world.desk.set(budget("other", Unit::Usd, 5), How::Create, NOW_MS).is_ok());
}

#[test]
fn a_removed_budget_is_gone_and_its_name_is_free_for_another_unit() {
    let mut world = World::of([budget("all", Unit::Usd, 1000), budget("tokens", Unit::Tokens, 1000)]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    let changes = world.desk.remove("all").unwrap();
    world.write(changes);
    assert!(world.desk.get("all", NOW_MS).is_none());
    for (unit, expected) in [(Unit::Usd, 300), (Unit::Tokens, 0)] {
        let changes = world.desk.set(budget("all", unit, 1000), How::Create, NOW_MS).unwrap();
        world.write(changes);
        assert_eq!(world.used("all", NOW_MS), (0, expected));
        let changes = world.desk.remove("all").unwrap();
        world.write(changes);
    }
    world.settle(1, &actual(40), NOW_MS);
    assert_eq!(world.used("tokens", NOW_MS), (10, 0));
    let changes = world.desk.remove("tokens").unwrap();
    world.write(changes);
    assert!(world.desk.is_empty());
}

#[test]
fn a_change_while_the_clock_is_behind_keeps_the_period() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    let next_ms = NOW_MS + DAY_MS;
    world.settle(1, &actual(700), next_ms);
    let changes = world.desk.set(budget("all", Unit::Usd, 800), How::Replace, NOW_MS).unwrap();
    world.write(changes);
    assert_eq!(world.used("all", next_ms), (700, 0));
}
