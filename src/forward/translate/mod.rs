//! One API's request answered by an upstream that speaks another: the request there, the answer back, whole or as a
//! stream. What one of the two cannot say is refused by name.

pub mod chat_to_messages;
pub mod messages_to_chat;
pub mod refusal;

use serde_json::Value;

use crate::canonical::Api;
use crate::forward::provider::Provider;
use refusal::CannotCarry;

/// From which API to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client speaks Chat Completions, the upstream Messages.
    ChatToMessages,
    /// The client speaks Messages, the upstream Chat Completions.
    MessagesToChat,
}

impl Direction {
    /// The API of the upstream.
    #[must_use]
    pub fn there(self) -> Api {
        match self {
            Self::ChatToMessages => Api::Messages,
            Self::MessagesToChat => Api::ChatCompletions,
        }
    }

    /// What follows `/v1` in the path at the upstream.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatToMessages => "/messages",
            Self::MessagesToChat => "/chat/completions",
        }
    }

    /// The request in the words of an upstream of this provider.
    ///
    /// # Errors
    /// What cannot be carried, by name.
    pub fn request(self, body: &[u8], provider: Provider) -> Result<Vec<u8>, CannotCarry> {
        let body = read(body);
        let made = match self {
            Self::ChatToMessages => for_claude(chat_to_messages::request(&body)?)?,
            Self::MessagesToChat => {
                let mut made = messages_to_chat::request(&body)?;
                // Only OpenAI has given the limit a new name, and does not take the old one for its newer models.
                if !matches!(provider, Provider::OpenAi | Provider::Azure)
                    && let Some(fields) = made.as_object_mut()
                    && let Some(limit) = fields.shift_remove("max_completion_tokens")
                {
                    fields.insert("max_tokens".to_owned(), limit);
                }
                made
            }
        };
        Ok(made.to_string().into_bytes())
    }

    /// A whole answer in the client's words; nothing when it is none.
    #[must_use]
    pub fn answer(self, body: &[u8], now_secs: u64) -> Option<Vec<u8>> {
        let body = read(body);
        let made = match self {
            Self::ChatToMessages => chat_to_messages::answer(&body, now_secs),
            Self::MessagesToChat => messages_to_chat::answer(&body),
        };
        made.map(|made| made.to_string().into_bytes())
    }

    /// An error in the client's words.
    #[must_use]
    pub fn error(self, body: &[u8], status: u16) -> Vec<u8> {
        let body = read(body);
        let made = match self {
            Self::ChatToMessages => chat_to_messages::error(&body),
            Self::MessagesToChat => messages_to_chat::error(&body, status),
        };
        made.to_string().into_bytes()
    }

    /// What turns the upstream's stream into the client's. `usage`: the client wants to know what was used.
    #[must_use]
    pub fn stream(self, now_secs: u64, usage: bool) -> Stream {
        match self {
            Self::ChatToMessages => Stream::ToChat(Box::new(chat_to_messages::Stream::new(now_secs, usage))),
            Self::MessagesToChat => Stream::ToMessages(Box::default()),
        }
    }
}

/// A Messages request without what its model would refuse: newer Claude models take no sampling parameters, and Haiku 4.5
/// knows no effort (`reference` of the models overview, <https://docs.anthropic.com/en/docs/about-claude/models/overview>).
fn for_claude(mut made: Value) -> Result<Value, CannotCarry> {
    const UNSAMPLED: [&str; 6] = ["opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "fable-", "mythos-"];
    let model = made["model"].as_str().unwrap_or_default().replace('.', "-");
    let is_any = |names: &[&str]| model.contains("claude-") && names.iter().any(|name| model.contains(name));
    let Some(fields) = made.as_object_mut() else { return Ok(made) };
    if is_any(&UNSAMPLED) {
        for field in ["temperature", "top_p", "top_k"] {
            // 1 is what it is without a word.
            if fields.get(field).is_some_and(|value| value.as_f64() == Some(1.0)) {
                fields.shift_remove(field);
            } else if fields.contains_key(field) {
                return Err(CannotCarry { field: field.to_owned(), why: "the model takes no sampling parameters" });
            }
        }
    }
    if is_any(&["haiku-4-5"]) && fields.get("output_config").is_some_and(|config| config.get("effort").is_some()) {
        return Err(CannotCarry { field: "reasoning_effort".to_owned(), why: "the model knows no effort" });
    }
    Ok(made)
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// A stream on its way from one API to the other.
#[derive(Debug)]
pub enum Stream {
    /// Of Messages, to Chat Completions.
    ToChat(Box<chat_to_messages::Stream>),
    /// Of Chat Completions, to Messages.
    ToMessages(Box<messages_to_chat::Stream>),
}

impl Stream {
    /// The client's bytes for the next bytes of the upstream.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::ToChat(stream) => stream.feed(bytes),
            Self::ToMessages(stream) => stream.feed(bytes),
        }
    }

    /// What is left to say when the upstream has closed its stream.
    pub fn finish(&mut self) -> Vec<u8> {
        match self {
            Self::ToChat(_) => Vec::new(),
            Self::ToMessages(stream) => stream.finish(),
        }
    }
}
