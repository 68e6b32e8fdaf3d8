//! The one list of what can be set. The check walks it, and the README's table is tested against it.

use std::fmt;

use super::{Auth, CountStreams, Keys, Mode, Speaks};
use crate::forward::prefix::anthropic::Ttl;
use crate::forward::provider::Provider;
use crate::forward::reasoning::Effort;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// A whole number between the two.
    Whole(u64, u64),
    /// A number between the two.
    Number(f64, f64),
    /// One of [`Mode::NAMES`].
    Mode,
    /// One of [`Keys::NAMES`].
    Keys,
    /// One of [`Auth::NAMES`].
    Auth,
    /// One of [`CountStreams::NAMES`].
    CountStreams,
    /// One of [`Provider::NAMES`].
    Provider,
    /// One of [`Speaks::NAMES`].
    Speaks,
    /// One of [`Ttl::NAMES`].
    Ttl,
    /// One of [`Effort::NAMES`].
    Effort,
    /// Yes or no.
    Flag,
    /// An `http` or `https` address.
    Url,
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Mode => one_of(f, &Mode::NAMES.map(|(name, _)| name)),
            Self::Keys => one_of(f, &Keys::NAMES.map(|(name, _)| name)),
            Self::Auth => one_of(f, &Auth::NAMES.map(|(name, _)| name)),
            Self::CountStreams => one_of(f, &CountStreams::NAMES.map(|(name, _)| name)),
            Self::Provider => one_of(f, &Provider::NAMES.map(|(name, _)| name)),
            Self::Speaks => one_of(f, &Speaks::NAMES.map(|(name, _)| name)),
            Self::Ttl => one_of(f, &Ttl::NAMES.map(|(name, _)| name)),
            Self::Effort => one_of(f, &Effort::NAMES.map(|(name, _)| name)),
            Self::Flag => f.write_str("true or false"),
            Self::Url => write!(f, "an address that starts with http:// or https://, without query or fragment"),
        }
    }
}

fn one_of(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    write!(f, "one of {}", quoted.join(", "))
}

/// One thing that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The variable, and so the table in `wrangler.toml`: `[vars.NEARHIT_CACHE]`.
    pub table: &'static str,
    /// The key in the table.
    pub key: &'static str,
    /// What it may be.
    pub allowed: Allowed,
    /// What it is when it is not set, as it would be written.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn setting(
    table: &'static str,
    key: &'static str,
    allowed: Allowed,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { table, key, allowed, default, meaning }
}

/// Everything that can be set in the plain tables.
pub const SETTINGS: [Setting; 27] = [
    setting(
        "NEARHIT_CACHE",
        "mode",
        Allowed::Mode,
        "\"semantic\"",
        "How far the cache may go when the request does not say (`x-nearhit-mode`): past it, equal bytes, equal bytes with would-be semantic hits reported only, or equal meaning.",
    ),
    setting(
        "NEARHIT_CACHE",
        "ttl_secs",
        Allowed::Whole(1, 31_536_000),
        "86400",
        "How long an answer stays fresh, in seconds.",
    ),
    setting(
        "NEARHIT_CACHE",
        "stale_while_revalidate_secs",
        Allowed::Whole(0, 31_536_000),
        "0",
        "How long after its expiry an answer still serves while one request in the background refreshes it, in seconds.",
    ),
    setting(
        "NEARHIT_CACHE",
        "stale_if_error_secs",
        Allowed::Whole(0, 31_536_000),
        "0",
        "How long after its expiry an answer still serves when the upstream cannot be reached or answers 5xx, in seconds.",
    ),
    setting(
        "NEARHIT_CACHE",
        "keep_stale_secs",
        Allowed::Whole(0, 31_536_000),
        "3600",
        "How long after its expiry an answer is held for requests that say `max-stale`, in seconds.",
    ),
    setting(
        "NEARHIT_CACHE",
        "coalesce_secs",
        Allowed::Whole(0, 600),
        "60",
        "How long a request waits for an identical one that asks the upstream already, and how long that one may stay silent, in seconds. 0: each asks for itself.",
    ),
    setting(
        "NEARHIT_CACHE",
        "hold_prefix",
        Allowed::Flag,
        "false",
        "Whether Messages requests with the same tools and system prompt wait until the upstream answers the first of them: only then can they read what it wrote into the provider's prefix cache.",
    ),
    setting(
        "NEARHIT_CACHE",
        "shards",
        Allowed::Whole(1, 64),
        "4",
        "Over how many Durable Objects one namespace is spread. Changing it makes stored answers unreachable.",
    ),
    setting(
        "NEARHIT_CACHE",
        "max_entries",
        Allowed::Whole(1, 200_000),
        "50000",
        "Entries a shard holds at most; the least worthwhile leave first.",
    ),
    setting(
        "NEARHIT_CACHE",
        "max_megabytes",
        Allowed::Whole(1, 9_000),
        "1000",
        "Megabytes a shard holds at most; the least worthwhile entries leave first.",
    ),
    setting(
        "NEARHIT_SEMANTIC",
        "max_error_rate",
        Allowed::Number(0.0005, 0.2),
        "0.01",
        "The error budget: the share of wrong answers among hits by meaning stays below it, with 95 % confidence. The threshold follows from it, a scope each.",
    ),
    setting(
        "NEARHIT_SEMANTIC",
        "verifier",
        Allowed::Flag,
        "true",
        "Whether the verifier judges texts in other words. Without it (for the free plan's 10 ms of CPU time) only the same words in another wrapping serve.",
    ),
    setting(
        "NEARHIT_SEMANTIC",
        "audit_share",
        Allowed::Number(0.0, 1.0),
        "0.01",
        "The share of hits by meaning that also go upstream, in the background, to compare the two answers. Each of them costs an upstream call.",
    ),
    setting(
        "NEARHIT_SEMANTIC",
        "threshold",
        Allowed::Number(0.5, 1.0),
        "0.5",
        "The lowest score of the verifier that may serve, whatever the error budget allows.",
    ),
    setting(
        "NEARHIT_SEMANTIC",
        "find_from",
        Allowed::Number(0.1, 1.0),
        "0.25",
        "The similarity (cosine) from which an entry is a candidate for the guard and the verifier.",
    ),
    setting("NEARHIT_SEMANTIC", "candidates", Allowed::Whole(1, 8), "3", "How many of the nearest entries are judged."),
    setting(
        "NEARHIT_SEMANTIC",
        "hnsw_from",
        Allowed::Whole(1_000, 1_000_000),
        "50000",
        "Entries in one scope from which the HNSW graph takes over from the exact scan.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "max_body_bytes",
        Allowed::Whole(1_024, 100_000_000),
        "10000000",
        "The largest request body, in bytes; a larger one is answered 413.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "keys",
        Allowed::Keys,
        "\"byok\"",
        "Whose keys are let in: the clients' own provider keys as well as tokens (`nh_...`), or tokens alone.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "retries",
        Allowed::Whole(0, 5),
        "2",
        "How often a request is sent again at most when the upstream cannot be reached or answers 408, 409, 429 or 5xx, before anything of an answer has come.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "retry_wait_secs",
        Allowed::Whole(0, 120),
        "10",
        "The longest `Retry-After` that is waited for, in seconds; a longer one goes to the next model of the route, or else to the client.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "first_byte_secs",
        Allowed::Whole(1, 3_600),
        "600",
        "How long an upstream may take until its answer begins, in seconds; then the next model of the route is asked, or the client gets 504.",
    ),
    setting(
        "NEARHIT_LIMITS",
        "idle_secs",
        Allowed::Whole(1, 3_600),
        "300",
        "How long an answer that has begun may pause, in seconds; then the connection is closed.",
    ),
    setting(
        "NEARHIT_LEDGER",
        "count_streams",
        Allowed::CountStreams,
        "\"tenants\"",
        "Whose Chat Completions streams the provider is asked to count (`stream_options.include_usage`) when the client did not ask for it, besides those that a budget is for (not with \"none\"); what it adds is taken out of the stream. Other streams without a count are estimated.",
    ),
    setting(
        "NEARHIT_LEDGER",
        "minutes_kept_hours",
        Allowed::Whole(1, 168),
        "24",
        "How long the ledger keeps its sums by minute, in hours.",
    ),
    setting(
        "NEARHIT_LEDGER",
        "hours_kept_days",
        Allowed::Whole(1, 400),
        "32",
        "How long the ledger keeps its sums by hour, in days.",
    ),
    setting(
        "NEARHIT_LEDGER",
        "days_kept",
        Allowed::Whole(1, 3_660),
        "400",
        "How long the ledger keeps its sums by day, in days.",
    ),
];
