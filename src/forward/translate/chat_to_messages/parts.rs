//! The content of a message: a string or an array of parts, as an array of blocks.

use serde_json::{Map, Value, json};

use super::places::{
    Place::{self, Carried, Dropped},
    check, field, join, object, refuse, text,
};
use crate::forward::translate::refusal::CannotCarry;

/// Whose content it is, which says what kinds of parts it may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The application: text.
    System,
    /// The user: text and images.
    User,
    /// The model: text and refusals.
    Assistant,
    /// A tool: text and images.
    Tool,
}

/// Every known field of a text part.
const TEXT_FIELDS: [(&str, Place); 4] = [
    ("type", Carried),
    ("text", Carried),
    ("cache_control", Carried),
    ("prompt_cache_breakpoint", Dropped), // OpenAI's mark of the prefix cache: its accounting
];

/// Every known field of a refusal part.
const REFUSAL_FIELDS: [(&str, Place); 4] = [
    ("type", Carried),
    ("refusal", Carried),
    ("cache_control", Carried),
    ("prompt_cache_breakpoint", Dropped), // as above
];

/// Every known field of an image part.
const IMAGE_FIELDS: [(&str, Place); 4] = [
    ("type", Carried),
    ("image_url", Carried),
    ("cache_control", Carried),
    ("prompt_cache_breakpoint", Dropped), // as above
];

/// Every known field of an image.
const IMAGE_URL_FIELDS: [(&str, Place); 2] = [
    ("url", Carried),
    ("detail", Dropped), // how finely OpenAI's models look; Anthropic's look as finely as they can
];

/// The blocks of a content. Empty texts make none, for Messages refuses them and nothing is lost with them.
///
/// # Errors
/// A [`CannotCarry`] with the path of a part that has no place in Messages; `path` is the content's own.
pub(super) fn blocks(path: &str, content: Option<&Value>, speaker: Speaker) -> Result<Vec<Value>, CannotCarry> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text_block(text).into_iter().collect()),
        Some(Value::Array(parts)) => {
            let mut blocks = Vec::new();
            for (k, part) in parts.iter().enumerate() {
                blocks.extend(block(&format!("{path}[{k}]"), part, speaker)?);
            }
            Ok(blocks)
        }
        Some(_) => Err(refuse(path, "it must be a string or an array of parts")),
    }
}

/// A text as a block; nothing when it is empty.
pub(super) fn text_block(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({"type": "text", "text": text}))
}

/// One part as a block.
fn block(path: &str, part: &Value, speaker: Speaker) -> Result<Option<Value>, CannotCarry> {
    let part = object(path, part)?;
    let block = match (field(part, "type").and_then(Value::as_str), speaker) {
        (Some("text"), _) => {
            check(path, part, &TEXT_FIELDS)?;
            text_block(any_text(path, part, "text")?)
        }
        (Some("refusal"), Speaker::Assistant) => {
            check(path, part, &REFUSAL_FIELDS)?;
            text_block(any_text(path, part, "refusal")?)
        }
        (Some("image_url"), Speaker::User | Speaker::Tool) => {
            check(path, part, &IMAGE_FIELDS)?;
            Some(json!({"type": "image", "source": source(path, part)?}))
        }
        (Some(_), _) => return Err(refuse(path, "parts of this type are not carried in a message of this role")),
        (None, _) => return Err(refuse(join(path, "type"), "it must be a string")),
    };
    Ok(block.map(|block| with_mark(block, field(part, "cache_control"))))
}

/// A text that may be empty.
fn any_text<'a>(path: &str, part: &'a Map<String, Value>, name: &str) -> Result<&'a str, CannotCarry> {
    part.get(name).and_then(Value::as_str).ok_or_else(|| refuse(join(path, name), "it must be a string"))
}

/// A block with the mark of the prefix cache, if there is one.
pub(super) fn with_mark(mut block: Value, mark: Option<&Value>) -> Value {
    if let (Value::Object(fields), Some(mark)) = (&mut block, mark) {
        fields.insert("cache_control".to_owned(), mark.clone());
    }
    block
}

/// Where an image comes from.
fn source(path: &str, part: &Map<String, Value>) -> Result<Value, CannotCarry> {
    let path = join(path, "image_url");
    let image = object(&path, part.get("image_url").unwrap_or(&Value::Null))?;
    check(&path, image, &IMAGE_URL_FIELDS)?;
    let url = text(&path, image, "url")?;
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Ok(json!({"type": "url", "url": url})),
        Some("data") => inline(url)
            .ok_or_else(|| refuse(join(&path, "url"), "a data URL must name its media type and be in base64")),
        _ => Err(refuse(join(&path, "url"), "only http, https and data URLs are carried")),
    }
}

/// The source of an image that a data URL (RFC 2397) holds: `data:<media type>[;<parameter>...];base64,<data>`.
fn inline(url: &str) -> Option<Value> {
    let (head, data) = url.split_once(':')?.1.split_once(',')?;
    let (head, encoding) = head.rsplit_once(';')?;
    let media_type = head.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !encoding.trim().eq_ignore_ascii_case("base64") || media_type.is_empty() {
        return None;
    }
    // A name that many write and that Messages does not know.
    let media_type = if media_type == "image/jpg" { "image/jpeg".to_owned() } else { media_type };
    Some(json!({"type": "base64", "media_type": media_type, "data": data}))
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
