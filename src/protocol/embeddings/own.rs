//! Requests that the model in the isolate answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::protocol::fields;
use crate::protocol::json::{kind, parse};

/// The model name that the isolate's own model answers to. Requests for other models go upstream.
pub const OWN_MODEL: &str = "nearhit-embed";

/// Texts in one request at most; OpenAI's own limit.
const MAX_INPUTS: usize = 2_048;

/// A request for the isolate's own model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRequest {
    /// The texts.
    pub inputs: Vec<String>,
    /// Whether vectors leave as base64 of little-endian float32, which the official SDKs ask for, or as numbers.
    pub base64: bool,
    /// The length of the vectors, where the request asks for one.
    pub dimensions: Option<u64>,
}

/// Reads a request body; nothing when it is not for [`OWN_MODEL`].
///
/// # Errors
/// A [`Failure`] with status 400 that names the field.
pub fn read_own(body: &[u8]) -> Result<Option<OwnRequest>, Failure> {
    // A body that cannot be read, or is for another model, is the upstream's to judge.
    let Ok(request) = parse(body) else { return Ok(None) };
    if request["model"] != OWN_MODEL {
        return Ok(None);
    }
    let inputs = match &request["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if !items.is_empty() && items.len() <= MAX_INPUTS => {
            items.iter().enumerate().map(|(k, item)| text(k, item)).collect::<Result<_, _>>()?
        }
        other => {
            let what =
                format!("'input' must be a string or an array of 1 to {MAX_INPUTS} strings, not {}.", kind(other));
            return Err(Failure::bad_field("input", what));
        }
    };
    let base64 = match &request["encoding_format"] {
        Value::Null => false,
        Value::String(format) if format == "float" => false,
        Value::String(format) if format == "base64" => true,
        _ => return Err(Failure::bad_field("encoding_format", "'encoding_format' must be \"float\" or \"base64\".")),
    };
    let dimensions = match &request["dimensions"] {
        Value::Null => None,
        other => Some(other.as_u64().ok_or_else(|| fields::wrong("dimensions", "a whole number", other))?),
    };
    Ok(Some(OwnRequest { inputs, base64, dimensions }))
}

fn text(k: usize, item: &Value) -> Result<String, Failure> {
    let field = || format!("input[{k}]");
    let wrong = || Failure::bad_field(field(), format!("'input[{k}]' must be a string, not {}.", kind(item)));
    item.as_str().map(str::to_owned).ok_or_else(wrong)
}

/// The answer: one vector a text, in order. `pieces` is the number of wordpieces in all of them.
#[must_use]
pub fn own_body(vectors: &[Vec<f32>], base64: bool, pieces: usize) -> Vec<u8> {
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                Value::from(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let usage = json!({"prompt_tokens": pieces, "total_tokens": pieces});
    json!({"object": "list", "model": OWN_MODEL, "data": data, "usage": usage}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_value(value: Value) -> Result<Option<OwnRequest>, Failure> {
        read_own(value.to_string().as_bytes())
    }

    #[test]
    fn only_requests_for_the_isolates_model_are_read() {
        assert_eq!(read_value(json!({"model": "text-embedding-3-small", "input": 5})), Ok(None));
        let one = read_value(json!({"model": OWN_MODEL, "input": "a"})).unwrap().unwrap();
        assert_eq!(one, OwnRequest { inputs: vec!["a".into()], base64: false, dimensions: None });
        let two =
            read_value(json!({"model": OWN_MODEL, "input": ["a", "b"], "encoding_format": "base64"})).unwrap().unwrap();
        assert_eq!(two, OwnRequest { inputs: vec!["a".into(), "b".into()], base64: true, dimensions: None });
    }

    #[test]
    fn bad_input_names_the_field() {
        for (request, field) in [
            (json!({"model": OWN_MODEL}), "input"),
            (json!({"model": OWN_MODEL, "input": []}), "input"),
            (json!({"model": OWN_MODEL, "input": ["a", 3]}), "input[1]"),
            (json!({"model": OWN_MODEL, "input": "a", "encoding_format": "hex"}), "encoding_format"),
        ] {
            assert_eq!(read_value(request).unwrap_err().param.as_deref(), Some(field));
        }
    }

    #[test]
    fn both_encodings_hold_the_same_numbers() {
        let vectors = [vec![0.5f32, -1.25]];
        let read = |base64| serde_json::from_slice::<Value>(&own_body(&vectors, base64, 3)).unwrap();
        assert_eq!(read(false)["data"][0]["embedding"], json!([0.5, -1.25]));
        let bytes = STANDARD.decode(read(true)["data"][0]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, [0.5f32.to_le_bytes(), (-1.25f32).to_le_bytes()].concat());
        assert_eq!(read(true)["usage"]["total_tokens"], 3);
    }
}
