//! What a request may take at most, read from its body.

use std::borrow::Cow;

use super::billing::tariff_of;
use crate::forward::body::{Json, find};
use crate::ledger::budget::{self, Amounts};
use crate::ledger::prices::Price;
use crate::protocol::Generation;
use crate::protocol::json::parse;

/// What kind of work a request is, as far as it matters for what it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Text is made, by this API.
    Generation(Generation),
    /// Text is made, by the API before Chat Completions.
    /// <https://platform.openai.com/docs/api-reference/completions/create>
    Completions,
    /// Vectors are made: there is no output that is billed.
    Vectors,
    /// Nothing is billed by the token.
    Free,
    /// Nobody can tell beforehand what it takes.
    Unmeasured,
}

/// Whether what some work takes is read from its body.
pub(super) fn is_measured(work: Work) -> bool {
    matches!(work, Work::Generation(_) | Work::Completions | Work::Vectors)
}

/// What of a request says how much it may take at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent<'a> {
    /// The body as it is sent.
    pub(super) body: &'a [u8],
    /// What is done with it.
    pub(super) work: Work,
    /// The model reads more than the body: what the provider has stored, or what its tools find.
    pub(super) reads_more: bool,
}

impl Extent<'_> {
    /// What the request may take at most by models of these prices, whichever of them answers.
    pub(super) fn estimate(&self, prices: impl Iterator<Item = Option<Price>>) -> Amounts {
        let (limits, doubles): (&[&str], &[&str]) = match self.work {
            Work::Generation(Generation::Chat) => (&["max_completion_tokens", "max_tokens"], &["n"]),
            Work::Generation(Generation::Responses) => (&["max_output_tokens"], &[]),
            Work::Generation(Generation::Messages) => (&["max_tokens"], &[]),
            Work::Completions => (&["max_tokens"], &["n", "best_of"]),
            Work::Vectors => (&[], &[]),
            Work::Free => return Amounts::nothing(),
            Work::Unmeasured => return Amounts::default(),
        };
        let fields = Json::read(self.body).and_then(Json::fields).unwrap_or_default();
        let max_output = if self.work == Work::Vectors { Some(0) } else { largest(&fields, limits) };
        let answers = doubles.iter().map(|name| choices(&fields, name)).fold(1, u64::max);
        let choices = answers.saturating_mul(if self.work == Work::Completions { prompts(&fields) } else { 1 });
        let body = unescaped(self.body);
        let media = media_parts(&body);
        let text = text_bytes(&body, media);
        let of =
            |price: Option<Price>| budget::upper(price.as_ref(), text, media, self.reads_more, max_output, choices);
        let most = prices.map(of).reduce(Amounts::larger).unwrap_or_default();
        // What costs something else than the table says has no price.
        if tariff_of(self.body, false).is_none() { Amounts { money: None, ..most } } else { most }
    }
}

/// Whether a request may take more than its own bytes say: it builds on what the provider has stored, or has it run tools.
pub(super) fn reads_more(body: &[u8]) -> bool {
    const STORED: [&str; 10] = [
        "previous_response_id",
        "conversation",
        "prompt",
        "container",
        "thread",
        "mcp_servers",
        "web_search_options",
        "plugins",
        "search_parameters",
        "context_management",
    ];
    /// How the names of tools start that Anthropic defines and the client runs.
    const RUN_BY_CLIENT: [&str; 7] =
        ["function", "custom", "bash_", "browser_toolset_", "computer_", "memory_", "text_editor_"];
    let Some(fields) = Json::read(body).and_then(Json::fields) else { return false };
    let on_server = |tool: Json<'_>| {
        let kind = tool.get("type").and_then(Json::text);
        kind.is_some_and(|kind| !RUN_BY_CLIENT.iter().any(|start| kind.starts_with(start)))
    };
    STORED.iter().any(|name| find(&fields, name).is_some())
        || find(&fields, "tools").and_then(Json::items).is_some_and(|tools| tools.into_iter().any(on_server))
}

/// Whether the answer is to be fetched later, so that this one says nothing of what is billed.
pub(super) fn is_deferred(body: &[u8]) -> bool {
    let fields = Json::read(body).and_then(Json::fields).unwrap_or_default();
    ["background", "deferred"].iter().any(|name| find(&fields, name).is_some_and(|value| value.raw() == "true"))
}

/// The model that a body names: that of a JSON body, or of a form (RFC 7578). Nothing when it names two, or none.
pub(super) fn model(body: &[u8], content_type: &str) -> Option<String> {
    let Some((_, boundary)) = content_type.split_once("boundary=") else {
        return Some(parse(body).ok()?.get("model")?.as_str()?.to_owned());
    };
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    let (mut rest, mark) = (body, format!("--{boundary}").into_bytes());
    let mut models = Vec::new();
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        rest = rest.get(at + mark.len()..)?;
        let end = rest.windows(mark.len()).position(|window| window == mark).unwrap_or(rest.len());
        let part = rest.get(..end)?;
        let Some(head) = part.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if String::from_utf8_lossy(part.get(..head)?).contains("name=\"model\"") {
            models.push(std::str::from_utf8(part.get(head..)?).ok()?.trim().to_owned());
        }
    }
    models.pop().filter(|model| models.is_empty() && !model.is_empty())
}

/// How many prompts a request has, each of which is answered for itself. A list of numbers is one, of tokens.
fn prompts(fields: &[(String, Json<'_>)]) -> u64 {
    let prompts = find(fields, "prompt").and_then(Json::items).unwrap_or_default();
    let apart = prompts.iter().filter(|prompt| prompt.is_text() || prompt.raw().starts_with('[')).count();
    u64::try_from(apart).unwrap_or(u64::MAX).max(1)
}

/// The largest of the limits that are set. One that is set to something else than a number of tokens is none: who knows what
/// its provider makes of it.
fn largest(fields: &[(String, Json<'_>)], names: &[&str]) -> Option<u64> {
    let mut most = None;
    for name in names {
        let Some(value) = find(fields, name) else { continue };
        most = most.max(Some(number(value).filter(|limit| *limit > 0)?));
    }
    most
}

/// How many answers are asked for: as many as any provider makes at most, when that cannot be read.
fn choices(fields: &[(String, Json<'_>)], name: &str) -> u64 {
    const MOST: u64 = 128;
    find(fields, name).map_or(1, |value| number(value).unwrap_or(MOST))
}

/// A whole number, rounded up, also when it is written with a fraction or as text: some servers take that.
fn number(value: Json<'_>) -> Option<u64> {
    let text = value.text();
    let written = text.as_deref().unwrap_or_else(|| value.raw()).trim();
    written.parse().ok().or_else(|| {
        let number: f64 = written.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked at once")]
        let rounded = (0.0..1e15).contains(&number).then_some(number.ceil() as u64);
        rounded
    })
}

/// A body with the escapes of ASCII letters undone, so that a word in it is found however it is written.
fn unescaped(body: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = b"\\u00";
    if !body.windows(MARK.len()).any(|window| window == MARK) {
        return Cow::Borrowed(body);
    }
    let (mut made, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(MARK).and_then(|digits| digits.split_at_checked(2));
        let letter = escaped.and_then(|(digits, after)| {
            let code = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            (code.is_ascii_alphanumeric() || code == b'_').then_some((code, after))
        });
        let (byte, after) = letter.unwrap_or((byte, after));
        made.push(byte);
        rest = after;
    }
    Cow::Owned(made)
}

/// Images, files, audio and video in a body: their bytes say nothing about their tokens.
pub(super) fn media_parts(body: &[u8]) -> usize {
    const KINDS: [&[u8]; 9] = [
        b"\"image_url\"",
        b"\"input_image\"",
        b"\"image\"",
        b"\"document\"",
        b"\"file\"",
        b"\"input_file\"",
        b"\"input_audio\"",
        b"\"video_url\"",
        b"\"input_video\"",
    ];
    KINDS.iter().map(|kind| body.windows(kind.len()).filter(|window| window == kind).count()).sum()
}

/// Encoded data of this length in one word is no text.
const DATA_FROM_BYTES: usize = 2_000;

/// After what encoded data comes: in a data URL (RFC 2397), and in a field for it.
const BEFORE_DATA: [&[u8]; 3] = [b";base64,", b"\"data\":\"", b"\"data\": \""];

/// Bytes of encoded data that take about as many tokens as one byte of text at most: a page of a document is some
/// 50,000 bytes and 3,000 tokens, a picture as large takes fewer.
const DATA_BYTES_A_BYTE: usize = 8;

/// The bytes of a body as far as they are text. Data in base64 within it counts for less, in as many places as there are
/// media.
fn text_bytes(body: &[u8], media: usize) -> usize {
    let is_data = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let (mut data, mut start, mut found) = (0, 0, 0);
    for word in body.split(|byte| !is_data(byte)) {
        let before = body.get(..start).unwrap_or_default();
        if found < media && word.len() >= DATA_FROM_BYTES && BEFORE_DATA.iter().any(|mark| before.ends_with(mark)) {
            data += word.len();
            found += 1;
        }
        start += word.len() + 1;
    }
    body.len() - data + data / DATA_BYTES_A_BYTE
}

#[cfg(test)]
#[path = "extent_tests.rs"]
mod tests;
