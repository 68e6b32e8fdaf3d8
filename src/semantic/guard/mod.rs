//! The guard: deterministic rules that refuse a neighbour whose text only looks the same. A static embedding gives
//! "turn on dark mode" and "turn off dark mode" 0.96, so nothing is served on similarity alone.
//!
//! ```text
//! two texts ─▶ the same words in another wrapping? ─▶ Wording          wording
//!     │ no
//!     ▼
//! read (split, numbers, stem, lexicon) ─▶ pair the words               text, pairing
//!     │
//!     ├─▶ something both say, and differently?     ─▶ a Difference     conflicts
//!     ├─▶ not English prose?                       ─▶ Unread
//!     ├─▶ close wording, and a word replaced, added,
//!     │   moved, or another person, tense, question ─▶ a Difference    rest, order, grammar
//!     ▼
//!    Open: the verifier has to agree
//! ```

mod conflicts;
mod frame;
mod grammar;
mod lexicon;
mod numbers;
mod order;
mod pairing;
mod refusal;
mod rest;
mod split;
mod stem;
mod text;
mod wording;

pub use refusal::{Difference, Refusal, SPAN_CHARS};

use frame::Edits;
use text::Text;

/// How far two texts agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same words in another wrapping: one answer serves both.
    Wording,
    /// No difference found that changes the answer; the verifier has to agree.
    Open,
    /// The guard cannot read one of them: another language or script, code, too long.
    Unread,
}

/// The longest text that is read, in bytes and in words.
const MAX_BYTES: usize = 8192;
const MAX_TOKENS: usize = 400;

/// The share of common words from which texts that cannot be read are refused.
const UNREAD_SHARE: f64 = 0.5;

/// The share of words in the same order from which two texts are the same sentence, whatever their words weigh.
const ALIKE: f64 = 0.5;

/// The share of common words from which the small words and the order count.
const CLOSE: f64 = 0.75;

/// Whether one answer can serve both texts, as far as words can tell.
///
/// # Errors
/// The first difference that may change the answer.
pub fn compare(a: &str, b: &str) -> Result<Agreement, Difference> {
    // Judged in one order, so that the order of the two never matters.
    if a <= b { judge(a, b) } else { judge(b, a).map_err(Difference::mirrored) }
}

fn judge(a: &str, b: &str) -> Result<Agreement, Difference> {
    let Err(strict) = wording::same(a, b) else { return Ok(Agreement::Wording) };
    if has_layout(a) || has_layout(b) {
        return Err(Difference::new(Refusal::Layout, "", ""));
    }
    if a.len().max(b.len()) > MAX_BYTES {
        return Ok(Agreement::Unread);
    }
    let (a, b) = (Text::read(a), Text::read(b));
    if a.tokens.len().max(b.tokens.len()) > MAX_TOKENS {
        return Ok(Agreement::Unread);
    }
    if a.odd != b.odd {
        return Err(Difference::new(Refusal::Symbols, &a.odd, &b.odd));
    }
    let pairing = pairing::pair(&a, &b);
    if let Some(difference) = capitals(&a, &b, &pairing).filter(|_| strict == Refusal::Capitals) {
        return Err(difference);
    }
    if pairing.content.iter().any(Vec::is_empty) {
        return Err(Difference::new(Refusal::Wording, "", ""));
    }
    let small = a.tokens.len().min(b.tokens.len()) <= 12;
    let edits = if small || pairing.share >= UNREAD_SHARE { Edits::of(&a, &b, &pairing) } else { Edits::MANY };
    if let Some(difference) = conflicts::find(&a, &b, &pairing, edits) {
        return Err(difference);
    }
    if symbols_differ(&a, &b, edits) && pairing.share >= UNREAD_SHARE && pairing.dice >= 0.55 {
        return Err(Difference::new(Refusal::Symbols, &a.symbols, &b.symbols));
    }
    if !a.readable || !b.readable {
        let close = pairing.share >= UNREAD_SHARE;
        return if close { Err(Difference::new(Refusal::Wording, "", "")) } else { Ok(Agreement::Unread) };
    }
    let close = pairing.share >= CLOSE && pairing.dice >= 0.6 || edits.all <= 1 && edits.alike >= ALIKE;
    let difference = rest::judge(&a, &b, &pairing, edits)
        .or_else(|| order::judge(&a, &b, &pairing, edits).filter(|_| close))
        .or_else(|| grammar::judge(&a, &b, &pairing, edits).filter(|_| close));
    match difference {
        Some(difference) => Err(difference),
        // The same words and symbols: an operator that moved is another formula.
        None if strict == Refusal::Order && !a.symbols.is_empty() => {
            Err(Difference::new(strict, &a.symbols, &b.symbols))
        }
        None if strict == Refusal::Question && grammar::is_how(&a) != grammar::is_how(&b) => {
            Err(Difference::new(strict, "", ""))
        }
        None => Ok(Agreement::Open),
    }
}

/// A word that means something else with other capitals: `Rust` and `rust`.
fn capitals(a: &Text, b: &Text, pairing: &pairing::Pairing) -> Option<Difference> {
    let pairs = pairing.other.iter().enumerate().filter_map(|(k, place)| Some((&a.tokens[k], &b.tokens[(*place)?])));
    let mut differ = pairs.filter(|(x, y)| x.lower == y.lower && x.key != y.key);
    differ.next().map(|(x, y)| Difference::new(Refusal::Capitals, &x.written, &y.written))
}

/// Whether the operators of two texts differ: in number, and in order unless much else is moved. One side may spell them.
fn symbols_differ(a: &Text, b: &Text, edits: Edits) -> bool {
    if a.symbols == b.symbols || (a.symbols.is_empty() || b.symbols.is_empty()) && edits.firm > 2 {
        return false;
    }
    let sorted = |text: &Text, brackets: bool| {
        let mut symbols: Vec<char> = text.symbols.chars().filter(|c| brackets || !"()[]{}".contains(*c)).collect();
        symbols.sort_unstable();
        symbols
    };
    edits.firm <= 2 || sorted(a, false) != sorted(b, false)
}

/// Whether the lines of a text are part of what it says: it is code or a table, not a wrapped paragraph.
fn has_layout(text: &str) -> bool {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let code = |line: &&str| {
        let end = line.trim_end();
        line.starts_with([' ', '\t', '|', '#', '>', '-', '*'])
            || end.ends_with([';', '{', '}', '|', '\\', '(', '[', ','])
            || line.contains("```")
    };
    lines.len() > 1 && lines.iter().any(code) || text.contains("```") || text.contains('\r')
}

#[cfg(test)]
mod tests;
