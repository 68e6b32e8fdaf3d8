//! What the object of one ledger does over its rows: writes requests down in sums, and holds its budgets.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::budget::{self, Actual, Budget, Change, Desk, How, Id, Refusal, SetRefusal, Strained, Unreadable, View};
use super::record::RequestRecord;
use super::totals::grain::Grain;
use super::totals::lifetime::Lifetime;
use super::totals::page::Page;
use super::totals::query::Query;
use super::totals::recent::{Event, EventKind, MAX_EVENTS};
use super::totals::span::Span;
use super::totals::stored::Stored;
use crate::ports::ShardFault;

/// Records that a ledger remembers to know them again.
const MAX_REMEMBERED: usize = 1024;

/// Events that are noted of the records of one message at most.
const EVENTS_AT_ONCE: usize = 10;

/// How long sums are kept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Those of minutes.
    pub minutes_ms: u64,
    /// Those of hours.
    pub hours_ms: u64,
    /// Those of days.
    pub days_ms: u64,
}

/// How the budgets of a ledger stand, as far as it matters before anything is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// There are budgets.
    pub any: bool,
    /// Those that are nearly spent.
    pub strained: Vec<Strained>,
}

/// A reservation's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Its id.
    pub id: Id,
    /// What was used.
    pub actual: Actual,
}

/// Something asked of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Writes requests down, and settles their reservations.
    Record {
        /// The requests.
        records: Vec<RequestRecord>,
        /// Their reservations in this ledger, where they have one.
        settle: Vec<Settlement>,
        /// How long sums are kept.
        retention: Retention,
    },
    /// Reserves what a request may take at most.
    Reserve {
        /// The reservation's id.
        id: Id,
        /// What for.
        ask: budget::Ask,
        /// When it ends by itself, in milliseconds since 1970.
        deadline_ms: u64,
    },
    /// Ends a reservation.
    Settle(Settlement),
    /// How the budgets stand.
    Standing,
    /// Makes a budget, or changes one.
    SetBudget(Box<Budget>, How),
    /// Removes a budget.
    RemoveBudget(String),
    /// All budgets.
    Budgets,
    /// Sums over a time.
    Usage(Query),
    /// Sums over all time.
    Lifetime,
    /// The last hits by meaning and near misses.
    Events(Option<EventKind>, u32),
    /// Forgets the texts of those.
    ForgetEvents,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The request may go; `held` when a budget was in its way at all.
    Reserved {
        /// There is a reservation to settle.
        held: bool,
        /// How the budgets stand now.
        standing: Standing,
    },
    /// The request may not go; and how the budgets stand.
    Refused(Refusal, Standing),
    /// How the budgets stand.
    Standing(Standing),
    /// Budgets, as they stand.
    Budgets(Vec<View>),
    /// The budgets stay as they are, for this reason.
    NotSet(SetRefusal),
    /// Sums over a time.
    Usage(Box<Span>),
    /// Sums over all time.
    Lifetime(Box<Lifetime>),
    /// Events, the newest first.
    Events(Vec<Event>),
}

/// What a row of sums is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Sheet {
    /// A minute.
    Minute = 0,
    /// An hour.
    Hour = 1,
    /// A day.
    Day = 2,
    /// All time; there is one.
    Lifetime = 3,
    /// An event; they are numbered.
    Event = 4,
}

impl Sheet {
    fn of(grain: Grain) -> Self {
        match grain {
            Grain::Minute => Self::Minute,
            Grain::Hour => Self::Hour,
            Grain::Day => Self::Day,
        }
    }
}

/// A change of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts a row of sums: which, since when (or its number), and what it holds.
    Sheet(Sheet, u64, Vec<u8>),
    /// Removes rows of sums from before this.
    Forget(Sheet, u64),
    /// A change of the budgets and their reservations.
    Desk(Change),
}

/// The rows of a desk: budgets and reservations.
pub type DeskRows = (Vec<(String, Vec<u8>)>, Vec<(Id, Vec<u8>)>);

/// The rows of a ledger.
pub trait BookRows: fmt::Debug {
    /// The budgets by name, and the reservations by id.
    ///
    /// # Errors
    /// When the rows cannot be read; as everywhere here.
    fn desk(&self) -> Result<DeskRows, ShardFault>;
    /// A row of sums.
    ///
    /// # Errors
    /// As above.
    fn sheet(&self, sheet: Sheet, start: u64) -> Result<Option<Vec<u8>>, ShardFault>;
    /// Rows of sums from one start to another, both included, one after the other.
    ///
    /// # Errors
    /// As above.
    fn sheets(&self, sheet: Sheet, range: (u64, u64), each: &mut dyn FnMut(u64, &[u8])) -> Result<(), ShardFault>;
    /// The last rows of sums, the last one first.
    ///
    /// # Errors
    /// As above.
    fn last(&self, sheet: Sheet, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, ShardFault>;
    /// Makes changes, all of them or none.
    ///
    /// # Errors
    /// As above.
    fn write(&self, changes: Vec<Write>) -> Result<(), ShardFault>;
}

/// A ledger: its rows, and what of them is at hand.
#[derive(Debug)]
pub struct Book<R: BookRows> {
    rows: R,
    desk: Option<Desk>,
    /// The running minute, hour and day.
    pages: [Option<(u64, Page)>; 3],
    lifetime: Option<Lifetime>,
    next_event: Option<u64>,
    /// The records that came last: a message that came twice follows the first within seconds.
    recorded: VecDeque<Id>,
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
                let known = |record: &RequestRecord| self.recorded.contains(&record.id);
                let records: Vec<RequestRecord> = records.into_iter().filter(|record| !known(record)).collect();
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
            Ask::ForgetEvents => {
                changes.push(Write::Forget(Sheet::Event, u64::MAX));
                Answer::Done
            }
        };
        if !changes.is_empty() {
            self.rows.write(changes)?;
        }
        self.recorded.extend(recorded);
        let over = self.recorded.len().saturating_sub(MAX_REMEMBERED);
        self.recorded.drain(..over);
        Ok(answer)
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
