//! What somebody wants to know of the totals: over which time, how finely, of which requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Cell;
use super::grain::Grain;
use super::page::Page;

/// Periods that one query may span at most: a day of minutes, two months of hours, four years of days.
pub const MAX_PERIODS: u64 = 1500;

/// The time that a query spans when it does not say, in milliseconds.
const DEFAULT_SPAN_MS: u64 = 24 * 3_600_000;

/// Which requests are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// Those with this tag: name and value.
    Tag(String, String),
    /// Those of this model, `provider/model`.
    Model(String),
}

impl Filter {
    /// The cell of the requests that are meant, if there were any.
    #[must_use]
    pub fn cell<'a>(&self, page: &'a Page) -> Option<&'a Cell> {
        match self {
            Self::All => Some(&page.all),
            Self::Tag(name, value) => page.tag(name, value),
            Self::Model(model) => page.models.get(model),
        }
    }
}

/// The query as it was written; nothing for what was left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `from`, in milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// `to`, in milliseconds since 1970.
    pub to_ms: Option<u64>,
    /// `grain`.
    pub grain: Option<&'a str>,
    /// `tag`: `name=value`.
    pub tag: Option<&'a str>,
    /// `model`: `provider/model`.
    pub model: Option<&'a str>,
}

/// A query that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Where it begins, in milliseconds since 1970.
    pub from_ms: u64,
    /// Where it ends; that millisecond is no part of it.
    pub to_ms: u64,
    /// The length of the periods.
    pub grain: Grain,
    /// Which requests are meant.
    pub filter: Filter,
}

impl Query {
    /// Reads a query. Without `to` it ends with the running period; without `from` it begins 24 hours before its end;
    /// without `grain` it is by hour.
    ///
    /// # Errors
    /// When a part is wrong, or it spans more than [`MAX_PERIODS`].
    pub fn read(asked: &Asked<'_>, now_ms: u64) -> Result<Self, Mistake> {
        let grain = match asked.grain {
            Some(name) => Grain::parse(name).ok_or(Mistake::UnknownGrain)?,
            None => Grain::default(),
        };
        let to_ms = asked.to_ms.unwrap_or_else(|| grain.start(now_ms).saturating_add(grain.length_ms()));
        let from_ms = asked.from_ms.unwrap_or_else(|| to_ms.saturating_sub(DEFAULT_SPAN_MS));
        if from_ms >= to_ms {
            return Err(Mistake::Backwards);
        }
        let query = Self { from_ms, to_ms, grain, filter: filter(asked)? };
        let (first, last) = query.periods();
        let periods = (last - first) / grain.length_ms() + 1;
        if periods > MAX_PERIODS { Err(Mistake::TooManyPeriods { periods, grain }) } else { Ok(query) }
    }

    /// When the first and the last period begin that the query touches. Periods are counted whole.
    #[must_use]
    pub fn periods(&self) -> (u64, u64) {
        (self.grain.start(self.from_ms), self.grain.start(self.to_ms.saturating_sub(1)))
    }
}

fn filter(asked: &Asked<'_>) -> Result<Filter, Mistake> {
    match (asked.tag, asked.model) {
        (Some(_), Some(_)) => Err(Mistake::TagAndModel),
        (None, None) => Ok(Filter::All),
        (None, Some(model)) => Ok(Filter::Model(model.to_owned())),
        (Some(tag), None) => match tag.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Filter::Tag(name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(Mistake::BadTag),
        },
    }
}

/// Why a query cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// `grain` is no grain.
    UnknownGrain,
    /// `from` is not before `to`.
    Backwards,
    /// The query spans more than [`MAX_PERIODS`].
    TooManyPeriods {
        /// How many it spans.
        periods: u64,
        /// How long each is.
        grain: Grain,
    },
    /// `tag` has no name, or no `=`.
    BadTag,
    /// `tag` and `model` exclude one another.
    TagAndModel,
}

impl Mistake {
    /// The part of the query that is wrong.
    #[must_use]
    pub fn param(self) -> &'static str {
        match self {
            Self::UnknownGrain | Self::TooManyPeriods { .. } => "grain",
            Self::Backwards => "from",
            Self::BadTag | Self::TagAndModel => "tag",
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownGrain => write!(f, "grain is one of: minute, hour, day."),
            Self::Backwards => write!(f, "from must be before to, both in milliseconds since 1970."),
            Self::TooManyPeriods { periods, grain } => write!(
                f,
                "from and to span {periods} periods of one {}; at most {MAX_PERIODS} are answered at once. Ask for \
                 less time, or for longer periods.",
                grain.as_str()
            ),
            Self::BadTag => write!(f, "tag is written name=value."),
            Self::TagAndModel => write!(f, "tag and model exclude one another: totals are kept by each of them alone."),
        }
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
