use serde_json::{Value, json};

use super::super::cases::{ask, block, blocks, hinted, marked, provider, read, read_written};
use super::super::{Kind, Provider, Refusal};
use super::{FIVE_MINUTES_MS, HOUR_MS};

fn anthropic() -> Provider {
    provider(Kind::Anthropic)
}

fn with_automatic(mut request: Value, ttl: &str) -> Value {
    request["cache_control"] = json!({"type": "ephemeral", "ttl": ttl});
    request
}

#[test]
fn a_mark_writes_its_prefix_and_a_later_request_reads_it() {
    let mut provider = anthropic();
    let request = |question| blocks([marked("shared", 999, "5m"), block(question, 50)]);
    let first = ask(&mut provider, &request("one"), 0).unwrap();
    assert_eq!((first.cached_tokens, first.written_tokens_5m, first.uncached_tokens), (0, 1_000, 50));
    assert_eq!(first.cost_milli, 1_000 * 1_250 + 50 * 1_000);
    let second = ask(&mut provider, &request("two"), 1_000).unwrap();
    assert_eq!((second.cached_tokens, second.written_tokens_5m, second.uncached_tokens), (1_000, 0, 50));
    assert_eq!(second.cost_milli, 1_000 * 100 + 50 * 1_000);
}

#[test]
fn without_a_mark_nothing_is_written_or_read() {
    let mut provider = anthropic();
    ask(&mut provider, &blocks([marked("shared", 999, "5m")]), 0).unwrap();
    assert_eq!(read_written(&mut provider, &blocks([block("shared", 999)]), 1_000), (0, 0));
}

#[test]
fn a_mark_below_the_minimum_does_nothing() {
    for (model, minimum) in [
        ("claude-opus-5", 512),
        ("claude-opus-5-5-20260901", 512),
        ("claude-sonnet-5-5", 512),
        ("claude-fable-5-1", 512),
        ("claude-mythos-5", 512),
        ("claude-opus-4-8", 1_024),
        ("claude-sonnet-5", 1_024),
        ("claude-sonnet-4-6", 1_024),
        ("us.anthropic.claude-sonnet-4-5", 1_024),
        ("claude-opus-4-7", 2_048),
        ("claude-opus-4-6", 4_096),
        ("claude-opus-4-5", 4_096),
        ("claude-haiku-4-5", 4_096),
        ("claude-unknown", 4_096),
    ] {
        // One token of each prefix is the message's own.
        for (tokens, expected) in [(minimum - 2, 0), (minimum - 1, minimum as u64)] {
            let mut provider = Provider::new(Kind::Anthropic, model);
            let request = blocks([marked("a", tokens, "5m")]);
            assert_eq!(read_written(&mut provider, &request, 0), (0, expected), "{model}");
            assert_eq!(read_written(&mut provider, &request, 1_000), (expected, 0), "{model}");
        }
    }
}

#[test]
fn only_what_lies_beyond_the_longest_hit_is_written() {
    let mut provider = anthropic();
    ask(&mut provider, &blocks([marked("a", 599, "5m"), marked("b", 100, "5m")]), 0).unwrap();
    let longer = blocks([marked("a", 599, "5m"), block("b", 100), marked("c", 50, "5m"), block("d", 10)]);
    assert_eq!(read_written(&mut provider, &longer, 1_000), (700, 50));
    let branch = blocks([marked("a", 599, "5m"), marked("e", 100, "5m")]);
    assert_eq!(read_written(&mut provider, &branch, 2_000), (600, 100));
}

#[test]
fn an_hour_is_billed_up_to_its_last_mark_and_five_minutes_after_it() {
    let mut provider = anthropic();
    let request = blocks([marked("a", 599, "1h"), marked("b", 100, "1h"), marked("c", 50, "5m"), block("d", 10)]);
    let billed = ask(&mut provider, &request, 0).unwrap();
    let parts = (billed.written_tokens_1h, billed.written_tokens_5m, billed.uncached_tokens);
    assert_eq!(parts, (700, 50, 10));
    assert_eq!(billed.cost_milli, 700 * 2_000 + 50 * 1_250 + 10 * 1_000);
}

#[test]
fn refusals_have_names() {
    let mark = json!({"type": "ephemeral"});
    let five = |ttl| blocks([(); 5].map(|()| marked("a", 9, ttl)));
    let four = || blocks([(); 4].map(|()| marked("a", 9, "5m")));
    let thinking = json!({"type": "thinking", "thinking": "Hm.", "signature": "s", "cache_control": mark});
    let mut spread = blocks([marked("a", 9, "5m"), marked("b", 9, "5m")]);
    spread["tools"] = json!([{"name": "t", "cache_control": mark}]);
    spread["system"] = json!([marked("s", 9, "5m"), marked("u", 9, "5m")]);
    let bad = |hint: Value| blocks([hinted("a", 9, "cache_control", hint)]);
    for (request, refusal) in [
        (four(), None),
        (five("5m"), Some(Refusal::TooManyMarks)),
        (spread, Some(Refusal::TooManyMarks)),
        (with_automatic(four(), "5m"), Some(Refusal::NoSlotForAutomatic)),
        (with_automatic(blocks([marked("a", 9, "1h")]), "5m"), Some(Refusal::AutomaticTtlDiffers)),
        (with_automatic(blocks([marked("a", 9, "5m")]), "5m"), None),
        (with_automatic(blocks([marked("a", 9, "5m"), block("b", 9)]), "1h"), Some(Refusal::HourAfterFiveMinutes)),
        (with_automatic(blocks([marked("a", 9, "1h"), block("b", 9)]), "5m"), None),
        (blocks([marked("a", 9, "1h"), marked("b", 9, "5m")]), None),
        (blocks([marked("a", 9, "5m"), marked("b", 9, "1h")]), Some(Refusal::HourAfterFiveMinutes)),
        (blocks([marked("a", 1, "5m")]), Some(Refusal::MarkOnEmptyText)),
        (blocks([thinking]), Some(Refusal::MarkOnThinking)),
        (bad(json!({"type": "persistent"})), Some(Refusal::UnknownMark)),
        (bad(json!({"type": "ephemeral", "ttl": "1d"})), Some(Refusal::UnknownMark)),
        (bad(json!("ephemeral")), Some(Refusal::UnknownMark)),
        (bad(json!({"type": "ephemeral"})), None),
        (bad(Value::Null), None),
    ] {
        assert_eq!(ask(&mut anthropic(), &request, 0).err(), refusal, "{request}");
    }
}

#[test]
fn a_refused_request_leaves_no_trace() {
    let mut provider = anthropic();
    let refused = blocks([marked("shared", 999, "5m"), marked("b", 9, "1h")]);
    ask(&mut provider, &refused, 0).unwrap_err();
    assert_eq!(read_written(&mut provider, &blocks([marked("shared", 999, "5m")]), 1_000), (0, 1_000));
}

#[test]
fn the_automatic_mark_stands_at_the_last_block_that_can_carry_one() {
    for (last, written) in [(block("b", 100), 1_000), (block("b", 1), 900)] {
        let request = with_automatic(blocks([block("a", 899), last]), "5m");
        assert_eq!(read_written(&mut anthropic(), &request, 0), (0, written));
    }
    // It moves on with the conversation, and looks back to where it stood.
    let mut provider = anthropic();
    ask(&mut provider, &with_automatic(blocks([block("a", 899)]), "5m"), 0).unwrap();
    let longer = with_automatic(blocks([block("a", 899), block("b", 100)]), "5m");
    assert_eq!(read_written(&mut provider, &longer, 1_000), (900, 100));
}

fn after_the_mark(more: usize, kind: fn(usize) -> Value) -> Value {
    let mut content = vec![block("a", 999)];
    content.extend((0..more).map(kind));
    json!({"messages": [{"role": "user", "content": content}], "cache_control": {"type": "ephemeral"}})
}

#[test]
fn a_mark_looks_back_over_twenty_positions_its_own_included() {
    for (more, is_read) in [(0, true), (1, true), (18, true), (19, true), (20, false), (40, false)] {
        let mut provider = anthropic();
        ask(&mut provider, &blocks([marked("a", 999, "5m")]), 0).unwrap();
        let request = after_the_mark(more, |i| block(&format!("more {i}"), 5));
        assert_eq!(read(&mut provider, &request, 1_000) == 1_000, is_read, "{more} more blocks");
    }
}

#[test]
fn a_mark_in_between_bridges_the_lookback() {
    let mut provider = anthropic();
    ask(&mut provider, &blocks([marked("a", 999, "5m")]), 0).unwrap();
    let mut request = after_the_mark(30, |i| block(&format!("more {i}"), 5));
    request["messages"][0]["content"][15]["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(read(&mut provider, &request, 1_000), 1_000);
}

#[test]
fn a_run_of_tool_blocks_is_one_position() {
    let mut provider = anthropic();
    ask(&mut provider, &blocks([marked("a", 999, "5m")]), 0).unwrap();
    let result = |i| json!({"type": "tool_result", "tool_use_id": format!("{i}"), "content": "ok"});
    assert_eq!(read(&mut provider, &after_the_mark(40, result), 1_000), 1_000);
    let call = |i| json!({"type": "tool_use", "id": format!("{i}"), "name": "t", "input": {}});
    assert_eq!(read(&mut provider, &after_the_mark(40, call), 1_000), 1_000);
    let image = |i| json!({"type": "image", "source": {"type": "url", "url": format!("https://example.com/{i}")}});
    assert_eq!(read(&mut provider, &after_the_mark(40, image), 2_000), 0);
}

#[test]
fn the_ttl_counts_from_the_start_of_the_last_request_that_wrote_or_read() {
    for (ttl, ttl_ms) in [("5m", FIVE_MINUTES_MS), ("1h", HOUR_MS)] {
        let request = blocks([marked("shared", 999, ttl)]);
        for (times_ms, is_read) in [
            (vec![ttl_ms - 1], true),
            (vec![ttl_ms], false),
            (vec![ttl_ms - 1, 2 * ttl_ms - 2], true),
            (vec![ttl_ms - 1, 2 * ttl_ms - 2, 3 * ttl_ms - 3], true),
            (vec![ttl_ms - 1, 2 * ttl_ms - 1], false),
        ] {
            let mut provider = anthropic();
            ask(&mut provider, &request, 0).unwrap();
            let reads: Vec<u64> = times_ms.iter().map(|now_ms| read(&mut provider, &request, *now_ms)).collect();
            assert_eq!(*reads.last().unwrap() > 0, is_read, "{ttl}: {times_ms:?}");
        }
    }
}

#[test]
fn a_longer_read_keeps_the_shorter_marked_prefix_alive() {
    let mut provider = anthropic();
    let request = blocks([marked("a", 999, "5m"), marked("b", 100, "5m")]);
    for now_ms in [0, 200_000, 400_000] {
        ask(&mut provider, &request, now_ms).unwrap();
    }
    assert_eq!(read(&mut provider, &blocks([marked("a", 999, "5m"), block("c", 100)]), 600_000), 1_000);
}

#[test]
fn two_requests_at_once_both_pay_for_the_write() {
    let mut provider = anthropic();
    let request = blocks([marked("shared", 999, "5m")]);
    assert_eq!(read_written(&mut provider, &request, 0), (0, 1_000));
    assert_eq!(read_written(&mut provider, &request, 100), (0, 1_000));
    // The earlier of the two makes it readable.
    assert_eq!(read_written(&mut provider, &request, 500), (1_000, 0));
}

#[test]
fn tools_come_before_the_system_prompt_and_the_system_prompt_before_the_messages() {
    let request = |tool: &str, system: &str, question: &str| {
        json!({
            "tools": [{"name": tool, "description": "t".repeat(4_000), "cache_control": {"type": "ephemeral"}}],
            "system": [marked(system, 1_000, "5m")],
            "messages": [{"role": "user", "content": [marked(question, 100, "5m")]}],
        })
    };
    let mut provider = anthropic();
    let whole = ask(&mut provider, &request("t", "s", "q"), 0).unwrap().written_tokens_5m;
    let question = read(&mut provider, &request("t", "s", "q2"), 1_000);
    let system = read(&mut provider, &request("t", "s2", "q"), 2_000);
    let tool = read(&mut provider, &request("t2", "s", "q"), 3_000);
    assert_eq!((whole - question, question - system), (101, 1_001));
    assert!(system > 1_000);
    assert_eq!(tool, 0);
}
