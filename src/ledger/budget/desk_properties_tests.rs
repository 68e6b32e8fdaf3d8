//! Whatever happens in whatever order, the limits hold, and a crash changes nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ledger::budget::{Filter, Period};
use crate::ledger::prices::Money;

const START_MS: u64 = 1_795_608_000_000;
const TAGS: [&str; 4] = ["search", "chat", "'; DROP TABLE budgets; --", "\u{0}%"];
const MODELS: [&str; 3] = ["openai/gpt-5", "azure/gpt-5", "groq/llama"];

/// Something that happens at a desk.
#[derive(Clone, Debug)]
enum Event {
    Reserve {
        id: u8,
        tag: usize,
        models: usize,
        money: Option<u16>,
        tokens: u16,
        reasoning: u16,
        wait_ms: u64,
    },
    /// Shares are of what was reserved, in 255ths; nothing for a price that is not known.
    Settle {
        id: u8,
        model: usize,
        money: Option<u8>,
        tokens: Option<u8>,
        reasoning: u8,
    },
    Lapse,
    Crash,
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let reserve =
        (0..12_u8, 0..TAGS.len(), 0..MODELS.len(), option(0..400_u16), 0..400_u16, 0..400_u16, 1..200_000_u64);
    let settle = (0..12_u8, 0..MODELS.len(), option(any::<u8>()), option(any::<u8>()), any::<u8>());
    prop_oneof![
        6 => reserve.prop_map(|(id, tag, models, money, tokens, reasoning, wait_ms)| Event::Reserve {
            id, tag, models, money, tokens, reasoning, wait_ms
        }),
        4 => settle.prop_map(|(id, model, money, tokens, reasoning)| Event::Settle {
            id, model, money, tokens, reasoning
        }),
        1 => Just(Event::Lapse),
        1 => Just(Event::Crash),
        2 => prop_oneof![Just(1_000), Just(61_000), Just(86_400_000), 0..40_000_000_u64].prop_map(Event::Wait),
    ]
}

/// Most of the time there is one.
fn option<T: Clone + std::fmt::Debug>(some: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop_oneof![9 => some.prop_map(Some), 1 => Just(None)]
}

/// A budget: tag, model, unit, period and limit, by their places where there is a list.
type Drawn = (Option<usize>, Option<&'static str>, usize, usize, u128);

fn budgets() -> impl Strategy<Value = Vec<Budget>> {
    let tag = prop_oneof![Just(None), (0..TAGS.len()).prop_map(Some)];
    let model = prop_oneof![Just(None), Just(Some("gpt-5")), (0..MODELS.len()).prop_map(|model| Some(MODELS[model]))];
    let drawn = (tag, model, 0..Unit::NAMES.len(), 0..Period::NAMES.len(), 0..1500_u128);
    prop::collection::vec(drawn, 1..6).prop_map(|all| all.into_iter().enumerate().map(budget).collect())
}

fn budget((place, (tag, model, unit, period, limit)): (usize, Drawn)) -> Budget {
    Budget {
        name: format!("budget-{place}"),
        filter: Filter {
            tag: tag.map(|tag| ("feature".to_owned(), TAGS[tag].to_owned())),
            model: model.map(str::to_owned),
        },
        unit: Unit::NAMES[unit].1,
        limit,
        period: Period::NAMES[period].1,
        soft_share: None,
        at_soft: None,
        created_ms: 0,
        running: Running::default(),
    }
}

/// A desk beside the books of somebody who adds up on paper: who holds what, and what was spent in this period.
struct Audit {
    desk: Desk,
    budgets: BTreeMap<String, Vec<u8>>,
    reservations: BTreeMap<Id, Vec<u8>>,
    now_ms: u64,
    open: BTreeMap<u8, (Ask, u64)>,
    ended: Vec<u8>,
    spent: BTreeMap<String, (u64, u128)>,
}

impl Audit {
    fn new(budgets: &[Budget]) -> Self {
        let mut audit = Self {
            desk: Desk::default(),
            budgets: BTreeMap::new(),
            reservations: BTreeMap::new(),
            now_ms: START_MS,
            open: BTreeMap::new(),
            ended: Vec::new(),
            spent: BTreeMap::new(),
        };
        for budget in budgets {
            let changes = audit.desk.set(budget.clone(), How::Create, START_MS).unwrap();
            audit.write(changes);
        }
        audit
    }

    fn write(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::PutBudget(name, bytes) => drop(self.budgets.insert(name, bytes)),
                Change::DropBudget(name) => drop(self.budgets.remove(&name)),
                Change::PutReservation(id, _, bytes) => drop(self.reservations.insert(id, bytes)),
                Change::DropReservation(id) => drop(self.reservations.remove(&id)),
            }
        }
    }

    /// Adds to the books, in the period of now.
    fn spend(&mut self, budget: &Budget, amount: u128) {
        let start_ms = budget.period.start(self.now_ms);
        let (period, spent) = self.spent.entry(budget.name.clone()).or_default();
        if *period != start_ms {
            (*period, *spent) = (start_ms, 0);
        }
        *spent += amount;
    }

    fn overdue_ends(&mut self) {
        let now_ms = self.now_ms;
        let overdue = self.open.extract_if(.., |_, (_, deadline_ms)| *deadline_ms <= now_ms);
        self.ended.extend(overdue.map(|(id, _)| id));
    }

    fn happen(&mut self, budgets: &[Budget], event: &Event) {
        match *event {
            Event::Reserve { id, tag, models, money, tokens, reasoning, wait_ms } => {
                // An id is used for one request only.
                if self.open.contains_key(&id) || self.ended.contains(&id) {
                    return;
                }
                let estimate = Amounts {
                    money: money.map(|money| Money::from_picodollars(money.into())),
                    tokens: Some(tokens.into()),
                    reasoning: Some(reasoning.into()),
                };
                let models = MODELS[..=models].iter().map(|model| (*model).to_owned()).collect();
                let ask = Ask { tags: vec![("feature".to_owned(), TAGS[tag].to_owned())], models, estimate };
                let (answer, changes) = self.desk.reserve([id; 16], &ask, self.now_ms + wait_ms, self.now_ms);
                self.write(changes);
                self.overdue_ends();
                let Ok(is_held) = answer else { return };
                for budget in budgets {
                    if budget.unit == Unit::Requests && budget.filter.matches(&ask.tags, &ask.models) {
                        self.spend(budget, 1);
                    }
                }
                if is_held {
                    self.open.insert(id, (ask, self.now_ms + wait_ms));
                }
            }
            Event::Settle { id, model, money, tokens, reasoning } => {
                self.settle(budgets, id, (model, money, tokens, reasoning))
            }
            Event::Lapse => {
                let changes = self.desk.lapse(self.now_ms);
                self.write(changes);
                self.overdue_ends();
            }
            Event::Crash => {
                let (desk, changes) = Desk::load(self.budgets.clone(), self.reservations.clone()).unwrap();
                assert_eq!(changes, []);
                self.desk = desk;
            }
            Event::Wait(ms) => self.now_ms += ms,
        }
    }

    /// Settles with at most what was reserved; once more when that was done before.
    fn settle(
        &mut self,
        budgets: &[Budget],
        id: u8,
        (model, money, tokens, reasoning): (usize, Option<u8>, Option<u8>, u8),
    ) {
        let Some((ask, _)) = self.open.remove(&id) else {
            if self.ended.contains(&id) {
                let nothing = Actual { amounts: Amounts::nothing(), ..Actual::default() };
                let changes = self.desk.settle([id; 16], &nothing, self.now_ms);
                self.write(changes);
            }
            return;
        };
        let part = |whole: Option<u64>, share: u8| whole.unwrap() * u64::from(share) / 255;
        let reserved = ask.estimate.money.map_or(0, Money::as_picodollars);
        let actual = Actual {
            tags: ask.tags.clone(),
            model: ask.models[model % ask.models.len()].clone(),
            amounts: Amounts {
                money: money.map(|share| Money::from_picodollars(reserved * u128::from(share) / 255)),
                tokens: tokens.map(|share| part(ask.estimate.tokens, share)),
                reasoning: Some(part(ask.estimate.reasoning, reasoning)),
            },
        };
        for budget in budgets {
            let is_meant = budget.filter.matches(&actual.tags, std::slice::from_ref(&actual.model));
            let amount = match budget.unit {
                Unit::Requests => 0,
                // What is not known counts as what was reserved.
                unit => actual.amounts.of(unit).or(ask.estimate.of(unit)).unwrap_or_default(),
            };
            if is_meant {
                self.spend(budget, amount);
            }
        }
        for _ in 0..2 {
            let changes = self.desk.settle([id; 16], &actual, self.now_ms);
            self.write(changes);
        }
        self.ended.push(id);
    }

    fn check(&self, budgets: &[Budget]) {
        let reloaded = Desk::load(self.budgets.clone(), self.reservations.clone());
        assert_eq!(reloaded, Ok((self.desk.clone(), Vec::new())), "a crash changes something");
        assert_eq!(self.desk.due_ms(), self.open.values().map(|(_, deadline_ms)| *deadline_ms).min());
        for (budget, view) in budgets.iter().zip(self.desk.list(self.now_ms)) {
            let (period, spent) = self.spent.get(&budget.name).copied().unwrap_or_default();
            let spent = if period == budget.period.start(self.now_ms) { spent } else { 0 };
            let holds = self.open.values().filter(|(ask, _)| budget.filter.matches(&ask.tags, &ask.models));
            let reserved: u128 = match budget.unit {
                Unit::Requests => 0,
                unit => holds.map(|(ask, _)| ask.estimate.of(unit).unwrap()).sum(),
            };
            assert_eq!((view.budget.running.spent, view.reserved), (spent, reserved), "{}", budget.name);
            assert!(spent + reserved <= budget.limit, "{} is over its limit", budget.name);
            assert_eq!(view.headroom, budget.limit - spent - reserved);
        }
    }
}

proptest! {
    #[test]
    fn limits_hold_and_the_books_agree(budgets in budgets(), events in prop::collection::vec(event(), 1..80)) {
        let mut audit = Audit::new(&budgets);
        for event in &events {
            audit.happen(&budgets, event);
            audit.check(&budgets);
        }
    }

    #[test]
    fn settling_what_nobody_knows_never_gives_anything_back(
        budgets in budgets(),
        money in option(0..5000_u128),
        tokens in 0..5000_u64,
    ) {
        let mut audit = Audit::new(&budgets);
        let amounts = Amounts { money: money.map(Money::from_picodollars), tokens: Some(tokens), reasoning: Some(tokens / 2) };
        let actual = Actual { tags: Vec::new(), model: MODELS[0].to_owned(), amounts };
        let changes = audit.desk.settle([7; 16], &actual, START_MS);
        audit.write(changes);
        for (budget, view) in budgets.iter().zip(audit.desk.list(START_MS)) {
            let is_meant = budget.unit != Unit::Requests && budget.filter.matches(&[], &[MODELS[0].to_owned()]);
            let expected = if is_meant { amounts.of(budget.unit).unwrap_or_default() } else { 0 };
            prop_assert_eq!((view.budget.running.spent, view.reserved), (expected, 0));
        }
    }
}
