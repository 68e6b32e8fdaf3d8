//! From tokens to money. All sums are of whole picodollars, so nothing is rounded until a reader asks for it.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use super::table::{Price, Rates};
use crate::canonical::Usage;

/// Picodollars in one US dollar.
const PICODOLLARS_PER_DOLLAR: u128 = 1_000_000_000_000;
/// Picodollars in a millionth of a US dollar.
const PICODOLLARS_PER_MICRODOLLAR: u128 = 1_000_000;
/// Digits after the point that an amount shows at least, and at most.
const DIGITS: (usize, usize) = (6, 12);

/// How the request was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// At once, at list price.
    #[default]
    Standard,
    /// Through the provider's batch API.
    Batch,
}

/// What each kind of token costs in one request, in picodollars per token, with every absent price filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billed {
    /// See [`Usage::uncached`].
    pub input: u64,
    /// See [`Usage::cached_read`].
    pub cached_read: u64,
    /// See [`Usage::cached_write_5m`].
    pub cached_write_5m: u64,
    /// See [`Usage::cached_write_1h`].
    pub cached_write_1h: u64,
    /// See [`Usage::output`].
    pub output: u64,
    /// See [`Usage::reasoning`].
    pub reasoning: u64,
}

impl Price {
    /// What each kind of token costs when the prompt has `prompt_tokens` tokens.
    ///
    /// The highest long-context tier that the prompt exceeds counts for all tokens of the request. A price that the
    /// tier does not list is taken from the next wider one: for a batch from long and batch, long, batch, standard;
    /// otherwise from long, standard. What none of them lists costs as its more common kind: cached reads and writes
    /// as input, writes for one hour as those for five minutes, reasoning as output.
    #[must_use]
    pub fn billed(&self, tier: Tier, prompt_tokens: u64) -> Billed {
        let long = self.long_context.iter().filter(|long| prompt_tokens > long.above_tokens);
        let long = long.max_by_key(|long| long.above_tokens);
        let (long, long_batch) = long.map(|long| (long.standard, long.batch)).unwrap_or_default();
        let rates = match tier {
            Tier::Standard => long.or(&self.standard()),
            Tier::Batch => long_batch.or(&long).or(&self.batch).or(&self.standard()),
        };
        let (input, output) = (rates.input.unwrap_or(self.input), rates.output.unwrap_or(self.output));
        let cached_write_5m = rates.cached_write_5m.unwrap_or(input);
        Billed {
            input,
            cached_read: rates.cached_read.unwrap_or(input),
            cached_write_5m,
            cached_write_1h: rates.cached_write_1h.unwrap_or(cached_write_5m),
            output,
            reasoning: rates.reasoning.unwrap_or(output),
        }
    }

    /// What a request costs.
    #[must_use]
    pub fn cost(&self, tokens: &Usage, tier: Tier) -> Money {
        let Usage { uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning } = *tokens;
        let price = self.billed(tier, tokens.input());
        // A provider that reports more reasoning than output must not make the rest negative.
        let reasoning = reasoning.min(output);
        [
            (uncached, price.input),
            (cached_read, price.cached_read),
            (cached_write_5m, price.cached_write_5m),
            (cached_write_1h, price.cached_write_1h),
            (output - reasoning, price.output),
            (reasoning, price.reasoning),
        ]
        .into_iter()
        .map(|(count, each)| Money(u128::from(count) * u128::from(each)))
        .sum()
    }

    /// The prices that hold outside batches and long prompts.
    fn standard(&self) -> Rates {
        Rates {
            input: Some(self.input),
            output: Some(self.output),
            cached_read: self.cached_read,
            cached_write_5m: self.cached_write_5m,
            cached_write_1h: self.cached_write_1h,
            reasoning: self.reasoning,
        }
    }
}

impl Rates {
    /// These prices, and those of `wider` where they have none.
    fn or(self, wider: &Self) -> Self {
        Self {
            input: self.input.or(wider.input),
            output: self.output.or(wider.output),
            cached_read: self.cached_read.or(wider.cached_read),
            cached_write_5m: self.cached_write_5m.or(wider.cached_write_5m),
            cached_write_1h: self.cached_write_1h.or(wider.cached_write_1h),
            reasoning: self.reasoning.or(wider.reasoning),
        }
    }
}

/// An amount in picodollars (1e-12 US dollars). Sums stop at the largest amount instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money(u128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// That many picodollars.
    #[must_use]
    pub fn from_picodollars(picodollars: u128) -> Self {
        Self(picodollars)
    }

    /// The amount in picodollars.
    #[must_use]
    pub fn as_picodollars(self) -> u128 {
        self.0
    }

    /// The amount in millionths of a US dollar, rounded up: what costs anything never shows as nothing. It stops at the
    /// largest number that fits.
    #[must_use]
    pub fn as_microdollars(self) -> u64 {
        u64::try_from(self.0.div_ceil(PICODOLLARS_PER_MICRODOLLAR)).unwrap_or(u64::MAX)
    }

    /// What is left when `other` is taken away, never less than nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// US dollars, exactly: six digits after the point, or as many up to twelve as the amount has.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = DIGITS;
        let fraction = format!("{:0most$}", self.0 % PICODOLLARS_PER_DOLLAR);
        let digits = fraction.trim_end_matches('0').len().max(least);
        write!(f, "{}.{fraction:.digits$}", self.0 / PICODOLLARS_PER_DOLLAR)
    }
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
