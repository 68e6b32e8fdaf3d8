//! What the guard knows about words, read once from the lists in `words/` and the embedder's vocabulary.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::refusal::Refusal;
use super::stem;

/// The lists, as they are looked up.
pub(super) struct Lexicon {
    /// Words of English, from the embedder's vocabulary and the lists.
    known: HashSet<&'static str>,
    /// Irregular forms and their base.
    pub(super) irregular: HashMap<&'static str, &'static str>,
    /// British spellings and their American one.
    pub(super) spelling: HashMap<&'static str, &'static str>,
    /// Words and phrases that stand for something, by their first word.
    terms: HashMap<String, Vec<Term>>,
    /// The families a key belongs to, by their number.
    families: HashMap<String, Vec<usize>>,
    /// What is known of a family.
    pub(super) family: Vec<Family>,
    opposites: HashSet<(String, String)>,
    /// Units by their spelling.
    pub(super) units: HashMap<&'static str, Unit>,
    /// Small words of other languages.
    pub(super) foreign: HashSet<&'static str>,
}

/// A word or phrase, and what it is compared as.
#[derive(Debug)]
pub(super) struct Term {
    /// The words behind the first.
    pub(super) rest: Vec<String>,
    pub(super) key: String,
    pub(super) role: Role,
    /// It is one only when written with a capital.
    pub(super) capital: bool,
}

/// What a word is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Grammar; the class of `words/light.txt`.
    Light(&'static str),
    Negation,
    /// Wrapping, unless another word stands in its place.
    Soft,
    Content,
}

/// A set of which a text names the one it is about.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) reason: Refusal,
    /// Two different members differ however the rest is worded.
    pub(super) hard: bool,
}

/// A unit: its dimension, its name, and how many of the dimension's base it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) dimension: &'static str,
    pub(super) name: &'static str,
    pub(super) factor: f64,
}

/// The lexicon that ships with this crate.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::load);

impl Lexicon {
    /// Whether this is an English word in its base form.
    pub(super) fn known(&self, word: &str) -> bool {
        self.known.contains(word)
    }

    /// The terms that begin with a word, the longest first.
    pub(super) fn terms(&self, first: &str) -> &[Term] {
        self.terms.get(first).map_or(&[], Vec::as_slice)
    }

    /// The families a key belongs to.
    pub(super) fn families(&self, key: &str) -> &[usize] {
        self.families.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether two keys are opposites.
    pub(super) fn opposite(&self, a: &str, b: &str) -> bool {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        self.opposites.contains(&if a < b { pair(a, b) } else { pair(b, a) })
    }

    fn load() -> Self {
        let mut lexicon = Self {
            known: include_str!("../../../models/embedder/vocab.txt")
                .lines()
                .filter(|w| !w.starts_with("##"))
                .collect(),
            irregular: inverted(include_str!("words/irregular.txt")),
            spelling: inverted(include_str!("words/spelling.txt")),
            terms: HashMap::new(),
            families: HashMap::new(),
            family: Vec::new(),
            opposites: HashSet::new(),
            units: units(include_str!("words/units.txt")),
            foreign: lines(include_str!("words/foreign.txt")).flat_map(str::split_whitespace).collect(),
        };
        for list in [include_str!("words/known.txt"), include_str!("words/confused.txt")] {
            lexicon.known.extend(lines(list).flat_map(str::split_whitespace));
        }
        for (class, words) in pairs(include_str!("words/light.txt")) {
            for word in words.split(", ") {
                lexicon.add(word, word, Role::Light(class));
            }
        }
        for word in lines(include_str!("words/negation.txt")).flat_map(|line| line.split(", ")) {
            lexicon.add(word, word, Role::Negation);
        }
        for group in lines(include_str!("words/equals.txt")) {
            let key = group.split(", ").next().unwrap_or_default();
            for word in group.split(", ") {
                lexicon.add(word, key, Role::Content);
            }
        }
        lexicon.load_families();
        for word in lines(include_str!("words/soft.txt")).flat_map(str::split_whitespace) {
            lexicon.soften(word);
        }
        for pair in lines(include_str!("words/opposites.txt")).flat_map(|line| line.split(", ")) {
            if let Some((a, b)) = pair.split_once('/') {
                let (a, b) = (lexicon.key_of(a), lexicon.key_of(b));
                lexicon.opposites.insert(if a < b { (a, b) } else { (b, a) });
            }
        }
        for terms in lexicon.terms.values_mut() {
            terms.sort_by_key(|term| std::cmp::Reverse((term.rest.len(), term.capital)));
        }
        lexicon
    }

    fn load_families(&mut self) {
        for (head, members) in pairs(include_str!("words/families.txt")) {
            let (name, rule) = head.split_once(' ').unwrap_or((head, "close"));
            let number = self.family.len();
            self.family.push(Family { reason: Refusal::of_family(name), hard: rule == "hard" });
            for member in members.split(", ") {
                let mut names = member.split('=');
                let first = names.next().unwrap_or_default();
                let capital = first.starts_with(|c: char| c.is_uppercase());
                let key = if capital { format!("{} *", first.to_lowercase()) } else { self.key_of(first) };
                for name in std::iter::once(first).chain(names) {
                    self.add(name, &key, Role::Content);
                }
                self.families.entry(key).or_default().push(number);
            }
        }
    }

    /// Adds a word or phrase unless it is there.
    fn add(&mut self, phrase: &str, key: &str, role: Role) {
        let capital = phrase.starts_with(|c: char| c.is_uppercase());
        let several = phrase.contains([' ', '-']);
        let words = phrase.split([' ', '-']).filter(|word| !word.is_empty()).map(str::to_lowercase);
        // A single word is looked up as it is written before its base is.
        let mut words: Vec<String> = words.map(|word| if several { stem::base(&word, self) } else { word }).collect();
        if words.is_empty() {
            return;
        }
        let first = words.remove(0);
        let rest = words;
        let terms = self.terms.entry(first).or_default();
        if !terms.iter().any(|term| term.rest == rest && term.capital == capital) {
            terms.push(Term { rest, key: key.to_owned(), role, capital });
        }
    }

    fn soften(&mut self, word: &'static str) {
        let terms = self.terms.entry(word.to_owned()).or_default();
        match terms.iter_mut().find(|term| term.rest.is_empty() && !term.capital) {
            Some(term) if term.role == Role::Content => term.role = Role::Soft,
            Some(_) => {}
            None => terms.push(Term { rest: Vec::new(), key: word.to_owned(), role: Role::Soft, capital: false }),
        }
    }

    /// What a word or phrase of a list is compared as.
    pub(super) fn key_of(&self, phrase: &str) -> String {
        let mut words = phrase.split([' ', '-']);
        let first = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let found = |first: &str| {
            let same = |term: &&Term| !term.capital && term.rest.iter().map(String::as_str).eq(rest.iter().copied());
            self.terms(first).iter().find(same).map(|term| term.key.clone())
        };
        let base = stem::base(first, self);
        found(first).or_else(|| found(&base)).unwrap_or_else(|| if rest.is_empty() { base } else { phrase.to_owned() })
    }
}

/// The lines of a list that are not comments.
pub(super) fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// The lines `name: rest` of a list.
pub(super) fn pairs(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    lines(list).filter_map(|line| line.split_once(": "))
}

/// The lines `base: form, form` of a list, from form to base.
fn inverted(list: &'static str) -> HashMap<&'static str, &'static str> {
    pairs(list).flat_map(|(base, forms)| forms.split(", ").map(move |form| (form, base))).collect()
}

fn units(list: &'static str) -> HashMap<&'static str, Unit> {
    let mut units = HashMap::new();
    for (dimension, line) in pairs(list) {
        let Some((name, spellings)) = line.split_once(" = ") else { continue };
        let Some((name, factor)) = name.rsplit_once(' ') else { continue };
        let unit = Unit { dimension, name, factor: factor.parse().unwrap_or(1.0) };
        units.extend(spellings.split(", ").map(|spelling| (spelling, unit)));
    }
    units
}

#[cfg(test)]
#[path = "lexicon_tests.rs"]
mod tests;
