//! What of a text is the request, and what was pasted along with it.

use super::lexicon::{Lexicon, words_of};

/// The part of a text's beginning that is read, in bytes.
pub const HEAD_BYTES: usize = 16 * 1024;

/// The part of a text's end that is read, in bytes.
pub const TAIL_BYTES: usize = 4 * 1024;

/// A text of fewer words than this is all request, unless it is marked as a quotation.
const SHORT_WORDS: usize = 40;

/// An instruction that goes with a pasted text has at most this many words.
const INSTRUCTION_WORDS: usize = 40;

/// What is taken for a pasted text has at least this many words.
const PASSAGE_WORDS: usize = 20;

/// A quotation inside a line of at least this many words is a pasted text.
const QUOTED_WORDS: usize = 12;

/// A text in its parts, line by line, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What is asked. Paragraphs are parted by an empty line.
    pub request: Vec<&'a str>,
    /// What was quoted or pasted: the text that a task is done on.
    pub passage: Vec<&'a str>,
    /// Lines inside code fences.
    pub code: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    /// Adds a line of the request, and what it quotes to the passage.
    fn push_request(&mut self, line: &'a str) {
        let mut rest = line;
        while let Some((before, quoted, after)) = quotation(rest) {
            self.request.push(before);
            self.passage.push(quoted);
            rest = after;
        }
        if rest.len() == line.len() || !rest.is_empty() {
            self.request.push(rest);
        }
    }
}

/// The first long quotation of a line, with what goes before it and after it.
fn quotation(line: &str) -> Option<(&str, &str, &str)> {
    let open = line.find(['"', '\u{201c}'])?;
    let (before, marked) = line.split_at_checked(open)?;
    let marked = marked.trim_start_matches(['"', '\u{201c}']);
    let (quoted, after) = marked.split_once(['"', '\u{201d}'])?;
    if words_of(quoted).count() >= QUOTED_WORDS { Some((before, quoted, after)) } else { None }
}

/// The beginning and the end of a text, and all of it when it is short. The second part is empty then.
#[must_use]
pub fn bounded(text: &str) -> (&str, &str) {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return (text, "");
    }
    let head = text.floor_char_boundary(HEAD_BYTES);
    let tail = text.ceil_char_boundary(text.len() - TAIL_BYTES);
    (text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default())
}

/// Takes a text apart. Fences, quotation marks of blocks and tags mark a pasted text by themselves; without them, an
/// instruction such as "Summarize this:" makes what follows or went before a pasted text. After another instruction,
/// such as "Review this:", what follows is the problem itself, so it stays part of the request.
#[must_use]
pub fn parts<'a>(head: &'a str, tail: &'a str, lexicon: &Lexicon) -> Parts<'a> {
    let mut parts = Parts::default();
    let mut inside = Inside::Request;
    for line in head.lines().chain(tail.lines()) {
        let trimmed = line.trim();
        match inside.next(trimmed) {
            Place::Marker => {}
            Place::Code => parts.code.push(line),
            Place::Passage => parts.passage.push(line),
            Place::Request => parts.push_request(trimmed),
        }
    }
    if count(&parts.request) >= SHORT_WORDS {
        let after = cut_after_instruction(&parts.request, lexicon);
        if let Some((request, passage)) = after.or_else(|| cut_before_instruction(&parts.request, lexicon)) {
            parts.request = request;
            parts.passage.extend(passage);
        }
    }
    parts
}

/// The number of words in some lines.
pub fn count(lines: &[&str]) -> usize {
    lines.iter().map(|line| words_of(line).count()).sum()
}

/// Where a line of a text is.
enum Place {
    Marker,
    Code,
    Passage,
    Request,
}

/// What the line before left open.
enum Inside<'a> {
    Request,
    Fence(&'static str),
    Quotes,
    Tag(&'a str),
}

impl<'a> Inside<'a> {
    fn next(&mut self, line: &'a str) -> Place {
        match self {
            Self::Fence(fence) if line.starts_with(*fence) => *self = Self::Request,
            Self::Fence(_) => return Place::Code,
            Self::Quotes if line.ends_with("\"\"\"") => *self = Self::Request,
            Self::Tag(name) if line.strip_prefix("</").and_then(|rest| rest.strip_suffix('>')) == Some(*name) => {
                *self = Self::Request;
            }
            Self::Quotes | Self::Tag(_) => return Place::Passage,
            Self::Request => return self.open(line),
        }
        Place::Marker
    }

    fn open(&mut self, line: &'a str) -> Place {
        if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| line.starts_with(fence)) {
            *self = Self::Fence(fence);
        } else if line == "\"\"\"" {
            *self = Self::Quotes;
        } else if let Some(name) = tag(line) {
            *self = Self::Tag(name);
        } else if line.starts_with('>') {
            return Place::Passage;
        } else {
            return Place::Request;
        }
        Place::Marker
    }
}

/// The name of an opening tag that stands alone on its line.
fn tag(line: &str) -> Option<&str> {
    let name = line.strip_prefix('<')?.strip_suffix('>')?;
    (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')).then_some(name)
}

type Cut<'a> = (Vec<&'a str>, Vec<&'a str>);

/// "Summarize this: ..." or "Summarize this.", an empty line, and the text; a last paragraph that asks again ("Keep it
/// under 50 words.") belongs to the request.
fn cut_after_instruction<'a>(lines: &[&'a str], lexicon: &Lexicon) -> Option<Cut<'a>> {
    let first = lines.iter().position(|line| !line.is_empty())?;
    let line = *lines.get(first)?;
    let rest = lines.get(first + 1..)?;
    let (ask, pasted) = match line.split_once(": ") {
        Some((ask, pasted)) => (ask, pasted),
        None if line.ends_with(':') || rest.first().is_none_or(|next| next.is_empty()) => (line, ""),
        None => return None,
    };
    let asks = words_of(ask).count() <= INSTRUCTION_WORDS && lexicon.asks_on_text(ask);
    if !asks || words_of(pasted).count() + count(rest) < PASSAGE_WORDS {
        return None;
    }
    let (body, last) = last_paragraph(rest);
    let asks_again = !body.is_empty() && count(last) <= INSTRUCTION_WORDS && lexicon.asks_on_text(&last.join(" "));
    let (body, last) = if asks_again { (body, last) } else { (rest, &[][..]) };
    let request = std::iter::once(ask).chain(last.iter().copied()).collect();
    Some((request, std::iter::once(pasted).chain(body.iter().copied()).collect()))
}

/// The text, an empty line, and "Summarize the text above."
fn cut_before_instruction<'a>(lines: &[&'a str], lexicon: &Lexicon) -> Option<Cut<'a>> {
    let (body, last) = last_paragraph(lines);
    let asks = count(last) <= INSTRUCTION_WORDS && lexicon.asks_on_text(&last.join(" "));
    (asks && count(body) >= PASSAGE_WORDS).then(|| (last.to_vec(), body.to_vec()))
}

/// The lines before the last empty line, and those after it.
fn last_paragraph<'s, 'a>(lines: &'s [&'a str]) -> (&'s [&'a str], &'s [&'a str]) {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let lines = lines.get(..end).unwrap_or_default();
    match lines.iter().rposition(|line| line.is_empty()) {
        Some(gap) => (lines.get(..gap).unwrap_or_default(), lines.get(gap + 1..).unwrap_or_default()),
        None => (&[], lines),
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
