use super::*;
use crate::ledger::budget::{Filter, Lapsed, Period, Relief, State};
use crate::ledger::prices::Money;

/// 25 November 2026, 12:00 UTC.
const NOW_MS: u64 = 1_795_608_000_000;
const DAY_MS: u64 = 86_400_000;
/// When the reservations here lapse.
const LATER_MS: u64 = NOW_MS + 60_000;

/// A desk and what was written of it.
#[derive(Default)]
struct World {
    desk: Desk,
    budgets: BTreeMap<String, Vec<u8>>,
    reservations: BTreeMap<Id, Vec<u8>>,
}

impl World {
    fn of(budgets: impl IntoIterator<Item = Budget>) -> Self {
        let mut world = Self::default();
        for budget in budgets {
            let changes = world.desk.set(budget, How::Create, NOW_MS).unwrap();
            world.write(changes);
        }
        world
    }

    /// Writes the changes, and checks that what is written makes the same desk.
    fn write(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::PutBudget(name, bytes) => drop(self.budgets.insert(name, bytes)),
                Change::DropBudget(name) => drop(self.budgets.remove(&name).unwrap()),
                Change::PutReservation(id, _, bytes) => drop(self.reservations.insert(id, bytes)),
                Change::DropReservation(id) => drop(self.reservations.remove(&id).unwrap()),
            }
        }
        assert_eq!(Desk::load(self.budgets.clone(), self.reservations.clone()), Ok((self.desk.clone(), Vec::new())));
    }

    fn reserve(&mut self, id: u8, ask: &Ask, now_ms: u64) -> Result<bool, Refusal> {
        let (answer, changes) = self.desk.reserve([id; 16], ask, LATER_MS, now_ms);
        self.write(changes);
        answer
    }

    fn settle(&mut self, id: u8, actual: &Actual, now_ms: u64) {
        let changes = self.desk.settle([id; 16], actual, now_ms);
        self.write(changes);
    }

    fn lapse(&mut self, now_ms: u64) {
        let changes = self.desk.lapse(now_ms);
        self.write(changes);
    }

    /// What is spent and reserved of a budget.
    fn used(&self, name: &str, now_ms: u64) -> (u128, u128) {
        let view = self.desk.get(name, now_ms).unwrap();
        (view.budget.running.spent, view.reserved)
    }
}

fn budget(name: &str, unit: Unit, limit: u128) -> Budget {
    Budget {
        name: name.to_owned(),
        filter: Filter::default(),
        unit,
        limit,
        period: Period::Day,
        soft_share: None,
        at_soft: None,
        created_ms: 0,
        running: Running::default(),
    }
}

fn for_tag(value: &str, budget: Budget) -> Budget {
    Budget { filter: Filter { tag: Some(("feature".into(), value.into())), model: None }, ..budget }
}

fn for_model(model: &str, budget: Budget) -> Budget {
    Budget { filter: Filter { tag: None, model: Some(model.into()) }, ..budget }
}

fn amounts(money: u128, tokens: u64, reasoning: u64) -> Amounts {
    Amounts { money: Some(Money::from_picodollars(money)), tokens: Some(tokens), reasoning: Some(reasoning) }
}

fn ask(money: u128) -> Ask {
    Ask { tags: Vec::new(), models: vec!["openai/gpt-5".into()], estimate: amounts(money, 100, 50) }
}

fn actual(money: u128) -> Actual {
    Actual { tags: Vec::new(), model: "openai/gpt-5".into(), amounts: amounts(money, 10, 5) }
}

fn search() -> Vec<(String, String)> {
    vec![("feature".into(), "search".into())]
}

#[test]
fn a_request_reserves_and_then_settles_in_every_budget_that_is_for_it() {
    let mut world = World::of([
        budget("all", Unit::Usd, 1000),
        for_tag("search", budget("search", Unit::Tokens, 1000)),
        for_tag("chat", budget("chat", Unit::Tokens, 1)),
        for_model("gpt-5", budget("gpt-5", Unit::ReasoningTokens, 1000)),
        for_model("groq/llama", budget("llama", Unit::Usd, 1)),
    ]);
    assert_eq!(world.reserve(1, &Ask { tags: search(), ..ask(300) }, NOW_MS), Ok(true));
    let names = ["all", "search", "chat", "gpt-5", "llama"];
    assert_eq!(names.map(|name| world.used(name, NOW_MS)), [(0, 300), (0, 100), (0, 0), (0, 50), (0, 0)]);
    world.settle(1, &Actual { tags: search(), ..actual(40) }, NOW_MS);
    assert_eq!(names.map(|name| world.used(name, NOW_MS)), [(40, 0), (10, 0), (0, 0), (5, 0), (0, 0)]);
}

#[test]
fn what_is_reserved_is_reserved_in_all_budgets_or_in_none() {
    let mut world = World::of([
        budget("a-rate", Unit::Requests, 10),
        budget("b-usd", Unit::Usd, 1000),
        budget("c-tokens", Unit::Tokens, 99),
    ]);
    let refusal = world.reserve(1, &ask(300), NOW_MS).unwrap_err();
    assert_eq!((refusal.budget.as_str(), refusal.why), ("c-tokens", Why::TooLarge));
    for name in ["a-rate", "b-usd", "c-tokens"] {
        assert_eq!(world.used(name, NOW_MS), (0, 0), "{name}");
    }
    assert_eq!(world.reservations.len(), 0);
}

#[test]
fn a_budget_is_never_reserved_beyond_its_limit() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    assert_eq!(world.reserve(1, &ask(600), NOW_MS), Ok(true));
    assert_eq!(world.reserve(2, &ask(401), NOW_MS).unwrap_err().why, Why::InFlight);
    assert_eq!(world.reserve(3, &ask(400), NOW_MS), Ok(true));
    world.settle(1, &actual(600), NOW_MS);
    assert_eq!(world.reserve(4, &ask(1), NOW_MS).unwrap_err().why, Why::InFlight);
    world.settle(3, &actual(400), NOW_MS);
    let refusal = world.reserve(5, &ask(1), NOW_MS).unwrap_err();
    assert_eq!((refusal.why, refusal.retry_after_secs), (Why::Spent, Some(12 * 3600)));
    assert_eq!(world.desk.get("all", NOW_MS).unwrap().state, State::Exhausted);
    assert_eq!(world.reserve(6, &ask(0), NOW_MS), Ok(true), "what costs nothing passes");
}

#[test]
fn of_several_refusals_the_lasting_one_is_told() {
    let minute = Budget { period: Period::Minute, ..budget("a-rate", Unit::Requests, 1) };
    let month = Budget { period: Period::Month, ..budget("b-month", Unit::Usd, 100) };
    let mut world = World::of([minute, month, budget("c-day", Unit::Usd, 100)]);
    assert_eq!(world.reserve(1, &ask(100), NOW_MS), Ok(true));
    assert_eq!(world.reserve(2, &ask(1), NOW_MS).unwrap_err().budget, "a-rate", "the others are only in flight");
    world.settle(1, &actual(100), NOW_MS);
    assert_eq!(world.reserve(3, &ask(1), NOW_MS).unwrap_err().budget, "b-month");
    assert_eq!(world.reserve(4, &ask(101), NOW_MS).unwrap_err().why, Why::TooLarge);
}

#[test]
fn without_a_price_a_budget_of_money_refuses_and_others_do_not() {
    let unpriced = Ask { estimate: Amounts { money: None, ..amounts(0, 100, 50) }, ..ask(0) };
    let mut world =
        World::of([budget("tokens", Unit::Tokens, 1000), for_tag("search", budget("usd", Unit::Usd, 1000))]);
    assert_eq!(world.reserve(1, &unpriced, NOW_MS), Ok(true));
    let refusal = world.reserve(2, &Ask { tags: search(), ..unpriced }, NOW_MS).unwrap_err();
    assert_eq!((refusal.budget.as_str(), refusal.why, refusal.retry_after_secs), ("usd", Why::Unpriced, None));
}

#[test]
fn an_answer_without_a_price_costs_what_was_reserved() {
    let unknown = Actual { amounts: Amounts { money: None, ..amounts(0, 10, 5) }, ..actual(0) };
    let mut world = World::of([budget("usd", Unit::Usd, 1000), budget("tokens", Unit::Tokens, 1000)]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    world.settle(1, &unknown, NOW_MS);
    assert_eq!((world.used("usd", NOW_MS), world.used("tokens", NOW_MS)), ((300, 0), (10, 0)));
    // Not even when it lapsed before.
    assert_eq!(world.reserve(2, &ask(200), NOW_MS), Ok(true));
    world.lapse(LATER_MS);
    world.settle(2, &unknown, LATER_MS);
    assert_eq!(world.used("usd", LATER_MS), (500, 0));
}

#[test]
fn what_was_not_billed_is_released_and_no_budget_is_written() {
    let mut world = World::of([budget("usd", Unit::Usd, 1000), budget("tokens", Unit::Tokens, 1000)]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    let nothing = Actual { amounts: Amounts::nothing(), ..actual(0) };
    let changes = world.desk.settle([1; 16], &nothing, NOW_MS);
    assert!(matches!(changes[..], [Change::PutReservation(_, None, _)]), "{changes:?}");
    world.write(changes);
    assert_eq!((world.used("usd", NOW_MS), world.used("tokens", NOW_MS)), ((0, 0), (0, 0)));
}

#[test]
fn a_budget_of_a_model_that_did_not_answer_is_released() {
    let mut world = World::of([
        for_model("openai/gpt-5", budget("gpt-5", Unit::Usd, 1000)),
        for_model("groq/llama", budget("llama", Unit::Usd, 1000)),
    ]);
    let either = Ask { models: vec!["openai/gpt-5".into(), "groq/llama".into()], ..ask(300) };
    assert_eq!(world.reserve(1, &either, NOW_MS), Ok(true));
    assert_eq!((world.used("gpt-5", NOW_MS), world.used("llama", NOW_MS)), ((0, 300), (0, 300)));
    world.settle(1, &Actual { model: "groq/llama".into(), ..actual(40) }, NOW_MS);
    assert_eq!((world.used("gpt-5", NOW_MS), world.used("llama", NOW_MS)), ((0, 0), (40, 0)));
}

#[test]
fn requests_count_when_they_are_let_in_and_only_then() {
    let minute = Budget { period: Period::Minute, ..budget("rate", Unit::Requests, 2) };
    let mut world = World::of([minute]);
    assert_eq!(world.reserve(1, &ask(1), NOW_MS), Ok(false), "there is nothing to settle");
    assert_eq!(world.reserve(2, &ask(1), NOW_MS + 59_999), Ok(false));
    let refusal = world.reserve(3, &ask(1), NOW_MS + 59_999).unwrap_err();
    assert!(refusal.is_rate() && refusal.retry_after_secs == Some(1));
    world.settle(1, &actual(0), NOW_MS + 59_999);
    assert_eq!(world.used("rate", NOW_MS + 59_999), (2, 0));
    assert_eq!(world.reserve(4, &ask(1), NOW_MS + 60_000), Ok(false), "a new minute");
    assert_eq!(world.used("rate", NOW_MS + 60_000), (1, 0));
}

#[test]
fn a_request_that_no_budget_is_for_leaves_nothing_behind() {
    let mut world = World::of([for_tag("search", budget("search", Unit::Usd, 0))]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(false));
    assert_eq!((world.used("search", NOW_MS), world.reservations.len()), ((0, 0), 0));
}

#[test]
fn a_reservation_lapses_at_its_deadline() {
    let mut world = World::of([budget("all", Unit::Usd, 1000), budget("tokens", Unit::Tokens, 1000)]);
    assert_eq!(world.desk.due_ms(), None);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    assert_eq!(world.desk.due_ms(), Some(LATER_MS));
    world.lapse(LATER_MS - 1);
    assert_eq!(world.used("all", LATER_MS), (0, 300));
    world.lapse(LATER_MS);
    assert_eq!((world.used("all", LATER_MS), world.desk.due_ms()), ((0, 0), None));
    let lapsed = |name: &str, now_ms| world.desk.get(name, now_ms).unwrap().budget.running.lapsed;
    assert_eq!(lapsed("all", LATER_MS), Lapsed { reservations: 1, amount: 300 });
    assert_eq!(lapsed("tokens", LATER_MS), Lapsed { reservations: 1, amount: 100 });
    assert_eq!(lapsed("all", NOW_MS + DAY_MS), Lapsed::default(), "in the next period");
}

#[test]
fn what_is_overdue_makes_room_before_anything_is_refused() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    assert_eq!(world.reserve(1, &ask(1000), NOW_MS), Ok(true));
    let (answer, changes) = world.desk.reserve([2; 16], &ask(1000), LATER_MS + 60_000, LATER_MS);
    world.write(changes);
    assert_eq!((answer, world.used("all", LATER_MS)), (Ok(true), (0, 1000)));
}

#[test]
fn what_lapsed_or_is_not_known_is_charged_all_the_same() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    world.lapse(LATER_MS);
    world.settle(1, &actual(40), LATER_MS);
    world.settle(2, &actual(5), LATER_MS);
    assert_eq!(world.used("all", LATER_MS), (45, 0));
}

#[test]
fn what_is_told_twice_counts_once_even_after_a_crash() {
    let mut world = World::of([budget("all", Unit::Usd, 1000), budget("rate", Unit::Requests, 1000)]);
    for _ in 0..2 {
        assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
        assert_eq!((world.used("all", NOW_MS), world.used("rate", NOW_MS)), ((0, 300), (1, 0)));
    }
    for id in [1, 1, 2, 2] {
        world.settle(id, &actual(40), NOW_MS);
        (world.desk, _) = Desk::load(world.budgets.clone(), world.reservations.clone()).unwrap();
    }
    assert_eq!(world.used("all", NOW_MS), (80, 0));
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true), "a late copy");
    assert_eq!((world.used("all", NOW_MS), world.used("rate", NOW_MS)), ((80, 0), (1, 0)));
}

#[test]
fn what_ended_is_remembered_for_a_minute_however_much_ends_meanwhile() {
    let mut desk = World::of([budget("all", Unit::Usd, 1_000_000)]).desk;
    let id = |number: u64| [0; 8].iter().copied().chain(number.to_be_bytes()).collect::<Vec<u8>>().try_into().unwrap();
    for number in 0..5_000 {
        assert_eq!(desk.settle(id(number), &actual(1), NOW_MS + number).len(), 2);
    }
    assert_eq!(desk.settle(id(0), &actual(1), NOW_MS + 59_999), [], "it came twice");
    let changes = desk.settle(id(5_000), &actual(1), NOW_MS + 60_000);
    assert_eq!(changes.last(), Some(&Change::DropReservation(id(0))));
}

#[test]
fn a_reservation_that_arrives_after_its_end_is_none() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    let nothing = Actual { amounts: Amounts::nothing(), ..actual(0) };
    world.settle(1, &nothing, NOW_MS);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    assert_eq!(world.used("all", NOW_MS), (0, 0), "nobody would ever settle it");
}

#[test]
fn an_answer_whose_tokens_nobody_counted_took_what_was_reserved() {
    let mut world = World::of([
        budget("tokens", Unit::Tokens, 1000),
        budget("thought", Unit::ReasoningTokens, 1000),
        budget("usd", Unit::Usd, 1000),
    ]);
    let ask = Ask { estimate: amounts(300, 200, 100), ..ask(0) };
    assert_eq!(world.reserve(1, &ask, NOW_MS), Ok(true));
    world.settle(1, &Actual { amounts: Amounts::default(), ..actual(0) }, NOW_MS);
    let used = ["tokens", "thought", "usd"].map(|name| world.used(name, NOW_MS));
    assert_eq!(used, [(200, 0), (100, 0), (300, 0)]);
}

#[test]
fn what_nobody_can_measure_is_refused_by_the_budgets_that_it_may_be_for() {
    let unmeasured = |models: &[&str]| Ask {
        estimate: Amounts::default(),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        ..ask(0)
    };
    let mut world = World::of([for_model("openai/gpt-5", budget("gpt-5", Unit::Tokens, 1000))]);
    let refusal = world.reserve(1, &unmeasured(&["openai/*"]), NOW_MS).unwrap_err();
    assert_eq!((refusal.why, refusal.retry_after_secs, refusal.may_pass()), (Why::Unmeasured, None, false));
    assert!(refusal.to_string().contains("/v1/chat/completions"), "{refusal}");
    assert_eq!(world.reserve(2, &unmeasured(&["groq/*"]), NOW_MS), Ok(false), "another provider's models");
    assert_eq!(world.reserve(3, &unmeasured(&["openai/whisper-1"]), NOW_MS), Ok(false), "another model");
    let changes = world.desk.set(budget("rate", Unit::Requests, 1000), How::Create, NOW_MS).unwrap();
    world.write(changes);
    assert_eq!(world.reserve(4, &unmeasured(&["groq/*"]), NOW_MS), Ok(false), "a request is one, whatever it takes");
}

#[test]
fn in_a_new_period_nothing_is_spent_and_requests_under_way_still_hold() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    world.settle(1, &actual(700), NOW_MS);
    let (answer, changes) = world.desk.reserve([2; 16], &ask(300), NOW_MS + 2 * DAY_MS, NOW_MS);
    world.write(changes);
    assert_eq!((answer, world.used("all", NOW_MS)), (Ok(true), (700, 300)));
    let next_ms = NOW_MS + DAY_MS;
    assert_eq!(world.used("all", next_ms), (0, 300));
    world.settle(2, &actual(200), next_ms);
    assert_eq!(world.used("all", next_ms), (200, 0), "what was reserved before counts where it is settled");
}

#[test]
fn strained_budgets_count_what_is_reserved() {
    let relief = Relief { tier: Some("cheap".into()), ..Relief::default() };
    let soft = Budget { soft_share: Some(800), at_soft: Some(relief.clone()), ..budget("soft", Unit::Usd, 1000) };
    let mut world = World::of([for_tag("search", soft), budget("hard", Unit::Usd, 1000)]);
    let ask = |money| Ask { tags: search(), ..ask(money) };
    assert_eq!(world.reserve(1, &ask(799), NOW_MS), Ok(true));
    assert_eq!(world.desk.strained(NOW_MS), []);
    assert_eq!(world.reserve(2, &ask(1), NOW_MS), Ok(true));
    let strained = world.desk.strained(NOW_MS);
    assert_eq!(
        strained.iter().map(|one| (&*one.budget, one.used_per_mille, &one.relief)).collect::<Vec<_>>(),
        [("soft", 800, &relief)]
    );
    world.settle(1, &Actual { tags: search(), ..actual(0) }, NOW_MS);
    assert_eq!(world.desk.strained(NOW_MS), []);
}

#[test]
fn too_many_at_once_is_a_refusal_of_its_own() {
    let mut desk =
        World::of([for_tag("search", budget("rate", Unit::Requests, 1_000_000)), budget("usd", Unit::Usd, 1_000_000)])
            .desk;
    let id = |number: usize| number.to_be_bytes().repeat(2).try_into().unwrap();
    for number in 0..crate::ledger::budget::MAX_OPEN {
        assert_eq!(desk.reserve(id(number), &ask(1), LATER_MS, NOW_MS).0, Ok(true));
    }
    let (answer, changes) = desk.reserve([255; 16], &Ask { tags: search(), ..ask(1) }, LATER_MS, NOW_MS);
    let refusal = answer.unwrap_err();
    assert_eq!((&*refusal.budget, refusal.why, refusal.retry_after_secs), ("usd", Why::TooManyOpen, Some(5)));
    assert_eq!((changes, desk.get("rate", NOW_MS).unwrap().budget.running.spent), (Vec::new(), 0));
    desk.settle(id(7), &actual(1), NOW_MS);
    assert_eq!(desk.reserve([255; 16], &ask(1), LATER_MS, NOW_MS).0, Ok(true));
    assert!(desk.lapse(LATER_MS).len() > 20_000);
    assert_eq!(desk.get("usd", LATER_MS).unwrap().reserved, 0);
}

#[test]
fn a_budget_that_cannot_be_read_is_an_error_and_a_reservation_is_dropped() {
    let mut world = World::of([budget("all", Unit::Usd, 1000)]);
    assert_eq!(world.reserve(1, &ask(300), NOW_MS), Ok(true));
    let mut cut = world.reservations.clone();
    cut.get_mut(&[1; 16]).unwrap().pop();
    let (desk, changes) = Desk::load(world.budgets.clone(), cut).unwrap();
    assert_eq!(changes, [Change::DropReservation([1; 16])]);
    assert_eq!(desk.get("all", NOW_MS).unwrap().reserved, 0);
    world.budgets.get_mut("all").unwrap().pop();
    assert_eq!(Desk::load(world.budgets, []), Err(Unreadable("all".into())));
}

#[test]
fn absurd_amounts_stop_at_the_largest_one() {
    let mut world = World::of([budget("all", Unit::Usd, 1000), budget("tokens", Unit::Tokens, 1000)]);
    for id in 1..4 {
        let actual = Actual { amounts: amounts(u128::MAX, u64::MAX, u64::MAX), ..actual(0) };
        world.settle(id, &actual, NOW_MS);
    }
    assert_eq!(world.used("all", NOW_MS).0, u128::MAX);
    assert_eq!(world.used("tokens", NOW_MS).0, 3 * u128::from(u64::MAX));
    assert_eq!(world.reserve(9, &ask(1), NOW_MS).unwrap_err().why, Why::Spent);
}

#[path = "desk_set_tests.rs"]
mod set;
