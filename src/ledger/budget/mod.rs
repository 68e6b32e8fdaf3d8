//! Budgets that hold: a request reserves what it may take at most before it is sent, and what it took is settled when
//! it is over. What is spent, what is reserved and a new reservation together never exceed a limit.
//!
//! One [`Desk`] keeps the budgets of one ledger: a tenant's, or those of the whole deployment. Money is in picodollars
//! (1e-12 US dollars), time in milliseconds since 1970, and periods are those of UTC.

mod amounts;
mod decimal;
mod desk;
mod estimate;
mod filter;
mod period;
mod read;
mod refusal;
mod reservations;
mod view;

use serde::{Deserialize, Serialize};

pub use amounts::{Actual, Amounts, Ask};
pub use desk::{Change, Desk, How, MAX_BUDGETS, SetRefusal, Unreadable};
pub use estimate::upper;
pub use filter::{ANY_MODEL, Filter};
pub use period::Period;
pub use read::{Mistake, read, read_change};
pub use refusal::{Refusal, Why};
pub use reservations::{Id, MAX_OPEN};
pub use view::{State, Strained, View, written};

use super::prices::Money;
use super::totals::stored::Stored;

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Money, in picodollars.
    Usd,
    /// Tokens of input and output.
    Tokens,
    /// Tokens of output that the model thought with.
    ReasoningTokens,
    /// Requests. They count when they are let in, whatever becomes of them.
    Requests,
}

impl Unit {
    /// Every unit, as it is written.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("usd", Self::Usd),
        ("tokens", Self::Tokens),
        ("reasoning_tokens", Self::ReasoningTokens),
        ("requests", Self::Requests),
    ];

    /// The unit as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, unit)| *unit == self).map_or("", |(name, _)| name)
    }

    /// The unit of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, unit)| *unit)
    }

    /// An amount of this unit, as a sentence says it: `25.000000 US dollars`, `1000 tokens`.
    #[must_use]
    pub fn say(self, amount: u128) -> String {
        match self {
            Self::Usd => format!("{} US dollars", Money::from_picodollars(amount)),
            Self::Tokens => format!("{amount} tokens"),
            Self::ReasoningTokens => format!("{amount} reasoning tokens"),
            Self::Requests => format!("{amount} requests"),
        }
    }
}

/// What changes for requests once the soft share of a budget is used. The names are those of the admin API; the gateway
/// knows what they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// The dearest class of models that a route may still choose: `cheap` or `middle`.
    pub tier: Option<String>,
    /// The highest reasoning effort.
    pub max_effort: Option<String>,
    /// The most tokens of thinking.
    pub max_thinking_tokens: Option<u64>,
    /// The most tokens of output.
    pub max_output_tokens: Option<u64>,
}

/// What lapsed: nobody settled these reservations before their deadline, so what they took is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapsed {
    /// How many reservations.
    pub reservations: u64,
    /// What they had reserved, in the budget's unit.
    pub amount: u128,
}

/// What happened to a budget in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// When the period began, in milliseconds since 1970.
    pub period_start_ms: u64,
    /// What was spent in it, in the budget's unit.
    pub spent: u128,
    /// What lapsed in it. It does not count against the limit.
    pub lapsed: Lapsed,
}

/// A limit on what some requests may spend in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its name, unique at its desk: 1 to 64 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Which requests it is for.
    pub filter: Filter,
    /// What it counts.
    pub unit: Unit,
    /// The limit: picodollars for money, else a count.
    pub limit: u128,
    /// When it begins anew.
    pub period: Period,
    /// The share of the limit, in thousandths, from which `at_soft` applies; 1 to 1000.
    pub soft_share: Option<u16>,
    /// What changes from there on.
    pub at_soft: Option<Relief>,
    /// When it was made, in milliseconds since 1970. The desk sets it.
    pub created_ms: u64,
    /// The period that it was last written in. The desk keeps it; use [`Budget::running`] to read it.
    pub running: Running,
}

impl Stored for Budget {
    const VERSION: u8 = 1;
}

impl Budget {
    /// What happened in the period of `now_ms`: nothing as yet, when that is a later one than the last written.
    ///
    /// A clock that went back does not bring an old period back, for what was spent in it is no longer known.
    #[must_use]
    pub fn running(&self, now_ms: u64) -> Running {
        let period_start_ms = self.period.start(now_ms);
        if period_start_ms > self.running.period_start_ms {
            return Running { period_start_ms, ..Running::default() };
        }
        self.running
    }

    /// When the period of `now_ms` ends, in milliseconds since 1970; never for [`Period::Total`].
    #[must_use]
    pub fn resets_ms(&self, now_ms: u64) -> Option<u64> {
        self.period.end(now_ms.max(self.running.period_start_ms))
    }
}
