//! nearhit: an LLM caching proxy that runs as a WebAssembly Worker at the CDN edge.
//!
//! The life of a request, top to bottom. Arrows point down only; rooms side by side do not know each other.
//!
//! ```text
//! client ── HTTP ──▶ cloudflare    fetch event: bytes in, bytes out, nothing decided here
//!                      │
//!                   gateway        the life of a request; the only place where rooms meet
//!                      │
//!                   protocol       wire format ⇄ canonical
//!                   tenant         who calls, may they, and so which namespace
//!                   cache          may it be looked up, may it be kept, under which key, for how long
//!                   semantic       embed the text; judge the neighbours that came back: guard, verifier, error budget
//!                      │
//!                   ports          one round trip to the shard: exact entry, neighbours
//!                   shard          what a CacheShard does over its rows
//!                   leases         identical misses: who asks, who waits, who takes over
//!                      │ miss
//!                   forward        which model, within which caps; what the provider's prefix cache is told; retries; other APIs
//!                   ledger         what a request costs, and may; what it has cost, in sums
//!                   incoming       an answer on its way in
//!                   counting       listen to the answer for what was used
//!                   keeping        what is needed to keep an answer
//!                   relay          the answer on its way to the client: counted, shared, kept when it ended well
//!                      │
//!                   telemetry      what happened, in headers
//! ```

pub mod canonical;
pub mod config;
pub mod error;
pub mod ports;

pub mod gateway;

pub mod cache;
pub mod counting;
pub mod forward;
pub mod incoming;
pub mod keeping;
pub mod leases;
pub mod ledger;
pub mod protocol;
pub mod relay;
pub mod semantic;
pub mod shard;
pub mod telemetry;
pub mod tenant;

#[cfg(target_arch = "wasm32")]
mod cloudflare;
