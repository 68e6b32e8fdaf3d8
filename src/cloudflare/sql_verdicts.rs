//! What a shard remembers about hits by meaning, as rows of the same database. Nothing of it is written before the first
//! answer is: a note on an object without tables is dropped, for there is nothing that it could be about.

use worker::SqlStorageValue as Value;

use super::sql::Answer;
use super::sql_rows::{SqlRows, blob, digest, signed, unsigned, whole};
use crate::cache::key::{Digest, EntryPrefix};
use crate::ports::ShardFault;
use crate::ports::evidence::Pair;
use crate::shard::{Gone, NewRecord, VerdictRows};

impl VerdictRows for SqlRows {
    fn record(&self, scope: &Digest) -> Answer<Option<Vec<u8>>> {
        let rows = self.read("SELECT record FROM records WHERE scope = ?", vec![blob(scope)])?;
        rows.into_iter().next().map(|row| bytes(row, 0)).transpose()
    }

    fn set_record(&self, scope: &Digest, new: &NewRecord) -> Answer<()> {
        let NewRecord { stored, judged, now_ms, keep } = new;
        let values = vec![blob(scope), signed(*now_ms).into(), i64::from(*judged).into(), stored.clone().into()];
        self.write("INSERT OR REPLACE INTO records (scope, changed, judged, record) VALUES (?, ?, ?, ?)", values)?;
        let over = self.count("SELECT count(*) FROM records", Vec::new())?.saturating_sub(u64::from(*keep));
        if over == 0 {
            return Ok(());
        }
        let oldest = "DELETE FROM records WHERE scope IN (SELECT scope FROM records ORDER BY judged, changed LIMIT ?)";
        self.write(oldest, vec![signed(over).into()])
    }

    fn records(&self, limit: u32) -> Answer<Vec<(Digest, Vec<u8>)>> {
        let statement = "SELECT scope, record FROM records ORDER BY judged DESC, changed DESC LIMIT ?";
        let rows = self.read(statement, vec![i64::from(limit).into()])?;
        rows.into_iter().map(|row| Ok((digest(&row, 0)?, bytes(row, 1)?))).collect()
    }

    fn is_negative(&self, pair: &Digest) -> Answer<bool> {
        Ok(self.count("SELECT count(*) FROM negatives WHERE pair = ?", vec![blob(pair)])? > 0)
    }

    fn add_negative(&self, pair: &Digest, now_ms: u64) -> Answer<()> {
        let values = vec![blob(pair), signed(now_ms).into()];
        self.write("INSERT OR IGNORE INTO negatives (pair, created) VALUES (?, ?)", values)
    }

    fn negatives(&self) -> Answer<u64> {
        self.count("SELECT count(*) FROM negatives", Vec::new())
    }

    fn add_served(&self, pair: &Pair, now_ms: u64, keep: u32) -> Answer<()> {
        let Pair { scope, query, entry, score, sure } = pair;
        let numbers: [Value; 3] = [f64::from(*score).into(), i64::from(*sure).into(), signed(now_ms).into()];
        let values = [blob(entry), blob(query), blob(scope)].into_iter().chain(numbers).collect();
        // A pair that is served again moves to the end.
        self.write(
            "INSERT OR REPLACE INTO served (entry, query, scope, score, sure, at) VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )?;
        let oldest = "DELETE FROM served WHERE seq <= (SELECT max(seq) FROM served) - ?";
        self.write(oldest, vec![i64::from(keep).into()])
    }

    fn served(&self, entry: &EntryPrefix) -> Answer<Vec<Pair>> {
        let (first, last) = bounds(entry);
        let statement = "SELECT scope, query, entry, score, sure FROM served WHERE entry BETWEEN ? AND ?
             ORDER BY seq DESC";
        let rows = self.read(statement, vec![first, last])?;
        rows.iter()
            .map(|row| {
                let [scope, query, entry] = [digest(row, 0)?, digest(row, 1)?, digest(row, 2)?];
                Ok(Pair { scope, query, entry, score: real(row, 3)?, sure: whole(row, 4)? != 0 })
            })
            .collect()
    }

    fn entry(&self, entry: &EntryPrefix) -> Answer<Option<(Digest, Digest)>> {
        let (first, last) = bounds(entry);
        let statement = "SELECT exact, scope FROM entries WHERE exact BETWEEN ? AND ? LIMIT 1";
        let rows = self.read(statement, vec![first, last])?;
        rows.first().map(|row| Ok((digest(row, 0)?, digest(row, 1)?))).transpose()
    }

    fn remove(&self, exact: &Digest) -> Answer<Vec<Gone>> {
        if !self.are_made() {
            return Ok(Vec::new());
        }
        let exact = *exact;
        self.transaction(move |rows| {
            let found = rows.run("SELECT seq, scope, bytes FROM entries WHERE exact = ?", vec![blob(&exact)])?;
            rows.delete(found)
        })
    }

    fn add_sighting(&self, sighting: &[u8], keep: u32) -> Answer<()> {
        self.write("INSERT INTO sightings (sighting) VALUES (?)", vec![sighting.to_vec().into()])?;
        let oldest = "DELETE FROM sightings WHERE seq <= (SELECT max(seq) FROM sightings) - ?";
        self.write(oldest, vec![i64::from(keep).into()])
    }

    fn sightings(&self, limit: u32) -> Answer<Vec<Vec<u8>>> {
        let statement = "SELECT sighting FROM sightings ORDER BY seq DESC LIMIT ?";
        let rows = self.read(statement, vec![i64::from(limit).into()])?;
        rows.into_iter().map(|row| bytes(row, 0)).collect()
    }

    fn text(&self, exact: &Digest) -> Answer<Option<String>> {
        let rows = self.read("SELECT text FROM entries WHERE exact = ?", vec![blob(exact)])?;
        Ok(match rows.into_iter().next().and_then(|mut row| row.pop()) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        })
    }

    fn has_verdicts(&self) -> Answer<bool> {
        // The record of the whole shard, under zeros, is always judged and no reason to stay.
        let statement = "SELECT EXISTS (SELECT 1 FROM records WHERE judged AND scope <> zeroblob(32))
             + EXISTS (SELECT 1 FROM negatives)";
        Ok(self.count(statement, Vec::new())? > 0)
    }
}

impl SqlRows {
    fn read(&self, statement: &str, values: Vec<Value>) -> Answer<Vec<Vec<Value>>> {
        if self.are_made() { self.run(statement, values) } else { Ok(Vec::new()) }
    }

    fn write(&self, statement: &str, values: Vec<Value>) -> Answer<()> {
        self.read(statement, values).map(drop)
    }

    fn count(&self, statement: &str, values: Vec<Value>) -> Answer<u64> {
        let rows = self.read(statement, values)?;
        rows.first().map_or(Ok(0), |row| whole(row, 0).map(unsigned))
    }
}

/// The first and the last key that begin with an entry's prefix.
pub(super) fn bounds(entry: &EntryPrefix) -> (Value, Value) {
    let (mut first, mut last) = ([0; 32], [0xff; 32]);
    first[..entry.len()].copy_from_slice(entry);
    last[..entry.len()].copy_from_slice(entry);
    (blob(&Digest(first)), blob(&Digest(last)))
}

pub(super) fn bytes(mut row: Vec<Value>, at: usize) -> Answer<Vec<u8>> {
    match row.get_mut(at) {
        Some(Value::Blob(bytes)) => Ok(std::mem::take(bytes)),
        other => Err(ShardFault(format!("SQLite: column {at} should be bytes and is {other:?}"))),
    }
}

/// A number that SQLite holds as a real; a whole one comes back as an integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "scores lie between 0 and 1")]
fn real(row: &[Value], at: usize) -> Answer<f32> {
    match row.get(at) {
        Some(Value::Float(number)) => Ok(*number as f32),
        Some(Value::Integer(number)) => Ok(*number as f32),
        other => Err(ShardFault(format!("SQLite: column {at} should be a number and is {other:?}"))),
    }
}
