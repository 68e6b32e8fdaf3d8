//! A request of Anthropic's Messages API for an upstream that speaks `OpenAI`'s Chat Completions, and the answer of
//! that upstream as a Messages answer.
//!
//! ```text
//! request    every field: carried, dropped with a reason, or refused by name
//!   turns      system, messages and their blocks
//!   tools      tools and tool_choice
//! answer     a whole completion ─▶ a message
//! stream     chunks ─▶ events
//!   blocks     content blocks, one after the other, out of deltas that may alternate
//!   event      how an event is written
//! failure    an error body ─▶ an error body
//! ```

mod answer;
mod blocks;
mod event;
mod failure;
mod request;
mod stream;
mod tools;
mod turns;

pub use answer::answer;
pub use failure::error;
pub use request::request;
pub use stream::Stream;
