//! Requests for an upstream's model. Each input is cached for itself, so a batch is answered by parts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::canonical::{Api, CanonicalRequest, Delivery, Embedding, ExactOnly, NotKept};
use crate::error::Failure;
use crate::protocol::fields;
use crate::protocol::json::{canonical_bytes, kind, scope_part};

/// A request for the vectors of some inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchRequest {
    /// What all inputs share; its query is empty.
    pub request: CanonicalRequest,
    /// The inputs: texts, or lists of token numbers.
    pub inputs: Vec<Value>,
    /// The inputs may depend on each other, so that all of them are there or none.
    pub dependent: bool,
    /// How the vectors leave.
    encoding: Encoding,
    fields: Map<String, Value>,
}

/// How vectors leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// As numbers, whichever way they came.
    Numbers,
    /// As base64 of little-endian float32, whichever way they came.
    Base64,
    /// As they came: only the provider knows what they are.
    AsTheyCame,
}

/// Fields of other providers that say how each input alone is to be embedded. With any other field, an input's vector
/// may depend on the inputs beside it (Jina's `late_chunking`).
const BY_INPUT: [&str; 9] = [
    "embedding_type",
    "embedding_types",
    "input_type",
    "normalized",
    "output_dimension",
    "output_dtype",
    "task",
    "truncate",
    "truncation",
];

/// The fields of a request. A field that is added has to be placed below.
struct Fields {
    model: String,
    input: Value,
    dimensions: Option<Value>,
    encoding_format: Option<Value>,
    #[expect(dead_code, reason = "held so that it has to be named where it is ignored")]
    user: Option<Value>,
    unknown: Map<String, Value>,
}

const TYPES: [(&str, &str); 3] =
    [("input", "a string or an array"), ("dimensions", "a number"), ("encoding_format", "a string")];

/// Reads a request body.
///
/// # Errors
/// A [`Failure`] with status 400 that names the field.
pub fn read(body: &[u8]) -> Result<BatchRequest, Failure> {
    let mut object = fields::object(body)?;
    fields::check_types(&object, &TYPES)?;
    let all = object.clone();
    let model = fields::take_model(&mut object)?;
    let input = object.remove("input").ok_or_else(|| {
        Failure::bad_field("input", "'input' is required: a string, or an array of strings or of token numbers.")
    })?;
    let fields = Fields {
        model,
        input,
        dimensions: object.remove("dimensions"),
        encoding_format: object.remove("encoding_format"),
        user: object.remove("user"),
        unknown: object,
    };
    place(fields, all)
}

fn place(fields: Fields, all: Map<String, Value>) -> Result<BatchRequest, Failure> {
    let Fields {
        model,
        input,
        dimensions,
        encoding_format,
        user: _, // abuse tracking; the tenant is the credential
        unknown,
    } = fields;
    let inputs = inputs(input)?;
    let mut scope = vec![fields::model_part(&model)];
    scope.extend(dimensions.map(|value| scope_part("dimensions", &value)));
    let encoding = match encoding_format.as_ref().map(|format| format.as_str().unwrap_or_default()) {
        // OpenAI's own API, where both formats hold the same float32.
        None | Some("float") if unknown.is_empty() => Encoding::Numbers,
        Some("base64") if unknown.is_empty() => Encoding::Base64,
        _ => {
            scope.extend(encoding_format.iter().map(|format| scope_part("encoding_format", format)));
            Encoding::AsTheyCame
        }
    };
    let dependent = unknown.keys().any(|name| !BY_INPUT.contains(&name.as_str()));
    if dependent {
        scope.push(scope_part("all inputs", &Value::Array(inputs.clone())));
    }
    fields::add_unknown(&mut scope, &unknown);
    let request = CanonicalRequest {
        api: Api::Embeddings,
        model,
        delivery: Delivery::Body,
        scope,
        query: String::new(),
        exact_only: Some(ExactOnly::NotByMeaning),
        bypass: None,
        provider_keeps: false,
        echoes: Map::new(),
    };
    Ok(BatchRequest { request, inputs, dependent, encoding, fields: all })
}

/// The inputs one by one: an array of numbers is one text's tokens, any other array is a batch.
fn inputs(input: Value) -> Result<Vec<Value>, Failure> {
    let items = match input {
        Value::Array(items) if items.is_empty() => {
            return Err(Failure::bad_field("input", "'input' must not be empty."));
        }
        Value::Array(items) if !items.iter().all(Value::is_number) => items,
        one => return Ok(vec![one]),
    };
    for (k, item) in items.iter().enumerate() {
        if !(item.is_string() || item.is_array() || item.is_object()) {
            let path = format!("input[{k}]");
            let text = format!("'{path}' must be a string or an array of token numbers, not {}.", kind(item));
            return Err(Failure::bad_field(path, text));
        }
    }
    Ok(items)
}

impl BatchRequest {
    /// What an input is looked up by: its canonical JSON, and its place where the place may count.
    #[must_use]
    pub fn query(&self, input: usize) -> String {
        let text = self.inputs.get(input).map(canonical_bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        if self.dependent { format!("{input} {text}") } else { text }
    }

    /// The body that asks for some of the inputs alone.
    #[must_use]
    pub fn body_for(&self, inputs: &[usize]) -> Vec<u8> {
        let wanted = inputs.iter().filter_map(|k| self.inputs.get(*k).cloned()).collect();
        let mut fields = self.fields.clone();
        fields.insert("input".into(), Value::Array(wanted));
        Value::Object(fields).to_string().into_bytes()
    }

    /// The answer, from one embedding an input, in order. Vectors are written as text: a batch of them as parsed
    /// numbers would not fit an isolate.
    #[must_use]
    pub fn answer(&self, embeddings: &[Embedding]) -> Vec<u8> {
        let model = embeddings.first().map_or(self.request.model.as_str(), |embedding| embedding.model.as_str());
        let tokens: u64 = embeddings.iter().map(|embedding| embedding.tokens).sum();
        let mut body = String::from(r#"{"object":"list","data":["#);
        for (index, embedding) in embeddings.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let vector = self.encode(&embedding.vector);
            body.push_str(&format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":{vector}}}"#));
        }
        let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
        body.push_str(&format!(r#"],"model":{},"usage":{usage}}}"#, Value::from(model)));
        body.into_bytes()
    }

    fn encode<'v>(&self, vector: &'v str) -> Cow<'v, str> {
        let encoded = match self.encoding {
            Encoding::Numbers if vector.starts_with('"') => to_numbers(vector),
            Encoding::Base64 if vector.starts_with('[') => to_base64(vector),
            _ => None,
        };
        encoded.map_or(Cow::Borrowed(vector), Cow::Owned)
    }
}

/// An upstream's answer, as far as it matters here.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    data: Vec<Item<'a>>,
    model: Option<String>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Item<'a> {
    index: Option<usize>,
    #[serde(borrow)]
    embedding: Option<&'a RawValue>,
}

/// Reads an upstream's answer to `inputs`, one embedding each, in their order. The provider counts the tokens of all
/// together; each input is given its share by its length.
///
/// # Errors
/// The reason why the answer may not be kept.
pub fn read_answer(body: &[u8], inputs: &[&Value]) -> Result<Vec<Embedding>, NotKept> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| NotKept::Unreadable)?;
    if answer.error.is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    let model = answer.model.ok_or(NotKept::Unreadable)?;
    let mut vectors: Vec<Option<String>> = vec![None; inputs.len()];
    for (k, Item { index, embedding }) in answer.data.into_iter().enumerate() {
        let vector = embedding.map(RawValue::get).filter(|vector| is_vector(vector));
        match (vectors.get_mut(index.unwrap_or(k)), vector) {
            (Some(place), Some(vector)) if place.is_none() => *place = Some(vector.to_owned()),
            _ => return Err(NotKept::Unreadable),
        }
    }
    let vectors: Vec<String> = vectors.into_iter().collect::<Option<_>>().ok_or(NotKept::Unreadable)?;
    let used = answer.usage.as_ref().and_then(|usage| usage["total_tokens"].as_u64()).unwrap_or(0);
    let shares = shares(used, inputs);
    let embeddings = vectors.into_iter().zip(shares);
    Ok(embeddings.map(|(vector, tokens)| Embedding { model: model.clone(), vector, tokens }).collect())
}

/// Whether a JSON text can be a vector: numbers, a text, or a provider's own object.
fn is_vector(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'[') => serde_json::from_str::<Vec<f64>>(text).is_ok_and(|numbers| !numbers.is_empty()),
        Some(b'"') => text.len() > 2,
        Some(b'{') => text.contains(':'),
        _ => false,
    }
}

/// Splits a count by the length of the inputs; the shares add up to it.
fn shares(total: u64, inputs: &[&Value]) -> Vec<u64> {
    let lengths: Vec<u128> = inputs
        .iter()
        .map(|input| match input {
            Value::Array(tokens) => tokens.len() as u128,
            other => canonical_bytes(other).len() as u128,
        })
        .collect();
    let sum = lengths.iter().sum::<u128>().max(1);
    let (mut before, mut given) = (0, 0);
    let share = |length: &u128| {
        before += length;
        let until_here = u64::try_from(u128::from(total) * before / sum).unwrap_or(total);
        let share = until_here - given;
        given = until_here;
        share
    };
    lengths.iter().map(share).collect()
}

/// A JSON array of numbers as a JSON string with base64 of little-endian float32; nothing when it is none.
fn to_base64(vector: &str) -> Option<String> {
    let numbers: Vec<f64> = serde_json::from_str(vector).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the format holds float32")]
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
    Some(format!("\"{}\"", STANDARD.encode(bytes)))
}

/// The reverse. As doubles, digit for digit what a client gets that decodes the base64 itself.
fn to_numbers(vector: &str) -> Option<String> {
    let bytes = STANDARD.decode(serde_json::from_str::<String>(vector).ok()?).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers: Vec<f64> = numbers.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
    if rest.is_empty() { serde_json::to_string(&numbers).ok() } else { None }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
