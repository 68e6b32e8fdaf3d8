//! The guard: deterministic rules that refuse a neighbour whose text only looks the same. A static embedding gives
//! "turn on dark mode" and "turn off dark mode" 0.96, so nothing is served on similarity alone. The rules are strict:
//! apart from filler words the two texts must say the same words in the same order. A refusal costs a hit, never an
//! answer.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Why two texts may need different answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Their numbers differ, in digits or in words.
    Numbers,
    /// One negates what the other does not.
    Negation,
    /// They ask another kind of question: how against whether, when against where.
    Question,
    /// Their quoted strings or code spans differ.
    Quoted,
    /// Their operators, currency signs or other symbols differ.
    Symbols,
    /// They say the same words in another order.
    Order,
    /// One says a word that the other does not.
    Wording,
}

impl Refusal {
    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Negation => "negation",
            Self::Question => "question",
            Self::Quoted => "quoted",
            Self::Symbols => "symbols",
            Self::Order => "order",
            Self::Wording => "wording",
        }
    }
}

/// Whether one answer can serve both texts, as far as words can tell.
///
/// # Errors
/// The first rule that refuses.
pub fn compare(a: &str, b: &str) -> Result<(), Refusal> {
    let (mut a, mut b) = (Reading::of(a), Reading::of(b));
    a.meet(&b);
    b.meet(&a);
    if sorted(&a.numbers) != sorted(&b.numbers) {
        return Err(Refusal::Numbers);
    }
    if a.negators != b.negators {
        return Err(Refusal::Negation);
    }
    if !same_question(&a, &b) {
        return Err(Refusal::Question);
    }
    if a.quoted != b.quoted {
        return Err(Refusal::Quoted);
    }
    if a.symbols != b.symbols {
        return Err(Refusal::Symbols);
    }
    if sorted(&a.content) != sorted(&b.content) {
        return Err(Refusal::Wording);
    }
    if a.content != b.content {
        return Err(Refusal::Order);
    }
    Ok(())
}

fn sorted(words: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = words.iter().collect();
    sorted.sort_unstable();
    sorted
}

/// What the rules look at.
#[derive(Debug, Default)]
struct Reading {
    /// All words but fillers, numbers among them, reduced to a common form, in order.
    content: Vec<String>,
    /// Numbers in digits, in order.
    numbers: Vec<String>,
    negators: usize,
    quoted: Vec<String>,
    symbols: String,
    question: Question,
    /// Asks for a way to do something (`what is the way to ...`), which is what `how` asks.
    asks_way: bool,
}

/// The kind of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Question {
    /// `how ...`
    How,
    /// `what ...`, `which ...`
    What,
    /// Begins with an auxiliary verb: the answer is yes or no.
    YesNo,
    /// A request, or no sentence at all.
    #[default]
    Request,
}

/// `who`, `when`, `where` and `why` are words like any other: they have to be the same on both sides.
fn same_question(a: &Reading, b: &Reading) -> bool {
    match (a.question, b.question) {
        (a, b) if a == b => true,
        (Question::How, Question::What) => b.asks_way,
        (Question::What, Question::How) => a.asks_way,
        // "The capital of France", "tell me the capital of France": what else could be meant.
        (Question::What, Question::Request) | (Question::Request, Question::What) => true,
        _ => false,
    }
}

impl Reading {
    fn of(text: &str) -> Self {
        let text = text.replace(['\u{2019}', '\u{2018}'], "'").replace(['\u{201c}', '\u{201d}'], "\"");
        let mut reading = Self { quoted: quoted(&text), ..Self::default() };
        let words = words(&text.to_lowercase(), &mut reading.symbols);
        reading.question = question(&words);
        reading.asks_way = words.iter().any(|word| matches!(word.as_str(), "way" | "ways" | "steps"));
        for (k, word) in words.iter().enumerate() {
            // "The best way to" do a thing is the way to do it.
            let praise = matches!(word.as_str(), "best" | "right" | "correct" | "proper");
            if !(praise && words.get(k + 1).is_some_and(|next| next == "way")) {
                reading.place(word.clone());
            }
        }
        reading
    }

    /// Puts a word that ends in -ing into the form in which the other text has it: "resetting" and "reset".
    fn meet(&mut self, other: &Self) {
        for word in &mut self.content {
            let Some(base) = word.strip_suffix("ing").filter(|base| base.len() >= 3 && base.is_ascii()) else {
                continue;
            };
            let single = &base[..base.len() - 1];
            let doubled = base.as_bytes()[base.len() - 1] == base.as_bytes()[base.len() - 2];
            let is_form = |form: &&String| {
                *form == base || form.strip_suffix('e') == Some(base) || doubled && form.as_str() == single
            };
            if !other.content.contains(word)
                && let Some(form) = other.content.iter().find(is_form)
            {
                *word = form.clone();
            }
        }
    }

    fn place(&mut self, word: String) {
        let lists = &*LISTS;
        if let Some(value) = lists.numbers.get(word.as_str()) {
            self.numbers.push((*value).to_owned());
            self.content.push((*value).to_owned());
        } else if word.starts_with(|c: char| c.is_numeric()) {
            self.numbers.push(word.clone());
            self.content.push(word);
        } else {
            match lists.kinds.get(word.as_str()) {
                Some(Kind::Filler) => {}
                Some(Kind::Marker) => self.content.push(word),
                Some(Kind::Negator) => {
                    self.negators += 1;
                    // What is negated matters as much as that something is.
                    self.content.push("not".to_owned());
                }
                None => self.content.push(stem(word)),
            }
        }
    }
}

/// Splits a lower-cased text into words, with contractions undone, and collects the symbols between them.
fn words(text: &str, symbols: &mut String) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (k, &c) in chars.iter().enumerate() {
        let before = k.checked_sub(1).map_or(' ', |k| chars[k]);
        let after = chars.get(k + 1).copied().unwrap_or(' ');
        if c.is_alphanumeric() {
            // "5gb" and "5 gb" are the same; "v2" and "h2o" are names.
            if c.is_alphabetic() && !word.is_empty() && word.chars().all(|c| c.is_numeric() || c == '.') {
                words.push(std::mem::take(&mut word));
            }
            word.push(c);
        } else if c == ',' && before.is_ascii_digit() && three_digits(&chars[k + 1..]) {
            // A thousands separator.
        } else if joins(c, before, after) {
            word.push(c);
        } else {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if is_symbol(c, before, after) {
                symbols.push(c);
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.into_iter().flat_map(undo_contraction).collect()
}

fn three_digits(rest: &[char]) -> bool {
    rest.len() >= 3 && rest[..3].iter().all(char::is_ascii_digit) && !rest.get(3).is_some_and(char::is_ascii_digit)
}

/// Whether a character inside a word belongs to it: `don't`, `3.5`, `node.js`, `max_tokens`, `v1/users`.
fn joins(c: char, before: char, after: char) -> bool {
    let inside = before.is_alphanumeric() && after.is_alphanumeric();
    matches!(c, '\'' | '.' | '/') && inside
        || c == '_' && (before.is_alphanumeric() || after.is_alphanumeric() || before == '_')
}

/// Whether a character may change the meaning: operators, currency and percent signs, arrows, emoji, and whatever is
/// neither a letter nor plain punctuation. A hyphen only counts when it is a sign or a flag, not between two words.
fn is_symbol(c: char, before: char, after: char) -> bool {
    match c {
        '.' | ',' | '?' | '!' | ';' | ':' | '"' | '\'' | '`' | '(' | ')' => false,
        // An ampersand between two words is "and", which is filler.
        '&' => !(before == ' ' && after == ' '),
        '-' => !(before.is_alphanumeric() && after.is_alphanumeric()),
        c => !c.is_whitespace(),
    }
}

fn undo_contraction(word: String) -> Vec<String> {
    let Some((stem, tail)) = word.rsplit_once('\'') else {
        return vec![match word.as_str() {
            "dont" | "doesnt" | "didnt" | "isnt" | "arent" | "wasnt" | "werent" | "wont" | "cant" | "couldnt"
            | "shouldnt" | "wouldnt" | "hasnt" | "havent" => "not".to_owned(),
            _ => word,
        }];
    };
    match tail {
        "t" if stem == "can" || stem.ends_with('n') => {
            let verb = if stem == "can" { stem } else { stem.trim_end_matches('n') };
            vec![verb.to_owned(), "not".to_owned()]
        }
        "s" | "re" | "ve" | "ll" | "d" | "m" => vec![stem.to_owned()],
        _ => vec![word],
    }
}

/// Texts between quotation marks or back-ticks, as they are written. An apostrophe inside a word opens nothing.
fn quoted(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut spans = Vec::new();
    let mut k = 0;
    while k < chars.len() {
        let (c, before) = (chars[k], k.checked_sub(1).map_or(' ', |k| chars[k]));
        let opens = matches!(c, '"' | '`') || c == '\'' && !before.is_alphanumeric();
        let close =
            |at: usize| chars[at] == c && (c != '\'' || !chars.get(at + 1).copied().unwrap_or(' ').is_alphanumeric());
        if opens && let Some(end) = (k + 1..chars.len()).find(|&at| close(at)) {
            spans.push(chars[k + 1..end].iter().collect());
            k = end;
        }
        k += 1;
    }
    spans
}

fn question(words: &[String]) -> Question {
    let has = |word: &str| words.iter().any(|known| known == word);
    const AUXILIARIES: [&str; 21] = [
        "am", "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "shall", "should",
        "may", "might", "must", "has", "have", "had", "ought",
    ];
    if has("how") || has("hows") {
        return Question::How;
    }
    if has("what") || has("whats") || has("which") {
        return Question::What;
    }
    // "Can you ...?" is a polite request; "can I ...?" is a question.
    match words {
        [first, second, ..] if AUXILIARIES.contains(&first.as_str()) && second != "you" => Question::YesNo,
        _ => Question::Request,
    }
}

/// Singular and infinitive, roughly: what is left need not be a word, only the same for both forms.
fn stem(word: String) -> String {
    if !word.is_ascii() || word.len() < 4 || word == "https" || word.contains(['_', '.', '/']) {
        return word;
    }
    for (ending, instead) in [("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() >= 2
        {
            return format!("{stem}{instead}");
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word,
    }
}

enum Kind {
    Filler,
    Marker,
    Negator,
}

struct Lists {
    kinds: HashMap<&'static str, Kind>,
    numbers: HashMap<&'static str, &'static str>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let mut kinds = HashMap::new();
    kinds.extend(entries(include_str!("words/fillers.txt")).map(|word| (word, Kind::Filler)));
    kinds.extend(entries(include_str!("words/markers.txt")).map(|word| (word, Kind::Marker)));
    kinds.extend(entries(include_str!("words/negators.txt")).map(|word| (word, Kind::Negator)));
    let numbers = lines(include_str!("words/numbers.txt")).filter_map(|line| line.split_once(' ')).collect();
    Lists { kinds, numbers }
});

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

fn entries(list: &'static str) -> impl Iterator<Item = &'static str> {
    lines(list).flat_map(str::split_whitespace)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
