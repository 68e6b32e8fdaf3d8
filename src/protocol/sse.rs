//! Server-sent events (WHATWG HTML, section 9.2), as far as LLM APIs use them: `event` and `data`.

use crate::canonical::NotKept;

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's name; empty when the stream gave none.
    pub name: String,
    /// Its `data` lines, joined by newlines.
    pub data: String,
}

/// Turns a byte stream, cut anywhere, into events. Memory is bounded: past `limit_bytes` of one unfinished event
/// the parser gives up for good and [`Parser::overflowed`] says so.
#[derive(Debug)]
pub struct Parser {
    limit_bytes: usize,
    line: Vec<u8>,
    after_cr: bool,
    first_line: bool,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    overflowed: bool,
}

impl Parser {
    /// A parser that holds at most `limit_bytes` of an event that is not complete yet.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            line: Vec::new(),
            after_cr: false,
            first_line: true,
            name: String::new(),
            data: Vec::new(),
            has_data: false,
            overflowed: false,
        }
    }

    /// Whether an event was larger than the limit. Nothing is parsed from then on.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Takes the next bytes and returns the events that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() && !self.overflowed {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
                self.keep(rest);
                break;
            };
            self.keep(&rest[..end]);
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
        events
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + self.data.len() + bytes.len() > self.limit_bytes {
            self.overflowed = true;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Reads one complete line; an empty one dispatches the event.
    fn end_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first_line) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data)
                .then(|| Event { name, data: String::from_utf8_lossy(&data).into_owned() });
        }
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (&line[..], &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            // `id` and `retry` steer a browser's reconnecting; an empty field name is a comment.
            _ => {}
        }
        None
    }
}

/// An upstream's stream on its way into a recorder: events, and no more bytes than an answer may have.
#[derive(Debug)]
pub struct Intake {
    parser: Parser,
    budget_bytes: usize,
}

impl Intake {
    /// An intake for streams of at most `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { parser: Parser::new(limit_bytes), budget_bytes: limit_bytes }
    }

    /// Takes the next bytes and returns the events that they complete.
    ///
    /// # Errors
    /// [`NotKept::TooLarge`] when the stream is larger than the limit.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, NotKept> {
        self.budget_bytes = self.budget_bytes.checked_sub(bytes.len()).ok_or(NotKept::TooLarge)?;
        let events = self.parser.feed(bytes);
        if self.parser.overflowed() { Err(NotKept::TooLarge) } else { Ok(events) }
    }
}

/// Writes one event with a name.
pub fn write_event(out: &mut Vec<u8>, name: &str, data: &str) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    write_data(out, data);
}

/// Writes one unnamed event.
pub fn write_data(out: &mut Vec<u8>, data: &str) {
    for line in data.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(events: Vec<Event>) -> Vec<String> {
        events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn a_stream_split_at_every_byte_gives_the_same_events() {
        let stream = "\u{feff}: ping\r\n\r\nevent: delta\r\ndata: {\"a\":\"é\"}\r\n\r\ndata: x\ndata: y\n\ndata:z\r\rdata: [DONE]\n\n";
        let whole = Parser::new(1000).feed(stream.as_bytes());
        assert_eq!(data(whole.clone()), ["{\"a\":\"é\"}", "x\ny", "z", "[DONE]"]);
        assert_eq!(whole[0].name, "delta");
        for cut in 0..=stream.len() {
            let mut parser = Parser::new(1000);
            let mut events = parser.feed(&stream.as_bytes()[..cut]);
            events.extend(parser.feed(&stream.as_bytes()[cut..]));
            assert_eq!(events, whole, "cut at byte {cut}");
        }
    }

    #[test]
    fn an_event_without_its_empty_line_is_not_dispatched() {
        assert!(Parser::new(1000).feed(b"data: almost\n").is_empty());
    }

    #[test]
    fn a_giant_line_ends_the_parsing_not_the_memory() {
        let mut parser = Parser::new(100);
        assert!(parser.feed(&[b'x'; 101]).is_empty());
        assert!(parser.overflowed());
        assert!(parser.feed(b"\n\ndata: late\n\n").is_empty());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = Vec::new();
        write_data(&mut out, "one\ntwo");
        write_data(&mut out, "[DONE]");
        assert_eq!(data(Parser::new(1000).feed(&out)), ["one\ntwo", "[DONE]"]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_events_and_no_panic(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()], 0..200),
            piece in 1usize..9,
        ) {
            let whole = Parser::new(10_000).feed(&bytes);
            let mut parser = Parser::new(10_000);
            let pieces: Vec<Event> = bytes.chunks(piece).flat_map(|part| parser.feed(part)).collect();
            prop_assert_eq!(pieces, whole);
        }
    }
}
