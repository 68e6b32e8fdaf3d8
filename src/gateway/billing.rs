//! What a request is billed by: its model, its tariff, and who counts.

use crate::canonical::Usage;
use crate::config::Upstream;
use crate::forward::body::{Json, find};
use crate::ledger::budget::ANY_MODEL;
use crate::ledger::prices::{Money, Price, Tier as Billing};

/// A model of an upstream, as it is priced.
#[derive(Clone, Debug)]
pub(super) struct Priced {
    pub(super) upstream: Upstream,
    pub(super) model: String,
}

impl Priced {
    /// A model of an upstream.
    pub(super) fn new(upstream: &Upstream, model: &str) -> Self {
        Self { upstream: upstream.clone(), model: model.to_owned() }
    }

    /// How it is written down: `openai/gpt-5`.
    pub(super) fn label(&self) -> String {
        let Self { upstream, model } = self;
        if model.is_empty() { upstream.name.clone() } else { format!("{}/{model}", upstream.name) }
    }

    /// How budgets are asked about it: where nobody has named a model, any of the upstream's may be meant.
    pub(super) fn meant(&self) -> String {
        let Self { upstream, model } = self;
        if model.is_empty() { format!("{}{ANY_MODEL}", upstream.name) } else { self.label() }
    }
}

/// How it is known what a request is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bill {
    /// By the provider's count, or else by an estimate from the bytes.
    Estimated,
    /// The same, where there is no output to be billed.
    Input,
    /// By the provider's count alone: what is billed is not in the answer's text.
    Told,
    /// It is none of the things that are billed: a list, a deletion. What it counts was billed before.
    Free,
}

/// A price, and how it is applied.
pub(super) struct Tariff {
    pub(super) price: Price,
    pub(super) billing: Billing,
}

impl Tariff {
    /// What so many tokens cost.
    pub(super) fn cost(&self, usage: &Usage) -> Money {
        self.price.cost(usage, self.billing)
    }
}

/// How a price is applied to a request, by its body; nothing for one that costs something else than the price table says:
/// `OpenAI`'s priority processing, Anthropic's fast mode, processing in one part of the world alone, and other models that
/// may answer in this one's place. `halves`: the upstream is one that knows `OpenAI`'s flex processing, and is sent the body
/// as it is.
/// <https://platform.openai.com/docs/guides/flex-processing>, <https://docs.anthropic.com/en/api/messages>
pub(super) fn tariff_of(body: &[u8], halves: bool) -> Option<Billing> {
    let fields = Json::read(body).and_then(Json::fields).unwrap_or_default();
    // However it is escaped.
    let says = |name: &str, word: &str| find(&fields, name).and_then(Json::text).is_some_and(|text| text == word);
    let others = ["models", "fallbacks"].iter().any(|name| find(&fields, name).is_some());
    if others || says("service_tier", "priority") || says("speed", "fast") || says("inference_geo", "us") {
        return None;
    }
    // OpenAI's flex processing costs what its batches cost.
    Some(if halves && says("service_tier", "flex") { Billing::Batch } else { Billing::Standard })
}
