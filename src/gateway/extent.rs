//! What a request may take at most, read from its body.

use std::borrow::Cow;

use super::billing::tariff_of;
use crate::forward::body::{Json, find};
use crate::ledger::budget::{self, Amounts};
use crate::ledger::prices::Price;
use crate::protocol::Generation;

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
        let choices = doubles.iter().map(|name| choices(&fields, name)).fold(1, u64::max);
        let body = unescaped(self.body);
        let (text, media) = (text_bytes(&body), media_parts(&body));
        let of =
            |price: Option<Price>| budget::upper(price.as_ref(), text, media, self.reads_more, max_output, choices);
        let most = prices.map(of).reduce(Amounts::larger).unwrap_or_default();
        // What costs something else than the table says has no price.
        if tariff_of(self.body).is_none() { Amounts { money: None, ..most } } else { most }
    }
}

/// The model that a body names: that of a JSON body, or of a form (RFC 7578).
pub(super) fn model(body: &[u8]) -> Option<String> {
    if let Some(fields) = Json::read(body).and_then(Json::fields) {
        return find(&fields, "model")?.text();
    }
    let name = b"name=\"model\"";
    let at = body.windows(name.len()).position(|window| window == name)?;
    let rest = body.get(at..)?;
    let value = rest.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let line = rest.get(value..)?.split(|byte| *byte == b'\r').next()?;
    let model = std::str::from_utf8(line).ok()?.trim();
    (!model.is_empty()).then(|| model.to_owned())
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
fn media_parts(body: &[u8]) -> usize {
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

/// The bytes of a body as far as they are text. Data in base64 within it counts for less.
fn text_bytes(body: &[u8]) -> usize {
    let is_data = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let (mut data, mut start) = (0, 0);
    for word in body.split(|byte| !is_data(byte)) {
        let before = body.get(..start).unwrap_or_default();
        if word.len() >= DATA_FROM_BYTES && BEFORE_DATA.iter().any(|mark| before.ends_with(mark)) {
            data += word.len();
        }
        start += word.len() + 1;
    }
    body.len() - data + data / DATA_BYTES_A_BYTE
}

#[cfg(test)]
#[path = "extent_tests.rs"]
mod tests;
