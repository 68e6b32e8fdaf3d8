//! Which efforts a model knows, and how hard it reasons by itself. A word that a model does not know is refused, so
//! where its words are uncertain the fewer are taken for known: that lowers an effort a step further than the cap, but
//! breaks no request. Of a model that is not listed every word is taken for known.

use super::Effort::{self, High, Low, Max, Medium, Minimal, None as Nil, Xhigh};
use crate::canonical::Api;
use crate::forward::provider::Provider;

const ALL: &[Effort] = &[Nil, Minimal, Low, Medium, High, Xhigh, Max];
const THREE: &[Effort] = &[Low, Medium, High];

/// The highest of the efforts that is not above the cap, or else the lowest that there is.
pub(super) fn at_most(known: &[Effort], cap: Effort) -> Effort {
    let within = known.iter().filter(|effort| **effort <= cap).max();
    within.or(known.iter().min()).copied().unwrap_or(cap)
}

/// The efforts that are known to the model at the provider, spelled in the API's field.
pub(super) fn known(api: Api, provider: Provider, model: &str) -> &'static [Effort] {
    if api == Api::Messages || provider == Provider::Anthropic {
        return if knows_xhigh(model) { &[Low, Medium, High, Xhigh, Max] } else { &[Low, Medium, High, Max] };
    }
    match provider {
        Provider::Gemini => gemini(model),
        Provider::XAi if model.contains("grok-3-mini") => &[Low, High],
        Provider::XAi => THREE,
        _ if model.contains("gpt-oss") => THREE,
        _ => openai(bare(model)).unwrap_or(ALL),
    }
}

/// The effort that a model reasons with when nothing is said, where it is known and the model takes another one.
pub(super) fn default_effort(provider: Provider, model: &str) -> Option<Effort> {
    match provider {
        Provider::OpenAi | Provider::Azure => openai_default(model),
        // Other vendors' models do not reason there unless they are told to.
        Provider::OpenRouter => openai_default(model.strip_prefix("openai/")?),
        Provider::Anthropic => claude(model).filter(|claude| claude.knows_effort()).map(|_| High),
        _ => None,
    }
}

/// Whether a model thinks without being asked to and keeps it to itself, as those of `OpenAI`, Google and xAI do. What the
/// open models think comes with their answers.
pub(super) fn is_hidden(model: &str) -> bool {
    let name = bare(model);
    let later = |family: &str, shown: &[&str]| {
        name.contains(family) && !shown.iter().any(|version| name.contains(&format!("{family}-{version}")))
    };
    openai(name).is_some()
        || later("gemini", &["1", "2.0", "embedding"])
        || later("grok", &["1", "2", "3", "beta"])
        || claude(name).is_some_and(|claude| ["fable", "mythos"].contains(&claude.family))
}

/// A model's name without its vendor's.
fn bare(model: &str) -> &str {
    model.rsplit_once('/').map_or(model, |(_, name)| name)
}

/// What follows a family's name in a model's name: nothing, or what begins with `-`.
fn after<'a>(name: &'a str, family: &str) -> Option<&'a str> {
    name.strip_prefix(family).filter(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether this is nothing or a date, as in `-2025-08-07`.
fn is_dated(rest: &str) -> bool {
    rest.is_empty() || (rest.len() == 11 && rest.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()))
}

/// The first models that reason, `o1` to `o4`.
fn is_o_series(name: &str) -> bool {
    ["o1", "o3", "o4"].iter().any(|family| after(name, family).is_some())
}

/// `gpt-5` and its smaller siblings, not those of the same generation that chat, write code or think for long.
fn is_first_gpt_5(name: &str) -> bool {
    ["gpt-5-mini", "gpt-5-nano", "gpt-5"].iter().any(|family| after(name, family).is_some_and(is_dated))
}

/// The words of `OpenAI`'s models; `minimal` went when `none` came, with gpt-5.1.
fn openai(name: &str) -> Option<&'static [Effort]> {
    let is_gpt = ["gpt-5", "gpt-6"].iter().any(|family| name.starts_with(family));
    Some(match name {
        _ if is_o_series(name) && name.contains("deep-research") => &[Medium],
        _ if is_o_series(name) => THREE,
        _ if is_first_gpt_5(name) => &[Minimal, Low, Medium, High],
        _ if after(name, "gpt-5-pro").is_some() => &[High],
        _ if is_gpt && name.contains("-pro") => &[Medium, High, Xhigh],
        _ if is_gpt && name.contains("codex") => THREE,
        _ if after(name, "gpt-5.1").is_some() => &[Nil, Low, Medium, High],
        _ if is_gpt => &[Nil, Low, Medium, High, Xhigh],
        _ => return None,
    })
}

fn openai_default(name: &str) -> Option<Effort> {
    // These of the first generation refuse the field, or any other word than their own.
    let is_fixed = ["mini", "preview"].iter().any(|kind| name.starts_with(&format!("o1-{kind}")))
        || name.contains("deep-research");
    ((is_o_series(name) && !is_fixed) || is_first_gpt_5(name)).then_some(Medium)
}

/// A model of Anthropic's.
struct Claude<'a> {
    family: &'a str,
    version: (u32, u32),
}

impl Claude<'_> {
    /// Anthropic, "Effort": Opus 4.5, Sonnet 4.6 and all later ones, Fable and Mythos.
    fn knows_effort(&self) -> bool {
        match self.family {
            "opus" => self.version >= (4, 5),
            "sonnet" => self.version >= (4, 6),
            family => ["fable", "mythos"].contains(&family),
        }
    }
}

/// Reads names such as `claude-opus-4-5-20251101`; in the older `claude-3-opus` the family comes last.
fn claude(model: &str) -> Option<Claude<'_>> {
    let name = model.rsplit_once("claude-").map(|(_, name)| name)?;
    let mut words = name.split(['-', '.', '@']);
    let family = words.next()?;
    // A date follows the version at once when it has one number only.
    let mut number = || words.next().filter(|word| word.len() < 3).and_then(|word| word.parse().ok());
    let major = number().unwrap_or(0);
    Some(Claude { family, version: (major, number().unwrap_or(0)) })
}

/// `xhigh` came with Opus 4.7.
fn knows_xhigh(model: &str) -> bool {
    claude(model).is_none_or(|claude| match claude.family {
        "opus" => claude.version >= (4, 7),
        "sonnet" => claude.version >= (5, 0),
        _ => claude.knows_effort(),
    })
}

/// Google, "OpenAI compatibility": only the small models of 2.5 can be told not to think.
fn gemini(model: &str) -> &'static [Effort] {
    if model.contains("2.5-flash") { &[Nil, Minimal, Low, Medium, High] } else { &[Minimal, Low, Medium, High] }
}

/// Google, "Gemini thinking": `minimal` is for Flash, and the first of the third generation's Pro has two levels.
pub(super) fn gemini_levels(model: &str) -> &'static [Effort] {
    match model {
        _ if model.contains("gemini-3-pro") => &[Low, High],
        _ if model.contains("flash") => &[Minimal, Low, Medium, High],
        _ => THREE,
    }
}

/// Google, "Gemini thinking": the least budget of 2.5 Pro is 128, that of 2.5 Flash-Lite 512 unless it is off.
pub(super) fn gemini_budget(model: &str, cap: u64) -> u64 {
    match model {
        _ if model.contains("2.5-pro") => cap.max(128),
        _ if model.contains("2.5-flash-lite") && cap < 512 => 0,
        _ => cap,
    }
}
