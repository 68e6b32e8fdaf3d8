//! What a request may take at most, before anybody has counted its tokens.

use super::Amounts;
use crate::ledger::prices::{Billed, Money, Price, Tier};

/// Bytes of JSON that make at least one token: a tokenizer of byte pairs rarely goes below.
const BYTES_PER_TOKEN: u64 = 2;

/// Tokens of an image, a document or a recording: its bytes say nothing about them, and a link has hardly any.
const MEDIA_TOKENS: u64 = 5_000;

/// The longest prompt and the longest output of a model that the price table does not know, in tokens.
const USUAL_INPUT: u64 = 128_000;
const USUAL_OUTPUT: u64 = 16_384;

/// What a request may take at most at a model with this price, and at all without one.
///
/// `body_bytes` is the length of its body and `media_parts` how many images and the like are in it; with `server_state`
/// it continues a conversation that the provider keeps, so the prompt may be as long as the model takes.
/// `max_output` is the client's limit on the tokens of one of `choices` answers.
#[must_use]
pub fn upper(
    price: Option<&Price>,
    body_bytes: usize,
    media_parts: usize,
    server_state: bool,
    max_output: Option<u64>,
    choices: u64,
) -> Amounts {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let facts = price.map(|price| &price.facts);
    let media = count(media_parts).saturating_mul(MEDIA_TOKENS);
    let mut input = count(body_bytes).div_ceil(BYTES_PER_TOKEN).saturating_add(media);
    if server_state {
        input = input.max(facts.and_then(|facts| facts.max_input_tokens).unwrap_or(USUAL_INPUT));
    }
    let of_model = || facts.and_then(|facts| facts.max_output_tokens);
    let output = max_output.or_else(of_model).unwrap_or(USUAL_OUTPUT).saturating_mul(choices);
    Amounts {
        money: price.map(|price| cost(price, input, output)),
        tokens: Some(input.saturating_add(output)),
        // All of the output may be reasoning.
        reasoning: Some(output),
    }
}

/// What so many tokens cost at most, whichever kinds they are of. A prompt that turns out shorter than estimated may
/// be billed at a lower tier, which need not be a cheaper one, so every tier that it may reach counts.
fn cost(price: &Price, input: u64, output: u64) -> Money {
    let above = price.long_context.iter().map(|long| long.above_tokens.saturating_add(1));
    let lengths = std::iter::once(0).chain(above.filter(|tokens| *tokens <= input));
    let (mut dearest_input, mut dearest_output) = (0, 0);
    for length in lengths {
        let Billed { input, cached_read, cached_write_5m, cached_write_1h, output, reasoning } =
            price.billed(Tier::Standard, length);
        dearest_input = dearest_input.max(input).max(cached_read).max(cached_write_5m).max(cached_write_1h);
        dearest_output = dearest_output.max(output).max(reasoning);
    }
    let cost = |tokens, each| Money::from_picodollars(u128::from(tokens) * u128::from(each));
    cost(input, dearest_input) + cost(output, dearest_output)
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
