//! What requests under way have reserved, and which ended a short while ago.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::desk::Change;
use super::{Amounts, Unit};
use crate::ledger::totals::stored::Stored;

/// The name of a reservation: random, and one for each request and desk.
pub type Id = [u8; 16];

/// Open reservations that a desk keeps at most.
pub const MAX_OPEN: usize = 20_000;

/// How long a desk remembers one that was settled, in milliseconds: a message that comes twice follows the first within
/// seconds.
const SETTLED_KEPT_MS: u64 = 60_000;

/// How long a desk remembers one that lapsed, in milliseconds: an answer may take that much longer than its deadline.
const LAPSED_KEPT_MS: u64 = 3_600_000;

/// Reservations that a desk remembers when they are over at most, whatever their age.
const MAX_REMEMBERED: usize = 50_000;

/// One reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reservation {
    /// The request is under way.
    Open(Open),
    /// Nobody settled it before its deadline. The estimate is kept: should somebody settle it yet without knowing what
    /// it cost, it must not pass for free.
    Lapsed {
        /// When that was noticed, in milliseconds since 1970.
        ended_ms: u64,
        /// What was reserved.
        estimate: Amounts,
    },
    /// It was settled, and must not be settled again.
    Settled {
        /// When, in milliseconds since 1970.
        ended_ms: u64,
    },
}

/// What a request under way has reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// When it lapses, in milliseconds since 1970.
    pub(super) deadline_ms: u64,
    /// How much.
    pub(super) estimate: Amounts,
    /// In which budgets. Of each the unit is noted too: a budget that was removed and made anew under its name may
    /// count something else.
    pub(super) budgets: Vec<(String, Unit)>,
}

impl Stored for Reservation {
    const VERSION: u8 = 2;
}

impl Reservation {
    /// What was reserved; nothing once it is settled.
    pub(super) fn estimate(&self) -> Option<Amounts> {
        match self {
            Self::Open(Open { estimate, .. }) | Self::Lapsed { estimate, .. } => Some(*estimate),
            Self::Settled { .. } => None,
        }
    }

    /// When it is forgotten, in milliseconds since 1970; nothing while it is open.
    fn forgotten_ms(&self) -> Option<u64> {
        match self {
            Self::Open(_) => None,
            Self::Lapsed { ended_ms, .. } => Some(ended_ms.saturating_add(LAPSED_KEPT_MS)),
            Self::Settled { ended_ms } => Some(ended_ms.saturating_add(SETTLED_KEPT_MS)),
        }
    }
}

impl Open {
    /// What it holds, by budget: the name, the unit and the amount.
    pub(super) fn holds(&self) -> impl Iterator<Item = (&str, Unit, u128)> {
        self.budgets.iter().map(|(name, unit)| (name.as_str(), *unit, self.estimate.of(*unit).unwrap_or_default()))
    }
}

/// All reservations of a desk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reservations {
    all: BTreeMap<Id, Reservation>,
    /// The open ones by their deadlines.
    open: BTreeSet<(u64, Id)>,
    /// The others by when they are forgotten. The id makes the order the same after they are read back.
    ended: BTreeSet<(u64, Id)>,
}

impl Reservations {
    /// Takes one in, new or in another state than before.
    pub(super) fn insert(&mut self, id: Id, reservation: Reservation) {
        // The old place goes first, for the new one may be the same.
        if let Some(before) = self.all.get(&id) {
            let (places, at_ms) = place(&mut self.open, &mut self.ended, before);
            places.remove(&(at_ms, id));
        }
        let (places, at_ms) = place(&mut self.open, &mut self.ended, &reservation);
        places.insert((at_ms, id));
        self.all.insert(id, reservation);
    }

    /// The one of this name, unless it is forgotten.
    pub(super) fn get(&self, id: &Id) -> Option<&Reservation> {
        self.all.get(id)
    }

    /// The open ones.
    pub(super) fn open(&self) -> impl Iterator<Item = &Open> {
        self.all.values().filter_map(|reservation| match reservation {
            Reservation::Open(open) => Some(open),
            _ => None,
        })
    }

    /// Whether no more can be opened.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= MAX_OPEN
    }

    /// When the next one lapses, in milliseconds since 1970.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.open.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// The next open one whose deadline has come.
    pub(super) fn overdue(&self, now_ms: u64) -> Option<(Id, Open)> {
        let (_, id) = self.open.first().filter(|(deadline_ms, _)| *deadline_ms <= now_ms)?;
        match self.all.get(id)? {
            Reservation::Open(open) => Some((*id, open.clone())),
            _ => None,
        }
    }

    /// Takes one in and says what is to be written for it.
    pub(super) fn put(&mut self, id: Id, reservation: Reservation, now_ms: u64) -> Vec<Change> {
        let deadline_ms = match &reservation {
            Reservation::Open(open) => Some(open.deadline_ms),
            Reservation::Lapsed { .. } | Reservation::Settled { .. } => None,
        };
        let mut changes = vec![Change::PutReservation(id, deadline_ms, reservation.encode())];
        self.insert(id, reservation);
        let crowded = |ended: &BTreeSet<_>| ended.len() > MAX_REMEMBERED;
        while let Some(&(forgotten_ms, oldest)) = self.ended.first()
            && (forgotten_ms <= now_ms || crowded(&self.ended))
        {
            self.ended.pop_first();
            self.all.remove(&oldest);
            changes.push(Change::DropReservation(oldest));
        }
        changes
    }
}

/// Among which ones a reservation is found, and by what time.
fn place<'a>(
    open: &'a mut BTreeSet<(u64, Id)>,
    ended: &'a mut BTreeSet<(u64, Id)>,
    reservation: &Reservation,
) -> (&'a mut BTreeSet<(u64, Id)>, u64) {
    match (reservation, reservation.forgotten_ms()) {
        (_, Some(forgotten_ms)) => (ended, forgotten_ms),
        (Reservation::Open(Open { deadline_ms, .. }), None) => (open, *deadline_ms),
        (_, None) => (ended, 0),
    }
}
