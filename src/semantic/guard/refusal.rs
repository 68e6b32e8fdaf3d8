//! Why two texts may need different answers: every "no" has a name, and the two spans that led to it.

/// Why two texts may need different answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Their numbers differ, in digits or in words.
    Numbers,
    /// Their units or currencies differ.
    Units,
    /// They name different days, months, years, times or zones.
    Dates,
    /// One negates what the other does not, or they negate different things.
    Negation,
    /// One says the opposite of the other: enable and disable, buyer and seller.
    Opposites,
    /// They bound something differently: at least and at most, the cheapest and the fastest.
    Bounds,
    /// They go the other way: from A to B and from B to A, with and without.
    Direction,
    /// They say the same words in another order.
    Order,
    /// They name different people, places, companies or products.
    Names,
    /// They name different countries or natural languages.
    Nations,
    /// They name different programming languages, platforms, products or protocols.
    Technologies,
    /// They name different versions of one thing.
    Versions,
    /// Their identifiers, flags, paths or file names differ.
    Code,
    /// They quote different words.
    Quotes,
    /// They name different tiers of a product.
    Tiers,
    /// They want the answer in different formats.
    Formats,
    /// They want answers of different lengths.
    Lengths,
    /// They want answers in different tones.
    Tones,
    /// They want answers for different audiences.
    Audiences,
    /// Their operators, quotation marks, emoji or other symbols differ.
    Symbols,
    /// They are different kinds of questions: when and where, can I and how do I.
    Question,
    /// They are about different persons: me and you.
    Person,
    /// They are about what is, was, will be, may be or must be.
    Mood,
    /// The same word is written with other capitals: `mW` and `MW`, `Rust` and `rust`.
    Capitals,
    /// They have several lines, which differ: in code the layout is part of the text.
    Layout,
    /// One says another word in the place of a word.
    Replaced,
    /// One says a word more.
    Added,
    /// At least one of them says nothing.
    Wording,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 28] = [
        Self::Numbers,
        Self::Units,
        Self::Dates,
        Self::Negation,
        Self::Opposites,
        Self::Bounds,
        Self::Direction,
        Self::Order,
        Self::Names,
        Self::Nations,
        Self::Technologies,
        Self::Versions,
        Self::Code,
        Self::Quotes,
        Self::Tiers,
        Self::Formats,
        Self::Lengths,
        Self::Tones,
        Self::Audiences,
        Self::Symbols,
        Self::Question,
        Self::Person,
        Self::Mood,
        Self::Capitals,
        Self::Layout,
        Self::Replaced,
        Self::Added,
        Self::Wording,
    ];

    /// The reason as it is shown in `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Units => "units",
            Self::Dates => "dates",
            Self::Negation => "negation",
            Self::Opposites => "opposites",
            Self::Bounds => "bounds",
            Self::Direction => "direction",
            Self::Order => "order",
            Self::Names => "names",
            Self::Nations => "nations",
            Self::Technologies => "technologies",
            Self::Versions => "versions",
            Self::Code => "code",
            Self::Quotes => "quotes",
            Self::Tiers => "tiers",
            Self::Formats => "formats",
            Self::Lengths => "lengths",
            Self::Tones => "tones",
            Self::Audiences => "audiences",
            Self::Symbols => "symbols",
            Self::Question => "question",
            Self::Person => "person",
            Self::Mood => "mood",
            Self::Capitals => "capitals",
            Self::Layout => "layout",
            Self::Replaced => "replaced",
            Self::Added => "added",
            Self::Wording => "wording",
        }
    }

    /// The reason for a family of words, by its name in `words/families.txt`.
    pub(super) fn of_family(name: &str) -> Self {
        match name {
            "dates" => Self::Dates,
            "nations" => Self::Nations,
            "technologies" => Self::Technologies,
            "methods" => Self::Code,
            "formats" => Self::Formats,
            "tiers" => Self::Tiers,
            "lengths" => Self::Lengths,
            "tones" => Self::Tones,
            "audience" => Self::Audiences,
            "superlatives" | "bounds" => Self::Bounds,
            "directions" => Self::Direction,
            "units" => Self::Units,
            _ => Self::Replaced,
        }
    }
}

/// What differs, with the two spans as written: either may be empty when it is only on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Why that may change the answer.
    pub reason: Refusal,
    /// What the first text says, at most [`SPAN_CHARS`] characters without control characters.
    pub here: String,
    /// What the second text says.
    pub there: String,
}

/// The longest span of a [`Difference`], in characters.
pub const SPAN_CHARS: usize = 40;

impl Difference {
    pub(super) fn new(reason: Refusal, here: &str, there: &str) -> Self {
        let span = |text: &str| text.chars().filter(|c| !c.is_control()).take(SPAN_CHARS).collect();
        Self { reason, here: span(here), there: span(there) }
    }

    /// The same difference, seen from the second text.
    pub(super) fn mirrored(self) -> Self {
        Self { reason: self.reason, here: self.there, there: self.here }
    }
}
