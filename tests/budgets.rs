//! Budgets hold however a request is sent, and whatever becomes of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use nearhit::gateway::Call;
use nearhit::ledger::record::{Kind, RequestRecord};
use serde_json::{Value, json};
use world::{Answer, Gate, Gateway, Script, admin, chat, question, says};

/// Prices in dollars for a million tokens: a token costs as many picodollars as there are millions here.
fn gateway() -> Gateway {
    with(json!({}))
}

fn with(more: Value) -> Gateway {
    let mut variables = json!({"NEARHIT_PRICES": {
        "openai/m": {"input": 1000, "output": 1000},
        "openai/gpt-5": {"input": 1000, "output": 1000},
        "openai/e": {"input": 1000, "output": 0},
    }});
    variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Gateway::new(variables)
}

fn budget(gateway: &Gateway, fields: Value) {
    let mut budget = json!({"name": "b", "unit": "tokens", "limit": 100_000, "period": "total"});
    budget.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = admin(gateway, "POST", "budgets", &budget);
    assert_eq!(made.status, 201, "{:?}", String::from_utf8_lossy(&made.body));
}

/// What is spent and what is reserved.
fn used(gateway: &Gateway) -> (u64, u64) {
    let standing = admin(gateway, "GET", "budgets/b", &Value::Null).json();
    let number = |field: &str| standing[field].as_u64().unwrap();
    (number("spent"), number("reserved"))
}

fn post(path: &str, body: &Value) -> Call {
    Call { path: path.into(), ..chat(body, &[]) }
}

fn asks(max_tokens: u64) -> Value {
    json!({"model": "m", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "What is a good lamp?"}]})
}

/// How many tokens a body is taken for, beside its output.
fn input(body: &Value) -> u64 {
    (body.to_string().len() as u64).div_ceil(2)
}

fn records(gateway: &Gateway) -> Vec<RequestRecord> {
    gateway.world.books.published.take()
}

fn poll<T>(asked: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Lets what goes on in the background come to its end.
fn settle_down(gateway: &Gateway) {
    loop {
        let background = gateway.world.background.take();
        if background.is_empty() {
            return;
        }
        for work in background {
            let mut work = Box::pin(work);
            while poll(&mut work).is_none() {
                gateway.world.pass_ms(1_000);
            }
        }
    }
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 429 && answer.json()["error"]["code"] == "budget_exceeded"
}

#[test]
fn no_spelling_of_a_path_and_no_other_path_goes_round_a_budget() {
    let paths = [
        "/v1/chat/completions",
        "/v1/%63hat/completions",
        "/v1/chat/completion%73?x=1",
        "/openai/v1/chat/completions",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/v1/Chat/Completions",
        "/v1/completions",
        "/v1/responses/compact",
        "/v1/batches",
        "/v1/images/generations",
        "/v1/whatever",
    ];
    for path in paths {
        let gateway = gateway();
        budget(&gateway, json!({"limit": 20}));
        let answer = gateway.call(post(path, &asks(1_000)));
        assert!(is_refused(&answer), "{path}: {} {:?}", answer.status, String::from_utf8_lossy(&answer.body));
        assert_eq!(gateway.world.asked.borrow().len(), 0, "{path} was sent");
        assert_eq!(used(&gateway), (0, 0), "{path}");
    }
}

#[test]
fn a_budget_of_another_model_or_tag_is_not_in_the_way_and_free_paths_pass() {
    let list = || Script::Answer(200, "application/json", vec![b"{\"data\":[]}".to_vec()]);
    for (path, model) in [
        ("/v1/images/generations", json!({"model": "openai/other", "limit": 1})),
        ("/v1/images/generations", json!({"tag": "feature=other", "limit": 1})),
        ("/v1/messages/count_tokens", json!({"limit": 1})),
        ("/v1/files", json!({"limit": 1})),
    ] {
        let gateway = gateway();
        budget(&gateway, model);
        let answer = gateway.script(list()).call(post(path, &json!({"model": "m"})));
        assert_eq!(answer.status, 200, "{path}: {:?}", String::from_utf8_lossy(&answer.body));
    }
    let gateway = gateway();
    budget(&gateway, json!({"model": "openai/gpt-image", "unit": "requests", "limit": 1}));
    for _ in 0..2 {
        let answer = gateway.script(list()).call(post("/v1/files", &json!({})));
        assert_eq!(answer.status, 200, "a file is no request to a model");
    }
    let gateway = self::gateway();
    budget(&gateway, json!({"model": "openai/gpt-image", "limit": 1}));
    assert!(is_refused(&gateway.call(post("/v1/images/generations", &json!({})))), "it may be that very model");
}

#[test]
fn completions_reserve_and_settle_like_any_other_text() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let answer = json!({"choices": [{"text": "x"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    gateway.script(Script::Answer(200, "application/json", vec![answer.to_string().into_bytes()]));
    let answer = gateway.call(post("/v1/completions", &json!({"model": "m", "prompt": "Hello", "max_tokens": 9})));
    assert_eq!((answer.status, used(&gateway)), (200, (7, 0)));
    assert_eq!(records(&gateway)[0].cost.unwrap().to_string(), "0.007000");
}

#[test]
fn a_compressed_body_passes_no_budget_of_the_deployment_either() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let mut call = post("/v1/chat/completions", &asks(10));
    call.headers.push(("content-encoding".into(), "gzip".into()));
    let answer = gateway.call(call);
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some("content-encoding")));
    assert_eq!(gateway.world.asked.borrow().len(), 0);
}

#[test]
fn a_client_that_leaves_has_taken_what_was_reserved() {
    let no_store = |mut call: Call| {
        call.headers.push(("cache-control".into(), "no-store".into()));
        call
    };
    let vectors = json!({"model": "e", "input": ["a lamp", "a chair"]});
    let calls = [
        ("a miss", post("/v1/chat/completions", &asks(100)), input(&asks(100)) + 100),
        ("past the cache", no_store(post("/v1/chat/completions", &asks(100))), input(&asks(100)) + 100),
        ("another path", post("/v1/completions", &asks(100)), input(&asks(100)) + 100),
        ("vectors", post("/v1/embeddings", &vectors), input(&vectors)),
        ("vectors past the cache", no_store(post("/v1/embeddings", &vectors)), input(&vectors)),
    ];
    for (name, call, expected) in calls {
        for head in [false, true] {
            let gateway = gateway();
            budget(&gateway, json!({}));
            let gate = Gate::default();
            gateway.script(Script::Held("application/json", gate.clone()));
            let mut asked = Box::pin(gateway.begin(call.clone()));
            assert!(poll(&mut asked).is_none());
            assert_eq!(used(&gateway), (0, expected), "{name}");
            if head {
                gate.send(b"{\"choices\": [");
                assert!(poll(&mut asked).is_none());
            }
            gateway.world.client_leaves();
            // The platform lets go of the request; nothing of it is dropped.
            let polled = poll(&mut asked);
            std::mem::forget(asked);
            settle_down(&gateway);
            if polled.is_none() {
                assert!(head, "{name}: nobody noticed that the client left");
                continue;
            }
            assert_eq!(used(&gateway), (expected, 0), "{name}, {}", if head { "in the answer" } else { "before it" });
            let record = records(&gateway).remove(0);
            assert_eq!((record.kind, record.reason.as_str()), (Kind::Failed, "client_gone"), "{name}");
            assert_eq!((record.status, record.cost), (499, None), "{name}");
        }
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_for_another_takes_nothing() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let gate = Gate::default();
    gateway.script(Script::Held("application/json", gate));
    let call = || post("/v1/chat/completions", &asks(100));
    let (mut leader, mut follower) = (Box::pin(gateway.begin(call())), Box::pin(gateway.begin(call())));
    assert!(poll(&mut leader).is_none() && poll(&mut follower).is_none());
    gateway.world.client_leaves();
    assert_eq!(poll(&mut follower).unwrap().status, 499);
    let record = records(&gateway).remove(0);
    assert_eq!((record.status, record.cost.unwrap().as_microdollars()), (499, 0));
    assert_eq!(used(&gateway), (0, input(&asks(100)) + 100), "the leader's, which goes on for the others' sake");
    std::mem::forget(leader);
}

#[test]
fn an_answer_that_did_not_come_in_time_may_have_been_billed() {
    let reserved = input(&asks(100)) + 100;
    let late = || Script::Held("application/json", Gate::default());
    let table: [(&str, Vec<Script>, u16, u64); 4] = [
        ("too late", vec![late()], 504, reserved),
        ("refused", vec![Script::Answer(400, "application/json", vec![b"{}".to_vec()])], 400, 0),
        ("not there", vec![Script::Unreachable], 502, 0),
        ("broken off", vec![Script::Break("application/json", vec![b"{\"choices\": [".to_vec()])], 502, reserved),
    ];
    for (name, scripts, status, spent) in table {
        let gateway = gateway();
        budget(&gateway, json!({}));
        scripts.into_iter().for_each(|script| _ = gateway.script(script));
        let mut asked = Box::pin(gateway.begin(post("/v1/chat/completions", &asks(100))));
        let answer = loop {
            match poll(&mut asked) {
                Some(answer) => break answer,
                None => gateway.world.pass_ms(60_000),
            }
        };
        settle_down(&gateway);
        assert_eq!((answer.status, used(&gateway)), (status, (spent, 0)), "{name}");
        let record = records(&gateway).remove(0);
        assert_eq!((record.kind, record.cost.is_none()), (Kind::Failed, spent > 0), "{name}: unpriced, never free");
    }
}

#[test]
fn a_stale_answer_after_a_timeout_does_not_make_the_attempt_free() {
    let gateway = with(json!({"NEARHIT_CACHE": {"ttl_secs": 60, "stale_if_error_secs": 86_400}}));
    budget(&gateway, json!({}));
    let call = || post("/v1/chat/completions", &asks(100));
    gateway.script(says("A bright one.")).call(call());
    assert_eq!(used(&gateway), (7, 0));
    gateway.world.pass_ms(120_000);
    gateway.script(Script::Held("application/json", Gate::default()));
    let mut asked = Box::pin(gateway.begin(call()));
    let answer = loop {
        match poll(&mut asked) {
            Some(answer) => break answer,
            None => gateway.world.pass_ms(60_000),
        }
    };
    settle_down(&gateway);
    assert_eq!((answer.status, answer.content().as_str()), (200, "A bright one."));
    assert_eq!(used(&gateway), (7 + input(&asks(100)) + 100, 0));
    assert_eq!(records(&gateway).last().map(|record| (record.kind, record.cost)), Some((Kind::HitStale, None)));
}

#[test]
fn a_second_attempt_after_a_timeout_reserves_anew() {
    let routes = json!({"NEARHIT_ROUTES": {"auto": {"models": ["openai/m", "openai/gpt-5"]}}});
    let mut body = asks(100);
    body["model"] = json!("auto");
    let run = |limit: u64| {
        let gateway = with(routes.clone());
        budget(&gateway, json!({"limit": limit}));
        gateway.script(Script::Held("application/json", Gate::default())).script(says("x"));
        let answer = patiently(&gateway, post("/v1/chat/completions", &body));
        (answer.status, used(&gateway), gateway.world.asked.borrow().len())
    };
    let (status, (spent, reserved), asked) = run(100_000);
    assert_eq!((status, reserved, asked), (200, 0, 2));
    let once = spent - 7;
    assert!((100..200).contains(&once), "what was reserved, and what the second one took: {spent}");
    assert_eq!(run(once + 50), (504, (once, 0), 1), "there is no room for a second one");
}

#[test]
fn what_is_made_in_the_background_takes_what_was_reserved_and_polling_costs_nothing() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let queued = json!({"id": "resp_1", "object": "response", "status": "queued", "output": [], "usage": null});
    let done = json!({"id": "resp_1", "object": "response", "status": "completed", "output": [],
        "usage": {"input_tokens": 30, "output_tokens": 40, "total_tokens": 70}});
    let script = |body: &Value| Script::Answer(200, "application/json", vec![body.to_string().into_bytes()]);
    let body = json!({"model": "m", "input": "What is a good lamp?", "background": true, "max_output_tokens": 500});
    gateway.script(script(&queued)).call(post("/v1/responses", &body));
    let reserved = input(&body) + 500;
    assert_eq!(used(&gateway), (reserved, 0));
    for _ in 0..3 {
        let poll = Call { method: "GET".into(), ..post("/v1/responses/resp_1", &json!({})) };
        gateway.script(script(&done)).call(poll);
    }
    assert_eq!(used(&gateway), (reserved, 0));
    let costs: Vec<Option<u64>> =
        records(&gateway).iter().map(|record| record.cost.map(|cost| cost.as_microdollars())).collect();
    assert_eq!(costs, [None, Some(0), Some(0), Some(0)]);
}

#[test]
fn a_model_that_thinks_unseen_is_charged_in_full_when_its_stream_is_left() {
    let piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"}}]}\n\n";
    for (model, whole) in [("gpt-5", true), ("m", false)] {
        let gateway = gateway();
        budget(&gateway, json!({}));
        gateway.script(Script::Break("text/event-stream", vec![piece.repeat(3).into_bytes()]));
        let mut body = asks(500);
        (body["stream"], body["model"]) = (json!(true), json!(model));
        assert!(gateway.call(post("/v1/chat/completions", &body)).broken);
        let (spent, reserved) = used(&gateway);
        assert_eq!((spent > 500, reserved), (whole, 0), "{model}: {spent}");
        let record = records(&gateway).remove(0);
        assert!(record.estimated && record.usage.unwrap().output < 100, "the record says what was seen");
    }
}

#[test]
fn vectors_reserve_no_output() {
    let gateway = gateway();
    budget(&gateway, json!({"limit": 100}));
    let answer = json!({"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3}});
    gateway.script(Script::Answer(200, "application/json", vec![answer.to_string().into_bytes()]));
    let answer = gateway.call(post("/v1/embeddings", &json!({"model": "e", "input": "a lamp"})));
    assert_eq!((answer.status, used(&gateway)), (200, (3, 0)));
}

#[test]
fn vectors_that_are_asked_for_twice_are_two_records_and_both_are_settled() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let answer = |model: &str, inputs: usize| {
        let data: Vec<Value> =
            (0..inputs).map(|k| json!({"object": "embedding", "index": k, "embedding": [0.5]})).collect();
        let body = json!({"object": "list", "model": model, "data": data,
            "usage": {"prompt_tokens": 3 * inputs, "total_tokens": 3 * inputs}});
        Script::Answer(200, "application/json", vec![body.to_string().into_bytes()])
    };
    let ask = |inputs: Value| post("/v1/embeddings", &json!({"model": "e", "input": inputs}));
    gateway.script(answer("e-1", 1)).call(ask(json!(["a lamp"])));
    assert_eq!(used(&gateway), (3, 0));
    // The name stands for another model by now.
    gateway.script(answer("e-2", 1)).script(answer("e-2", 2));
    assert_eq!(gateway.call(ask(json!(["a lamp", "a chair"]))).status, 200);
    assert_eq!(used(&gateway), (3 + 3 + 6, 0));
    let kinds: Vec<(Kind, Option<u64>)> =
        records(&gateway).iter().map(|record| (record.kind, record.usage.map(|usage| usage.input()))).collect();
    assert_eq!(kinds[1..], [(Kind::Miss, Some(3)), (Kind::Bypass, Some(6))]);
}

#[test]
fn a_reservation_whose_answer_is_lost_is_settled_all_the_same() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    gateway.world.books.mute.set(true);
    let answer = pollster::block_on(gateway.script(says("x")).begin(post("/v1/chat/completions", &asks(100))));
    assert_eq!(answer.status, 200, "whether there are budgets at all is not known");
    gateway.world.books.mute.set(false);
    settle_down(&gateway);
    assert_eq!(used(&gateway), (7, 0));
    gateway.world.books.mute.set(true);
    let answer = pollster::block_on(gateway.begin(post("/v1/chat/completions", &asks(99))));
    assert_eq!(answer.status, 503, "that there are is known by now");
    gateway.world.books.mute.set(false);
    settle_down(&gateway);
    assert_eq!(used(&gateway), (7, 0));
}

#[test]
fn a_ledger_of_the_deployment_that_is_silent_is_asked_once_in_a_while() {
    let gateway = gateway();
    gateway.world.books.fail.set(true);
    for text in ["What is a good lamp?", "What is a good chair?", "What is a good table?"] {
        assert_eq!(pollster::block_on(gateway.script(says("x")).begin(chat(&question(text), &[]))).status, 200);
    }
    assert_eq!(gateway.world.books.reserves.get(), 1);
}

#[test]
fn what_is_refreshed_beside_a_request_is_written_down_when_it_is_done() {
    let gateway = with(json!({"NEARHIT_CACHE": {"ttl_secs": 60, "stale_while_revalidate_secs": 86_400}}));
    gateway.script(says("A bright one.")).ask("What is a good lamp?");
    gateway.world.pass_ms(120_000);
    let only = [("cache-control", "only-if-cached, max-stale=86400")];
    assert_eq!(gateway.ask_with("What is a good lamp?", &only).status, 200);
    assert_eq!(gateway.world.asked.borrow().len(), 1, "it is not to be asked for");
    gateway.script(says("A brighter one.")).ask("What is a good lamp?");
    let kinds: Vec<Kind> = records(&gateway).iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Miss, Kind::HitStale, Kind::HitStale, Kind::Refresh]);
}

#[test]
fn caps_hold_on_paths_where_they_cannot_be_set() {
    let gateway = gateway();
    gateway.world.secrets.borrow_mut().insert("ACME".into(), "sk-acme".into());
    admin(&gateway, "PUT", "tenants/acme", &json!({"keys": {"openai": "ACME"}, "caps": {"max_output_tokens": 10}}));
    let token = admin(&gateway, "POST", "tenants/acme/tokens", &Value::Null).json()["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let ask = |path: &str| {
        gateway.call(Call { path: path.into(), ..chat(&asks(1_000), &[("authorization", bearer.as_str())]) })
    };
    for path in ["/v1/completions", "/v1/Chat/Completions", "/v1//chat/completions", "/v1/whatever"] {
        let answer = ask(path);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("cannot_cap")), "{path}");
    }
    let put = Call {
        method: "PUT".into(),
        path: "/v1/chat/completions".into(),
        ..chat(&asks(9), &[("authorization", bearer.as_str())])
    };
    assert_eq!(gateway.call(put).json()["error"]["code"], "cannot_cap");
    gateway.script(says("x"));
    assert_eq!(ask("/v1/images/generations").status, 200, "caps on text say nothing about pictures");
    gateway.script(says("x"));
    assert_eq!(ask("/v1/%63hat/completions").header("x-nearhit-caps"), "output=1000>10");
}

#[test]
fn what_is_stored_is_served_as_it_was_asked_when_budgets_are_nearly_spent() {
    let gateway = with(json!({"NEARHIT_SEMANTIC": {"audit_share": 1}}));
    gateway.script(says("Use the form.")).ask("How do I reset my password?");
    let soft = json!({"unit": "requests", "limit": 10, "soft_share": 0.1, "at_soft": {"max_output_tokens": 20}});
    budget(&gateway, soft);
    assert_eq!(gateway.script(says("x")).ask("What is a good lamp?").header("x-nearhit-caps"), "");
    let exact = gateway.ask("How do I reset my password?");
    assert_eq!((exact.content().as_str(), exact.header("x-nearhit-caps")), ("Use the form.", ""));
    assert!(exact.header("x-nearhit-budget").contains("state=soft"), "{}", exact.header("x-nearhit-budget"));
    let near = gateway.ask("How can I reset my password?");
    assert!(near.cache_status().contains("semantic"), "{}", near.cache_status());
    assert_eq!(gateway.world.asked.borrow().len(), 2, "nor is a hit audited when money is short");
    let miss = gateway.script(says("x")).ask("What is a good chair?");
    assert_eq!(miss.header("x-nearhit-caps"), "output=unset>20");
    let again = gateway.ask("What is a good chair?");
    assert_eq!((again.content().as_str(), gateway.world.asked.borrow().len()), ("x", 3), "nor is what was capped lost");
    assert_eq!(again.header("x-nearhit-caps"), "output=unset>20");
}

#[test]
fn a_models_name_is_whatever_its_client_likes() {
    let gateway = gateway();
    let mut body = asks(10);
    for (model, shown) in [("m\r\nset-cookie: a=b", "m%0D%0Aset-cookie: a=b"), ("模", "%E6%A8%A1")] {
        body["model"] = json!(model);
        let answer = gateway.script(says("x")).call(post("/v1/chat/completions", &body));
        assert_eq!((answer.status, answer.header("x-nearhit-model")), (200, shown));
    }
}

#[test]
fn a_stream_that_a_budget_is_for_is_counted_whoever_pays() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let mut body = asks(500);
    body["stream"] = json!(true);
    gateway.script(world::streams("Hello.")).call(post("/v1/chat/completions", &body));
    let asked: Value = serde_json::from_slice(&gateway.world.asked.borrow()[0].body).unwrap();
    assert_eq!(asked["stream_options"]["include_usage"], true);
}

#[test]
fn a_list_that_nobody_waits_for_costs_nothing() {
    let gateway = gateway();
    gateway.script(Script::Held("application/json", Gate::default()));
    let list = Call { method: "GET".into(), ..post("/v1/models", &json!({})) };
    let mut asked = Box::pin(gateway.begin(list));
    assert!(poll(&mut asked).is_none());
    gateway.world.client_leaves();
    assert_eq!(poll(&mut asked).unwrap().status, 499);
    assert_eq!(records(&gateway)[0].cost.map(|cost| cost.as_microdollars()), Some(0));
}

/// Sends a call and lets time pass until it is answered.
fn patiently(gateway: &Gateway, call: Call) -> Answer {
    let mut asked = Box::pin(gateway.begin(call));
    let answer = loop {
        match poll(&mut asked) {
            Some(answer) => break answer,
            None => gateway.world.pass_ms(60_000),
        }
    };
    settle_down(gateway);
    answer
}

#[test]
fn whatever_else_it_is_an_answer_that_says_nothing_takes_what_was_reserved() {
    let queued = json!({"id": "resp_1", "object": "response", "status": "queued", "output": [], "usage": null});
    for more in [
        json!({"background": true, "previous_response_id": "resp_0"}),
        json!({"background": true, "tools": [{"type": "web_search"}]}),
        json!({"store": true, "tools": [{"type": "web_search"}]}),
        json!({"previous_response_id": "resp_0"}),
    ] {
        let gateway = gateway();
        budget(&gateway, json!({"limit": 1_000_000}));
        let mut body = json!({"model": "m", "input": "What is a good lamp?", "max_output_tokens": 500});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gateway.script(Script::Answer(200, "application/json", vec![queued.to_string().into_bytes()]));
        assert_eq!(gateway.call(post("/v1/responses", &body)).status, 200, "{more}");
        assert_eq!(used(&gateway), (128_000 + 500, 0), "{more}: a prompt as long as the model takes");
        assert_eq!(records(&gateway)[0].cost, None, "{more}");
    }
}

#[test]
fn a_stream_of_completions_is_charged_its_text() {
    let gateway = gateway();
    budget(&gateway, json!({}));
    let piece = format!("data: {}\n\n", json!({"id": "c", "choices": [{"index": 0, "text": "Hello there, "}]}));
    let events = format!("{}data: [DONE]\n\n", piece.repeat(50));
    gateway.script(Script::Answer(200, "text/event-stream", vec![events.into_bytes()]));
    gateway.call(post("/v1/completions", &json!({"model": "m", "prompt": "Hi", "max_tokens": 4_000, "stream": true})));
    let (spent, reserved) = used(&gateway);
    assert!((150..300).contains(&spent) && reserved == 0, "{spent}, {reserved}");
}

#[test]
fn what_is_read_with_a_doubt_is_not_measured() {
    let twins = br#"{"model":"m","prompt":"Hi","max_tokens":1,"max_tokens":90000}"#;
    for (path, body, headers) in [
        ("/v1/completions", &twins[..], vec![]),
        ("/v1/completions", b"\xef\xbb\xbf{\"model\":\"m\",\"max_tokens\":1}", vec![]),
        ("/v1/files/..%2fchat/completions", b"{}", vec![]),
        ("/v1/completions", b"{\"model\":\"m\"}", vec![("content-encoding", "gzip")]),
    ] {
        let gateway = gateway();
        budget(&gateway, json!({"limit": 1_000}));
        let call = Call { path: path.into(), body: body.to_vec(), ..chat(&json!({}), &headers) };
        let answer = gateway.call(call);
        assert!(matches!(answer.status, 400 | 429), "{path} {:?}: {}", String::from_utf8_lossy(body), answer.status);
        assert_eq!(gateway.world.asked.borrow().len(), 0, "{path}");
    }
}

#[test]
fn a_model_in_a_body_is_believed_where_it_is_the_one_that_is_asked() {
    for path in ["/v1/deployments/gpt-5/chat/completions", "/v1/batches", "/v1/models/gpt-5:generateContent"] {
        let gateway = gateway();
        budget(&gateway, json!({"model": "openai/gpt-5", "limit": 1_000}));
        assert!(is_refused(&gateway.call(post(path, &json!({"model": "m"})))), "{path}");
    }
    let gateway = gateway();
    budget(&gateway, json!({"model": "openai/gpt-5", "limit": 1_000}));
    let call = |body: Value| post("/v1/completions", &body);
    gateway.script(Script::Answer(200, "application/json", vec![b"{\"choices\": [{\"text\": \"x\"}]}".to_vec()]));
    assert_eq!(gateway.call(call(json!({"prompt": "Hi", "max_tokens": 90}))).status, 200);
    assert!(used(&gateway).0 > 0, "a request without a model may be one to that very model");
}

#[test]
fn an_attempt_is_charged_to_the_budgets_of_the_model_that_was_asked() {
    let routes = json!({"NEARHIT_ROUTES": {"auto": {"models": ["openai/m", "openai/gpt-5"]}}});
    let mut body = asks(100);
    body["model"] = json!("auto");
    for (model, spent) in [("openai/m", 150), ("openai/gpt-5", 7)] {
        let gateway = with(routes.clone());
        budget(&gateway, json!({"model": model}));
        gateway.script(Script::Held("application/json", Gate::default())).script(says("x"));
        assert_eq!(patiently(&gateway, post("/v1/chat/completions", &body)).status, 200);
        let (found, reserved) = used(&gateway);
        assert!(found.abs_diff(spent) < 40 && reserved == 0, "{model}: {found}, {reserved}");
    }
}

#[test]
fn a_stream_that_is_left_has_taken_what_the_provider_read_beside_the_body() {
    let delta = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n";
    let gateway = gateway();
    budget(&gateway, json!({"limit": 1_000_000}));
    gateway.script(Script::Break("text/event-stream", vec![delta.as_bytes().to_vec()]));
    let body = json!({"model": "m", "input": "And?", "previous_response_id": "resp_0", "max_output_tokens": 500,
        "stream": true});
    assert!(gateway.call(post("/v1/responses", &body)).broken);
    assert_eq!(used(&gateway), (128_500, 0));
}

#[test]
fn a_proxy_that_gives_up_does_not_make_its_upstream_work_for_nothing() {
    for (status, spent) in [(504, true), (524, true), (503, false)] {
        let gateway = gateway();
        budget(&gateway, json!({}));
        let gate = Gate::default();
        gateway.script(Script::HeldError(status, gate.clone()));
        let mut asked = Box::pin(gateway.begin(post("/v1/chat/completions", &asks(100))));
        assert!(poll(&mut asked).is_none());
        gateway.world.pass_ms(60_000);
        gate.end();
        assert_eq!(poll(&mut asked).unwrap().status, status);
        settle_down(&gateway);
        assert_eq!((used(&gateway).0 > 0, used(&gateway).1), (spent, 0), "{status}");
    }
}
