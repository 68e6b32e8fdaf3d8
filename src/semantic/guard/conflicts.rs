//! What two texts cannot both mean: other numbers, another country, another language, the opposite.

use std::collections::HashSet;

use super::frame::Edits;
use super::lexicon::LEXICON;
use super::pairing::Pairing;
use super::refusal::{Difference, Refusal};
use super::text::{Kind, Text, Token};

/// How much of the wording two texts have to share before a word that differs means that the question does.
const CLOSE: f64 = 0.4;

/// How much they have to share before what only one says does.
const CLOSER: f64 = 0.5;

type Rule = fn(&Text, &Text, &Pairing, Edits) -> Option<Difference>;

/// The first conflict of two texts.
pub(super) fn find(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let rules: [Rule; 7] = [negation, numbers, families, units, opposites, names, quotes_and_code];
    rules.iter().find_map(|rule| rule(a, b, pairing, edits))
}

/// The tokens that stand for none of the other text and are of a kind.
fn left<'a>(text: &'a Text, places: &'a [usize], is: fn(&Token) -> bool) -> impl Iterator<Item = &'a Token> {
    places.iter().map(|&k| &text.tokens[k]).filter(move |token| is(token))
}

fn numbers(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let number = |token: &Token| token.kind == Kind::Number && !token.is_soft();
    // A number that says one is the article as often.
    let one = |token: &Token| token.value.as_deref() == Some("1");
    let x = left(a, &pairing.rest[0], number).next();
    let y = left(b, &pairing.rest[1], number).next();
    match (x, y) {
        (None, None) => return None,
        (Some(x), Some(y)) => {
            // Where the wording is not close, a small number word is often a way to say something else, and a number
            // beside others that agree is one that the other text works out or leaves out.
            let weak =
                |token: &Token| matches!(token.lower.as_str(), "zero" | "two" | "three" | "half" | "third" | "twice");
            let agree =
                pairing.content[0].iter().any(|&k| a.tokens[k].kind == Kind::Number && pairing.other[k].is_some());
            if pairing.dice < CLOSE && (weak(x) || weak(y) || agree) {
                return None;
            }
        }
        (Some(token), None) | (None, Some(token)) if one(token) => return None,
        _ if pairing.dice < if edits.firm > 2 { 0.8 } else { 0.65 } => return None,
        _ => {}
    }
    let reason = match (x, y) {
        (Some(x), Some(y)) => kind_of_number(x, y),
        _ => Refusal::Numbers,
    };
    Some(Difference::new(reason, written(x), written(y)))
}

fn kind_of_number(x: &Token, y: &Token) -> Refusal {
    let digits = |token: &Token| token.lower.chars().filter(char::is_ascii_digit).collect::<String>();
    let year = |token: &Token| token.key.parse::<u32>().is_ok_and(|year| (1900..2100).contains(&year));
    let clock = |token: &Token| token.unit == Some("clock");
    if x.unit != y.unit && x.unit.is_some() && y.unit.is_some() && digits(x) == digits(y) {
        Refusal::Units
    } else if year(x) && year(y) || clock(x) && clock(y) {
        Refusal::Dates
    } else if x.lower.contains('.') && y.lower.contains('.') && x.unit.is_none() && y.unit.is_none() {
        Refusal::Versions
    } else {
        Refusal::Numbers
    }
}

fn written(token: Option<&Token>) -> &str {
    token.map_or("", |token| token.written.as_str())
}

/// Both name a member of one family, and not the same.
fn families(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let keys = |text: &Text| text.tokens.iter().map(|token| token.key.clone()).collect::<HashSet<_>>();
    let (in_a, in_b) = (keys(a), keys(b));
    let own = |text: &'_ Text, other: &HashSet<String>, matched: &dyn Fn(usize) -> bool| -> Vec<usize> {
        let alone = |&k: &usize| {
            let token = &text.tokens[k];
            !token.families.is_empty() && !other.contains(&token.key) && !matched(k)
        };
        (0..text.tokens.len()).filter(alone).collect()
    };
    let x = own(a, &in_b, &|k| pairing.other[k].is_some());
    let y = own(b, &in_a, &|k| pairing.other.contains(&Some(k)));
    for (x, y) in x.iter().flat_map(|x| y.iter().map(move |y| (&a.tokens[*x], &b.tokens[*y]))) {
        let both = x.families.iter().find(|family| y.families.contains(family));
        let Some(family) = both.map(|&family| &LEXICON.family[family]) else { continue };
        if family.hard || pairing.share >= CLOSE && pairing.dice >= CLOSE || edits.all <= 2 && edits.alike >= CLOSER {
            return Some(Difference::new(family.reason, &x.written, &y.written));
        }
    }
    None
}

fn units(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    // "5 bar to psi" and "5 psi to bar": a number without a unit does not stand for one whose unit is elsewhere.
    let elsewhere = |one: &Token, two: &Token, text: &Text| {
        let names = |token: &Token| {
            LEXICON.units.get(token.lower.as_str()).map(|unit| unit.name) == one.unit || token.unit == one.unit
        };
        one.unit.is_some()
            && two.unit.is_none()
            && text.tokens.iter().any(|token| token.kind == Kind::Word && names(token))
    };
    for (&x, y) in pairing.content[0].iter().filter_map(|x| pairing.other[*x].map(|y| (x, y))) {
        let (x, y) = (&a.tokens[x], &b.tokens[y]);
        if x.kind == Kind::Number && (elsewhere(x, y, b) || elsewhere(y, x, a)) {
            return Some(Difference::new(Refusal::Direction, &x.written, &y.written));
        }
        if x.kind == Kind::Number && x.unit.is_some() != y.unit.is_some() && edits.all <= 1 {
            return Some(Difference::new(Refusal::Units, &x.written, &y.written));
        }
    }
    let unit = |token: &Token| token.unit.is_some() && token.kind == Kind::Word;
    let x = left(a, &pairing.rest[0], unit).next()?;
    let y = left(b, &pairing.rest[1], unit).next()?;
    (pairing.share >= CLOSE || edits.alike >= CLOSER).then(|| Difference::new(Refusal::Units, &x.written, &y.written))
}

fn quotes_and_code(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let close = pairing.share >= CLOSE || edits.all <= 2 && edits.alike >= CLOSER;
    for reason in [Refusal::Quotes, Refusal::Code] {
        let is = if reason == Refusal::Quotes {
            |token: &Token| token.quoted
        } else {
            |token: &Token| token.kind == Kind::Code
        };
        let x = left(a, &pairing.rest[0], is).next();
        let y = left(b, &pairing.rest[1], is).next();
        if (x.is_some() && y.is_some() && close)
            || reason == Refusal::Code && (x.is_some() || y.is_some()) && pairing.dice >= 0.7 && edits.firm <= 2
        {
            return Some(Difference::new(reason, written(x), written(y)));
        }
    }
    None
}

/// One says the opposite of what the other says, by the list or by a prefix.
fn opposites(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    if (pairing.share < CLOSER || pairing.dice < CLOSER) && (edits.alike < CLOSER || edits.all > 2) {
        return None;
    }
    let light = pairing.share >= 0.6;
    let own = |text: &'_ Text, other: &Text, matched: &dyn Fn(usize) -> bool| -> Vec<usize> {
        let alone = |&k: &usize| {
            let token = &text.tokens[k];
            let weighs = token.is_content() || light;
            weighs && !matched(k) && !other.tokens.iter().any(|theirs| theirs.key == token.key)
        };
        (0..text.tokens.len()).filter(alone).collect()
    };
    let x = own(a, b, &|k| pairing.other[k].is_some());
    let y = own(b, a, &|k| pairing.other.contains(&Some(k)));
    let mut pairs = x.iter().flat_map(|x| y.iter().map(move |y| (&a.tokens[*x], &b.tokens[*y])));
    let opposite = |(x, y): &(&Token, &Token)| {
        !x.is_negation() && !y.is_negation() && LEXICON.opposite(&x.key, &y.key)
            || !x.is_negation() && !y.is_negation() && LEXICON.opposite(&x.lower, &y.lower)
            || x.is_content() && y.is_content() && (negates(&x.key, &y.key) || negates(&y.key, &x.key))
    };
    pairs.find(opposite).map(|(x, y)| Difference::new(Refusal::Opposites, &x.written, &y.written))
}

/// Whether a word is another with a prefix that negates it.
fn negates(word: &str, other: &str) -> bool {
    let prefixes = ["un", "in", "im", "il", "ir", "non", "dis", "de", "mis", "anti"];
    other.len() > 2
        && prefixes
            .iter()
            .any(|prefix| word.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('-') == other))
}

/// One negates what the other does not, or they negate different words.
fn negation(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    if pairing.share < CLOSER {
        return None;
    }
    let negations =
        |text: &Text| -> Vec<usize> { (0..text.tokens.len()).filter(|&k| text.tokens[k].is_negation()).collect() };
    let (x, y) = (negations(a), negations(b));
    let span = |text: &Text, at: Option<&usize>| {
        at.map_or_else(String::new, |&k| {
            let next = text.tokens.get(k + 1).map_or("", |token| token.written.as_str());
            format!("{} {next}", text.tokens[k].written).trim_end().to_owned()
        })
    };
    let differs = || Some(Difference::new(Refusal::Negation, &span(a, x.first()), &span(b, y.first())));
    let minimal = edits.firm <= 3 && pairing.dice >= 0.5 && edits.alike >= 0.25 || pairing.dice >= 0.85;
    if (x.is_empty() != y.is_empty() || x.len() % 2 != y.len() % 2 && edits.firm <= 3) && minimal {
        return differs();
    }
    let negated = |text: &Text, k: usize| (k + 1..text.tokens.len()).find(|&k| text.tokens[k].is_content());
    for (x, y) in x.iter().zip(&y) {
        let (Some(x), Some(y)) = (negated(a, *x), negated(b, *y)) else { continue };
        let shared = pairing.other[x].is_some() && pairing.other.contains(&Some(y));
        let there = pairing.other[x].unwrap_or(y);
        let clause = b.tokens[there.min(y)..there.max(y)]
            .iter()
            .any(|token| token.ends || matches!(token.class(), "and" | "or" | "but"));
        if shared
            && there != y
            && a.tokens[x].key != b.tokens[y].key
            && pairing.share > 0.7
            && clause
            && edits.firm <= 3
        {
            return differs();
        }
    }
    None
}

/// Both name somebody or something, and not the same.
fn names(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let named = |token: &Token| token.named;
    let x = left(a, &pairing.rest[0], named).next()?;
    let y = left(b, &pairing.rest[1], named).next()?;
    // A short one in capitals beside a longer one may stand for it.
    let short = |token: &Token| token.written.chars().count() <= 3 && token.written.chars().all(char::is_uppercase);
    (short(x) == short(y)
        && (pairing.share >= CLOSER && pairing.dice >= CLOSE || edits.all <= 2 && edits.alike >= CLOSER))
        .then(|| Difference::new(Refusal::Names, &x.written, &y.written))
}
