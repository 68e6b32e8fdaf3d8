//! What a shard remembers of prompt prefixes, as rows of the same database. The table is made by its own first write: a
//! prefix is remembered though no answer is, and asking for one leaves nothing behind.

use worker::SqlStorageValue as Value;

use super::sql::Answer;
use super::sql_rows::{SqlRows, blob, digest, signed, unsigned, whole};
use super::sql_verdicts::bytes;
use crate::cache::key::Digest;
use crate::shard::{PrefixRow, PrefixRows, PrefixUse};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS prefixes (
    family BLOB PRIMARY KEY, used INTEGER NOT NULL, record BLOB NOT NULL)";

impl PrefixRows for SqlRows {
    fn prefix(&self, family: &Digest) -> Answer<Option<PrefixRow>> {
        let rows = self.on_prefixes("SELECT record, used FROM prefixes WHERE family = ?", vec![blob(family)])?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let used_ms = unsigned(whole(&row, 1)?);
        Ok(Some(PrefixRow { stored: bytes(row, 0)?, used_ms }))
    }

    fn prefixes(&self) -> Answer<Vec<PrefixUse>> {
        let rows = self.on_prefixes("SELECT family, used, length(record) FROM prefixes", Vec::new())?;
        let read = |row: &Vec<Value>| {
            let (used_ms, bytes) = (unsigned(whole(row, 1)?), unsigned(whole(row, 2)?));
            Ok(PrefixUse { family: digest(row, 0)?, used_ms, bytes })
        };
        rows.iter().map(read).collect()
    }

    fn set_prefix(&self, family: &Digest, row: &PrefixRow) -> Answer<()> {
        if !self.prefixes_made.get() {
            self.run(TABLE, Vec::new())?;
            self.prefixes_made.set(true);
        }
        let values = vec![blob(family), signed(row.used_ms).into(), row.stored.clone().into()];
        self.run("INSERT OR REPLACE INTO prefixes (family, used, record) VALUES (?, ?, ?)", values).map(drop)
    }

    fn use_prefix(&self, family: &Digest, used_ms: u64) -> Answer<()> {
        let values = vec![signed(used_ms).into(), blob(family)];
        self.on_prefixes("UPDATE prefixes SET used = ? WHERE family = ?", values).map(drop)
    }

    fn remove_prefix(&self, family: &Digest) -> Answer<()> {
        self.on_prefixes("DELETE FROM prefixes WHERE family = ?", vec![blob(family)]).map(drop)
    }
}

impl SqlRows {
    fn on_prefixes(&self, statement: &str, values: Vec<Value>) -> Answer<Vec<Vec<Value>>> {
        if self.prefixes_made.get() { self.run(statement, values) } else { Ok(Vec::new()) }
    }
}
