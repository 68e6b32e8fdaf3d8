//! What the rules allow at best: how much of a sequence of requests any marking of it could read, and what that costs.
//!
//! **Reads.** An entry for a prefix of n tokens is written, and kept alive, by requests that begin with these n tokens
//! and by no others. So request i can read n tokens only if
//!
//! 1. an earlier request that begins with them has begun to answer when i starts: something was written, and
//! 2. a request before i that begins with them started less than the longest ttl ago: it is still held.
//!
//! The bound for i is the longest prefix that meets both, cut to where an entry can end at all: a block that can be
//! marked (Anthropic), a content part or a message that
//! is not the model's (`OpenAI` from 5.6 on), a multiple
//! of 128 tokens (`OpenAI` before); nothing when that is below the minimum. No marking, no key and no ttl gets past it,
//! for hints change no token. Lookback, the number of marks, overflow and what an hour costs are left out, so it may be
//! out of reach. `DeepSeek` has no hints: its bound is what the simulation itself reads.
//!
//! **Cost.** Each token that the bound reads costs the read price, each other one the plain price, and each token of a
//! prefix that is read at least once costs one write at the lowest write price instead of the plain one, once, however
//! many requests read it. Any run must write at least once what it reads, and reads no request more than its bound.
//! Giving up a token's reads would save its write (a quarter of a token) and lose nine tenths of a token or more, so no
//! run that reads less is cheaper either: the sum is a lower bound for every run's cost.

use super::prompt::{BlockKind, Prompt};
use super::traces::Step;
use super::{BEGINS_MS, Kind, Provider, Refusal, anthropic, deepseek, openai, openai_earlier};

/// The best that the rules allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ideal {
    /// Per request, in the order of the steps.
    pub(crate) steps: Vec<IdealStep>,
}

/// The best for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdealStep {
    /// All of its input tokens.
    pub(crate) input_tokens: u64,
    /// Those that it could read.
    pub(crate) cached_tokens: u64,
    /// Those of what it could read that no earlier request reads: someone has to write them for it.
    pub(crate) written_tokens: u64,
    /// The input's cost with that read and, ahead of time, that write; in thousandths of the price of one input token.
    pub(crate) cost_milli: u64,
}

impl Ideal {
    /// The best for requests without hints, all of one caller, in the order of their starts.
    ///
    /// # Errors
    /// A request is none.
    pub(crate) fn of(kind: Kind, model: &str, steps: &[Step]) -> Result<Self, Refusal> {
        if kind == Kind::DeepSeek {
            return Self::simulated(kind, model, steps);
        }
        let read = |step| Prompt::read(kind, named(step, model), "", &step.request);
        let prompts = steps.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut bounds: Vec<usize> = Vec::with_capacity(steps.len());
        let mut ideal = Self::default();
        for (index, (step, prompt)) in steps.iter().zip(&prompts).enumerate() {
            let earlier = || steps.iter().zip(&prompts).take(index);
            let longest = |fits: &dyn Fn(u64) -> bool| {
                let fitting = earlier().filter(|(earlier, _)| fits(earlier.at_ms));
                fitting.map(|(_, earlier)| prompt.shared(earlier)).max().unwrap_or(0)
            };
            let begun = longest(&|at_ms| at_ms + BEGINS_MS <= step.at_ms);
            let living = longest(&|at_ms| step.at_ms < at_ms + longest_ttl_ms(kind));
            let model = named(step, model);
            let bound = cut(kind, model, prompt, begun.min(living));
            let known = earlier().zip(&bounds).map(|((_, earlier), bound)| prompt.shared(earlier).min(*bound)).max();
            bounds.push(bound);
            let price = kind.price(model);
            let (input, cached) = (prompt.tokens() as u64, bound as u64);
            let written = bound.saturating_sub(known.unwrap_or(0)) as u64;
            let cost_milli =
                (input - cached) * 1_000 + cached * price.read_milli + written * (price.write_milli - 1_000);
            ideal.steps.push(IdealStep {
                input_tokens: input,
                cached_tokens: cached,
                written_tokens: written,
                cost_milli,
            });
        }
        Ok(ideal)
    }

    /// All input tokens.
    pub(crate) fn input_tokens(&self) -> u64 {
        self.steps.iter().map(|step| step.input_tokens).sum()
    }

    /// All tokens that could be read.
    pub(crate) fn cached_tokens(&self) -> u64 {
        self.steps.iter().map(|step| step.cached_tokens).sum()
    }

    /// The whole input's least cost, in thousandths of the price of one input token.
    pub(crate) fn cost_milli(&self) -> u64 {
        self.steps.iter().map(|step| step.cost_milli).sum()
    }

    fn simulated(kind: Kind, model: &str, steps: &[Step]) -> Result<Self, Refusal> {
        let mut provider = Provider::new(kind, model);
        let mut ideal = Self::default();
        for step in steps {
            let billed = provider.answer(&step.request, &[], step.at_ms)?;
            ideal.steps.push(IdealStep {
                input_tokens: billed.input_tokens,
                cached_tokens: billed.cached_tokens,
                written_tokens: 0,
                cost_milli: billed.cost_milli,
            });
        }
        Ok(ideal)
    }
}

fn named<'a>(step: &'a Step, model: &'a str) -> &'a str {
    step.request["model"].as_str().unwrap_or(model)
}

fn longest_ttl_ms(kind: Kind) -> u64 {
    match kind {
        Kind::Anthropic => anthropic::HOUR_MS,
        Kind::OpenAi56 => openai::TTL_MS,
        Kind::OpenAiBefore56 => openai_earlier::EXTENDED_IDLE_MS,
        Kind::DeepSeek => deepseek::IDLE_MS,
    }
}

/// The longest prefix of no more than so many tokens for which there can be an entry.
fn cut(kind: Kind, model: &str, prompt: &Prompt<'_>, tokens: usize) -> usize {
    let last_end = |fits: fn(BlockKind) -> bool| {
        let fitting = prompt.blocks.iter().filter(|block| block.end <= tokens && fits(block.kind));
        fitting.map(|block| block.end).max().unwrap_or(0)
    };
    let (end, minimum) = match kind {
        Kind::Anthropic => (last_end(anthropic::can_be_marked), anthropic::minimum_tokens(model)),
        Kind::OpenAi56 => {
            let of_parts = last_end(|kind| matches!(kind, BlockKind::Content | BlockKind::EmptyText));
            // An implicit breakpoint ends a message, with or without a content part, but never the model's own.
            let messages =
                prompt.messages.iter().filter(|message| message.end <= tokens && message.role != "assistant");
            (messages.map(|message| message.end).max().unwrap_or(0).max(of_parts), openai::MINIMUM_TOKENS)
        }
        Kind::OpenAiBefore56 => (tokens - tokens % openai_earlier::STEP_TOKENS, openai_earlier::MINIMUM_TOKENS),
        Kind::DeepSeek => (tokens - tokens % deepseek::STEP_TOKENS, 0),
    };
    if end < minimum { 0 } else { end }
}

#[cfg(test)]
#[path = "ideal_tests.rs"]
mod tests;
