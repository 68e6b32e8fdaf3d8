//! Wire formats and nothing else: bytes to [`crate::canonical`] and back. One folder an API, split by part; this file
//! is the one place that tells them apart.

pub mod anthropic_messages;
mod bound;
pub mod embeddings;
mod fields;
pub mod json;
pub mod openai_chat;
pub mod openai_responses;
mod pieces;
mod said;
pub mod sse;

pub use said::said;

use serde_json::{Map, Value};

use crate::canonical::{Api, CanonicalRequest, Completion, Delivery, NotKept};
use crate::error::Failure;

/// An API that generates text, body and stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Chat Completions.
    Chat,
    /// Responses.
    Responses,
    /// Messages.
    Messages,
}

impl Generation {
    /// Its name for the rest of the house.
    #[must_use]
    pub fn api(self) -> Api {
        match self {
            Self::Chat => Api::ChatCompletions,
            Self::Responses => Api::Responses,
            Self::Messages => Api::Messages,
        }
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// A [`Failure`] with status 400 that names the field, when the body is not a request of this API.
    pub fn read(self, body: &[u8]) -> Result<CanonicalRequest, Failure> {
        match self {
            Self::Chat => openai_chat::read(body),
            Self::Responses => openai_responses::read(body),
            Self::Messages => anthropic_messages::read(body),
        }
    }

    /// Reads an upstream's whole body.
    ///
    /// # Errors
    /// The reason why this answer may not be kept.
    pub fn read_body(self, body: &[u8]) -> Result<Completion, NotKept> {
        match self {
            Self::Chat => openai_chat::read_body(body).map(Completion::Chat),
            Self::Responses => openai_responses::read_body(body).map(Completion::Response),
            Self::Messages => anthropic_messages::read_body(body).map(Completion::Message),
        }
    }

    /// A recorder of a stream of at most `limit_bytes` on the wire.
    #[must_use]
    pub fn recorder(self, limit_bytes: usize) -> Recorder {
        match self {
            Self::Chat => Recorder::Chat(openai_chat::Recorder::new(limit_bytes)),
            Self::Responses => Recorder::Responses(openai_responses::Recorder::new(limit_bytes)),
            Self::Messages => Recorder::Messages(anthropic_messages::Recorder::new(limit_bytes)),
        }
    }
}

/// Listens to an upstream's stream and builds the answer that it makes.
#[derive(Debug)]
pub enum Recorder {
    /// Of chat completions.
    Chat(openai_chat::Recorder),
    /// Of responses.
    Responses(openai_responses::Recorder),
    /// Of messages.
    Messages(anthropic_messages::Recorder),
}

impl Recorder {
    /// Listens to the next bytes. True once the API's terminal event has gone by.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Chat(recorder) => recorder.feed(bytes),
            Self::Responses(recorder) => recorder.feed(bytes),
            Self::Messages(recorder) => recorder.feed(bytes),
        }
    }

    /// The answer, when the stream ended well.
    ///
    /// # Errors
    /// The reason why it may not be kept.
    pub fn finish(self) -> Result<Completion, NotKept> {
        match self {
            Self::Chat(recorder) => recorder.finish().map(Completion::Chat),
            Self::Responses(recorder) => recorder.finish().map(Completion::Response),
            Self::Messages(recorder) => recorder.finish().map(Completion::Message),
        }
    }
}

/// What is made anew for each replay.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// A random name, in lower-case hexadecimal; the ids start from it.
    pub id: String,
    /// Seconds since 1970.
    pub created_secs: u64,
    /// The provider keeps the exchange under the ids of the first answer, so they stay as they are.
    pub same_ids: bool,
    /// What the answer repeats of this request.
    pub echoes: Map<String, Value>,
}

/// A stored answer as it leaves: its content type and its bytes.
#[must_use]
pub fn replay(completion: &Completion, fresh: &Fresh, delivery: Delivery) -> (&'static str, Vec<u8>) {
    match delivery {
        Delivery::Body => ("application/json", body(completion, fresh)),
        Delivery::Stream { usage } => ("text/event-stream; charset=utf-8", stream(completion, fresh, usage)),
    }
}

fn body(completion: &Completion, fresh: &Fresh) -> Vec<u8> {
    match completion {
        Completion::Chat(chat) => openai_chat::body(chat, fresh),
        Completion::Response(response) => openai_responses::body(response, fresh),
        Completion::Message(message) => anthropic_messages::body(message, fresh),
        // Embeddings leave in batches; see `embeddings`.
        Completion::Embedding(_) => Vec::new(),
    }
}

fn stream(completion: &Completion, fresh: &Fresh, usage: bool) -> Vec<u8> {
    match completion {
        Completion::Chat(chat) => openai_chat::stream(chat, fresh, usage),
        Completion::Response(response) => openai_responses::stream(response, fresh),
        Completion::Message(message) => anthropic_messages::stream(message, fresh),
        Completion::Embedding(_) => Vec::new(),
    }
}

/// An answer without what binds it to the conversation that it was given in: signatures and encrypted reasoning, which
/// a provider refuses in any other one. Nothing when the rest could not be continued without them.
#[must_use]
pub fn detached(completion: &Completion) -> Option<Completion> {
    match completion {
        Completion::Chat(chat) => openai_chat::detached(chat).map(Completion::Chat),
        Completion::Response(response) => openai_responses::detached(response).map(Completion::Response),
        Completion::Message(message) => anthropic_messages::detached(message).map(Completion::Message),
        Completion::Embedding(_) => Some(completion.clone()),
    }
}

/// Whose error shape a client expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error": {message, type, param, code}}` and `x-request-id`.
    OpenAi,
    /// `{"type": "error", "error": {type, message}, "request_id"}` and `request-id`.
    Anthropic,
}

impl ErrorShape {
    /// The header that carries a request's id.
    #[must_use]
    pub fn request_id_header(self) -> &'static str {
        match self {
            Self::OpenAi => "x-request-id",
            Self::Anthropic => "request-id",
        }
    }

    /// A failure's body.
    #[must_use]
    pub fn body(self, failure: &Failure, request_id: &str) -> Vec<u8> {
        match self {
            Self::OpenAi => openai_chat::error_body(failure),
            Self::Anthropic => anthropic_messages::error_body(failure, request_id),
        }
    }
}
