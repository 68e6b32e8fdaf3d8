//! Who calls. The client's own provider key is its identity (`byok`): the namespace is an HMAC of it, so nobody is
//! answered from what another key paid for, and no key can be read back from what is stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::key::Digest;

/// What tells one caller from another. All of it is part of the namespace: a header beside the key may choose another
/// account or another behaviour of the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The provider key. A caller without one has a namespace as well: what anonymous callers paid for serves
    /// anonymous callers.
    pub credential: &'a str,
    /// `OpenAI-Organization`.
    pub organization: &'a str,
    /// `OpenAI-Project`.
    pub project: &'a str,
    /// `OpenAI-Beta`.
    pub beta: &'a str,
    /// The client's own division of its namespace (`x-nearhit-namespace`).
    pub partition: &'a str,
}

/// The namespace of a caller: an HMAC (RFC 2104) with the operator's secret.
#[must_use]
pub fn namespace(secret: &[u8], caller: &Caller<'_>) -> Digest {
    let Caller { credential, organization, project, beta, partition } = caller;
    // HMAC takes a key of any length, so there is nothing to fail here (RFC 2104 section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    for part in ["nearhit namespace 1", credential, organization, project, beta, partition] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Digest(mac.finalize().into_bytes().into())
}

/// The credential in a request's headers: a bearer token, or the key in `x-api-key`.
#[must_use]
pub fn credential<'a>(authorization: Option<&'a str>, api_key: Option<&'a str>) -> &'a str {
    let bearer = authorization.map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { value }
    });
    bearer.or(api_key).unwrap_or("").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_depends_on_the_secret_and_on_everything_that_tells_callers_apart() {
        let caller = Caller { credential: "key", ..Caller::default() };
        let base = namespace(b"s", &caller);
        assert_eq!(base, namespace(b"s", &caller));
        assert_ne!(base, namespace(b"t", &caller));
        for other in [
            Caller { credential: "kez", ..caller },
            Caller { organization: "o", ..caller },
            Caller { project: "o", ..caller },
            Caller { beta: "o", ..caller },
            Caller { partition: "o", ..caller },
            Caller { credential: "ke", organization: "y", ..caller },
        ] {
            assert_ne!(base, namespace(b"s", &other), "{other:?}");
        }
    }

    #[test]
    fn the_scheme_is_not_part_of_the_credential() {
        assert_eq!(credential(Some("Bearer sk-1"), None), "sk-1");
        assert_eq!(credential(Some("bearer  sk-1 "), None), "sk-1");
        assert_eq!(credential(None, Some("sk-2")), "sk-2");
        assert_eq!(credential(Some("Bearer sk-1"), Some("sk-2")), "sk-1");
        assert_eq!(credential(None, None), "");
    }
}
