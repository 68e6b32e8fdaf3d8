//! A shard's rows in the object's SQLite database.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use worker::{SqlStorageValue as Value, Storage};

use super::sql::{Answer, Database};
use super::sql_schema::{ADD_LABELS, OLD_TABLES, SCHEMA, SEEN};
use crate::cache::key::Digest;
use crate::ports::{Found, ShardFault, Store};
use crate::semantic::index::Seq;
use crate::shard::{Gone, Row, Rows, Totals, written_tags};

/// Vectors read by one statement: their hexadecimal text has to stay below SQLite's limit of 2 MB a value.
const VECTORS_A_READ: i64 = 3_000;

/// What a row takes beside its answer and text: keys, numbers, vector and SQLite's own.
const ROW_OVERHEAD_BYTES: usize = 500;

/// A share of the entries leaves together, since finding the least worthwhile reads them all.
const EVICT_SHARE: u32 = 50;

/// How often one write may evict before it is content.
const EVICT_ROUNDS: usize = 8;

/// The rows.
#[derive(Clone, Debug)]
pub(super) struct SqlRows {
    database: Database,
    /// Whether the tables exist. They are made by the first write: a lookup with a key that no provider ever accepted
    /// must leave nothing behind.
    made: Rc<Cell<bool>>,
    /// Whether the table of prefixes exists, which has its own first write; see `sql_prefixes`.
    pub(super) prefixes_made: Rc<Cell<bool>>,
}

impl SqlRows {
    /// Opens the database.
    pub(super) fn open(storage: Storage) -> Answer<Self> {
        let database = Database::open(storage);
        let rows = Self { database, made: Rc::default(), prefixes_made: Rc::default() };
        let found = rows.run(SEEN, Vec::new())?;
        let found = found.first().map_or(&[][..], Vec::as_slice);
        let (exist, current) = (whole(found, 0)? > 0, whole(found, 1)? > 0);
        if exist && !current {
            for table in OLD_TABLES {
                rows.run(&format!("DROP TABLE IF EXISTS {table}"), Vec::new())?;
            }
        }
        if current && whole(found, 3)? == 0 {
            rows.transaction(|rows| ADD_LABELS.iter().try_for_each(|column| rows.run(column, Vec::new()).map(drop)))?;
        }
        rows.made.set(current);
        rows.prefixes_made.set(whole(found, 2)? > 0);
        Ok(rows)
    }

    /// Whether anything was ever stored.
    pub(super) fn are_made(&self) -> bool {
        self.made.get()
    }

    /// The generation starts at the time, so that it is another one when an emptied object is filled again.
    fn make_tables(&self, now_ms: u64) -> Answer<()> {
        for statement in SCHEMA {
            self.run(statement, Vec::new())?;
        }
        let first = "INSERT OR IGNORE INTO totals (id, entries, bytes, generation) VALUES (0, 0, 0, ?)";
        self.run(first, vec![signed(now_ms).into()])?;
        self.made.set(true);
        Ok(())
    }

    pub(super) fn run(&self, statement: &str, values: Vec<Value>) -> Answer<Vec<Vec<Value>>> {
        self.database.run(statement, values)
    }

    /// Runs `act` in one transaction: an error takes all of it back.
    pub(super) fn transaction<T: 'static>(&self, act: impl FnOnce(&Self) -> Answer<T> + 'static) -> Answer<T> {
        let rows = self.clone();
        self.database.transaction(move || act(&rows))
    }

    /// The row for which a condition holds. A damaged one is as good as none: the next answer takes its place.
    fn row(&self, condition: &str, value: Value) -> Answer<Option<Row>> {
        if !self.made.get() {
            return Ok(None);
        }
        let statement = format!("SELECT exact, stored, created, expires, text FROM entries WHERE {condition}");
        let found = self.run(&statement, vec![value])?.pop();
        Ok(found.and_then(|row| read_row(row).ok()))
    }

    /// `accepted_ms`: when the provider accepted the namespace's key, if it has just done so.
    pub(super) fn change_totals(&self, entries: i64, bytes: i64, accepted_ms: u64) -> Answer<Totals> {
        let rows = self.run(
            "UPDATE totals SET entries = entries + ?, bytes = bytes + ?, generation = generation + 1,
             accepted = max(accepted, ?) RETURNING entries, bytes, generation, accepted",
            vec![entries.into(), bytes.into(), signed(accepted_ms).into()],
        )?;
        read_totals(&rows)
    }

    /// Deletes the rows that a statement selects as `seq, scope, bytes`.
    pub(super) fn delete(&self, selected: Vec<Vec<Value>>) -> Answer<Vec<Gone>> {
        let mut gone = Vec::with_capacity(selected.len());
        let mut freed = 0;
        for row in selected {
            let (seq, scope, bytes) = (whole(&row, 0)?, digest(&row, 1)?, whole(&row, 2)?);
            self.run("DELETE FROM vectors WHERE scope = ? AND seq = ?", vec![blob(&scope), seq.into()])?;
            self.run("DELETE FROM entries WHERE seq = ?", vec![seq.into()])?;
            freed += bytes;
            gone.push(Gone { seq: unsigned(seq), scope });
        }
        if !gone.is_empty() {
            self.change_totals(-(gone.len() as i64), -freed, 0)?;
        }
        Ok(gone)
    }

    fn insert(&self, new: &Store) -> Answer<(i64, Totals)> {
        let text = new.searchable.as_ref().map(|searchable| searchable.text.clone());
        let (tags, prompt) = (written_tags(&new.labels.tags), new.labels.prompt.clone());
        let parts = [new.stored.len(), text.as_ref().map_or(0, String::len), new.labels.model.len(), tags.len()];
        let bytes = parts.iter().sum::<usize>() + prompt.as_ref().map_or(0, Vec::len) + ROW_OVERHEAD_BYTES;
        let bytes = signed(bytes as u64);
        let rows = self.run(
            "INSERT INTO entries
             (exact, scope, created, expires, purge, tokens, bytes, text, stored, model, tags, prompt)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
            vec![
                blob(&new.exact),
                blob(&new.scope),
                signed(new.now_ms).into(),
                signed(new.expires_ms).into(),
                signed(new.purge_ms).into(),
                i64::from(new.tokens).into(),
                bytes.into(),
                text.into(),
                new.stored.clone().into(),
                new.labels.model.clone().into(),
                tags.into(),
                prompt.into(),
            ],
        )?;
        let seq = whole(rows.first().map_or(&[], Vec::as_slice), 0)?;
        if let Some(searchable) = &new.searchable {
            let vector: Vec<u8> = searchable.vector.iter().map(|x| x.cast_unsigned()).collect();
            self.run(
                "INSERT INTO vectors (scope, seq, vector) VALUES (?, ?, ?)",
                vec![blob(&new.scope), seq.into(), vector.into()],
            )?;
        }
        Ok((seq, self.change_totals(1, bytes, new.now_ms)?))
    }

    /// Removes the least worthwhile rows until the shard is within its limits: the stale ones first, then those
    /// whose replays saved the fewest tokens a byte and a minute of age.
    fn evict(&self, new: &Store, spared: i64, mut totals: Totals) -> Answer<Vec<Gone>> {
        let mut gone = Vec::new();
        for _ in 0..EVICT_ROUNDS {
            let over = totals.entries.saturating_sub(u64::from(new.max_entries));
            if over == 0 && totals.bytes <= new.max_bytes {
                break;
            }
            let batch = signed(over).max(i64::from(new.max_entries / EVICT_SHARE)).max(1);
            let selected = self.run(
                "SELECT seq, scope, bytes FROM entries WHERE seq <> ?1
                 ORDER BY expires > ?2, (hits + 1.0) * tokens / bytes / (?2 - created + 60000) LIMIT ?3",
                vec![spared.into(), signed(new.now_ms).into(), batch.into()],
            )?;
            if selected.is_empty() {
                break;
            }
            gone.extend(self.delete(selected)?);
            totals = self.totals()?;
        }
        Ok(gone)
    }
}

impl Rows for SqlRows {
    fn totals(&self) -> Answer<Totals> {
        if !self.made.get() {
            return Ok(Totals::default());
        }
        read_totals(&self.run("SELECT entries, bytes, generation, accepted FROM totals", Vec::new())?)
    }

    fn by_key(&self, exact: &Digest) -> Answer<Option<Row>> {
        self.row("exact = ?", blob(exact))
    }

    fn by_seq(&self, seq: Seq) -> Answer<Option<Row>> {
        self.row("seq = ?", signed(seq).into())
    }

    fn vectors(&self, scope: &Digest, each: &mut dyn FnMut(Seq, &[i8])) -> Answer<()> {
        let mut after = 0;
        while self.made.get() {
            // One row with all of a batch: crossing into JavaScript once a row would cost more than all the rest.
            let rows = self.run(
                "SELECT group_concat(seq), group_concat(hex(vector), '.'), max(seq), count(*) FROM
                 (SELECT seq, vector FROM vectors WHERE scope = ? AND seq > ? ORDER BY seq LIMIT ?)",
                vec![blob(scope), after.into(), VECTORS_A_READ.into()],
            )?;
            let row = rows.first().map_or(&[][..], Vec::as_slice);
            let count = whole(row, 3)?;
            if count == 0 {
                return Ok(());
            }
            let mut vector = Vec::new();
            for (seq, hex) in text(row, 0)?.split(',').zip(text(row, 1)?.split('.')) {
                unhex(hex, &mut vector);
                if let Ok(seq) = seq.parse() {
                    each(seq, &vector);
                }
            }
            if count < VECTORS_A_READ {
                return Ok(());
            }
            after = whole(row, 2)?;
        }
        Ok(())
    }

    fn put(&self, new: &Store) -> Answer<(Seq, Vec<Gone>)> {
        if !self.made.get() {
            self.make_tables(new.now_ms)?;
        }
        let new = new.clone();
        self.transaction(move |rows| {
            let twin = rows.run("SELECT seq, scope, bytes FROM entries WHERE exact = ?", vec![blob(&new.exact)])?;
            let mut gone = rows.delete(twin)?;
            let (seq, totals) = rows.insert(&new)?;
            gone.extend(rows.evict(&new, seq, totals)?);
            Ok((unsigned(seq), gone))
        })
    }

    fn expire(&self, now_ms: u64, limit: u32) -> Answer<Vec<Gone>> {
        if !self.made.get() {
            return Ok(Vec::new());
        }
        self.transaction(move |rows| {
            let stale = rows.run(
                "SELECT seq, scope, bytes FROM entries WHERE purge <= ? ORDER BY purge LIMIT ?",
                vec![signed(now_ms).into(), i64::from(limit).into()],
            )?;
            rows.delete(stale)
        })
    }

    fn add_hits(&self, hits: &BTreeMap<Digest, u32>) -> Answer<()> {
        if !self.made.get() {
            return Ok(());
        }
        for (exact, count) in hits {
            let values = vec![i64::from(*count).into(), blob(exact)];
            self.run("UPDATE entries SET hits = hits + ? WHERE exact = ?", values)?;
        }
        Ok(())
    }

    fn set_accepted(&self, now_ms: u64) -> Answer<()> {
        if self.made.get() {
            self.run("UPDATE totals SET accepted = ?", vec![signed(now_ms).into()])?;
        }
        Ok(())
    }

    fn next_purge(&self) -> Answer<Option<u64>> {
        if !self.made.get() {
            return Ok(None);
        }
        let rows = self.run("SELECT min(purge) FROM entries HAVING count(*) > 0", Vec::new())?;
        rows.first().map(|row| whole(row, 0).map(unsigned)).transpose()
    }
}

fn read_totals(rows: &[Vec<Value>]) -> Answer<Totals> {
    let row = rows.first().map_or(&[][..], Vec::as_slice);
    Ok(Totals {
        entries: unsigned(whole(row, 0)?),
        bytes: unsigned(whole(row, 1)?),
        generation: unsigned(whole(row, 2)?),
        accepted_ms: unsigned(whole(row, 3)?),
    })
}

fn read_row(mut row: Vec<Value>) -> Answer<Row> {
    let text = match row.get_mut(4) {
        Some(Value::String(text)) => Some(std::mem::take(text)),
        _ => None,
    };
    let stored = match row.get_mut(1) {
        Some(Value::Blob(bytes)) => std::mem::take(bytes),
        _ => return Err(ShardFault("SQLite: an entry without its answer".into())),
    };
    let (created_ms, expires_ms) = (unsigned(whole(&row, 2)?), unsigned(whole(&row, 3)?));
    Ok(Row { found: Found { exact: digest(&row, 0)?, stored, created_ms, expires_ms }, text })
}

pub(super) fn whole(row: &[Value], at: usize) -> Answer<i64> {
    match row.get(at) {
        Some(Value::Integer(number)) => Ok(*number),
        other => Err(ShardFault(format!("SQLite: column {at} should be a whole number and is {other:?}"))),
    }
}

pub(super) fn text(row: &[Value], at: usize) -> Answer<&str> {
    match row.get(at) {
        Some(Value::String(text)) => Ok(text),
        // One number alone comes back as a number.
        other => Err(ShardFault(format!("SQLite: column {at} should be text and is {other:?}"))),
    }
}

pub(super) fn digest(row: &[Value], at: usize) -> Answer<Digest> {
    match row.get(at) {
        Some(Value::Blob(bytes)) => bytes.as_slice().try_into().ok().map(Digest),
        _ => None,
    }
    .ok_or_else(|| ShardFault(format!("SQLite: column {at} should be a digest")))
}

pub(super) fn blob(digest: &Digest) -> Value {
    Value::Blob(digest.0.to_vec())
}

/// SQLite's integers are signed, and JavaScript's end at 2^53: times and counts are far below.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn unhex(hex: &str, into: &mut Vec<i8>) {
    into.clear();
    let digit = |byte: u8| if byte <= b'9' { byte - b'0' } else { (byte | 0x20) - b'a' + 10 };
    into.extend(hex.as_bytes().chunks_exact(2).map(|pair| (digit(pair[0]) << 4 | digit(pair[1])).cast_signed()));
}
