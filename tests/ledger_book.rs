//! What a ledger's object does over its rows: whatever fails, what it holds in memory is what it has written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use nearhit::ledger::book::{Answer, Ask, Retention, Settlement};
use nearhit::ledger::budget::{self, Actual, Amounts, Budget, How};
use nearhit::ledger::prices::Money;
use nearhit::ledger::record::{Kind, Latency, Nearness, RequestRecord, Saved};
use nearhit::ledger::totals::query::{Asked, Query};
use nearhit::ledger::totals::recent::{EventKind, Forget};
use serde_json::json;
use world::books::Books;

const NOW_MS: u64 = 1_700_000_000_000;
const RETENTION: Retention = Retention { minutes_ms: 3_600_000, hours_ms: 86_400_000, days_ms: 10 * 86_400_000 };

fn record(id: u8) -> RequestRecord {
    RequestRecord {
        id: [id; 16],
        at_ms: NOW_MS,
        tenant: Some("acme".into()),
        tags: vec![("feature".into(), "search".into())],
        route: None,
        model: "openai/m".into(),
        kind: Kind::Miss,
        reason: String::new(),
        status: 200,
        usage: None,
        estimated: false,
        cost: Some(Money::from_picodollars(1_000)),
        saved: Saved::default(),
        latency: Latency::default(),
        near: None,
        lost: 0,
    }
}

fn tell(books: &Books, records: Vec<RequestRecord>, now_ms: u64) -> bool {
    let ask = Ask::Record { records, settle: Vec::new(), retention: RETENTION };
    books.carry_out("acme", ask, now_ms).is_ok()
}

/// Requests by minute, from an hour before `now_ms` on.
fn counted(books: &Books, now_ms: u64) -> Vec<u64> {
    let asked = Asked {
        from_ms: Some(now_ms - 3_600_000),
        to_ms: Some(now_ms + 60_000),
        grain: Some("minute"),
        ..Asked::default()
    };
    let query = Query::read(&asked, now_ms).unwrap();
    let Ok(Answer::Usage(span)) = books.carry_out("acme", Ask::Usage(query), now_ms) else { unreachable!() };
    span.series.values().map(nearhit::ledger::totals::Cell::requests).collect()
}

fn budget(limit: u64) -> Box<Budget> {
    Box::new(budget::read(&json!({"name": "b", "unit": "tokens", "limit": limit, "period": "total"})).unwrap())
}

fn reserve(books: &Books, id: u8, tokens: u64) -> Answer {
    let estimate = Amounts { tokens: Some(tokens), ..Amounts::nothing() };
    let ask = budget::Ask { tags: Vec::new(), models: vec!["openai/m".into()], estimate };
    books.carry_out("acme", Ask::Reserve { id: [id; 16], ask, deadline_ms: NOW_MS + 60_000 }, NOW_MS).unwrap()
}

fn headroom(books: &Books) -> u128 {
    let Ok(Answer::Budgets(views)) = books.carry_out("acme", Ask::Budgets, NOW_MS) else { unreachable!() };
    views[0].headroom
}

#[test]
fn a_record_that_is_told_twice_counts_once_and_a_crash_loses_nothing_that_was_acknowledged() {
    let books = Books::default();
    assert!(tell(&books, vec![record(1), record(2)], NOW_MS));
    assert!(tell(&books, vec![record(2), record(3)], NOW_MS));
    assert_eq!(counted(&books, NOW_MS), [3]);
    books.crash();
    assert!(tell(&books, vec![record(4)], NOW_MS));
    assert_eq!(counted(&books, NOW_MS), [4]);
}

#[test]
fn a_record_that_is_told_twice_counts_once_however_many_come_in_between() {
    let books = Books::default();
    let number = |k: u32| {
        let mut one = record(1);
        one.id[..4].copy_from_slice(&k.to_be_bytes());
        one
    };
    assert!(tell(&books, (0..3_000).map(number).collect(), NOW_MS));
    assert!(tell(&books, vec![number(0)], NOW_MS + 30_000));
    assert_eq!(counted(&books, NOW_MS).iter().sum::<u64>(), 3_000);
}

#[test]
fn what_could_not_be_written_is_in_no_sum_and_holds_no_budget() {
    let books = Books::default();
    books.carry_out("acme", Ask::SetBudget(budget(100), How::Create), NOW_MS).unwrap();
    assert!(tell(&books, vec![record(1)], NOW_MS));
    books.fill_disk("acme", true);
    assert!(!tell(&books, vec![record(2)], NOW_MS));
    let estimate = Amounts { tokens: Some(60), ..Amounts::nothing() };
    let ask = budget::Ask { tags: Vec::new(), models: vec!["openai/m".into()], estimate };
    let ask = Ask::Reserve { id: [1; 16], ask, deadline_ms: NOW_MS + 60_000 };
    assert!(books.carry_out("acme", ask, NOW_MS).is_err(), "a reservation that is not durable is none");
    books.fill_disk("acme", false);
    assert_eq!((counted(&books, NOW_MS), headroom(&books)), (vec![1], 100));
    assert!(tell(&books, vec![record(2)], NOW_MS), "and it may be told again");
    assert_eq!(counted(&books, NOW_MS), [2]);
}

#[test]
fn reservations_outlive_the_object_and_settle_once() {
    let books = Books::default();
    books.carry_out("acme", Ask::SetBudget(budget(100), How::Create), NOW_MS).unwrap();
    assert!(matches!(reserve(&books, 1, 60), Answer::Reserved { held: true, .. }));
    assert!(matches!(reserve(&books, 2, 60), Answer::Refused(..)));
    books.crash();
    assert_eq!(headroom(&books), 40);
    assert!(matches!(reserve(&books, 2, 60), Answer::Refused(..)));
    let actual = Actual {
        tags: Vec::new(),
        model: "openai/m".into(),
        amounts: Amounts { tokens: Some(10), ..Amounts::nothing() },
    };
    for _ in 0..2 {
        books.carry_out("acme", Ask::Settle(Settlement { id: [1; 16], actual: actual.clone() }), NOW_MS).unwrap();
        books.crash();
    }
    assert_eq!(headroom(&books), 90);
}

#[test]
fn sums_leave_when_their_time_is_over_and_events_when_there_are_too_many() {
    let books = Books::default();
    for minute in 0..120 {
        let mut near = record(minute);
        near.near = Some(Nearness { score: 0.9, entry: "e".into(), asked: format!("question {minute}") });
        assert!(tell(&books, vec![near], NOW_MS + u64::from(minute) * 60_000));
    }
    let last_ms = NOW_MS + 119 * 60_000;
    let asked =
        Asked { from_ms: Some(NOW_MS), to_ms: Some(last_ms + 60_000), grain: Some("minute"), ..Asked::default() };
    let query = Query::read(&asked, last_ms).unwrap();
    let Ok(Answer::Usage(span)) = books.carry_out("acme", Ask::Usage(query), last_ms) else { unreachable!() };
    assert_eq!(span.series.len(), 61, "the running minute and the hour before it");
    let events = |books: &Books| match books.carry_out("acme", Ask::Events(None, 500), last_ms) {
        Ok(Answer::Events(events)) => events,
        _ => unreachable!(),
    };
    assert_eq!((events(&books).len(), events(&books)[0].asked.as_str()), (120, "question 119"));
    for round in 0..30_u8 {
        let many = (0..20_u8).map(|k| {
            let mut near = RequestRecord { id: [round, k, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7], ..record(0) };
            near.near = Some(Nearness::default());
            near
        });
        assert!(tell(&books, many.collect(), last_ms));
    }
    assert_eq!(events(&books).len(), 200);
    books.carry_out("acme", Ask::ForgetEvents(Forget::All), last_ms).unwrap();
    assert_eq!(events(&books).len(), 0);
}

#[test]
fn the_last_two_hundred_events_are_kept_and_come_newest_first_by_kind_as_well() {
    let books = Books::default();
    for at_ms in 0..250_u64 {
        let kind = if at_ms % 2 == 0 { Kind::HitSemantic } else { Kind::Miss };
        let mut id = [9; 16];
        id[..8].copy_from_slice(&at_ms.to_be_bytes());
        let near = Some(Nearness::default());
        assert!(tell(&books, vec![RequestRecord { id, at_ms, kind, near, ..record(0) }], NOW_MS));
    }
    let times = |kind| match books.carry_out("acme", Ask::Events(kind, 500), NOW_MS) {
        Ok(Answer::Events(events)) => events.iter().map(|event| event.at_ms).collect::<Vec<_>>(),
        _ => unreachable!(),
    };
    assert_eq!(times(None), (50..250).rev().collect::<Vec<_>>());
    assert_eq!(times(Some(EventKind::Hit)), (50..250).rev().filter(|at| at % 2 == 0).collect::<Vec<_>>());
    assert_eq!(times(Some(EventKind::NearMiss)), (50..250).rev().filter(|at| at % 2 == 1).collect::<Vec<_>>());
    books.crash();
    assert_eq!(times(None).len(), 200, "they are rows");
}
