//! What an isolate remembers from request to request. Losing it costs a hint or an attempt, never an answer.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use super::difficulty::Model;
use super::prefix::spread::Rates;
use super::retry::Breakers;
use crate::config::Upstream;
use crate::ledger::book::Standing;
use crate::ledger::prices::{Overrides, Price, Prices};
use crate::ledger::record::RequestRecord;
use crate::tenant::attempts::Attempts;

/// For how long it counts how the budgets of the deployment stand, in milliseconds.
const STANDING_KEPT_MS: u64 = 5_000;

/// The memory of one isolate.
#[derive(Debug, Default)]
pub struct Memory {
    /// The upstreams that fail.
    pub breakers: RefCell<Breakers>,
    /// How often prefixes are used.
    pub rates: RefCell<Rates>,
    /// When the budgets of the whole deployment were last asked about, in milliseconds since 1970, and how they stood.
    deployment: RefCell<Option<(u64, Standing)>>,
    /// Wrong admin tokens.
    pub attempts: RefCell<Attempts>,
    /// Records that no ledger took.
    pub lost: Cell<u32>,
    /// Records that wait to be told together, by ledger.
    pub waiting: RefCell<BTreeMap<String, Vec<RequestRecord>>>,
    /// How long they wait for others, in milliseconds; 0: not at all.
    pub pause_ms: u64,
    difficulty: OnceCell<Result<Model, String>>,
    prices: OnceCell<Result<Prices, String>>,
}

impl Memory {
    /// One in which records wait so long for others, in milliseconds.
    #[must_use]
    pub fn with_pause(pause_ms: u64) -> Self {
        Self { pause_ms, ..Self::default() }
    }

    /// What measures how difficult a prompt is, loaded when it is first asked for.
    #[must_use]
    pub fn difficulty(&self) -> Option<&Model> {
        self.difficulty.get_or_init(Model::shipped).as_ref().ok()
    }

    /// The prices of models, loaded when they are first asked for.
    #[must_use]
    pub fn prices(&self, overrides: &Overrides) -> Option<&Prices> {
        let load = || Prices::shipped().map(|prices| prices.with_overrides(overrides.clone()));
        self.prices.get_or_init(load).as_ref().ok()
    }

    /// Remembers how the budgets of the whole deployment stand; nothing when they were just changed.
    pub fn learn_deployment(&self, now_ms: u64, standing: Option<Standing>) {
        self.deployment.replace(standing.map(|standing| (now_ms, standing)));
    }

    /// How the budgets of the whole deployment stood when they were last asked about, and whether that still counts.
    #[must_use]
    pub fn deployment(&self, now_ms: u64) -> (Option<Standing>, bool) {
        match &*self.deployment.borrow() {
            Some((at_ms, standing)) => (Some(standing.clone()), now_ms < at_ms + STANDING_KEPT_MS),
            None => (None, false),
        }
    }

    /// The ledger of the deployment did not answer: until it is asked again, what was known of it holds, and without that
    /// nothing. Otherwise every request would wait for it in vain.
    pub fn deployment_silent(&self, now_ms: u64) {
        let (known, _) = self.deployment(now_ms);
        self.learn_deployment(now_ms, Some(known.unwrap_or_default()));
    }

    /// The price of a model at an upstream: by the upstream's name, or else by its provider's.
    #[must_use]
    pub fn price(&self, overrides: &Overrides, upstream: &Upstream, model: &str) -> Option<Price> {
        let prices = self.prices(overrides)?;
        prices.find(&upstream.name, model).or_else(|| prices.find(upstream.provider.as_str(), model))
    }
}
