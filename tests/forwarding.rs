//! What leaves for the upstreams: retries, fallbacks, time limits, routes, and requests in another API than the client's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Answer, Gate, Gateway, Script, chat, question, says, streams};

/// A gateway with retries, and two upstreams beside the usual ones.
fn gateway(more: Value) -> Gateway {
    let mut variables = json!({
        "NEARHIT_LIMITS": {"retries": 2, "first_byte_secs": 20, "idle_secs": 5},
        "NEARHIT_UPSTREAMS": {"backup": {"base_url": "http://backup/v1"}, "claude": {"base_url": "http://claude/v1", "api": "anthropic", "auth": "x-api-key"}},
    });
    variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Gateway::new(variables)
}

/// Lets time pass until the answer is there; gives the time that it took, in steps of 50 ms.
fn wait_for(gateway: &Gateway, call: Call) -> (Answer, u64) {
    let mut pool = LocalPool::new();
    let place: Rc<RefCell<Option<Answer>>> = Rc::default();
    let (begun, into, started) = (gateway.begin(call), place.clone(), gateway.world.now_ms.get());
    pool.spawner().spawn_local(async move { *into.borrow_mut() = Some(begun.await) }).unwrap();
    for _ in 0..2_000 {
        pool.run_until_stalled();
        if let Some(answer) = place.take() {
            return (answer, gateway.world.now_ms.get() - started);
        }
        gateway.world.pass_ms(50);
    }
    unreachable!("no answer in 100 seconds");
}

fn ask(gateway: &Gateway, text: &str) -> Answer {
    wait_for(gateway, chat(&question(text), &[])).0
}

fn fails(status: u16) -> Script {
    Script::Answer(status, "application/json", vec![br#"{"error":{"message":"no","type":"server_error"}}"#.to_vec()])
}

fn asked(gateway: &Gateway) -> Vec<String> {
    gateway.world.asked.borrow().iter().map(|request| request.url.clone()).collect()
}

fn sent(gateway: &Gateway, i: usize) -> Value {
    serde_json::from_slice(&gateway.world.asked.borrow()[i].body).unwrap()
}

fn header(gateway: &Gateway, i: usize, name: &str) -> Option<String> {
    let asked = gateway.world.asked.borrow();
    asked[i].headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[test]
fn a_fault_that_may_pass_is_tried_again_and_any_other_goes_to_the_client() {
    for (fault, attempts) in [
        (Script::Unreachable, 2),
        (fails(408), 2),
        (fails(409), 2),
        (fails(429), 2),
        (fails(500), 2),
        (fails(529), 2),
        (fails(400), 1),
        (fails(401), 1),
        (fails(404), 1),
    ] {
        let gateway = gateway(json!({}));
        gateway.script(fault.clone()).script(says("hello"));
        let answer = ask(&gateway, "hi there");
        assert_eq!(asked(&gateway).len(), attempts, "{fault:?}");
        assert_eq!(answer.status == 200, attempts == 2, "{fault:?}");
    }
}

#[test]
fn attempts_are_counted_and_the_last_error_is_the_upstreams_own() {
    let gateway = gateway(json!({}));
    for _ in 0..4 {
        gateway.script(fails(503));
    }
    let answer = ask(&gateway, "hi there");
    assert_eq!((answer.status, asked(&gateway).len()), (503, 3));
    assert_eq!(answer.json()["error"]["message"], "no");
}

#[test]
fn retry_after_is_honoured_and_one_that_is_too_long_is_the_clients() {
    let busy = |secs: &str| Script::Busy(secs.to_owned());
    let patient = gateway(json!({}));
    patient.script(busy("3")).script(says("hello"));
    let (answer, ms) = wait_for(&patient, chat(&question("hi there"), &[]));
    assert_eq!(answer.status, 200);
    assert!((3_000..3_400).contains(&ms), "{ms}");
    let hurried = gateway(json!({}));
    hurried.script(busy("3600")).script(says("hello"));
    let (answer, ms) = wait_for(&hurried, chat(&question("hi there"), &[]));
    assert_eq!((answer.status, answer.header("retry-after"), ms), (429, "3600", 0));
}

#[test]
fn nothing_is_sent_again_once_the_answer_has_begun() {
    let gateway = gateway(json!({}));
    gateway.script(Script::Break("text/event-stream", vec![b"data: {}\n\n".to_vec()]));
    let mut body = question("hi there");
    body["stream"] = json!(true);
    let (answer, _) = wait_for(&gateway, chat(&body, &[]));
    assert!(answer.broken);
    assert_eq!(asked(&gateway).len(), 1);
}

#[test]
fn what_is_not_known_to_be_harmless_is_sent_once() {
    let gateway = gateway(json!({}));
    gateway.script(fails(503)).script(says("hello"));
    let mut call = chat(&json!({}), &[]);
    call.path = "/v1/files".into();
    assert_eq!(wait_for(&gateway, call).0.status, 503);
    assert_eq!(asked(&gateway).len(), 1);
}

#[test]
fn an_upstream_that_hangs_is_a_504_in_the_apis_shape_and_its_lease_is_free() {
    let gateway = gateway(json!({}));
    gateway.script(Script::Held("application/json", Gate::default()));
    let (answer, ms) = wait_for(&gateway, chat(&question("hi there"), &[]));
    assert_eq!((answer.status, ms), (504, 20_000));
    assert_eq!(answer.json()["error"]["code"], "upstream_timeout");
    gateway.script(says("hello"));
    let (answer, ms) = wait_for(&gateway, chat(&question("hi there"), &[]));
    assert_eq!((answer.status, ms), (200, 0));
    let mut call =
        chat(&json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi there"}]}), &[]);
    call.path = "/v1/messages".into();
    gateway.script(Script::Held("application/json", Gate::default()));
    let (answer, _) = wait_for(&gateway, call);
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (504, &json!("timeout_error")));
}

#[test]
fn a_stream_that_pauses_for_too_long_is_broken_off() {
    let gateway = gateway(json!({}));
    let gate = Gate::default();
    gateway.script(Script::Held("text/event-stream", gate.clone()));
    gate.send(b"data: {}\n\n");
    let mut body = question("hi there");
    body["stream"] = json!(true);
    let (answer, ms) = wait_for(&gateway, chat(&body, &[]));
    assert!(answer.broken && ms == 5_000, "{ms}");
    assert!(!gate.is_read());
}

fn with_route(route: &Value) -> Gateway {
    gateway(json!({"NEARHIT_ROUTES": {"auto": route}}))
}

fn to_auto(text: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": text}]})
}

#[test]
fn models_are_tried_in_their_order_and_a_fallbacks_answer_is_not_kept() {
    let gateway = with_route(&json!({"models": ["openai/one", "backup/two"]}));
    for _ in 0..2 {
        for _ in 0..3 {
            gateway.script(fails(503));
        }
        gateway.script(says("from two"));
        let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
        assert_eq!((answer.status, answer.content().as_str()), (200, "from two"));
        assert_eq!((answer.header("x-nearhit-model"), answer.header("x-nearhit-tried")), ("two", "openai/one=503"));
        assert_eq!(answer.cache_status(), "nearhit; fwd=uri-miss; detail=fallback");
    }
    assert_eq!(asked(&gateway)[3], "http://backup/v1/chat/completions");
    assert_eq!((sent(&gateway, 0)["model"].clone(), sent(&gateway, 3)["model"].clone()), (json!("one"), json!("two")));
}

#[test]
fn an_upstream_that_keeps_failing_is_passed_over_for_a_while() {
    let gateway = with_route(&json!({"models": ["openai/one", "backup/two"]}));
    for _ in 0..2 {
        for _ in 0..3 {
            gateway.script(fails(503));
        }
        gateway.script(says("from two"));
        wait_for(&gateway, chat(&to_auto("hi there"), &[]));
    }
    gateway.script(says("from two"));
    let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
    assert_eq!((asked(&gateway).len(), answer.header("x-nearhit-tried")), (9, "openai/one=open"));
    gateway.world.pass_ms(31_000);
    gateway.script(says("from one"));
    assert_eq!(wait_for(&gateway, chat(&to_auto("hi there"), &[])).0.content(), "from one");
}

#[test]
fn difficulty_chooses_the_model_and_a_header_overrides_it() {
    let gateway = with_route(&json!({"cheap": "openai/small", "frontier": "openai/large"}));
    let hard = "Prove that every finite group of order p^2 is abelian, and derive all groups of order p^3 with a careful case analysis.";
    for (text, headers, model) in [
        ("Translate 'good morning' into French.", &[][..], "small"),
        (hard, &[][..], "large"),
        ("Translate 'good night' into French.", &[("x-nearhit-route", "frontier")][..], "large"),
        (hard, &[("x-nearhit-route", "cheap")][..], "small"),
    ] {
        gateway.script(says("ok"));
        let answer = wait_for(&gateway, chat(&to_auto(text), headers)).0;
        assert_eq!(answer.header("x-nearhit-model"), model, "{text}: {}", answer.header("x-nearhit-route"));
    }
    // Each of the last prompt's two answers is found under its own model.
    let again = wait_for(&gateway, chat(&to_auto(hard), &[("x-nearhit-route", "cheap")])).0;
    assert!(again.cache_status().contains("; hit;"), "{}", again.cache_status());
    let wrong = wait_for(&gateway, chat(&to_auto(hard), &[("x-nearhit-route", "best")])).0;
    assert_eq!((wrong.status, &wrong.json()["error"]["param"]), (400, &json!("x-nearhit-route")));
}

fn message(content: &Value, stop: &str) -> Script {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 3}});
    Script::Answer(200, "application/json", vec![body.to_string().into_bytes()])
}

#[test]
fn a_chat_request_is_answered_by_a_messages_upstream_and_kept_as_a_chat_answer() {
    let gateway = with_route(&json!({"models": "claude/claude-x"}));
    gateway.script(message(&json!([{"type": "text", "text": "Bonjour"}]), "end_turn"));
    let mut body = to_auto("say hello in French");
    body["stop"] = json!("END");
    body["tools"] = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let answer = wait_for(&gateway, chat(&body, &[])).0;
    assert_eq!((answer.status, answer.content().as_str()), (200, "Bonjour"));
    assert_eq!(answer.json()["usage"]["total_tokens"], 13);
    assert_eq!(asked(&gateway), ["http://claude/v1/messages"]);
    assert_eq!(
        (sent(&gateway, 0)["model"].clone(), sent(&gateway, 0)["stop_sequences"].clone()),
        (json!("claude-x"), json!(["END"]))
    );
    assert_eq!(header(&gateway, 0, "x-api-key").as_deref(), Some("sk-1"));
    assert_eq!(
        (header(&gateway, 0, "authorization"), header(&gateway, 0, "anthropic-version")),
        (None, Some("2023-06-01".into()))
    );
    let again = wait_for(&gateway, chat(&body, &[])).0;
    assert!(again.cache_status().contains("; hit;"));
    assert_eq!(again.content(), "Bonjour");
}

#[test]
fn a_streamed_messages_request_is_answered_by_a_chat_upstream_and_replays_as_messages() {
    let gateway = with_route(&json!({"models": "backup/two"}));
    gateway.script(streams("hello"));
    let body = json!({"model": "auto", "max_tokens": 20, "stream": true, "messages": [{"role": "user", "content": "say hello please"}]});
    let call = |body: &Value| {
        let mut call = chat(body, &[]);
        call.path = "/v1/messages".into();
        call
    };
    let answer = wait_for(&gateway, call(&body)).0;
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.starts_with("event: message_start\n"), "{text}");
    assert!(text.contains("\"text\":\"hello\"") && text.trim_end().ends_with("\"message_stop\"}"), "{text}");
    assert_eq!(sent(&gateway, 0)["stream_options"], json!({"include_usage": true}));
    let mut whole = body.clone();
    whole["stream"] = json!(false);
    let again = wait_for(&gateway, call(&whole)).0;
    assert_eq!(again.json()["content"][0]["text"], "hello");
    assert_eq!(asked(&gateway).len(), 1);
}

#[test]
fn an_error_of_the_other_api_comes_in_the_clients_shape() {
    let gateway = with_route(&json!({"models": "claude/claude-x"}));
    let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}"#;
    gateway.script(Script::Answer(400, "application/json", vec![body.to_vec()]));
    let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too long")));
}

#[test]
fn what_a_fallback_cannot_do_goes_to_the_next_one_and_else_is_refused_by_name() {
    let gateway = with_route(&json!({"models": ["claude/claude-x", "backup/two"]}));
    let mut body = to_auto("hi there");
    body["logit_bias"] = json!({"1": 5});
    gateway.script(says("from two"));
    let answer = wait_for(&gateway, chat(&body, &[])).0;
    assert_eq!((answer.content().as_str(), answer.header("x-nearhit-model")), ("from two", "two"));
    assert_eq!(answer.header("x-nearhit-tried"), "claude/claude-x=cannot-carry:logit_bias");
    let alone = with_route(&json!({"models": "claude/claude-x"}));
    let answer = wait_for(&alone, chat(&body, &[])).0;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("logit_bias")));
    let mut call = chat(&json!({"model": "auto", "input": "hi there"}), &[]);
    call.path = "/v1/responses".into();
    let answer = wait_for(&alone, call).0;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("Responses"));
    assert!(asked(&alone).is_empty());
}

#[test]
fn a_clients_key_does_not_go_to_another_provider() {
    let gateway = gateway(json!({
        "NEARHIT_UPSTREAMS": {"groq": {"base_url": "https://api.groq.com/openai/v1"}},
        "NEARHIT_ROUTES": {"auto": {"models": ["groq/llama", "openai/gpt-5"]}, "groqs": {"models": "groq/llama"}},
    }));
    gateway.script(says("hello"));
    let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
    assert_eq!((answer.status, asked(&gateway)), (200, vec!["https://api.openai.com/v1/chat/completions".to_owned()]));
    let mut body = to_auto("hi there");
    body["model"] = json!("groqs");
    let answer = wait_for(&gateway, chat(&body, &[])).0;
    assert_eq!((answer.status, asked(&gateway).len()), (500, 1));
    assert_eq!(answer.json()["error"]["code"], "no_provider_key");
}

#[test]
fn caps_lower_what_is_asked_are_told_and_are_part_of_the_key() {
    let gateway = with_route(&json!({"models": "openai/gpt-5", "max_effort": "low", "max_output_tokens": 100}));
    gateway.script(says("hello"));
    let mut body = to_auto("hi there");
    body["reasoning_effort"] = json!("high");
    let answer = wait_for(&gateway, chat(&body, &[])).0;
    assert_eq!(answer.header("x-nearhit-caps"), "effort=high>low, output=unset>100");
    assert_eq!(
        (sent(&gateway, 0)["reasoning_effort"].clone(), sent(&gateway, 0)["max_completion_tokens"].clone()),
        (json!("low"), json!(100))
    );
    // What was asked for with the same effort outright is the same request.
    body["reasoning_effort"] = json!("low");
    assert!(wait_for(&gateway, chat(&body, &[])).0.cache_status().contains("; hit;"));
    let mut direct = body.clone();
    direct["model"] = json!("gpt-5");
    direct["reasoning_effort"] = json!("high");
    gateway.script(says("uncapped"));
    assert_eq!(wait_for(&gateway, chat(&direct, &[])).0.content(), "uncapped");
}

#[test]
fn a_routes_trim_takes_white_space_out_of_the_last_turn_alone() {
    let gateway = with_route(&json!({"models": "openai/gpt-5", "trim": true}));
    gateway.script(says("hello"));
    let body = json!({"model": "auto", "messages": [{"role": "system", "content": "Be  \n\n\n\nbrief  "}, {"role": "user", "content": "hi there   \n\n\n\nfriend  "}]});
    let answer = wait_for(&gateway, chat(&body, &[])).0;
    assert!(answer.header("x-nearhit-trimmed").starts_with("bytes="), "{:?}", answer.headers);
    let messages = sent(&gateway, 0)["messages"].clone();
    assert_eq!(
        (messages[0]["content"].clone(), messages[1]["content"].clone()),
        (json!("Be  \n\n\n\nbrief  "), json!("hi there\n\nfriend"))
    );
}

#[test]
fn the_prefix_is_told_upstream_and_to_the_client_on_hits_as_well() {
    let gateway = gateway(json!({}));
    gateway.script(says("hello"));
    let answer = ask(&gateway, "hi there");
    let prefix = answer.header("x-nearhit-prefix").to_owned();
    assert_eq!(prefix.len(), 32);
    assert_eq!(header(&gateway, 0, "x-nearhit-prefix"), Some(prefix.clone()));
    let hit = ask(&gateway, "hi there");
    assert_eq!((hit.header("x-nearhit-prefix"), hit.cache_status().contains("; hit;")), (prefix.as_str(), true));
}

#[test]
fn a_clients_key_goes_to_a_public_address_only_where_the_operator_says_so() {
    for (more, reaches) in [(json!({}), false), (json!({"client_keys": true}), true)] {
        let mut upstream = json!({"base_url": "https://api.together.example/v1"});
        upstream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let gateway = gateway(json!({
            "NEARHIT_UPSTREAMS": {"together": upstream},
            "NEARHIT_ROUTES": {"auto": {"models": "together/llama"}},
        }));
        gateway.script(says("hello"));
        let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[("openai-organization", "org-1")])).0;
        assert_eq!((answer.status == 200, asked(&gateway).len() == 1), (reaches, reaches));
        if reaches {
            assert_eq!(header(&gateway, 0, "authorization").as_deref(), Some("Bearer sk-1"));
            assert_eq!(header(&gateway, 0, "openai-organization"), None);
        }
    }
}

#[test]
fn caps_hold_in_each_legs_own_words() {
    let gateway =
        with_route(&json!({"models": ["backup/one", "openai/gpt-5"], "max_effort": "low", "max_output_tokens": 100}));
    for _ in 0..3 {
        gateway.script(fails(503));
    }
    gateway.script(says("hello"));
    let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
    assert_eq!(
        (sent(&gateway, 0)["max_tokens"].clone(), sent(&gateway, 0)["max_completion_tokens"].clone()),
        (json!(100), Value::Null)
    );
    assert_eq!(
        (sent(&gateway, 3)["max_tokens"].clone(), sent(&gateway, 3)["max_completion_tokens"].clone()),
        (Value::Null, json!(100))
    );
    assert_eq!(sent(&gateway, 3)["reasoning_effort"], "low");
    assert_eq!(answer.header("x-nearhit-caps"), "effort=unset>low, output=unset>100");
    let thinking = with_route(&json!({"models": "backup/two", "max_effort": "low"}));
    thinking.script(says("hello"));
    let mut call = chat(
        &json!({"model": "auto", "max_tokens": 20_000, "thinking": {"type": "enabled", "budget_tokens": 10_000}, "messages": [{"role": "user", "content": "hi there"}]}),
        &[],
    );
    call.path = "/v1/messages".into();
    let answer = wait_for(&thinking, call).0;
    assert_eq!((answer.status, &sent(&thinking, 0)["reasoning_effort"]), (200, &json!("low")));
    assert_eq!(answer.header("x-nearhit-caps"), "effort=high>low");
}

#[test]
fn another_upstreams_401_is_neither_the_clients_error_nor_a_word_on_its_key() {
    let gateway = with_route(&json!({"models": ["openai/one", "backup/two"]}));
    gateway.script(says("kept"));
    wait_for(&gateway, chat(&to_auto("a first question"), &[]));
    gateway.script(Script::Busy("3600".into())).script(fails(401));
    let answer = wait_for(&gateway, chat(&to_auto("hi there"), &[])).0;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "3600"));
    let hit = wait_for(&gateway, chat(&to_auto("a first question"), &[])).0;
    assert!(hit.cache_status().contains("; hit;"), "{}", hit.cache_status());
    // The client's own key, refused by its own upstream, gets no more hits, whoever answers instead.
    gateway.script(fails(401)).script(says("from two"));
    assert_eq!(wait_for(&gateway, chat(&to_auto("hi again"), &[])).0.status, 200);
    gateway.script(says("anew"));
    let after = wait_for(&gateway, chat(&to_auto("a first question"), &[])).0;
    assert!(!after.cache_status().contains("; hit;"), "{}", after.cache_status());
}

#[test]
fn what_a_provider_keeps_is_sent_once_and_to_one_upstream() {
    let gateway = with_route(&json!({"models": ["openai/one", "backup/two"]}));
    let responses = |more: Value| {
        let mut body = json!({"model": "gpt-5", "input": "hi there"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut call = chat(&body, &[]);
        call.path = "/v1/responses".into();
        call
    };
    gateway.script(fails(503)).script(says("twice"));
    assert_eq!(wait_for(&gateway, responses(json!({"background": true}))).0.status, 503);
    let answer = wait_for(&gateway, responses(json!({"model": "auto", "previous_response_id": "resp_1"}))).0;
    assert_eq!((answer.status, &answer.json()["error"]["param"], asked(&gateway).len()), (400, &json!("model"), 1));
}
