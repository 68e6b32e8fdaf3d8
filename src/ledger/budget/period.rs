//! When a budget begins anew, by the clock and calendar of UTC.

use serde::{Deserialize, Serialize};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const DAYS_OF_WEEK: u64 = 7;

/// 1 January 1970 was a Thursday, so many days after a Monday.
const FIRST_WEEKDAY: u64 = 3;

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_BEFORE_1970: u64 = 719_468;
/// Days of 400 years, after which the Gregorian calendar repeats.
const DAYS_OF_ERA: u64 = 146_097;

/// How long what was spent counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// For ever.
    Total,
}

impl Period {
    /// Every period, as it is written.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("minute", Self::Minute),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("total", Self::Total),
    ];

    /// The period as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, period)| *period == self).map_or("", |(name, _)| name)
    }

    /// The period of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, period)| *period)
    }

    /// The period behind an amount in a sentence: `a day`, `in all`.
    #[must_use]
    pub fn say(self) -> &'static str {
        match self {
            Self::Minute => "a minute",
            Self::Day => "a day",
            Self::Week => "a week",
            Self::Month => "a month",
            Self::Total => "in all",
        }
    }

    /// When the period began in which `at_ms` lies, both in milliseconds since 1970 and not before it.
    #[must_use]
    pub fn start(self, at_ms: u64) -> u64 {
        let day = at_ms / DAY_MS;
        match self {
            Self::Minute => at_ms - at_ms % MINUTE_MS,
            Self::Day => day * DAY_MS,
            // The week of 1 January 1970 began in 1969, which is cut off here.
            Self::Week => day.saturating_sub(weekday(day)) * DAY_MS,
            Self::Month => (day + 1 - Date::of(day).day) * DAY_MS,
            Self::Total => 0,
        }
    }

    /// When that period ends and the next one begins; never for [`Period::Total`].
    #[must_use]
    pub fn end(self, at_ms: u64) -> Option<u64> {
        let day = at_ms / DAY_MS;
        let next_day = match self {
            Self::Minute => return Some(self.start(at_ms).saturating_add(MINUTE_MS)),
            Self::Day => day + 1,
            Self::Week => day + DAYS_OF_WEEK - weekday(day),
            Self::Month => {
                let date = Date::of(day);
                day + 1 - date.day + date.days_of_month()
            }
            Self::Total => return None,
        };
        Some(next_day.saturating_mul(DAY_MS))
    }
}

/// Days since the last Monday, of a day since 1 January 1970.
fn weekday(day: u64) -> u64 {
    (day + FIRST_WEEKDAY) % DAYS_OF_WEEK
}

/// A date of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: u64,
    /// 1 to 12.
    month: u64,
    /// 1 to 31.
    day: u64,
}

impl Date {
    /// The date of a day since 1 January 1970. The year is taken to begin in March, which puts the leap day at its end;
    /// see `civil_from_days` in <https://howardhinnant.github.io/date_algorithms.html>.
    fn of(day: u64) -> Self {
        let days = day + DAYS_BEFORE_1970;
        let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
        // Leap days are taken out: one in 4 years, but for one in 100, but for the one at the end of the era.
        let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, five months have 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let is_after_new_year = month_from_march >= 10;
        let month = if is_after_new_year { month_from_march - 9 } else { month_from_march + 3 };
        Self { year: era * 400 + year_of_era + u64::from(is_after_new_year), month, day }
    }

    fn days_of_month(self) -> u64 {
        let in_years = |years| self.year.is_multiple_of(years);
        let is_leap = in_years(4) && (!in_years(100) || in_years(400));
        match self.month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

#[cfg(test)]
#[path = "period_tests.rs"]
mod tests;
