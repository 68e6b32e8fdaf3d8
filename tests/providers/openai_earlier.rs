//! `OpenAI`'s rules before GPT-5.6: automatic, from 1,024 tokens on, in steps of 128, on the machine that gets the
//! request. <https://developers.openai.com/api/docs/guides/prompt-caching>
//!
//! - The first tokens and `prompt_cache_key` choose the machine. Above about 15 requests a minute, some go to others,
//!   which hold nothing at first.
//! - An unused prefix is gone after 5 to 10 minutes (5 here), with `prompt_cache_retention: "24h"` after typically 30.
//! - Writing costs nothing extra.
//!
//! Not documented, and read so here: the overflow of a route goes round robin over [`FURTHER_MACHINES`]; the first 256
//! tokens choose the route (the number "varies by model"); a window of 60 seconds counts what the first machine took.
//! GPT-5.5's steps of 2,048 tokens are not simulated.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::held::Held;
use super::prompt::{BlockKind, Prompt, digest_of, mix};
use super::{Billed, Price, Refusal};

/// The fewest tokens of a prefix that is cached.
pub(super) const MINIMUM_TOKENS: usize = 1_024;

/// Prefixes are held, and cached tokens reported, in multiples of so many tokens.
pub(super) const STEP_TOKENS: usize = 128;

/// After so long without a read an entry is gone, in milliseconds.
pub(super) const IDLE_MS: u64 = 5 * 60_000;

/// The same with `prompt_cache_retention: "24h"`.
pub(super) const EXTENDED_IDLE_MS: u64 = 30 * 60_000;

/// Tokens whose digest chooses the route.
const ROUTING_TOKENS: usize = 256;

/// Requests that the first machine of a route takes in a minute.
const REQUESTS_A_MINUTE: usize = 15;

/// Machines that take what the first one does not.
const FURTHER_MACHINES: usize = 4;

/// What a token costs that was read, in thousandths of the input price: a tenth for GPT-5 and its successors, a quarter
/// for GPT-4.1 and o3, half for all others.
pub(super) fn read_milli(model: &str) -> u64 {
    match model.rsplit('/').next().unwrap_or(model) {
        name if name.starts_with("gpt-5") => 100,
        name if name.starts_with("gpt-4.1") || name.starts_with("o3") || name.starts_with("o4") => 250,
        _ => 500,
    }
}

/// The machines of one provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(HashMap<u64, Route>);

/// Where requests with the same beginning and key go.
#[derive(Clone, Debug, Default)]
struct Route {
    /// When the first machine took its requests of the last minute.
    taken_ms: VecDeque<u64>,
    /// How many requests went to the further machines so far.
    overflowed: usize,
    /// What each machine holds, the first one's number being 0.
    machines: HashMap<usize, Held>,
}

impl Route {
    fn machine(&mut self, now_ms: u64) -> &mut Held {
        while self.taken_ms.front().is_some_and(|taken| taken + 60_000 <= now_ms) {
            self.taken_ms.pop_front();
        }
        let index = if self.taken_ms.len() < REQUESTS_A_MINUTE {
            self.taken_ms.push_back(now_ms);
            0
        } else {
            self.overflowed += 1;
            1 + (self.overflowed - 1) % FURTHER_MACHINES
        };
        self.machines.entry(index).or_default()
    }
}

impl Cache {
    /// Sends the request to its machine, reads and writes there, and says what the input costs.
    pub(super) fn answer(
        &mut self,
        prompt: &Prompt<'_>,
        request: &Value,
        price: Price,
        now_ms: u64,
    ) -> Result<Billed, Refusal> {
        let marked = prompt.blocks.iter().any(|block| block.hint.is_some() && block.kind != BlockKind::Field);
        if !request["prompt_cache_options"]["ttl"].is_null() && !request["prompt_cache_retention"].is_null() {
            return Err(Refusal::RetentionWithTtl);
        }
        if marked || !request["prompt_cache_options"].is_null() {
            return Err(Refusal::BreakpointsUnsupported);
        }
        let idle_ms = if request["prompt_cache_retention"] == "24h" { EXTENDED_IDLE_MS } else { IDLE_MS };
        let beginning = prompt.digest(ROUTING_TOKENS.min(prompt.tokens())).unwrap_or_default();
        let key = digest_of(&[request["prompt_cache_key"].as_str().unwrap_or_default()]);
        let machine = self.0.entry(mix(beginning, key)).or_default().machine(now_ms);
        let steps = (MINIMUM_TOKENS..=prompt.tokens()).step_by(STEP_TOKENS);
        let readable = |end: &usize| prompt.digest(*end).is_some_and(|digest| machine.is_readable(digest, now_ms));
        let read = steps.clone().filter(readable).last().unwrap_or(0);
        for end in steps {
            match prompt.digest(end) {
                Some(digest) if end <= read => machine.refresh(digest, now_ms),
                Some(digest) => machine.write(digest, now_ms, idle_ms),
                None => {}
            }
        }
        Ok(Billed::of(price, prompt.tokens(), read, read, read))
    }
}

#[cfg(test)]
#[path = "openai_earlier_tests.rs"]
mod tests;
