//! An OpenAI Chat Completions request, answered by an Anthropic Messages upstream: the request on its way there, and
//! the answer, whole or as a stream, on its way back.
//!
//! A request is carried whole or refused by name: what changes the answer and has no place in Messages is a
//! [`CannotCarry`](super::refusal::CannotCarry), never a silent loss. Each object of a request has a table of all its
//! known fields, which gives every field its place; one that no table knows is refused too.
//!
//! The sources of the protocol rules are the vendors' API references and the types of their Python SDKs (openai 3.57,
//! anthropic 2.14).

mod answer;
mod error;
mod messages;
mod parts;
mod places;
mod request;
mod stream;
mod tools;

pub use answer::answer;
pub use error::error;
pub use request::{DEFAULT_MAX_TOKENS, request};
pub use stream::Stream;
