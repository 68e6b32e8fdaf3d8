//! Budgets as the operator writes them, in the bodies of `POST` and `PUT /admin/v1/budgets`.

use serde_json::{Map, Value};

use super::decimal::{NotAnAmount, exact};
use super::{Budget, Filter, Period, Relief, Running, Unit};

/// What both bodies may hold, and what only that of a new budget may. Whose budget it is, the gateway reads.
const FIELDS: [&str; 7] = ["tag", "model", "unit", "limit", "period", "soft_share", "at_soft"];
const FIELDS_OF_NEW: [&str; 2] = ["name", "tenant"];
const FIELDS_AT_SOFT: [&str; 4] = ["tier", "max_effort", "max_thinking_tokens", "max_output_tokens"];

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const TIERS: [&str; 2] = ["cheap", "middle"];

const MAX_NAME_BYTES: usize = 64;
/// As long as a label in `x-nearhit-tags` may be.
const MAX_TAG_BYTES: usize = 128;
const MAX_MODEL_BYTES: usize = 256;
/// The highest cap on tokens of thinking or output.
const MAX_CAP: u64 = 1_000_000;

/// Digits of a dollar after the point, and the highest limits in dollars and in counts.
const USD_DECIMALS: u8 = 12;
const MAX_USD: u128 = 1_000_000_000;
const MAX_COUNT: u128 = 1_000_000_000_000_000;
/// Digits of a share after the point, and the whole in that unit.
const SHARE_DECIMALS: u8 = 3;
const WHOLE: u16 = 1000;

/// Characters of a wrong value that are shown.
const SHOWN_CHARS: usize = 60;

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The field: `limit`, `at_soft.tier`; `body` when it is not an object at all.
    pub param: String,
    /// What is wrong there, and what is allowed.
    pub message: String,
}

impl Mistake {
    fn new(param: &str, message: String) -> Self {
        Self { param: param.to_owned(), message }
    }

    /// A value that must be another one.
    fn must(param: &str, value: &Value, what: &str) -> Self {
        Self::new(param, format!("'{param}' is {}; it must be {what}.", shown(value)))
    }
}

/// Reads the body of `POST /admin/v1/budgets`. Its `tenant` is passed over.
///
/// # Errors
/// The first mistake.
pub fn read(body: &Value) -> Result<Budget, Mistake> {
    let fields = object("body", body)?;
    only(fields, "", &[&FIELDS_OF_NEW[..], &FIELDS].concat())?;
    limits(name(required(fields, "name")?)?, fields)
}

/// Reads the body of `PUT /admin/v1/budgets/{name}`.
///
/// # Errors
/// The first mistake.
pub fn read_change(budget: &str, body: &Value) -> Result<Budget, Mistake> {
    let fields = object("body", body)?;
    only(fields, "", &FIELDS)?;
    limits(name(&Value::from(budget))?, fields)
}

fn limits(name: String, fields: &Map<String, Value>) -> Result<Budget, Mistake> {
    let filter = Filter {
        tag: optional(fields, "tag").map(tag).transpose()?,
        model: optional(fields, "model").map(model).transpose()?,
    };
    let unit = one_of(fields, "unit", &Unit::NAMES)?;
    let period = one_of(fields, "period", &Period::NAMES)?;
    if period == Period::Minute && unit != Unit::Requests {
        let message = "'period' is \"minute\", which is for the unit 'requests' alone: what a request spends is known \
                       when it is over, often in another minute.";
        return Err(Mistake::new("period", message.to_owned()));
    }
    let limit = limit(required(fields, "limit")?, unit)?;
    let soft_share = optional(fields, "soft_share").map(share).transpose()?;
    let at_soft = optional(fields, "at_soft").map(relief).transpose()?;
    if at_soft.is_some() && soft_share.is_none() {
        let message = "'at_soft' is there without 'soft_share', so it would never apply.";
        return Err(Mistake::new("at_soft", message.to_owned()));
    }
    let (created_ms, running) = (0, Running::default());
    Ok(Budget { name, filter, unit, limit, period, soft_share, at_soft, created_ms, running })
}

/// A value as a message shows it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn object<'a>(param: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Mistake> {
    value.as_object().ok_or_else(|| Mistake::must(param, value, "an object"))
}

/// Refuses fields that are not known: a limit that was misspelled must not be passed over.
fn only(fields: &Map<String, Value>, before: &str, known: &[&str]) -> Result<(), Mistake> {
    let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) else { return Ok(()) };
    let param: String = before.chars().chain(unknown.chars().take(SHOWN_CHARS)).collect();
    let message = format!("{} is not a field here; known are {}.", shown(&Value::from(&*param)), known.join(", "));
    Err(Mistake { param, message })
}

/// A field that is there and not null.
fn optional<'a>(fields: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    fields.get(field).filter(|value| !value.is_null())
}

fn required<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a Value, Mistake> {
    optional(fields, field).ok_or_else(|| Mistake::new(field, format!("'{field}' is missing.")))
}

/// One of a few words, which stand for something.
fn one_of<T: Copy>(fields: &Map<String, Value>, field: &str, known: &[(&str, T)]) -> Result<T, Mistake> {
    let value = required(fields, field)?;
    let meant = known.iter().find(|(name, _)| value == name).map(|(_, meant)| *meant);
    meant.ok_or_else(|| Mistake::must(field, value, &choice(known.iter().map(|(name, _)| *name))))
}

/// `one of "day", "week"`.
fn choice<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
}

fn name(value: &Value) -> Result<String, Mistake> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = value.as_str().filter(|name| (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed));
    let what = format!("1 to {MAX_NAME_BYTES} characters of a to z, 0 to 9 and -");
    good.map(str::to_owned).ok_or_else(|| Mistake::must("name", value, &what))
}

/// A label as the header carries it: `feature=search`. What stands in it beyond that is only compared.
fn tag(value: &Value) -> Result<(String, String), Mistake> {
    let is_allowed = |text: &&str| {
        text.len() <= MAX_TAG_BYTES && !text.contains(|letter: char| letter == ',' || letter.is_whitespace())
    };
    let parts = value.as_str().filter(is_allowed).and_then(|text| text.split_once('='));
    let what = format!("'name=value' of at most {MAX_TAG_BYTES} bytes, without commas and spaces");
    let (name, label) = parts.filter(|(name, _)| !name.is_empty()).ok_or_else(|| Mistake::must("tag", value, &what))?;
    Ok((name.to_owned(), label.to_owned()))
}

fn model(value: &Value) -> Result<String, Mistake> {
    let is_name = |text: &&str| {
        let has_parts = text.split_once('/').is_none_or(|(provider, model)| !provider.is_empty() && !model.is_empty());
        (1..=MAX_MODEL_BYTES).contains(&text.len()) && !text.contains(char::is_whitespace) && has_parts
    };
    let what = format!("'provider/model', or the name of a model, of at most {MAX_MODEL_BYTES} bytes without spaces");
    value.as_str().filter(is_name).map(str::to_owned).ok_or_else(|| Mistake::must("model", value, &what))
}

/// The text of a number. It may also be written as a string, for not every client keeps all digits of a number.
fn spelled(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

fn limit(value: &Value, unit: Unit) -> Result<u128, Mistake> {
    let (decimals, max, what) = match unit {
        Unit::Usd => {
            let max = MAX_USD * 10_u128.pow(u32::from(USD_DECIMALS));
            (USD_DECIMALS, max, format!("more than 0 and at most {MAX_USD} US dollars, a number or a string"))
        }
        Unit::Tokens | Unit::ReasoningTokens | Unit::Requests => {
            (0, MAX_COUNT, format!("a whole number from 1 to {MAX_COUNT}"))
        }
    };
    let wrong = |what: &str| Mistake::must("limit", value, what);
    match exact(&spelled(value), decimals) {
        Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
        Err(NotAnAmount::TooFine) if unit == Unit::Usd => {
            Err(wrong(&format!("{what}, with at most {USD_DECIMALS} digits after the point")))
        }
        _ => Err(wrong(&what)),
    }
}

/// A share of the limit, in thousandths.
fn share(value: &Value) -> Result<u16, Mistake> {
    let number = value.is_number().then(|| spelled(value));
    let share = number.and_then(|number| exact(&number, SHARE_DECIMALS).ok()).and_then(|share| share.try_into().ok());
    let what = format!("a number above 0 and up to 1, with at most {SHARE_DECIMALS} digits after the point");
    share.filter(|share| (1..=WHOLE).contains(share)).ok_or_else(|| Mistake::must("soft_share", value, &what))
}

fn relief(value: &Value) -> Result<Relief, Mistake> {
    let fields = object("at_soft", value)?;
    only(fields, "at_soft.", &FIELDS_AT_SOFT)?;
    let word = |field: &str, known: &[&str]| {
        let Some(value) = optional(fields, field) else { return Ok(None) };
        let is_known = value.as_str().filter(|word| known.contains(word));
        let wrong = || Mistake::must(&format!("at_soft.{field}"), value, &choice(known.iter().copied()));
        is_known.map(|word| Some(word.to_owned())).ok_or_else(wrong)
    };
    let cap = |field: &str, least: u64| {
        let Some(value) = optional(fields, field) else { return Ok(None) };
        let what = format!("a whole number from {least} to {MAX_CAP}");
        let wrong = || Mistake::must(&format!("at_soft.{field}"), value, &what);
        value.as_u64().filter(|cap| (least..=MAX_CAP).contains(cap)).map(Some).ok_or_else(wrong)
    };
    Ok(Relief {
        tier: word("tier", &TIERS)?,
        max_effort: word("max_effort", &EFFORTS)?,
        max_thinking_tokens: cap("max_thinking_tokens", 0)?,
        max_output_tokens: cap("max_output_tokens", 1)?,
    })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
