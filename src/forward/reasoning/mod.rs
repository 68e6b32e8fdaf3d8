//! Caps on what a request may spend on reasoning and output, written into its body in each provider's own words. What
//! the client asked is only ever lowered; values that an API would refuse are left for it to refuse.
//!
//! Sources: the providers' API references as of November 2026 (`OpenAI`'s `reasoning_effort`, Anthropic's "Effort" and
//! "Extended thinking", Google's "OpenAI compatibility", `OpenRouter`'s "Reasoning tokens").

mod budgets;
mod efforts;
mod models;
mod object;

use serde::{Deserialize, Serialize};

use crate::canonical::Api;
use crate::forward::body::{Edits, Json, find};
use crate::forward::provider::Provider;
use object::Object;

/// How hard a model is to think, from not at all to as hard as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as a model that always reasons can.
    Minimal,
    /// Little.
    Low,
    /// What most models do by themselves.
    Medium,
    /// Much.
    High,
    /// More than much.
    Xhigh,
    /// Without a bound.
    Max,
}

impl Effort {
    /// Every effort, as it is written.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("minimal", Self::Minimal),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("xhigh", Self::Xhigh),
        ("max", Self::Max),
    ];

    /// The effort as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, effort)| *effort == self).map_or("", |(name, _)| name)
    }

    /// The effort of this name; nothing when the word is unknown.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, effort)| *effort)
    }
}

/// What a request may spend at most. What is absent has no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// The highest effort.
    pub effort: Option<Effort>,
    /// The most tokens of thinking.
    pub thinking_tokens: Option<u64>,
    /// The most tokens of output. Most providers count thinking among them.
    pub output_tokens: Option<u64>,
}

impl Caps {
    /// The lower of each.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            effort: lower(self.effort, other.effort),
            thinking_tokens: lower(self.thinking_tokens, other.thinking_tokens),
            output_tokens: lower(self.output_tokens, other.output_tokens),
        }
    }
}

/// What a cap changed in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `effort`, `thinking` or `output`.
    pub what: &'static str,
    /// What the client asked, or `unset`.
    pub from: String,
    /// What the upstream is asked instead.
    pub to: String,
}

/// Holds a body to the caps, by changes to its bytes, and tells what changed: effort, thinking, output, in this order.
/// The body is one of `api`, sent to `provider`, and `model` is the one that will answer, whatever the body says.
///
/// What the client left out is set where it would otherwise exceed a cap for certain: the output limit always, the
/// effort when the model is known to reason harder than that by itself. A model that thinks adaptively takes no number,
/// so a cap on its thinking either switches it off (below 1,024 tokens) or stays unsaid.
pub fn cap(body: Json<'_>, api: Api, provider: Provider, model: &str, caps: &Caps, edits: &mut Edits) -> Vec<Change> {
    if api == Api::Embeddings {
        return Vec::new();
    }
    let Some(body) = Object::of(body) else { return Vec::new() };
    let mut capping = Capping { api, provider, model, caps, edits, changes: Vec::new() };
    // The output limit comes first, for a budget of thinking has to stay below it.
    let limit = capping.output(&body);
    let is_off = capping.thinking(&body, limit);
    capping.effort(&body, is_off);
    let mut changes = capping.changes;
    changes.sort_by_key(|change| ["effort", "thinking", "output"].iter().position(|what| *what == change.what));
    changes.dedup();
    changes
}

/// Whether a request, in whichever API, asks its model to think.
#[must_use]
pub fn is_asked_for(body: &[u8]) -> bool {
    let Some(fields) = Json::read(body).and_then(Json::fields) else { return false };
    let is_off = |value: Json<'_>| ["none", "disabled"].iter().any(|word| value.is(word)) || value.raw() == "false";
    let inner = |object: &str, name: &str| find(&fields, object).and_then(|object| object.get(name));
    // OpenRouter's `reasoning` has other fields than OpenAI's.
    let names = ["effort", "max_tokens", "enabled"].map(|name| inner("reasoning", name));
    let asked = [inner("thinking", "type"), find(&fields, "reasoning_effort")].into_iter().chain(names);
    asked.flatten().any(|value| !is_off(value))
}

/// Whether a model thinks by itself and does not show it, so that what it wrote says little about what it is paid for.
#[must_use]
pub fn is_hidden(model: &str) -> bool {
    models::is_hidden(model)
}

/// The changes as a header's value, such as `effort=high>low, output=unset>2000`; nothing when there are none.
#[must_use]
pub fn header(changes: &[Change]) -> Option<String> {
    let written: Vec<String> =
        changes.iter().map(|change| format!("{}={}>{}", change.what, change.from, change.to)).collect();
    (!written.is_empty()).then(|| written.join(", "))
}

/// One request being held to its caps.
struct Capping<'c> {
    api: Api,
    provider: Provider,
    model: &'c str,
    caps: &'c Caps,
    edits: &'c mut Edits,
    changes: Vec<Change>,
}

impl Capping<'_> {
    fn note(&mut self, what: &'static str, from: impl ToString, to: impl ToString) {
        self.changes.push(Change { what, from: from.to_string(), to: to.to_string() });
    }

    /// Holds the output limit to its cap. Gives the new limit when it is lower than what was asked.
    fn output(&mut self, body: &Object<'_>) -> Option<u64> {
        let cap = self.caps.output_tokens?;
        let names: &[&str] = match self.api {
            Api::ChatCompletions => &["max_completion_tokens", "max_tokens"],
            Api::Responses => &["max_output_tokens"],
            Api::Messages => &["max_tokens"],
            Api::Embeddings => &[],
        };
        let given: Vec<Json<'_>> = names.iter().filter_map(|name| body.get(name)).collect();
        if given.is_empty() {
            let name = match (self.api, self.provider) {
                (Api::Responses, _) => "max_output_tokens",
                (Api::ChatCompletions, Provider::OpenAi | Provider::Azure) => "max_completion_tokens",
                _ => "max_tokens",
            };
            body.put(name, &cap.to_string(), self.edits);
            self.note("output", "unset", cap);
            return Some(cap);
        }
        // The engines that people run for themselves take -1 for "no limit"; everybody else refuses it.
        let endless = self.provider.is_self_hosted() || self.provider == Provider::Other;
        let mut limit = None;
        for written in given {
            let asked = object::amount(written).or((endless && written.raw() == "-1").then_some(u64::MAX));
            if asked.is_some_and(|asked| asked > cap) {
                self.edits.set(written, cap.to_string());
                self.note("output", object::shown(written), cap);
                limit = Some(cap);
            }
        }
        limit
    }
}

#[cfg(test)]
#[path = "efforts_tests.rs"]
mod efforts_tests;
#[cfg(test)]
#[path = "property_tests.rs"]
mod property_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
