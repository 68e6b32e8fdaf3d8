//! How difficult is a prompt: will a small model do, or does it take a large one? A logistic model over features that
//! are read from the text in microseconds. The routing decides by the score; nothing here knows a model's name.

pub mod features;
pub mod lexicon;
pub mod model;
pub mod reader;
pub mod split;

pub use model::Model;

/// What is known of a request before it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// The last user text.
    pub text: &'a str,
    /// The length of the system prompt, in bytes.
    pub system_bytes: usize,
    /// The number of tools that the model may call.
    pub tools: usize,
    /// The number of turns before the last.
    pub turns: usize,
    /// Whether there are images, audio or files.
    pub media: bool,
    /// The embedding of the text, of Euclidean length 1, where there is one.
    pub vector: Option<&'a [f32]>,
    /// Whether the client asked for a high reasoning effort.
    pub effort_asked: bool,
}

/// How difficult a prompt is.
#[derive(Clone, Debug, PartialEq)]
pub struct Difficulty {
    /// From 0, any model does it, to 1. Only its order and the model's two thresholds mean something.
    pub score: f32,
    /// The features that moved the score most, up or down, at most [`model::REASONS`] of them, the strongest first.
    pub reasons: Vec<&'static str>,
}

/// Judges a request.
#[must_use]
pub fn assess(seen: &Seen, model: &Model) -> Difficulty {
    model.assess(seen)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
