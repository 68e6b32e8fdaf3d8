use super::super::samples::{HOSTILE, any_record, miss, tagged};
use super::*;
use crate::ledger::record::{Nearness, Saved};
use proptest::prelude::*;

fn near() -> Option<Nearness> {
    Some(Nearness { score: 0.953, entry: "e1".to_owned(), asked: "What is the limit of plan 7?".to_owned() })
}

fn near_miss() -> RequestRecord {
    RequestRecord { near: near(), ..miss() }
}

fn semantic_hit() -> RequestRecord {
    let saved = Saved { semantic: Money::from_picodollars(1_200_000_000), ..Saved::default() };
    RequestRecord { kind: Kind::HitSemantic, reason: String::new(), cost: Some(Money::ZERO), saved, ..near_miss() }
}

#[test]
fn events_are_hits_by_meaning_and_misses_with_a_neighbour() {
    for (name, kind) in Kind::NAMES {
        for near in [near(), None] {
            let expected = match (kind, near.is_some()) {
                (Kind::HitSemantic, _) => Some(EventKind::Hit),
                (Kind::Miss, true) => Some(EventKind::NearMiss),
                _ => None,
            };
            let event = Event::of(&RequestRecord { kind, near, ..miss() });
            assert_eq!(event.map(|event| event.kind), expected, "{name}");
        }
    }
}

#[test]
fn an_event_is_shown_as_the_admin_api_promises() {
    let cases = [
        (
            semantic_hit(),
            concat!(
                r#"{"at_ms":1700000000000,"tenant":"acme","decision":"hit-semantic","reason":"","score":0.953,"#,
                r#""entry":"e1","asked":"What is the limit of plan 7?","model":"openai/gpt-5","#,
                r#""tags":{"feature":"search"},"cost_usd":"0.000000","saved_usd":"0.001200"}"#
            ),
        ),
        (
            RequestRecord {
                tenant: None,
                cost: None,
                tags: Vec::new(),
                reason: "near-miss:numbers".into(),
                near: Some(Nearness { score: f32::NAN, ..Nearness::default() }),
                ..near_miss()
            },
            concat!(
                r#"{"at_ms":1700000000000,"tenant":"~own","decision":"miss","reason":"numbers","score":null,"#,
                r#""entry":null,"asked":"","model":"openai/gpt-5","#,
                r#""tags":{},"cost_usd":null,"saved_usd":"0.000000"}"#
            ),
        ),
    ];
    for (record, expected) in cases {
        assert_eq!(Event::of(&record).unwrap().json().to_string(), expected);
    }
}

#[test]
fn what_is_long_is_cut_between_two_characters() {
    let long = "€".repeat(1000);
    let near = Some(Nearness { score: 0.9, entry: long.clone(), asked: long.clone() });
    let record = RequestRecord {
        tenant: Some(long.clone()),
        reason: long.clone(),
        model: long.clone(),
        tags: vec![(long.clone(), long.clone()); 40],
        near,
        ..miss()
    };
    let event = Event::of(&record).unwrap();
    assert_eq!(event.asked.chars().count(), 300);
    assert_eq!(event.tags.len(), 16);
    let (name, value) = &event.tags[0];
    for part in [&event.reason, &event.model, name, value, &event.tenant.unwrap(), &event.entry.unwrap()] {
        assert_eq!(part.len(), 126);
    }
}

#[test]
fn events_of_several_ledgers_are_in_one_order() {
    let at = |at_ms| Event::of(&RequestRecord { at_ms, ..near_miss() }).unwrap();
    let (a, b) = ([at(9), at(4)], [at(7), at(5)]);
    let shown = events(a.iter().chain(&b), 3);
    let times: Vec<_> = shown["events"].as_array().unwrap().iter().map(|event| event["at_ms"].as_u64()).collect();
    assert_eq!(times, [Some(9), Some(7), Some(5)]);
    assert_eq!(events([], 50).to_string(), r#"{"events":[]}"#);
}

#[test]
fn kinds_are_read_by_name() {
    let cases = [("hit", Some(EventKind::Hit)), ("near-miss", Some(EventKind::NearMiss)), ("miss", None), ("", None)];
    for (name, expected) in cases {
        assert_eq!(EventKind::parse(name), expected, "{name}");
    }
}

#[test]
fn hostile_texts_are_strings() {
    for text in HOSTILE {
        let near = Some(Nearness { score: 0.9, entry: text.into(), asked: text.into() });
        let record = RequestRecord { reason: text.into(), near, ..tagged(&[(text, text)]) };
        let shown: Value = serde_json::from_str(&Event::of(&record).unwrap().json().to_string()).unwrap();
        assert_eq!(
            (&shown["asked"], &shown["reason"], &shown["tags"][text]),
            (&json!(text), &json!(text), &json!(text))
        );
    }
}

#[test]
fn the_largest_event_stays_small() {
    let long = "💥".repeat(1000);
    let near = Some(Nearness { score: 0.9, entry: long.clone(), asked: long.clone() });
    let tags = vec![(long.clone(), long.clone()); 16];
    let tenant = Some(long.clone());
    let record = RequestRecord { tenant, reason: long.clone(), model: long, tags, near, at_ms: u64::MAX, ..miss() };
    let bytes = Event::of(&record).unwrap().encode().len();
    // A full ring has 200 times as much: 1.2 MB.
    assert!((5_500..6_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn an_event_keeps_its_form_as_long_as_it_keeps_its_version() {
    let bytes = Event::of(&semantic_hit()).unwrap().encode();
    // The version and the checksum of everything behind it.
    assert_eq!((&bytes[..5], bytes.len()), (&[1, 0x4f, 0xcf, 0xf4, 0x60][..], 92), "a new form needs a new version");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_event_is_written_and_read(record in any_record(), asked in ".{0,400}") {
        let near = Some(Nearness { score: 0.5, entry: String::new(), asked });
        let event = Event::of(&RequestRecord { kind: Kind::Miss, near, ..record }).unwrap();
        prop_assert_eq!(Event::decode(&event.encode()), Some(event));
    }
}
