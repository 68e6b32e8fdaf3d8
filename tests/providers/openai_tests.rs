use serde_json::{Value, json};

use super::super::cases::{ask, block, blocks, breakpoint, message, messages, provider, read, read_written, text};
use super::super::{Kind, Provider, Refusal};
use super::TTL_MS;

fn openai() -> Provider {
    provider(Kind::OpenAi56)
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

fn explicit_only(request: Value) -> Value {
    with(request, "prompt_cache_options", json!({"mode": "explicit"}))
}

fn system_with_breakpoint(question: &str) -> Value {
    messages([json!({"role": "system", "content": [breakpoint("shared", 1_499)]}), message("user", question, 100)])
}

#[test]
fn a_shared_system_prompt_with_another_question_reads_nothing() {
    let mut provider = openai();
    for (now_ms, question) in [(0, "one"), (1_000, "two"), (2_000, "three")] {
        let request = messages([message("system", "shared", 1_500), message("user", question, 100)]);
        let billed = ask(&mut provider, &request, now_ms).unwrap();
        assert_eq!((billed.cached_tokens, billed.written_tokens_5m, billed.uncached_tokens), (0, 1_600, 0));
        assert_eq!(billed.cost_milli, 1_600 * 1_250);
    }
}

#[test]
fn a_breakpoint_at_the_end_of_the_shared_part_is_read() {
    let mut provider = openai();
    assert_eq!(read_written(&mut provider, &system_with_breakpoint("one"), 0), (0, 1_600));
    // The implicit breakpoint writes the question each time.
    assert_eq!(read_written(&mut provider, &system_with_breakpoint("two"), 1_000), (1_500, 100));
    let billed = ask(&mut provider, &explicit_only(system_with_breakpoint("three")), 2_000).unwrap();
    assert_eq!((billed.cached_tokens, billed.written_tokens_5m, billed.uncached_tokens), (1_500, 0, 100));
    assert_eq!(billed.cost_milli, 1_500 * 100 + 100 * 1_000);
}

#[test]
fn explicit_mode_without_a_breakpoint_uses_no_cache() {
    let mut provider = openai();
    let request = || messages([message("user", "same", 1_500)]);
    ask(&mut provider, &request(), 0).unwrap();
    assert_eq!(read_written(&mut provider, &request(), 1_000), (1_500, 0));
    assert_eq!(read_written(&mut provider, &explicit_only(request()), 2_000), (0, 0));
}

#[test]
fn explicit_mode_reads_where_a_breakpoint_stands_whoever_wrote_it() {
    let mut provider = openai();
    ask(&mut provider, &messages([message("user", "same", 1_500)]), 0).unwrap();
    let at_the_same_place = explicit_only(blocks([breakpoint("same", 1_499)]));
    assert_eq!(read_written(&mut provider, &at_the_same_place, 1_000), (1_500, 0));
    let earlier = explicit_only(blocks([breakpoint("same", 1_300), block("more", 199)]));
    assert_eq!(read_written(&mut provider, &earlier, 2_000), (0, 1_301));
}

#[test]
fn fewer_than_1024_tokens_are_not_cached() {
    for (tokens, expected) in [(1_023, 0), (1_024, 1_024)] {
        for request in [messages([message("user", "a", tokens)]), explicit_only(blocks([breakpoint("a", tokens - 1)]))]
        {
            let mut provider = openai();
            assert_eq!(read_written(&mut provider, &request, 0), (0, expected));
            assert_eq!(read_written(&mut provider, &request, 1_000), (expected, 0));
        }
    }
}

#[test]
fn a_message_that_is_appended_keeps_what_was_cached_and_one_that_is_extended_loses_it() {
    let mut provider = openai();
    ask(&mut provider, &messages([message("user", "a", 1_500)]), 0).unwrap();
    let appended = messages([message("user", "a", 1_500), message("assistant", "b", 50), message("user", "c", 50)]);
    assert_eq!(read_written(&mut provider, &appended, 1_000), (1_500, 100));
    let extended = messages([json!({"role": "user", "content": text("a", 1_600)})]);
    assert_eq!(read(&mut provider, &extended, 2_000), 0);
}

#[test]
fn only_the_end_of_an_eligible_message_is_an_implicit_breakpoint() {
    let long = || message("user", "a", 1_500);
    let tool = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": text(id, 48)});
    let cases: [(Value, u64); 5] = [
        (messages([long()]), 1_500),
        (messages([long(), message("assistant", "b", 100)]), 1_500),
        (messages([long(), message("assistant", "b", 100), tool("1"), tool("2")]), 1_700),
        (messages([message("system", "a", 1_500)]), 1_500),
        (messages([long(), message("developer", "b", 100)]), 1_500),
    ];
    for (request, written) in cases {
        assert_eq!(read_written(&mut openai(), &request, 0), (0, written), "{}", request["messages"][1]["role"]);
    }
    // Where a group of tool messages goes on, the end of its first one is no boundary, though it was one before.
    let mut provider = openai();
    let group = |ids: &[&str]| {
        let mut request = messages([long(), message("assistant", "b", 100)]);
        request["messages"].as_array_mut().unwrap().extend(ids.iter().map(|id| tool(id)));
        request
    };
    ask(&mut provider, &group(&["1"]), 0).unwrap();
    assert_eq!(read(&mut provider, &group(&["1"]), 1_000), 1_650);
    assert_eq!(read(&mut provider, &group(&["1", "2"]), 1_000), 0);
}

#[test]
fn implicit_mode_looks_at_twenty_earlier_message_ends() {
    for (turns, is_read) in [(1, true), (20, true), (21, false)] {
        let mut provider = openai();
        ask(&mut provider, &messages([message("user", "a", 1_500)]), 0).unwrap();
        let mut request = messages([message("user", "a", 1_500)]);
        let talk = request["messages"].as_array_mut().unwrap();
        for turn in 0..turns {
            talk.extend([message("assistant", &format!("b{turn}"), 20), message("user", &format!("c{turn}"), 20)]);
        }
        assert_eq!(read(&mut provider, &request, 1_000) == 1_500, is_read, "{turns} turns");
    }
}

#[test]
fn the_end_of_the_first_developer_messages_is_looked_at_even_behind_many_turns() {
    let mut provider = openai();
    ask(&mut provider, &messages([message("developer", "a", 1_500)]), 0).unwrap();
    let mut request = messages([message("developer", "a", 1_500)]);
    request["messages"].as_array_mut().unwrap().extend((0..40).map(|turn| message("user", &format!("{turn}"), 20)));
    assert_eq!(read(&mut provider, &request, 1_000), 1_500);
}

fn ladder(rungs: usize) -> Value {
    let mut content = vec![breakpoint("first", 1_499)];
    content.extend((1..rungs).map(|rung| breakpoint(&format!("rung {rung}"), 10)));
    json!({"messages": [{"role": "user", "content": content}, {"role": "user", "content": "Now?"}]})
}

#[test]
fn a_request_writes_at_four_breakpoints_the_implicit_one_included() {
    for (explicit_mode, readable) in
        [(true, [false, false, true, true, true, true]), (false, [false, false, false, true, true, true])]
    {
        for (rung, is_read) in readable.into_iter().enumerate() {
            let mut provider = openai();
            let request = if explicit_mode { explicit_only(ladder(6)) } else { ladder(6) };
            ask(&mut provider, &request, 0).unwrap();
            let up_to_the_rung = explicit_only(ladder(rung + 1));
            assert_eq!(
                read(&mut provider, &up_to_the_rung, 1_000) > 0,
                is_read,
                "explicit {explicit_mode}, rung {rung}"
            );
        }
    }
}

#[test]
fn the_first_two_and_the_latest_fifty_explicit_breakpoints_are_looked_at() {
    for (written_at, is_read) in [(1, true), (2, true), (3, false), (10, false), (11, true), (60, true)] {
        let mut provider = openai();
        ask(&mut provider, &explicit_only(with_one_breakpoint(written_at)), 0).unwrap();
        assert_eq!(
            read(&mut provider, &explicit_only(ladder(60)), 1_000) > 0,
            is_read,
            "breakpoint {written_at} of 60"
        );
    }
}

fn with_one_breakpoint(at: usize) -> Value {
    let mut request = ladder(at);
    let content = request["messages"][0]["content"].as_array_mut().unwrap();
    for part in content.iter_mut().take(at - 1) {
        part.as_object_mut().unwrap().remove("prompt_cache_breakpoint");
    }
    request
}

#[test]
fn the_key_keeps_entries_apart() {
    let mut provider = openai();
    let request = |key: &str| with(system_with_breakpoint("q"), "prompt_cache_key", json!(key));
    ask(&mut provider, &request("a"), 0).unwrap();
    assert_eq!(read(&mut provider, &request("b"), 1_000), 0);
    assert_eq!(read(&mut provider, &system_with_breakpoint("q"), 1_000), 0);
    assert_eq!(read(&mut provider, &request("a"), 1_000), 1_600);
}

#[test]
fn an_entry_lives_thirty_minutes_after_its_last_write_or_read() {
    let request = system_with_breakpoint("q");
    for (times_ms, is_read) in [
        (vec![TTL_MS - 1], true),
        (vec![TTL_MS], false),
        (vec![TTL_MS - 1, 2 * TTL_MS - 2], true),
        (vec![TTL_MS - 1, 2 * TTL_MS - 1], false),
    ] {
        let mut provider = openai();
        ask(&mut provider, &request, 0).unwrap();
        let reads: Vec<u64> = times_ms.iter().map(|now_ms| read(&mut provider, &request, *now_ms)).collect();
        assert_eq!(*reads.last().unwrap() > 0, is_read, "{times_ms:?}");
    }
}

#[test]
fn busy_keys_do_not_overflow() {
    let mut provider = openai();
    ask(&mut provider, &system_with_breakpoint("q"), 0).unwrap();
    assert!((1..100).all(|second| read(&mut provider, &system_with_breakpoint("q"), second * 500) == 1_600));
}

#[test]
fn refusals_have_names() {
    let hint = json!({"mode": "explicit"});
    let plain = || messages([message("user", "a", 50)]);
    let options = |value: Value| with(plain(), "prompt_cache_options", value);
    let field = "prompt_cache_breakpoint";
    let tool = json!([{"type": "function", "function": {"name": "t"}, "prompt_cache_breakpoint": hint}]);
    let mut on_message = plain();
    on_message["messages"][0][field] = hint.clone();
    let mut unknown = blocks([breakpoint("a", 50)]);
    unknown["messages"][0]["content"][0][field] = json!({"mode": "implicit"});
    for (request, refusal) in [
        (with(plain(), "tools", tool), Some(Refusal::BreakpointOutsideContent)),
        (on_message, Some(Refusal::BreakpointOutsideContent)),
        (with(plain(), field, hint), Some(Refusal::BreakpointOutsideContent)),
        (unknown, Some(Refusal::UnknownBreakpoint)),
        (options(json!({"mode": "off"})), Some(Refusal::UnknownCacheOption)),
        (options(json!({"ttl": "1h"})), Some(Refusal::UnknownCacheOption)),
        (options(json!({"ttl": "30m", "mode": "implicit"})), None),
        (with(options(json!({"ttl": "30m"})), "prompt_cache_retention", json!("24h")), Some(Refusal::RetentionWithTtl)),
        (with(options(json!({"mode": "explicit"})), "prompt_cache_retention", json!("24h")), None),
        (system_with_breakpoint("q"), None),
    ] {
        assert_eq!(ask(&mut openai(), &request, 0).err(), refusal, "{request}");
    }
}
