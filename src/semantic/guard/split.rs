//! Splits a text into words, numbers, code and symbols, as they are written.

use super::lexicon::LEXICON;

/// One word, number or piece of code.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) written: String,
    pub(super) lower: String,
    pub(super) shape: Shape,
    /// It stands in quotation marks.
    pub(super) quoted: bool,
    /// It begins a sentence.
    pub(super) starts: bool,
    /// It is all that the quotation marks hold.
    pub(super) alone: bool,
    /// It ends a clause: a comma or stop follows.
    pub(super) ends: bool,
}

/// What a piece looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Word,
    Number,
    Code,
}

/// A text's pieces and symbols.
#[derive(Debug, Default)]
pub(super) struct Split {
    pub(super) pieces: Vec<Piece>,
    /// Operators and the brackets of formulas, in order.
    pub(super) symbols: String,
    /// What no ordinary text has: invisible characters, emoji, box drawings.
    pub(super) odd: String,
}

/// Splits a text.
pub(super) fn split(text: &str) -> Split {
    let text = plain(text);
    let mut split = Split::default();
    let mut state = State { starts: true, quote: None };
    for chunk in text.split_whitespace() {
        chunk_of(chunk, &mut state, &mut split);
    }
    for k in 0..split.pieces.len() {
        let quoted = |k: Option<usize>| k.and_then(|k| split.pieces.get(k)).is_some_and(|piece| piece.quoted);
        let alone = quoted(Some(k)) && !quoted(k.checked_sub(1)) && !quoted(Some(k + 1));
        split.pieces[k].alone = alone;
    }
    split.symbols = symbols(&text);
    split.odd = text.chars().filter(|&c| is_odd(c)).collect();
    split
}

struct State {
    starts: bool,
    quote: Option<char>,
}

/// The text with one spelling for quotation marks, dashes, spaces and the like.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}' | '\u{2019}' | '\u{2032}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' => plain.push('"'),
            '\u{2013}' | '\u{2212}' | '\u{2011}' | '\u{2010}' => plain.push('-'),
            '\u{2014}' => plain.push_str(" - "),
            '\u{a0}' | '\u{202f}' | '\u{2009}' => plain.push(' '),
            '×' | '·' | '⋅' => plain.push('*'),
            '÷' => plain.push('/'),
            '²' => plain.push_str("^2"),
            '³' => plain.push_str("^3"),
            '½' => plain.push_str(" 1/2 "),
            '¼' => plain.push_str(" 1/4 "),
            '¾' => plain.push_str(" 3/4 "),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            '≠' => plain.push_str("!="),
            '→' => plain.push_str(" to "),
            '…' => plain.push_str("... "),
            'π' => plain.push_str("pi"),
            '√' => plain.push_str(" sqrt "),
            _ => plain.push(c),
        }
    }
    plain
        .replace(" -> ", " to ")
        .replace(" => ", " to ")
        .replace("/day", " per day")
        .replace("/month", " per month")
        .replace(" no. ", " number ")
}

fn is_odd(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !c.is_ascii_graphic() && !"•–—°€£¥₹§©®™¿¡¢″√∞±≈∫∑∂Δ".contains(c)
}

/// Splits one run without white space.
fn chunk_of(chunk: &str, state: &mut State, split: &mut Split) {
    let opens = |c: char| matches!(c, '(' | '[' | '{' | '"' | '\'' | '`' | '*' | '<');
    let body = chunk.trim_start_matches(opens);
    let lead = &chunk[..chunk.len() - body.len()];
    let closes =
        |c: char| matches!(c, ')' | ']' | '}' | '"' | '\'' | '`' | '*' | '>' | '.' | ',' | ';' | ':' | '?' | '!');
    let core = body.trim_end_matches(closes);
    let tail = &body[core.len()..];
    if state.quote.is_none() {
        state.quote = lead.chars().find(|c| matches!(c, '"' | '\'' | '`')).filter(|_| !core.is_empty());
    }
    let first = split.pieces.len();
    if !core.is_empty() {
        let call = is_identifier(core) && tail.is_empty() && body.ends_with("()");
        if call || is_code(core) {
            push(split, core, Shape::Code, state);
        } else {
            words(core, state, split);
        }
    }
    state.quote = state
        .quote
        .filter(|quote| !tail.contains(*quote) && (!core.is_empty() || lead.len() < 2 || !lead.ends_with(*quote)));
    let stop = tail.contains([',', ';', ':', '.', '?', '!', ')']);
    if let Some(last) = split.pieces[first..].last_mut().filter(|_| stop) {
        last.ends = true;
    }
    if tail.contains(['.', '?', '!', ':']) {
        state.starts = true;
    }
}

fn push(split: &mut Split, written: &str, shape: Shape, state: &mut State) {
    let starts = std::mem::take(&mut state.starts);
    let piece = Piece {
        written: written.to_owned(),
        lower: fold(&written.to_lowercase()),
        shape,
        quoted: state.quote.is_some(),
        starts,
        alone: false,
        ends: false,
    };
    split.pieces.push(piece);
}

/// The word without accents: `café` is `cafe`.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let plain = |c: char| match c {
        'à'..='å' | 'ā' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' => 'e',
        'ì'..='ï' => 'i',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        'š' | 'ś' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        _ => c,
    };
    word.chars().map(plain).collect()
}

fn is_identifier(core: &str) -> bool {
    core.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':'))
}

/// File extensions and the like that make `name.ext` a file.
const EXTENSIONS: [&str; 40] = [
    "py", "js", "ts", "rs", "go", "rb", "java", "c", "h", "cpp", "cs", "php", "sh", "json", "yaml", "yml", "toml",
    "xml", "html", "css", "md", "txt", "csv", "pdf", "ini", "conf", "cfg", "log", "sql", "tsx", "jsx", "lock", "zip",
    "gz", "tar", "exe", "dll", "so", "env", "docx",
];

/// Whether a run is a name in code rather than a word: `max_tokens`, `--force`, `/etc/hosts`, `getUser`, `a@b.org`.
fn is_code(core: &str) -> bool {
    let core = core.strip_suffix("'s").unwrap_or(core);
    let lower = core.to_lowercase();
    if !LEXICON.terms(&lower).is_empty() || LEXICON.units.contains_key(lower.as_str()) {
        return false;
    }
    let chars: Vec<char> = core.chars().collect();
    let letter = |k: usize| chars.get(k).is_some_and(|c| c.is_ascii_alphabetic());
    let letters = chars.iter().filter(|c| c.is_alphabetic()).count();
    if letters == 0 || core.starts_with(|c: char| c.is_ascii_digit()) && letters < 4 {
        return false;
    }
    let camel = chars.windows(2).any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase());
    let extension = core.rsplit_once('.').is_some_and(|(_, end)| EXTENSIONS.contains(&end));
    let flag = core.starts_with('-') && (letter(1) || core.starts_with("--") && letter(2));
    let path =
        core.starts_with('/') && letter(1) || core.starts_with("./") || core.starts_with("~/") || core.contains('\\');
    let member = core.contains('.') && camel || core.starts_with('.') && letter(1) && core != ".NET";
    core.contains("::")
        || core.contains("://")
        || core.contains('@')
        || core.starts_with('$') && letter(1)
        || core.contains('_') && letters > 1
        || extension
        || flag
        || path
        || member
        || camel && !core.contains('/')
}

/// Splits a run of prose into words and numbers.
fn words(core: &str, state: &mut State, split: &mut Split) {
    let chars: Vec<char> = core.chars().collect();
    let mut word = String::new();
    let lower = core.to_lowercase();
    if core.contains(['/', '&', '.', '-', '°']) && LEXICON.units.contains_key(lower.as_str())
        || core.contains(['/', '&', '.']) && LEXICON.terms(&lower).iter().any(|term| term.rest.is_empty())
    {
        push(split, core, Shape::Word, state);
        return;
    }
    if let Some(whole) = hyphened(&lower) {
        push(split, core, Shape::Word, state);
        if let Some(piece) = split.pieces.last_mut() {
            piece.lower = whole;
        }
        return;
    }
    for (k, &c) in chars.iter().enumerate() {
        let before = k.checked_sub(1).map_or(' ', |k| chars[k]);
        let after = chars.get(k + 1).copied().unwrap_or(' ');
        let numeric = word.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        if c.is_alphanumeric() || c == '°' {
            if !c.is_ascii_digit()
                && numeric
                && !ordinal(&word, &chars[k..])
                && !word.ends_with(|c: char| c.is_alphabetic())
            {
                end(&mut word, state, split);
            }
            word.push(c);
        } else if matches!(c, '$' | '€' | '£' | '¥' | '₹' | '%' | '¢') {
            end(&mut word, state, split);
            push(split, &c.to_string(), Shape::Word, state);
        } else if c == ',' && numeric && chars[k + 1..].iter().take_while(|c| c.is_ascii_digit()).count() == 3 {
            // A thousands separator.
        } else if joins(c, before, after)
            || c == '.' && word.is_empty() && after.is_ascii_digit()
            || numeric && matches!(c, ':' | '/') && after.is_ascii_digit()
            || matches!(c, '+' | '#') && sharp(&word, &chars[k..])
        {
            word.push(c);
        } else {
            end(&mut word, state, split);
        }
    }
    end(&mut word, state, split);
}

/// The word that one with a hyphen is without it: `e-mail`, `check-out`, `UTF-8`.
fn hyphened(lower: &str) -> Option<String> {
    let (first, rest) = lower.split_once('-')?;
    let whole = format!("{first}{rest}");
    let letters = |part: &str| !part.is_empty() && part.chars().all(char::is_alphabetic);
    let numbered = letters(first) && first.len() < 5 && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let known = || {
        LEXICON.known(&whole)
            || LEXICON.known(&super::stem::base(&whole, &LEXICON))
            || !LEXICON.terms(&whole).is_empty()
    };
    let phrase =
        LEXICON.terms(first).iter().any(|term| term.rest.len() == 1 && rest.starts_with(term.rest[0].as_str()));
    (numbered || !phrase && letters(first) && letters(rest) && known()).then_some(whole)
}

/// Whether a letter behind digits makes an ordinal: `3rd`.
fn ordinal(word: &str, rest: &[char]) -> bool {
    let end: String = rest.iter().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
    word.ends_with(|c: char| c.is_ascii_digit()) && matches!(end.as_str(), "st" | "nd" | "rd" | "th")
}

fn joins(c: char, before: char, after: char) -> bool {
    match c {
        '\'' => before.is_alphabetic() && after.is_alphabetic(),
        '.' => before.is_alphanumeric() && after.is_alphanumeric(),
        '_' => before.is_alphanumeric() || after.is_alphanumeric(),
        '&' => before.is_uppercase() && after.is_uppercase(),
        _ => false,
    }
}

/// Whether `+` or `#` ends the name of a language: `c++`, `C#`.
fn sharp(word: &str, rest: &[char]) -> bool {
    let short = matches!(word.to_lowercase().as_str(), "c" | "f" | "g" | "c+" | "g+");
    let ends = |k: usize| rest.get(k).is_none_or(|c| !c.is_alphanumeric());
    short && (rest[0] == '#' && ends(1) || rest[0] == '+' && (word.ends_with('+') || rest.get(1) == Some(&'+')))
}

fn end(word: &mut String, state: &mut State, split: &mut Split) {
    if word.is_empty() {
        return;
    }
    let mut written = std::mem::take(word);
    // "U.S." and "O.S.H.A." are what they are without dots.
    if written.split('.').count() > 1
        && written.split('.').all(|part| part.chars().count() == 1 && !part.starts_with(|c: char| c.is_ascii_digit()))
    {
        written.retain(|c| c != '.');
    }
    let version = written.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let number = version.unwrap_or(&written);
    let shape = if matches!(number, "1st" | "2nd") {
        push(split, number, Shape::Word, state);
        if let Some(piece) = split.pieces.last_mut() {
            piece.lower = if number == "1st" { "first" } else { "second" }.to_owned();
        }
        return;
    } else if number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        Shape::Number
    } else {
        Shape::Word
    };
    push(split, if shape == Shape::Number { number } else { &written }, shape, state);
}

/// Whether the character at a place is or ends a number, a bracket or a variable of one letter.
fn operand(chars: &[char], at: usize) -> bool {
    let letter = |k: usize| chars.get(k).is_some_and(|c| c.is_alphabetic());
    let c = chars[at];
    c.is_ascii_digit()
        || matches!(c, '(' | ')')
        || c.is_ascii_lowercase() && !letter(at + 1) && !(at > 0 && letter(at - 1))
}

/// The operators of a text and the brackets of its formulas, in order.
fn symbols(text: &str) -> String {
    let chars: Vec<char> = text.trim_end().chars().collect();
    let mut found = String::new();
    let mut open = Vec::new();
    for (k, &c) in chars.iter().enumerate() {
        let before = k.checked_sub(1).map_or(' ', |k| chars[k]);
        let after = chars.get(k + 1).copied().unwrap_or(' ');
        let spaced = || {
            let left = chars[..k].iter().rposition(|c| !c.is_whitespace());
            let right = chars[k + 1..].iter().position(|c| !c.is_whitespace()).map(|place| place + k + 1);
            left.is_some_and(|at| operand(&chars, at)) && right.is_some_and(|at| operand(&chars, at))
        };
        let counts = match c {
            '+' if before.is_whitespace() && after.is_whitespace() => spaced(),
            '+' => !(before == '+' || after == '+' && before.is_alphabetic()),
            '=' | '<' | '>' | '^' | '|' | '∫' | '∑' | '±' => true,
            '*' => !(before == '*' || after == '*') || before.is_alphanumeric() && after.is_alphanumeric(),
            '-' => {
                let sign = !before.is_alphanumeric() && (after.is_ascii_digit() || after == '.') && before != '-';
                sign || spaced()
                    && (before.is_whitespace() && after.is_whitespace()
                        || before.is_ascii_lowercase() && after.is_ascii_digit())
            }
            '/' => {
                let digit = |c: char| c.is_ascii_digit() || matches!(c, '(' | ')');
                before.is_whitespace() && after.is_whitespace() && spaced()
                    || digit(before) != digit(after) && (before == ')' || after == '(')
            }
            '!' => {
                !before.is_alphabetic() && !before.is_whitespace() && !matches!(before, '!' | '?' | '"' | '\'' | ')')
                    || after == '='
            }
            '?' => matches!(before, '*' | '+' | '(' | '.') && !after.is_whitespace() || before == '*',
            '.' => before == '(' || after == '*' || after == '+',
            '%' => !before.is_ascii_digit() && !before.is_whitespace(),
            '&' => after == '&' || before == '&',
            '\'' => after == '(' && before.is_alphabetic(),
            '(' | '[' | '{' => {
                let formula = before.is_alphanumeric()
                    || after.is_ascii_digit()
                    || matches!(after, '-' | '(' | '[' | '{')
                    || after.is_alphabetic() && chars.get(k + 2).is_some_and(|c| !c.is_alphanumeric());
                open.push(formula);
                formula
            }
            ')' | ']' | '}' => open.pop().unwrap_or(false),
            _ => false,
        };
        if counts {
            found.push(c);
        }
    }
    // Brackets alone are prose: "the top (or bottom) row".
    if found.chars().all(|c| "()[]{}".contains(c)) { String::new() } else { found }
}
