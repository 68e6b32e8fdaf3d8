//! The upstreams: `[vars.NEARHIT_UPSTREAMS.<name>]`, and the two that are there already.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Allowed, Mistake, Mode, is_url, parse, refuse_rest, table_keys, take};
use crate::forward::prefix::anthropic::Ttl;
use crate::forward::provider::Provider;

/// The table of upstreams.
pub const UPSTREAMS_TABLE: &str = "NEARHIT_UPSTREAMS";

/// An API provider, or a server that speaks the same API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name: the first segment of `/{upstream}/v1/...`, and part of every key.
    pub name: String,
    /// What replaces `/v1` in the path, without a slash at the end.
    pub base_url: String,
    /// Where it wants the key of a tenant.
    pub auth: Auth,
    /// How far the cache may go at most for requests to it.
    pub mode: Option<Mode>,
    /// Which provider it is, and so what its prefix cache understands.
    pub provider: Provider,
    /// Which API it speaks, for requests that a route sends to it.
    pub api: Speaks,
    /// Whether it is told what its prefix cache can hold.
    pub hints: bool,
    /// How long Anthropic's marks hold.
    pub cache_ttl: Ttl,
    /// Whether an engine that is told of tenants keeps their prefixes apart.
    pub cache_salt: bool,
    /// Whether routes may send clients' own keys to it; nothing: to what is near alone.
    pub client_keys: Option<bool>,
}

impl Upstream {
    /// Whether a key that a client sent to another upstream may go to this one: by the operator's word, or because it is on
    /// a private network.
    #[must_use]
    pub fn takes_client_keys(&self) -> bool {
        self.client_keys.unwrap_or_else(|| is_private(&self.base_url))
    }
}

/// Whether an address leads to the operator's own network: a loopback or private address (RFC 1918), or a name that is no
/// public one.
fn is_private(base_url: &str) -> bool {
    let authority = base_url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.starts_with("::1]");
    }
    let host = authority.split(':').next().unwrap_or_default();
    match host.parse::<std::net::Ipv4Addr>() {
        Ok(address) => address.is_loopback() || address.is_private(),
        Err(_) => {
            let ends = [".internal", ".local", ".localhost", ".svc"];
            !host.is_empty() && (!host.contains('.') || ends.iter().any(|end| host.ends_with(end)))
        }
    }
}

/// How a provider's key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `x-api-key: <key>`, as Anthropic wants it.
    XApiKey,
    /// `api-key: <key>`, as Azure wants it.
    ApiKey,
}

impl Auth {
    /// Every way, as it is written.
    pub const NAMES: [(&'static str, Self); 3] =
        [("bearer", Self::Bearer), ("x-api-key", Self::XApiKey), ("api-key", Self::ApiKey)];
}

/// Which API an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Chat Completions and Responses.
    OpenAi,
    /// Messages.
    Anthropic,
    /// All of them.
    Both,
}

impl Speaks {
    /// Every answer, as it is written.
    pub const NAMES: [(&'static str, Self); 3] =
        [("openai", Self::OpenAi), ("anthropic", Self::Anthropic), ("both", Self::Both)];
}

const KNOWN: &str = "base_url, auth, mode, provider, api, prefix_hints, cache_ttl, cache_salt, client_keys";

/// Reads all upstreams, and notes every mistake.
pub(super) fn read(variables: &BTreeMap<String, Value>, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, Upstream> {
    let defaults = [("openai", "https://api.openai.com/v1"), ("anthropic", "https://api.anthropic.com/v1")];
    let mut tables: BTreeMap<String, Map<String, Value>> =
        defaults.iter().map(|(name, _)| ((*name).to_owned(), Map::new())).collect();
    let table = variables.get(UPSTREAMS_TABLE).and_then(|value| table_keys(UPSTREAMS_TABLE, value, mistakes));
    for (name, value) in table.unwrap_or_default() {
        let path = format!("{UPSTREAMS_TABLE}.{name}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name == "v1" || name == "admin" || name.is_empty() || !name.chars().all(plain) {
            let what = "is not a name: use a-z, 0-9 and '-', and neither 'v1' nor 'admin'";
            mistakes.push(Mistake { path: path.clone(), what: what.into() });
        }
        tables.insert(name, table_keys(&path, &value, mistakes).unwrap_or_default());
    }
    let mut overridden = BTreeMap::new();
    for (variable, name) in [("OPENAI_BASE_URL", "openai"), ("ANTHROPIC_BASE_URL", "anthropic")] {
        match variables.get(variable) {
            Some(Value::String(url)) if is_url(url) => {
                overridden.insert(name, url.clone());
            }
            None => {}
            Some(other) => mistakes
                .push(Mistake { path: variable.into(), what: format!("is {other}; it must be {}", Allowed::Url) }),
        }
    }
    tables
        .into_iter()
        .filter_map(|(name, keys)| {
            let default = defaults.iter().find(|(known, _)| *known == name).map(|(_, url)| (*url).to_owned());
            let url = overridden.get(name.as_str()).cloned();
            Some((name.clone(), one(&name, keys, url, default, mistakes)?))
        })
        .collect()
}

fn one(
    name: &str,
    mut keys: Map<String, Value>,
    url: Option<String>,
    default: Option<String>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Upstream> {
    let path = format!("{UPSTREAMS_TABLE}.{name}");
    let mut wrong = |key: &str, what: String| mistakes.push(Mistake { path: format!("{path}.{key}"), what });
    let written = match keys.remove("base_url") {
        Some(Value::String(url)) if is_url(&url) => Some(url),
        Some(other) => {
            wrong("base_url", format!("is {other}; it must be {}", Allowed::Url));
            None
        }
        None => default.or_else(|| {
            wrong("base_url", format!("is missing; it must be {}", Allowed::Url));
            None
        }),
    };
    let mut choice = |key: &str, allowed: Allowed| take(&mut keys, &path, key, allowed, mistakes);
    let auth = choice("auth", Allowed::Auth).and_then(|value| parse(&Auth::NAMES, &value));
    let mode = choice("mode", Allowed::Mode).and_then(|value| parse(&Mode::NAMES, &value));
    let provider = choice("provider", Allowed::Provider).and_then(|value| parse(&Provider::NAMES, &value));
    let api = choice("api", Allowed::Speaks).and_then(|value| parse(&Speaks::NAMES, &value));
    let hints = choice("prefix_hints", Allowed::Flag).is_none_or(|value| value == true);
    let cache_ttl = choice("cache_ttl", Allowed::Ttl).and_then(|value| parse(&Ttl::NAMES, &value));
    let cache_salt = choice("cache_salt", Allowed::Flag).is_some_and(|value| value == true);
    let client_keys = choice("client_keys", Allowed::Flag).map(|value| value == true);
    refuse_rest(&keys, &path, KNOWN, mistakes);
    let base_url = url.or(written)?.trim_end_matches('/').to_owned();
    let provider = provider.unwrap_or_else(|| Provider::guess(name, &base_url));
    let is_anthropic = provider == Provider::Anthropic;
    Some(Upstream {
        name: name.to_owned(),
        auth: auth.unwrap_or(if is_anthropic { Auth::XApiKey } else { Auth::Bearer }),
        mode,
        provider,
        api: api.unwrap_or(if is_anthropic { Speaks::Anthropic } else { Speaks::OpenAi }),
        hints,
        cache_ttl: cache_ttl.unwrap_or(Ttl::FiveMinutes),
        cache_salt,
        client_keys,
        base_url,
    })
}
