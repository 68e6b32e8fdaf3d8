//! Which requests a budget is for.

use serde::{Deserialize, Serialize};

use crate::ledger::prices::without_date;

/// What ends the label of a request of which only the provider is known: any of its models may answer.
pub const ANY_MODEL: &str = "/*";

/// Which requests are meant: all of them, unless something is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Those with this tag: name and value.
    pub tag: Option<(String, String)>,
    /// Those for this model: `provider/model`, or the bare name of a model, without a slash, at any provider.
    pub model: Option<String>,
}

impl Filter {
    /// Whether a request is meant that has these tags and that one of these models, each `provider/model`, may answer.
    #[must_use]
    pub fn matches(&self, tags: &[(String, String)], models: &[String]) -> bool {
        let by_tag = self.tag.as_ref().is_none_or(|tag| tags.contains(tag));
        by_tag && self.model.as_ref().is_none_or(|model| models.iter().any(|label| is_of(label, model)))
    }
}

/// Whether `label`, `provider/model`, is the model that is meant, or a dated version of it, or may be it. The provider's name has no
/// slash, the model's may.
fn is_of(label: &str, meant: &str) -> bool {
    if let Some(provider) = label.strip_suffix(ANY_MODEL) {
        return meant.split_once('/').is_none_or(|(of, _)| of == provider);
    }
    is_exactly(label, meant) || without_date(label).is_some_and(|undated| is_exactly(undated, meant))
}

fn is_exactly(label: &str, meant: &str) -> bool {
    if meant.contains('/') { label == meant } else { label.split_once('/').is_some_and(|(_, model)| model == meant) }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
