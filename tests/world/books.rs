//! The ledgers of the in-memory world.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use nearhit::ledger::book::{Answer, Ask, Book, BookRows, DeskRows, Sheet, Write};
use nearhit::ledger::budget::Change;
use nearhit::ledger::record::RequestRecord;
use nearhit::ports::{Enlisted, Ledgers, Nature, ShardFault};

use super::MemoryWorld;

/// A ledger's rows in memory, shared by everything that opens them, as a disk would be.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryBook(Rc<RefCell<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    sheets: BTreeMap<(Sheet, u64), Vec<u8>>,
    budgets: BTreeMap<String, Vec<u8>>,
    reservations: BTreeMap<[u8; 16], Vec<u8>>,
    /// Nothing more can be written.
    full: bool,
}

impl BookRows for MemoryBook {
    fn desk(&self) -> Result<DeskRows, ShardFault> {
        let tables = self.0.borrow();
        let budgets = tables.budgets.iter().map(|(name, body)| (name.clone(), body.clone()));
        Ok((budgets.collect(), tables.reservations.iter().map(|(id, body)| (*id, body.clone())).collect()))
    }

    fn sheet(&self, sheet: Sheet, start: u64) -> Result<Option<Vec<u8>>, ShardFault> {
        Ok(self.0.borrow().sheets.get(&(sheet, start)).cloned())
    }

    fn sheets(&self, sheet: Sheet, (from, to): (u64, u64), each: &mut dyn FnMut(u64, &[u8])) -> Result<(), ShardFault> {
        for ((_, start), body) in self.0.borrow().sheets.range((sheet, from)..=(sheet, to)) {
            each(*start, body);
        }
        Ok(())
    }

    fn last(&self, sheet: Sheet, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, ShardFault> {
        let tables = self.0.borrow();
        let rows = tables.sheets.range((sheet, 0)..=(sheet, u64::MAX)).rev().take(limit as usize);
        Ok(rows.map(|((_, start), body)| (*start, body.clone())).collect())
    }

    fn write(&self, changes: Vec<Write>) -> Result<(), ShardFault> {
        let mut tables = self.0.borrow_mut();
        if tables.full {
            return Err(ShardFault("the disk is full".into()));
        }
        for change in changes {
            match change {
                Write::Sheet(sheet, start, body) => drop(tables.sheets.insert((sheet, start), body)),
                Write::Forget(sheet, before) => {
                    tables.sheets.retain(|(known, start), _| *known != sheet || *start >= before);
                }
                Write::Desk(Change::PutBudget(name, body)) => drop(tables.budgets.insert(name, body)),
                Write::Desk(Change::DropBudget(name)) => drop(tables.budgets.remove(&name)),
                Write::Desk(Change::PutReservation(id, _, body)) => drop(tables.reservations.insert(id, body)),
                Write::Desk(Change::DropReservation(id)) => drop(tables.reservations.remove(&id)),
            }
        }
        Ok(())
    }
}

/// All ledgers.
#[derive(Debug, Default)]
pub(crate) struct Books {
    rows: RefCell<HashMap<String, MemoryBook>>,
    open: RefCell<HashMap<String, Book<MemoryBook>>>,
    listed: RefCell<BTreeMap<String, Enlisted>>,
    /// Every record that was handed on.
    pub(crate) published: RefCell<Vec<RequestRecord>>,
    /// The ledgers cannot be asked.
    pub(crate) fail: Cell<bool>,
    /// The ledgers do what they are asked to, and their answers are lost.
    pub(crate) mute: Cell<bool>,
    /// How often something was to be reserved.
    pub(crate) reserves: Cell<u32>,
}

impl Books {
    /// Nothing more can be written to a ledger, or it can again.
    pub(crate) fn fill_disk(&self, ledger: &str, full: bool) {
        self.rows.borrow_mut().entry(ledger.to_owned()).or_default().0.borrow_mut().full = full;
    }

    /// The objects die: what they held in memory is gone, what they wrote is not.
    pub(crate) fn crash(&self) {
        self.open.borrow_mut().clear();
    }

    pub(crate) fn carry_out(&self, ledger: &str, ask: Ask, now_ms: u64) -> Result<Answer, ShardFault> {
        if self.fail.get() {
            return Err(ShardFault("the ledger is away".into()));
        }
        let rows = self.rows.borrow_mut().entry(ledger.to_owned()).or_default().clone();
        let mut open = self.open.borrow_mut();
        open.entry(ledger.to_owned()).or_insert_with(|| Book::open(rows)).carry_out(ask, now_ms)
    }
}

impl Ledgers for MemoryWorld {
    async fn book(&self, ledger: &str, ask: &Ask) -> Result<Answer, ShardFault> {
        let books = &self.books;
        books.reserves.set(books.reserves.get() + u32::from(matches!(ask, Ask::Reserve { .. })));
        let answer = books.carry_out(ledger, ask.clone(), Nature::now_ms(self))?;
        if books.mute.get() {
            return Err(ShardFault("the answer was lost".into()));
        }
        if matches!(ask, Ask::Record { .. } | Ask::SetBudget(..)) {
            self.books.listed.borrow_mut().entry(ledger.to_owned()).or_insert(Enlisted::Sums);
        }
        Ok(answer)
    }

    async fn list_ledger(&self, ledger: &str, standing: Enlisted) -> Result<(), ShardFault> {
        self.books.listed.borrow_mut().insert(ledger.to_owned(), standing);
        Ok(())
    }

    async fn ledgers(&self, after: Option<&str>, limit: u32) -> Result<Vec<(String, Enlisted)>, ShardFault> {
        let listed = self.books.listed.borrow();
        let after = |name: &str| after.is_none_or(|after| name > after);
        let found = listed.iter().filter(|(name, _)| after(name)).take(limit as usize);
        Ok(found.map(|(name, standing)| (name.clone(), *standing)).collect())
    }

    fn publish(&self, record: &RequestRecord) {
        self.books.published.borrow_mut().push(record.clone());
    }
}
