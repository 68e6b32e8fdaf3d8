//! Requests for an upstream's model. Each input is cached for itself, so a batch is answered by parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    /// How the vectors leave.
    base64: bool,
    fields: Map<String, Value>,
}

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
    let base64 = match &encoding_format {
        None => false,
        Some(format) if format == "float" => false,
        Some(format) if format == "base64" => true,
        // A provider's own format holds other numbers, and nobody here can turn it into another one.
        Some(format) => {
            scope.push(scope_part("encoding_format", format));
            false
        }
    };
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
    };
    Ok(BatchRequest { request, inputs, base64, fields: all })
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
    /// What an input is looked up by: its canonical JSON.
    #[must_use]
    pub fn query(&self, input: usize) -> String {
        self.inputs
            .get(input)
            .map(|input| String::from_utf8_lossy(&canonical_bytes(input)).into_owned())
            .unwrap_or_default()
    }

    /// The body that asks for some of the inputs alone.
    #[must_use]
    pub fn body_for(&self, inputs: &[usize]) -> Vec<u8> {
        let wanted = inputs.iter().filter_map(|k| self.inputs.get(*k).cloned()).collect();
        let mut fields = self.fields.clone();
        fields.insert("input".into(), Value::Array(wanted));
        Value::Object(fields).to_string().into_bytes()
    }

    /// The answer, from one embedding an input, in order.
    #[must_use]
    pub fn answer(&self, embeddings: &[Embedding]) -> Vec<u8> {
        let model = embeddings.first().map_or(self.request.model.as_str(), |embedding| embedding.model.as_str());
        let tokens: u64 = embeddings.iter().map(|embedding| embedding.tokens).sum();
        let data: Vec<Value> = embeddings
            .iter()
            .enumerate()
            .map(|(index, stored)| {
                let vector = if self.base64 { to_base64(&stored.vector) } else { to_numbers(&stored.vector) };
                json!({"object": "embedding", "index": index, "embedding": vector.unwrap_or_else(|| stored.vector.clone())})
            })
            .collect();
        let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
        json!({"object": "list", "model": model, "data": data, "usage": usage}).to_string().into_bytes()
    }
}

/// Reads an upstream's answer to `inputs`, one embedding each, in their order. The provider counts the tokens of all
/// together; each input is given its share by its length.
///
/// # Errors
/// The reason why the answer may not be kept.
pub fn read_answer(body: &[u8], inputs: &[&Value]) -> Result<Vec<Embedding>, NotKept> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return Err(NotKept::Unreadable) };
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotKept::UpstreamError);
    }
    let (Some(Value::Array(data)), Some(Value::String(model))) = (object.remove("data"), object.remove("model")) else {
        return Err(NotKept::Unreadable);
    };
    let mut vectors = vec![Value::Null; inputs.len()];
    for (k, mut item) in data.into_iter().enumerate() {
        let index = item["index"].as_u64().map_or(k, |index| usize::try_from(index).unwrap_or(usize::MAX));
        let vector = item.get_mut("embedding").map(Value::take).unwrap_or_default();
        let filled = match &vector {
            Value::String(text) => !text.is_empty(),
            Value::Array(numbers) => !numbers.is_empty(),
            Value::Object(_) => true,
            _ => false,
        };
        match vectors.get_mut(index) {
            Some(place) if place.is_null() && filled => *place = vector,
            _ => return Err(NotKept::Unreadable),
        }
    }
    if vectors.iter().any(Value::is_null) {
        return Err(NotKept::Unreadable);
    }
    let used = object.get("usage").and_then(|usage| usage["total_tokens"].as_u64()).unwrap_or(0);
    let shares = shares(used, inputs);
    let embeddings = vectors.into_iter().zip(shares);
    Ok(embeddings.map(|(vector, tokens)| Embedding { model: model.clone(), vector, tokens }).collect())
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

/// A vector as base64 of little-endian float32; nothing when it is none that could be written so.
fn to_base64(vector: &Value) -> Option<Value> {
    if vector.is_string() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the format holds float32")]
    let bytes: Option<Vec<[u8; 4]>> =
        vector.as_array()?.iter().map(|number| Some((number.as_f64()? as f32).to_le_bytes())).collect();
    Some(Value::from(STANDARD.encode(bytes?.concat())))
}

/// A vector as numbers; nothing when it is no base64 of float32.
fn to_numbers(vector: &Value) -> Option<Value> {
    let bytes = STANDARD.decode(vector.as_str()?).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    // As doubles, digit for digit what a client gets that decodes the base64 itself.
    rest.is_empty().then(|| numbers.iter().map(|bytes| json!(f64::from(f32::from_le_bytes(*bytes)))).collect())
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
