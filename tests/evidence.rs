//! What hits by meaning leave behind: feedback, audits, shadow mode, and what is told of them.

#[expect(dead_code, reason = "each test file uses its own part of the world")]
mod world;

use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Answer, Gateway, admin, says};

const ASKED: &str = "How do I reset my password?";
const SIMILAR: &str = "How can I reset my password?";
const THIRD: &str = "Please tell me how to reset my password.";

fn gateway(semantic: Value) -> Gateway {
    Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}, "NEARHIT_SEMANTIC": semantic}))
}

fn word(gateway: &Gateway, entry: &str, verdict: &str) -> Answer {
    admin(gateway, "POST", "/admin/v1/feedback", &json!({"entry": entry, "verdict": verdict}))
}

fn stats(gateway: &Gateway) -> Value {
    admin(gateway, "GET", "/admin/v1/stats", &Value::Null).json()
}

fn is_semantic(answer: &Answer) -> bool {
    answer.cache_status().contains("; hit; ") && answer.cache_status().contains("semantic;score=")
}

#[test]
fn a_hit_that_was_bad_is_evicted_and_its_pair_never_serves_again() {
    let gateway = gateway(json!({"audit_share": 0}));
    gateway.script(says("Use the form.")).ask(ASKED);
    let hit = gateway.ask(SIMILAR);
    assert!(is_semantic(&hit), "{}", hit.cache_status());
    let entry = hit.header("x-nearhit-entry").to_owned();
    let before = stats(&gateway);
    let done = word(&gateway, &entry, "bad");
    assert_eq!((done.status, &done.json()["evicted"], &done.json()["pairs"]), (200, &json!(true), &json!(1)));
    assert_eq!(gateway.world.entries(), 0);
    // The same text is answered and stored again, under the same key: the other one still does not get it.
    gateway.script(says("Use the form.")).ask(ASKED);
    let miss = gateway.script(says("Call us.")).ask(SIMILAR);
    assert_eq!((miss.content().as_str(), miss.cache_status()), ("Call us.", "nearhit; fwd=uri-miss; stored"));
    // Nor the other way round.
    let other = word(&gateway, miss.header("x-nearhit-entry"), "bad");
    assert_eq!((&other.json()["evicted"], &other.json()["pairs"]), (&json!(true), &json!(0)));
    // Others still are answered by meaning.
    assert!(is_semantic(&gateway.ask(THIRD)));
    let after = stats(&gateway);
    assert_eq!((&before["negatives"], &after["negatives"]), (&json!(0), &json!(1)));
    let bound = |stats: &Value| stats["scopes"][0]["wording_bound"].as_f64().unwrap();
    assert!(bound(&after) > bound(&before), "{before} {after}");
    assert_eq!(after["total"]["feedback"], json!({"good": 0, "bad": 2}));
}

#[test]
fn a_good_word_before_a_bad_one_makes_nobody_forget_who_was_served() {
    let gateway = gateway(json!({"audit_share": 0}));
    let entry = gateway.script(says("Use the form.")).ask(ASKED).header("x-nearhit-entry").to_owned();
    for text in [SIMILAR, THIRD, SIMILAR] {
        assert!(is_semantic(&gateway.ask(text)));
    }
    assert_eq!(word(&gateway, &entry, "good").json()["pairs"], 2);
    let bad = word(&gateway, &entry, "bad").json();
    assert_eq!((&bad["pairs"], &bad["scope"]["counts"]["feedback"]), (&json!(2), &json!({"good": 1, "bad": 1})));
    gateway.script(says("Use the form.")).ask(ASKED);
    for text in [SIMILAR, THIRD] {
        let answer = gateway.script(says("Call us.")).ask_with(text, &[("x-nearhit-ttl", "1")]);
        assert_eq!(answer.content(), "Call us.", "{text}: {}", answer.cache_status());
        gateway.world.now_ms.set(gateway.world.now_ms.get() + 2_000);
    }
}

#[test]
fn a_key_that_an_audit_sees_refused_gets_no_more_hits() {
    let gateway = gateway(json!({"audit_share": 1}));
    gateway.script(says("Use the form.")).ask(ASKED);
    let refused = world::Script::Answer(401, "application/json", vec![b"{}".to_vec()]);
    assert!(is_semantic(&gateway.script(refused).ask(SIMILAR)));
    let miss = gateway.script(says("Fresh.")).ask(ASKED);
    assert_eq!(
        (miss.content().as_str(), miss.cache_status()),
        ("Fresh.", "nearhit; fwd=uri-miss; stored; detail=key-unproven")
    );
}

#[test]
fn a_scope_with_too_many_bad_hits_serves_nothing_by_meaning_until_good_ones_outweigh_them() {
    let gateway = gateway(json!({"audit_share": 0, "max_error_rate": 0.05}));
    let wrapped =
        ["How do I", "How can I", "How could I", "How would I", "Please tell me how to", "What is the way to"];
    let mut closed = false;
    for k in 0..wrapped.len() - 1 {
        gateway.script(says("Use the form.")).ask(&format!("{} open the red box number {k}?", wrapped[0]));
        let hit = gateway.ask(&format!("{} open the red box number {k}?", wrapped[k + 1]));
        if !is_semantic(&hit) {
            closed = true;
            assert!(hit.cache_status().contains("near-miss:error-budget-spent"), "{}", hit.cache_status());
            break;
        }
        word(&gateway, hit.header("x-nearhit-entry"), "bad");
        gateway.world.scripts.borrow_mut().clear();
        gateway.script(says("Spare."));
    }
    assert!(closed, "{}", stats(&gateway));
}

#[test]
fn feedback_names_what_is_wrong_with_it() {
    let gateway = gateway(json!({}));
    for (body, status, param) in [
        (json!({"verdict": "bad"}), 400, "entry"),
        (json!({"entry": 3, "verdict": "bad"}), 400, "entry"),
        (json!({"entry": "00", "verdict": "awful"}), 400, "verdict"),
        (json!({"entry": "00"}), 400, "verdict"),
        (json!({"entry": "00", "verdict": "bad"}), 404, ""),
        (json!({"entry": "ab".repeat(32), "verdict": "bad"}), 404, ""),
    ] {
        let answer = admin(&gateway, "POST", "/admin/v1/feedback", &body);
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.json()["error"]["param"].as_str().unwrap_or_default(), param, "{body}");
    }
    let mut call = Call { method: "POST".into(), path: "/admin/v1/feedback".into(), ..Call::default() };
    assert_eq!(gateway.call(call.clone()).status, 401);
    call.path = "/metrics".into();
    call.method = "GET".into();
    assert_eq!(gateway.call(call).status, 401);
}

#[test]
fn an_audited_hit_is_served_and_its_answer_compared_with_the_upstreams() {
    for (fresh, answers, judged_bad) in [("use the form", "equal", 0), ("Call 555 2368.", "different", 1)] {
        let gateway = gateway(json!({"audit_share": 1}));
        gateway.script(says("Use the form.")).ask(ASKED);
        let hit = gateway.script(says(fresh)).ask(SIMILAR);
        assert!(is_semantic(&hit), "{}", hit.cache_status());
        assert_eq!(hit.content(), "Use the form.");
        assert_eq!(gateway.world.asked.borrow().len(), 2, "the upstream was asked in the background");
        let stats = stats(&gateway);
        assert_eq!(stats["total"]["compared"]["audit"][answers], 1, "{stats}");
        assert_eq!(stats["negatives"], judged_bad);
        // What the audit brought is an entry like any other.
        assert_eq!(gateway.ask(SIMILAR).content(), fresh);
    }
}

#[test]
fn an_audit_that_fails_costs_nothing() {
    let gateway = gateway(json!({"audit_share": 1}));
    gateway.script(says("Use the form.")).ask(ASKED);
    let hit = gateway.script(world::Script::Unreachable).ask(SIMILAR);
    assert!(is_semantic(&hit));
    assert_eq!(stats(&gateway)["total"]["served"], 1);
}

#[test]
fn shadow_mode_serves_nothing_by_meaning_and_reports_what_would_have_been() {
    let gateway = gateway(json!({"audit_share": 0}));
    let ask = |text: &str, answer: &str| gateway.script(says(answer)).ask_with(text, &[("x-nearhit-mode", "shadow")]);
    ask(ASKED, "Use the form.");
    let agreed = ask(SIMILAR, "Use the form");
    assert!(agreed.header("x-nearhit-shadow").starts_with("would-hit;score=0.9"), "{:?}", agreed.headers);
    assert_eq!(agreed.content(), "Use the form");
    ask("How do I reset my 2 passwords?", "Use the form twice.");
    let report = admin(&gateway, "GET", "/admin/v1/shadow", &Value::Null).json();
    assert_eq!(report["asked"], 3);
    let row = report["budgets"].as_array().unwrap().iter().find(|row| row["max_error_rate"] == 0.01).unwrap();
    assert_eq!((&row["hits"], &row["agreed"], &row["differed"]), (&json!(1), &json!(1), &json!(0)));
    let sightings = report["sightings"].as_array().unwrap();
    let reasons: Vec<&str> = sightings.iter().map(|sighting| sighting["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"would-hit"), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.starts_with("numbers;score=")), "{reasons:?}");
    let would_hit = sightings.iter().find(|sighting| sighting["reason"] == "would-hit").unwrap();
    assert_eq!((&would_hit["answers"], &would_hit["asked"]), (&json!("equal"), &json!(SIMILAR)));
    assert_eq!(would_hit["neighbour"], ASKED);
    let wrong = admin(&gateway, "GET", "/admin/v1/shadow?max_error_rate=0", &Value::Null);
    assert_eq!((wrong.status, &wrong.json()["error"]["param"]), (400, &json!("max_error_rate")));
}

#[test]
fn shadow_mode_of_a_tenant_or_an_upstream_is_not_overruled_by_a_request() {
    let upstreams = json!({"openai": {"mode": "shadow"}});
    let gateway = Gateway::new(json!({"NEARHIT_UPSTREAMS": upstreams}));
    gateway.script(says("Use the form.")).ask(ASKED);
    let answer = gateway.script(says("Fresh.")).ask_with(SIMILAR, &[("x-nearhit-mode", "semantic")]);
    assert_eq!(answer.content(), "Fresh.");
    assert!(answer.header("x-nearhit-shadow").starts_with("would-hit"));
    assert_eq!(gateway.ask(ASKED).content(), "Use the form.", "equal bytes are served");

    let gateway = self::gateway(json!({}));
    gateway.world.secrets.borrow_mut().insert("ACME".into(), "sk-acme".into());
    let made = admin(&gateway, "PUT", "/admin/v1/tenants/acme", &json!({"keys": {"openai": "ACME"}, "mode": "shadow"}));
    assert_eq!(made.json()["mode"], "shadow");
    let token = admin(&gateway, "POST", "/admin/v1/tenants/acme/tokens", &Value::Null).json()["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let ask = |text: &str| gateway.ask_with(text, &[("authorization", &bearer), ("x-nearhit-mode", "semantic")]);
    gateway.script(says("Use the form.")).script(says("Fresh."));
    ask(ASKED);
    assert!(ask(SIMILAR).header("x-nearhit-shadow").starts_with("would-hit"));
    let report = admin(&gateway, "GET", "/admin/v1/shadow?tenant=acme", &Value::Null).json();
    assert_eq!(report["asked"], 2);
    admin(&gateway, "PUT", "/admin/v1/tenants/acme", &json!({"mode": null}));
    assert!(is_semantic(&ask(THIRD)), "the tenant is no longer in shadow mode");
    let wrong = admin(&gateway, "PUT", "/admin/v1/tenants/acme", &json!({"mode": "loud"}));
    assert_eq!((wrong.status, &wrong.json()["error"]["param"]), (400, &json!("mode")));
}

#[test]
fn metrics_are_prometheus_text_with_the_threshold_of_each_scope() {
    let gateway = gateway(json!({"audit_share": 0}));
    gateway.script(says("Use the form.")).ask(ASKED);
    gateway.ask(SIMILAR);
    let answer = admin(&gateway, "GET", "/metrics", &Value::Null);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\nnearhit_semantic_hits_total{shard=\"") && text.contains("/0\"} 1\n"), "{text}");
    assert!(text.contains("nearhit_compared_total{occasion=\"audit\",answers=\"equal\",shard=\""), "{text}");
    assert!(text.contains("nearhit_scope_threshold{scope=\""), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        // A histogram's samples have names of their own.
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {family} ")) && text.contains(&format!("# HELP {family} ")), "{family}");
    }
}

#[test]
fn without_the_verifier_only_the_same_words_serve_and_the_reason_is_named() {
    let gateway = gateway(json!({"verifier": false}));
    gateway.script(says("Use the form.")).ask(ASKED);
    assert!(is_semantic(&gateway.ask(SIMILAR)));
    let other = "I forgot my password, where can I set a new one?";
    let miss = gateway.script(says("Here.")).ask(other);
    assert!(miss.cache_status().contains("near-miss:verifier-off;score="), "{}", miss.cache_status());
}
