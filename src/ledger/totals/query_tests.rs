use super::*;

const HOUR_MS: u64 = 3_600_000;
/// 2023-11-14T22:22:13.007Z.
const NOW_MS: u64 = 1_700_000_533_007;

#[test]
fn a_grain_has_one_name() {
    for grain in Grain::ALL {
        assert_eq!(Grain::parse(grain.as_str()), Some(grain));
    }
    for name in ["", "Hour", "hours", " hour", "week"] {
        assert_eq!(Grain::parse(name), None, "{name}");
    }
}

#[test]
fn periods_begin_at_whole_minutes_hours_and_days() {
    let cases = [
        (Grain::Minute, 0, 0),
        (Grain::Minute, 59_999, 0),
        (Grain::Minute, 60_000, 60_000),
        (Grain::Hour, 3_599_999, 0),
        (Grain::Hour, 3_600_000, 3_600_000),
        (Grain::Day, 86_399_999, 0),
        (Grain::Day, 86_400_001, 86_400_000),
        // 2023-11-14T22:22:13Z: the minute 22:22, the hour 22:00, the day.
        (Grain::Minute, NOW_MS, 1_700_000_520_000),
        (Grain::Hour, NOW_MS, 1_699_999_200_000),
        (Grain::Day, NOW_MS, 1_699_920_000_000),
        (Grain::Day, u64::MAX, u64::MAX - u64::MAX % 86_400_000),
    ];
    for (grain, at_ms, start_ms) in cases {
        assert_eq!(grain.start(at_ms), start_ms, "{grain:?} of {at_ms}");
    }
}

#[test]
fn who_says_nothing_gets_the_last_24_hours_by_hour() {
    let query = Query::read(&Asked::default(), NOW_MS).unwrap();
    assert_eq!((query.grain, &query.filter), (Grain::Hour, &Filter::All));
    let (first, last) = query.periods();
    assert_eq!(last, Grain::Hour.start(NOW_MS), "the running hour is a part of it");
    assert_eq!((last - first) / HOUR_MS + 1, 24);
}

#[test]
fn what_is_left_out_follows_from_the_rest() {
    let asked = |from_ms, to_ms, grain| Asked { from_ms, to_ms, grain, ..Asked::default() };
    let cases = [
        (asked(Some(NOW_MS), None, Some("minute")), (NOW_MS, 1_700_000_580_000)),
        (asked(None, Some(NOW_MS), None), (NOW_MS - 24 * HOUR_MS, NOW_MS)),
        (asked(None, Some(5), None), (0, 5)),
        (asked(Some(7), Some(8), Some("day")), (7, 8)),
    ];
    for (asked, expected) in cases {
        let query = Query::read(&asked, NOW_MS).unwrap();
        assert_eq!((query.from_ms, query.to_ms), expected, "{asked:?}");
    }
}

#[test]
fn the_end_is_no_part_of_a_query() {
    let query = |from_ms, to_ms| Query { from_ms, to_ms, grain: Grain::Hour, filter: Filter::All };
    assert_eq!(query(0, HOUR_MS).periods(), (0, 0));
    assert_eq!(query(0, HOUR_MS + 1).periods(), (0, HOUR_MS));
    assert_eq!(query(HOUR_MS - 1, HOUR_MS).periods(), (0, 0));
}

#[test]
fn filters_are_read() {
    let cases = [
        (None, None, Filter::All),
        (Some("feature=search"), None, Filter::Tag("feature".into(), "search".into())),
        (Some(" team = a=b "), None, Filter::Tag("team".into(), "a=b".into())),
        (Some("team="), None, Filter::Tag("team".into(), String::new())),
        (None, Some("openai/gpt-5"), Filter::Model("openai/gpt-5".into())),
    ];
    for (tag, model, expected) in cases {
        let query = Query::read(&Asked { tag, model, ..Asked::default() }, NOW_MS).unwrap();
        assert_eq!(query.filter, expected);
    }
}

#[test]
fn every_mistake_has_a_name() {
    let all = Asked::default();
    let spans = |periods: u64| Asked { from_ms: Some(0), to_ms: Some(periods * HOUR_MS), ..all };
    let too_many = |periods, grain| Mistake::TooManyPeriods { periods, grain };
    let longest = Asked { from_ms: Some(0), to_ms: Some(u64::MAX), grain: Some("day"), ..all };
    let cases = [
        (Asked { grain: Some("week"), ..all }, Mistake::UnknownGrain, "grain"),
        (Asked { from_ms: Some(5), to_ms: Some(5), ..all }, Mistake::Backwards, "from"),
        (Asked { from_ms: Some(u64::MAX), ..all }, Mistake::Backwards, "from"),
        (Asked { to_ms: Some(0), ..all }, Mistake::Backwards, "from"),
        (spans(1501), too_many(1501, Grain::Hour), "grain"),
        (longest, too_many(u64::MAX / 86_400_000 + 1, Grain::Day), "grain"),
        (Asked { tag: Some("search"), ..all }, Mistake::BadTag, "tag"),
        (Asked { tag: Some(" =search"), ..all }, Mistake::BadTag, "tag"),
        (Asked { tag: Some("a=b"), model: Some("m"), ..all }, Mistake::TagAndModel, "tag"),
    ];
    for (asked, mistake, param) in cases {
        assert_eq!(Query::read(&asked, NOW_MS), Err(mistake), "{asked:?}");
        assert_eq!(mistake.param(), param);
        assert!(mistake.to_string().ends_with('.'));
    }
    assert!(Query::read(&spans(1500), NOW_MS).is_ok());
    assert!(Query::read(&Asked { grain: Some("minute"), ..all }, NOW_MS).is_ok(), "a day of minutes");
    assert!(too_many(1501, Grain::Hour).to_string().contains("1501 periods of one hour; at most 1500"));
}
