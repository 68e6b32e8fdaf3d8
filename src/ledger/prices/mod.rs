//! What tokens cost: the shipped price table, the operator's own prices, and the arithmetic, all in whole picodollars.
//!
//! A model that is in neither is unpriced: [`Prices::find`] answers `None`, which is not the same as a price of zero.

mod cost;
mod overrides;
mod table;

pub use cost::{Billed, Money, Tier};
pub use overrides::{Overrides, PriceMistake};
pub use table::{Facts, LongContext, Price, Rates, Source};

use std::sync::LazyLock;

use table::Table;

/// `models/prices/prices.json`, which `make_prices.py` beside it writes.
const SHIPPED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/prices/prices.json"));

/// Read when the first price is asked for: a request that nobody accounts for does not pay for the reading.
static TABLE: LazyLock<Result<Table, String>> = LazyLock::new(|| Table::parse(SHIPPED));

/// Prices by provider and model.
#[derive(Clone, Debug)]
pub struct Prices {
    table: &'static Table,
    overrides: Overrides,
}

impl Prices {
    /// The prices that nearhit ships. The table is read once in the life of the process.
    ///
    /// # Errors
    /// When the shipped table cannot be read, which a test rules out.
    pub fn shipped() -> Result<Self, String> {
        let table = TABLE.as_ref().map_err(Clone::clone)?;
        Ok(Self { table, overrides: Overrides::default() })
    }

    /// The same prices, but where the operator has set others.
    #[must_use]
    pub fn with_overrides(self, overrides: Overrides) -> Self {
        Self { overrides, ..self }
    }

    /// Where the shipped prices come from.
    #[must_use]
    pub fn source(&self) -> &'static Source {
        self.table.source()
    }

    /// The price of `model` at `provider` (an upstream's name), or `None` when it is unknown.
    ///
    /// The first that matches counts:
    /// 1. an override of that very name, then one of the name without its date suffix;
    /// 2. the shipped price of that very name, then of the name with the provider's prefix (`gemini/...`, `xai/...`),
    ///    as litellm spells it; for `bedrock`, then that of `bedrock_mantle`, its endpoint for OpenAI's and Anthropic's
    ///    APIs;
    /// 3. the same for the name without its date suffix: `gpt-5-2025-08-07` costs what `gpt-5` costs. The reverse
    ///    is not done, for the price of one dated model says nothing on what the name without a date stands for.
    ///
    /// An override replaces the whole price; what is known of the model besides its price stays.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<Price> {
        let provider = canonical_provider(provider);
        let undated = without_date(model);
        let names = || std::iter::once(model).chain(undated);
        let shipped = names().find_map(|name| self.table.get(provider, name));
        let Some(set) = names().find_map(|name| self.overrides.get(provider, name)) else {
            return shipped.cloned();
        };
        let facts = shipped.map(|price| price.facts.clone()).unwrap_or_default();
        Some(Price { facts, ..set.clone() })
    }
}

/// litellm's name of a provider that is also known by another one.
fn canonical_provider(name: &str) -> &str {
    match name {
        "fireworks" => "fireworks_ai",
        "workers-ai" => "cloudflare",
        "bedrock_converse" => "bedrock",
        other => other,
    }
}

/// The name before a date at its end, `-2025-08-07` (OpenAI) or `-20250929` (Anthropic), if it ends with one.
pub(super) fn without_date(model: &str) -> Option<&str> {
    let (before, last) = model.rsplit_once('-')?;
    let name = match last.len() {
        8 if last.is_ascii() => {
            let (year, rest) = last.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            is_date(year, month, day).then_some(before)?
        }
        2 => {
            let (before, month) = before.rsplit_once('-')?;
            let (before, year) = before.rsplit_once('-')?;
            is_date(year, month, last).then_some(before)?
        }
        _ => return None,
    };
    (!name.is_empty()).then_some(name)
}

/// Whether the parts are a date of this century, with the usual number of digits.
fn is_date(year: &str, month: &str, day: &str) -> bool {
    let number = |text: &str, digits: usize| -> Option<u32> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    number(year, 4).is_some_and(|year| (2000..2100).contains(&year))
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
