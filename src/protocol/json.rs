//! Reading a request body without guessing: a field that is given twice is an error here, because an upstream may
//! read the other one of the two, and then the cache would answer a question that nobody asked.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::canonical::ScopePart;
use crate::error::Failure;

/// Whether one of the parser's own names stands where a field's name stands, in whatever spelling.
fn names_a_parsers_own(body: &[u8]) -> bool {
    const PREFIX: &str = "$serde_json::private::";
    let mut at = 0;
    while let Some(start) = body[at..].iter().position(|&byte| byte == b'"').map(|found| at + found) {
        let mut end = start + 1;
        while let Some(&byte) = body.get(end).filter(|&&byte| byte != b'"') {
            end += if byte == b'\\' { 2 } else { 1 };
        }
        let after = body.get(end + 1..).unwrap_or_default();
        let is_name = after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        let literal = body.get(start..=end).unwrap_or_default();
        let told = is_name && (literal.starts_with(b"\"$") || literal.starts_with(b"\"\\"));
        if told && serde_json::from_slice::<String>(literal).is_ok_and(|name| name.starts_with(PREFIX)) {
            return true;
        }
        at = (end + 1).min(body.len());
    }
    false
}

/// Parses a request body.
///
/// # Errors
/// A [`Failure`] with status 400 when the bytes are not one JSON value, or name a field twice in one object.
pub fn parse(body: &[u8]) -> Result<Value, Failure> {
    // The parser's own names for numbers and values that it keeps as they are spelled: as fields they would pass for
    // what they hold.
    if names_a_parsers_own(body) {
        return Err(Failure::bad_json("it holds a reserved field name, $serde_json::private::..."));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| Failure::bad_json(&error.to_string()))?;
    serde_json::from_slice::<NoTwins>(body).map_err(|error| Failure::bad_json(&error.to_string()))?;
    Ok(value)
}

/// A JSON value as bytes that are the same for every spelling of it that means the same: keys sorted, no white
/// space. Numbers keep their spelling, so `1` and `1.0` differ: a lost hit at worst.
#[must_use]
pub fn canonical_bytes(value: &Value) -> Vec<u8> {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string().into_bytes()
}

/// A scope part from a JSON value, however its keys are ordered.
#[must_use]
pub fn scope_part(name: &str, value: &Value) -> ScopePart {
    ScopePart { name: name.to_owned(), value: canonical_bytes(value) }
}

/// A scope part from a JSON value whose keys are in an order that counts: a model fills in a schema from its first
/// property to its last, so reasoning before the answer is another request than reasoning after it.
#[must_use]
pub fn ordered_part(name: &str, value: &Value) -> ScopePart {
    ScopePart { name: name.to_owned(), value: value.to_string().into_bytes() }
}

/// What a value is called in an error message.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Reads any JSON and keeps nothing of it; fails when one object names a field twice.
struct NoTwins;

impl<'de> Deserialize<'de> for NoTwins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoTwinsVisitor)
    }
}

struct NoTwinsVisitor;

impl<'de> Visitor<'de> for NoTwinsVisitor {
    type Value = NoTwins;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_i64<E>(self, _: i64) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_u64<E>(self, _: u64) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_f64<E>(self, _: f64) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_str<E>(self, _: &str) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_unit<E>(self) -> Result<NoTwins, E> {
        Ok(NoTwins)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NoTwins, A::Error> {
        while items.next_element::<NoTwins>()?.is_some() {}
        Ok(NoTwins)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<NoTwins, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            fields.next_value::<NoTwins>()?;
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("field '{name}' is given twice")));
            }
            seen.insert(name);
        }
        Ok(NoTwins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_given_twice_is_refused_at_any_depth() {
        for body in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":{"c":1,"d":2,"c":3}}]}"#] {
            let failure = parse(body.as_bytes()).unwrap_err();
            assert_eq!(failure.status, 400, "{body}");
            assert!(failure.message.contains("twice"), "{}", failure.message);
        }
        assert!(parse(br#"{"a":{"x":1.5},"b":{"x":[1,null,true,"s",-2,18446744073709551616]}}"#).is_ok());
    }

    #[test]
    fn the_parsers_own_names_are_refused_as_fields_and_nowhere_else() {
        for body in [
            r#"{"temperature":{"$serde_json::private::Number":"0.5"}}"#,
            r#"{"temperature":{"\u0024serde_json::private::Number" : "0.5"}}"#,
            r#"{"messages":{"$serde_json::private::RawValue":"[]"}}"#,
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        for body in [
            r#"{"a":"$serde_json::private::Number","b":"\"$serde_json::private::Number\":1"}"#,
            r#"{"a\\":"x","$b":1}"#,
        ] {
            assert!(parse(body.as_bytes()).is_ok(), "{body}");
        }
        for broken in ["\"", "\"\\", "{\"$serde_json::private::", "\"\\\""] {
            assert!(parse(broken.as_bytes()).is_err());
        }
    }

    #[test]
    fn key_order_and_white_space_do_not_matter_and_every_digit_does() {
        let bytes = |text: &str| canonical_bytes(&parse(text.as_bytes()).unwrap());
        assert_eq!(bytes(r#"{ "a": 1, "b": [{"d": 2, "c": 3}] }"#), bytes(r#"{"b":[{"c":3,"d":2}],"a":1}"#));
        assert_ne!(bytes(r#"{"seed":9007199254740993}"#), bytes(r#"{"seed":9007199254740992}"#));
        assert_ne!(bytes(r#"{"t":0.1000000000000000055}"#), bytes(r#"{"t":0.1}"#));
    }
}
