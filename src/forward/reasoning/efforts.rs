//! Efforts, in words.

use super::object::Object;
use super::{Capping, Effort, models};
use crate::canonical::Api;
use crate::forward::body::{Json, quoted};
use crate::forward::provider::Provider;

impl Capping<'_> {
    /// Holds the effort to its cap. `is_off` says that `reasoning` has been switched off as a whole.
    pub(super) fn effort(&mut self, body: &Object<'_>, is_off: bool) {
        let Some(cap) = self.caps.effort.filter(|_| !is_off) else { return };
        let to = models::at_most(models::known(self.api, self.provider, self.model), cap);
        let inside = if self.api == Api::Messages { "output_config" } else { "reasoning" };
        let object = body.object(inside);
        let nested = object.as_ref().and_then(|object| object.get("effort"));
        let flat = body.get("reasoning_effort").filter(|_| self.api == Api::ChatCompletions);
        for written in [flat, nested].into_iter().flatten() {
            self.lower_effort(written, cap, to);
        }
        let is_given = flat.or(nested).is_some();
        let is_odd = object.is_none() && body.get(inside).is_some();
        if is_given || is_odd || object.as_ref().is_some_and(says_how_much) {
            return;
        }
        let default = self.default_effort(object.as_ref());
        if default.is_none_or(|default| default <= cap || default <= to) {
            return;
        }
        let word = quoted(to.as_str());
        match object {
            Some(object) => object.put("effort", &word, self.edits),
            None if self.api == Api::ChatCompletions => body.put("reasoning_effort", &word, self.edits),
            None => body.put(inside, &format!("{{\"effort\":{word}}}"), self.edits),
        }
        // What the model would have done by itself is not what the client asked.
        self.note("effort", "unset", to.as_str());
    }

    /// How hard the model reasons when nothing is said. At `OpenRouter`, reasoning that is merely switched on is of
    /// medium effort.
    fn default_effort(&self, object: Option<&Object<'_>>) -> Option<Effort> {
        let is_on = object.is_some_and(|object| object.get("enabled").is_some_and(|value| value.raw() == "true"));
        if is_on && self.provider == Provider::OpenRouter {
            return Some(Effort::Medium);
        }
        models::default_effort(self.provider, self.model)
    }

    fn lower_effort(&mut self, written: Json<'_>, cap: Effort, to: Effort) {
        let Some(asked) = written.text().and_then(|word| Effort::read(&word)) else { return };
        if asked > cap && asked > to {
            self.edits.set(written, quoted(to.as_str()));
            self.note("effort", asked.as_str(), to.as_str());
        }
    }

    /// Gemini's level, which is written in either case.
    pub(super) fn lower_level(&mut self, written: Json<'_>) {
        let Some((cap, word)) = self.caps.effort.zip(written.text()) else { return };
        let Some(asked) = Effort::read(&word.to_ascii_lowercase()) else { return };
        let to = models::at_most(models::gemini_levels(self.model), cap);
        if asked > cap && asked > to {
            let is_upper = word.starts_with(|first: char| first.is_ascii_uppercase());
            let level = if is_upper { to.as_str().to_ascii_uppercase() } else { to.as_str().to_owned() };
            self.edits.set(written, quoted(&level));
            self.note("effort", asked.as_str(), to.as_str());
        }
    }
}

/// Whether reasoning is bounded in tokens or switched off; an effort beside that would be refused or switch it on.
fn says_how_much(reasoning: &Object<'_>) -> bool {
    reasoning.get("max_tokens").is_some() || reasoning.get("enabled").is_some_and(|value| value.raw() == "false")
}
