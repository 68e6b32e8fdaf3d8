//! Stale answers, and keys that a provider has not accepted for too long.

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use serde_json::{Value, json};
use world::{Gateway, Script, chat, question, says, streams};

const ASKED: &str = "What is a good lamp?";
const TTL: (&str, &str) = ("x-nearhit-ttl", "10");

/// A gateway that knows an answer which went stale `stale_secs` ago.
fn stale(cache: Value, stale_secs: u64) -> Gateway {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": cache}));
    gateway.script(says("old")).ask_with(ASKED, &[TTL]);
    gateway.world.pass_ms((10 + stale_secs) * 1000);
    gateway
}

fn down() -> Script {
    Script::Answer(503, "application/json", vec![b"{}".to_vec()])
}

#[test]
fn an_expired_entry_answers_while_one_background_request_refreshes_it() {
    for refreshed in [says("new"), streams("new")] {
        let gateway = stale(json!({"stale_while_revalidate_secs": 60}), 5);
        gateway.script(refreshed);
        let answer = gateway.ask(ASKED);
        assert_eq!(answer.content(), "old");
        let status = answer.cache_status();
        assert!(status.starts_with("nearhit; hit; ttl=-5; key="), "{status}");
        assert!(status.ends_with("; detail=stale-while-revalidate"), "{status}");
        assert_eq!((answer.header("age"), answer.header("x-nearhit-cost-usd")), ("15", "0"));
        assert_eq!(gateway.ask(ASKED).content(), "new", "it was refreshed meanwhile");
        assert_eq!(gateway.world.asked.borrow().len(), 2);
    }
}

#[test]
fn a_near_entry_that_does_not_serve_does_not_stop_the_refresh() {
    let gateway = stale(json!({"stale_while_revalidate_secs": 60, "shards": 1}), 5);
    gateway.script(says("two")).ask("What is a good 2 lamp?");
    gateway.script(says("new"));
    assert_eq!(gateway.ask(ASKED).content(), "old");
    assert_eq!(gateway.ask(ASKED).content(), "new");
}

#[test]
fn a_client_that_leaves_with_a_stale_answer_does_not_stop_the_refresh() {
    let gateway = stale(json!({"stale_while_revalidate_secs": 60}), 5);
    gateway.world.client_gone.set(true);
    gateway.script(says("new"));
    assert_eq!(gateway.ask(ASKED).content(), "old");
    gateway.world.client_gone.set(false);
    assert_eq!(gateway.ask(ASKED).content(), "new");
}

#[test]
fn a_failed_refresh_leaves_the_stale_answer_and_the_next_request_tries_again() {
    let gateway = stale(json!({"stale_while_revalidate_secs": 60}), 5);
    gateway.script(down()).script(says("new"));
    assert_eq!(gateway.ask(ASKED).content(), "old");
    assert_eq!(gateway.ask(ASKED).content(), "old");
    assert_eq!(gateway.ask(ASKED).content(), "new");
}

#[test]
fn past_its_time_or_against_the_requests_wish_nothing_stale_is_served() {
    let cache = json!({"stale_while_revalidate_secs": 60});
    let late = stale(cache.clone(), 61);
    assert_eq!(late.script(says("new")).ask(ASKED).content(), "new");
    for control in ["max-age=3600", "min-fresh=1", "no-cache"] {
        let gateway = stale(cache.clone(), 5);
        let answer = gateway.script(says("new")).ask_with(ASKED, &[("cache-control", control)]);
        assert_eq!(answer.content(), "new", "{control}");
    }
}

#[test]
fn an_expired_entry_answers_when_the_upstream_fails() {
    for (failure, status) in [(down(), 503), (Script::Unreachable, 502)] {
        let gateway = stale(json!({"stale_if_error_secs": 60}), 5);
        let answer = gateway.script(failure).ask(ASKED);
        assert_eq!((answer.status, answer.content().as_str()), (200, "old"));
        let detail = format!("; detail=\"stale-if-error;status={status}\"");
        assert!(answer.cache_status().ends_with(&detail), "{}", answer.cache_status());
        assert!(answer.cache_status().starts_with("nearhit; hit; ttl=-5;"));
    }
    let gateway = stale(json!({"stale_if_error_secs": 60}), 5);
    let answer = gateway.script(says("new")).ask(ASKED);
    assert_eq!((answer.content().as_str(), answer.cache_status()), ("new", "nearhit; fwd=stale; stored"));
}

#[test]
fn a_clients_own_error_and_an_error_too_late_are_the_upstreams() {
    let gateway = stale(json!({"stale_if_error_secs": 60}), 5);
    let wrong = Script::Answer(400, "application/json", vec![b"{}".to_vec()]);
    assert_eq!(gateway.script(wrong).ask(ASKED).status, 400);
    let gateway = stale(json!({"stale_if_error_secs": 60}), 61);
    assert_eq!(gateway.script(down()).ask(ASKED).status, 503);
}

#[test]
fn max_stale_takes_an_expired_answer_without_any_configuration() {
    for (control, served) in [("max-stale", true), ("max-stale=5", true), ("max-stale=4", false), ("", false)] {
        let gateway = stale(json!({}), 5);
        gateway.script(says("new"));
        let answer = gateway.ask_with(ASKED, &[("cache-control", control)]);
        assert_eq!(answer.content() == "old", served, "{control}: {}", answer.cache_status());
        if served {
            assert!(answer.cache_status().ends_with("; detail=max-stale"), "{}", answer.cache_status());
            assert_eq!(gateway.world.asked.borrow().len(), 1, "nobody was asked");
        }
    }
    let cached = [("cache-control", "only-if-cached, max-stale=60")];
    assert_eq!(stale(json!({}), 5).ask_with(ASKED, &cached).content(), "old");
}

#[test]
fn max_stale_asks_for_no_refresh_in_the_first_second_either() {
    let answer = stale(json!({}), 0).ask_with(ASKED, &[("cache-control", "max-stale=60")]);
    assert!(answer.cache_status().ends_with("; detail=max-stale"), "{}", answer.cache_status());
}

#[test]
fn a_stale_neighbour_never_answers_by_meaning() {
    let gateway = stale(json!({"stale_while_revalidate_secs": 60, "stale_if_error_secs": 60}), 5);
    let answer = gateway.script(says("new")).ask_with("What's a good lamp?", &[("cache-control", "max-stale")]);
    assert_eq!(answer.content(), "new");
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn hits_need_a_key_that_the_provider_has_accepted_within_a_day() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1, "ttl_secs": 864_000}}));
    gateway.script(says("A bright one.")).ask(ASKED);
    gateway.world.pass_ms(24 * HOUR_MS - 1);
    assert_eq!(gateway.ask(ASKED).content(), "A bright one.");
    gateway.world.pass_ms(1);
    for text in [ASKED, "What's a good lamp?"] {
        let refused = Script::Answer(401, "application/json", vec![b"{}".to_vec()]);
        let answer = gateway.script(refused).ask(text);
        assert_eq!(answer.status, 401, "the provider has the last word");
    }
    let answer = gateway.script(says("Where it was.")).ask("Where is the moon now?");
    assert_eq!(answer.cache_status(), "nearhit; fwd=uri-miss; stored; detail=key-unproven");
    assert_eq!(gateway.ask(ASKED).content(), "A bright one.", "the key is good, so its answers are there again");
}

#[test]
fn a_key_that_the_provider_refuses_gets_no_hits_from_then_on() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}}));
    gateway.script(says("A bright one.")).ask(ASKED);
    let refused = Script::Answer(401, "application/json", vec![b"{}".to_vec()]);
    gateway.script(refused.clone()).ask("Where is the moon now?");
    assert_eq!(gateway.script(refused).ask(ASKED).status, 401);
}

#[test]
fn a_refused_key_leaves_nothing_behind() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}}));
    let refused = Script::Answer(401, "application/json", vec![b"{}".to_vec()]);
    gateway.script(refused).call(chat(&question(ASKED), &[]));
    assert_eq!(gateway.world.entries(), 0);
}
