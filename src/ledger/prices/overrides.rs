//! Prices that the operator sets: `[vars.NEARHIT_PRICES]` in `wrangler.toml`, for contracts and for models that the
//! shipped table does not know.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::canonical_provider;
use super::table::Price;

/// The table's name.
const TABLE: &str = "NEARHIT_PRICES";
/// What a model's entry may hold; the first two it must hold.
const KEYS: [&str; 5] = ["input", "output", "cached_read", "cached_write", "cached_write_1h"];
/// How many of [`KEYS`] are required.
const REQUIRED: usize = 2;
/// US dollars per million tokens, times ten to this power, are picodollars per token.
const DECIMALS: i64 = 6;
/// A `u64` has at most this many digits: with more zeros than that, a price is too large whatever stands before them.
const MAX_DIGITS: i64 = 20;

/// Prices by provider and model, in place of the shipped ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    prices: BTreeMap<String, Price>,
}

/// One thing that is wrong in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceMistake {
    /// Where: `NEARHIT_PRICES."openai/gpt-x".input`.
    pub path: String,
    /// What is wrong there, and what is allowed.
    pub what: String,
}

impl fmt::Display for PriceMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

impl Overrides {
    /// Reads the table: `{"openai/gpt-x": {"input": 1.25, "output": "10"}}`, in US dollars per million tokens. `input`
    /// and `output` are required, for a price that is missing must not read as free. The table may also be a string
    /// that holds JSON, which is what `--var NAME:VALUE` makes of it.
    ///
    /// An entry replaces the whole price. It has no batch and no long-context prices: those requests cost the same.
    ///
    /// # Errors
    /// Every mistake.
    pub fn parse(table: &Value) -> Result<Self, Vec<PriceMistake>> {
        let mut reader = Reader { mistakes: Vec::new() };
        let mut overrides = Self::default();
        let parsed = match table {
            Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            other => other.clone(),
        };
        for (name, entry) in reader.table(TABLE, &parsed) {
            let path = format!("{TABLE}.\"{name}\"");
            let key = reader.key(&path, &name);
            let price = reader.price(&path, &entry);
            if let Some(key) = key
                && overrides.prices.insert(key, price).is_some()
            {
                reader.mistake(&path, "is a second price of the same model: the provider has two names");
            }
        }
        if reader.mistakes.is_empty() { Ok(overrides) } else { Err(reader.mistakes) }
    }

    /// The price that was set for exactly this model. `provider` is litellm's name where it has one.
    pub(super) fn get(&self, provider: &str, model: &str) -> Option<&Price> {
        self.prices.get(&format!("{provider}/{model}"))
    }
}

/// Reads values and collects what is wrong with them.
struct Reader {
    mistakes: Vec<PriceMistake>,
}

impl Reader {
    fn mistake(&mut self, path: &str, what: impl Into<String>) {
        self.mistakes.push(PriceMistake { path: path.to_owned(), what: what.into() });
    }

    /// The keys of a table.
    fn table(&mut self, path: &str, value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_else(|| {
            self.mistake(path, "must be a table");
            Map::new()
        })
    }

    /// The provider's first name and the model, of `provider/model`. A model's name may hold slashes, a provider's not.
    fn key(&mut self, path: &str, name: &str) -> Option<String> {
        match name.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Some(format!("{}/{model}", canonical_provider(provider)))
            }
            _ => {
                self.mistake(path, "must be named 'provider/model'");
                None
            }
        }
    }

    /// One model's price; of no use once there is a mistake.
    fn price(&mut self, path: &str, entry: &Value) -> Price {
        let mut price = Price::default();
        if !entry.is_object() {
            self.mistake(path, format!("must be a table with {}", KEYS.join(", ")));
            return price;
        }
        let entry = self.table(path, entry);
        for (key, value) in &entry {
            let path = format!("{path}.{key}");
            if !KEYS.contains(&key.as_str()) {
                self.mistake(&path, format!("is not a key that nearhit knows; known are {}", KEYS.join(", ")));
                continue;
            }
            match picodollars(value) {
                Ok(amount) => match key.as_str() {
                    "input" => price.input = amount,
                    "output" => price.output = amount,
                    "cached_read" => price.cached_read = Some(amount),
                    "cached_write" => price.cached_write_5m = Some(amount),
                    _ => price.cached_write_1h = Some(amount),
                },
                Err(what) => self.mistake(&path, what),
            }
        }
        for key in KEYS.iter().take(REQUIRED).filter(|key| !entry.contains_key(**key)) {
            self.mistake(&format!("{path}.{key}"), "is missing; write 0 if it is free");
        }
        price
    }
}

/// US dollars per million tokens, as picodollars per token.
fn picodollars(value: &Value) -> Result<u64, String> {
    let spelled = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    exact(&spelled).map_err(|refusal| refusal.as_str().to_owned())
}

/// Why a text is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotAPrice {
    /// It is not a decimal number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It has digits beyond the sixth after the point, which a whole number of picodollars cannot hold.
    TooFine,
    /// It does not fit.
    TooLarge,
}

impl NotAPrice {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotANumber => "must be a number of US dollars per million tokens",
            Self::Negative => "must not be negative",
            Self::TooFine => "must not have more than six decimals",
            Self::TooLarge => "is too large",
        }
    }
}

/// Reads `12`, `0.15` or `1.5e-1` (as a small number is spelled once it has been through a float) times 10^6, without
/// ever making a float of it.
fn exact(spelled: &str) -> Result<u64, NotAPrice> {
    let (negative, unsigned) = spelled.strip_prefix('-').map_or((false, spelled), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(NotAPrice::NotANumber);
    }
    let exponent: i32 = exponent.parse().map_err(|_| NotAPrice::NotANumber)?;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(NotAPrice::Negative);
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let trailing = length(digits) - length(significant);
    let zeros = DECIMALS + i64::from(exponent) - length(fraction) + trailing;
    if zeros > MAX_DIGITS {
        return Err(NotAPrice::TooLarge);
    }
    let zeros = usize::try_from(zeros).map_err(|_| NotAPrice::TooFine)?;
    format!("{significant}{}", "0".repeat(zeros)).parse().map_err(|_| NotAPrice::TooLarge)
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
