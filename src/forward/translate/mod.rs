//! One API's request answered by an upstream that speaks another: the request there, the answer back, whole or as a
//! stream. What one of the two cannot say is refused by name.

pub mod chat_to_messages;
pub mod messages_to_chat;
pub mod refusal;

use serde_json::Value;

use crate::canonical::Api;
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

    /// The request in the upstream's words.
    ///
    /// # Errors
    /// What cannot be carried, by name.
    pub fn request(self, body: &[u8]) -> Result<Vec<u8>, CannotCarry> {
        let body = read(body);
        let made = match self {
            Self::ChatToMessages => chat_to_messages::request(&body)?,
            Self::MessagesToChat => messages_to_chat::request(&body)?,
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
