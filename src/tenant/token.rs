//! Tokens: `nh_<tenant>_<64 hexadecimal digits>`. The tenant's name is in it, so that its own object can be asked.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::cache::key::Digest;
use crate::ports::Headers;

/// What every token begins with.
pub const PREFIX: &str = "nh_";

/// The longest name of a tenant, in bytes.
pub const MAX_TENANT_BYTES: usize = 48;

/// The token in a request's headers, wherever an SDK puts its key.
#[must_use]
pub fn find(headers: &Headers) -> Option<&str> {
    headers
        .iter()
        .filter(|(name, _)| super::carries_credential(name))
        // Behind whatever scheme, in whatever spelling (RFC 9110 section 11.1).
        .filter_map(|(_, value)| value.split_whitespace().next_back())
        .find(|value| value.starts_with(PREFIX))
}

/// Whether a text holds what has the form of a token.
#[must_use]
pub fn is_within(text: &str) -> bool {
    text.match_indices(PREFIX).any(|(at, _)| {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let token = text[at..].split(|c: char| !word(c)).next();
        token.and_then(tenant_of).is_some()
    })
}

/// The tenant that a token names, if it has the form of a token. It proves nothing yet.
#[must_use]
pub fn tenant_of(token: &str) -> Option<&str> {
    let (tenant, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    let formed = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    (formed && is_tenant(tenant)).then_some(tenant)
}

/// Whether a text can be a tenant's name.
#[must_use]
pub fn is_tenant(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= MAX_TENANT_BYTES && name.bytes().all(plain)
}

/// A token for a tenant, from 32 unpredictable bytes.
#[must_use]
pub fn make(tenant: &str, random: &[u8; 32]) -> String {
    format!("{PREFIX}{tenant}_{}", Digest(*random))
}

/// What is stored of a token: an HMAC (RFC 2104) with the operator's secret.
#[must_use]
pub fn hash(secret: &[u8], token: &str) -> Digest {
    // HMAC takes a key of any length, so there is nothing to fail here (RFC 2104 section 2).
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(b"nearhit token 1");
    mac.update(token.as_bytes());
    Digest(mac.finalize().into_bytes().into())
}

/// Whether two digests are equal, in a time that does not tell where they differ.
#[must_use]
pub fn same(one: &Digest, other: &Digest) -> bool {
    one.0.ct_eq(&other.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_where_sdks_put_their_key() {
        let token = make("acme", &[7; 32]);
        for (name, value) in [
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("bearer  {token}")),
            ("authorization", format!("BEARER\t{token}")),
            ("authorization", format!("Token {token}")),
            ("x-api-key", token.clone()),
            ("api-key", token.clone()),
        ] {
            let headers = vec![("accept".to_owned(), "x".to_owned()), (name.to_owned(), value)];
            assert_eq!(find(&headers), Some(token.as_str()), "{name}");
        }
        assert_eq!(find(&vec![("authorization".into(), "Bearer sk-1".into())]), None);
        assert_eq!(tenant_of(&token), Some("acme"));
        assert!(is_within(&format!("key={token};")) && !is_within("key=nh_acme; nh_") && !is_within("é nh_é"));
    }

    #[test]
    fn what_has_not_the_form_of_a_token_names_no_tenant() {
        let hex = "0".repeat(64);
        for token in
            ["nh_", "nh_acme", "nh_acme_12", &format!("nh__{hex}"), &format!("nh_Acme_{hex}"), &format!("nh_a/b_{hex}")]
        {
            assert_eq!(tenant_of(token), None, "{token}");
        }
    }

    #[test]
    fn the_hash_depends_on_the_token_and_on_the_operators_secret() {
        let (one, two) = (make("acme", &[1; 32]), make("acme", &[2; 32]));
        assert!(same(&hash(b"s", &one), &hash(b"s", &one)));
        assert!(!same(&hash(b"s", &one), &hash(b"s", &two)));
        assert!(!same(&hash(b"s", &one), &hash(b"t", &one)));
    }
}
