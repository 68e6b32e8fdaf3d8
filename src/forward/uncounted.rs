//! Streams of Chat Completions whose provider counts only when it is asked to. It is asked on behalf of a client that
//! did not ask, and what comes of it is taken out of the client's answer again.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::body::{Edits, Json};

/// The most that is held back of an event, in bytes. The one that counts has a few hundred.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// What stays allocated between two events, in bytes.
const IDLE_BYTES: usize = 64 * 1024;

/// The body of a Chat Completions request, with `stream_options.include_usage` set; no other byte is changed. Nothing
/// where it is set already, where the answer is no stream, or where the body cannot be changed without guessing.
/// <https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options>
#[must_use]
pub fn ask(body: &[u8]) -> Option<Vec<u8>> {
    const ASKED: &str = r#"{"include_usage":true}"#;
    let request = Json::read(body)?;
    let fields = request.fields()?;
    if only(&fields, "stream")?.raw() != "true" {
        return None;
    }
    let mut edits = Edits::default();
    match only_or_none(&fields, "stream_options")? {
        None => edits.add_field(request, "stream_options", ASKED),
        Some(options) if options.raw() == "null" => edits.set(options, ASKED),
        Some(options) => match only_or_none(&options.fields()?, "include_usage")? {
            None => edits.add_field(options, "include_usage", "true"),
            Some(asked) if matches!(asked.raw(), "false" | "null") => edits.set(asked, "true"),
            Some(_) => return None,
        },
    }
    Some(edits.apply(body))
}

/// A field that is there once.
fn only<'a>(fields: &[(String, Json<'a>)], name: &str) -> Option<Json<'a>> {
    only_or_none(fields, name)?
}

/// A field that is there once, or not at all. Of two with one name, nobody knows which one the provider reads.
fn only_or_none<'a>(fields: &[(String, Json<'a>)], name: &str) -> Option<Option<Json<'a>>> {
    let mut found = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| *value);
    let first = found.next();
    found.next().is_none().then_some(first)
}

/// Takes the count out of a stream whose client did not ask for it: the event whose chunk has no choices and a usage.
/// Every other byte passes as it came, and an event is held back only until it is clear that it is another one.
#[derive(Debug, Default)]
pub struct Unasked {
    events: Events,
    held: Vec<u8>,
    /// What is held is more than comments, which belong to no event.
    in_event: bool,
    /// The last event was taken out; a line feed that follows is the end of its empty line.
    taken_out: bool,
}

impl Unasked {
    /// Takes the next bytes of the stream and returns those that are for the client by now.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(self.held.len() + bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            let (came, taken);
            (came, taken, rest) = self.events.take(rest);
            if std::mem::take(&mut self.taken_out) && came == Came::LineFeed {
                continue;
            }
            self.held.extend_from_slice(taken);
            if self.passes(came) {
                passed.append(&mut self.held);
            }
        }
        passed
    }

    /// Whether what is held may pass now.
    fn passes(&mut self, came: Came) -> bool {
        match came {
            Came::Event => {
                self.taken_out = counts_alone(self.events.data());
                if self.taken_out {
                    self.held.clear();
                }
                self.in_event = false;
                self.events.begin_next();
                return true;
            }
            Came::Line => self.in_event = true,
            Came::Part | Came::Comment | Came::LineFeed => {}
        }
        let data = self.events.data().trim_ascii_start();
        let is_other = data.first().is_some_and(|&byte| byte != b'{');
        if is_other || self.held.len() > MAX_HELD_BYTES {
            self.events.let_go();
        }
        self.events.is_let_go() || (!self.in_event && came != Came::Part)
    }

    /// The stream has ended: what was held back and is for the client after all.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        // Some clients read an event that lacks its empty line.
        self.events.take(b"\n");
        if counts_alone(self.events.data()) { Vec::new() } else { self.held }
    }
}

/// Whether an event is there for the count alone. The first chunk of Azure has no choices either, and no usage.
fn counts_alone(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: Option<IgnoredAny>,
    }
    let chunk: Option<Chunk> = serde_json::from_slice(data).ok();
    data.trim_ascii_start().starts_with(b"{")
        && chunk.is_some_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

/// The event of a stream that is under way (WHATWG HTML, section 9.2.6), as far as its data goes. Other than
/// [`crate::protocol::sse::Parser`], it says what became of each byte, and it goes on after an event that was too long.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    line_bytes: usize,
    data: Vec<u8>,
    has_data: bool,
    let_go: bool,
    after_cr: bool,
    begun: bool,
}

/// What some bytes of a stream were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A part of a line, or all of it but its end.
    Part,
    /// The end of a comment.
    Comment,
    /// The end of another line.
    Line,
    /// The empty line that ends an event.
    Event,
    /// The second byte of the last line's `\r\n`.
    LineFeed,
}

impl Events {
    /// Takes bytes, which may not be none, up to the end of a line. Gives what they were, themselves, and the others.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> (Came, &'a [u8], &'a [u8]) {
        if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
            let (feed, rest) = bytes.split_at(1);
            return (Came::LineFeed, feed, rest);
        }
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
            self.line_bytes += bytes.len();
            if !self.let_go {
                self.line.extend_from_slice(bytes);
            }
            return (Came::Part, bytes, &[]);
        };
        let (taken, rest) = bytes.split_at(end + 1);
        self.after_cr = taken.ends_with(b"\r");
        self.line_bytes += end;
        (self.end_line(bytes.split_at(end).0), taken, rest)
    }

    fn end_line(&mut self, last_part: &[u8]) -> Came {
        let is_empty = std::mem::take(&mut self.line_bytes) == 0;
        if self.let_go {
            return if is_empty { Came::Event } else { Came::Line };
        }
        let mut kept = std::mem::take(&mut self.line);
        let mut line = last_part;
        if !kept.is_empty() {
            kept.extend_from_slice(last_part);
            line = &kept;
        }
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let came = match line.first() {
            None => Came::Event,
            Some(b':') => Came::Comment,
            Some(_) => Came::Line,
        };
        let value = line.strip_prefix(b"data").filter(|value| value.is_empty() || value.starts_with(b":"));
        if let Some(value) = value.map(|value| value.strip_prefix(b":").unwrap_or(value)) {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
        kept.clear();
        self.line = kept;
        came
    }

    /// The data so far, its lines joined by newlines.
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Keeps nothing of this event any more, and has no data of it.
    pub(super) fn let_go(&mut self) {
        self.begin_next();
        self.line.clear();
        self.line.shrink_to(IDLE_BYTES);
        self.let_go = true;
    }

    /// Whether the event was let go.
    pub(super) fn is_let_go(&self) -> bool {
        self.let_go
    }

    /// After an event: begins with the next one.
    pub(super) fn begin_next(&mut self) {
        self.data.clear();
        self.data.shrink_to(IDLE_BYTES);
        self.line.shrink_to(IDLE_BYTES);
        (self.has_data, self.let_go) = (false, false);
    }
}

#[cfg(test)]
#[path = "uncounted_tests.rs"]
mod tests;
