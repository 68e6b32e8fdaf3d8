//! Entries as an operator sees them, in memory.

use nearhit::cache::key::EntryPrefix;
use nearhit::ports::entries::{EntryRow, EntryWhole, Export, Filter, Find, Page};
use nearhit::ports::evidence::Sighting;
use nearhit::ports::{ShardFault, Store};
use nearhit::semantic::index::Seq;
use nearhit::shard::{EntryRows, Gone, MAX_SCANNED};

use super::{MemoryRows, Table};

fn listed(seq: Seq, store: &Store, hits: u32) -> EntryRow {
    EntryRow {
        seq,
        exact: store.exact,
        scope: store.scope,
        text: store.searchable.as_ref().map(|searchable| searchable.text.clone()),
        model: Some(store.labels.model.clone()),
        tags: store.labels.tags.clone(),
        created_ms: store.now_ms,
        expires_ms: store.expires_ms,
        hits: hits.into(),
        tokens: store.tokens.into(),
        bytes: store.stored.len() as u64,
    }
}

fn whole(seq: Seq, store: &Store, hits: u32) -> EntryWhole {
    EntryWhole { row: listed(seq, store, hits), stored: store.stored.clone(), prompt: store.labels.prompt.clone() }
}

impl Table {
    /// The rows before one, the newest first, of those that one page looks at.
    fn page<T>(&self, after: Option<Seq>, limit: u32, take: impl Fn(Seq, &Store, u32) -> Option<T>) -> Page<T> {
        let mut page = Page::default();
        for (scanned, (seq, (row, hits))) in self.rows.range(..after.unwrap_or(Seq::MAX)).rev().enumerate() {
            if scanned == MAX_SCANNED as usize || page.entries.len() == limit as usize {
                // Rows are named by the first one that was looked at before.
                page.next = Some(seq + 1);
                break;
            }
            page.entries.extend(take(*seq, row, *hits));
        }
        page
    }
}

impl MemoryRows {
    /// Entries whose request is kept.
    pub(crate) fn prompts(&self) -> usize {
        self.0.borrow().rows.values().filter(|(row, _)| row.labels.prompt.is_some()).count()
    }
}

impl EntryRows for MemoryRows {
    fn find(&self, ask: &Find) -> Result<Page<EntryRow>, ShardFault> {
        let wanted = ask.text.as_ref().map(|text| text.to_ascii_lowercase());
        Ok(self.0.borrow().page(ask.after, ask.limit, |seq, row, hits| {
            let text = row.searchable.as_ref().map(|searchable| searchable.text.to_ascii_lowercase());
            let matches = wanted.as_ref().is_none_or(|wanted| text.is_some_and(|text| text.contains(wanted)));
            matches.then(|| listed(seq, row, hits))
        }))
    }

    fn whole(&self, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault> {
        let table = self.0.borrow();
        let found = table.rows.iter().find(|(_, (row, _))| row.exact.0.starts_with(entry));
        Ok(found.map(|(seq, (row, hits))| whole(*seq, row, *hits)))
    }

    fn export(&self, ask: &Export) -> Result<Page<EntryWhole>, ShardFault> {
        let take = |seq, row: &Store, hits| row.labels.prompt.is_some().then(|| whole(seq, row, hits));
        Ok(self.0.borrow().page(ask.after, ask.limit, take))
    }

    fn matching(&self, filter: &Filter) -> Result<u64, ShardFault> {
        Ok(self.0.borrow().rows.values().filter(|(row, _)| filter.matches(row)).count() as u64)
    }

    fn purge(&self, filter: &Filter) -> Result<Vec<Gone>, ShardFault> {
        let mut table = self.0.borrow_mut();
        let taken: Vec<Seq> =
            table.rows.iter().filter(|(_, (row, _))| filter.matches(row)).map(|(seq, _)| *seq).collect();
        let keys: Vec<_> = taken.iter().map(|seq| table.rows[seq].0.exact).collect();
        table.sightings.retain(|stored| {
            let sighting: Sighting = postcard::from_bytes(stored).unwrap();
            !keys.contains(&sighting.query) && !keys.contains(&sighting.entry)
        });
        if filter.is_empty() {
            table.sightings.clear();
            table.served.clear();
            // The counts of breaks, under zeros, hold no text.
            table.prefixes.retain(|family, _| family.0 == [0; 32]);
        }
        Ok(taken.into_iter().filter_map(|seq| table.remove(seq)).collect())
    }
}
