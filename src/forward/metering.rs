//! Listening to an answer on its way to the client for what was used. A provider bills an answer that broke off or that
//! its client did not wait for, so a meter knows at any time what was used so far.
//!
//! Where the provider has counted, its numbers hold. Where it has not, or not yet, they are estimated:
//!
//! - The input is a token for four bytes of the prompt, unless the provider has told it already, as Anthropic's first
//!   event does.
//! - The output is the larger of two counts: the pieces with text that came, for no provider sends less than a token at
//!   a time, and a token for four bytes of text, for several send more. What a piece holds beside its text (ids, the
//!   model's name, padding) is often ten times as long and differs from provider to provider, so a fixed deduction
//!   would be wrong for most: only the text itself is measured, by finding the `delta` and skimming its strings.
//!
//! What a model thinks and does not send is in no estimate.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::uncounted::{Came, Events};
use super::usage;
use crate::canonical::Usage;

/// The most that is kept of one event, in bytes. A longer one is passed over.
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of text that are about one token.
const BYTES_PER_TOKEN: u64 = 4;

/// The fields that hold what a provider counted, as [`usage::read`] knows them.
const COUNTS: [&str; 3] = ["usage", "usageMetadata", "timings"];

/// The fields of a piece or a body that hold what a model wrote.
const WRITTEN: [&[u8]; 9] = [
    b"arguments",
    b"content",
    b"partial_json",
    b"reasoning",
    b"reasoning_content",
    b"refusal",
    b"text",
    b"thinking",
    b"transcript",
];

/// What an answer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The tokens.
    pub usage: Usage,
    /// Some of them are an estimate, for the provider did not count to the end.
    pub estimated: bool,
    /// It is a body that is no complete JSON, or one too long to be kept, so that nobody knows how much there was to come.
    pub cut: bool,
    /// The provider has told the input.
    pub input_told: bool,
}

/// Listens to one answer.
#[derive(Clone, Debug)]
pub struct Meter {
    prompt_bytes: usize,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    Body(Body),
    Stream(Stream),
}

impl Meter {
    /// A meter for an answer that is one JSON body. `prompt_bytes`: the length of what was asked. `most_bytes`: how much of
    /// it is kept; a longer one is estimated.
    #[must_use]
    pub fn body(prompt_bytes: usize, most_bytes: usize) -> Self {
        Self { prompt_bytes, answer: Answer::Body(Body { most_bytes, ..Body::default() }) }
    }

    /// A meter for an answer that is a stream of server-sent events. `prompt_bytes`: the length of what was asked.
    #[must_use]
    pub fn stream(prompt_bytes: usize) -> Self {
        Self { prompt_bytes, answer: Answer::Stream(Stream::default()) }
    }

    /// Listens to the next bytes, however the answer is cut.
    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.answer {
            Answer::Body(body) => body.feed(bytes),
            Answer::Stream(stream) => stream.feed(bytes),
        }
    }

    /// What was used, be the answer complete or not. `headers`: those of the answer.
    #[must_use]
    pub fn finish(self, headers: &[(String, String)]) -> Metered {
        let Tally { told, settled, cut, pieces, text_bytes } = match self.answer {
            Answer::Body(body) => body.finish(),
            Answer::Stream(stream) => stream.finish(),
        };
        let told = usage::read(&told, headers).filter(is_counted);
        if let (Some(usage), true) = (told, settled) {
            return Metered { usage, estimated: false, cut: false, input_told: true };
        }
        let told = told.unwrap_or_default();
        let input_told = told.input() > 0;
        let uncached = if input_told { told.uncached } else { tokens(self.prompt_bytes as u64) };
        let output = told.output.max(pieces).max(tokens(text_bytes));
        Metered { usage: Usage { uncached, output, ..told }, estimated: true, cut, input_told }
    }
}

/// Some engines fill in zeros where they have not counted.
fn is_counted(usage: &Usage) -> bool {
    *usage != Usage::default()
}

fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// What is known of an answer so far.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// What the provider counted: an object with some of [`COUNTS`], or nothing.
    told: Value,
    /// The provider has said its last word on it.
    settled: bool,
    /// It is a body of which more was to come.
    cut: bool,
    /// Events with text in them.
    pieces: u64,
    text_bytes: u64,
}

/// A whole body. It is kept, for its usage may stand anywhere in it.
#[derive(Clone, Debug, Default)]
struct Body {
    most_bytes: usize,
    kept: Vec<u8>,
    /// It was longer than what is kept, and so much text was in the beginning of it.
    overgrown: Option<u64>,
}

impl Body {
    fn feed(&mut self, bytes: &[u8]) {
        if self.overgrown.is_some() {
            return;
        }
        if self.kept.len() + bytes.len() > self.most_bytes {
            let kept = std::mem::take(&mut self.kept);
            self.overgrown = Some(text_bytes(&kept));
        } else {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn finish(self) -> Tally {
        let told = counts_of_body(&self.kept).filter(|told| usage::read(told, &[]).is_some_and(|it| is_counted(&it)));
        let text_bytes = if told.is_some() { 0 } else { self.overgrown.unwrap_or_else(|| text_bytes(&self.kept)) };
        let whole = || self.overgrown.is_none() && serde_json::from_slice::<IgnoredAny>(&self.kept).is_ok();
        let cut = told.is_none() && !whole();
        Tally { settled: told.is_some(), told: told.unwrap_or_default(), cut, pieces: 0, text_bytes }
    }
}

/// The fields of [`COUNTS`], read without building the rest of the body.
#[derive(Deserialize)]
struct Counted {
    usage: Option<Value>,
    #[serde(rename = "usageMetadata")]
    usage_metadata: Option<Value>,
    timings: Option<Value>,
}

fn counts_of_body(body: &[u8]) -> Option<Value> {
    // A list would be read as if it were the fields in their order.
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    let Counted { usage, usage_metadata, timings } = is_object.then(|| serde_json::from_slice(body).ok()).flatten()?;
    counts(COUNTS.into_iter().zip([usage, usage_metadata, timings]))
}

/// What was counted, if these fields hold any of it.
fn counts(fields: impl Iterator<Item = (&'static str, Option<Value>)>) -> Option<Value> {
    let held = fields.filter_map(|(name, value)| Some((name.to_owned(), value.filter(Value::is_object)?)));
    let told = Value::Object(held.collect());
    usage::read(&told, &[]).map(|_| told)
}

/// A stream of server-sent events.
#[derive(Clone, Debug, Default)]
struct Stream {
    events: Events,
    /// The length of the event that is under way.
    event_bytes: usize,
    tally: Tally,
}

impl Stream {
    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (came, taken);
            (came, taken, rest) = self.events.take(rest);
            self.event_bytes += taken.len();
            if came == Came::Event {
                self.tally.hear(self.events.data());
                self.events.begin_next();
                self.event_bytes = 0;
            } else if self.event_bytes > MAX_KEPT_BYTES {
                self.events.let_go();
            }
        }
    }

    fn finish(mut self) -> Tally {
        // A client may not act on an event without its empty line, but it tells what was used all the same.
        self.events.take(b"\n");
        self.tally.hear(self.events.data());
        self.tally
    }
}

impl Tally {
    /// Hears the data of one event.
    fn hear(&mut self, data: &[u8]) {
        if data.trim_ascii() == b"[DONE]" {
            self.settled = true;
            return;
        }
        let (text_bytes, counts) = listen(data);
        if text_bytes > 0 {
            self.pieces += 1;
            self.text_bytes += text_bytes;
            // One of several choices goes on after another one has ended.
            self.settled = false;
        }
        if counts && let Ok(event) = serde_json::from_slice(data) {
            self.count(&event);
        }
    }

    /// Takes what an event counts. Counts are cumulative in every API, so the last ones hold. Anthropic tells the input
    /// when it starts and leaves out at the end what has not changed.
    /// <https://docs.anthropic.com/en/docs/build-with-claude/streaming>
    fn count(&mut self, event: &Value) {
        // The Responses API, Anthropic's first event, everybody else, and Groq when it was not asked to count.
        let holders = [event.get("response"), event.get("message"), Some(event), event.get("x_groq")];
        let told = |holder: &Value| counts(COUNTS.into_iter().map(|name| (name, holder.get(name).cloned())));
        let Some(told) = holders.into_iter().flatten().find_map(told) else { return };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        match (usage_of(&mut self.told), told) {
            (Some(known), mut told) if kind == "message_delta" => {
                let new = usage_of(&mut told).map(std::mem::take).unwrap_or_default();
                known.extend(new.into_iter().filter(|(_, value)| !value.is_null()));
            }
            (_, told) => self.told = told,
        }
        self.settled = is_last(event, kind);
    }
}

fn usage_of(told: &mut Value) -> Option<&mut Map<String, Value>> {
    told.get_mut("usage").and_then(Value::as_object_mut)
}

/// Whether nothing that counts comes after an event that counted.
fn is_last(event: &Value, kind: &str) -> bool {
    let says_why = |value: &Value| value.as_str().is_some_and(|why| !why.is_empty());
    // A chunk without choices comes after all that have some.
    let all_ended = |list: &str, why: &str| {
        let list = event.get(list).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().all(|choice| says_why(&choice[why])))
    };
    match kind {
        "response.completed" | "response.incomplete" | "response.failed" => true,
        "message_delta" => says_why(&event["delta"]["stop_reason"]),
        _ => all_ended("choices", "finish_reason") || all_ended("candidates", "finishReason"),
    }
}

/// How many bytes of text an event brings, and whether it may count tokens. Inside of a string quotes are escaped, so a
/// name between two bare ones is a name or a whole value.
fn listen(data: &[u8]) -> (u64, bool) {
    let (mut brought, mut counts, mut choices, mut rest) = (0, false, false, data);
    while let Some(quote) = rest.iter().position(|&byte| byte == b'"') {
        rest = rest.split_at(quote + 1).1;
        let named = |name: &&str| after_colon(rest.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")?);
        // Every chunk of a stream that was asked to count has a usage: null in all but the last.
        counts |= COUNTS.iter().find_map(named).is_some_and(|value| value.starts_with(b"{"));
        // Completions have no deltas: the text stands in the choice itself.
        choices |= rest.starts_with(b"choices\"");
        let text = if choices { rest.strip_prefix(b"text\"") } else { None };
        let delta = rest.strip_prefix(b"delta\"").or(text).and_then(after_colon);
        if let Some(delta) = delta.filter(|delta| matches!(delta.first(), Some(b'{' | b'"'))) {
            // Some send the same text under two names.
            let mut longest = 0;
            rest = skim(delta, |text| longest = longest.max(text));
            brought += longest;
        }
    }
    (brought, counts)
}

/// How many bytes of text are in a body, or in the beginning of one; none when it is no JSON.
fn text_bytes(body: &[u8]) -> u64 {
    let mut all = 0;
    if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        skim(body, |text| all += text);
    }
    all
}

fn after_colon(rest: &[u8]) -> Option<&[u8]> {
    rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start)
}

/// Skims one JSON value for what a model wrote: the value itself, or the strings in it under a name of [`WRITTEN`].
/// Tells the length of each in bytes, and gives what stands behind the value.
fn skim(json: &[u8], mut tell: impl FnMut(u64)) -> &[u8] {
    let (mut depth, mut written, mut rest) = (0_usize, true, json);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let (length, end) = string(rest);
                let (text, after) = rest.split_at(end);
                rest = after.get(1..).unwrap_or_default();
                if after_colon(rest).is_some() {
                    written = WRITTEN.contains(&text);
                } else if written {
                    tell(length);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            break;
        }
    }
    rest
}

/// How many bytes of text a JSON string holds, and at which one it ends. `rest` begins behind its opening quote.
fn string(rest: &[u8]) -> (u64, usize) {
    let (mut length, mut at) = (0, 0);
    while let Some(&byte) = rest.get(at).filter(|&&byte| byte != b'"') {
        let escaped = (byte == b'\\').then(|| rest.get(at + 1));
        // Most characters that are written as `\u4e2d` have three bytes in UTF-8.
        let (long, written) = match escaped {
            Some(Some(b'u')) => (3, 6),
            Some(_) => (1, 2),
            None => (1, 1),
        };
        length += long;
        at += written;
    }
    (length, at.min(rest.len()))
}

#[cfg(test)]
#[path = "metering_tests.rs"]
mod tests;
