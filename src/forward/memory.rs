//! What an isolate remembers from request to request. Losing it costs a hint or an attempt, never an answer.

use std::cell::{OnceCell, RefCell};

use super::difficulty::Model;
use super::prefix::spread::Rates;
use super::retry::Breakers;
use crate::ledger::prices::{Overrides, Prices};

/// The memory of one isolate.
#[derive(Debug, Default)]
pub struct Memory {
    /// The upstreams that fail.
    pub breakers: RefCell<Breakers>,
    /// How often prefixes are used.
    pub rates: RefCell<Rates>,
    difficulty: OnceCell<Result<Model, String>>,
    prices: OnceCell<Result<Prices, String>>,
}

impl Memory {
    /// What measures how difficult a prompt is, loaded when it is first asked for.
    #[must_use]
    pub fn difficulty(&self) -> Option<&Model> {
        self.difficulty.get_or_init(Model::shipped).as_ref().ok()
    }

    /// The prices of models, loaded when they are first asked for.
    #[must_use]
    pub fn prices(&self, overrides: &Overrides) -> Option<&Prices> {
        let load = || Prices::shipped().map(|prices| prices.with_overrides(overrides.clone()));
        self.prices.get_or_init(load).as_ref().ok()
    }
}
