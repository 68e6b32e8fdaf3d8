//! What the gateway asks of the world, as small traits. `cloudflare/` implements them over the platform; tests use
//! the in-memory twins in `tests/world`.

mod address;
pub mod entries;
pub mod evidence;
mod ledgers;
pub mod prefixes;

pub use address::{ShardAddress, ShardPlace};
pub use ledgers::{Enlisted, Ledgers};

use std::fmt;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use self::entries::{EntryRow, EntryWhole, Export, Find, Labels, Page, Purge, Purged, Stored};
use self::evidence::{Feedback, FeedbackDone, Note, ShardReport};
use self::prefixes::{PrefixAnswer, PrefixSeen};
use crate::cache::key::{Digest, EntryPrefix};
use crate::semantic::record::ScopeEvidence;
use crate::tenant::directory::{Admitted, Order, Outcome};
use crate::tenant::places::Places;

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
    /// How long after its expiry an entry with the same bytes is still wanted, in milliseconds.
    pub stale_ms: u64,
    /// Within what time the provider must have accepted the caller's key, in milliseconds; nothing when the caller is
    /// known otherwise.
    pub accepted_within_ms: Option<u64>,
    /// On what terms the caller takes its turn when nothing is found; nothing when it will not ask the upstream.
    pub terms: Option<Terms>,
}

/// On what terms a request waits for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How long it waits, and how long a leader may stay silent, in milliseconds. With 0 nobody waits for anybody.
    pub patience_ms: u64,
}

/// Whose turn it is to ask the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// The caller's. The number is its lease, which it takes up by opening a line.
    Lead(u64),
    /// Another request is asking already.
    Follow,
    /// Everyone's: nobody has to wait.
    Alone,
}

/// A question whose turn it is. When the answer is there already, the caller follows, and gets it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeTurn {
    /// What is to be asked for.
    pub key: Digest,
    /// The terms.
    pub terms: Terms,
    /// Which entry would do.
    pub wanted: Wanted,
}

/// Which fresh entry under a key would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// One that was made after this, in milliseconds since 1970: the one from then was refused already.
    pub newer_than_ms: u64,
    /// As in [`Lookup`].
    pub accepted_within_ms: Option<u64>,
}

/// A request that waits for another one's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// What is asked for: an exact key, a prefix, a batch.
    pub key: Digest,
    /// The terms.
    pub terms: Terms,
    /// For what it waits.
    pub until: Until,
    /// Which entry would do.
    pub wanted: Wanted,
}

/// A lease, by what it is for and by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// What it is for.
    pub key: Digest,
    /// Its number.
    pub token: u64,
}

/// For what a follower waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Until {
    /// The answer under the exact key; live, if the leader's request was the same byte for byte, which this is the digest
    /// of: fields that are not in the key are echoed in some answers.
    Answer(Digest),
    /// That the leader's upstream has begun to answer.
    FirstByte,
    /// That the leader has kept what it was asking for.
    Kept,
}

/// What became of a follower's waiting.
#[derive(Debug, Serialize, Deserialize)]
pub enum Followed<L> {
    /// The answer.
    Hit(Found),
    /// The leader's stream, as it comes.
    Live(L),
    /// What was wanted is there: look again.
    Again,
    /// The leader failed, and the caller leads now.
    Lead(u64),
    /// Go on without waiting.
    Alone,
}

/// Why a leader has nothing to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GaveUp {
    /// The upstream failed: the next one may try.
    Failed,
    /// The upstream refused the caller's key.
    Rejected,
    /// There is an answer, but not one to keep; or waiting has become pointless.
    Alone,
    /// The provider holds the prefix now, for so many milliseconds.
    Warm(u64),
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
    /// The entry under the exact key, fresh or no more stale than was asked for.
    pub exact: Option<Found>,
    /// The nearest fresh entries of the scope, nearest first. Empty when a fresh `exact` is there.
    pub neighbours: Vec<Neighbour>,
    /// Whose turn it is, when the caller named its terms and there is nothing fresh.
    pub turn: Option<Turn>,
    /// The provider has not accepted the caller's key for too long, so nothing was looked for.
    pub unproven: bool,
    /// What is known of the scope, when there are neighbours and anything is.
    pub evidence: Option<ScopeEvidence>,
}

/// A question for several exact keys of one shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookupMany {
    /// The exact keys.
    pub keys: Vec<Digest>,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// As in [`Lookup`].
    pub accepted_within_ms: Option<u64>,
}

/// An entry.
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
    /// By what an operator finds it again.
    pub labels: Labels,
    /// When the request came that made it, in milliseconds since 1970: a purge after that is meant for this answer too.
    pub asked_ms: u64,
    /// Tokens that one replay of it saves.
    pub tokens: u32,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// When it goes stale, in milliseconds since 1970.
    pub expires_ms: u64,
    /// When it is removed, in milliseconds since 1970: later than it goes stale, for those who accept a stale answer.
    pub purge_ms: u64,
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

/// In place of a tenant's name: the callers with provider keys of their own. No tenant can have this name.
pub const OWN_KEYS: &str = crate::ledger::totals::OWN;

/// The cache shards.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Shards: fmt::Debug {
    /// A leader's stream, as a follower gets it.
    type Live: Chunks;
    /// A leader's line to its shard.
    type Line: Line;
    /// Looks up an exact key and its neighbours, in one round trip.
    async fn lookup(&self, at: &ShardAddress, ask: &Lookup) -> Result<Looked, ShardFault>;
    /// Looks up several exact keys; the fresh entries, in the order of the keys.
    async fn lookup_many(&self, at: &ShardAddress, ask: &LookupMany) -> Result<Vec<Option<Found>>, ShardFault>;
    /// Keeps answers. When it returns, the entries are durable.
    async fn store(&self, at: &ShardAddress, ask: &[Store]) -> Result<Stored, ShardFault>;
    /// Sees to it that a shard is in the list of places, when it has kept something. Nobody waits for it. `tenant`: whose
    /// shard it is.
    fn enlist(&self, at: &ShardAddress, tenant: Option<&str>);
    /// Asks whose turn it is.
    async fn take_turn(&self, at: &ShardAddress, ask: &TakeTurn) -> Result<Turn, ShardFault>;
    /// Waits for a leader.
    async fn follow(&self, at: &ShardAddress, ask: &Follow) -> Result<Followed<Self::Live>, ShardFault>;
    /// Takes up a lease. Dropping the line hands the lease over.
    fn lead(&self, at: &ShardAddress, lease: Lease) -> Self::Line;
    /// How many wait for the holder of a lease, or read its stream.
    async fn followers(&self, at: &ShardAddress, lease: Lease) -> Result<u32, ShardFault>;
    /// Remembers something about a hit by meaning. Sent when the answer has left, so that no client waits for it.
    /// `tenant`: whose shard it is, for the list of shards that have something to report.
    async fn note(&self, at: &ShardAddress, tenant: Option<&str>, note: &Note) -> Result<(), ShardFault>;
    /// Asks whether a request's prefix is known, and what broke it. `tenant` as in [`Shards::note`].
    async fn prefix(
        &self,
        at: &ShardAddress,
        tenant: Option<&str>,
        ask: &PrefixSeen,
    ) -> Result<PrefixAnswer, ShardFault>;
    /// Takes somebody's word on an entry.
    async fn feedback(&self, place: &ShardPlace, word: &Feedback) -> Result<FeedbackDone, ShardFault>;
    /// Tells what a shard knows of its scopes.
    async fn report(&self, place: &ShardPlace) -> Result<ShardReport, ShardFault>;
    /// A page of a shard's entries.
    async fn find(&self, place: &ShardPlace, ask: &Find) -> Result<Page<EntryRow>, ShardFault>;
    /// One entry, with all that is stored of it.
    async fn show(&self, place: &ShardPlace, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault>;
    /// Removes entries, or counts them. What was asked for before is not kept afterwards either.
    async fn purge(&self, place: &ShardPlace, ask: &Purge) -> Result<Purged, ShardFault>;
    /// A page of the entries that can be exported.
    async fn export(&self, place: &ShardPlace, ask: &Export) -> Result<Page<EntryWhole>, ShardFault>;
    /// The places of the shards that have kept or noted something, the last used first: those of one tenant, those of all
    /// callers with provider keys of their own ([`OWN_KEYS`]), or all.
    async fn places(&self, tenant: Option<&str>) -> Result<Places, ShardFault>;
}

/// A leader's line to its shard.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Line: fmt::Debug {
    /// The lease that it is for.
    fn lease(&self) -> Lease;
    /// The upstream's answer has begun. When it may be passed on live by [`Line::feed`], with the digest of the request
    /// that it answers.
    fn begin(&mut self, live: Option<Digest>);
    /// More of the answer.
    fn feed(&mut self, bytes: &[u8]);
    /// Ends the lease: keeps answers. When it returns, the entries are durable.
    async fn keep(self, entries: Vec<Store>) -> Result<Stored, ShardFault>;
    /// Ends the lease: there is nothing to keep.
    fn give_up(self, why: GaveUp);
}

/// The tenants and the Worker's secrets.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Tenants {
    /// What a tenant's token allows, by its hash; nothing when it is not good.
    async fn tenant(&self, tenant: &str, hash: &Digest) -> Result<Option<Admitted>, ShardFault> {
        match self.order(tenant, &Order::Admit(*hash)).await? {
            Outcome::Admitted(admitted) => Ok(Some(admitted)),
            _ => Ok(None),
        }
    }
    /// Gives an order to a tenant's object.
    async fn order(&self, tenant: &str, order: &Order) -> Result<Outcome, ShardFault>;
    /// A secret of the Worker's environment.
    fn secret(&self, name: &str) -> Option<String>;
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
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Nature {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// A clock that never goes back, in milliseconds. On Workers both clocks stand still between I/O.
    fn ticks_ms(&self) -> f64;
    /// Sixteen unpredictable bytes.
    fn random(&self) -> [u8; 16];
    /// Waits.
    async fn sleep_ms(&self, ms: u64);
    /// Returns when the client goes away, as far as the platform notices; perhaps never.
    async fn client_leaves(&self);
    /// Goes on with something after the answer has left, for as long as the platform allows.
    fn background(&self, work: Pin<Box<dyn Future<Output = ()>>>);
}

/// All of it.
pub trait World: Shards + Tenants + Ledgers + Upstreams + Nature + 'static {}
impl<W: Shards + Tenants + Ledgers + Upstreams + Nature + 'static> World for W {}
