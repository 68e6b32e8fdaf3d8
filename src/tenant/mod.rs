//! Who calls. The client's own provider key is its identity (`byok`): the namespace is an HMAC of it, so nobody is
//! answered from what another key paid for, and no key can be read back from what is stored. A client that sends a
//! token of ours instead (`managed`) is a tenant's, and shares its namespace with the tenant's other tokens.

pub mod attempts;
pub mod directory;
pub mod places;
pub mod token;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::key::Digest;
use crate::ports::Headers;

/// What tells one caller from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The forwarded headers that carry a credential or choose an account or a version (see [`identifies`]), sorted.
    /// Without any there is a namespace as well: what anonymous callers paid for serves anonymous callers.
    pub identity: Vec<(&'a str, &'a str)>,
    /// The client's own division of its namespace (`x-nearhit-namespace`).
    pub partition: &'a str,
    /// The tenant, when a token of ours has said so.
    pub tenant: Option<&'a str>,
}

impl<'a> Caller<'a> {
    /// The caller of a request with these headers.
    #[must_use]
    pub fn of(headers: &'a Headers, partition: &'a str) -> Self {
        let mut identity: Vec<(&str, &str)> = headers
            .iter()
            .filter(|(name, value)| identifies(name) && !value.trim().is_empty())
            .map(|(name, value)| (name.as_str(), value.trim()))
            .collect();
        identity.sort_unstable();
        Self { identity, partition, tenant: None }
    }

    /// The caller of a request with a tenant's token: its credentials are ours to replace, so only what chooses a
    /// version or a project is left of its headers.
    #[must_use]
    pub fn tenant(tenant: &'a str, headers: &'a Headers, partition: &'a str) -> Self {
        let mut caller = Self::of(headers, partition);
        caller.identity.retain(|(name, _)| !carries_credential(name));
        Self { tenant: Some(tenant), ..caller }
    }
}

/// Whether a header is where clients put the key that they call a provider with.
#[must_use]
pub fn carries_credential(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key" | "api-key" | "x-goog-api-key")
}

/// Whether a header may decide on whose account, or by which version of the API, a request is answered. Providers and
/// gateways spell their keys in many ways, and one that is overlooked would let its callers share answers; so this
/// takes too many rather than too few. What an SDK or a browser says of itself is left out (`x-stainless-runtime-version`):
/// it would part the callers of one key by their language.
#[must_use]
pub fn identifies(name: &str) -> bool {
    const WORDS: [&str; 15] = [
        "auth",
        "key",
        "token",
        "secret",
        "organization",
        "project",
        "account",
        "tenant",
        "beta",
        "version",
        "portkey",
        "workspace",
        "profile",
        "guardrail",
        "plugin",
    ];
    /// What an SDK or a browser says of itself, and what other gateways' clients say to this proxy alone.
    const NOT_FORWARDED: [&str; 6] = ["x-stainless-", "sec-", "x-nearhit-", "x-portkey-cache-", "x-bf-cache-", "cf-"];
    let of_the_client = name == "idempotency-key" || NOT_FORWARDED.iter().any(|prefix| name.starts_with(prefix));
    !of_the_client && WORDS.iter().any(|word| name.contains(word))
}

/// The namespace of a caller: an HMAC (RFC 2104) with the operator's secret.
#[must_use]
pub fn namespace(secret: &[u8], caller: &Caller<'_>) -> Digest {
    let Caller { identity, partition, tenant } = caller;
    // HMAC takes a key of any length, so there is nothing to fail here (RFC 2104 section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    let mut part = |part: &str| {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    };
    part("nearhit namespace 1");
    part(partition);
    for (name, value) in identity {
        part(name);
        part(value);
    }
    // No header has an empty name, so no byok caller can be taken for a tenant.
    if let Some(tenant) = tenant {
        part("");
        part(tenant);
    }
    Digest(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)], partition: &str) -> Digest {
        let headers: Headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        namespace(b"secret", &Caller::of(&headers, partition))
    }

    #[test]
    fn whatever_may_carry_a_credential_tells_callers_apart() {
        let base = of(&[("authorization", "Bearer sk-1")], "");
        assert_ne!(base, namespace(b"other", &Caller::of(&vec![("authorization".into(), "Bearer sk-1".into())], "")));
        assert_ne!(base, of(&[("authorization", "Bearer sk-2")], ""));
        assert_ne!(base, of(&[("authorization", "Bearer sk-1")], "blue"));
        assert_ne!(base, of(&[], ""));
        for name in [
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "ocp-apim-subscription-key",
            "x-portkey-virtual-key",
            "x-litellm-api-key",
            "x-auth",
            "x-access-token",
            "openai-organization",
            "openai-project",
            "openai-beta",
            "anthropic-version",
            "anthropic-workspace-id",
            "anthropic-user-profile-id",
            "x-amzn-bedrock-guardrailidentifier",
            "x-dashscope-workspace",
        ] {
            assert_ne!(base, of(&[("authorization", "Bearer sk-1"), (name, "a")], ""), "{name}");
            assert_ne!(of(&[(name, "a")], ""), of(&[(name, "b")], ""), "{name}");
        }
    }

    #[test]
    fn the_tokens_of_a_tenant_share_its_namespace_and_nobody_elses() {
        let of = |tenant, headers: &[(&str, &str)]| {
            let headers: Headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            namespace(b"secret", &Caller::tenant(tenant, &headers, ""))
        };
        let base = of("acme", &[("authorization", "Bearer nh_acme_1")]);
        assert_eq!(base, of("acme", &[("x-api-key", "nh_acme_2")]));
        assert_ne!(base, of("acme", &[("x-api-key", "nh_acme_2"), ("anthropic-beta", "b")]));
        assert_ne!(base, of("acme-2", &[("authorization", "Bearer nh_acme_1")]));
        assert_ne!(base, namespace(b"secret", &Caller::of(&Vec::new(), "")));
    }

    #[test]
    fn what_changes_from_request_to_request_does_not() {
        let base = of(&[("authorization", "Bearer sk-1")], "");
        for name in [
            "user-agent",
            "x-stainless-retry-count",
            "x-stainless-runtime-version",
            "x-stainless-package-version",
            "sec-ch-ua-platform-version",
            "traceparent",
            "x-request-id",
            "idempotency-key",
            "x-portkey-cache-force-refresh",
            "accept",
        ] {
            assert_eq!(base, of(&[(name, "1"), ("authorization", "Bearer sk-1 ")], ""), "{name}");
        }
    }
}
