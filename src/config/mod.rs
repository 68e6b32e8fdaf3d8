//! Configuration: as written in `wrangler.toml`, then checked. One answer names every mistake with its path.

mod routes;
mod settings;
mod upstreams;

pub use routes::ROUTES_TABLE;
pub use settings::{Allowed, SETTINGS, Setting};
pub use upstreams::{Auth, Speaks, UPSTREAMS_TABLE, Upstream};

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::forward::prefix::anthropic::Ttl;
use crate::forward::provider::Provider;
use crate::forward::reasoning::Effort;
use crate::forward::routing::Route;
use crate::ledger::book::Retention;
use crate::ledger::prices::{Overrides, PriceMistake};

/// How far the cache may go for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// Past the cache.
    Off,
    /// Equal bytes only.
    Exact,
    /// Equal bytes; what would have been a hit by meaning is reported, not served.
    Shadow,
    /// Equal bytes, then equal meaning.
    Semantic,
}

impl Mode {
    /// Every mode, as it is written.
    pub const NAMES: [(&'static str, Self); 4] =
        [("off", Self::Off), ("exact", Self::Exact), ("shadow", Self::Shadow), ("semantic", Self::Semantic)];

    /// The mode as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }

    /// Reads a mode.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }
}

/// Whose keys are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// The clients' own provider keys, and tokens.
    Byok,
    /// Tokens alone.
    Managed,
}

impl Keys {
    /// Both, as they are written.
    pub const NAMES: [(&'static str, Self); 2] = [("byok", Self::Byok), ("managed", Self::Managed)];
}

/// Whose Chat Completions streams are counted by the provider though the client did not ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountStreams {
    /// Nobody's: what they used is estimated.
    None,
    /// Those that a tenant's key pays for.
    Tenants,
    /// Everybody's.
    All,
}

impl CountStreams {
    /// All, as they are written.
    pub const NAMES: [(&'static str, Self); 3] = [("none", Self::None), ("tenants", Self::Tenants), ("all", Self::All)];
}

/// The checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How far the cache may go when the request does not say.
    pub mode: Mode,
    /// How long an answer stays fresh, in seconds.
    pub ttl_secs: u64,
    /// How long a stale answer serves while it is refreshed in the background, in seconds.
    pub stale_while_revalidate_secs: u64,
    /// How long a stale answer serves when the upstream fails, in seconds.
    pub stale_if_error_secs: u64,
    /// How long a stale answer is held for requests that accept one, in seconds.
    pub keep_stale_secs: u64,
    /// How long a request waits for an identical one, in seconds; 0: not at all.
    pub coalesce_secs: u64,
    /// Whether Messages requests with one prefix wait until the first of them is being answered.
    pub hold_prefix: bool,
    /// Over how many Durable Objects one namespace is spread.
    pub shards: u8,
    /// Entries a shard holds at most.
    pub max_entries: u32,
    /// Bytes a shard holds at most.
    pub max_bytes: u64,
    /// The largest share of wrong answers among hits by meaning.
    pub max_error_rate: f64,
    /// Whether the verifier judges what the guard lets through.
    pub verifier: bool,
    /// The lowest score that may be served by meaning, whatever the error budget allows.
    pub threshold: f32,
    /// The similarity (cosine) from which an entry is a candidate.
    pub find_from: f32,
    /// The share of hits by meaning that go upstream all the same, to compare the answers.
    pub audit_share: f64,
    /// How many of the nearest entries are judged.
    pub candidates: u8,
    /// The number of entries in one scope from which the graph index takes over from the exact scan.
    pub hnsw_from: u32,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Whose keys are let in.
    pub keys: Keys,
    /// How often a request is sent again at most, to one upstream.
    pub retries: u32,
    /// How long an upstream may keep a retry waiting, in milliseconds.
    pub retry_wait_ms: u64,
    /// How long an upstream may take until its answer begins, in milliseconds.
    pub first_byte_ms: u64,
    /// How long an answer that has begun may pause, in milliseconds.
    pub idle_ms: u64,
    /// Whose streams are counted though the client did not ask for it.
    pub count_streams: CountStreams,
    /// How long the ledger's sums are kept.
    pub retention: Retention,
    /// The upstreams by name; `openai` and `anthropic` are always among them.
    pub upstreams: BTreeMap<String, Upstream>,
    /// The routes by alias.
    pub routes: BTreeMap<String, Route>,
    /// The operator's own prices.
    pub prices: Overrides,
}

impl Config {
    /// The upstream of that name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.get(name)
    }

    /// How long a stale entry may still be of use, in seconds.
    #[must_use]
    pub fn longest_stale_secs(&self) -> u64 {
        self.keep_stale_secs.max(self.stale_while_revalidate_secs).max(self.stale_if_error_secs)
    }
}

/// The table of the operator's own prices, in US dollars for a million tokens: `"openai/gpt-x" = {input = 1, output = 4}`.
pub const PRICES_TABLE: &str = "NEARHIT_PRICES";

/// Tables whose keys are names of the operator's choice.
const NAMED_TABLES: [&str; 3] = [UPSTREAMS_TABLE, ROUTES_TABLE, PRICES_TABLE];

/// Variables of the name's form that are no tables.
const OTHER_VARIABLES: [&str; 3] = ["NEARHIT_HMAC_KEY", "NEARHIT_ADMIN_TOKEN", "NEARHIT_ANALYTICS"];

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `NEARHIT_CACHE.ttl_secs`.
    pub path: String,
    /// What is wrong there, and what is allowed.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Checks the variables of the Worker's environment, as JSON by name. A table may also be given as a string that
/// holds JSON, which is what `--var NAME:VALUE` on a command line makes of it.
///
/// # Errors
/// Every mistake.
pub fn check(variables: &BTreeMap<String, Value>) -> Result<Config, Vec<Mistake>> {
    let mut reader = Reader { values: BTreeMap::new(), mistakes: Vec::new() };
    let tables: Vec<&str> = SETTINGS.iter().map(|setting| setting.table).collect();
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("NEARHIT_")) {
        if tables.contains(&name.as_str()) {
            reader.read_table(name, value);
        } else if !NAMED_TABLES.contains(&name.as_str()) && !OTHER_VARIABLES.contains(&name.as_str()) {
            let mut known: Vec<&str> = tables.clone();
            known.extend(NAMED_TABLES);
            known.dedup();
            reader.mistake(name.clone(), format!("is not a table that nearhit knows; known are {}", known.join(", ")));
        }
    }
    match variables.get("NEARHIT_HMAC_KEY") {
        Some(Value::String(secret)) if !secret.is_empty() => {}
        _ => reader.mistake(
            "NEARHIT_HMAC_KEY",
            "is not set; it must be a secret of at least one character (`npx wrangler secret put NEARHIT_HMAC_KEY`)",
        ),
    }
    let upstreams = upstreams::read(variables, &mut reader.mistakes);
    let routes = routes::read(variables, &upstreams, &mut reader.mistakes);
    let prices = variables.get(PRICES_TABLE).map_or_else(|| Ok(Overrides::default()), Overrides::parse);
    let prices = prices.unwrap_or_else(|mistakes| {
        reader.mistakes.extend(mistakes.into_iter().map(|PriceMistake { path, what }| Mistake { path, what }));
        Overrides::default()
    });
    reader.finish(Named { upstreams, routes, prices })
}

/// What is configured by names of the operator's choice.
struct Named {
    upstreams: BTreeMap<String, Upstream>,
    routes: BTreeMap<String, Route>,
    prices: Overrides,
}

/// The keys of a table, which may be written as a string of JSON.
fn table_keys(path: &str, value: &Value, mistakes: &mut Vec<Mistake>) -> Option<Map<String, Value>> {
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    if let Value::Object(keys) = parsed {
        return Some(keys);
    }
    mistakes.push(Mistake { path: path.to_owned(), what: "must be a table".into() });
    None
}

/// Takes a setting out of a table, when it is there and may be what it is.
fn take(
    keys: &mut Map<String, Value>,
    path: &str,
    key: &str,
    allowed: Allowed,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    let value = keys.remove(key)?;
    if fits(allowed, &value) {
        return Some(value);
    }
    mistakes.push(Mistake { path: format!("{path}.{key}"), what: format!("is {value}; it must be {allowed}") });
    None
}

/// Notes what is left in a table, for nobody knows it.
fn refuse_rest(keys: &Map<String, Value>, path: &str, known: &str, mistakes: &mut Vec<Mistake>) {
    let what = format!("is not a setting; known are {known}");
    mistakes.extend(keys.keys().map(|key| Mistake { path: format!("{path}.{key}"), what: what.clone() }));
}

struct Reader {
    values: BTreeMap<(&'static str, &'static str), Value>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn mistake(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.into(), what: what.into() });
    }

    fn read_table(&mut self, table: &str, value: &Value) {
        for (key, value) in table_keys(table, value, &mut self.mistakes).unwrap_or_default() {
            let path = format!("{table}.{key}");
            match SETTINGS.iter().find(|setting| setting.table == table && setting.key == key) {
                Some(setting) if fits(setting.allowed, &value) => {
                    self.values.insert((setting.table, setting.key), value);
                }
                Some(setting) => self.mistake(path, format!("is {value}; it must be {}", setting.allowed)),
                None => {
                    let known: Vec<&str> =
                        SETTINGS.iter().filter(|setting| setting.table == table).map(|setting| setting.key).collect();
                    self.mistake(path, format!("is not a setting; known are {}", known.join(", ")));
                }
            }
        }
    }

    /// The value of a setting, or its default. Defaults are JSON, and a test parses each of them.
    fn value(&self, table: &'static str, key: &'static str) -> Value {
        self.values.get(&(table, key)).cloned().unwrap_or_else(|| {
            let setting = SETTINGS.iter().find(|setting| setting.table == table && setting.key == key);
            setting.and_then(|setting| serde_json::from_str(setting.default).ok()).unwrap_or_default()
        })
    }

    fn whole(&self, table: &'static str, key: &'static str) -> u64 {
        self.value(table, key).as_u64().unwrap_or_default()
    }

    fn finish(self, named: Named) -> Result<Config, Vec<Mistake>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let byte = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
        let number = |key: &'static str| self.value("NEARHIT_SEMANTIC", key).as_f64();
        #[expect(clippy::cast_possible_truncation, reason = "a score needs no more digits than an f32 has")]
        let score = |key: &'static str| number(key).unwrap_or(1.0) as f32;
        Ok(Config {
            mode: self.value("NEARHIT_CACHE", "mode").as_str().and_then(Mode::parse).unwrap_or(Mode::Exact),
            ttl_secs: self.whole("NEARHIT_CACHE", "ttl_secs"),
            stale_while_revalidate_secs: self.whole("NEARHIT_CACHE", "stale_while_revalidate_secs"),
            stale_if_error_secs: self.whole("NEARHIT_CACHE", "stale_if_error_secs"),
            keep_stale_secs: self.whole("NEARHIT_CACHE", "keep_stale_secs"),
            coalesce_secs: self.whole("NEARHIT_CACHE", "coalesce_secs"),
            hold_prefix: self.value("NEARHIT_CACHE", "hold_prefix") == true,
            shards: byte(self.whole("NEARHIT_CACHE", "shards")),
            max_entries: narrow(self.whole("NEARHIT_CACHE", "max_entries")),
            max_bytes: self.whole("NEARHIT_CACHE", "max_megabytes") * 1_000_000,
            max_error_rate: number("max_error_rate").unwrap_or_default(),
            verifier: self.value("NEARHIT_SEMANTIC", "verifier") == true,
            threshold: score("threshold"),
            find_from: score("find_from"),
            audit_share: number("audit_share").unwrap_or_default(),
            candidates: byte(self.whole("NEARHIT_SEMANTIC", "candidates")),
            hnsw_from: narrow(self.whole("NEARHIT_SEMANTIC", "hnsw_from")),
            max_body_bytes: usize::try_from(self.whole("NEARHIT_LIMITS", "max_body_bytes")).unwrap_or(usize::MAX),
            keys: parse(&Keys::NAMES, &self.value("NEARHIT_LIMITS", "keys")).unwrap_or(Keys::Managed),
            retries: narrow(self.whole("NEARHIT_LIMITS", "retries")),
            retry_wait_ms: self.whole("NEARHIT_LIMITS", "retry_wait_secs") * 1000,
            first_byte_ms: self.whole("NEARHIT_LIMITS", "first_byte_secs") * 1000,
            count_streams: parse(&CountStreams::NAMES, &self.value("NEARHIT_LEDGER", "count_streams"))
                .unwrap_or(CountStreams::Tenants),
            retention: Retention {
                minutes_ms: self.whole("NEARHIT_LEDGER", "minutes_kept_hours").saturating_mul(3_600_000),
                hours_ms: self.whole("NEARHIT_LEDGER", "hours_kept_days").saturating_mul(86_400_000),
                days_ms: self.whole("NEARHIT_LEDGER", "days_kept").saturating_mul(86_400_000),
            },
            idle_ms: self.whole("NEARHIT_LIMITS", "idle_secs") * 1000,
            upstreams: named.upstreams,
            routes: named.routes,
            prices: named.prices,
        })
    }
}

fn parse<T: Copy>(names: &[(&str, T)], value: &Value) -> Option<T> {
    names.iter().find(|(name, _)| value == name).map(|(_, parsed)| *parsed)
}

fn fits(allowed: Allowed, value: &Value) -> bool {
    match allowed {
        Allowed::Whole(low, high) => value.as_u64().is_some_and(|value| (low..=high).contains(&value)),
        Allowed::Number(low, high) => value.as_f64().is_some_and(|value| (low..=high).contains(&value)),
        Allowed::Mode => parse(&Mode::NAMES, value).is_some(),
        Allowed::Keys => parse(&Keys::NAMES, value).is_some(),
        Allowed::Auth => parse(&Auth::NAMES, value).is_some(),
        Allowed::CountStreams => parse(&CountStreams::NAMES, value).is_some(),
        Allowed::Provider => parse(&Provider::NAMES, value).is_some(),
        Allowed::Speaks => parse(&Speaks::NAMES, value).is_some(),
        Allowed::Ttl => parse(&Ttl::NAMES, value).is_some(),
        Allowed::Effort => parse(&Effort::NAMES, value).is_some(),
        Allowed::Flag => value.is_boolean(),
        Allowed::Url => value.as_str().is_some_and(is_url),
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && !host.starts_with('/')
            && !text.contains(|c: char| c.is_whitespace() || matches!(c, '?' | '#'))
    })
}

#[cfg(test)]
mod tests;
