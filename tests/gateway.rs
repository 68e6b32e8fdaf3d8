//! The life of a request, over the in-memory world.

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use std::rc::Rc;

use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Answer, Gateway, Script, chat, question, says, streams};

fn gateway() -> Gateway {
    Gateway::new(json!({}))
}

fn streamed(text: &str) -> Value {
    let mut body = question(text);
    body["stream"] = json!(true);
    body
}

fn is_miss(answer: &Answer) -> bool {
    answer.cache_status().starts_with("nearhit; fwd=uri-miss")
}

#[test]
fn a_miss_is_forwarded_and_the_same_bytes_are_then_answered_from_the_cache() {
    let gateway = gateway();
    let miss = gateway.script(says("Use the form.")).ask("How do I reset my password?");
    assert_eq!(miss.cache_status(), "nearhit; fwd=uri-miss; stored");
    assert_eq!(miss.header("x-request-id"), "up-1");
    gateway.world.now_ms.set(1_700_000_010_000);
    let hit = gateway.ask("How do I reset my password?");
    assert_eq!(hit.content(), "Use the form.");
    assert!(hit.cache_status().starts_with("nearhit; hit; ttl=86390; key="), "{}", hit.cache_status());
    assert!(hit.cache_status().ends_with("; detail=exact"));
    assert_eq!((hit.header("age"), hit.header("x-nearhit-entry")), ("10", miss.header("x-nearhit-entry")));
    assert_ne!(hit.json()["id"], miss.json()["id"]);
    assert_eq!(hit.json()["usage"], miss.json()["usage"]);
}

#[test]
fn a_paraphrase_is_answered_and_a_look_alike_is_not() {
    let gateway = gateway();
    gateway.script(says("Use the form.")).ask("How do I reset my password?");
    let hit = gateway.ask("How can I reset my password?");
    assert_eq!(hit.content(), "Use the form.");
    assert!(hit.cache_status().contains("detail=\"semantic;score=0.9"), "{}", hit.cache_status());
    assert!(hit.header("x-nearhit-score").parse::<f32>().unwrap() > 0.85);
    for (text, reason) in [
        ("Can I reset my password?", "near-miss:question"),
        ("How do I not reset my password?", "near-miss:negation"),
        ("How do I reset my 2 passwords?", "near-miss:numbers"),
        ("How do I reset my email password?", "near-miss:added;score="),
    ] {
        let gateway = self::gateway();
        gateway.script(says("Use the form.")).ask("How do I reset my password?");
        let miss = gateway.script(says("Something else.")).ask(text);
        assert!(is_miss(&miss), "{text}: {}", miss.cache_status());
        assert!(miss.cache_status().contains(reason), "{text}: {}", miss.cache_status());
        assert_eq!(miss.content(), "Something else.");
    }
}

#[test]
fn body_and_stream_serve_each_other() {
    let gateway = gateway();
    let first = gateway.script(streams("Streamed.")).call(chat(&streamed("What is a lamp?"), &[]));
    assert!(String::from_utf8_lossy(&first.body).contains("[DONE]"));
    let body = gateway.ask("What is a lamp?");
    assert_eq!((body.content().as_str(), body.header("content-type")), ("Streamed.", "application/json"));
    gateway.script(says("Whole.")).ask("What is a bulb?");
    let stream = gateway.call(chat(&streamed("What is a bulb?"), &[]));
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    let text = String::from_utf8(stream.body).unwrap();
    assert!(text.contains("Whole.") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn nobody_is_answered_from_what_another_key_paid_for() {
    let gateway = gateway();
    gateway.script(says("Mine.")).ask("What is my balance today?");
    for other in [
        &[("authorization", "Bearer sk-2")][..],
        &[("x-nearhit-namespace", "blue")],
        &[("authorization", ""), ("x-api-key", "sk-3")],
        &[("openai-organization", "org-2")],
        &[("openai-beta", "x=v2")],
    ] {
        let answer = gateway.script(says("Yours.")).ask_with("What is my balance today?", other);
        assert_eq!(answer.content(), "Yours.", "{other:?}");
    }
    assert_eq!(gateway.ask("What is my balance today?").content(), "Mine.");
}

#[test]
fn another_system_prompt_history_or_upstream_never_answers() {
    let gateway = gateway();
    gateway.script(says("Plain.")).ask("What is a good name?");
    for messages in [
        json!([{"role": "system", "content": "You sell boats."}, {"role": "user", "content": "What is a good name?"}]),
        json!([{"role": "user", "content": "I have a dog."}, {"role": "assistant", "content": "Nice."}, {"role": "user", "content": "What is a good name?"}]),
    ] {
        let answer = gateway.script(says("Other.")).call(chat(&json!({"model": "m", "messages": messages}), &[]));
        assert_eq!((is_miss(&answer), answer.content().as_str()), (true, "Other."));
    }
    let mut call = chat(&question("What is a good name?"), &[]);
    call.path = "/v1/chat/completions?api-version=2".into();
    assert!(is_miss(&gateway.script(says("Another version.")).call(call.clone())));
    call.path = "/anthropic/v1/chat/completions".into();
    assert!(is_miss(&gateway.script(says("Elsewhere.")).call(call)));
    assert!(gateway.world.asked.borrow().last().unwrap().url.starts_with("https://api.anthropic.com/v1/chat"));
}

#[test]
fn what_did_not_end_well_leaves_no_entry() {
    let done = b"data: [DONE]\n\n".to_vec();
    let part = br#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}"#.to_vec();
    let cut = |bytes: &[u8]| [bytes, b"\n\n"].concat();
    for (name, script) in [
        ("an error", Script::Answer(500, "application/json", vec![b"{\"error\":{}}".to_vec()])),
        ("a rate limit", Script::Answer(429, "application/json", vec![b"{\"error\":{}}".to_vec()])),
        ("no JSON", Script::Answer(200, "text/html", vec![b"<html>".to_vec()])),
        (
            "an error with status 200",
            Script::Answer(200, "application/json", vec![b"{\"error\":{\"message\":\"x\"}}".to_vec()]),
        ),
        ("a cut stream", Script::Answer(200, "text/event-stream", vec![cut(&part)])),
        ("a stream without a finish reason", Script::Answer(200, "text/event-stream", vec![cut(&part), done])),
        ("a broken stream", Script::Break("text/event-stream", vec![cut(&part)])),
    ] {
        let gateway = gateway();
        let answer = gateway.script(script).call(chat(&streamed("What is a lamp?"), &[]));
        assert_eq!(gateway.world.entries(), 0, "{name}: {}", answer.cache_status());
        assert_eq!(answer.broken, name == "a broken stream");
        assert!(is_miss(&answer));
    }
}

#[test]
fn an_answer_that_its_client_did_not_wait_for_leaves_no_entry() {
    let gateway = gateway();
    gateway.world.client_gone.set(true);
    gateway.script(says("Too late.")).ask("What is a lamp?");
    assert_eq!(gateway.world.entries(), 0);
}

#[test]
fn an_answer_larger_than_could_be_kept_passes_as_it_comes() {
    let gateway = gateway();
    let pieces = vec![vec![b'x'; 9_000_000]; 3];
    let answer = gateway.script(Script::Answer(200, "application/json", pieces)).ask("What is a lamp?");
    assert_eq!((answer.body.len(), answer.broken), (27_000_000, false));
    assert_eq!(answer.cache_status(), "nearhit; fwd=uri-miss; detail=too-large");
    assert_eq!(gateway.world.entries(), 0);
}

#[test]
fn an_upstreams_error_goes_to_the_client_as_it_came() {
    let gateway = gateway();
    let body = br#"{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}"#.to_vec();
    let answer = gateway.script(Script::Answer(429, "application/json", vec![body.clone()])).ask("What is a lamp?");
    assert_eq!((answer.status, answer.body), (429, body));
    assert_eq!(
        answer.headers.iter().find(|(name, _)| name == "cache-status").unwrap().1,
        "nearhit; fwd=uri-miss; fwd-status=429"
    );
}

#[test]
fn an_upstream_that_cannot_be_reached_is_a_502_that_may_be_retried() {
    let gateway = gateway();
    for script in [Script::Unreachable, Script::Break("application/json", vec![b"{".to_vec()])] {
        let answer = gateway.script(script).ask("What is a lamp?");
        assert_eq!((answer.status, answer.header("x-should-retry")), (502, ""));
        assert_eq!(answer.json()["error"]["code"], "upstream_unreachable");
    }
    assert_eq!(gateway.world.entries(), 0);
}

#[test]
fn a_cache_fault_costs_a_hit_never_an_answer() {
    let gateway = gateway();
    gateway.world.stores_fail.set(true);
    let answer = gateway.script(says("Fine.")).ask("What is a lamp?");
    assert_eq!(
        (answer.content().as_str(), answer.cache_status()),
        ("Fine.", "nearhit; fwd=uri-miss; detail=cache-fault")
    );
    assert_eq!(answer.header("x-nearhit-entry"), "");
    gateway.world.stores_fail.set(false);
    gateway.world.lookups_fail.set(true);
    let answer = gateway.script(says("Fine.")).ask("What is a lamp?");
    assert_eq!(
        (answer.content().as_str(), answer.cache_status()),
        ("Fine.", "nearhit; fwd=bypass; detail=cache-fault")
    );
}

#[test]
fn a_damaged_row_is_a_miss_and_is_replaced() {
    let gateway = gateway();
    gateway.script(says("Old.")).ask("What is a good lamp?");
    gateway.world.rows().iter().for_each(|rows| rows.damage(|stored| stored.truncate(5)));
    let answer = gateway.script(says("New.")).ask("What is a good lamp?");
    assert_eq!((is_miss(&answer), answer.content().as_str()), (true, "New."));
    gateway.world.rows().iter().for_each(|rows| rows.damage(|stored| stored.clear()));
    assert!(is_miss(&gateway.script(says("By meaning.")).ask("What's a good lamp?")));
}

#[test]
fn a_missing_model_costs_the_hits_by_meaning_alone() {
    let mut gateway = gateway();
    Rc::get_mut(&mut gateway.setup).unwrap().embedder = Err("no file".into());
    let answer = gateway.script(says("Fine.")).ask("What is a lamp?");
    assert_eq!(answer.cache_status(), "nearhit; fwd=uri-miss; stored; detail=model-unavailable");
    assert!(gateway.ask("What is a lamp?").cache_status().ends_with("detail=exact"));
}

#[test]
fn directives_are_obeyed() {
    let gateway = gateway();
    let ask = |headers: &[(&str, &str)]| gateway.ask_with("What is a good lamp?", headers);
    let none = ask(&[("cache-control", "only-if-cached")]);
    assert_eq!((none.status, none.header("x-should-retry")), (504, "false"));
    gateway.script(says("one"));
    assert_eq!(ask(&[("cache-control", "no-store")]).cache_status(), "nearhit; fwd=bypass; detail=no-store");
    assert_eq!(gateway.world.entries(), 0);
    gateway.script(says("two"));
    assert_eq!(ask(&[("cache-control", "no-cache")]).cache_status(), "nearhit; fwd=request; stored");
    assert_eq!(ask(&[("cache-control", "only-if-cached")]).content(), "two");
    gateway.world.now_ms.set(1_700_000_060_000);
    assert_eq!(ask(&[("cache-control", "max-age=60")]).content(), "two");
    gateway.script(says("three"));
    assert_eq!(ask(&[("cache-control", "max-age=59")]).content(), "three");
    gateway.script(says("four"));
    assert_eq!(ask(&[("x-nearhit-mode", "off")]).cache_status(), "nearhit; fwd=bypass; detail=mode-off");
    assert_eq!(ask(&[("x-nearhit-mode", "maybe")]).status, 400);
}

#[test]
fn the_mode_bounds_how_far_the_cache_goes() {
    let gateway = gateway();
    gateway.script(says("Use the form.")).ask("How do I reset my password?");
    let other = |mode: &str, answer: &str| {
        gateway
            .script(says(answer))
            .ask_with("How can I reset my password?", &[("x-nearhit-mode", mode), ("x-nearhit-ttl", "1")])
    };
    let exact = other("exact", "Fresh.");
    assert_eq!(exact.cache_status(), "nearhit; fwd=uri-miss; stored; detail=mode-exact");
    gateway.world.now_ms.set(1_700_000_002_000);
    let shadow = other("shadow", "Use the  form");
    assert_eq!(shadow.content(), "Use the  form");
    assert!(shadow.header("x-nearhit-shadow").starts_with("would-hit;score=0.9"), "{:?}", shadow.headers);
    gateway.world.now_ms.set(1_700_000_004_000);
    gateway.world.scripts.borrow_mut().clear();
    let hit = gateway.ask_with("How can I reset my password?", &[("x-nearhit-threshold", "0.9")]);
    assert!(hit.cache_status().contains("semantic"));
    let strict =
        gateway.script(says("Fresh.")).ask_with("How can I reset my password?", &[("x-nearhit-threshold", "1")]);
    assert!(is_miss(&strict));
}

#[test]
fn a_stale_entry_does_not_answer() {
    let gateway = gateway();
    gateway.script(says("old")).ask_with("What is a good lamp?", &[("x-nearhit-ttl", "10")]);
    gateway.world.now_ms.set(1_700_000_010_000);
    assert_eq!(gateway.script(says("new")).ask("What is a good lamp?").content(), "new");
    assert_eq!(gateway.world.entries(), 1);
}

#[test]
fn what_is_matched_by_bytes_alone_says_why() {
    let gateway = gateway();
    let long = "word ".repeat(300);
    for (body, reason) in [
        (question("Hello"), "text-too-short"),
        (question(&long), "text-too-long"),
        (json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "a b c"}]}), "several-choices"),
    ] {
        let answer = gateway.script(says("x")).call(chat(&body, &[]));
        assert_eq!(answer.cache_status(), format!("nearhit; fwd=uri-miss; stored; detail={reason}"));
        assert!(gateway.call(chat(&body, &[])).cache_status().ends_with("detail=exact"));
    }
}

#[test]
fn bad_input_costs_no_upstream_call() {
    let gateway = Gateway::new(json!({"NEARHIT_LIMITS": {"max_body_bytes": 1024}}));
    let mut call = chat(&question("x y"), &[]);
    for (body, path, status) in [
        (b"{".to_vec(), "/v1/chat/completions", 400),
        (vec![b' '; 2000], "/v1/chat/completions", 413),
        (Vec::new(), "/nobody/v1/chat/completions", 400),
        (Vec::new(), "/", 404),
        (Vec::new(), "/v2", 404),
    ] {
        call.body = body;
        call.path = path.into();
        let answer = gateway.call(call.clone());
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json()["error"]["message"].is_string());
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    assert!(gateway.world.asked.borrow().is_empty());
}

#[test]
fn other_paths_pass_through_as_they_are() {
    let gateway = gateway();
    let call = Call { method: "GET".into(), path: "/v1/models?limit=2".into(), ..Call::default() };
    let answer = gateway.script(Script::Answer(200, "application/json", vec![b"{}".to_vec()])).call(call);
    assert_eq!(answer.cache_status(), "nearhit; fwd=bypass; detail=unsupported-path");
    assert_eq!(gateway.world.asked.borrow()[0].url, "https://api.openai.com/v1/models?limit=2");
}

#[test]
fn hits_are_counted_and_the_count_reaches_the_rows_with_the_next_write() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}}));
    gateway.script(says("x")).ask("What is a good lamp?");
    gateway.ask("What is a good lamp?");
    gateway.ask("What's a good lamp?");
    gateway.script(says("y")).ask("Where is the moon now?");
    let hits = gateway.world.rows()[0].hits();
    assert_eq!(hits, [2, 0], "one by its bytes, one by its meaning");
}

#[test]
fn a_full_shard_stays_within_its_limit_and_its_index_forgets_with_it() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1, "max_entries": 3}}));
    let words = ["apple", "banana", "cherry", "damson", "elder", "fig"];
    for word in words {
        gateway.script(says(word)).ask(&format!("How do I plant a {word} tree?"));
    }
    assert_eq!(gateway.world.entries(), 3);
    for (k, word) in words.iter().enumerate() {
        let text = format!("How can I plant a {word} tree?");
        let answer = gateway.ask_with(&text, &[("cache-control", "only-if-cached")]);
        assert_eq!(answer.status, if k < 3 { 504 } else { 200 }, "{word}");
    }
}

#[test]
fn bad_input_is_a_400_in_the_apis_own_shape_that_names_the_field() {
    let gateway = gateway();
    let anthropic = ["/v1/messages", "/anthropic/v1/messages"];
    for (path, body, field) in [
        ("/v1/chat/completions", json!({"model": "m"}), "messages"),
        ("/v1/responses", json!({"model": "m", "input": [3]}), "input[0]"),
        ("/v1/responses", json!({"input": "x"}), "model"),
        ("/v1/embeddings", json!({"model": "m"}), "input"),
        ("/v1/messages", json!({"model": "m", "max_tokens": 5}), "messages"),
        ("/anthropic/v1/messages", json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}), "max_tokens"),
    ] {
        let answer = gateway.call(Call { path: path.into(), ..chat(&body, &[]) });
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error["type"].as_str()), (400, Some("invalid_request_error")), "{path}");
        assert!(error["message"].as_str().unwrap().contains(&format!("'{field}'")), "{path}: {error}");
        let id = if anthropic.contains(&path) {
            assert_eq!(answer.json()["type"], "error", "{path}");
            assert_eq!(answer.json()["request_id"], answer.header("request-id"), "{path}");
            answer.header("request-id")
        } else {
            assert_eq!(error["param"], field, "{path}");
            answer.header("x-request-id")
        };
        assert!(id.starts_with("req_"), "{path}");
    }
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"] {
        let wrong_header = chat(&question("x y"), &[("x-nearhit-threshold", "2")]);
        for mut call in [Call { body: b"{".to_vec(), ..chat(&json!({}), &[]) }, wrong_header] {
            call.path = path.into();
            assert_eq!(gateway.call(call).status, 400, "{path}");
        }
    }
    assert!(gateway.world.asked.borrow().is_empty());
    assert_eq!(gateway.world.entries(), 0);
}

#[test]
fn a_stream_that_was_not_asked_for_its_usage_has_an_estimate_for_who_wants_it() {
    let gateway = gateway();
    let with = |options: Value| {
        let mut body = streamed("What is a good lamp?");
        body["stream_options"] = options;
        chat(&body, &[])
    };
    gateway.script(streams("A bright one.")).call(with(json!({"include_usage": false})));
    let body = gateway.ask("What is a good lamp?");
    let usage = body.json()["usage"].clone();
    assert!(usage["total_tokens"].as_u64() > Some(5), "{usage}");
    assert_eq!((body.content().as_str(), body.header("x-nearhit-usage")), ("A bright one.", "estimated"));
    let stream = gateway.call(with(json!({"include_usage": true})));
    assert!(String::from_utf8_lossy(&stream.body).contains(&usage.to_string()));
    assert_eq!(stream.header("x-nearhit-usage"), "estimated");
    let plain = gateway.call(with(Value::Null));
    assert!(!String::from_utf8_lossy(&plain.body).contains("usage") && plain.header("x-nearhit-usage").is_empty());
}

#[test]
fn a_compressed_request_passes_as_it_is() {
    let gateway = gateway();
    let call = Call { body: vec![0x1f, 0x8b, 8], ..chat(&question("x y"), &[("content-encoding", "gzip")]) };
    let answer = gateway.script(says("Unzipped.")).call(call);
    assert_eq!(answer.cache_status(), "nearhit; fwd=bypass; detail=encoded-body");
    assert_eq!(gateway.world.asked.borrow()[0].body, [0x1f, 0x8b, 8]);
}

#[test]
fn a_batch_whose_vectors_depend_on_each_other_is_there_as_a_whole_or_not_at_all() {
    let gateway = gateway();
    let item = |index: usize, x: f64| json!({"index": index, "embedding": [x]});
    let body = json!({"model": "e", "late_chunking": true, "input": ["x", "y", "x"]});
    let answer = json!({"model": "e-1", "data": [item(0, 0.5), item(1, 1.5), item(2, 2.5)]});
    let call = || Call { path: "/v1/embeddings".into(), ..chat(&body, &[]) };
    let script = || Script::Answer(200, "application/json", vec![answer.to_string().into_bytes()]);
    gateway.script(script()).call(call());
    let hit = gateway.call(call());
    assert!(hit.cache_status().ends_with("detail=exact"), "{}", hit.cache_status());
    assert_eq!(
        (&hit.json()["data"][0]["embedding"], &hit.json()["data"][2]["embedding"]),
        (&json!([0.5]), &json!([2.5]))
    );
    gateway.world.rows().iter().for_each(|rows| rows.damage_one(Vec::clear));
    let again = gateway.script(script()).call(call());
    assert_eq!(again.json()["data"][1]["embedding"], json!([1.5]));
    let asked: Value = serde_json::from_slice(&gateway.world.asked.borrow()[1].body).unwrap();
    assert_eq!(asked["input"], json!(["x", "y", "x"]), "all of it was asked for again");
}
