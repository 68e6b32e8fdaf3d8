//! What a request may take at most, and what it took.

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::ledger::prices::Money;

/// How much one request takes, in every unit, as far as it is known. The default is that of a request of which nothing is
/// known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// What it costs; nothing when the model, or one of the models, has no price.
    pub money: Option<Money>,
    /// Tokens of input and output.
    pub tokens: Option<u64>,
    /// Tokens of output that the model thinks with.
    pub reasoning: Option<u64>,
}

impl Amounts {
    /// What a request takes for which nothing is billed.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { money: Some(Money::ZERO), tokens: Some(0), reasoning: Some(0) }
    }

    /// In each unit the larger one of both, where both are known.
    #[must_use]
    pub fn larger(self, other: Self) -> Self {
        Self {
            money: larger(self.money, other.money),
            tokens: larger(self.tokens, other.tokens),
            reasoning: larger(self.reasoning, other.reasoning),
        }
    }

    /// The amount in a budget's unit; nothing when it is not known.
    pub(super) fn of(&self, unit: Unit) -> Option<u128> {
        match unit {
            Unit::Usd => self.money.map(Money::as_picodollars),
            Unit::Tokens => self.tokens.map(u128::from),
            Unit::ReasoningTokens => self.reasoning.map(u128::from),
            Unit::Requests => Some(1),
        }
    }
}

fn larger<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// A request, before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The client's tags.
    pub tags: Vec<(String, String)>,
    /// Every model that it may end at, `provider/model`.
    pub models: Vec<String>,
    /// What it may take at most, whichever of them answers.
    pub estimate: Amounts,
}

/// A request, when it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actual {
    /// The client's tags.
    pub tags: Vec<(String, String)>,
    /// The model that answered, `provider/model`.
    pub model: String,
    /// What it took. Where that is not known, what was reserved is taken for spent.
    pub amounts: Amounts,
}

#[cfg(test)]
#[path = "amounts_tests.rs"]
mod tests;
