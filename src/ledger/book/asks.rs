//! What a ledger is asked and answers, and the rows that it works on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ledger::budget::{self, Actual, Budget, Change, How, Id, Refusal, SetRefusal, Strained, View};
use crate::ledger::record::RequestRecord;
use crate::ledger::totals::grain::Grain;
use crate::ledger::totals::lifetime::Lifetime;
use crate::ledger::totals::query::Query;
use crate::ledger::totals::recent::{Event, EventKind, Forget};
use crate::ledger::totals::span::Span;
use crate::ports::ShardFault;

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
    /// Forgets the texts of some of those.
    ForgetEvents(Forget),
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
    /// The row for a period of that length.
    #[must_use]
    pub fn of(grain: Grain) -> Self {
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
