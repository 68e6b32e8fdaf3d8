//! Entries as an operator sees them: pages, one whole entry, purges. What he writes is bound to statements, never part of one.

use worker::SqlStorageValue as Value;

use super::sql::Answer;
use super::sql_rows::{SqlRows, blob, digest, signed, unsigned, whole};
use super::sql_verdicts::{bounds, bytes};
use crate::cache::key::{Digest, EntryPrefix};
use crate::ports::entries::{EntryRow, EntryWhole, Export, Filter, Find, Page};
use crate::ports::evidence::Sighting;
use crate::semantic::index::Seq;
use crate::shard::{EntryRows, Gone, MAX_PAGE_BYTES, MAX_SCANNED, read_tags, written_tags};

/// What a page shows of an entry, in the order in which [`read_entry`] reads it.
const COLUMNS: &str = "seq, exact, scope, text, model, tags, created, expires, hits, tokens, bytes";

/// The largest number that JavaScript holds exactly: no row has it.
const NEWEST: i64 = (1 << 53) - 1;

/// The rows that one page looks at: from `low`, and before `high`.
struct Window {
    low: i64,
    high: i64,
    /// There may be rows below it.
    more: bool,
}

impl Window {
    /// The end of a page that has read to the window's end.
    fn next(&self) -> Option<Seq> {
        self.more.then(|| unsigned(self.low))
    }
}

impl EntryRows for SqlRows {
    fn find(&self, ask: &Find) -> Answer<Page<EntryRow>> {
        let Some(window) = self.window(ask.after)? else { return Ok(Page::default()) };
        let mut values: Vec<Value> = vec![window.high.into(), window.low.into()];
        // Not LIKE: the platform allows its patterns 50 bytes. `lower` knows ASCII alone, as LIKE does.
        let wanted = if let Some(text) = &ask.text {
            values.push(text.clone().into());
            "AND instr(lower(text), lower(?)) > 0"
        } else {
            ""
        };
        let limit = ask.limit as usize;
        values.push((i64::from(ask.limit) + 1).into());
        let statement =
            format!("SELECT {COLUMNS} FROM entries WHERE seq < ? AND seq >= ? {wanted} ORDER BY seq DESC LIMIT ?");
        let rows = self.run(&statement, values)?;
        // One row more than is wanted tells whether there are more.
        let last = rows.get(limit.saturating_sub(1)).filter(|_| rows.len() > limit);
        let next = last.map(|row| whole(row, 0).map(unsigned)).transpose()?.or(window.next());
        // A damaged row is passed over.
        let entries = rows.iter().take(limit).filter_map(|row| read_entry(row).ok()).collect();
        Ok(Page { entries, next })
    }

    fn whole(&self, entry: &EntryPrefix) -> Answer<Option<EntryWhole>> {
        if !self.are_made() {
            return Ok(None);
        }
        let (first, last) = bounds(entry);
        let statement = format!("SELECT {COLUMNS}, stored, prompt FROM entries WHERE exact BETWEEN ? AND ? LIMIT 1");
        self.run(&statement, vec![first, last])?.pop().map(read_whole).transpose()
    }

    fn export(&self, ask: &Export) -> Answer<Page<EntryWhole>> {
        let Some(window) = self.window(ask.after)? else { return Ok(Page::default()) };
        // Their sizes first, so that no page is larger than an isolate can turn over.
        let sizes = self.run(
            "SELECT seq, length(stored) + length(prompt) FROM entries
             WHERE seq < ? AND seq >= ? AND prompt IS NOT NULL ORDER BY seq DESC LIMIT ?",
            vec![window.high.into(), window.low.into(), (i64::from(ask.limit) + 1).into()],
        )?;
        let (mut sum, mut count, mut low) = (0, 0, window.low);
        for row in sizes.iter().take(ask.limit as usize) {
            sum += unsigned(whole(row, 1)?);
            if count > 0 && sum > MAX_PAGE_BYTES {
                break;
            }
            count += 1;
            low = whole(row, 0)?;
        }
        let next = if count < sizes.len() { Some(unsigned(low)) } else { window.next() };
        let statement = format!(
            "SELECT {COLUMNS}, stored, prompt FROM entries WHERE seq < ? AND seq >= ? AND prompt IS NOT NULL
             ORDER BY seq DESC"
        );
        let rows = self.run(&statement, vec![window.high.into(), low.into()])?;
        Ok(Page { entries: rows.into_iter().filter_map(|row| read_whole(row).ok()).collect(), next })
    }

    fn matching(&self, filter: &Filter) -> Answer<u64> {
        if !self.are_made() {
            return Ok(0);
        }
        let (condition, values) = condition(filter);
        let rows = self.run(&format!("SELECT count(*) FROM entries WHERE {condition}"), values)?;
        rows.first().map_or(Ok(0), |row| whole(row, 0).map(unsigned))
    }

    fn purge(&self, filter: &Filter) -> Answer<Vec<Gone>> {
        let filter = filter.clone();
        self.transaction(move |rows| {
            if filter.is_empty() && rows.prefixes_made.get() {
                // The counts of breaks, under zeros, hold no text.
                rows.run("DELETE FROM prefixes WHERE family <> zeroblob(32)", Vec::new())?;
            }
            if !rows.are_made() {
                return Ok(Vec::new());
            }
            rows.purge_seen(&filter)?;
            let (condition, values) = condition(&filter);
            let vectors =
                format!("DELETE FROM vectors WHERE (scope, seq) IN (SELECT scope, seq FROM entries WHERE {condition})");
            rows.run(&vectors, values.clone())?;
            let entries = format!("DELETE FROM entries WHERE {condition} RETURNING seq, scope, bytes");
            let mut freed = 0;
            let mut gone = Vec::new();
            for row in rows.run(&entries, values)? {
                gone.push(Gone { seq: unsigned(whole(&row, 0)?), scope: digest(&row, 1)? });
                freed += whole(&row, 2)?;
            }
            if !gone.is_empty() {
                rows.change_totals(-signed(gone.len() as u64), -freed, 0)?;
            }
            Ok(gone)
        })
    }
}

impl SqlRows {
    /// The rows that a page looks at; nothing when there are none.
    fn window(&self, after: Option<Seq>) -> Answer<Option<Window>> {
        if !self.are_made() {
            return Ok(None);
        }
        let high = after.map_or(NEWEST, |after| signed(after).min(NEWEST));
        let found = self.run(
            "SELECT ifnull(min(seq), 0), count(*) FROM
             (SELECT seq FROM entries WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
            vec![high.into(), i64::from(MAX_SCANNED).into()],
        )?;
        let row = found.first().map_or(&[][..], Vec::as_slice);
        let (low, count) = (whole(row, 0)?, whole(row, 1)?);
        Ok((count > 0).then_some(Window { low, high, more: count >= i64::from(MAX_SCANNED) }))
    }

    /// Forgets what shadow mode saw of entries that go, for it names what was different in their texts; with all entries, also
    /// who was served from what.
    fn purge_seen(&self, filter: &Filter) -> Answer<()> {
        if filter.is_empty() {
            self.run("DELETE FROM sightings", Vec::new())?;
            self.run("DELETE FROM served", Vec::new())?;
            return Ok(());
        }
        let (condition, values) = condition(filter);
        let statement = format!("SELECT count(*) FROM entries WHERE exact IN (?, ?) AND {condition}");
        for row in self.run("SELECT seq, sighting FROM sightings", Vec::new())? {
            let seq = whole(&row, 0)?;
            let goes = match postcard::from_bytes::<Sighting>(&bytes(row, 1)?) {
                Ok(sighting) => {
                    let keys = [blob(&sighting.query), blob(&sighting.entry)];
                    let found = self.run(&statement, keys.into_iter().chain(values.iter().cloned()).collect())?;
                    found.first().map_or(Ok(0), |row| whole(row, 0))? > 0
                }
                // Nobody can read it any more.
                Err(_) => true,
            };
            if goes {
                self.run("DELETE FROM sightings WHERE seq = ?", vec![seq.into()])?;
            }
        }
        Ok(())
    }
}

/// A filter as a condition on entries, and what is bound to it.
fn condition(filter: &Filter) -> (String, Vec<Value>) {
    let Filter { entry, tag, scope, model } = filter;
    let (mut parts, mut values) = (vec!["1"], Vec::new());
    if let Some(entry) = entry {
        let (first, last) = bounds(entry);
        parts.push("exact BETWEEN ? AND ?");
        values.extend([first, last]);
    }
    if let Some(tag) = tag {
        parts.push("instr(tags, ?) > 0");
        values.push(written_tags(std::slice::from_ref(tag)).into());
    }
    if let Some(scope) = scope {
        parts.push("scope = ?");
        values.push(blob(scope));
    }
    if let Some(model) = model {
        parts.push("model = ?");
        values.push(model.clone().into());
    }
    (parts.join(" AND "), values)
}

fn read_entry(row: &[Value]) -> Answer<EntryRow> {
    let text = |at: usize| match row.get(at) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |at: usize| whole(row, at).map(unsigned);
    let [exact, scope]: [Digest; 2] = [digest(row, 1)?, digest(row, 2)?];
    Ok(EntryRow {
        seq: number(0)?,
        exact,
        scope,
        text: text(3),
        model: text(4),
        tags: text(5).map(|written| read_tags(&written)).unwrap_or_default(),
        created_ms: number(6)?,
        expires_ms: number(7)?,
        hits: number(8)?,
        tokens: number(9)?,
        bytes: number(10)?,
    })
}

fn read_whole(mut row: Vec<Value>) -> Answer<EntryWhole> {
    let entry = read_entry(&row)?;
    let prompt = match row.pop() {
        Some(Value::Blob(prompt)) => Some(prompt),
        _ => None,
    };
    Ok(EntryWhole { row: entry, stored: bytes(row, 11)?, prompt })
}
