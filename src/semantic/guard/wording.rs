//! The sure path: two texts that say the same words and symbols in the same order, but for polite wrappers, the way a
//! question begins, the article `the`, numbers in digits or words, and sentence punctuation.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::refusal::Refusal;

/// Whether two texts are the same words in another wrapping.
///
/// # Errors
/// The first rule that refuses.
pub(super) fn same(a: &str, b: &str) -> Result<(), Refusal> {
    if (a.contains(['\n', '\r']) || b.contains(['\n', '\r'])) && a.trim_end() != b.trim_end() {
        return Err(Refusal::Layout);
    }
    let (a, b) = (Reading::of(a), Reading::of(b));
    if a.sorted(Token::is_number) != b.sorted(Token::is_number) {
        return Err(Refusal::Numbers);
    }
    if a.sorted(Token::is_negator).len() != b.sorted(Token::is_negator).len() {
        return Err(Refusal::Negation);
    }
    if a.sorted(Token::is_symbol) != b.sorted(Token::is_symbol) {
        return Err(Refusal::Symbols);
    }
    let (all_a, all_b) = (a.sorted(|_| true), b.sorted(|_| true));
    if all_a.is_empty() || all_a != all_b {
        let rest = |reading: &Reading| {
            reading.tokens.iter().skip(reading.opener).map(Token::text).collect::<Vec<_>>().join(" ")
        };
        return Err(if rest(&a) == rest(&b) { Refusal::Question } else { Refusal::Wording });
    }
    if a.tokens.iter().map(Token::text).ne(b.tokens.iter().map(Token::text)) {
        return Err(Refusal::Order);
    }
    if a.tokens.iter().zip(&b.tokens).any(|(x, y)| !same_capitals(x, y, &a, &b)) {
        return Err(Refusal::Capitals);
    }
    Ok(())
}

/// One word, number or symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// As it is compared: lower case, numbers in digits.
    text: String,
    /// As it was written.
    written: String,
    kind: Kind,
    /// The token before it is a number, so that it is a unit, where capitals mean a factor of a million.
    after_number: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Symbol,
}

impl Token {
    fn text(&self) -> &str {
        &self.text
    }
    fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }
    fn is_symbol(&self) -> bool {
        self.kind == Kind::Symbol
    }
    fn is_negator(&self) -> bool {
        self.kind == Kind::Word && LISTS.negators.contains(&self.text.as_str())
    }
}

/// What the rules look at.
#[derive(Debug)]
struct Reading {
    tokens: Vec<Token>,
    /// How many tokens at the beginning are the question's opener.
    opener: usize,
    /// Whether the writer uses capitals at all; one who does not says nothing by a small letter.
    has_capitals: bool,
}

impl Reading {
    fn of(text: &str) -> Self {
        let text = text.replace(['\u{2019}', '\u{2018}'], "'").replace(['\u{201c}', '\u{201d}'], "\"");
        let has_capitals = text.chars().any(char::is_uppercase);
        let mut tokens = tokens(&text);
        unwrap(&mut tokens);
        let opener = open(&mut tokens);
        // "The" alone before another word: the commonest difference between two ways to say one thing.
        let mut position = 0;
        tokens.retain(|token| {
            position += 1;
            position <= opener || token.written != "the"
        });
        for k in 1..tokens.len() {
            tokens[k].after_number = tokens[k - 1].kind == Kind::Number;
        }
        Self { tokens, opener, has_capitals }
    }

    fn sorted(&self, of: impl Fn(&Token) -> bool) -> Vec<&str> {
        let mut texts: Vec<&str> = self.tokens.iter().filter(|token| of(token)).map(Token::text).collect();
        texts.sort_unstable();
        texts
    }
}

/// Whether two spellings of one word say the same. `France` and `france` do when the one who wrote the small letter
/// writes no capitals at all; `mW` and `MW`, `US` and `us` never do.
fn same_capitals(x: &Token, y: &Token, a: &Reading, b: &Reading) -> bool {
    if x.written == y.written || x.kind != Kind::Word {
        return true;
    }
    let small = |token: &Token| token.written == token.text;
    // At most the first letter is a capital.
    let plain = |token: &Token| !token.written.chars().skip(1).any(char::is_uppercase);
    // A unit, an abbreviation or a symbol of one or two letters means something else with other capitals.
    let short = x.text.chars().count() <= 2 || x.after_number;
    let first =
        |token: &Token, reading: &Reading| reading.tokens.first().is_some_and(|first| std::ptr::eq(first, token));
    let begins = first(x, a) && first(y, b);
    let careless = small(x) && !a.has_capitals || small(y) && !b.has_capitals;
    plain(x) && plain(y) && (begins || careless && !short)
}

/// Splits a text into words, numbers and symbols, in order. White space and sentence punctuation are left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.trim_end().chars().collect();
    let mut tokens = Vec::new();
    let mut word = String::new();
    for (k, &c) in chars.iter().enumerate() {
        let before = k.checked_sub(1).map_or(' ', |k| chars[k]);
        let after = chars.get(k + 1).copied().unwrap_or(' ');
        if c.is_alphanumeric() {
            // "5gb" and "5 gb" are the same; "v2" and "h2o" are names.
            if c.is_alphabetic() && !word.is_empty() && is_number(&word) {
                end_word(&mut word, &mut tokens);
            }
            word.push(c);
        } else if c == ',' && is_number(&word) && three_digits(&chars[k + 1..]) {
            // A thousands separator.
        } else if joins(c, before, after) {
            word.push(c);
        } else {
            end_word(&mut word, &mut tokens);
            if !c.is_whitespace() && !is_punctuation(c, before, after, k + 1 == chars.len()) {
                let text = c.to_string();
                tokens.push(Token { written: text.clone(), text, kind: Kind::Symbol, after_number: false });
            }
        }
    }
    end_word(&mut word, &mut tokens);
    tokens
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn three_digits(rest: &[char]) -> bool {
    rest.len() >= 3 && rest[..3].iter().all(char::is_ascii_digit) && !rest.get(3).is_some_and(char::is_ascii_digit)
}

/// Whether a character inside a word belongs to it: `don't`, `3.5`, `node.js`, `max_tokens`.
fn joins(c: char, before: char, after: char) -> bool {
    matches!(c, '\'' | '.' | '_') && before.is_alphanumeric() && after.is_alphanumeric()
}

/// Whether a character only ends a clause. An exclamation mark behind anything but a letter is an operator.
fn is_punctuation(c: char, before: char, after: char, last: bool) -> bool {
    match c {
        '?' if last => true,
        '.' | ',' | ';' | ':' | '?' => before.is_alphanumeric() && after.is_whitespace(),
        '!' => before.is_alphabetic() && after.is_whitespace(),
        _ => false,
    }
}

fn end_word(word: &mut String, tokens: &mut Vec<Token>) {
    if word.is_empty() {
        return;
    }
    let written = std::mem::take(word);
    let text = written.to_lowercase();
    let push = |tokens: &mut Vec<Token>, text: &str, written: &str, kind| {
        tokens.push(Token { text: text.to_owned(), written: written.to_owned(), kind, after_number: false });
    };
    if let Some(value) = LISTS.numbers.get(text.as_str()) {
        push(tokens, value, value, Kind::Number);
    } else if text.starts_with(|c: char| c.is_numeric()) {
        push(tokens, &text, &written, Kind::Number);
    } else if let Some(verb) = verb_of(&text) {
        push(tokens, verb, verb, Kind::Word);
        push(tokens, "not", "not", Kind::Word);
    } else if text == "what's" || text == "how's" {
        let plain = text.replace('\'', "");
        push(tokens, &plain, &plain, Kind::Word);
    } else {
        push(tokens, &text, &written, Kind::Word);
    }
}

/// The verb in a negative contraction, with its apostrophe or without.
pub(super) fn verb_of(word: &str) -> Option<&str> {
    match word {
        "cannot" | "can't" | "cant" => Some("can"),
        "won't" | "wont" => Some("will"),
        "dont" | "doesnt" | "didnt" | "isnt" | "arent" | "wasnt" | "werent" | "couldnt" | "shouldnt" | "wouldnt"
        | "hasnt" | "havent" => word.strip_suffix("nt"),
        _ => word.strip_suffix("n't").filter(|verb| !verb.is_empty()),
    }
}

/// Takes the polite wrappers off. What a wrapper ends in (`how`, `what`, `why` ...) begins the question and stays.
fn unwrap(tokens: &mut Vec<Token>) {
    while let Some(length) = LISTS.prefixes.iter().filter(|phrase| begins(tokens, phrase)).map(Vec::len).max() {
        let asks = |token: &Token| matches!(token.text(), "how" | "what" | "why" | "where" | "when" | "who");
        let kept = length - usize::from(asks(&tokens[length - 1]));
        if kept == tokens.len() {
            return;
        }
        tokens.drain(..kept);
        if length != kept {
            break;
        }
    }
    while let Some(phrase) = LISTS.suffixes.iter().find(|phrase| ends(tokens, phrase)) {
        tokens.truncate(tokens.len() - phrase.len());
    }
}

/// Puts the opener of a question into its common form. Returns how many tokens it has then.
fn open(tokens: &mut Vec<Token>) -> usize {
    let found =
        LISTS.openers.iter().filter(|(opener, _)| begins(tokens, opener)).max_by_key(|(opener, _)| opener.len());
    let Some((opener, form)) = found else { return 0 };
    let form = form.iter().map(|word| Token {
        text: (*word).to_owned(),
        written: (*word).to_owned(),
        kind: Kind::Word,
        after_number: false,
    });
    let length = form.len();
    tokens.splice(..opener.len(), form);
    length
}

fn begins(tokens: &[Token], phrase: &[&str]) -> bool {
    tokens.len() > phrase.len() && tokens.iter().zip(phrase).all(|(token, word)| token.text == *word)
}

fn ends(tokens: &[Token], phrase: &[&str]) -> bool {
    tokens.len() > phrase.len()
        && tokens[tokens.len() - phrase.len()..].iter().zip(phrase).all(|(token, word)| token.text == *word)
}

type Phrase = Vec<&'static str>;

struct Lists {
    negators: Phrase,
    numbers: HashMap<&'static str, &'static str>,
    prefixes: Vec<Phrase>,
    suffixes: Vec<Phrase>,
    openers: Vec<(Phrase, Phrase)>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let wrappers = include_str!("words/wrappers.txt");
    let openers = phrases(include_str!("words/openers.txt"));
    Lists {
        negators: lines(include_str!("words/negators.txt")).flat_map(str::split_whitespace).collect(),
        numbers: lines(include_str!("words/numbers.txt")).filter_map(|line| line.split_once(' ')).collect(),
        prefixes: phrases(wrappers).filter(|(name, _)| *name == "prefix").map(|(_, phrase)| phrase).collect(),
        suffixes: phrases(wrappers).filter(|(name, _)| *name == "suffix").map(|(_, phrase)| phrase).collect(),
        openers: openers.map(|(form, opener)| (opener, form.split(' ').collect())).collect(),
    }
});

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// The lines `name: phrase, phrase, ...`, one pair a phrase.
fn phrases(list: &'static str) -> impl Iterator<Item = (&'static str, Phrase)> {
    let lines = lines(list).filter_map(|line| line.split_once(": "));
    lines.flat_map(|(name, all)| all.split(", ").map(move |phrase| (name, phrase.split(' ').collect())))
}

/// The value of a number word, in digits.
pub(super) fn number_word(word: &str) -> Option<&'static str> {
    LISTS.numbers.get(word).copied()
}
