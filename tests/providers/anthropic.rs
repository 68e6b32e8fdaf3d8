//! Anthropic's rules: `cache_control` on blocks.
//! <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>
//!
//! - A mark writes one entry, for the prefix that ends with its block. At most four marks, an automatic one included.
//! - Each mark looks back over 20 positions, its own the first, for an entry that an earlier request wrote. A run of
//!   `tool_use` blocks is one position, and so is a run of `tool_result` blocks.
//! - The longest entry that any mark finds is read. What lies between it and the last mark of an hour is written for
//!   an hour, and what lies between that and the last mark is written for five minutes.
//! - The ttl counts from the start of the request that writes or reads.
//!
//! Not documented, and read so here: a request refreshes the entry that it reads and those at its own marks before it;
//! a mark inside what was read writes no entry of its own; a mark in the content of a `tool_result` is one on that
//! block.

use serde_json::Value;

use super::held::Held;
use super::prompt::{Block, BlockKind, Prompt};
use super::{Billed, Price, Refusal};

/// Marks that one request may have.
const MAX_MARKS: usize = 4;

/// Positions that one mark looks at, its own included.
const LOOKBACK_POSITIONS: usize = 20;

/// How long a mark without a ttl holds, in milliseconds.
const FIVE_MINUTES_MS: u64 = 5 * 60_000;

/// How long a mark with `ttl: "1h"` holds, in milliseconds.
pub(super) const HOUR_MS: u64 = 60 * 60_000;

/// The fewest tokens of a prefix that a model's cache holds. A model that is not listed has the largest of them.
pub(super) fn minimum_tokens(model: &str) -> usize {
    const MINIMUMS: [(&str, usize); 12] = [
        ("opus-5", 512),
        ("sonnet-5-5", 512),
        ("fable-5", 512),
        ("mythos-5", 512),
        ("opus-4-8", 1_024),
        ("sonnet-5", 1_024),
        ("sonnet-4-6", 1_024),
        ("sonnet-4-5", 1_024),
        ("opus-4-7", 2_048),
        ("opus-4-5", 4_096),
        ("opus-4-6", 4_096),
        ("haiku-4-5", 4_096),
    ];
    let name = name(model);
    MINIMUMS.iter().find(|(known, _)| name.starts_with(known)).map_or(4_096, |(_, tokens)| *tokens)
}

/// What a token costs that was read, in thousandths of the input price.
pub(super) fn read_milli(model: &str) -> u64 {
    let name = name(model);
    match name {
        _ if name.starts_with("opus-5-5") => 50,
        _ if name.starts_with("fable-5-1") || name.starts_with("mythos-5-1") => 25,
        _ => 100,
    }
}

fn name(model: &str) -> &str {
    model.rsplit_once("claude-").map_or(model, |(_, name)| name)
}

/// The entries of one provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(Held);

/// A mark that obeys the rules.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The index of its block.
    block: usize,
    /// How many tokens the prompt has up to its end.
    end: usize,
    ttl_ms: u64,
}

impl Cache {
    /// Reads what is held, writes what is marked, and says what the input costs.
    pub(super) fn answer(
        &mut self,
        prompt: &Prompt<'_>,
        request: &Value,
        model: &str,
        price: Price,
        now_ms: u64,
    ) -> Result<Billed, Refusal> {
        let minimum = minimum_tokens(model);
        let mut marks = marks(&prompt.blocks, &request["cache_control"])?;
        // A mark on a shorter prefix is no error: it does nothing.
        marks.retain(|mark| mark.end >= minimum);
        let positions = positions(&prompt.blocks);
        let read = marks.iter().filter_map(|mark| self.look_back(prompt, &positions, *mark, now_ms)).max().unwrap_or(0);
        let (mut hour, mut written) = (read, read);
        for end in marks.iter().map(|mark| mark.end).filter(|end| *end < read).chain([read]) {
            if let Some(digest) = prompt.digest(end) {
                self.0.refresh(digest, now_ms);
            }
        }
        for mark in marks.iter().filter(|mark| mark.end > read) {
            if let Some(digest) = prompt.digest(mark.end) {
                self.0.write(digest, now_ms, mark.ttl_ms);
            }
            written = written.max(mark.end);
            if mark.ttl_ms == HOUR_MS {
                hour = hour.max(mark.end);
            }
        }
        Ok(Billed::of(price, prompt.tokens(), read, hour, written))
    }

    /// The longest entry that a mark finds.
    fn look_back(&self, prompt: &Prompt<'_>, positions: &[usize], mark: Mark, now_ms: u64) -> Option<usize> {
        let own = *positions.get(mark.block)?;
        let behind = prompt.blocks.iter().zip(positions).take(mark.block + 1).rev();
        let mut ends =
            behind.take_while(|(_, position)| own - **position < LOOKBACK_POSITIONS).map(|(block, _)| block.end);
        ends.find(|end| prompt.digest(*end).is_some_and(|digest| self.0.is_readable(digest, now_ms)))
    }
}

/// The position of each block, for looking back.
fn positions(blocks: &[Block<'_>]) -> Vec<usize> {
    let mut position = 0;
    let mut before = None;
    let mut positions = Vec::with_capacity(blocks.len());
    for block in blocks {
        let in_run = matches!(block.kind, BlockKind::ToolUse | BlockKind::ToolResult) && before == Some(block.kind);
        if before.is_some() && !in_run {
            position += 1;
        }
        before = Some(block.kind);
        positions.push(position);
    }
    positions
}

/// The marks of a request, in the order of their blocks, checked.
fn marks(blocks: &[Block<'_>], automatic: &Value) -> Result<Vec<Mark>, Refusal> {
    let mut marks = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let Some(hint) = block.hint else { continue };
        match block.kind {
            BlockKind::EmptyText => return Err(Refusal::MarkOnEmptyText),
            BlockKind::Thinking => return Err(Refusal::MarkOnThinking),
            _ => marks.push(Mark { block: index, end: block.end, ttl_ms: ttl_ms(hint)? }),
        }
    }
    if marks.len() > MAX_MARKS {
        return Err(Refusal::TooManyMarks);
    }
    if !automatic.is_null() {
        add_automatic(&mut marks, blocks, ttl_ms(automatic)?)?;
    }
    if marks.is_sorted_by(|before, after| before.ttl_ms >= after.ttl_ms) {
        Ok(marks)
    } else {
        Err(Refusal::HourAfterFiveMinutes)
    }
}

/// The top level's `cache_control`: a mark on the last block that can carry one.
fn add_automatic(marks: &mut Vec<Mark>, blocks: &[Block<'_>], ttl_ms: u64) -> Result<(), Refusal> {
    if marks.len() == MAX_MARKS {
        return Err(Refusal::NoSlotForAutomatic);
    }
    let Some(last) = blocks.iter().rposition(|block| can_be_marked(block.kind)) else { return Ok(()) };
    match (marks.last(), blocks.get(last)) {
        (Some(own), _) if own.block == last && own.ttl_ms != ttl_ms => Err(Refusal::AutomaticTtlDiffers),
        (own, Some(block)) if own.is_none_or(|own| own.block < last) => {
            marks.push(Mark { block: last, end: block.end, ttl_ms });
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a block of this kind can carry a mark.
pub(super) fn can_be_marked(kind: BlockKind) -> bool {
    !matches!(kind, BlockKind::EmptyText | BlockKind::Thinking)
}

fn ttl_ms(hint: &Value) -> Result<u64, Refusal> {
    match (hint["type"].as_str(), &hint["ttl"]) {
        (Some("ephemeral"), Value::Null) => Ok(FIVE_MINUTES_MS),
        (Some("ephemeral"), Value::String(ttl)) if ttl == "5m" => Ok(FIVE_MINUTES_MS),
        (Some("ephemeral"), Value::String(ttl)) if ttl == "1h" => Ok(HOUR_MS),
        _ => Err(Refusal::UnknownMark),
    }
}

#[cfg(test)]
#[path = "anthropic_tests.rs"]
mod tests;
