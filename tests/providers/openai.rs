//! `OpenAI`'s rules from GPT-5.6 on: a prefix is written and read at breakpoints alone.
//! <https://developers.openai.com/api/docs/guides/prompt-caching>
//!
//! - The implicit breakpoint is the end of the latest eligible message: a user's, the last of a group of tool messages,
//!   the last of the developer messages that the conversation begins with.
//! - Explicit breakpoints stand on content parts. With `mode: "explicit"` there are no others.
//! - A request writes at no more than four: the implicit one and the latest three explicit ones, or the latest four.
//! - It looks for entries at the first 2 and the latest 50 explicit breakpoints, and in implicit mode also at the
//!   implicit one, at the ends of up to 20 earlier eligible messages and at the end of the first developer messages.
//!   (The API reference says "the latest 80 breakpoints" instead; the guide is more exact.)
//! - What lies between the entry that was read and the last breakpoint that is written costs a write.
//! - `prompt_cache_key` keeps entries apart. Routing is the provider's affair.
//!
//! The Chat Completions API takes a breakpoint on a text part of any role. The guide names user, developer and tool
//! messages only, so one on an assistant's part is accepted here without being vouched for.
//!
//! Not documented, and read so here: a request refreshes the entry that it reads and those at its breakpoints
//! before it.

use serde_json::Value;

use super::held::Held;
use super::prompt::{BlockKind, Message, Prompt, digest_of, mix};
use super::{Billed, Price, Refusal};

/// The fewest tokens of a prefix that is cached.
pub(super) const MINIMUM_TOKENS: usize = 1_024;

/// How long an entry lives after its last write or read, in milliseconds. It may live longer, but nobody should
/// count on it.
pub(super) const TTL_MS: u64 = 30 * 60_000;

/// Writes of one request.
const MAX_WRITES: usize = 4;

/// Explicit breakpoints at which an entry is looked for: the first ones, and the latest ones.
const LOOKS_AT_EXPLICIT: (usize, usize) = (2, 50);

/// Earlier eligible messages at whose ends an entry is looked for.
const LOOKS_AT_EARLIER: usize = 20;

/// What a token costs that was read, in thousandths of the input price.
pub(super) fn read_milli(model: &str) -> u64 {
    if model.contains("gpt-6.1-sol") { 50 } else { 100 }
}

/// The entries of one provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(Held);

/// Where a request may read and where it writes, in tokens from the beginning.
#[derive(Debug, Default)]
struct Boundaries {
    reads: Vec<usize>,
    writes: Vec<usize>,
}

impl Cache {
    /// Reads and writes at the breakpoints, and says what the input costs.
    pub(super) fn answer(
        &mut self,
        prompt: &Prompt<'_>,
        request: &Value,
        price: Price,
        now_ms: u64,
    ) -> Result<Billed, Refusal> {
        let explicit_only = check_options(request)?;
        let explicit = explicit(prompt, request)?;
        let mut boundaries = boundaries(prompt, &explicit, explicit_only);
        for ends in [&mut boundaries.reads, &mut boundaries.writes] {
            ends.retain(|end| *end >= MINIMUM_TOKENS);
        }
        let key = digest_of(&[request["prompt_cache_key"].as_str().unwrap_or_default()]);
        let digest = |end: usize| prompt.digest(end).map(|digest| mix(digest, key));
        let readable = |end: &usize| digest(*end).is_some_and(|digest| self.0.is_readable(digest, now_ms));
        let read = boundaries.reads.iter().copied().filter(readable).max().unwrap_or(0);
        for digest in boundaries.reads.iter().filter(|end| **end <= read).filter_map(|end| digest(*end)) {
            self.0.refresh(digest, now_ms);
        }
        let mut written = read;
        for end in boundaries.writes.into_iter().filter(|end| *end > read) {
            if let Some(digest) = digest(end) {
                self.0.write(digest, now_ms, TTL_MS);
            }
            written = written.max(end);
        }
        Ok(Billed::of(price, prompt.tokens(), read, read, written))
    }
}

/// Whether the mode is `explicit`.
fn check_options(request: &Value) -> Result<bool, Refusal> {
    let options = &request["prompt_cache_options"];
    let mode = &options["mode"];
    let ttl = &options["ttl"];
    if !ttl.is_null() && !request["prompt_cache_retention"].is_null() {
        return Err(Refusal::RetentionWithTtl);
    }
    let known = |value: &Value, names: &[&str]| value.is_null() || names.iter().any(|name| value == name);
    if !known(ttl, &["30m"]) || !known(mode, &["implicit", "explicit"]) {
        return Err(Refusal::UnknownCacheOption);
    }
    Ok(mode == "explicit")
}

/// The ends of the explicit breakpoints.
fn explicit(prompt: &Prompt<'_>, request: &Value) -> Result<Vec<usize>, Refusal> {
    let field = "prompt_cache_breakpoint";
    let messages = request["messages"].as_array().into_iter().flatten();
    let misplaced = messages.chain([request]).any(|holder| !holder[field].is_null());
    let mut ends = Vec::new();
    for block in &prompt.blocks {
        match (block.hint, block.kind) {
            (None, _) => {}
            (Some(hint), BlockKind::Content | BlockKind::EmptyText) if hint["mode"] == "explicit" => {
                ends.push(block.end)
            }
            (Some(_), BlockKind::Content | BlockKind::EmptyText) => return Err(Refusal::UnknownBreakpoint),
            (Some(_), _) => return Err(Refusal::BreakpointOutsideContent),
        }
    }
    if misplaced { Err(Refusal::BreakpointOutsideContent) } else { Ok(ends) }
}

fn boundaries(prompt: &Prompt<'_>, explicit: &[usize], explicit_only: bool) -> Boundaries {
    let latest = |count: usize| explicit.iter().rev().take(count).copied();
    let (first, late) = LOOKS_AT_EXPLICIT;
    let mut reads: Vec<usize> = explicit.iter().take(first).copied().chain(latest(late)).collect();
    if explicit_only {
        return Boundaries { reads, writes: latest(MAX_WRITES).collect() };
    }
    let eligible = eligible_ends(&prompt.messages);
    reads.extend(eligible.iter().rev().take(1 + LOOKS_AT_EARLIER));
    let developers = prompt.messages.iter().take_while(|message| is_developer(message)).last();
    reads.extend(developers.map(|message| message.end));
    let writes = latest(MAX_WRITES - 1).chain(eligible.last().copied()).collect();
    Boundaries { reads, writes }
}

/// The ends of the messages at which an implicit breakpoint may stand.
fn eligible_ends(messages: &[Message<'_>]) -> Vec<usize> {
    let first = messages.iter().take_while(|message| is_developer(message)).count();
    let is_eligible = |index: usize, message: &Message<'_>| match message.role {
        "user" => true,
        "tool" | "function" => messages.get(index + 1).is_none_or(|next| next.role != message.role),
        _ => index + 1 == first,
    };
    let eligible = messages.iter().enumerate().filter(|(index, message)| is_eligible(*index, message));
    eligible.map(|(_, message)| message.end).collect()
}

fn is_developer(message: &Message<'_>) -> bool {
    matches!(message.role, "system" | "developer")
}

#[cfg(test)]
#[path = "openai_tests.rs"]
mod tests;
