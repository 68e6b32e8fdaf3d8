//! The rows of prompt prefixes, in memory.

use nearhit::cache::key::Digest;
use nearhit::ports::ShardFault;
use nearhit::shard::{PrefixRow, PrefixRows, PrefixUse};

use super::MemoryRows;

impl MemoryRows {
    /// Changes every stored row of prefixes.
    pub(crate) fn damage_prefixes(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.borrow_mut().prefixes.values_mut().for_each(|row| change(&mut row.stored));
    }

    /// Whether an object with these rows holds nothing at all.
    pub(crate) fn are_empty(&self) -> bool {
        let table = self.0.borrow();
        table.rows.is_empty() && table.records.is_empty() && table.prefixes.is_empty()
    }
}

impl PrefixRows for MemoryRows {
    fn prefix(&self, family: &Digest) -> Result<Option<PrefixRow>, ShardFault> {
        Ok(self.0.borrow().prefixes.get(family).cloned())
    }

    fn prefixes(&self) -> Result<Vec<PrefixUse>, ShardFault> {
        let table = self.0.borrow();
        let uses = table.prefixes.iter().map(|(family, row)| PrefixUse {
            family: *family,
            used_ms: row.used_ms,
            bytes: row.stored.len() as u64,
        });
        Ok(uses.collect())
    }

    fn set_prefix(&self, family: &Digest, row: &PrefixRow) -> Result<(), ShardFault> {
        self.0.borrow_mut().prefixes.insert(*family, row.clone());
        Ok(())
    }

    fn use_prefix(&self, family: &Digest, used_ms: u64) -> Result<(), ShardFault> {
        self.0.borrow_mut().prefixes.get_mut(family).into_iter().for_each(|row| row.used_ms = used_ms);
        Ok(())
    }

    fn remove_prefix(&self, family: &Digest) -> Result<(), ShardFault> {
        self.0.borrow_mut().prefixes.remove(family);
        Ok(())
    }
}
