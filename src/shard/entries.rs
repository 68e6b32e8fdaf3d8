//! What an operator sees of a shard's entries, and takes out of it.

use super::prefixes::Prefixes;
use super::{Gone, Indexes, Rows, Shard};
use crate::cache::key::EntryPrefix;
use crate::ports::entries::{EntryRow, EntryWhole, Export, Filter, Find, Page, Purge, Purged};
use crate::ports::{ShardFault, Store};

/// The rows that hold it. Every method is one transaction.
pub trait EntryRows {
    /// A page of entries; at most [`MAX_SCANNED`] rows are looked at for it.
    fn find(&self, ask: &Find) -> Result<Page<EntryRow>, ShardFault>;
    /// One entry, whole.
    fn whole(&self, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault>;
    /// A page of the entries whose request is kept; at most [`MAX_SCANNED`] rows are looked at, and after
    /// [`MAX_PAGE_BYTES`] it ends.
    fn export(&self, ask: &Export) -> Result<Page<EntryWhole>, ShardFault>;
    /// How many entries a filter is for.
    fn matching(&self, filter: &Filter) -> Result<u64, ShardFault>;
    /// Removes the entries that a filter is for, with what shadow mode saw of them. An empty filter also takes the prompt
    /// prefixes and who was served from what; verdicts and counts stay, for they hold no text.
    fn purge(&self, filter: &Filter) -> Result<Vec<Gone>, ShardFault>;
}

/// Rows that one page looks at, so that no request waits long behind it.
pub const MAX_SCANNED: u32 = 5_000;

/// Compressed bytes of requests and answers after which a page ends.
pub const MAX_PAGE_BYTES: u64 = 8 * 1024 * 1024;

/// Labels as a row holds them: each on a line of its own, with a line break before and after, so that one is found as text.
/// None holds a line break, for header values do not.
#[must_use]
pub fn written_tags(tags: &[(String, String)]) -> String {
    let mut written = String::from("\n");
    for (name, value) in tags.iter().filter(|(name, value)| !name.contains('\n') && !value.contains('\n')) {
        written.extend([name, "=", value, "\n"]);
    }
    written
}

/// The labels again.
#[must_use]
pub fn read_tags(written: &str) -> Vec<(String, String)> {
    let labels = written.split('\n').filter_map(|label| label.split_once('='));
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl<R: Rows> Shard<R> {
    /// A page of entries.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn find(&mut self, ask: &Find) -> Result<Page<EntryRow>, ShardFault> {
        self.flush_hits()?;
        self.rows.find(ask)
    }

    /// One entry, whole.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn show(&mut self, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault> {
        self.flush_hits()?;
        self.rows.whole(entry)
    }

    /// A page of the entries that can be exported.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn export(&self, ask: &Export) -> Result<Page<EntryWhole>, ShardFault> {
        self.rows.export(ask)
    }

    /// Removes entries, or counts them. It holds from now on: lookups find none of them, and what was asked for before is not
    /// kept.
    ///
    /// # Errors
    /// When the rows cannot be written; then nothing was removed.
    pub fn purge(&mut self, ask: &Purge, now_ms: u64, indexes: &mut Indexes) -> Result<Purged, ShardFault> {
        if ask.dry_run {
            return Ok(Purged { matched: self.rows.matching(&ask.filter)?, purged: 0 });
        }
        self.flush_hits()?;
        let gone = self.rows.purge(&ask.filter)?;
        self.leases.borrow_mut().purges().remember(&ask.filter, now_ms);
        if ask.filter.is_empty() {
            self.prefixes = Prefixes::default();
        }
        self.forget(&gone, indexes)?;
        let count = gone.len() as u64;
        Ok(Purged { matched: count, purged: count })
    }

    /// Whether an answer was asked for before a purge that is meant for it.
    pub(super) fn is_purged(&self, new: &Store) -> bool {
        self.leases.borrow_mut().purges().took(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written() {
        let tags = [("feature", "search"), ("query", "a=b"), ("empty", "")];
        let tags: Vec<(String, String)> = tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(written_tags(&tags), "\nfeature=search\nquery=a=b\nempty=\n");
        assert_eq!(read_tags(&written_tags(&tags)), tags);
        assert_eq!((written_tags(&[]).as_str(), read_tags("\n")), ("\n", Vec::new()));
        assert_eq!(written_tags(&[("a".into(), "b\nc=d".into())]), "\n", "one label cannot pass for two");
    }
}
