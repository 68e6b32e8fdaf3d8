//! Numbers and quantities: `5`, `five`, `1,000`, `a thousand`, `1k`, `3rd`, `9 am`, `2 hours` and `120 minutes`.

use super::lexicon::{LEXICON, Unit};
use super::split::{Piece, Shape};

/// A number that was read from some pieces.
#[derive(Debug)]
pub(super) struct Number {
    /// How many pieces it takes.
    pub(super) pieces: usize,
    /// As it is compared.
    pub(super) key: String,
    /// As it is compared with a number that has no unit.
    pub(super) value: String,
    /// Its unit's name, if it has one.
    pub(super) unit: Option<&'static str>,
    /// It may as well be left out: `an hour`, `one`.
    pub(super) soft: bool,
}

/// The number that begins a row of pieces, with its unit. `before` is the piece in front.
pub(super) fn read(pieces: &[Piece], before: Option<&Piece>) -> Option<Number> {
    let first = pieces.first()?;
    if let Some(currency) = currency(&first.written) {
        let (mut value, mut used) = value(pieces.get(1..)?)?;
        if pieces.get(used + 1).is_some_and(|piece| piece.lower == "m") {
            (value, used) = (value * 1e6, used + 1);
        }
        return Some(quantity(value, currency, used + 1));
    }
    if let Some(clock) = clock(pieces) {
        return Some(clock);
    }
    if let Some(number) = verbatim(first) {
        return Some(number);
    }
    if matches!(first.lower.as_str(), "a" | "an") {
        let unit = pieces.get(1).filter(|piece| piece.lower.len() > 2).and_then(unit_of)?;
        let per =
            before.is_some_and(|piece| piece.shape == Shape::Number) || !matches!(unit.dimension, "time" | "calendar");
        if per || pieces.get(1)?.lower.ends_with('s') || matches!(unit.name, "day" | "second") {
            return None;
        }
        let mut number = quantity(1.0, unit, 2);
        number.soft = true;
        return Some(number);
    }
    let (value, used) = value(pieces)?;
    let next = pieces.get(used);
    if let Some((unit, words)) = next.and_then(|_| unit_at(&pieces[used..])) {
        return Some(quantity(value, unit, used + words));
    }
    let soft = value == 1.0 && first.lower == "one";
    Some(Number { pieces: used, key: decimal(value), value: decimal(value), unit: None, soft })
}

fn currency(written: &str) -> Option<Unit> {
    let sign = matches!(written, "$" | "€" | "£" | "¥" | "₹");
    LEXICON.units.get(written).copied().filter(|_| sign)
}

fn quantity(value: f64, unit: Unit, pieces: usize) -> Number {
    let key = format!("{} {}", decimal(value * unit.factor), unit.dimension);
    Number { pieces, key, value: decimal(value), unit: Some(unit.name), soft: false }
}

fn decimal(value: f64) -> String {
    // Units are multiplied by decimal factors: what is beyond nine digits is rounding.
    let rounded = (value * 1e9).round() / 1e9;
    format!("{rounded}")
}

/// The unit a row of pieces begins with, and how many pieces it takes: `percent`, `per cent`, `°` `c`.
fn unit_at(pieces: &[Piece]) -> Option<(Unit, usize)> {
    if let [first, second, ..] = pieces {
        let both = format!("{} {}", first.lower, second.lower.trim_end_matches('s'));
        if let Some(unit) = LEXICON.units.get(both.as_str()) {
            return Some((*unit, 2));
        }
        let rate = match (first.lower.as_str(), second.lower.as_str()) {
            ("km", "h") => Some("kph"),
            ("m", "s") => Some("mps"),
            _ => None,
        };
        if let Some(unit) = rate.and_then(|rate| LEXICON.units.get(rate)) {
            return Some((*unit, 2));
        }
        if first.lower.starts_with("degree") && matches!(second.lower.as_str(), "c" | "f" | "celsius" | "fahrenheit") {
            return LEXICON
                .units
                .get(if second.lower.starts_with('c') { "celsius" } else { "fahrenheit" })
                .map(|unit| (*unit, 2));
        }
    }
    unit_of(pieces.first()?).map(|unit| (unit, 1))
}

/// The unit a piece writes. Capitals tell `MW` from `mW` where both are units.
pub(super) fn unit_of(piece: &Piece) -> Option<Unit> {
    let units = &LEXICON.units;
    let found = units.get(piece.written.as_str()).or_else(|| units.get(piece.lower.as_str()));
    found.or_else(|| units.get(super::stem::base(piece.lower.trim_end_matches("'s"), &LEXICON).as_str())).copied()
}

/// `9 am`, `9:00`, `21:30`.
fn clock(pieces: &[Piece]) -> Option<Number> {
    let first = &pieces[0];
    let (hour, minute) = first.lower.split_once(':').unwrap_or((&first.lower, ""));
    let hour: u32 = hour.parse().ok().filter(|hour| *hour < 25)?;
    let half = pieces.get(1).map(|piece| piece.lower.replace('.', "")).filter(|half| half == "am" || half == "pm");
    if half.is_none() && (minute.len() < 2 || !minute.bytes().all(|b| b.is_ascii_digit() || b == b':')) {
        return None;
    }
    let hour = match half.as_deref() {
        Some("pm") if hour < 12 => hour + 12,
        Some("am") if hour == 12 => 0,
        _ => hour,
    };
    let minute = if minute.is_empty() { "00" } else { minute };
    let value = (if hour > 12 { hour - 12 } else { hour }).to_string();
    Some(Number {
        pieces: 1 + usize::from(half.is_some()),
        value,
        key: format!("{hour}:{minute}"),
        unit: Some("clock"),
        soft: false,
    })
}

/// Numbers that are compared as they are written: dates, versions of three parts, ordinals.
fn verbatim(piece: &Piece) -> Option<Number> {
    let number = |key: String| {
        Some(Number { pieces: 1, value: key.trim_start_matches('#').to_owned(), key, unit: None, soft: false })
    };
    if let Some(ordinal) = ordinal(&piece.lower) {
        return number(format!("#{ordinal}"));
    }
    if piece.shape != Shape::Number {
        return None;
    }
    let text = piece.lower.as_str();
    if let Some((over, under)) = text.split_once('/').filter(|(_, under)| !under.contains('/')) {
        return match (over.parse::<f64>(), under.parse::<f64>()) {
            (Ok(over), Ok(under)) if under != 0.0 => number(decimal(over / under)),
            _ => number(text.to_owned()),
        };
    }
    let plain =
        text.bytes().filter(|b| *b == b'.').count() <= 1 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // Behind more than fifteen digits a float no longer tells two numbers apart. A number with a trailing zero behind its
    // point may be a version: 3.10 is not 3.1.
    let exact = text.len() > 15 || text.contains('.') && text.ends_with('0');
    if plain && !exact { None } else { number(text.to_owned()) }
}

/// The value of an ordinal from the third on: `first` is a word with an opposite, `second` is a unit too.
fn ordinal(word: &str) -> Option<u32> {
    const WORDS: [&str; 18] = [
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let tens = [
        "twentieth",
        "thirtieth",
        "fortieth",
        "fiftieth",
        "sixtieth",
        "seventieth",
        "eightieth",
        "ninetieth",
        "hundredth",
    ];
    if let Some(k) = tens.iter().position(|name| *name == word) {
        return u32::try_from(k).ok().map(|k| 10 * (k + 2));
    }
    if let Some(k) = (3..).zip(WORDS).find_map(|(k, name)| (name == word).then_some(k)) {
        return Some(k);
    }
    let end = word.len().checked_sub(2).filter(|end| word.is_char_boundary(*end))?;
    let (digits, suffix) = word.split_at(end);
    let value = digits.parse().ok().filter(|value| *value > 2)?;
    matches!(suffix, "st" | "nd" | "rd" | "th").then_some(value)
}

/// The value of the number a row of pieces begins with, and how many pieces it takes.
fn value(pieces: &[Piece]) -> Option<(f64, usize)> {
    let first = pieces.first()?;
    if first.shape == Shape::Number {
        let value: f64 = first.lower.parse().ok().filter(|value: &f64| value.is_finite())?;
        let next = pieces.get(1).filter(|piece| piece.shape == Shape::Word);
        return Some(
            match next
                .and_then(|piece| magnitude(&piece.lower, false).or_else(|| (piece.written == "M").then_some(1e6)))
            {
                Some(factor) => (value * factor, 2),
                None => (value, 1),
            },
        );
    }
    spelled(pieces)
}

fn magnitude(word: &str, spelled: bool) -> Option<f64> {
    match word {
        "hundred" => Some(1e2),
        "thousand" | "grand" => Some(1e3),
        "million" => Some(1e6),
        "billion" => Some(1e9),
        "trillion" => Some(1e12),
        "k" if !spelled => Some(1e3),
        "mn" | "mio" if !spelled => Some(1e6),
        "bn" if !spelled => Some(1e9),
        _ => None,
    }
}

/// `twenty three`, `two hundred and five`, `a thousand`, `half`, `dozen`.
fn spelled(pieces: &[Piece]) -> Option<(f64, usize)> {
    let small = |piece: &Piece| match piece.lower.as_str() {
        "dozen" => Some(12.0),
        "hundred" | "thousand" | "million" => None,
        "half" => Some(0.5),
        "twice" => Some(2.0),
        "thrice" => Some(3.0),
        "fortnight" => None,
        word => super::wording::number_word(word).and_then(|value| value.parse::<f64>().ok()),
    };
    let mut used = 0;
    let (mut total, mut part) = (0.0, 0.0);
    let begins = |piece: &Piece| small(piece).is_some() || magnitude(&piece.lower, true).is_some();
    if !pieces.first().is_some_and(begins) {
        return None;
    }
    // "one" alone is more often a pronoun.
    if pieces[0].lower == "one"
        && !pieces.get(1).is_some_and(|next| magnitude(&next.lower, true).is_some() || unit_of(next).is_some())
    {
        return None;
    }
    while let Some(piece) = pieces.get(used).filter(|_| used < 12) {
        if let Some(value) = small(piece) {
            // "four five" are two numbers, "forty five" is one.
            let fits = part == 0.0
                || part >= 20.0 && value < 10.0 && part % 10.0 == 0.0
                || part >= 100.0 && part % 100.0 == 0.0;
            if !fits {
                break;
            }
            part += value;
        } else if let Some(factor) = magnitude(&piece.lower, true) {
            let whole = if part == 0.0 { 1.0 } else { part };
            if factor >= 1e3 {
                total += whole * factor;
                part = 0.0;
            } else {
                part = whole * factor;
            }
        } else if !(piece.lower == "and"
            && used > 0
            && magnitude(&pieces[used - 1].lower, true).is_some()
            && pieces.get(used + 1).is_some_and(|next| small(next).is_some()))
        {
            break;
        }
        used += 1;
    }
    Some((total + part, used))
}
