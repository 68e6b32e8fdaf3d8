use serde_json::{Value, json};

use super::super::cases::{ask, blocks, breakpoint, message, messages, provider, read, text};
use super::super::{Kind, Provider, Refusal};
use super::{EXTENDED_IDLE_MS, IDLE_MS};

fn openai() -> Provider {
    provider(Kind::OpenAiBefore56)
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

fn question(text: &str) -> Value {
    messages([message("system", "shared", 1_500), message("user", text, 100)])
}

#[test]
fn a_shared_beginning_is_read_without_any_hint_and_written_without_a_fee() {
    let mut provider = openai();
    let first = ask(&mut provider, &question("one"), 0).unwrap();
    assert_eq!((first.cached_tokens, first.uncached_tokens, first.cost_milli), (0, 1_600, 1_600_000));
    let second = ask(&mut provider, &question("two"), 1_000).unwrap();
    // 11 steps of 128 tokens fit into the 1,500 that are shared.
    assert_eq!((second.cached_tokens, second.written_tokens_5m, second.uncached_tokens), (1_408, 0, 192));
    assert_eq!(second.cost_milli, 1_408 * 500 + 192 * 1_000);
}

#[test]
fn prefixes_are_held_from_1024_tokens_on_in_steps_of_128() {
    for (tokens, expected) in [(1_023, 0), (1_024, 1_024), (1_151, 1_024), (1_152, 1_152), (2_000, 1_920)] {
        let mut provider = openai();
        let request = messages([message("user", "a", tokens)]);
        ask(&mut provider, &request, 0).unwrap();
        assert_eq!(read(&mut provider, &request, 1_000), expected, "{tokens} tokens");
    }
}

#[test]
fn an_unused_prefix_is_gone_after_five_minutes_or_thirty_with_extended_retention() {
    for (retention, idle_ms) in
        [(Value::Null, IDLE_MS), (json!("in_memory"), IDLE_MS), (json!("24h"), EXTENDED_IDLE_MS)]
    {
        let request = with(question("q"), "prompt_cache_retention", retention.clone());
        for (times_ms, is_read) in [
            (vec![idle_ms - 1], true),
            (vec![idle_ms], false),
            (vec![idle_ms - 1, 2 * idle_ms - 2], true),
            (vec![idle_ms - 1, 2 * idle_ms - 1], false),
        ] {
            let mut provider = openai();
            ask(&mut provider, &request, 0).unwrap();
            let reads: Vec<u64> = times_ms.iter().map(|now_ms| read(&mut provider, &request, *now_ms)).collect();
            assert_eq!(*reads.last().unwrap() > 0, is_read, "{retention} {times_ms:?}");
        }
    }
}

/// Which of so many requests, one a second, read something.
fn reads(count: usize, request: impl Fn(usize) -> Value) -> Vec<bool> {
    let mut provider = openai();
    (0..count).map(|index| read(&mut provider, &request(index), index as u64 * 1_000) > 0).collect()
}

#[test]
fn above_fifteen_requests_a_minute_a_route_overflows_to_machines_that_are_cold_at_first() {
    let reads = reads(60, |index| question(&format!("{index}")));
    let cold: Vec<usize> = (0..60).filter(|index| !reads[*index]).collect();
    assert_eq!(cold, [0, 15, 16, 17, 18], "the first machine, then each of the four others once");
}

#[test]
fn the_first_machine_takes_requests_again_when_a_minute_has_passed() {
    let mut provider = openai();
    let mut at = |now_ms: u64| read(&mut provider, &question("q"), now_ms) > 0;
    assert!(!at(0));
    assert!((1..15).all(|second| at(second * 1_000)));
    assert!(!at(59_999), "the sixteenth in a minute goes to a machine that is cold");
    assert!(at(60_000), "the first one has left the window");
    assert!(!at(60_500), "and its place is taken, so the next cold machine gets this one");
}

#[test]
fn keys_part_the_traffic_and_each_begins_cold() {
    let keyed =
        |index: usize| with(question(&format!("{index}")), "prompt_cache_key", json!(format!("key {}", index % 4)));
    let cold = reads(60, keyed).iter().filter(|read| !**read).count();
    assert_eq!(cold, 4, "one for each key, for none of them gets more than 15 a minute");
}

#[test]
fn requests_that_part_in_their_first_256_tokens_take_other_routes() {
    let request = |label: &str| messages([message("system", label, 300), message("user", "same", 1_500)]);
    let mut provider = openai();
    let labels = ["a", "b", "c"];
    // Each route has 15 requests in half a minute, 45 in all.
    for index in 0..45 {
        let expected = index >= labels.len();
        let read = read(&mut provider, &request(labels[index % 3]), index as u64 * 700) > 0;
        assert_eq!(read, expected, "request {index}");
    }
}

#[test]
fn refusals_have_names() {
    let options = |value: Value| with(question("q"), "prompt_cache_options", value);
    for (request, refusal) in [
        (blocks([breakpoint("a", 50)]), Some(Refusal::BreakpointsUnsupported)),
        (options(json!({"mode": "explicit"})), Some(Refusal::BreakpointsUnsupported)),
        (with(options(json!({"ttl": "30m"})), "prompt_cache_retention", json!("24h")), Some(Refusal::RetentionWithTtl)),
        (with(question("q"), "prompt_cache_retention", json!("24h")), None),
        (json!({"messages": [{"role": "user", "content": text("a", 10)}]}), None),
    ] {
        assert_eq!(ask(&mut openai(), &request, 0).err(), refusal, "{request}");
    }
}
