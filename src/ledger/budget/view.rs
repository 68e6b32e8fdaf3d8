//! Budgets as they are shown: to the operator, and to the gateway before a request is routed.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Budget, Filter, Relief, Unit};
use crate::ledger::prices::Money;

/// Thousandths in a whole.
const PER_MILLE: u128 = 1000;

/// How much of a budget is used: spent, or reserved by requests under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Less than its soft share, or it has none.
    Ok,
    /// Its soft share or more.
    Soft,
    /// All of it.
    Exhausted,
}

impl State {
    /// The state as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Soft => "soft",
            Self::Exhausted => "exhausted",
        }
    }
}

/// A budget at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The budget, in the period of that moment.
    pub budget: Budget,
    /// What requests under way have reserved, in its unit.
    pub reserved: u128,
    /// What is neither spent nor reserved.
    pub headroom: u128,
    /// How much of it is used.
    pub state: State,
    /// When its period ends, in milliseconds since 1970.
    pub resets_ms: Option<u64>,
}

impl View {
    /// The budget at `now_ms`.
    pub(super) fn new(budget: &Budget, reserved: u128, now_ms: u64) -> Self {
        let (running, resets_ms) = (budget.running(now_ms), budget.resets_ms(now_ms));
        let budget = Budget { running, ..budget.clone() };
        let headroom = budget.limit.saturating_sub(running.spent).saturating_sub(reserved);
        let mut view = Self { budget, reserved, headroom, state: State::Ok, resets_ms };
        view.state = match view.budget.soft_share {
            _ if headroom == 0 => State::Exhausted,
            Some(share) if view.is_over(share) => State::Soft,
            _ => State::Ok,
        };
        view
    }

    /// What is spent and what is reserved.
    fn used(&self) -> u128 {
        self.budget.running.spent.saturating_add(self.reserved)
    }

    /// Whether so many thousandths of the limit are used.
    fn is_over(&self, share: u16) -> bool {
        self.used().saturating_mul(PER_MILLE) >= self.budget.limit.saturating_mul(u128::from(share))
    }

    /// How much is used, in thousandths of the limit, rounded down. It can be more than 1000, after the limit was
    /// lowered or a reservation lapsed and was settled yet.
    #[must_use]
    pub fn used_per_mille(&self) -> u64 {
        let used = self.used().saturating_mul(PER_MILLE);
        u64::try_from(used.checked_div(self.budget.limit).unwrap_or(PER_MILLE)).unwrap_or(u64::MAX)
    }

    /// What the gateway needs of it, when its soft share is used.
    pub(super) fn strained(&self) -> Option<Strained> {
        let Budget { name, filter, soft_share, at_soft, .. } = &self.budget;
        let is_over = soft_share.is_some_and(|share| self.is_over(share));
        is_over.then(|| Strained {
            budget: name.clone(),
            filter: filter.clone(),
            used_per_mille: self.used_per_mille(),
            relief: at_soft.clone().unwrap_or_default(),
        })
    }
}

/// A budget whose soft share is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strained {
    /// Its name.
    pub budget: String,
    /// Which requests it is for.
    pub filter: Filter,
    /// How much of it is used; see [`View::used_per_mille`].
    pub used_per_mille: u64,
    /// What changes for them; may be nothing.
    pub relief: Relief,
}

/// A budget as the admin API writes it. `tenant`: whose it is; nothing for the whole deployment's.
#[must_use]
pub fn written(tenant: Option<&str>, view: &View) -> Value {
    let Budget { name, filter, unit, limit, period, soft_share, at_soft, created_ms, running } = &view.budget;
    let amount = |amount: u128| match unit {
        Unit::Usd => Value::from(Money::from_picodollars(amount).to_string()),
        _ => Value::from(u64::try_from(amount).unwrap_or(u64::MAX)),
    };
    let relief = |Relief { tier, max_effort, max_thinking_tokens, max_output_tokens }: &Relief| {
        json!({
            "tier": tier,
            "max_effort": max_effort,
            "max_thinking_tokens": max_thinking_tokens,
            "max_output_tokens": max_output_tokens,
        })
    };
    json!({
        "name": name,
        "tenant": tenant,
        "tag": filter.tag.as_ref().map(|(name, value)| format!("{name}={value}")),
        "model": filter.model,
        "unit": unit.as_str(),
        "limit": amount(*limit),
        "period": period.as_str(),
        "soft_share": soft_share.map(|share| f64::from(share) / 1000.0),
        "at_soft": at_soft.as_ref().map(relief),
        "spent": amount(running.spent),
        "reserved": amount(view.reserved),
        "headroom": amount(view.headroom),
        "lapsed": running.lapsed.reservations,
        "state": view.state.as_str(),
        "resets_ms": view.resets_ms,
        "created_ms": created_ms,
    })
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
