//! How a request leaves for its upstream and what of the answer's headers comes back.

pub mod body;
pub mod difficulty;
pub mod memory;
pub mod metering;
pub mod prefix;
pub mod provider;
pub mod reasoning;
pub mod retry;
pub mod routing;
pub mod translate;
pub mod trim;
pub mod uncounted;
pub mod usage;

use crate::canonical::Api;
use crate::config::Upstream;
use crate::ports::Headers;
use provider::Provider;

/// Headers that belong to one connection (RFC 9110 section 7.6.1), to this hop, or to nobody but the client.
const NEVER_FORWARDED: [&str; 17] = [
    "accept-encoding", // the platform negotiates it with the upstream
    "connection",
    "content-length", // the platform counts the bytes
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// Prefixes of headers that are meant for this proxy or were added on the way to it.
const NEVER_FORWARDED_PREFIXES: [&str; 7] =
    ["x-nearhit-", "cf-", "x-forwarded-", "cdn-loop", "helicone-", "x-portkey-cache-", "x-bf-cache-"];

/// Headers of an answer that describe bytes which the platform has decoded since, or that are not the client's.
const NEVER_RETURNED: [&str; 15] = [
    "age",
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "nel",
    "report-to",
    "set-cookie",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "cache-status",
];

/// The headers that go to the upstream.
#[must_use]
pub fn request_headers(headers: &Headers) -> Headers {
    let named = listed_by_connection(headers);
    let passes = |name: &str| {
        !NEVER_FORWARDED.contains(&name)
            && !NEVER_FORWARDED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !named.iter().any(|listed| listed == name)
    };
    headers.iter().filter(|(name, _)| passes(name)).cloned().collect()
}

/// The headers that go to the client.
#[must_use]
pub fn response_headers(headers: &Headers) -> Headers {
    let named = listed_by_connection(headers);
    let passes = |name: &str| {
        !NEVER_RETURNED.contains(&name) && !name.starts_with("x-nearhit-") && !named.iter().any(|listed| listed == name)
    };
    headers.iter().filter(|(name, _)| passes(name)).cloned().collect()
}

/// A text as a header's value. What none can hold (a line's end, what is beyond Latin-1) is escaped as in an address: a
/// model's name, for one, is whatever its client likes. <https://fetch.spec.whatwg.org/#concept-header-value>
#[must_use]
pub fn header_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\0' | '\r' | '\n') || u32::from(character) > 0xff {
            let escaped = |byte| format!("%{byte:02X}");
            value.extend(character.encode_utf8(&mut [0; 4]).bytes().map(escaped));
        } else {
            value.push(character);
        }
    }
    value
}

/// What `Connection` names is for one hop as well.
fn listed_by_connection(headers: &Headers) -> Vec<String> {
    headers
        .iter()
        .filter(|(name, _)| name == "connection")
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

/// The address at an upstream: `rest` is what follows `/v1` in the client's path, the query included.
#[must_use]
pub fn address(upstream: &Upstream, rest: &str) -> String {
    format!("{}{rest}", upstream.base_url)
}

/// Takes out of a request's headers what belongs to the client's API, and adds what the other one wants.
pub fn change_api(headers: &mut Headers, there: Api) {
    let foreign = if there == Api::Messages { "openai-" } else { "anthropic-" };
    headers.retain(|(name, _)| !name.starts_with(foreign));
    if there == Api::Messages && !headers.iter().any(|(name, _)| name == "anthropic-version") {
        headers.push(("anthropic-version".to_owned(), ANTHROPIC_VERSION.to_owned()));
    }
}

/// The version of the Messages API that is spoken (<https://docs.anthropic.com/en/api/versioning>).
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Tells the provider what its prefix cache can hold, for a request that is not read otherwise: Bedrock's Converse API,
/// at `/model/{id}/converse`. A body that is signed is left alone, for the signature covers it.
#[must_use]
pub fn hint_untyped(upstream: &Upstream, rest: &str, body: Vec<u8>) -> Vec<u8> {
    let path = rest.split('?').next().unwrap_or_default();
    let model = path.strip_prefix("/model/").and_then(|path| path.rsplit_once('/'));
    match model {
        Some((model, "converse" | "converse-stream")) if upstream.provider == Provider::Bedrock && upstream.hints => {
            prefix::hint_converse(&body, model)
        }
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &Headers) -> Vec<&str> {
        headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn what_no_header_can_hold_is_escaped() {
        for (text, value) in [
            ("gpt-5", "gpt-5"),
            ("gpt\r\nset-cookie: a=b", "gpt%0D%0Aset-cookie: a=b"),
            ("caf\u{e9}", "caf\u{e9}"),
            ("模", "%E6%A8%A1"),
            ("", ""),
        ] {
            assert_eq!(header_value(text), value);
        }
    }

    #[test]
    fn hop_by_hop_headers_and_cookies_do_not_pass_and_the_rest_does() {
        let headers: Headers = [
            ("authorization", "Bearer k"),
            ("cookie", "a=b"),
            ("connection", "x-hop, keep-alive"),
            ("x-hop", "1"),
            ("cf-aig-skip-cache", "true"),
            ("x-nearhit-mode", "exact"),
            ("openai-organization", "org"),
            ("host", "here"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        assert_eq!(names(&request_headers(&headers)), ["authorization", "openai-organization"]);
        let headers: Headers = [("x-request-id", "r"), ("set-cookie", "a"), ("content-encoding", "gzip")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        assert_eq!(names(&response_headers(&headers)), ["x-request-id"]);
    }
}
