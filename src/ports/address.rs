//! Where a shard is, and how an entry's id says it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cache::key::{Digest, ENTRY_PREFIX_BYTES, EntryPrefix};

/// Which CacheShard: the namespace, and the number of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardAddress {
    /// The tenant's namespace.
    pub namespace: Digest,
    /// The shard's number.
    pub shard: u8,
}

/// How many digits of a namespace name its shards: 128 bits, so that an entry's id can hold them.
const NAMESPACE_DIGITS: usize = 32;

/// How many digits of an exact key an entry's id holds.
const KEY_DIGITS: usize = 2 * ENTRY_PREFIX_BYTES;

impl ShardAddress {
    fn place(&self) -> String {
        self.namespace.to_string()[..NAMESPACE_DIGITS].to_owned()
    }

    /// The id of the entry under an exact key, as clients see it: its shard, the first 15 bytes of the key, and what names
    /// the namespace. So feedback finds the entry without knowing whose it is.
    #[must_use]
    pub fn entry_id(&self, exact: &Digest) -> String {
        format!("{:02x}{}{}", self.shard, &exact.to_string()[..KEY_DIGITS], self.place())
    }
}

impl fmt::Display for ShardAddress {
    /// The Durable Object's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place(), self.shard)
    }
}

/// A shard by the name of its object, for those who know an entry but not its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardPlace(pub String);

impl From<&ShardAddress> for ShardPlace {
    fn from(at: &ShardAddress) -> Self {
        Self(at.to_string())
    }
}

impl ShardPlace {
    /// Reads an entry's id: its shard, and the first bytes of its exact key.
    #[must_use]
    pub fn of_entry(id: &str) -> Option<(Self, EntryPrefix)> {
        let digits = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() != 2 + KEY_DIGITS + NAMESPACE_DIGITS || !digits(id) {
            return None;
        }
        let shard = u8::from_str_radix(&id[..2], 16).ok()?;
        let mut prefix = EntryPrefix::default();
        for (byte, at) in prefix.iter_mut().zip((2..).step_by(2)) {
            *byte = u8::from_str_radix(&id[at..at + 2], 16).ok()?;
        }
        Some((Self(format!("{}/{shard}", &id[2 + KEY_DIGITS..])), prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_id_leads_back_to_its_shard_and_key() {
        let at = ShardAddress { namespace: Digest([0xcd; 32]), shard: 3 };
        let id = at.entry_id(&Digest([0xab; 32]));
        assert_eq!(id, format!("03{}{}", "ab".repeat(15), "cd".repeat(16)));
        assert_eq!(ShardPlace::of_entry(&id), Some((ShardPlace::from(&at), [0xab; 15])));
        for wrong in ["", "03", &id[1..], &id.to_uppercase(), &format!("{id}0"), &id.replace('a', "é")] {
            assert_eq!(ShardPlace::of_entry(wrong), None, "{wrong}");
        }
    }
}
