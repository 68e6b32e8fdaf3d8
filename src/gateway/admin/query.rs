//! Query strings as browsers write them: `application/x-www-form-urlencoded` (WHATWG URL section 5.1).

use std::ops::RangeInclusive;

use crate::error::Failure;
use crate::ports::OWN_KEYS;
use crate::tenant::token;

/// The parameters of a query string, decoded. Whatever their values hold, they are data.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string of which only these parameters are known.
    ///
    /// # Errors
    /// 400 that names a parameter that is unknown or given twice.
    pub(super) fn read(text: &str, known: &[&str]) -> Result<Self, Failure> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            if !known.contains(&name.as_str()) {
                let message = format!("'{name}' is not a parameter here; known are {}.", known.join(", "));
                return Err(Failure::bad_field(name, message));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                let message = format!("'{name}' is given twice.");
                return Err(Failure::bad_field(name, message));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter's value; nothing when it is not given, or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(super) fn number(&self, name: &str, default: u32, range: RangeInclusive<u32>) -> Result<u32, Failure> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (from, to) = range.into_inner();
            Failure::bad_field(name, format!("'{name}' is '{value}'; it must be a whole number from {from} to {to}."))
        })
    }

    /// Whose entries are meant.
    ///
    /// # Errors
    /// 400 when it is nobody's name.
    pub(super) fn tenant(&self) -> Result<Option<&str>, Failure> {
        let Some(tenant) = self.get("tenant") else { return Ok(None) };
        check_tenant(tenant).map(|()| Some(tenant))
    }
}

/// Whether a text names a tenant, or the callers with provider keys of their own.
///
/// # Errors
/// 400 when it does not.
pub(super) fn check_tenant(name: &str) -> Result<(), Failure> {
    if name == OWN_KEYS || token::is_tenant(name) {
        return Ok(());
    }
    let what = format!("a tenant's name, or {OWN_KEYS} for the callers with provider keys of their own");
    Err(Failure::bad_field("tenant", format!("'{name}' is not {what}.")))
}

/// `+` is a space and `%41` a byte; what is no such sequence stays as it is, and what is no UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|hex| byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let escaped = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
        bytes.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_whatever_they_hold() {
        for (written, read) in [
            ("a+b%20c", "a b c"),
            ("%25%5f%5C", "%_\\"),
            ("100%25%32", "100%2"),
            ("%zz%4", "%zz%4"),
            ("%", "%"),
            ("caf%C3%A9", "café"),
            ("%ff", "\u{fffd}"),
            ("'%3B%20DROP%20TABLE%20entries;--", "'; DROP TABLE entries;--"),
            ("a=b", "a=b"),
        ] {
            let query = Query::read(&format!("q={written}&limit=3"), &["q", "limit"]).ok();
            assert_eq!(query.as_ref().and_then(|query| query.get("q")), Some(read), "{written}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let param = |text: &str| {
            let read = Query::read(text, &["limit", "tenant"]);
            let checked = read.and_then(|query| {
                query.number("limit", 50, 1..=200)?;
                query.tenant().map(drop)
            });
            checked.err().and_then(|failure| failure.param)
        };
        assert_eq!(param("limit=200&tenant=acme"), None);
        assert_eq!(param("&&limit=&tenant=~own"), None);
        for (text, named) in [
            ("limt=1", "limt"),
            ("limit=1&limit=1", "limit"),
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("tenant=A", "tenant"),
        ] {
            assert_eq!(param(text).as_deref(), Some(named), "{text}");
        }
    }
}
