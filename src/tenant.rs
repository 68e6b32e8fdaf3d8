//! Who calls. The client's own provider key is its identity (`byok`): the namespace is an HMAC of it, so nobody is
//! answered from what another key paid for, and no key can be read back from what is stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::key::Digest;

/// The namespace of a credential.
///
/// `partition` is the client's own division of its namespace (`x-nearhit-namespace`), empty when it wants none. A
/// request without a credential has a namespace as well: what anonymous callers paid for serves anonymous callers.
#[must_use]
pub fn namespace(secret: &[u8], credential: &str, partition: &str) -> Digest {
    // HMAC takes a key of any length, so there is nothing to fail here (RFC 2104 section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    for part in ["nearhit namespace 1", credential, partition] {
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
    fn a_namespace_depends_on_secret_credential_and_partition() {
        let base = namespace(b"s", "key", "p");
        for other in [
            namespace(b"t", "key", "p"),
            namespace(b"s", "kez", "p"),
            namespace(b"s", "key", "q"),
            namespace(b"s", "keyp", ""),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base, namespace(b"s", "key", "p"));
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
