//! One API's request answered by an upstream that speaks another: the request there, the answer back, whole or as a
//! stream. What one of the two cannot say is refused by name.

pub mod chat_to_messages;
pub mod messages_to_chat;
pub mod refusal;
