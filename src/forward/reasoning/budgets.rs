//! Budgets of thinking, in tokens.

use super::object::{self, Object};
use super::{Capping, Effort, models};
use crate::canonical::Api;
use crate::forward::body::Json;

/// The smallest budget that Anthropic takes ("Extended thinking": `budget_tokens` is at least 1,024).
const LEAST_BUDGET: u64 = 1024;

impl Capping<'_> {
    /// The most tokens of thinking; an effort of none leaves none.
    fn most_thinking(&self) -> Option<u64> {
        if self.caps.effort == Some(Effort::None) { Some(0) } else { self.caps.thinking_tokens }
    }

    /// Holds every budget to the cap and below an output limit that was lowered. Tells whether the object `reasoning`
    /// was replaced, so that nothing in it may be changed any more.
    pub(super) fn thinking(&mut self, body: &Object<'_>, limit: Option<u64>) -> bool {
        if self.api != Api::Responses {
            self.thinking_block(body, limit);
        }
        if self.api == Api::ChatCompletions {
            if let Some(budget) = body.get("thinking_budget") {
                self.lower_budget(budget, |cap| cap);
            }
            self.google(body);
        }
        self.api != Api::Messages && body.object("reasoning").is_some_and(|reasoning| self.router(&reasoning, limit))
    }

    /// Anthropic's `thinking`, which others have taken over, some without a budget.
    fn thinking_block(&mut self, body: &Object<'_>, limit: Option<u64>) {
        let Some(thinking) = body.object("thinking") else { return };
        let budget = thinking.get("budget_tokens");
        let kind = match thinking.get("type") {
            Some(kind) => kind.text(),
            None => budget.map(|_| "enabled".to_owned()),
        };
        let Some(kind) = kind.filter(|kind| ["enabled", "adaptive", "auto"].contains(&kind.as_str())) else { return };
        let cap = self.most_thinking();
        let Some(budget) = budget else {
            if cap.is_some_and(|cap| cap < LEAST_BUDGET) {
                self.switch_off(&thinking, r#"{"type":"disabled"}"#, &kind);
            }
            return;
        };
        let below = limit.map(|limit| limit.saturating_sub(1));
        let Some(bound) = cap.into_iter().chain(below).min() else { return };
        match object::amount(budget) {
            Some(asked) if asked > bound && bound < LEAST_BUDGET => {
                self.switch_off(&thinking, r#"{"type":"disabled"}"#, &object::shown(budget));
            }
            Some(asked) if asked > bound => self.set_budget(budget, bound),
            _ => {}
        }
    }

    /// `OpenRouter`'s `reasoning.max_tokens`. Anthropic's least budget holds there too, and a smaller one would be
    /// raised to it. Tells whether reasoning was switched off.
    fn router(&mut self, reasoning: &Object<'_>, limit: Option<u64>) -> bool {
        let Some(budget) = reasoning.get("max_tokens") else { return false };
        let below = limit.map(|limit| limit.saturating_sub(1));
        let Some(bound) = self.most_thinking().into_iter().chain(below).min() else { return false };
        if object::amount(budget).is_none_or(|asked| asked <= bound) {
            return false;
        }
        let least = if self.model.starts_with("anthropic/") { LEAST_BUDGET } else { 1 };
        if bound < least {
            self.switch_off(reasoning, r#"{"enabled":false}"#, &object::shown(budget));
            return true;
        }
        self.set_budget(budget, bound);
        false
    }

    /// Gemini's budget and level, which its endpoint for `OpenAI`'s API takes in a field of its own.
    fn google(&mut self, body: &Object<'_>) {
        let inside = body.object("extra_body").and_then(|extra| extra.object("google"));
        for google in inside.into_iter().chain(body.object("google")) {
            for config in ["thinking_config", "thinkingConfig"].iter().filter_map(|name| google.object(name)) {
                for budget in ["thinking_budget", "thinkingBudget"].iter().filter_map(|name| config.get(name)) {
                    let model = self.model;
                    self.lower_budget(budget, |cap| models::gemini_budget(model, cap));
                }
                for level in ["thinking_level", "thinkingLevel"].iter().filter_map(|name| config.get(name)) {
                    self.lower_level(level);
                }
            }
        }
    }

    /// A budget that is a plain number, or -1 for one that the model chooses.
    fn lower_budget(&mut self, budget: Json<'_>, spelled: impl Fn(u64) -> u64) {
        let Some(cap) = self.most_thinking() else { return };
        let asked = object::amount(budget).or((budget.raw() == "-1").then_some(u64::MAX));
        if asked.is_some_and(|asked| asked > cap && asked > spelled(cap)) {
            self.set_budget(budget, spelled(cap));
        }
    }

    fn set_budget(&mut self, budget: Json<'_>, tokens: u64) {
        self.edits.set(budget, tokens.to_string());
        self.note("thinking", object::shown(budget), tokens);
    }

    fn switch_off(&mut self, thinking: &Object<'_>, off: &str, from: &str) {
        self.edits.set(thinking.whole(), off);
        self.note("thinking", from, "disabled");
    }
}
