//! Where marks of a prefix cache may stand, and where the client's own stand.

use super::layout::{Layout, Spot};
use super::tokens;
use crate::forward::body::{Edits, Json, quoted};

/// A kind of mark: the field that carries it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    /// The field's name.
    pub field: &'static str,
    /// Its value, in JSON.
    pub value: &'a str,
    /// The `type` of a text part in this API.
    pub text: &'static str,
}

/// The marks that the client has set in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Their values as they are written.
    pub values: Vec<String>,
}

impl Own {
    /// Finds them among objects, and one level deeper in what these contain.
    #[must_use]
    pub(super) fn among(field: &str, objects: &[Json<'_>]) -> Self {
        let mut own = Self::default();
        for object in objects {
            // Most have none, and reading them all would take longer than all else.
            if object.raw().contains(field) {
                own.look(field, *object, 3);
            }
        }
        own
    }

    fn look(&mut self, field: &str, value: Json<'_>, depth: u8) {
        for (name, inner) in value.fields().unwrap_or_default() {
            if name == field {
                // `null` is how some clients write that there is none.
                if inner.raw() != "null" {
                    self.values.push(inner.raw().to_owned());
                }
            } else if matches!(name.as_str(), "content" | "output") && depth > 0 {
                inner.items().unwrap_or_default().into_iter().for_each(|block| self.look(field, block, depth - 1));
            } else if name == "source" && depth > 0 {
                // A document that is given as blocks.
                self.look(field, inner, depth - 1);
            }
        }
    }

    /// Whether there is none.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Sets a mark at the end of a content. False when nothing in it can carry one.
pub(super) fn set(edits: &mut Edits, content: Json<'_>, mark: Mark<'_>) -> bool {
    let Mark { field, value, text } = mark;
    if content.is_text() {
        if content.is("") {
            return false;
        }
        // The bytes of the string stay what they are: only what stands around them is new.
        let (start, end) = (content.span().start, content.span().end);
        edits.replace(start..start, format!("[{{\"type\":{},\"text\":", quoted(text)));
        edits.replace(end..end, format!(",\"{field}\":{value}}}]"));
        return true;
    }
    let blocks = content.items().unwrap_or_default();
    let Some(block) = blocks.into_iter().rev().find(|block| can_carry(*block)) else { return false };
    edits.set_field(block, field, value);
    true
}

/// Whether a block may carry a mark: not reasoning, and not an empty text.
fn can_carry(block: Json<'_>) -> bool {
    let Some(kind) = block.get("type").and_then(Json::text) else { return false };
    match kind.as_str() {
        "thinking" | "redacted_thinking" | "reasoning" => false,
        _ => !block.get("text").is_some_and(|text| text.is("")),
    }
}

/// Sets a mark at the end of the last of these spots that can carry one.
pub(super) fn set_last(edits: &mut Edits, spots: &[Spot<'_>], mark: Mark<'_>) {
    let mut contents = spots.iter().rev().filter_map(|spot| spot.content);
    let _ = contents.any(|content| set(edits, content, mark));
}

/// Tokens up to the end of each part, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    /// Of the tools.
    pub tools: usize,
    /// Of tools and system prompt.
    pub system: usize,
    /// Of these and all turns but the last.
    pub earlier: usize,
    /// Of everything.
    pub all: usize,
}

impl Lengths {
    /// Those of a request.
    #[must_use]
    pub(super) fn of(layout: &Layout<'_>) -> Self {
        let sum = |spots: &[Spot<'_>]| spots.iter().map(|spot| tokens::at_least(spot.whole.raw())).sum::<usize>();
        let tools = layout.tools.map_or(0, |tools| tokens::at_least(tools.raw()));
        let system = tools + sum(&layout.system);
        let earlier = system + sum(layout.turns.get(..layout.earlier()).unwrap_or_default());
        let all = system + sum(&layout.turns);
        Self { tools, system, earlier, all }
    }
}
