//! Why a budget refuses a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reservations::MAX_OPEN;
use super::{Amounts, Budget, Period, Unit};

/// When to ask again, in seconds, while requests under way hold what is left.
const IN_FLIGHT_SECS: u64 = 5;

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// What was spent in this period leaves less than the request may take.
    Spent,
    /// What was spent would leave enough, but requests under way have reserved it.
    InFlight,
    /// The request alone may take more than the limit.
    TooLarge,
    /// The budget is one of money, and a model that may answer has no price.
    Unpriced,
    /// Nobody can tell beforehand what the request takes.
    Unmeasured,
    /// As many reservations are open as a desk keeps.
    TooManyOpen,
}

impl Why {
    /// The reason as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spent => "spent",
            Self::InFlight => "in-flight",
            Self::TooLarge => "too-large",
            Self::Unpriced => "unpriced",
            Self::Unmeasured => "unmeasured",
            Self::TooManyOpen => "too-many-open",
        }
    }
}

/// A budget's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The budget's name; with [`Why::TooManyOpen`] the first one that the request is for.
    pub budget: String,
    /// What is in the way.
    pub why: Why,
    /// The budget's unit.
    pub unit: Unit,
    /// Its limit.
    pub limit: u128,
    /// Its period.
    pub period: Period,
    /// What the request may take, as far as it is known.
    pub asked: u128,
    /// What is left of the limit: after what was spent, and for [`Why::InFlight`] also after what is reserved.
    pub left: u128,
    /// When the request may pass, in seconds from now; nothing when waiting does not help.
    pub retry_after_secs: Option<u64>,
}

impl Refusal {
    /// Whether the budget, of which so much is reserved, has no room for a request that may take so much at `now_ms`.
    pub(super) fn find(budget: &Budget, reserved: u128, estimate: &Amounts, now_ms: u64) -> Option<Self> {
        let Some(asked) = estimate.of(budget.unit) else {
            let why = if estimate.tokens.is_none() { Why::Unmeasured } else { Why::Unpriced };
            return Some(Self::new(budget, why, 0, now_ms));
        };
        let left = budget.limit.saturating_sub(budget.running(now_ms).spent);
        let why = if asked > budget.limit {
            Why::TooLarge
        } else if asked > left {
            Why::Spent
        } else if asked > left.saturating_sub(reserved) {
            Why::InFlight
        } else {
            return None;
        };
        let left = if why == Why::InFlight { left.saturating_sub(reserved) } else { left };
        Some(Self { left, ..Self::new(budget, why, asked, now_ms) })
    }

    /// The refusal by this budget, of which nothing is left.
    pub(super) fn new(budget: &Budget, why: Why, asked: u128, now_ms: u64) -> Self {
        let retry_after_secs = match why {
            Why::Spent => budget.resets_ms(now_ms).map(|end_ms| end_ms.saturating_sub(now_ms).div_ceil(1000).max(1)),
            Why::InFlight | Why::TooManyOpen => Some(IN_FLIGHT_SECS),
            Why::TooLarge | Why::Unpriced | Why::Unmeasured => None,
        };
        let Budget { unit, limit, period, .. } = *budget;
        Self { budget: budget.name.clone(), why, unit, limit, period, asked, left: 0, retry_after_secs }
    }

    /// Whether the limit is on how fast requests come, rather than on what they spend.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        self.why == Why::TooManyOpen || (self.unit, self.period) == (Unit::Requests, Period::Minute)
    }

    /// How the budget's state is shown to the client: as exhausted when it is, or what else is in the way.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.why {
            Why::Spent | Why::InFlight | Why::TooManyOpen => "exhausted",
            Why::TooLarge | Why::Unpriced | Why::Unmeasured => self.why.as_str(),
        }
    }

    /// Whether the same request may pass when it is sent again soon.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.why {
            Why::InFlight | Why::TooManyOpen => true,
            Why::Spent => self.period == Period::Minute,
            Why::TooLarge | Why::Unpriced | Why::Unmeasured => false,
        }
    }
}

/// A sentence or two for the client.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, why, unit, limit, period, asked, left, retry_after_secs } = self;
        let (limit, asked, left) = (unit.say(*limit), unit.say(*asked), unit.say(*left));
        let period = period.say();
        match why {
            Why::Spent if *unit == Unit::Requests => {
                write!(f, "The budget '{budget}' of {limit} {period} is used up.")?
            }
            Why::Spent => write!(
                f,
                "The budget '{budget}' of {limit} {period} has {left} left, and this request may take up to {asked}."
            )?,
            Why::InFlight => write!(
                f,
                "The budget '{budget}' of {limit} {period} has {left} left while other requests are under way, and \
                 this one may take up to {asked}."
            )?,
            Why::TooLarge => write!(
                f,
                "This request may take up to {asked}, more than the whole budget '{budget}' of {limit} {period}. Make \
                 it shorter, or limit its output (max_tokens, max_completion_tokens, max_output_tokens)."
            )?,
            Why::Unpriced => write!(
                f,
                "The budget '{budget}' of {limit} {period} is for this request, and a model that may answer it, or the \
                 service tier that it asks for, has no price. Set one in NEARHIT_PRICES, or ask for another model or tier."
            )?,
            Why::Unmeasured => write!(
                f,
                "The budget '{budget}' of {limit} {period} is for this request, and what it may take cannot be told: its \
                 path or its body is none that nearhit can read. Send it by /v1/chat/completions, /v1/responses, \
                 /v1/messages, /v1/completions or /v1/embeddings."
            )?,
            Why::TooManyOpen => write!(
                f,
                "{MAX_OPEN} requests that count for the budget '{budget}' and others beside it are under way, and no \
                 more are let in."
            )?,
        }
        retry_after_secs.map_or(Ok(()), |secs| write!(f, " Try again in {secs} s."))
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
