//! A text as the rules read it: words in their base form, each with what it is to the rules.

use super::lexicon::{LEXICON, Role, Term};
use super::numbers;
use super::split::{Piece, Shape, split};
use super::stem;
use super::wording;

/// One word, phrase, number or piece of code.
#[derive(Debug)]
pub(super) struct Token {
    /// As it is compared.
    pub(super) key: String,
    /// As it was written, in lower case.
    pub(super) lower: String,
    pub(super) written: String,
    pub(super) role: Role,
    pub(super) kind: Kind,
    /// The families it is a member of.
    pub(super) families: &'static [usize],
    /// The unit it is or has.
    pub(super) unit: Option<&'static str>,
    pub(super) quoted: bool,
    /// It is all that the quotation marks hold.
    pub(super) alone: bool,
    /// Its number without a unit.
    pub(super) value: Option<String>,
    /// It is written like a name: with a capital where no sentence begins.
    pub(super) named: bool,
    /// A comma or stop follows.
    pub(super) ends: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Code,
}

impl Token {
    /// Whether it says what the text is about.
    pub(super) fn is_content(&self) -> bool {
        self.alone || matches!(self.role, Role::Content | Role::Soft)
    }

    /// Whether it may be missing on one side.
    pub(super) fn is_soft(&self) -> bool {
        self.role == Role::Soft && !self.alone
    }

    pub(super) fn is_negation(&self) -> bool {
        self.role == Role::Negation && !self.alone && self.written != "None"
    }

    /// Its class in `words/light.txt`, or nothing.
    pub(super) fn class(&self) -> &'static str {
        match self.role {
            Role::Light(class) if !self.alone => class,
            _ => "",
        }
    }
}

/// A text that has been read.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) tokens: Vec<Token>,
    /// Operators and the brackets of formulas.
    pub(super) symbols: String,
    /// Characters that no ordinary text has.
    pub(super) odd: String,
    /// It is English prose.
    pub(super) readable: bool,
}

impl Text {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Self {
        let split = split(text);
        let readable = is_english(text, &split.pieces);
        let pieces = expand(split.pieces);
        let titled = is_titled(&pieces);
        let bases: Vec<String> = pieces.iter().map(base_of).collect();
        let mut tokens: Vec<Token> = Vec::with_capacity(pieces.len());
        let mut at = 0;
        while at < pieces.len() {
            let (token, used) = token_at(&pieces, &bases, at);
            tokens.push(token);
            at += used;
        }
        for token in &mut tokens {
            token.named &= !titled && token.kind == Kind::Word;
        }
        plain_days(&mut tokens);
        Self { tokens, symbols: split.symbols, odd: split.odd, readable }
    }
}

/// The token that begins at a piece, and how many pieces it takes.
fn token_at(pieces: &[Piece], bases: &[String], at: usize) -> (Token, usize) {
    let piece = &pieces[at];
    let before = at.checked_sub(1).map(|k| &pieces[k]);
    let long = phrase_at(pieces, bases, at);
    let plain = long.is_none_or(|term| term.rest.is_empty()) && piece.shape != Shape::Code;
    if let Some(number) = plain.then(|| numbers::read(&pieces[at..], before)).flatten() {
        let mut token = token(&pieces[at..at + number.pieces], number.key, Kind::Number);
        token.unit = number.unit;
        token.value = Some(number.value);
        token.role = if number.soft { Role::Soft } else { Role::Content };
        return (token, number.pieces);
    }
    if let Some(term) = long.filter(|_| !is_letter(piece)) {
        let used = 1 + term.rest.len();
        let mut token = token(&pieces[at..at + used], term.key.clone(), Kind::Word);
        token.role = term.role;
        token.families = LEXICON.families(&token.key);
        token.unit = bare_unit(piece);
        return (token, used);
    }
    let kind = if piece.shape == Shape::Code { Kind::Code } else { Kind::Word };
    let mut key = bases[at].clone();
    let unit = if kind == Kind::Word { bare_unit(piece) } else { None };
    if let Some(unit) = unit {
        unit.clone_into(&mut key);
    }
    let mut token = token(std::slice::from_ref(piece), key, kind);
    token.unit = unit;
    token.families = LEXICON.families(&token.key);
    (token, 1)
}

fn token(pieces: &[Piece], key: String, kind: Kind) -> Token {
    let written = pieces.iter().map(|piece| piece.written.as_str()).collect::<Vec<_>>().join(" ");
    let first = &pieces[0];
    let capitals = written.chars().filter(|c| c.is_uppercase()).count();
    let named = written.starts_with(|c: char| c.is_uppercase()) && !first.starts || capitals > 1 && pieces.len() == 1;
    Token {
        key,
        lower: written.to_lowercase(),
        written,
        role: Role::Content,
        kind,
        families: &[],
        unit: None,
        quoted: first.quoted,
        alone: first.alone && pieces.len() == 1,
        value: None,
        named,
        ends: pieces.last().is_some_and(|piece| piece.ends),
    }
}

/// The longest term that begins at a piece: the word as written before its base form.
fn phrase_at(pieces: &[Piece], bases: &[String], at: usize) -> Option<&'static Term> {
    let piece = &pieces[at];
    if piece.shape == Shape::Code {
        return None;
    }
    let fits = |term: &&Term| {
        let words = bases[at + 1..].iter().zip(&term.rest).take_while(|(base, word)| base == word).count();
        let inside = pieces[at..].iter().take(term.rest.len()).all(|piece| !piece.ends);
        words == term.rest.len() && inside && (!term.capital || is_capital(piece))
    };
    let lower = piece.lower.strip_suffix("'s").unwrap_or(&piece.lower);
    let by_word = LEXICON.terms(lower).iter().find(fits);
    let by_base = LEXICON.terms(&bases[at]).iter().find(fits);
    match (by_word, by_base) {
        (Some(word), Some(base)) if base.rest.len() > word.rest.len() => Some(base),
        (word, base) => word.or(base),
    }
}

/// Whether a piece is a capital letter that is a name: vitamin A.
fn is_letter(piece: &Piece) -> bool {
    piece.written == "A" && !piece.starts
}

/// Whether a piece is written with a capital that is not that of a sentence's beginning.
fn is_capital(piece: &Piece) -> bool {
    let capitals = piece.written.chars().filter(|c| c.is_uppercase()).count();
    capitals == piece.written.chars().count() || capitals > 0 && !piece.starts
}

fn base_of(piece: &Piece) -> String {
    match piece.shape {
        Shape::Code if piece.written.starts_with('-') => piece.written.clone(),
        Shape::Code => {
            piece.lower.trim_start_matches('.').trim_end_matches("'s").trim_end_matches(['(', ')']).to_owned()
        }
        Shape::Number => piece.lower.clone(),
        Shape::Word => {
            stem::base(piece.lower.strip_suffix("'s").unwrap_or(&piece.lower).trim_end_matches('\''), &LEXICON)
        }
    }
}

/// The unit that a word names by itself: no abbreviation of one or two letters, which is a unit behind a number only.
fn bare_unit(piece: &Piece) -> Option<&'static str> {
    let long = piece.lower.chars().count() > 3
        || matches!(piece.lower.as_str(), "km" | "kg" | "lbs" | "mph" | "usd" | "eur" | "gbp" | "%");
    numbers::unit_of(piece).filter(|_| long).map(|unit| unit.name)
}

/// `5th of March` is `March 5`: an ordinal beside a month is a number.
fn plain_days(tokens: &mut [Token]) {
    let months = LEXICON.families("january");
    let month = |token: &Token| token.families.iter().any(|family| months.contains(family));
    for k in 0..tokens.len() {
        let near = tokens[k.saturating_sub(1)..(k + 3).min(tokens.len())].iter().any(month);
        if near && tokens[k].kind == Kind::Number && tokens[k].key.starts_with('#') {
            tokens[k].key.remove(0);
        }
    }
}

/// Takes contractions apart: `can't` is `can not`, `what's` is `what is`.
fn expand(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut expanded = Vec::with_capacity(pieces.len() + 4);
    for mut piece in pieces {
        if piece.shape != Shape::Word || piece.quoted {
            expanded.push(piece);
            continue;
        }
        let parts = parts_of(&piece.lower).map(|(first, second)| (first.to_owned(), second));
        let Some((first, second)) = parts else {
            expanded.push(piece);
            continue;
        };
        let ends = std::mem::take(&mut piece.ends);
        let rest = Piece { written: second.to_owned(), lower: second.to_owned(), starts: false, ends, ..piece.clone() };
        piece.lower.clone_from(&first);
        piece.written = first;
        expanded.extend([piece, rest]);
    }
    expanded
}

fn parts_of(word: &str) -> Option<(&str, &'static str)> {
    if let Some(verb) = wording::verb_of(word) {
        return Some((verb, "not"));
    }
    match word {
        "whats" => return Some(("what", "is")),
        "hows" => return Some(("how", "is")),
        "wheres" => return Some(("where", "is")),
        "whos" => return Some(("who", "is")),
        "im" => return Some(("i", "am")),
        "ive" => return Some(("i", "have")),
        "w/o" | "w/out" => return Some(("without", "the")),
        _ => {}
    }
    let (first, end) = word.rsplit_once('\'')?;
    let second = match end {
        "re" => "are",
        "ve" => "have",
        "ll" => "will",
        "d" => "would",
        "m" => "am",
        "s" if matches!(
            first,
            "what" | "how" | "where" | "who" | "when" | "why" | "it" | "that" | "there" | "here" | "he" | "she"
        ) =>
        {
            "is"
        }
        _ => return None,
    };
    Some((first, second))
}

/// Whether nearly every word begins with a capital, so that capitals say nothing.
fn is_titled(pieces: &[Piece]) -> bool {
    let words = || pieces.iter().filter(|piece| piece.shape == Shape::Word && piece.lower.len() > 3);
    let capitals = words().filter(|piece| piece.written.starts_with(|c: char| c.is_uppercase())).count();
    capitals > 3 && capitals * 10 >= words().count() * 8
}

/// Whether this is English prose: Latin letters, mostly known words, more English small words than others.
fn is_english(text: &str, pieces: &[Piece]) -> bool {
    let other = |c: char| c.is_alphabetic() && !is_latin(c);
    let mut run = 0;
    for c in text.chars() {
        run = if other(c) { run + 1 } else { 0 };
        // One Greek letter is a symbol.
        if run > 1 || run == 1 && !('\u{370}'..'\u{400}').contains(&c) {
            return false;
        }
    }
    let (mut words, mut known, mut foreign, mut small) = (0, 0, 0, 0);
    for piece in pieces.iter().filter(|piece| piece.shape == Shape::Word && piece.lower.chars().count() > 1) {
        words += 1;
        let lower = piece.lower.split('\'').next().unwrap_or_default();
        let terms = LEXICON.terms(lower);
        let light = terms.iter().any(|term| matches!(term.role, Role::Light(_)) && term.rest.is_empty());
        small += usize::from(light);
        foreign += usize::from(LEXICON.foreign.contains(lower) && !light);
        let english = light || !terms.is_empty() || LEXICON.known(lower) || LEXICON.known(&stem::base(lower, &LEXICON));
        known += usize::from(english || piece.written.chars().any(char::is_uppercase));
    }
    let mostly = known * 2 >= words || words < 3;
    let symbols = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
    mostly
        && !(foreign >= 2 && foreign >= small)
        && (words > 0 || !pieces.is_empty())
        && symbols * 2 < text.chars().count()
}

fn is_latin(c: char) -> bool {
    c.is_ascii() || matches!(c, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2113}' | '\u{2126}')
}
