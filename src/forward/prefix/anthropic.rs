//! Marks for Anthropic's prefix cache: `cache_control` on blocks.
//! <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>

use super::layout::Layout;
use super::marks::{self, Lengths, Mark, Own};
use crate::forward::body::{Edits, Json};

/// Marks that one request may have, the client's own and an automatic one included.
const MAX_MARKS: usize = 4;

/// How long a mark holds a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ttl {
    /// Five minutes: writing costs 1.25 times the input price.
    FiveMinutes,
    /// An hour: writing costs twice the input price.
    Hour,
}

impl Ttl {
    /// Both, as they are written.
    pub const NAMES: [(&'static str, Self); 2] = [("5m", Self::FiveMinutes), ("1h", Self::Hour)];

    fn value(self) -> &'static str {
        match self {
            Self::FiveMinutes => r#"{"type":"ephemeral"}"#,
            Self::Hour => r#"{"type":"ephemeral","ttl":"1h"}"#,
        }
    }

    fn of_mark(value: &str) -> Self {
        let hour = Json::read(value.as_bytes()).and_then(|mark| mark.get("ttl")).is_some_and(|ttl| ttl.is("1h"));
        if hour { Self::Hour } else { Self::FiveMinutes }
    }
}

/// The fewest tokens of a prefix that a model's cache holds. A model that is not listed has the largest of them.
#[must_use]
pub fn minimum_tokens(model: &str) -> usize {
    listed_minimum(model).unwrap_or(4_096)
}

/// The fewest tokens of a prefix that the cache of one of these models holds; nothing for any other model.
pub(super) fn listed_minimum(model: &str) -> Option<usize> {
    const MODELS: [(&str, usize); 14] = [
        ("opus-5", 512),
        ("sonnet-5-5", 512),
        ("fable-5", 512),
        ("mythos-5", 512),
        ("opus-4-8", 1_024),
        ("sonnet-5", 1_024),
        ("sonnet-4-6", 1_024),
        ("sonnet-4-5", 1_024),
        ("sonnet-4", 1_024),
        ("opus-4-1", 1_024),
        ("opus-4-7", 2_048),
        ("opus-4-6", 4_096),
        ("opus-4-5", 4_096),
        ("haiku-4-5", 4_096),
    ];
    // `anthropic/claude-sonnet-4.5`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`
    let name = model.rsplit_once("claude-").map_or(model, |(_, name)| name).replace('.', "-");
    let fits =
        |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '@', ':']));
    MODELS.iter().find(|(known, _)| fits(known)).map(|(_, tokens)| *tokens)
}

/// One place for a mark, in the order in which the provider reads them.
struct Slot {
    region: usize,
    tokens: usize,
    /// What goes first when there are fewer marks left than places: 0 before 1.
    rank: usize,
    place: Place,
}

enum Place {
    Tools,
    System,
    Turns(std::ops::Range<usize>),
}

/// Sets the marks of a Messages request that the rules allow and that the client has not set itself.
pub fn mark(edits: &mut Edits, body: Json<'_>, layout: &Layout<'_>, model: &str, ttl: Ttl) {
    let field = "cache_control";
    let tools = layout.tools.and_then(Json::items).unwrap_or_default();
    let system: Vec<Json<'_>> = layout.system.iter().filter_map(|spot| spot.content?.items()).flatten().collect();
    let turns: Vec<Json<'_>> = layout.turns.iter().map(|turn| turn.whole).collect();
    let mut own = [Own::among(field, &tools), Own::among(field, &system), Own::among(field, &turns)];
    if let Some(automatic) = body.get(field) {
        // It stands at the last block that can carry one.
        own[2].values.push(automatic.raw().to_owned());
    }
    let free = MAX_MARKS.saturating_sub(own.iter().map(|own| own.values.len()).sum());
    let minimum = minimum_tokens(model);
    let lengths = Lengths::of(layout);
    let tool = tools.iter().rev().find(|tool| can_be_marked(**tool));
    let mut slots: Vec<(Slot, Ttl)> = slots(layout, lengths, tool.is_some())
        .into_iter()
        .filter(|slot| slot.tokens >= minimum && own.get(slot.region).is_some_and(Own::is_empty))
        .filter_map(|slot| allowed(&own, slot.region, ttl).map(|ttl| (slot, ttl)))
        .collect();
    slots.sort_by_key(|(slot, _)| slot.rank);
    slots.truncate(free);
    for (slot, ttl) in slots {
        let mark = Mark { field, value: ttl.value(), text: "text" };
        match slot.place {
            Place::Tools => {
                if let Some(tool) = tool {
                    edits.set_field(*tool, field, mark.value);
                }
            }
            Place::System => {
                marks::set_last(edits, &layout.system, mark);
            }
            Place::Turns(range) => {
                marks::set_last(edits, layout.turns.get(range).unwrap_or_default(), mark);
            }
        }
    }
}

/// The places that are worth a mark: the ends of the tools, of the system prompt, of the earlier turns, and of the last
/// turn when it is a tool's result, for then the loop goes on. Any other last turn is written in vain in most cases.
fn slots(layout: &Layout<'_>, lengths: Lengths, tool: bool) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut add = |region, tokens, rank, place| slots.push(Slot { region, tokens, rank, place });
    if tool {
        add(0, lengths.tools, 3, Place::Tools);
    }
    if !layout.system.is_empty() {
        add(1, lengths.system, 0, Place::System);
    }
    let earlier = layout.earlier();
    if earlier > 0 {
        add(2, lengths.earlier, if layout.goes_on() { 2 } else { 1 }, Place::Turns(0..earlier));
    }
    if layout.goes_on() {
        add(2, lengths.all, 1, Place::Turns(earlier..layout.turns.len()));
    }
    slots
}

/// Whether a tool may carry a mark: one that is loaded later on is no part of the prefix, and is refused with a mark.
fn can_be_marked(tool: Json<'_>) -> bool {
    tool.fields().is_some() && tool.get("defer_loading").is_none_or(|deferred| deferred.raw() != "true")
}

/// The ttl that a mark in a region may have: an hour's marks must stand before those of five minutes. Nothing when the
/// client's own marks leave no choice that we would pay for.
fn allowed(own: &[Own; 3], region: usize, ttl: Ttl) -> Option<Ttl> {
    let ttls = |own: &Own| own.values.iter().map(|value| Ttl::of_mark(value)).collect::<Vec<_>>();
    let before = own.iter().take(region).flat_map(ttls).min().unwrap_or(Ttl::Hour);
    let after = own.iter().skip(region + 1).flat_map(ttls).max().unwrap_or(Ttl::FiveMinutes);
    let ttl = ttl.min(before);
    (ttl >= after).then_some(ttl)
}

/// Marks of a chat request to one of Anthropic's models by way of a gateway that passes them on (`OpenRouter`): on
/// content parts, which is all that this API has room for.
pub fn mark_chat(edits: &mut Edits, body: Json<'_>, layout: &Layout<'_>, model: &str, ttl: Ttl) {
    let field = "cache_control";
    let spots = layout.system.iter().chain(&layout.turns).map(|spot| spot.whole);
    let spots: Vec<Json<'_>> = layout.tools.and_then(Json::items).into_iter().flatten().chain(spots).collect();
    if body.get(field).is_some() || !Own::among(field, &spots).is_empty() {
        return;
    }
    let (minimum, lengths) = (minimum_tokens(model), Lengths::of(layout));
    let mark = Mark { field, value: ttl.value(), text: "text" };
    let earlier = layout.turns.get(..layout.earlier()).unwrap_or_default();
    for (tokens, spots) in [(lengths.system, layout.system.as_slice()), (lengths.earlier, earlier)] {
        if tokens >= minimum {
            marks::set_last(edits, spots, mark);
        }
    }
}
