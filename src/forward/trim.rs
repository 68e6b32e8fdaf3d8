//! Whitespace that says nothing, taken out of what the user says last: at the ends of lines, in runs of blank lines and
//! around the whole text. Code stays as it is, and so does all that a provider may have in its prefix cache: earlier
//! turns, the system prompt and the tools.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::canonical::Api;
use crate::forward::body::{Edits, Json, quoted};

/// Trims the texts of the last turn, when it is the user's, by changes to the body. Gives the bytes of text that this
/// saves. A text that would become empty is left, and so is one with a carriage return inside a line.
pub fn trim(body: Json<'_>, api: Api, edits: &mut Edits) -> usize {
    let turns = match api {
        Api::ChatCompletions | Api::Messages => body.get("messages"),
        Api::Responses => body.get("input"),
        Api::Embeddings => None,
    };
    let Some(turns) = turns else { return 0 };
    if api == Api::Responses && turns.is_text() {
        return trim_parts(&[Some(turns)], edits);
    }
    let last = turns.items().and_then(|items| items.last().copied());
    let users = last.filter(|turn| turn.get("role").and_then(Json::text).as_deref() == Some("user"));
    let Some(content) = users.and_then(|turn| turn.get("content")) else { return 0 };
    if content.is_text() {
        return trim_parts(&[Some(content)], edits);
    }
    let kind = if api == Api::Responses { "input_text" } else { "text" };
    let parts: Vec<Option<Json<'_>>> =
        content.items().unwrap_or_default().iter().map(|part| text(*part, kind)).collect();
    trim_parts(&parts, edits)
}

/// The text of a part; nothing when it is another kind of part.
fn text<'a>(part: Json<'a>, kind: &str) -> Option<Json<'a>> {
    let is_text = part.get("type").and_then(Json::text).as_deref() == Some(kind);
    part.get("text").filter(|text| is_text && text.is_text())
}

/// Trims the texts among the parts of a turn. A model reads them as one, so only the first may lose its beginning and
/// only the last its end, and code that one leaves open goes on in the next.
fn trim_parts(parts: &[Option<Json<'_>>], edits: &mut Edits) -> usize {
    let mut saved = 0;
    for (index, part) in parts.iter().enumerate() {
        let Some((written, old)) = part.and_then(|part| part.text().map(|text| (part, text))) else { continue };
        let lines = Lines::of(&old);
        let new = lines.trimmed(index == 0, index + 1 == parts.len());
        if new.len() < old.len() && !new.is_empty() {
            saved += old.len() - new.len();
            edits.set(written, quoted(&new));
        }
        if lines.is_open {
            break;
        }
    }
    saved
}

/// What a line of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing but spaces and tabs.
    Blank,
    /// Part of a block of code, or in doubt.
    Code,
    /// Anything else.
    Prose,
}

/// A text by its lines, each with its line end.
struct Lines<'a> {
    lines: Vec<(&'a str, Kind)>,
    /// Code is still open at the end.
    is_open: bool,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut lines: Vec<(&str, Kind)> = Vec::new();
        // Markdown ends a line at a carriage return too; such a text is rare enough to be left.
        let is_odd = text.replace("\r\n", "\n").contains('\r');
        let mut fence = if is_odd { Fence::ToTheEnd } else { Fence::Closed };
        for line in text.split_inclusive('\n') {
            let bare = content(line);
            let kind = match fence {
                Fence::ToTheEnd => Kind::Code,
                Fence::Open(mark, length) => {
                    fence = if closes(bare, mark, length) { Fence::Closed } else { fence };
                    Kind::Code
                }
                Fence::Closed if is_blank(bare) => Kind::Blank,
                Fence::Closed => {
                    fence = Fence::opened_by(bare);
                    let before = lines.last().map_or(Kind::Blank, |(_, kind)| *kind);
                    // Indented lines go on with a paragraph, but not with code, fenced or not.
                    let is_code = indent(bare) >= 4 && before != Kind::Prose;
                    if is_code || fence != Fence::Closed { Kind::Code } else { Kind::Prose }
                }
            };
            lines.push((line, kind));
        }
        join_code(&mut lines);
        Self { lines, is_open: fence != Fence::Closed }
    }

    /// The text without its empty whitespace; `begins` and `ends` say whether it may lose some there.
    fn trimmed(&self, begins: bool, ends: bool) -> String {
        let mut made = String::new();
        let said = |(_, kind): &(&str, Kind)| *kind != Kind::Blank;
        let first = self.lines.iter().position(said).unwrap_or(self.lines.len());
        let last = self.lines.iter().rposition(said).unwrap_or(0);
        let spans = self.inline_code();
        let mut at = 0;
        for (index, (line, kind)) in self.lines.iter().enumerate() {
            let bare = content(line);
            let rest = line.get(bare.len()..).unwrap_or_default();
            let end = at + bare.len();
            let is_edge = index < first || index > last;
            let may_go = if index < first { begins } else { ends };
            match kind {
                Kind::Code => made.push_str(line),
                Kind::Blank if is_edge && may_go => {}
                Kind::Blank if is_edge => made.push_str(line),
                // Of several blank lines the first is kept.
                Kind::Blank if index > 0 && self.lines.get(index - 1).is_some_and(|before| !said(before)) => {}
                Kind::Blank => made.push_str(rest),
                // What stands before the next part of the turn may be the space between two words.
                Kind::Prose if rest.is_empty() && !ends => made.push_str(line),
                Kind::Prose if is_within(&spans, end) => made.push_str(line),
                Kind::Prose => {
                    made.push_str(bare.trim_end_matches([' ', '\t']));
                    made.push_str(rest);
                }
            }
            at += line.len();
        }
        made
    }

    /// The spans of code within prose, in bytes of the text. They end with their paragraph (`CommonMark` 0.31, 6.1).
    fn inline_code(&self) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let (mut start, mut paragraph) = (0, String::new());
        for (line, kind) in &self.lines {
            if *kind != Kind::Prose {
                spans.extend(inline_spans(&paragraph, start));
                start += paragraph.len() + line.len();
                paragraph.clear();
            } else {
                paragraph.push_str(line);
            }
        }
        spans.extend(inline_spans(&paragraph, start));
        spans
    }
}

/// Whether one of the spans, which are in order, holds this place.
fn is_within(spans: &[Range<usize>], place: usize) -> bool {
    spans.get(spans.partition_point(|span| span.end <= place)).is_some_and(|span| span.contains(&place))
}

/// Makes the blank lines within indented code a part of it.
fn join_code(lines: &mut [(&str, Kind)]) {
    let mut before: Option<usize> = None;
    for index in 0..lines.len() {
        let Some((line, kind)) = lines.get(index).copied() else { return };
        let is_indented = kind == Kind::Code && indent(content(line)) >= 4;
        if let Some(gap) = before.filter(|_| is_indented).and_then(|before| lines.get_mut(before + 1..index)) {
            gap.iter_mut().for_each(|(_, kind)| *kind = Kind::Code);
        }
        match kind {
            Kind::Blank => {}
            Kind::Code => before = Some(index),
            Kind::Prose => before = None,
        }
    }
}

/// A line without its line end.
fn content(line: &str) -> &str {
    let bare = line.strip_suffix('\n').unwrap_or(line);
    if bare.len() < line.len() { bare.strip_suffix('\r').unwrap_or(bare) } else { bare }
}

fn is_blank(bare: &str) -> bool {
    bare.chars().all(|char| char == ' ' || char == '\t')
}

/// How far a line is indented, in columns; a tab goes on to the next multiple of four.
fn indent(bare: &str) -> usize {
    let blanks = bare.chars().take_while(|char| *char == ' ' || *char == '\t');
    blanks.fold(0, |column, char| if char == '\t' { column / 4 * 4 + 4 } else { column + 1 })
}

/// Whether a fenced block of code is open (`CommonMark` 0.31, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fence {
    Closed,
    /// With this mark, this many times.
    Open(char, usize),
    /// Within a list or a quotation, whose end is hard to tell: all that follows is left as it is.
    ToTheEnd,
}

impl Fence {
    /// What is open after a line of prose.
    fn opened_by(bare: &str) -> Self {
        let (text, is_nested) = unnested(bare);
        let Some(mark) = text.chars().next().filter(|mark| ['`', '~'].contains(mark)) else { return Self::Closed };
        let length = text.chars().take_while(|char| *char == mark).count();
        // Three backticks with more of them later in the line are code within the line.
        let is_inline = mark == '`' && text.get(length..).is_some_and(|info| info.contains('`'));
        match length {
            0..3 => Self::Closed,
            _ if is_inline => Self::Closed,
            _ if is_nested => Self::ToTheEnd,
            _ => Self::Open(mark, length),
        }
    }
}

/// Whether a line closes a fence.
fn closes(bare: &str, mark: char, length: usize) -> bool {
    let text = bare.trim_matches([' ', '\t']);
    indent(bare) < 4 && text.chars().all(|char| char == mark) && text.len() >= length
}

/// A line without its indentation, marks of quotations and marks of list items, and whether it has any of these that
/// puts it into another block.
fn unnested(bare: &str) -> (&str, bool) {
    let mut text = bare.trim_start_matches([' ', '\t']);
    let mut is_nested = indent(bare) >= 4;
    while let Some(inner) = text.strip_prefix('>').or_else(|| in_list(text)) {
        text = inner.trim_start_matches([' ', '\t']);
        is_nested = true;
    }
    (text, is_nested)
}

/// What a list item says on its first line; nothing when it is none.
fn in_list(text: &str) -> Option<&str> {
    let ordered = text.trim_start_matches(|char: char| char.is_ascii_digit());
    let marks: &[char] = if ordered.len() < text.len() { &['.', ')'] } else { &['-', '+', '*'] };
    ordered.strip_prefix(marks).filter(|rest| rest.starts_with([' ', '\t']))
}

/// The spans of code in a paragraph that begins at `start`: from a run of backticks to the next one of the same length.
fn inline_spans(paragraph: &str, start: usize) -> Vec<Range<usize>> {
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let bytes = paragraph.as_bytes();
    let run_at = |at: usize| bytes.iter().skip(at).take_while(|byte| **byte == b'`').count();
    let mut at = 0;
    while at < bytes.len() {
        let run = run_at(at);
        if run > 0 {
            by_length.entry(run).or_default().push(at);
        }
        at += run.max(1);
    }
    let mut spans = Vec::new();
    at = 0;
    while let Some(byte) = bytes.get(at) {
        let run = run_at(at);
        let closers = by_length.get(&run).map(Vec::as_slice).unwrap_or_default();
        let closer = closers.get(closers.partition_point(|closer| *closer < at + run));
        match (byte, closer) {
            (b'\\', _) => at += 2,
            (b'`', Some(closer)) => {
                spans.push(start + at..start + closer + run);
                at = closer + run;
            }
            _ => at += run.max(1),
        }
    }
    spans
}

#[cfg(test)]
#[path = "trim_tests.rs"]
mod tests;
