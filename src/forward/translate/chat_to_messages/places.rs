//! The place of a field: what each table of known fields says, and the check that nothing else is there.

use serde_json::{Map, Value};

use crate::forward::translate::refusal::CannotCarry;

/// What becomes of a known field.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// It has a place in Messages, and the writer of its object puts it there or refuses its value.
    Carried,
    /// It does not change what the answer says; the reason stands beside it in the table.
    Dropped,
    /// Messages has no place for it, so it may only say what its absence says too: the test of that, and the reason
    /// that the client reads.
    OnlyIf(fn(&Value) -> bool, &'static str),
}

/// Every known field of one kind of object.
pub(super) type Table = [(&'static str, Place)];

/// Refuses the first field that no place was given to. `null` is as good as absent.
///
/// # Errors
/// A [`CannotCarry`] with the path of that field; `path` is the object's own, empty for the whole body.
pub(super) fn check(path: &str, object: &Map<String, Value>, table: &Table) -> Result<(), CannotCarry> {
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match table.iter().find(|(known, _)| known == name).map(|(_, place)| *place) {
            Some(Place::Carried | Place::Dropped) => {}
            Some(Place::OnlyIf(says_nothing, why)) => {
                if !says_nothing(value) {
                    return Err(refuse(join(path, name), why));
                }
            }
            None => return Err(refuse(join(path, name), "nobody here knows this field, so it would be lost")),
        }
    }
    Ok(())
}

/// The refusal of one field.
pub(super) fn refuse(field: impl Into<String>, why: &'static str) -> CannotCarry {
    CannotCarry { field: field.into(), why }
}

/// The path of a field in the object at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A field that is there and not `null`.
pub(super) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A value that must be an object.
///
/// # Errors
/// A [`CannotCarry`] with its path.
pub(super) fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, CannotCarry> {
    value.as_object().ok_or_else(|| refuse(path, "it must be an object"))
}

/// A text that must be there and not be empty.
///
/// # Errors
/// A [`CannotCarry`] with its path.
pub(super) fn text<'a>(path: &str, object: &'a Map<String, Value>, name: &str) -> Result<&'a str, CannotCarry> {
    match field(object, name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(refuse(join(path, name), "it must be a string that is not empty")),
    }
}

/// An object of those fields that are there, in the order given.
pub(super) fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
