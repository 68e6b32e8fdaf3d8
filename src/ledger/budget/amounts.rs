//! What a request may take at most, and what it took.

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::ledger::prices::Money;

/// How much one request takes, in every unit. The default is that of a request of which nothing is known, not even a
/// price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// What it costs; nothing when the model, or one of the models, has no price.
    pub money: Option<Money>,
    /// Tokens of input and output.
    pub tokens: u64,
    /// Tokens of output that the model thinks with.
    pub reasoning: u64,
}

impl Amounts {
    /// What a request takes for which nothing is billed.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { money: Some(Money::ZERO), tokens: 0, reasoning: 0 }
    }

    /// In each unit the larger one of both. Without one of the prices the money is not known.
    #[must_use]
    pub fn larger(self, other: Self) -> Self {
        Self {
            money: self.money.zip(other.money).map(|(one, other)| one.max(other)),
            tokens: self.tokens.max(other.tokens),
            reasoning: self.reasoning.max(other.reasoning),
        }
    }

    /// The amount in a budget's unit; nothing when it is not known.
    pub(super) fn of(&self, unit: Unit) -> Option<u128> {
        match unit {
            Unit::Usd => self.money.map(Money::as_picodollars),
            Unit::Tokens => Some(u128::from(self.tokens)),
            Unit::ReasoningTokens => Some(u128::from(self.reasoning)),
            Unit::Requests => Some(1),
        }
    }
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
    /// What it took. Without a price, what was reserved is taken for spent.
    pub amounts: Amounts,
}

#[cfg(test)]
#[path = "amounts_tests.rs"]
mod tests;
