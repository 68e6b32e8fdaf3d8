//! The word lists of `words.txt`, and which of them a line of text touches.

use std::collections::BTreeMap;

/// The list of words that name a text in the request.
const GIVEN_TEXT: &str = "given-text";

/// The list of words that begin a plain question.
const QUESTION: &str = "question-words";

/// What a list's words say about the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A task that small models get wrong.
    Hard,
    /// A task between.
    Middle,
    /// A task that any model does.
    Easy,
    /// An easy task that is done on a text which follows or went before.
    Text,
    /// The vocabulary of a field.
    Expert,
    /// Words that name no task.
    Plain,
    /// Words that only tell that a text is English; no feature.
    Known,
}

impl Side {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "hard" => Some(Self::Hard),
            "middle" => Some(Self::Middle),
            "easy" => Some(Self::Easy),
            "text" => Some(Self::Text),
            "expert" => Some(Self::Expert),
            "plain" => Some(Self::Plain),
            "known" => Some(Self::Known),
            _ => None,
        }
    }
}

/// One list: a feature's name, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The feature's name.
    pub name: &'static str,
    /// What its words say.
    pub side: Side,
}

/// A phrase that begins with a given stem: its other stems, and the list that it is in.
#[derive(Debug)]
struct Phrase {
    rest: Vec<&'static str>,
    list: usize,
}

/// All lists, ready for looking up.
#[derive(Debug)]
pub struct Lexicon {
    lists: Vec<List>,
    phrases: BTreeMap<&'static str, Vec<Phrase>>,
}

impl Lexicon {
    /// Reads lists in the format that the head of `words.txt` describes.
    ///
    /// # Errors
    /// The line that is not in the format.
    pub fn parse(text: &'static str) -> Result<Self, String> {
        let mut lexicon = Self { lists: Vec::new(), phrases: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let wrong = || format!("no `name side: words` in the line `{line}`");
            let (head, words) = line.split_once(": ").ok_or_else(wrong)?;
            let (name, side) = head.split_once(' ').ok_or_else(wrong)?;
            let list = lexicon.list(name, Side::parse(side).ok_or_else(wrong)?);
            for phrase in words.split(", ") {
                let mut stems = words_of(phrase).map(stem);
                let first = stems.next().ok_or_else(wrong)?;
                lexicon.phrases.entry(first).or_default().push(Phrase { rest: stems.collect(), list });
            }
        }
        Ok(lexicon)
    }

    fn list(&mut self, name: &'static str, side: Side) -> usize {
        self.lists.iter().position(|list| list.name == name).unwrap_or_else(|| {
            self.lists.push(List { name, side });
            self.lists.len() - 1
        })
    }

    /// The lists, in the order of their first line.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Calls `found` with the number of each list that a line touches, in reading order. At each place the longest
    /// phrase counts, for every list that has it, and the words in it count no further.
    pub fn scan(&self, line: &str, mut found: impl FnMut(usize)) {
        let lower = line.to_lowercase();
        let stems: Vec<&str> = words_of(&lower).map(stem).collect();
        let mut rest = stems.as_slice();
        while let Some((first, after)) = rest.split_first() {
            let here = self.phrases.get(first).map_or(&[][..], Vec::as_slice);
            let fits = |phrase: &&Phrase| after.starts_with(&phrase.rest);
            let longest = here.iter().filter(fits).map(|phrase| phrase.rest.len()).max();
            here.iter().filter(fits).filter(|phrase| Some(phrase.rest.len()) == longest).for_each(|p| found(p.list));
            rest = after.get(longest.unwrap_or(0)..).unwrap_or_default();
        }
    }

    /// Whether a line asks for an easy task on a text that stands beside it: it names such a task, or it names a text
    /// and asks a plain question about it; and it names no hard task.
    #[must_use]
    pub fn asks_on_text(&self, line: &str) -> bool {
        let (mut task, mut hard, mut text, mut asks) = (false, false, false, false);
        self.scan(line, |list| {
            let Some(list) = self.lists.get(list) else { return };
            task |= list.side == Side::Text;
            hard |= list.side == Side::Hard;
            text |= list.name == GIVEN_TEXT;
            asks |= list.side == Side::Easy || list.name == QUESTION;
        });
        !hard && (task || (text && asks))
    }
}

/// The words of a text: runs of letters and digits, an apostrophe inside dropped with what follows it ("what's").
pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '\u{2019}')
        .map(|word| word.trim_matches(['\'', '\u{2019}']))
        .map(|word| word.split(['\'', '\u{2019}']).next().unwrap_or(word))
        .filter(|word| !word.is_empty())
}

/// A word without its English inflection. Crude, and the same for the lists and for the text, which is what matters.
#[must_use]
pub fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 6] = ["ies", "ing", "es", "ed", "s", "e"];
    let cut = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.chars().count() >= 3));
    let base = cut.unwrap_or(word);
    let base = if base.chars().count() > 3 { base.strip_suffix(['y', 'e']).unwrap_or(base) } else { base };
    let mut ends = base.chars().rev();
    match (ends.next(), ends.next(), ends.next(), ends.next()) {
        (Some(last), Some(before), Some(_), Some(_)) if last == before => base.strip_suffix(last).unwrap_or(base),
        _ => base,
    }
}

#[cfg(test)]
#[path = "lexicon_tests.rs"]
mod tests;
