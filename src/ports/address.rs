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
    /// Whether it has the form of a place.
    #[must_use]
    pub fn is_formed(&self) -> bool {
        self.parts().is_some()
    }

    /// The namespace's digits, and the shard's number.
    fn parts(&self) -> Option<(&str, u8)> {
        let (namespace, shard) = self.0.split_once('/')?;
        let number = shard.parse::<u8>().ok().filter(|number| number.to_string() == shard)?;
        (namespace.len() == NAMESPACE_DIGITS && are_digits(namespace)).then_some((namespace, number))
    }

    /// The id of the entry under an exact key, as [`ShardAddress::entry_id`] makes it; nothing where the place has not the
    /// form of one.
    #[must_use]
    pub fn entry_id(&self, exact: &Digest) -> Option<String> {
        let (namespace, shard) = self.parts()?;
        Some(format!("{shard:02x}{}{namespace}", &exact.to_string()[..KEY_DIGITS]))
    }

    /// Reads an entry's id: its shard, and the first bytes of its exact key.
    #[must_use]
    pub fn of_entry(id: &str) -> Option<(Self, EntryPrefix)> {
        if id.len() != 2 + KEY_DIGITS + NAMESPACE_DIGITS || !are_digits(id) {
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

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
        assert_eq!(ShardPlace::from(&at).entry_id(&Digest([0xab; 32])), Some(id.clone()));
        for wrong in ["", "~places", "cdcd/3", &format!("{}/03", "cd".repeat(16)), &format!("{}/x", "cd".repeat(16))] {
            assert!(!ShardPlace(wrong.to_owned()).is_formed(), "{wrong}");
        }
        for wrong in ["", "03", &id[1..], &id.to_uppercase(), &format!("{id}0"), &id.replace('a', "é")] {
            assert_eq!(ShardPlace::of_entry(wrong), None, "{wrong}");
        }
    }
}
