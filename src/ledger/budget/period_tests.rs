use super::*;

const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Days from 1970 to a date, counted one year and one month at a time.
fn day(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|month| Date { year, month, day: 1 }.days_of_month()).sum();
    years + months + day - 1
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100))
}

/// A date's first millisecond.
fn ms(year: u64, month: u64, of_month: u64) -> u64 {
    day(year, month, of_month) * DAY_MS
}

#[test]
fn every_period_has_its_name_and_is_found_by_it() {
    for (name, period) in Period::NAMES {
        assert_eq!((period.as_str(), Period::parse(name)), (name, Some(period)));
    }
    assert_eq!((Period::parse("hour"), Period::parse("Day"), Period::parse("")), (None, None, None));
}

#[test]
fn periods_begin_and_end_as_the_calendar_says() {
    // 1795564800000 is 25 November 2026, a Wednesday.
    assert_eq!(ms(2026, 11, 25), 1_795_564_800_000);
    let noon = ms(2026, 11, 25) + 12 * HOUR_MS + 34 * MINUTE_MS + 56_789;
    let table = [
        (Period::Minute, noon, noon - 56_789, Some(noon - 56_789 + MINUTE_MS)),
        (Period::Day, noon, ms(2026, 11, 25), Some(ms(2026, 11, 26))),
        (Period::Week, noon, ms(2026, 11, 23), Some(ms(2026, 11, 30))),
        (Period::Month, noon, ms(2026, 11, 1), Some(ms(2026, 12, 1))),
        (Period::Total, noon, 0, None),
        // The last and the first millisecond of a week, and of a year.
        (Period::Week, ms(2026, 11, 30) - 1, ms(2026, 11, 23), Some(ms(2026, 11, 30))),
        (Period::Week, ms(2026, 11, 30), ms(2026, 11, 30), Some(ms(2026, 12, 7))),
        (Period::Month, ms(2027, 1, 1) - 1, ms(2026, 12, 1), Some(ms(2027, 1, 1))),
        (Period::Month, ms(2027, 1, 1), ms(2027, 1, 1), Some(ms(2027, 2, 1))),
        // Leap years: every fourth, not the hundredth, but the four hundredth.
        (Period::Month, ms(2028, 2, 29) + 5, ms(2028, 2, 1), Some(ms(2028, 3, 1))),
        (Period::Month, ms(2027, 2, 28), ms(2027, 2, 1), Some(ms(2027, 2, 1) + 28 * DAY_MS)),
        (Period::Month, ms(2000, 2, 29), ms(2000, 2, 1), Some(ms(2000, 2, 1) + 29 * DAY_MS)),
        (Period::Month, ms(2100, 2, 28), ms(2100, 2, 1), Some(ms(2100, 2, 1) + 28 * DAY_MS)),
        // The beginning of time, a Thursday.
        (Period::Minute, 0, 0, Some(MINUTE_MS)),
        (Period::Day, 0, 0, Some(DAY_MS)),
        (Period::Week, 0, 0, Some(4 * DAY_MS)),
        (Period::Week, 4 * DAY_MS, 4 * DAY_MS, Some(11 * DAY_MS)),
        (Period::Month, 0, 0, Some(31 * DAY_MS)),
    ];
    for (period, at, start, end) in table {
        assert_eq!((period.start(at), period.end(at)), (start, end), "{} at {at}", period.as_str());
    }
}

#[test]
fn the_calendar_is_right_on_every_day_of_five_centuries() {
    let mut date = Date { year: 1970, month: 1, day: 1 };
    let (mut month_start, mut monday) = (0, 0);
    for day in 0..day(2470, 1, 1) {
        assert_eq!(Date::of(day), date);
        if date.day == 1 {
            month_start = day;
        }
        if day % 7 == 4 {
            monday = day;
        }
        // Somewhere in the day, never at the same time of it.
        let at = day * DAY_MS + (day * 7_919_993) % DAY_MS;
        assert_eq!(Period::Month.start(at), month_start * DAY_MS);
        assert_eq!(Period::Week.start(at), monday * DAY_MS);
        let lengths = [31, if is_leap(date.year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = lengths[usize::try_from(date.month - 1).unwrap()];
        assert_eq!(Period::Month.end(at), Some((month_start + length) * DAY_MS));
        date.day += 1;
        if date.day > length {
            (date.day, date.month) = (1, date.month + 1);
        }
        if date.month > 12 {
            (date.month, date.year) = (1, date.year + 1);
        }
    }
}

#[test]
fn a_period_holds_its_moment_and_the_next_one_begins_where_it_ends() {
    // A deterministic walk over about a thousand years, and the last moment of all.
    let walk = (0..20_000_u64).map(|step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 19);
    for at in walk.chain([u64::MAX - 1, u64::MAX]) {
        for (name, period) in Period::NAMES {
            let start = period.start(at);
            assert!(start <= at, "{name} at {at}");
            assert_eq!(period.start(start), start, "{name} at {at}");
            let Some(end) = period.end(at).filter(|end| *end < u64::MAX) else { continue };
            assert!(at < end, "{name} at {at}");
            assert_eq!(period.start(end), end, "{name} at {at}");
            assert_eq!(period.start(end - 1), start, "{name} at {at}");
        }
    }
}
