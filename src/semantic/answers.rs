//! Do two answers say the same? For audits and shadow mode, where the upstream was asked although an entry was near: if
//! it answers as the entry does, the entry would have been right.

use super::decision::{Judge, Judgement, Reading, Refused};
use super::embedder::Embedder;
use super::guard::Refusal;
use crate::canonical::Said;

/// How much alike two answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Likeness {
    /// They say the same words.
    Equal,
    /// The guard finds no difference and the verifier is nearly sure.
    Equivalent,
    /// They call other tools, are about other things, name other numbers or names in a short answer, or the verifier is
    /// nearly sure that they differ.
    Different,
    /// Too long to be compared, or undecided. It counts for nothing: a model says one thing in many ways.
    Unclear,
}

impl Likeness {
    /// Every likeness, in the order of [`Likeness::index`].
    pub const ALL: [Self; 4] = [Self::Equal, Self::Equivalent, Self::Different, Self::Unclear];

    /// Its name in stats.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Equivalent => "equivalent",
            Self::Different => "different",
            Self::Unclear => "unclear",
        }
    }

    /// Its place in a count of all four.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether it shows that the answers agree or differ; nothing when it shows neither.
    #[must_use]
    pub fn agreed(self) -> Option<bool> {
        match self {
            Self::Equal | Self::Equivalent => Some(true),
            Self::Different => Some(false),
            Self::Unclear => None,
        }
    }
}

/// The probability from which two answers count as equivalent, and the one below which they count as different. The
/// verifier was trained on prompts, so it must be nearly sure.
const SAME_FROM: f32 = 0.9;
const OTHER_BELOW: f32 = 0.1;

/// The longest answers in which another number, name or negation shows another answer, in wordpieces. Two longer ones say
/// one thing with other details.
const SHORT_PIECES: usize = 40;

/// The similarity (cosine) below which two texts are about different things.
const UNRELATED_BELOW: f32 = 0.3;

/// Compares two answers.
#[must_use]
pub fn compare(a: &Said, b: &Said, embedder: &Embedder, judge: &Judge) -> Likeness {
    if a.calls.iter().map(|call| &call.name).ne(b.calls.iter().map(|call| &call.name)) {
        return Likeness::Different;
    }
    if a.calls != b.calls {
        // A query or a note is worded anew every time.
        return Likeness::Unclear;
    }
    let (plain_a, plain_b) = (plain(&a.text), plain(&b.text));
    if plain_a == plain_b {
        return Likeness::Equal;
    }
    if !a.calls.is_empty() {
        // The same call with other words around it.
        return Likeness::Equivalent;
    }
    let (Ok((pieces_a, vector_a)), Ok((pieces_b, vector_b))) = (embedder.read(&a.text), embedder.read(&b.text)) else {
        return Likeness::Unclear;
    };
    let cosine: f32 = vector_a.iter().zip(&vector_b).map(|(x, y)| x * y).sum();
    if cosine < UNRELATED_BELOW {
        return Likeness::Different;
    }
    let reading = Reading { text: &a.text, pieces: &pieces_a };
    let short = pieces_a.len().max(pieces_b.len()) <= SHORT_PIECES;
    match judge.judge(reading, &b.text, cosine, |_| Some(pieces_b)) {
        Judgement::Sure(_) => Likeness::Equivalent,
        Judgement::Likely(score) if score >= SAME_FROM => Likeness::Equivalent,
        Judgement::Likely(score) if score < OTHER_BELOW => Likeness::Different,
        Judgement::Refused(Refused::Guard(difference)) if short && is_hard(difference.reason) => Likeness::Different,
        Judgement::Likely(_) | Judgement::Refused(_) => Likeness::Unclear,
    }
}

/// Whether a difference between two answers is one between what they say. The guard's other reasons are about how close
/// the wording is, which says nothing where each answer was written anew.
fn is_hard(reason: Refusal) -> bool {
    matches!(
        reason,
        Refusal::Numbers
            | Refusal::Units
            | Refusal::Dates
            | Refusal::Negation
            | Refusal::Opposites
            | Refusal::Bounds
            | Refusal::Direction
            | Refusal::Names
            | Refusal::Nations
            | Refusal::Technologies
            | Refusal::Versions
    )
}

/// A text without what no reader minds: capitals, the width of gaps, a last full stop.
fn plain(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").trim_end_matches(['.', '!']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::SaidCall;

    #[test]
    fn answers_are_equal_equivalent_different_or_unclear() {
        let embedder = Embedder::shipped().unwrap();
        let judge = Judge::shipped(true, embedder.vocabulary());
        let text = |text: &str| Said { text: text.into(), calls: Vec::new() };
        let call_with = |name: &str, arguments: &str| Said {
            text: String::new(),
            calls: vec![SaidCall { name: name.into(), arguments: arguments.into() }],
        };
        let call = |name: &str| call_with(name, "{}");
        let long =
            "The refund goes back to the card that was charged, and it takes some days until the bank shows it. ";
        for (a, b, likeness) in [
            (text("Paris."), text("paris"), Likeness::Equal),
            (text("It is 42."), text("It is  42"), Likeness::Equal),
            (call("look"), call("look"), Likeness::Equal),
            (call("look"), call("find"), Likeness::Different),
            (call_with("look", "1"), call_with("look", "2"), Likeness::Unclear),
            (call("look"), text("I cannot look."), Likeness::Different),
            (text("Delivery takes 3 days."), text("Delivery takes 5 days."), Likeness::Different),
            (text("It is free for students."), text("It is not free for students."), Likeness::Different),
            (text("Boil the eggs."), text("Open the settings and choose a password."), Likeness::Different),
            (text(&long.repeat(6)), text(&(long.repeat(5) + "Ask again after 5 days.")), Likeness::Unclear),
        ] {
            assert_eq!(compare(&a, &b, &embedder, &judge), likeness, "{a:?} | {b:?}");
            assert_eq!(compare(&b, &a, &embedder, &judge), likeness, "{b:?} | {a:?}");
        }
    }
}
