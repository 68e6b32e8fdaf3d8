//! What `OpenAI`'s prefix cache understands: `prompt_cache_key`, and from GPT-5.6 on breakpoints, without which a
//! changing end of the prompt reuses nothing. <https://platform.openai.com/docs/guides/prompt-caching>

use super::layout::{Layout, Role, Spot};
use super::marks::{self, Lengths, Mark, Own};
use super::tokens;
use crate::canonical::Api;
use crate::forward::body::{Edits, Json};

/// The fewest tokens of a prompt that are cached.
pub const MINIMUM_TOKENS: usize = 1_024;

/// Requests a minute from which one `prompt_cache_key` overflows to machines that do not hold the prefix yet.
pub const REQUESTS_A_MINUTE: u32 = 15;

const BREAKPOINT: &str = r#"{"mode":"explicit"}"#;

/// Whether a model reuses a prefix at breakpoints only: GPT-5.6 and later ones.
#[must_use]
pub fn wants_breakpoints(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let Some(version) = name.strip_prefix("gpt-") else { return false };
    let number =
        |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<u32>().ok());
    let Some(major) = number(version) else { return false };
    let minor = version.split_once('.').and_then(|(before, after)| {
        // `gpt-5-mini-v1.2` has no minor version.
        before.chars().all(|c| c.is_ascii_digit()).then(|| number(after)).flatten()
    });
    // `gpt-4o` and `gpt-35-turbo` begin with other numbers.
    (major, minor.unwrap_or(0)) >= (5, 6) && major < 20
}

/// Sets breakpoints at the ends of the system prompt and of the earlier turns, and of the last turn when it is a
/// tool's result. Nothing where the client steers the cache itself.
///
/// Of the earlier turns two are marked: an entry is found at a breakpoint only, so the one that the request before this
/// has written is read where that one had its last, and the next is written where this one has.
pub fn set_breakpoints(edits: &mut Edits, body: Json<'_>, api: Api, layout: &Layout<'_>) {
    let field = "prompt_cache_breakpoint";
    let spots: Vec<Json<'_>> = layout.system.iter().chain(&layout.turns).map(|spot| spot.whole).collect();
    let steered = ["prompt_cache_options", "prompt_cache_retention"].iter().any(|name| body.get(name).is_some());
    if steered || !Own::among(field, &spots).is_empty() {
        return;
    }
    let lengths = Lengths::of(layout);
    let earlier = layout.earlier();
    let mut marked = false;
    let places = [
        (lengths.tools, 1, layout.system.as_slice()),
        (lengths.system, 2, layout.turns.get(..earlier).unwrap_or_default()),
        (lengths.earlier, 1, if layout.goes_on() { layout.turns.get(earlier..).unwrap_or_default() } else { &[] }),
    ];
    for (before, count, spots) in places {
        marked |= set_last(edits, api, before, count, spots);
    }
    let offers_tools = layout.tools.and_then(Json::items).is_some_and(|tools| !tools.is_empty());
    if marked && earlier == 0 && !offers_tools {
        // Otherwise the end of the prompt is written too, at 1.25 times its price, each time. In a conversation, and
        // where tools let one be expected, that is what the next turn reads, and the provider looks for it at more
        // places than we may mark.
        edits.set_field(body, "prompt_cache_options", r#"{"mode":"explicit"}"#);
    }
}

/// Marks the last of these spots, so many of them, that can carry a breakpoint and that a prefix long enough ends with;
/// `before`: the tokens before the first of them. What the model said is no eligible message, so it is passed over.
fn set_last(edits: &mut Edits, api: Api, before: usize, count: usize, spots: &[Spot<'_>]) -> bool {
    let text = if api == Api::Responses { "input_text" } else { "text" };
    let mark = Mark { field: "prompt_cache_breakpoint", value: BREAKPOINT, text };
    let mut tokens = before;
    let mut eligible = Vec::new();
    for spot in spots {
        tokens += tokens::at_least(spot.whole.raw());
        if spot.role != Role::Assistant && tokens >= MINIMUM_TOKENS {
            eligible.extend(spot.content);
        }
    }
    let marked = eligible.into_iter().rev().filter(|content| marks::set(edits, *content, mark)).take(count);
    marked.count() > 0
}
