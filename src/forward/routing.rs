//! Which model answers a request that leaves the choice to the operator: by how difficult it is, and by what the
//! conversation so far is worth in a provider's cache.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::canonical::Usage;
use crate::forward::difficulty::{Difficulty, Model};
use crate::forward::reasoning::Caps;
use crate::ledger::prices::{Money, Price, Tier as Billing};

/// A class of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// For what any model does well.
    Cheap,
    /// For ordinary work.
    Middle,
    /// For what a smaller model would likely get wrong.
    Frontier,
}

impl Tier {
    /// Every tier, as it is written.
    pub const NAMES: [(&'static str, Self); 3] =
        [("cheap", Self::Cheap), ("middle", Self::Middle), ("frontier", Self::Frontier)];

    /// The tier as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, tier)| *tier == self).map_or("", |(name, _)| name)
    }

    /// Reads a tier.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, tier)| *tier)
    }
}

/// A model of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The upstream's name.
    pub upstream: String,
    /// The model, as the upstream calls it.
    pub model: String,
}

/// What an alias stands for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The models of each tier, in the order in which they are tried. A route without tiers has one.
    pub tiers: BTreeMap<Tier, Vec<Goal>>,
    /// The score from which the middle model is asked; nothing: as it was fitted.
    pub middle_from: Option<f64>,
    /// The score from which the frontier model is asked; nothing: as it was fitted.
    pub frontier_from: Option<f64>,
    /// What its requests may spend on reasoning and output.
    pub caps: Caps,
    /// Whether the last turn's superfluous white space is left out.
    pub trim: bool,
}

impl Route {
    /// Whether there is anything to choose by difficulty.
    #[must_use]
    pub fn is_tiered(&self) -> bool {
        self.tiers.len() > 1
    }

    /// The tier for a difficulty. Without a middle one, what would be its goes to the frontier.
    #[must_use]
    pub fn tier_for(&self, difficulty: &Difficulty, model: &Model) -> Tier {
        let score = f64::from(difficulty.score);
        let middle_from = self.middle_from.unwrap_or_else(|| f64::from(model.middle_from));
        let frontier_from = self.frontier_from.unwrap_or_else(|| f64::from(model.frontier_from)).max(middle_from);
        let wanted = match score {
            score if score >= frontier_from => Tier::Frontier,
            score if score >= middle_from => Tier::Middle,
            _ => Tier::Cheap,
        };
        self.at_least(wanted)
    }

    /// The lowest tier of this route that is not below the wanted one.
    #[must_use]
    pub fn at_least(&self, wanted: Tier) -> Tier {
        self.tiers.keys().copied().find(|tier| *tier >= wanted).unwrap_or(Tier::Frontier)
    }

    /// The highest tier of this route that is not above the wanted one, or else its lowest.
    #[must_use]
    pub fn at_most(&self, wanted: Tier) -> Tier {
        let tiers = || self.tiers.keys().copied();
        tiers().rev().find(|tier| *tier <= wanted).or_else(|| tiers().next()).unwrap_or(Tier::Frontier)
    }

    /// Whether all its models are one upstream's.
    #[must_use]
    pub fn has_one_upstream(&self) -> bool {
        let mut names = self.tiers.values().flatten().map(|goal| &goal.upstream);
        let first = names.next();
        names.all(|name| Some(name) == first)
    }

    /// The models of a tier.
    #[must_use]
    pub fn goals(&self, tier: Tier) -> &[Goal] {
        self.tiers.get(&tier).map_or(&[], Vec::as_slice)
    }
}

/// One user turn of a conversation, for choosing its model.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// How difficult it is.
    pub difficulty: Difficulty,
    /// Usage of everything before it.
    pub prefix_tokens: u64,
    /// Usage of the turn itself.
    pub new_tokens: u64,
}

/// Usage of an answer whose length nobody knows yet.
const EXPECTED_OUTPUT_TOKENS: u64 = 400;

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The tier.
    pub tier: Tier,
    /// How difficult the last user turn is, where that was asked.
    pub difficulty: Option<Difficulty>,
    /// The conversation stays with the model that it has, though the last turn alone would do with a cheaper one.
    pub stays: Option<Stay>,
    /// The client chose the tier itself.
    pub by_header: bool,
}

/// What leaving a conversation's model would save, and what it would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Saved on this request's tokens, and lost on a prefix that the other model's cache doesn't hold.
    Priced(Money, Money),
    /// The price of one of the two is not known.
    Unpriced,
}

/// Chooses the tier for the last of these turns. The conversation's model is found by going through its turns from the
/// first one: they are all in the request, so nothing has to be remembered, and every isolate finds the same. It moves
/// to a better model whenever a turn needs it, and to a cheaper one when that saves more than the warm cache is worth.
#[must_use]
pub fn choose(route: &Route, turns: &[Asked], model: &Model, price: impl Fn(Tier) -> Option<Price>) -> Chosen {
    let mut current: Option<Tier> = None;
    let mut stays = None;
    for turn in turns {
        let wanted = route.tier_for(&turn.difficulty, model);
        (current, stays) = match current {
            Some(tier) if wanted < tier => match stay(turn, price(tier).as_ref(), price(wanted).as_ref()) {
                Some(why) => (Some(tier), Some(why)),
                None => (Some(wanted), None),
            },
            _ => (Some(wanted), None),
        };
    }
    let difficulty = turns.last().map(|turn| turn.difficulty.clone());
    // Without a user's words nothing is known, and the best model is the safe one.
    Chosen { tier: current.unwrap_or_else(|| route.at_least(Tier::Frontier)), difficulty, stays, by_header: false }
}

/// Why a turn stays with a warm model although a cheaper one would do; nothing when it had better go.
fn stay(turn: &Asked, warm: Option<&Price>, cold: Option<&Price>) -> Option<Stay> {
    let (Some(warm), Some(cold)) = (warm, cold) else { return Some(Stay::Unpriced) };
    let cost = |price: &Price, prefix: Usage| {
        let rest = Usage { uncached: turn.new_tokens, output: EXPECTED_OUTPUT_TOKENS, ..prefix };
        price.cost(&rest, Billing::Standard)
    };
    let read = Usage { cached_read: turn.prefix_tokens, ..Usage::default() };
    let written = Usage { cached_write_5m: turn.prefix_tokens, ..Usage::default() };
    let gain = cost(warm, read).saturating_sub(cost(cold, read));
    let loss = cost(cold, written).saturating_sub(cost(cold, read));
    (loss >= gain).then_some(Stay::Priced(gain, loss))
}

impl Chosen {
    /// The value of `x-nearhit-route`: `cheap;score=0.120;reasons="short,rewrite-task"`.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = self.tier.as_str().to_owned();
        if let Some(Difficulty { score, reasons }) = &self.difficulty {
            let _ = write!(text, ";score={score:.3};reasons=\"{}\"", reasons.join(","));
        }
        match self.stays {
            Some(Stay::Priced(gain, loss)) => {
                let _ = write!(text, ";stays;gain-usd={gain};loss-usd={loss}");
            }
            Some(Stay::Unpriced) => text.push_str(";stays;unpriced"),
            None => {}
        }
        if self.by_header {
            text.push_str(";by=header");
        }
        text
    }
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
