//! What the gateway asks of the world, as small traits. `cloudflare/` implements them over the platform; tests use
//! the in-memory twins in `tests/world`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cache::key::Digest;

/// Which CacheShard: the namespace, and the number of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardAddress {
    /// The tenant's namespace.
    pub namespace: Digest,
    /// The shard's number.
    pub shard: u8,
}

impl fmt::Display for ShardAddress {
    /// The Durable Object's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.shard)
    }
}

/// One request's question to its shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// The exact key.
    pub exact: Digest,
    /// The scope.
    pub scope: Digest,
    /// What to look for by meaning; nothing when only equal bytes will do.
    pub query: Option<VectorQuery>,
    /// The number of entries in a scope from which a graph answers.
    pub hnsw_from: u32,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// Entries that served by meaning since the last lookup; the shard cannot know, for it does not decide.
    pub served: Vec<Digest>,
}

/// The neighbours that are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorQuery {
    /// The quantised vector of the text.
    pub vector: Vec<i8>,
    /// How many at most.
    pub count: u8,
    /// The lowest cosine of interest.
    pub floor: f32,
}

/// The shard's answer to a [`Lookup`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// The entry under the exact key.
    pub exact: Option<Found>,
    /// The nearest entries of the scope, nearest first. Empty when `exact` is there.
    pub neighbours: Vec<Neighbour>,
}

/// A fresh entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Its exact key.
    pub exact: Digest,
    /// The stored answer; see [`crate::cache::entry`].
    pub stored: Vec<u8>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it goes stale, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// An entry whose text is near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The entry.
    pub found: Found,
    /// The text that it answers.
    pub text: String,
    /// The cosine of the two vectors.
    pub score: f32,
}

/// An answer to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// The exact key.
    pub exact: Digest,
    /// The scope.
    pub scope: Digest,
    /// The text and its vector, when it may be found by meaning.
    pub searchable: Option<Searchable>,
    /// The stored answer.
    pub stored: Vec<u8>,
    /// Tokens that one replay of it saves.
    pub tokens: u32,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// When it goes stale, in milliseconds since 1970.
    pub expires_ms: u64,
    /// Entries that the shard may hold.
    pub max_entries: u32,
    /// Bytes that the shard may hold.
    pub max_bytes: u64,
    /// The number of entries in a scope from which a graph answers.
    pub hnsw_from: u32,
}

/// What makes an entry findable by meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Searchable {
    /// The last user text.
    pub text: String,
    /// Its quantised vector.
    pub vector: Vec<i8>,
}

/// A cache shard did not do what it was asked. Never a client's problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFault(pub String);

/// An upstream could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable(pub String);

/// Headers as they travel: lower-case names, values as text.
pub type Headers = Vec<(String, String)>;

/// A request to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The HTTP method.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The headers that pass.
    pub headers: Headers,
    /// The client's bytes, untouched.
    pub body: Vec<u8>,
}

/// An upstream's answer, its body still to come.
#[derive(Debug)]
pub struct UpstreamAnswer<C> {
    /// HTTP status.
    pub status: u16,
    /// Headers that came.
    pub headers: Headers,
    /// The body, in pieces as they come.
    pub chunks: C,
}

/// A body that comes in pieces. Dropping it ends the upstream's work.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Chunks: fmt::Debug {
    /// The next piece; nothing at the end; an error when the connection broke.
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>>;
}

/// The cache shards.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Shards: fmt::Debug {
    /// Looks up an exact key and its neighbours, in one round trip.
    async fn lookup(&self, at: &ShardAddress, ask: &Lookup) -> Result<Looked, ShardFault>;
    /// Keeps an answer. When it returns, the entry is durable.
    async fn store(&self, at: &ShardAddress, ask: &Store) -> Result<(), ShardFault>;
    /// Notes that an entry served by meaning. The count rides along with a later lookup, best effort: a message of its
    /// own would double what a hit costs.
    fn note_served(&self, at: &ShardAddress, exact: &Digest);
}

/// The upstreams.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Upstreams {
    /// The body of an answer.
    type Body: Chunks;
    /// Sends a request and returns when the headers of the answer are there.
    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamAnswer<Self::Body>, Unreachable>;
}

/// Time and chance, which the rooms never take for themselves.
pub trait Nature {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// A clock that never goes back, in milliseconds. On Workers both clocks stand still between I/O.
    fn ticks_ms(&self) -> f64;
    /// Sixteen unpredictable bytes.
    fn random(&self) -> [u8; 16];
    /// Whether the client has gone away, as far as the platform has noticed.
    fn client_gone(&self) -> bool;
}

/// All of it.
pub trait World: Shards + Upstreams + Nature {}
impl<W: Shards + Upstreams + Nature> World for W {}
