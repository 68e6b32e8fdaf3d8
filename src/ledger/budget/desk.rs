//! The desk: every budget of one ledger, what requests under way have reserved, and what may happen to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::reservations::{Id, Open, Reservation, Reservations};
use super::view::{Strained, View};
use super::{Actual, Amounts, Ask, Budget, Refusal, Running, Unit, Why};
use crate::ledger::totals::stored::Stored;

/// Budgets that a desk keeps at most: a request is held against each of them.
pub const MAX_BUDGETS: usize = 64;

/// What is to be written after something has happened at a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The budget of this name is now these bytes.
    PutBudget(String, Vec<u8>),
    /// There is no budget of this name.
    DropBudget(String),
    /// The reservation of this name is now these bytes. The number is its deadline, in milliseconds since 1970; there
    /// is none for one that is over and only remembered.
    PutReservation(Id, Option<u64>, Vec<u8>),
    /// There is no reservation of this name.
    DropReservation(Id),
}

/// Whether a budget is to be made or to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// Make one whose name is free.
    Create,
    /// Change one. What was spent in its period so far stays, and counts in the new period if that is another one.
    Replace,
}

/// Why a budget was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetRefusal {
    /// There is one of that name.
    Taken,
    /// There is none of that name.
    Unknown,
    /// There are [`MAX_BUDGETS`].
    TooMany,
    /// The budget counts something else, and what was spent in one unit says nothing in another.
    OtherUnit,
}

/// A sentence for the operator.
impl fmt::Display for SetRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("There is a budget of that name already."),
            Self::Unknown => f.write_str("There is no budget of that name."),
            Self::TooMany => write!(f, "There are {MAX_BUDGETS} budgets already, the most there can be."),
            Self::OtherUnit => f.write_str("The unit of a budget stays. Remove the budget and make it anew."),
        }
    }
}

/// A stored budget that cannot be read. Without it its limit would not hold, so there is no desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(
    /// The budget's name.
    pub String,
);

/// The budgets of one ledger.
///
/// Everything that changes it returns what is to be written, and the caller writes that in one transaction before it
/// answers. When the writing fails, the desk is to be thrown away and loaded again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    accounts: BTreeMap<String, Account>,
    reservations: Reservations,
}

/// A budget and what the open reservations hold of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    budget: Budget,
    reserved: u128,
}

impl Account {
    /// Changes what happened in the period of `now_ms`.
    fn update(&mut self, now_ms: u64, change: impl FnOnce(&mut Running)) {
        self.budget.running = self.budget.running(now_ms);
        change(&mut self.budget.running);
    }

    fn put(&self) -> Change {
        Change::PutBudget(self.budget.name.clone(), self.budget.encode())
    }
}

impl Desk {
    /// A desk from what was written: budgets by name and reservations by id. A reservation that cannot be read is
    /// dropped, for nobody knows what it holds; that is the change.
    ///
    /// # Errors
    /// When a budget cannot be read.
    pub fn load(
        budgets: impl IntoIterator<Item = (String, Vec<u8>)>,
        reservations: impl IntoIterator<Item = (Id, Vec<u8>)>,
    ) -> Result<(Self, Vec<Change>), Unreadable> {
        let (mut desk, mut changes) = (Self::default(), Vec::new());
        for (name, bytes) in budgets {
            let Some(budget) = Budget::decode(&bytes) else { return Err(Unreadable(name)) };
            desk.accounts.insert(name, Account { budget, reserved: 0 });
        }
        for (id, bytes) in reservations {
            let Some(reservation) = Reservation::decode(&bytes) else {
                changes.push(Change::DropReservation(id));
                continue;
            };
            if let Reservation::Open(open) = &reservation {
                desk.hold(open);
            }
            desk.reservations.insert(id, reservation);
        }
        Ok((desk, changes))
    }

    /// Whether there is no budget at all, so that nothing has to be asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Makes or changes a budget. What the desk keeps of it itself (when it was made, what was spent) is not taken from
    /// the argument. A budget that is made under the name of a removed one holds what requests under way had reserved
    /// in that, until they end.
    ///
    /// # Errors
    /// When the name is taken or unknown, the budget counts something else, or there are too many.
    pub fn set(&mut self, budget: Budget, how: How, now_ms: u64) -> Result<Vec<Change>, SetRefusal> {
        let (created_ms, spent, reserved) = match (self.accounts.get(&budget.name), how) {
            (Some(_), How::Create) => return Err(SetRefusal::Taken),
            (None, How::Replace) => return Err(SetRefusal::Unknown),
            (None, How::Create) if self.accounts.len() >= MAX_BUDGETS => return Err(SetRefusal::TooMany),
            (None, How::Create) => (now_ms, Running::default(), self.held(&budget.name, budget.unit)),
            (Some(known), How::Replace) if known.budget.unit != budget.unit => return Err(SetRefusal::OtherUnit),
            (Some(known), How::Replace) => (known.budget.created_ms, known.budget.running(now_ms), known.reserved),
        };
        // The later of both, so that neither a shorter nor a longer period than before takes this for an old one.
        let period_start_ms = budget.period.start(now_ms).max(spent.period_start_ms);
        let running = Running { period_start_ms, ..spent };
        let account = Account { budget: Budget { created_ms, running, ..budget }, reserved };
        let change = account.put();
        self.accounts.insert(account.budget.name.clone(), account);
        Ok(vec![change])
    }

    /// Removes a budget. What requests under way have reserved in it is forgotten as they end.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<Vec<Change>, SetRefusal> {
        let account = self.accounts.remove(name).ok_or(SetRefusal::Unknown)?;
        Ok(vec![Change::DropBudget(account.budget.name)])
    }

    /// One budget as it is at `now_ms`.
    #[must_use]
    pub fn get(&self, name: &str, now_ms: u64) -> Option<View> {
        self.accounts.get(name).map(|account| View::new(&account.budget, account.reserved, now_ms))
    }

    /// Every budget as it is at `now_ms`, by name.
    #[must_use]
    pub fn list(&self, now_ms: u64) -> Vec<View> {
        self.accounts.values().map(|account| View::new(&account.budget, account.reserved, now_ms)).collect()
    }

    /// The budgets whose soft share is used, what is reserved counted, and what is to change for their requests.
    #[must_use]
    pub fn strained(&self, now_ms: u64) -> Vec<Strained> {
        self.list(now_ms).iter().filter_map(View::strained).collect()
    }

    /// Reserves what a request may take in every budget that it is for, or in none of them. The answer says whether
    /// there is something to settle.
    ///
    /// A budget of requests counts the request at once and reserves nothing. A reservation that there is already, or
    /// was a short while ago, is not made again: the message came twice. Where only budgets of requests are meant there
    /// is no reservation, and a message that comes twice counts twice.
    ///
    /// The changes are to be written whatever the answer is, for reservations that are overdue lapse first.
    pub fn reserve(
        &mut self,
        id: Id,
        ask: &Ask,
        deadline_ms: u64,
        now_ms: u64,
    ) -> (Result<bool, Refusal>, Vec<Change>) {
        let mut changes = self.lapse(now_ms);
        if self.reservations.get(&id).is_some() {
            return (Ok(true), changes);
        }
        if let Some(refusal) = self.refusal(ask, now_ms) {
            return (Err(refusal), changes);
        }
        let mut open = Open { deadline_ms, estimate: ask.estimate, budgets: Vec::new() };
        for account in self.matching(&ask.tags, &ask.models) {
            if account.budget.unit == Unit::Requests {
                account.update(now_ms, |running| running.spent = running.spent.saturating_add(1));
                changes.push(account.put());
            } else {
                open.budgets.push((account.budget.name.clone(), account.budget.unit));
            }
        }
        if open.budgets.is_empty() {
            return (Ok(false), changes);
        }
        self.hold(&open);
        changes.extend(self.reservations.put(id, Reservation::Open(open), now_ms));
        (Ok(true), changes)
    }

    /// Ends a reservation, and adds what the request took to the budgets that are for it and for the model that
    /// answered.
    ///
    /// It counts in the period in which it is settled, also when it was reserved in the one before: what was spent in a
    /// period that is over is no longer known, and no longer matters. A reservation that lapsed or that nobody knows is
    /// settled too, for the tokens were taken; one that was settled a short while ago is not.
    pub fn settle(&mut self, id: Id, actual: &Actual, now_ms: u64) -> Vec<Change> {
        let known = self.reservations.get(&id).cloned();
        if matches!(known, Some(Reservation::Settled { .. })) {
            return Vec::new();
        }
        if let Some(Reservation::Open(open)) = &known {
            self.release(open);
        }
        let estimate = known.as_ref().and_then(Reservation::estimate);
        let mut changes = Vec::new();
        for account in self.matching(&actual.tags, std::slice::from_ref(&actual.model)) {
            let unit = account.budget.unit;
            let reserved = || estimate.as_ref().and_then(|estimate: &Amounts| estimate.of(unit));
            // A budget of requests counted it when it was let in.
            let amount =
                actual.amounts.of(unit).or_else(reserved).filter(|amount| unit != Unit::Requests && *amount > 0);
            if let Some(amount) = amount {
                account.update(now_ms, |running| running.spent = running.spent.saturating_add(amount));
                changes.push(account.put());
            }
        }
        // One that nobody knows is remembered too: it may still be under way, and must not stay open then.
        if known.is_some() || !self.is_empty() {
            changes.extend(self.reservations.put(id, Reservation::Settled { ended_ms: now_ms }, now_ms));
        }
        changes
    }

    /// Ends the reservations whose deadline has come: what they hold is free again, and counts as lapsed.
    pub fn lapse(&mut self, now_ms: u64) -> Vec<Change> {
        let (mut changes, mut touched) = (Vec::new(), BTreeSet::new());
        while let Some((id, open)) = self.reservations.overdue(now_ms) {
            self.release(&open);
            for (name, unit, amount) in open.holds() {
                let Some(account) = self.account(name, unit) else { continue };
                account.update(now_ms, |Running { lapsed, .. }| {
                    lapsed.reservations = lapsed.reservations.saturating_add(1);
                    lapsed.amount = lapsed.amount.saturating_add(amount);
                });
                touched.insert(name.to_owned());
            }
            let lapsed = Reservation::Lapsed { ended_ms: now_ms, estimate: open.estimate };
            changes.extend(self.reservations.put(id, lapsed, now_ms));
        }
        changes.extend(touched.iter().filter_map(|name| self.accounts.get(name)).map(Account::put));
        changes
    }

    /// When the next reservation lapses, in milliseconds since 1970: that is the time for the next [`Desk::lapse`].
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        self.reservations.due_ms()
    }

    /// Why this request may not pass, if so. Of several reasons it is the one that lasts longest, so that nobody is
    /// told to come back in vain.
    fn refusal(&self, ask: &Ask, now_ms: u64) -> Option<Refusal> {
        let Ask { tags, models, estimate } = ask;
        let matching = || self.accounts.values().filter(|account| account.budget.filter.matches(tags, models));
        let of = |Account { budget, reserved }: &_| Refusal::find(budget, *reserved, estimate, now_ms);
        let lasting = matching().filter_map(of).max_by_key(|refusal| refusal.retry_after_secs.unwrap_or(u64::MAX));
        lasting.or_else(|| {
            let first = matching().find(|account| account.budget.unit != Unit::Requests)?;
            self.reservations.is_full().then(|| Refusal::new(&first.budget, Why::TooManyOpen, 0, now_ms))
        })
    }

    fn matching(&mut self, tags: &[(String, String)], models: &[String]) -> impl Iterator<Item = &mut Account> {
        self.accounts.values_mut().filter(|account| account.budget.filter.matches(tags, models))
    }

    fn account(&mut self, name: &str, unit: Unit) -> Option<&mut Account> {
        self.accounts.get_mut(name).filter(|account| account.budget.unit == unit)
    }

    /// What the open reservations hold in a budget.
    fn held(&self, name: &str, unit: Unit) -> u128 {
        let holds = self.reservations.open().flat_map(Open::holds);
        let ours = holds.filter(|(of, in_unit, _)| (*of, *in_unit) == (name, unit));
        ours.fold(0, |sum: u128, (_, _, amount)| sum.saturating_add(amount))
    }

    fn hold(&mut self, open: &Open) {
        for (name, unit, amount) in open.holds() {
            if let Some(account) = self.account(name, unit) {
                account.reserved = account.reserved.saturating_add(amount);
            }
        }
    }

    fn release(&mut self, open: &Open) {
        for (name, unit, amount) in open.holds() {
            if let Some(account) = self.account(name, unit) {
                account.reserved = account.reserved.saturating_sub(amount);
            }
        }
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "desk_properties_tests.rs"]
mod properties;
