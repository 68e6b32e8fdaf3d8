//! What a translation says when one API has no place for what a request of another API asks.

use std::fmt::{self, Display, Formatter};

/// A request cannot be carried over to another API without losing something that changes the answer, so it is not
/// carried at all. The client reads which field stood in the way, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CannotCarry {
    /// The path of the field in the client's own body, such as `messages[2].content[0]`.
    pub field: String,
    /// What the other API lacks, or what is wrong with the field: a clause without a full stop at its end.
    pub why: &'static str,
}

impl Display for CannotCarry {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "'{}': {}", self.field, self.why)
    }
}

impl std::error::Error for CannotCarry {}

#[cfg(test)]
mod tests {
    use super::CannotCarry;

    #[test]
    fn a_refusal_names_the_field_and_the_reason() {
        let refusal = CannotCarry { field: "n".to_owned(), why: "a message has one choice" };
        assert_eq!(refusal.to_string(), "'n': a message has one choice");
    }
}
