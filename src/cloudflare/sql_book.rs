//! A ledger's rows in the object's SQLite database.

use std::cell::Cell;

use worker::{SqlStorageValue as Value, Storage};

use super::sql::{Answer, Database};
use super::sql_rows::{signed, text, unsigned, whole};
use super::sql_verdicts::bytes;
use crate::ledger::book::{BookRows, DeskRows, Sheet, Write};
use crate::ledger::budget::Change;

/// The tables; they are made by the first write. Sums lie in the order in which they are read.
const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS sheets (
        sheet INTEGER NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (sheet, start)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS budgets (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS reservations (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
];

/// JavaScript's whole numbers end here, and so do the ones that are bound.
const MOST: u64 = (1 << 53) - 1;

/// The rows.
#[derive(Debug)]
pub(super) struct SqlBook {
    database: Database,
    made: Cell<bool>,
}

impl SqlBook {
    /// Opens the database.
    pub(super) fn open(storage: Storage) -> Answer<Self> {
        let database = Database::open(storage);
        let found = database.run("SELECT count(*) FROM sqlite_master WHERE name = 'reservations'", Vec::new())?;
        let made = whole(found.first().map_or(&[], Vec::as_slice), 0)? > 0;
        Ok(Self { database, made: Cell::new(made) })
    }

    /// Rows, when there are tables.
    fn select(&self, statement: &str, values: Vec<Value>) -> Answer<Vec<Vec<Value>>> {
        if self.made.get() { self.database.run(statement, values) } else { Ok(Vec::new()) }
    }
}

impl BookRows for SqlBook {
    fn desk(&self) -> Answer<DeskRows> {
        let mut budgets = Vec::new();
        for row in self.select("SELECT name, body FROM budgets", Vec::new())? {
            budgets.push((text(&row, 0)?.to_owned(), bytes(row, 1)?));
        }
        let mut reservations = Vec::new();
        for row in self.select("SELECT id, body FROM reservations", Vec::new())? {
            if let Ok(id) = bytes(row.clone(), 0)?.try_into() {
                reservations.push((id, bytes(row, 1)?));
            }
        }
        Ok((budgets, reservations))
    }

    fn sheet(&self, sheet: Sheet, start: u64) -> Answer<Option<Vec<u8>>> {
        let values = vec![number(sheet as u64), number(start)];
        let found = self.select("SELECT body FROM sheets WHERE sheet = ? AND start = ?", values)?;
        found.into_iter().next().map(|row| bytes(row, 0)).transpose()
    }

    fn sheets(&self, sheet: Sheet, (from, to): (u64, u64), each: &mut dyn FnMut(u64, &[u8])) -> Answer<()> {
        // One after the other: all of them at once would be more than an isolate holds.
        let mut from = from;
        loop {
            let next =
                "SELECT start, body FROM sheets WHERE sheet = ? AND start BETWEEN ? AND ? ORDER BY start LIMIT 16";
            let rows = self.select(next, vec![number(sheet as u64), number(from), number(to)])?;
            let Some(last) = rows.last() else { return Ok(()) };
            from = unsigned(whole(last, 0)?) + 1;
            for row in rows {
                let start = unsigned(whole(&row, 0)?);
                each(start, &bytes(row, 1)?);
            }
        }
    }

    fn last(&self, sheet: Sheet, limit: u32) -> Answer<Vec<(u64, Vec<u8>)>> {
        let last = "SELECT start, body FROM sheets WHERE sheet = ? ORDER BY start DESC LIMIT ?";
        let rows = self.select(last, vec![number(sheet as u64), number(limit.into())])?;
        rows.into_iter().map(|row| Ok((unsigned(whole(&row, 0)?), bytes(row, 1)?))).collect()
    }

    fn write(&self, changes: Vec<Write>) -> Answer<()> {
        if !self.made.get() {
            for statement in SCHEMA {
                self.database.run(statement, Vec::new())?;
            }
            self.made.set(true);
        }
        let database = self.database.clone();
        self.database.transaction(move || changes.into_iter().try_for_each(|change| put(&database, change)))
    }
}

fn put(database: &Database, change: Write) -> Answer<()> {
    let (statement, values) = match change {
        Write::Sheet(sheet, start, body) => (
            "INSERT OR REPLACE INTO sheets (sheet, start, body) VALUES (?, ?, ?)",
            vec![number(sheet as u64), number(start), body.into()],
        ),
        Write::Forget(sheet, before) => {
            ("DELETE FROM sheets WHERE sheet = ? AND start < ?", vec![number(sheet as u64), number(before)])
        }
        Write::Desk(Change::PutBudget(name, body)) => {
            ("INSERT OR REPLACE INTO budgets (name, body) VALUES (?, ?)", vec![name.into(), body.into()])
        }
        Write::Desk(Change::DropBudget(name)) => ("DELETE FROM budgets WHERE name = ?", vec![name.into()]),
        // The deadline is in the body; the desk has all of them at hand.
        Write::Desk(Change::PutReservation(id, _, body)) => (
            "INSERT OR REPLACE INTO reservations (id, body) VALUES (?, ?)",
            vec![Value::Blob(id.to_vec()), body.into()],
        ),
        Write::Desk(Change::DropReservation(id)) => {
            ("DELETE FROM reservations WHERE id = ?", vec![Value::Blob(id.to_vec())])
        }
    };
    database.run(statement, values).map(drop)
}

fn number(number: u64) -> Value {
    signed(number.min(MOST)).into()
}
