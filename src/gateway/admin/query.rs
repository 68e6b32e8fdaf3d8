//! The parameters of a query string.

use crate::error::Failure;
use crate::ports::OWN_KEYS;
use crate::tenant::token;

/// Bytes of one parameter at most.
const MAX_BYTES: usize = 1_024;

/// The parameters, as they were meant: percent-decoded (RFC 3986 section 2.1), `+` for a space (WHATWG URL section 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string of which these names are known.
    ///
    /// # Errors
    /// When a parameter is unknown, comes twice, is too long, or is no UTF-8.
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, Failure> {
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| decode(text).filter(|text| text.len() <= MAX_BYTES);
            let name = decoded(name).unwrap_or_default();
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let shown: String = name.chars().take(64).collect();
                return Err(Failure::bad_field(
                    shown.clone(),
                    format!("'{shown}' is not a parameter; known: {known}."),
                ));
            }
            let what = format!("'{name}' must be at most {MAX_BYTES} bytes of UTF-8, percent-encoded, and come once.");
            let wrong = || Failure::bad_field(name.clone(), what.clone());
            let value = decoded(value).ok_or_else(wrong)?;
            if read.iter().any(|(known, _)| *known == name) {
                return Err(wrong());
            }
            read.push((name, value));
        }
        Ok(Self(read))
    }

    /// A parameter; an empty one is as good as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Whose things are meant, when somebody's are.
    ///
    /// # Errors
    /// When it is nobody's name.
    pub(super) fn tenant(&self) -> Result<Option<&str>, Failure> {
        let Some(tenant) = self.get("tenant") else { return Ok(None) };
        check_tenant(tenant).map(|()| Some(tenant))
    }

    /// A parameter that is a whole number within bounds.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        let what = format!("'{name}' is '{text}'; it must be a whole number from {least} to {most}.");
        number.map(Some).ok_or_else(|| Failure::bad_field(name, what))
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

/// Takes percent-encoding away; nothing when what is encoded is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_hostile_ones_are_data() {
        let of = |query: &str| Query::read(query, &["q", "n"]).map(|query| query.get("q").map(str::to_owned));
        assert_eq!(of("q=a%20b+c"), Ok(Some("a b c".to_owned())));
        assert_eq!(of("q=%27%3B%20DROP%20TABLE%20x%3B--"), Ok(Some("'; DROP TABLE x;--".to_owned())));
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("q="), Ok(None));
        for wrong in ["x=1", "q=1&q=2", "q=%ff", "q=%2", "q=%zz", &format!("q={}", "a".repeat(2_000))] {
            assert_eq!(of(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn a_number_is_within_its_bounds() {
        let of = |query: &str| Query::read(query, &["n"]).unwrap().number("n", 1, 200);
        assert_eq!(of("n=7"), Ok(Some(7)));
        assert_eq!(of(""), Ok(None));
        for wrong in ["n=0", "n=201", "n=-1", "n=%2B1", "n=1.5", "n=1e2", "n=99999999999999999999"] {
            assert_eq!(of(wrong).unwrap_err().param.as_deref(), Some("n"), "{wrong}");
        }
    }
}
