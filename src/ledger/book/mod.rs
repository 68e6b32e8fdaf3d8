//! What the object of one ledger does over its rows: writes requests down in sums, and holds its budgets.

mod asks;

pub use asks::{Answer, Ask, BookRows, DeskRows, Retention, Settlement, Sheet, Standing, Write};

use std::collections::{HashSet, VecDeque};

use super::budget::{self, Desk, Id, Unreadable};
use super::record::RequestRecord;
use super::totals::grain::Grain;
use super::totals::lifetime::Lifetime;
use super::totals::page::Page;
use super::totals::query::Query;
use super::totals::recent::{Event, EventKind, Forget, MAX_EVENTS};
use super::totals::span::Span;
use super::totals::stored::Stored;
use crate::ports::ShardFault;

/// How long a ledger remembers a record to know it again, in milliseconds: a message that comes twice follows the first
/// within seconds.
const REMEMBERED_MS: u64 = 60_000;

/// Records that it remembers at most.
const MAX_REMEMBERED: usize = 100_000;

/// Events that are noted of the records of one message at most.
const EVENTS_AT_ONCE: usize = 10;

/// A ledger: its rows, and what of them is at hand.
#[derive(Debug)]
pub struct Book<R: BookRows> {
    rows: R,
    desk: Option<Desk>,
    /// The running minute, hour and day.
    pages: [Option<(u64, Page)>; 3],
    lifetime: Option<Lifetime>,
    next_event: Option<u64>,
    /// The records that came last, with when that was, in milliseconds since 1970.
    recorded: VecDeque<(u64, Id)>,
    known: HashSet<Id>,
}

impl<R: BookRows> Book<R> {
    /// A ledger over these rows. Nothing is read before it is needed.
    #[must_use]
    pub fn open(rows: R) -> Self {
        Self {
            rows,
            desk: None,
            pages: [const { None }; 3],
            lifetime: None,
            next_event: None,
            recorded: VecDeque::new(),
            known: HashSet::new(),
        }
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// When the rows cannot be read or written; nothing has changed then.
    pub fn carry_out(&mut self, ask: Ask, now_ms: u64) -> Result<Answer, ShardFault> {
        let done = self.act(ask, now_ms);
        if done.is_err() {
            // What is at hand may be ahead of the rows.
            (self.desk, self.lifetime, self.next_event) = (None, None, None);
            self.pages = [const { None }; 3];
        }
        done
    }

    fn act(&mut self, ask: Ask, now_ms: u64) -> Result<Answer, ShardFault> {
        let (mut changes, mut recorded) = (Vec::new(), Vec::new());
        let answer = match ask {
            Ask::Record { records, settle, retention } => {
                for settlement in settle {
                    self.settle(&settlement, now_ms, &mut changes)?;
                }
                let mut records = records;
                records.retain(|record| !self.known.contains(&record.id));
                self.record(&records, retention, now_ms, &mut changes)?;
                recorded = records.into_iter().map(|record| record.id).collect();
                Answer::Done
            }
            Ask::Reserve { id, ask, deadline_ms } => self.reserve(id, &ask, deadline_ms, now_ms, &mut changes)?,
            Ask::Settle(settlement) => {
                self.settle(&settlement, now_ms, &mut changes)?;
                Answer::Done
            }
            Ask::Standing => Answer::Standing(self.standing(now_ms, &mut changes)?),
            Ask::SetBudget(budget, how) => {
                let name = budget.name.clone();
                match self.desk(&mut changes)?.set(*budget, how, now_ms) {
                    Ok(made) => {
                        changes.extend(made.into_iter().map(Write::Desk));
                        Answer::Budgets(self.desk(&mut changes)?.get(&name, now_ms).into_iter().collect())
                    }
                    Err(why) => Answer::NotSet(why),
                }
            }
            Ask::RemoveBudget(name) => match self.desk(&mut changes)?.remove(&name) {
                Ok(made) => {
                    changes.extend(made.into_iter().map(Write::Desk));
                    Answer::Done
                }
                Err(why) => Answer::NotSet(why),
            },
            Ask::Budgets => {
                self.lapse(now_ms, &mut changes)?;
                Answer::Budgets(self.desk(&mut changes)?.list(now_ms))
            }
            Ask::Usage(query) => Answer::Usage(Box::new(self.usage(&query)?)),
            Ask::Lifetime => Answer::Lifetime(Box::new(self.lifetime()?.clone())),
            Ask::Events(kind, limit) => Answer::Events(self.events(kind, limit)?),
            Ask::ForgetEvents(which) => {
                self.forget_events(&which, &mut changes)?;
                Answer::Done
            }
        };
        if !changes.is_empty() {
            self.rows.write(changes)?;
        }
        self.remember(recorded, now_ms);
        Ok(answer)
    }

    fn remember(&mut self, recorded: Vec<Id>, now_ms: u64) {
        for id in recorded {
            self.recorded.push_back((now_ms, id));
            self.known.insert(id);
        }
        while let Some((at_ms, id)) = self.recorded.front()
            && (at_ms.saturating_add(REMEMBERED_MS) <= now_ms || self.recorded.len() > MAX_REMEMBERED)
        {
            self.known.remove(id);
            self.recorded.pop_front();
        }
    }

    fn desk(&mut self, changes: &mut Vec<Write>) -> Result<&mut Desk, ShardFault> {
        let desk = match self.desk.take() {
            Some(desk) => desk,
            None => {
                let (budgets, reservations) = self.rows.desk()?;
                let unreadable = |Unreadable(name)| ShardFault(format!("the budget '{name}' cannot be read"));
                let (desk, made) = Desk::load(budgets, reservations).map_err(unreadable)?;
                changes.extend(made.into_iter().map(Write::Desk));
                desk
            }
        };
        Ok(self.desk.insert(desk))
    }

    /// Ends the reservations whose deadline has passed.
    fn lapse(&mut self, now_ms: u64, changes: &mut Vec<Write>) -> Result<(), ShardFault> {
        let made = self.desk(changes)?.lapse(now_ms);
        changes.extend(made.into_iter().map(Write::Desk));
        Ok(())
    }

    fn standing(&mut self, now_ms: u64, changes: &mut Vec<Write>) -> Result<Standing, ShardFault> {
        self.lapse(now_ms, changes)?;
        let desk = self.desk(changes)?;
        Ok(Standing { any: !desk.is_empty(), strained: desk.strained(now_ms) })
    }

    fn reserve(
        &mut self,
        id: Id,
        ask: &budget::Ask,
        deadline_ms: u64,
        now_ms: u64,
        changes: &mut Vec<Write>,
    ) -> Result<Answer, ShardFault> {
        let (reserved, made) = self.desk(changes)?.reserve(id, ask, deadline_ms, now_ms);
        changes.extend(made.into_iter().map(Write::Desk));
        match reserved {
            Ok(held) => Ok(Answer::Reserved { held, standing: self.standing(now_ms, changes)? }),
            Err(refusal) => Ok(Answer::Refused(refusal, self.standing(now_ms, changes)?)),
        }
    }

    fn settle(&mut self, settlement: &Settlement, now_ms: u64, changes: &mut Vec<Write>) -> Result<(), ShardFault> {
        let made = self.desk(changes)?.settle(settlement.id, &settlement.actual, now_ms);
        changes.extend(made.into_iter().map(Write::Desk));
        Ok(())
    }

    /// Requests are counted when they are over: the running page is the only one that changes.
    fn record(
        &mut self,
        records: &[RequestRecord],
        retention: Retention,
        now_ms: u64,
        changes: &mut Vec<Write>,
    ) -> Result<(), ShardFault> {
        if records.is_empty() {
            return Ok(());
        }
        let mut overflowed = vec![false; records.len()];
        let kept = [retention.minutes_ms, retention.hours_ms, retention.days_ms];
        for ((grain, kept_ms), slot) in Grain::ALL.into_iter().zip(kept).zip(&mut self.pages) {
            let (sheet, start) = (Sheet::of(grain), grain.start(now_ms));
            let page = match slot {
                Some((since, page)) if *since == start => page,
                _ => {
                    let stored = self.rows.sheet(sheet, start)?;
                    changes.push(Write::Forget(sheet, start.saturating_sub(kept_ms)));
                    &mut slot.insert((start, stored.and_then(|bytes| Page::decode(&bytes)).unwrap_or_default())).1
                }
            };
            records.iter().zip(&mut overflowed).for_each(|(record, over)| *over |= page.add(record));
            changes.push(Write::Sheet(sheet, start, page.encode()));
        }
        let lifetime = self.lifetime()?;
        records.iter().zip(overflowed).for_each(|(record, over)| lifetime.add(record, over));
        let encoded = lifetime.encode();
        changes.push(Write::Sheet(Sheet::Lifetime, 0, encoded));
        self.note_events(records, changes)
    }

    /// Takes the text out of events, and the entry that is no more.
    fn forget_events(&self, which: &Forget, changes: &mut Vec<Write>) -> Result<(), ShardFault> {
        if *which == Forget::All {
            changes.push(Write::Forget(Sheet::Event, u64::MAX));
            return Ok(());
        }
        for (number, bytes) in self.rows.last(Sheet::Event, MAX_EVENTS as u32)? {
            if let Some(event) = Event::decode(&bytes).filter(|event| which.means(event)) {
                let without = Event { asked: String::new(), entry: None, ..event };
                changes.push(Write::Sheet(Sheet::Event, number, without.encode()));
            }
        }
        Ok(())
    }

    /// Where many come at once, the last ones will do: each is a row.
    fn note_events(&mut self, records: &[RequestRecord], changes: &mut Vec<Write>) -> Result<(), ShardFault> {
        let events: Vec<Event> = records.iter().rev().filter_map(Event::of).take(EVENTS_AT_ONCE).collect();
        if events.is_empty() {
            return Ok(());
        }
        let mut next = match self.next_event {
            Some(next) => next,
            None => self.rows.last(Sheet::Event, 1)?.first().map_or(0, |(number, _)| number + 1),
        };
        for event in events.iter().rev() {
            changes.push(Write::Sheet(Sheet::Event, next, event.encode()));
            next += 1;
        }
        self.next_event = Some(next);
        changes.push(Write::Forget(Sheet::Event, next.saturating_sub(MAX_EVENTS as u64)));
        Ok(())
    }

    fn lifetime(&mut self) -> Result<&mut Lifetime, ShardFault> {
        let lifetime = match self.lifetime.take() {
            Some(lifetime) => lifetime,
            None => {
                let stored = self.rows.sheet(Sheet::Lifetime, 0)?;
                stored.and_then(|bytes| Lifetime::decode(&bytes)).unwrap_or_default()
            }
        };
        Ok(self.lifetime.insert(lifetime))
    }

    fn usage(&self, query: &Query) -> Result<Span, ShardFault> {
        let mut span = Span::default();
        self.rows.sheets(Sheet::of(query.grain), query.periods(), &mut |start, bytes| {
            if let Some(page) = Page::decode(bytes) {
                span.add(start, &page, &query.filter);
            }
        })?;
        Ok(span)
    }

    fn events(&self, kind: Option<EventKind>, limit: u32) -> Result<Vec<Event>, ShardFault> {
        let rows = self.rows.last(Sheet::Event, MAX_EVENTS as u32)?;
        let events = rows.iter().filter_map(|(_, bytes)| Event::decode(bytes));
        Ok(events.filter(|event| kind.is_none_or(|kind| event.kind == kind)).take(limit as usize).collect())
    }
}
