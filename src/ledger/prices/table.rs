//! The shipped table, as `models/prices/make_prices.py` writes it: groups of models of one provider that share a price.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The only unit that the table may be written in.
const UNIT: &str = "picodollars per token";

/// Providers whose models are also listed under another one. Bedrock serves some of its models at one endpoint alone,
/// which litellm has as a provider of its own.
const ALSO_AT: [(&str, &str); 1] = [("bedrock", "bedrock_mantle")];

/// Prices of one model, in picodollars (1e-12 US dollars) per token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// A token of input that no prefix cache served or stored.
    pub input: u64,
    /// A token of output.
    pub output: u64,
    /// A token of input that the provider read from its prefix cache; as `input` when absent.
    pub cached_read: Option<u64>,
    /// A token of input that the provider wrote to its prefix cache, for five minutes or what its default is; as
    /// `input` when absent.
    pub cached_write_5m: Option<u64>,
    /// A token of input written for one hour; as `cached_write_5m` when absent.
    pub cached_write_1h: Option<u64>,
    /// A token of output that was reasoning, where the provider prices it apart; as `output` when absent.
    pub reasoning: Option<u64>,
    /// Prices of the provider's batch API; what it does not list costs as outside a batch.
    #[serde(default)]
    pub batch: Rates,
    /// Prices of long prompts, the shortest first.
    #[serde(default)]
    pub long_context: Vec<LongContext>,
    /// What is known of the model besides its price.
    #[serde(default)]
    pub facts: Facts,
}

/// Prices that replace a part of others, in picodollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// See [`Price::input`].
    pub input: Option<u64>,
    /// See [`Price::output`].
    pub output: Option<u64>,
    /// See [`Price::cached_read`].
    pub cached_read: Option<u64>,
    /// See [`Price::cached_write_5m`].
    pub cached_write_5m: Option<u64>,
    /// See [`Price::cached_write_1h`].
    pub cached_write_1h: Option<u64>,
    /// See [`Price::reasoning`].
    pub reasoning: Option<u64>,
}

/// Prices of all tokens of a request, output too, when its prompt is long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// The prompt has more tokens than this, those from the prefix cache counted.
    pub above_tokens: u64,
    /// Prices outside a batch.
    #[serde(default)]
    pub standard: Rates,
    /// Prices in a batch.
    #[serde(default)]
    pub batch: Rates,
}

/// What the table knows of a model besides its price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The shortest prefix, in tokens, that the provider caches.
    pub prompt_cache_min_tokens: Option<u64>,
    /// Whether the model takes explicit cache breakpoints (OpenAI's `prompt_cache_breakpoint`).
    pub supports_breakpoint: Option<bool>,
    /// The reasoning efforts that it takes, by their names; empty when the source does not say.
    #[serde(default)]
    pub reasoning_efforts: Vec<String>,
    /// The longest prompt, in tokens.
    pub max_input_tokens: Option<u64>,
    /// The longest output, in tokens.
    pub max_output_tokens: Option<u64>,
}

/// Where the table comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The package.
    pub source: String,
    /// Its version.
    pub version: String,
    /// The file in it.
    pub file: String,
    /// The SHA-256 of that file, in hex.
    pub sha256: String,
    /// Under which licence it is published.
    pub license: String,
    /// The day on which the table was made, `YYYY-MM-DD`.
    pub date: String,
    /// The unit of all prices.
    pub unit: String,
}

/// The table in memory: every price once, names borrowed from the text.
#[derive(Debug)]
pub(super) struct Table {
    source: Source,
    prices: Vec<Price>,
    /// Provider and model, to a place in `prices`.
    places: BTreeMap<(&'static str, &'static str), usize>,
}

impl Table {
    /// Reads the table.
    ///
    /// # Errors
    /// When it is not JSON of the expected form, when its unit is another one, or when a model has two prices.
    pub(super) fn parse(text: &'static str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| format!("the price table: {error}"))?;
        if file.head.unit != UNIT {
            return Err(format!("the price table: its unit is '{}', not '{UNIT}'", file.head.unit));
        }
        let mut table = Self { source: file.head, prices: Vec::new(), places: BTreeMap::new() };
        for Group { provider, models, mut price } in file.groups {
            price.long_context.sort_by_key(|tier| tier.above_tokens);
            for model in models {
                if table.places.insert((provider, model), table.prices.len()).is_some() {
                    return Err(format!("the price table: '{model}' of '{provider}' has two prices"));
                }
            }
            table.prices.push(price);
        }
        Ok(table)
    }

    /// The price of a model: by its very name, else by the name with the provider's prefix.
    pub(super) fn get(&self, provider: &str, model: &str) -> Option<&Price> {
        let also = ALSO_AT.iter().filter(|(of, _)| *of == provider).map(|(_, other)| *other);
        let place = std::iter::once(provider).chain(also).find_map(|provider| {
            let place_of = |name: &str| self.places.get(&(provider, name)).copied();
            place_of(model).or_else(|| place_of(&format!("{provider}/{model}")))
        })?;
        self.prices.get(place)
    }

    /// Where it comes from.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }
}

/// The file as written. No field is flattened: serde would read its numbers as text (`arbitrary_precision`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    head: Source,
    #[serde(borrow)]
    groups: Vec<Group<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group<'a> {
    provider: &'a str,
    #[serde(borrow)]
    models: Vec<&'a str>,
    price: Price,
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
