//! OpenAI's Responses API, `POST /v1/responses`.

mod answer;
mod detached;
mod events;
mod input;
mod replay;
mod request;
#[cfg(test)]
mod samples;
mod stream;

pub use answer::read_body;
pub use detached::detached;
pub use events::stream;
pub use replay::body;
pub use request::read;
pub use stream::Recorder;
