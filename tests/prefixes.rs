//! What a shard remembers of prompt prefixes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses its own part of the world")]
mod world;

use std::rc::Rc;

use nearhit::cache::key::Digest;
use nearhit::forward::prefix::changes::{Part, PartText};
use nearhit::gateway::Call;
use nearhit::ports::prefixes::{PrefixAnswer, PrefixKnown, PrefixSeen};
use nearhit::ports::{ShardAddress, ShardPlace, Shards};
use nearhit::shard::{Indexes, MAX_FAMILIES, MAX_PREFIX_BYTES, PREFIX_KEPT_MS, PrefixRow, PrefixRows, Shard};
use serde_json::json;
use world::{Gateway, MemoryRows};

const FAMILY: Digest = Digest([7; 32]);
const HOUR_MS: u64 = 3_600_000;
const AT: ShardAddress = ShardAddress { namespace: Digest([0xcd; 32]), shard: 0 };

fn system(text: &str) -> Vec<PartText> {
    vec![PartText { part: Part::System, text: text.to_owned() }]
}

/// A prompt in which only the time changes, at byte 27.
fn timed(time: &str) -> Vec<PartText> {
    system(&format!("You help people.\nNow it is {time}.\nBe brief, and never invent a price.\nAnswer in English."))
}

/// Text in which no two seeds have much in common, and which does not compress well.
fn noise(seed: u64, length: usize) -> Vec<PartText> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..length).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    });
    system(&letters.collect::<String>())
}

fn wake(rows: &MemoryRows) -> Shard<MemoryRows> {
    Shard::wake("o".into(), rows.clone(), &mut Indexes::default(), Rc::default()).unwrap()
}

fn first(family: Digest, parts: &[PartText], now_ms: u64) -> PrefixSeen {
    PrefixSeen::of(family, parts, true, now_ms)
}

/// Both steps, as a gateway goes them.
fn seen(shard: &mut Shard<MemoryRows>, family: Digest, parts: &[PartText], now_ms: u64) -> PrefixKnown {
    let ask = first(family, parts, now_ms);
    match shard.prefix(&ask).unwrap().known {
        PrefixKnown::Tell => shard.prefix(&ask.telling(parts)).unwrap().known,
        known => known,
    }
}

fn known(shard: &mut Shard<MemoryRows>, family: Digest, parts: &[PartText], now_ms: u64) -> PrefixKnown {
    shard.prefix(&first(family, parts, now_ms)).unwrap().known
}

/// What the header would say of a break.
fn broken(known: PrefixKnown) -> String {
    match known {
        PrefixKnown::Noted(Some(found)) => found.header(),
        other => format!("{other:?}"),
    }
}

#[test]
fn texts_are_asked_for_once_and_then_the_digest_is_enough() {
    let rows = MemoryRows::default();
    let mut shard = wake(&rows);
    let ask = first(FAMILY, &timed("ten"), 0);
    assert_eq!(ask.parts, None);
    assert_eq!(shard.prefix(&ask).unwrap().known, PrefixKnown::Tell);
    assert!(rows.are_empty(), "a question alone leaves nothing behind");
    assert_eq!(shard.prefix(&ask.telling(&timed("ten"))).unwrap().known, PrefixKnown::Noted(None));
    assert_eq!(shard.prefix(&ask).unwrap().known, PrefixKnown::Same);
    // An object that slept remembers as well.
    assert_eq!(known(&mut wake(&rows), FAMILY, &timed("ten"), 1), PrefixKnown::Same);
    assert_eq!(known(&mut shard, Digest([8; 32]), &timed("ten"), 1), PrefixKnown::Tell, "of another family");
}

#[test]
fn a_change_is_found_where_it_stands_and_counted() {
    let rows = MemoryRows::default();
    let mut shard = wake(&rows);
    assert_eq!(seen(&mut shard, FAMILY, &timed("ten"), 0), PrefixKnown::Noted(None));
    assert_eq!(broken(seen(&mut shard, FAMILY, &timed("now"), 1)), "system@27");
    assert_eq!(broken(seen(&mut wake(&rows), FAMILY, &timed("one"), 2)), "system@27");
    assert_eq!(known(&mut shard, FAMILY, &timed("ten"), 3), PrefixKnown::Tell, "the changed one took its place");
    let tools = |text: &str| {
        let mut parts = vec![PartText { part: Part::Tools, text: text.to_owned() }];
        parts.extend(timed("ten"));
        parts
    };
    let other = Digest([8; 32]);
    assert_eq!(seen(&mut shard, other, &tools(r#"[{"name":"a"}]"#), 4), PrefixKnown::Noted(None));
    assert_eq!(broken(seen(&mut shard, other, &tools(r#"[{"name":"b"}]"#), 5)), "tools@10");
    assert_eq!(shard.report().unwrap().prefix_breaks, [1, 2]);
    assert_eq!(wake(&rows).report().unwrap().prefix_breaks, [1, 2]);
}

#[test]
fn prompts_that_take_turns_break_nothing() {
    let mut shard = wake(&MemoryRows::default());
    let (one, other) = (timed("noon"), system("Translate what you are given into German, nothing else."));
    for round in 0..3 {
        let expected = if round == 0 { PrefixKnown::Noted(None) } else { PrefixKnown::Same };
        assert_eq!(seen(&mut shard, FAMILY, &one, round), expected);
        assert_eq!(seen(&mut shard, FAMILY, &other, round), expected);
    }
    assert_eq!(shard.report().unwrap().prefix_breaks, [0, 0]);
}

#[test]
fn the_prompt_in_use_stays_while_others_come_and_go() {
    let mut shard = wake(&MemoryRows::default());
    let stable = timed("noon");
    seen(&mut shard, FAMILY, &stable, 0);
    for k in 0..30 {
        assert_eq!(seen(&mut shard, FAMILY, &noise(k, 300), k), PrefixKnown::Noted(None));
        assert_eq!(known(&mut shard, FAMILY, &stable, k), PrefixKnown::Same, "after {k} others");
    }
    assert_eq!(known(&mut shard, FAMILY, &noise(0, 300), 99), PrefixKnown::Tell);
}

#[test]
fn a_request_that_may_not_be_kept_is_compared_and_leaves_nothing() {
    let rows = MemoryRows::default();
    let mut shard = wake(&rows);
    let ask = |parts: &[PartText]| PrefixSeen::of(FAMILY, parts, false, 0).telling(parts);
    assert_eq!(shard.prefix(&ask(&timed("ten"))).unwrap().known, PrefixKnown::Noted(None));
    assert!(rows.are_empty());
    seen(&mut shard, FAMILY, &timed("ten"), 0);
    assert_eq!(broken(shard.prefix(&ask(&timed("now"))).unwrap().known), "system@27");
    assert_eq!(known(&mut shard, FAMILY, &timed("ten"), 1), PrefixKnown::Same);
    assert_eq!(known(&mut shard, FAMILY, &timed("now"), 1), PrefixKnown::Tell);
    assert_eq!(shard.report().unwrap().prefix_breaks, [0, 0]);
}

#[test]
fn families_are_bounded_in_number_and_the_longest_unused_leaves() {
    let rows = MemoryRows::default();
    let mut shard = wake(&rows);
    let family = |k: usize| Digest([u8::try_from(k + 1).unwrap(); 32]);
    for k in 0..MAX_FAMILIES {
        seen(&mut shard, family(k), &timed("ten"), k as u64);
    }
    // The oldest is used again: no row is written for it, and the next one leaves in its place.
    assert_eq!(known(&mut shard, family(0), &timed("ten"), 100), PrefixKnown::Same);
    assert_eq!(rows.prefix(&family(0)).unwrap().unwrap().used_ms, 0);
    seen(&mut shard, family(MAX_FAMILIES), &timed("ten"), 101);
    assert_eq!(rows.prefixes().unwrap().len(), MAX_FAMILIES);
    for (k, expected) in [(0, PrefixKnown::Same), (1, PrefixKnown::Tell), (2, PrefixKnown::Same)] {
        assert_eq!(known(&mut shard, family(k), &timed("ten"), 102), expected, "family {k}");
    }
}

#[test]
fn families_are_bounded_in_bytes() {
    let rows = MemoryRows::default();
    let mut shard = wake(&rows);
    let (size, family) = (100_000, |k: u64| Digest([u8::try_from(k + 1).unwrap(); 32]));
    // One more than there is room for; what the rows say does not matter here.
    let rows_that_fit = MAX_PREFIX_BYTES / size;
    for k in 0..=rows_that_fit {
        rows.set_prefix(&family(k), &PrefixRow { stored: vec![0; 100_000], used_ms: k }).unwrap();
    }
    let last = family(rows_that_fit + 1);
    assert_eq!(seen(&mut shard, last, &noise(1, 60_000), 1_000), PrefixKnown::Noted(None));
    let left = rows.prefixes().unwrap();
    let bytes: u64 = left.iter().map(|row| row.bytes).sum();
    assert!(bytes <= MAX_PREFIX_BYTES && bytes + 2 * size > MAX_PREFIX_BYTES, "{bytes}");
    assert!(!left.iter().any(|row| row.family == family(0)), "the oldest left");
    assert_eq!(known(&mut shard, last, &noise(1, 60_000), 1_001), PrefixKnown::Same);
}

#[test]
fn a_damaged_row_is_as_good_as_none() {
    type Change = fn(&mut Vec<u8>);
    let damages: [(&str, Change); 5] = [
        ("empty", Vec::clear),
        ("another layout", |stored| stored[0] ^= 0xff),
        ("cut short", |stored| stored.truncate(stored.len() / 2)),
        ("too many digests", |stored| stored[1] = 0x7f),
        ("texts that do not inflate", |stored| stored.iter_mut().skip(40).for_each(|byte| *byte = 0xff)),
    ];
    for (name, change) in damages {
        let rows = MemoryRows::default();
        seen(&mut wake(&rows), FAMILY, &timed("ten"), 0);
        rows.damage_prefixes(change);
        let mut shard = wake(&rows);
        assert_eq!(seen(&mut shard, FAMILY, &timed("now"), 1), PrefixKnown::Noted(None), "{name}");
        assert_eq!(broken(seen(&mut shard, FAMILY, &timed("one"), 2)), "system@27", "{name}");
        rows.damage_prefixes(Vec::clear);
        assert_eq!(wake(&rows).report().unwrap().prefix_breaks, [0, 0], "{name}");
    }
}

#[test]
fn prefixes_alone_do_not_keep_an_object_for_longer_than_a_week() {
    let rows = MemoryRows::default();
    let (mut shard, mut indexes) = (wake(&rows), Indexes::default());
    assert_eq!(shard.expire(0, &mut indexes), Ok(None));
    seen(&mut shard, FAMILY, &timed("ten"), 0);
    seen(&mut shard, Digest([8; 32]), &timed("ten"), 5);
    seen(&mut shard, Digest([8; 32]), &timed("now"), 10);
    assert_eq!(shard.expire(20, &mut indexes), Ok(Some(PREFIX_KEPT_MS)));
    // What is used stays, though that is written once an hour only.
    assert_eq!(known(&mut shard, FAMILY, &timed("ten"), 2 * HOUR_MS), PrefixKnown::Same);
    assert_eq!(rows.prefix(&FAMILY).unwrap().unwrap().used_ms, 2 * HOUR_MS);
    assert_eq!(shard.expire(PREFIX_KEPT_MS + 10, &mut indexes), Ok(Some(PREFIX_KEPT_MS + 2 * HOUR_MS)));
    assert_eq!(known(&mut shard, Digest([8; 32]), &timed("now"), PREFIX_KEPT_MS + 10), PrefixKnown::Tell);
    assert_eq!(shard.expire(PREFIX_KEPT_MS + 2 * HOUR_MS, &mut indexes), Ok(None), "the counts alone are no reason");
}

#[test]
fn requests_are_counted_once_and_fade_within_two_minutes() {
    let mut shard = wake(&MemoryRows::default());
    let parts = timed("ten");
    let mut ask = |now_ms: u64, told: bool| -> PrefixAnswer {
        let ask = first(FAMILY, &parts, now_ms);
        shard.prefix(&if told { ask.telling(&parts) } else { ask }).unwrap()
    };
    assert_eq!(ask(60_000, false).requests_a_minute, 1);
    assert_eq!(ask(60_000, true).requests_a_minute, 1, "the second question is about the same request");
    let last = (0..59).map(|_| ask(61_000, false)).last().unwrap();
    assert_eq!(last, PrefixAnswer { known: PrefixKnown::Same, requests_a_minute: 60 });
    for (now_ms, expected) in [(120_000, 61), (150_000, 32), (179_999, 4), (180_000, 4), (400_000, 1)] {
        assert_eq!(ask(now_ms, false).requests_a_minute, expected, "at {now_ms}");
    }
    let other = first(FAMILY, &timed("now"), 400_000);
    assert_eq!(shard.prefix(&other).unwrap().requests_a_minute, 1);
}

#[test]
fn prompts_that_differ_only_beyond_what_is_compared_are_the_same() {
    let mut shard = wake(&MemoryRows::default());
    let long = |end: &str| system(&("é".repeat(40_000) + end));
    assert_eq!(seen(&mut shard, FAMILY, &long("a"), 0), PrefixKnown::Noted(None));
    assert_eq!(known(&mut shard, FAMILY, &long("b"), 1), PrefixKnown::Same);
}

#[test]
fn metrics_count_the_breaks_of_each_shard_that_saw_one() {
    let gateway = Gateway::new(json!({}));
    let see = |parts: &[PartText]| {
        let ask = first(FAMILY, parts, 0);
        let answer = pollster::block_on(gateway.world.prefix(&AT, Some("acme"), &ask)).unwrap();
        assert_eq!(answer.known, PrefixKnown::Tell);
        pollster::block_on(gateway.world.prefix(&AT, Some("acme"), &ask.telling(parts))).unwrap().known
    };
    let places = || pollster::block_on(gateway.world.places(Some("acme"))).unwrap().places;
    see(&timed("ten"));
    assert_eq!(places(), [], "nothing to report yet");
    assert_eq!(broken(see(&timed("now"))), "system@27");
    assert_eq!(places(), [(ShardPlace::from(&AT), Some("acme".to_owned()))]);
    let headers = vec![("authorization".into(), "Bearer admin".into())];
    let metrics = gateway.call(Call { method: "GET".into(), path: "/metrics".into(), headers, body: Vec::new() });
    let text = String::from_utf8(metrics.body).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("nearhit_prefix_breaks_total")).collect();
    let series =
        |part: &str, count: u32| format!("nearhit_prefix_breaks_total{{part=\"{part}\",shard=\"{AT}\"}} {count}");
    assert_eq!(lines[1], "# TYPE nearhit_prefix_breaks_total counter");
    assert_eq!(lines[2..], [series("tools", 0), series("system", 1)]);
    assert!(lines[0].starts_with("# HELP nearhit_prefix_breaks_total "), "{}", lines[0]);
}
