//! Keys. All are SHA-256 over parts that are each preceded by their length, so that no two different lists of
//! parts give the same bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::{CanonicalRequest, ScopePart};

/// A SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads a digest as it is displayed: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How many bytes of an entry's exact key its id holds.
pub const ENTRY_PREFIX_BYTES: usize = 15;

/// The first bytes of an exact key: as many as an entry's id holds.
pub type EntryPrefix = [u8; ENTRY_PREFIX_BYTES];

/// Where a request belongs, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Everything but the last user text. Only requests with equal scopes are ever compared by meaning.
    pub scope: Digest,
    /// The scope and the last user text, byte for byte.
    pub exact: Digest,
    /// The shard of the namespace that holds the scope.
    pub shard: u8,
}

impl Keys {
    /// The short form of the exact key for `Cache-Status`.
    #[must_use]
    pub fn short(&self) -> String {
        self.exact.to_string()[..8].to_owned()
    }
}

impl Digest {
    /// The shard, one of `shards`, that holds what this digest stands for.
    #[must_use]
    pub fn shard(&self, shards: u8) -> u8 {
        self.0[31] % shards.max(1)
    }
}

/// Computes the keys of a request in a namespace, for one of `shards` shards. `target` is the upstream's name and
/// what follows `/v1` in the path, the query included: `openai/chat/completions?api-version=1`.
#[must_use]
pub fn keys(namespace: &Digest, target: &str, request: &CanonicalRequest, shards: u8) -> Keys {
    // No `..`: a field that is added has to be placed here.
    let CanonicalRequest {
        api,
        model: _,
        delivery: _,
        scope,
        query,
        exact_only: _,
        bypass: _,
        provider_keeps: _,
        echoes: _,
    } = request;
    // `model` is one of the scope's parts already; `delivery` only shapes the replay; the last three are decisions.
    let mut hash = Hasher::new(b"nearhit scope 1");
    hash.part(&namespace.0);
    hash.part(target.as_bytes());
    hash.part(api.as_str().as_bytes());
    hash.part(&(scope.len() as u64).to_be_bytes());
    for ScopePart { name, value } in scope {
        hash.part(name.as_bytes());
        hash.part(value);
    }
    let scope = hash.finish();
    Keys { scope, exact: exact(&scope, query), shard: scope.shard(shards) }
}

/// The exact key of a query in a scope.
#[must_use]
pub fn exact(scope: &Digest, query: &str) -> Digest {
    let mut hash = Hasher::new(b"nearhit exact 1");
    hash.part(&scope.0);
    hash.part(query.as_bytes());
    hash.finish()
}

/// The digest of a request body as it came.
#[must_use]
pub fn request(body: &[u8]) -> Digest {
    let mut hash = Hasher::new(b"nearhit request 1");
    hash.part(body);
    hash.finish()
}

/// What stands for several exact keys asked for together.
#[must_use]
pub fn batch(keys: &[Digest]) -> Digest {
    let mut hash = Hasher::new(b"nearhit batch 1");
    keys.iter().for_each(|key| hash.part(&key.0));
    hash.finish()
}

/// SHA-256 over length-prefixed parts.
#[derive(Debug)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher for one purpose; the purpose is the first part, so that digests of two purposes never meet.
    #[must_use]
    pub fn new(purpose: &[u8]) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.part(purpose);
        hasher
    }

    /// Adds a part.
    pub fn part(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::openai_chat;

    fn request(query: &str) -> CanonicalRequest {
        let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": query}]});
        openai_chat::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_digest_is_read_as_it_is_shown() {
        let digest = Digest(std::array::from_fn(|k| u8::try_from(7 * k).unwrap()));
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        for wrong in ["", "ab", &digest.to_string().to_uppercase(), &"é".repeat(32), &"g".repeat(64)] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let digest = |parts: &[&[u8]]| {
            let mut hash = Hasher::new(b"test");
            parts.iter().for_each(|part| hash.part(part));
            hash.finish()
        };
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"ab"]), digest(&[b"ab", b""]));
    }

    #[test]
    fn tenant_and_upstream_are_in_the_scope_and_the_query_is_not() {
        let (one, two) = (Digest([1; 32]), Digest([2; 32]));
        let base = keys(&one, "openai", &request("hello there"), 4);
        assert_ne!(base.scope, keys(&two, "openai", &request("hello there"), 4).scope);
        assert_ne!(base.scope, keys(&one, "other", &request("hello there"), 4).scope);
        let other = keys(&one, "openai", &request("hello where"), 4);
        assert_eq!(base.scope, other.scope);
        assert_ne!(base.exact, other.exact);
    }

    #[test]
    fn the_short_form_is_the_beginning_of_the_exact_key() {
        let keys = Keys { scope: Digest([0; 32]), exact: Digest([0xab; 32]), shard: 3 };
        assert_eq!(keys.short(), "abababab");
    }
}
