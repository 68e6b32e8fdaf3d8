//! The words that all rooms speak: what a client asked, in one form for every API, and what a model answered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The wire format of a request; part of the scope, for the same text means another answer in another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI's `POST /v1/responses`.
    Responses,
    /// Anthropic's `POST /v1/messages`.
    Messages,
    /// OpenAI's `POST /v1/embeddings`.
    Embeddings,
}

impl Api {
    /// The name that goes into the scope. It must never change: every stored key holds it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "openai.chat.completions",
            Self::Responses => "openai.responses",
            Self::Messages => "anthropic.messages",
            Self::Embeddings => "openai.embeddings",
        }
    }
}

/// One request, free of its wire format.
#[derive(Clone, Debug, PartialEq)]
pub struct CanonicalRequest {
    /// The wire format it came in, and the answer leaves in.
    pub api: Api,
    /// The model asked for, as the client wrote it.
    pub model: String,
    /// Whether the answer leaves as a stream.
    pub delivery: Delivery,
    /// All that must be equal before two requests may share an answer, but for `query`: named parts in a fixed order.
    pub scope: Vec<ScopePart>,
    /// The last user text, which may be compared by meaning. Empty when the last turn holds none.
    pub query: String,
    /// Why `query` may only be compared byte for byte, if so.
    pub exact_only: Option<ExactOnly>,
    /// Why this request may not be cached at all, if so.
    pub bypass: Option<Bypass>,
    /// The provider keeps the exchange under the ids in its answer, so a replay has to carry the same ones
    /// (`POST /v1/responses` whose `store` is not `false`).
    pub provider_keeps: bool,
    /// Fields that do not count, and that the API's answer repeats as the request had them.
    pub echoes: Map<String, Value>,
}

/// How the answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// One JSON body.
    Body,
    /// Server-sent events; with `usage`, the last of them says what was used.
    Stream {
        /// The client asked for `stream_options.include_usage`.
        usage: bool,
    },
}

/// One named part of the scope, in canonical JSON (sorted keys, numbers as they were spelled).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopePart {
    /// The field's name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// Why a request is looked up by its bytes alone, never by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExactOnly {
    /// The last turn holds images, audio or files.
    Media,
    /// The last turn is a tool's result.
    ToolResult,
    /// The last turn is not the user's.
    LastTurnNotUser,
    /// More than one choice was asked for.
    SeveralChoices,
    /// Log probabilities were asked for.
    Logprobs,
    /// A predicted output was sent along.
    Prediction,
    /// The text is longer than the model can represent.
    TooLong,
    /// The text has fewer than two words.
    TooShort,
    /// The API's inputs are not compared by meaning.
    NotByMeaning,
    /// The embedding model could not be loaded.
    ModelUnavailable,
    /// The request or the configuration asks for exact matches only.
    Mode,
}

impl ExactOnly {
    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::ToolResult => "tool-result",
            Self::LastTurnNotUser => "last-turn-not-user",
            Self::SeveralChoices => "several-choices",
            Self::Logprobs => "logprobs",
            Self::Prediction => "prediction",
            Self::TooLong => "text-too-long",
            Self::TooShort => "text-too-short",
            Self::NotByMeaning => "not-by-meaning",
            Self::ModelUnavailable => "model-unavailable",
            Self::Mode => "mode-exact",
        }
    }
}

/// Why a request goes past the cache: neither looked up nor kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bypass {
    /// `Cache-Control: no-store`, or a peer's spelling of it.
    NoStore,
    /// `x-nearhit-mode: off`, or the same in the configuration.
    ModeOff,
    /// `store: true`: the provider must keep this very exchange.
    StoreRequested,
    /// The request builds on what the provider has stored: an earlier response, a conversation, a prompt template.
    ServerState,
    /// The answer is made in the background and fetched later.
    Background,
    /// The provider would run a tool of its own, such as a web search.
    ServerTool,
    /// Moderation was asked for along with the answer.
    Moderation,
    /// `max_tokens: 0`: nothing is to be generated.
    NothingToGenerate,
    /// The body is compressed, so it cannot be read here.
    EncodedBody,
    /// The path is none that nearhit caches.
    UnsupportedPath,
    /// The method is none that nearhit caches.
    UnsupportedMethod,
    /// The cache could not be reached.
    CacheFault,
}

impl Bypass {
    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::ModeOff => "mode-off",
            Self::StoreRequested => "store-requested",
            Self::ServerState => "server-state",
            Self::Background => "background",
            Self::ServerTool => "server-tool",
            Self::Moderation => "moderation",
            Self::NothingToGenerate => "nothing-to-generate",
            Self::EncodedBody => "encoded-body",
            Self::UnsupportedPath => "unsupported-path",
            Self::UnsupportedMethod => "unsupported-method",
            Self::CacheFault => "cache-fault",
        }
    }
}

/// What a model answered: the stored form, which serves body and stream alike. An entry belongs to one API, for the
/// API is part of its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Completion {
    /// A chat completion.
    Chat(ChatCompletion),
    /// A `response` object of the Responses API, as its terminal event holds it.
    Response(Map<String, Value>),
    /// A `message` object of the Messages API.
    Message(Map<String, Value>),
    /// The vector of one input.
    Embedding(Embedding),
}

impl Completion {
    /// Whether its usage is an estimate, for the provider was not asked to count.
    #[must_use]
    pub fn usage_is_estimated(&self) -> bool {
        matches!(self, Self::Chat(chat) if chat.usage_estimated)
    }

    /// Tokens that one replay saves, in and out; nothing when the provider did not count.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        match self {
            Self::Chat(chat) => chat.usage.as_ref()?["total_tokens"].as_u64(),
            Self::Response(response) => response.get("usage")?["total_tokens"].as_u64(),
            Self::Message(message) => {
                let usage = message.get("usage")?;
                let kinds = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"];
                let counts: Vec<u64> = kinds.iter().filter_map(|kind| usage[*kind].as_u64()).collect();
                (!counts.is_empty()).then(|| counts.iter().sum())
            }
            Self::Embedding(embedding) => Some(embedding.tokens),
        }
    }
}

/// Tokens of one request. The whole input is `uncached`, `cached_read` and both kinds of writes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the input that were neither read from the cache nor written to it.
    pub uncached: u64,
    /// Tokens of the input that were read from the cache.
    pub cached_read: u64,
    /// Tokens of the input that were written to the cache, for five minutes or for as long as the provider does when it
    /// offers no choice.
    pub cached_write_5m: u64,
    /// Tokens of the input that were written to the cache for an hour.
    pub cached_write_1h: u64,
    /// Tokens of the output, `reasoning` included.
    pub output: u64,
    /// Tokens of the output that the model thought with.
    pub reasoning: u64,
}

impl Usage {
    /// Tokens of the whole input.
    #[must_use]
    pub fn input(&self) -> u64 {
        [self.cached_read, self.cached_write_5m, self.cached_write_1h]
            .into_iter()
            .fold(self.uncached, u64::saturating_add)
    }

    /// The tokens as a header shows them: `uncached=12, cached=3000, written=0, output=5, reasoning=2`.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning } = self;
        let written = cached_write_5m.saturating_add(*cached_write_1h);
        format!("uncached={uncached}, cached={cached_read}, written={written}, output={output}, reasoning={reasoning}")
    }
}

/// What an answer says, for comparing it with another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The text, all parts joined.
    pub text: String,
    /// The tools that it calls, in order.
    pub calls: Vec<SaidCall>,
}

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidCall {
    /// The tool's name, or the kind of item.
    pub name: String,
    /// The arguments in canonical JSON.
    pub arguments: String,
}

/// The answer of the Embeddings API to one input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// The model that answered, as it names itself.
    pub model: String,
    /// The vector as the provider wrote it, in JSON: an array of numbers, or a string with base64 of float32.
    pub vector: String,
    /// Tokens of the input.
    pub tokens: u64,
}

/// The answer of the Chat Completions API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatCompletion {
    /// The model that answered, as it names itself.
    pub model: String,
    /// The choices, in the order of their index.
    pub choices: Vec<Choice>,
    /// Tokens used, in the provider's own form; absent when it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Value>,
    /// The usage is an estimate: the answer came as a stream that was not asked for it.
    #[serde(default)]
    pub usage_estimated: bool,
    /// Further top-level fields that replay as they are (`system_fingerprint` and what the future brings).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// One of a completion's choices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its index, from 0.
    pub index: u64,
    /// The message: `role`, `content`, `refusal`, `reasoning_content`, `tool_calls`, `annotations` and whatever else came.
    pub message: Map<String, Value>,
    /// Why the model stopped.
    pub finish_reason: String,
    /// Log probabilities, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
    /// Further fields of the choice.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// Why an answer is given to its client but not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotKept {
    /// The upstream's status was not 200.
    UpstreamError,
    /// The body or stream was not the API's.
    Unreadable,
    /// The model ran into its output limit.
    Truncated,
    /// The answer names something that the provider keeps for a while only.
    ServerState,
    /// The provider searched or ran something for the answer, which is as fresh as its day.
    ServerTool,
    /// A content filter cut the answer.
    ContentFilter,
    /// The model ended its turn by refusing (`stop_reason: refusal`).
    Refusal,
    /// The provider paused a long turn, to be continued (`stop_reason: pause_turn`).
    PauseTurn,
    /// The stream ended without its terminal event.
    CutStream,
    /// The answer is larger than a row may be.
    TooLarge,
    /// The shard did not take it.
    CacheFault,
    /// It is another model's than the one that was to answer.
    Fallback,
    /// What it was asked for was purged while it was on its way.
    Purged,
}

impl NotKept {
    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamError => "upstream-error",
            Self::Unreadable => "unreadable-answer",
            Self::Truncated => "truncated",
            Self::ServerState => "server-state",
            Self::ServerTool => "server-tool",
            Self::ContentFilter => "content-filter",
            Self::Refusal => "refusal",
            Self::PauseTurn => "pause-turn",
            Self::CutStream => "cut-stream",
            Self::TooLarge => "too-large",
            Self::CacheFault => "cache-fault",
            Self::Fallback => "fallback",
            Self::Purged => "purged",
        }
    }
}
