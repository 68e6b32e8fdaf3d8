use serde_json::Value;

use super::super::cases::{ask, message, messages, provider, read};
use super::super::{Kind, Provider};
use super::IDLE_MS;

fn deepseek() -> Provider {
    provider(Kind::DeepSeek)
}

/// 960 shared tokens, then 64 of its own.
fn a_and(label: &str) -> Value {
    messages([message("system", "a", 960), message("user", label, 64)])
}

#[test]
fn after_ab_ac_reads_nothing_and_ad_reads_a() {
    let mut provider = deepseek();
    assert_eq!(read(&mut provider, &a_and("b"), 0), 0);
    assert_eq!(read(&mut provider, &a_and("c"), 1_000), 0);
    let third = ask(&mut provider, &a_and("d"), 2_000).unwrap();
    assert_eq!((third.cached_tokens, third.uncached_tokens), (960, 64));
    assert_eq!(third.cost_milli, 960 * 100 + 64 * 1_000);
}

#[test]
fn the_end_of_an_earlier_input_is_a_unit() {
    let mut provider = deepseek();
    ask(&mut provider, &a_and("b"), 0).unwrap();
    let mut longer = a_and("b");
    longer["messages"].as_array_mut().unwrap().extend([message("assistant", "x", 50), message("user", "y", 50)]);
    assert_eq!(read(&mut provider, &longer, 1_000), 1_024);
    assert_eq!(read(&mut provider, &longer, 2_000), 1_088, "1,124 tokens cut to blocks of 64");
}

#[test]
fn units_are_read_whole_in_blocks_of_64() {
    for (tokens, expected) in [(63, 0), (64, 64), (127, 64), (128, 128)] {
        let mut provider = deepseek();
        let request = messages([message("user", "a", tokens)]);
        ask(&mut provider, &request, 0).unwrap();
        assert_eq!(read(&mut provider, &request, 1_000), expected, "{tokens} tokens");
    }
    let mut provider = deepseek();
    ask(&mut provider, &messages([message("user", "a", 640)]), 0).unwrap();
    assert_eq!(read(&mut provider, &messages([message("user", "a", 576)]), 1_000), 0, "a part of a unit is no hit");
}

#[test]
fn a_shared_beginning_is_noticed_only_once_the_earlier_response_has_begun() {
    for (second_ms, third_reads) in [(499, 0), (500, 960)] {
        let mut provider = deepseek();
        ask(&mut provider, &a_and("b"), 0).unwrap();
        ask(&mut provider, &a_and("c"), second_ms).unwrap();
        assert_eq!(read(&mut provider, &a_and("d"), 2_000), third_reads, "second request after {second_ms} ms");
    }
}

#[test]
fn an_unused_unit_is_gone_after_three_hours() {
    for (times_ms, is_read) in [
        (vec![IDLE_MS - 1], true),
        (vec![IDLE_MS], false),
        (vec![IDLE_MS - 1, 2 * IDLE_MS - 2], true),
        (vec![IDLE_MS - 1, 2 * IDLE_MS - 1], false),
    ] {
        let mut provider = deepseek();
        ask(&mut provider, &a_and("b"), 0).unwrap();
        let reads: Vec<u64> = times_ms.iter().map(|now_ms| read(&mut provider, &a_and("b"), *now_ms)).collect();
        assert_eq!(*reads.last().unwrap() > 0, is_read, "{times_ms:?}");
    }
}

#[test]
fn a_request_that_is_forgotten_shares_no_beginning_any_more() {
    let mut provider = deepseek();
    for (label, now_ms) in [("b", 0), ("c", IDLE_MS), ("d", IDLE_MS + 1_000)] {
        assert_eq!(read(&mut provider, &a_and(label), now_ms), 0);
    }
    assert_eq!(read(&mut provider, &a_and("e"), IDLE_MS + 2_000), 960);
}
