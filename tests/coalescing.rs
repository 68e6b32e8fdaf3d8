//! Identical misses at the same time: who leads, who follows, who takes over.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use futures_executor::LocalPool;
use futures_util::future::{AbortHandle, abortable};
use futures_util::task::LocalSpawnExt;
use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Answer, Gate, Gateway, Script, chat, question, says};

/// Requests that run beside each other, until nothing moves any more.
struct Stage {
    gateway: Gateway,
    pool: LocalPool,
}

/// One request on the stage.
struct Client {
    answer: Rc<RefCell<Option<Answer>>>,
    handle: AbortHandle,
}

impl Client {
    fn answer(&self) -> Answer {
        self.answer.borrow_mut().take().unwrap()
    }

    fn waits(&self) -> bool {
        self.answer.borrow().is_none()
    }
}

impl Stage {
    fn new(variables: Value) -> Self {
        Self { gateway: Gateway::new(variables), pool: LocalPool::new() }
    }

    /// Lets a client ask, as far as it gets.
    fn ask(&mut self, call: Call) -> Client {
        let answer: Rc<RefCell<Option<Answer>>> = Rc::default();
        let (begun, place) = (self.gateway.begin(call), answer.clone());
        let (work, handle) = abortable(async move {
            let whole = begun.await;
            *place.borrow_mut() = Some(whole);
        });
        self.pool.spawner().spawn_local(async move { _ = work.await }).unwrap();
        self.run();
        Client { answer, handle }
    }

    /// A client goes away.
    fn leave(&mut self, client: &Client) {
        client.handle.abort();
        self.run();
    }

    fn run(&mut self) {
        self.pool.run_until_stalled();
        for work in self.gateway.world.background.take() {
            self.pool.spawner().spawn_local(work).unwrap();
            self.pool.run_until_stalled();
        }
    }

    fn pass_ms(&mut self, ms: u64) {
        self.gateway.world.pass_ms(ms);
        self.run();
    }

    fn asked(&self) -> usize {
        self.gateway.world.asked.borrow().len()
    }

    /// The upstream's next answer comes when the test lets it.
    fn held(&self, content_type: &'static str) -> Gate {
        let gate = Gate::default();
        self.gateway.script(Script::Held(content_type, gate.clone()));
        gate
    }
}

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

fn body() -> Call {
    chat(&question("What is a good lamp?"), &[])
}

fn streamed() -> Call {
    let mut body = question("What is a good lamp?");
    body["stream"] = json!(true);
    chat(&body, &[])
}

fn completion(text: &str) -> Vec<u8> {
    let Script::Answer(_, _, pieces) = says(text) else { unreachable!() };
    pieces.concat()
}

fn chunk(delta: &Value, finish: &Value) -> Vec<u8> {
    let chunk = json!({"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n").into_bytes()
}

fn collapsed(answer: &Answer) -> bool {
    answer.cache_status() == "nearhit; fwd=uri-miss; collapsed; detail=collapsed"
}

#[test]
fn two_hundred_identical_requests_cost_one_upstream_call() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(JSON);
    let clients: Vec<Client> = (0..200).map(|_| stage.ask(body())).collect();
    assert!(clients.iter().all(Client::waits));
    gate.send(&completion("A bright one."));
    gate.end();
    stage.run();
    assert_eq!(stage.asked(), 1);
    let answers: Vec<Answer> = clients.iter().map(Client::answer).collect();
    assert!(answers.iter().all(|answer| answer.content() == "A bright one."));
    assert_eq!(answers[0].cache_status(), "nearhit; fwd=uri-miss; stored");
    assert!(answers[1..].iter().all(collapsed), "{}", answers[1].cache_status());
    assert_eq!(answers[1].header("x-nearhit-cost-usd"), "0");
    assert_ne!(answers[1].json()["id"], answers[2].json()["id"]);
}

#[test]
fn a_stream_reaches_its_followers_as_it_comes_and_a_body_waits_for_its_end() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    let follower = stage.ask(streamed());
    let waiting = stage.ask(body());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright"}), &Value::Null));
    stage.run();
    let late = stage.ask(streamed());
    gate.send(&chunk(&json!({"content": " one."}), &json!("stop")));
    gate.send(b"data: [DONE]\n\n");
    gate.end();
    stage.run();
    assert_eq!(stage.asked(), 1);
    let bytes = leader.answer().body;
    for follower in [&follower, &late] {
        let answer = follower.answer();
        assert!(collapsed(&answer));
        assert_eq!(answer.body, bytes, "byte for byte what the leader got");
        assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    }
    let whole = waiting.answer();
    assert!(collapsed(&whole));
    assert_eq!(whole.content(), "A bright one.");
}

#[test]
fn when_the_leader_fails_the_next_one_leads_at_once() {
    let failures = [
        Script::Answer(500, JSON, vec![b"{}".to_vec()]),
        Script::Unreachable,
        Script::Break(JSON, vec![b"{".to_vec()]),
        Script::Break(SSE, vec![b"data: {".to_vec()]),
    ];
    for failure in failures {
        let mut stage = Stage::new(json!({}));
        let gate = Gate::default();
        // The first answer is held by the one before it, so that the others come to wait.
        stage.gateway.script(Script::Held(JSON, gate.clone()));
        let leader = stage.ask(body());
        let followers = [stage.ask(body()), stage.ask(body())];
        stage.gateway.script(failure).script(says("A bright one."));
        gate.break_off();
        stage.run();
        assert_eq!(stage.asked(), 3, "the leader, the one that failed, the one that took over");
        assert_eq!(leader.answer().status, 502);
        let answers = followers.map(|client| client.answer());
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200 && !answer.broken).collect();
        assert_eq!(good.len(), 1, "one got the failure, the other the answer");
        assert_eq!(good[0].content(), "A bright one.");
    }
}

#[test]
fn a_leader_that_leaves_hands_over_and_a_follower_that_leaves_disturbs_nobody() {
    let mut stage = Stage::new(json!({}));
    let first = stage.held(JSON);
    let leader = stage.ask(body());
    let (follower, leaver) = (stage.ask(body()), stage.ask(body()));
    stage.leave(&leaver);
    let second = stage.held(JSON);
    stage.leave(&leader);
    assert_eq!(stage.asked(), 2, "the follower leads now");
    second.send(&completion("A bright one."));
    second.end();
    stage.run();
    assert_eq!(follower.answer().content(), "A bright one.");
    drop(first);
}

#[test]
fn a_leader_that_leaves_in_the_middle_of_a_stream_goes_on_for_its_followers() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright"}), &Value::Null));
    stage.run();
    let follower = stage.ask(streamed());
    stage.leave(&leader);
    gate.send(&chunk(&json!({"content": " one."}), &json!("stop")));
    gate.send(b"data: [DONE]\n\n");
    gate.end();
    stage.run();
    let answer = follower.answer();
    assert!(!answer.broken && answer.body.ends_with(b"[DONE]\n\n"));
    assert_eq!((stage.asked(), stage.gateway.world.entries()), (1, 1));
}

#[test]
fn a_stream_that_breaks_for_the_leader_breaks_for_its_followers() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    let follower = stage.ask(streamed());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright"}), &Value::Null));
    stage.run();
    gate.break_off();
    stage.run();
    assert!(leader.answer().broken);
    assert!(follower.answer().broken, "half an answer must not look like a whole one");
    assert_eq!(stage.gateway.world.entries(), 0);
}

#[test]
fn a_leader_that_says_nothing_for_too_long_is_passed_by_and_every_wait_has_an_end() {
    let mut stage = Stage::new(json!({"NEARHIT_CACHE": {"coalesce_secs": 10}}));
    let silent = stage.held(JSON);
    let leader = stage.ask(body());
    stage.pass_ms(4_000);
    let follower = stage.ask(body());
    let other = stage.ask(body());
    let second = stage.held(JSON);
    stage.pass_ms(6_000);
    assert_eq!(stage.asked(), 2, "one of the two took over");
    let alone = stage.held(JSON);
    stage.pass_ms(4_000);
    assert_eq!(stage.asked(), 3, "the other has waited for as long as it may");
    for gate in [&silent, &second, &alone] {
        gate.send(&completion("A bright one."));
        gate.end();
    }
    stage.run();
    for client in [&leader, &follower, &other] {
        assert_eq!(client.answer().content(), "A bright one.");
    }
}

#[test]
fn an_answer_that_is_not_kept_sends_every_follower_its_own_way() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(JSON);
    let leader = stage.ask(body());
    let followers = [stage.ask(body()), stage.ask(body())];
    stage.gateway.script(says("Two.")).script(says("Three."));
    gate.send(&String::from_utf8(completion("One.")).unwrap().replace("\"stop\"", "\"length\"").into_bytes());
    gate.end();
    stage.run();
    assert!(leader.answer().cache_status().ends_with("detail=truncated"));
    assert_eq!(stage.asked(), 3);
    assert!(followers.iter().all(|client| client.answer().status == 200));
}

#[test]
fn other_keys_other_questions_and_a_switched_off_setting_do_not_wait() {
    let mut stage = Stage::new(json!({}));
    let gates = [stage.held(JSON), stage.held(JSON), stage.held(JSON)];
    stage.ask(body());
    stage.ask(chat(&question("What is a good lamp?"), &[("authorization", "Bearer sk-2")]));
    stage.ask(chat(&question("What is a good chair?"), &[]));
    assert_eq!(stage.asked(), 3);
    drop(gates);
    let mut stage = Stage::new(json!({"NEARHIT_CACHE": {"coalesce_secs": 0}}));
    let gates = [stage.held(JSON), stage.held(JSON)];
    stage.ask(body());
    stage.ask(body());
    assert_eq!(stage.asked(), 2);
    drop(gates);
}

#[test]
fn a_follower_is_not_answered_with_what_is_too_old_for_it() {
    let mut stage = Stage::new(json!({}));
    stage.gateway.script(says("An old one."));
    stage.ask(body());
    stage.pass_ms(60_000);
    let gate = stage.held(JSON);
    let picky =
        || Call { headers: [body().headers, vec![("cache-control".into(), "max-age=30".into())]].concat(), ..body() };
    let leader = stage.ask(picky());
    let follower = stage.ask(picky());
    assert!(follower.waits(), "the old one does not serve it");
    gate.send(&completion("A bright one."));
    gate.end();
    stage.run();
    assert_eq!(leader.answer().content(), "A bright one.");
    assert_eq!(follower.answer().content(), "A bright one.");
    assert_eq!(stage.asked(), 2);
}

#[test]
fn a_stream_that_was_passed_by_goes_on_for_those_who_read_it() {
    let mut stage = Stage::new(json!({"NEARHIT_CACHE": {"coalesce_secs": 10}}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright"}), &Value::Null));
    stage.run();
    let reader = stage.ask(streamed());
    stage.pass_ms(11_000);
    stage.gateway.script(says("Another."));
    assert_eq!(stage.ask(body()).answer().content(), "Another.", "the silent leader is passed by");
    stage.leave(&leader);
    stage.pass_ms(2_500);
    gate.send(&chunk(&json!({"content": " one."}), &json!("stop")));
    gate.send(b"data: [DONE]\n\n");
    gate.end();
    stage.run();
    let read = reader.answer();
    assert!(!read.broken && read.body.ends_with(b"[DONE]\n\n"), "even when its client has left");
}

#[test]
fn a_very_long_stream_breaks_for_nobody_and_takes_no_new_readers() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright one. "}), &Value::Null));
    stage.run();
    let reader = stage.ask(streamed());
    for _ in 0..5 {
        gate.send(&chunk(&json!({"content": "x".repeat(1024 * 1024)}), &Value::Null));
        stage.run();
    }
    let late = stage.ask(streamed());
    assert!(late.waits());
    gate.send(&chunk(&json!({}), &json!("stop")));
    gate.send(b"data: [DONE]\n\n");
    gate.end();
    stage.run();
    assert_eq!(reader.answer().body, leader.answer().body);
    assert!(collapsed(&late.answer()), "it got the whole answer");
    assert_eq!(stage.asked(), 1);
}

#[test]
fn a_stream_that_cannot_be_kept_is_whole_for_its_followers_all_the_same() {
    for odd in ["data: no json\n\n", "event: error\ndata: {}\n\n", ""] {
        let mut stage = Stage::new(json!({}));
        let gate = stage.held(SSE);
        let leader = stage.ask(streamed());
        gate.send(&chunk(&json!({"role": "assistant", "content": "A bright one."}), &json!("length")));
        stage.run();
        let follower = stage.ask(streamed());
        gate.send(odd.as_bytes());
        gate.end();
        stage.run();
        let (led, followed) = (leader.answer(), follower.answer());
        assert!(!led.broken && !followed.broken, "{odd}");
        assert_eq!(followed.body, led.body, "{odd}");
        assert_eq!((stage.asked(), stage.gateway.world.entries()), (1, 0));
    }
}

#[test]
fn a_follower_that_has_nothing_yet_takes_over_when_the_stream_breaks() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    let follower = stage.ask(streamed());
    stage.gateway.script(world::streams("A bright one."));
    gate.break_off();
    stage.run();
    assert!(leader.answer().broken || stage.asked() == 2);
    let answer = follower.answer();
    assert!(!answer.broken && String::from_utf8_lossy(&answer.body).contains("A bright one."));
}

#[test]
fn a_stream_goes_on_for_its_followers_only_as_long_as_there_are_any() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(SSE);
    let leader = stage.ask(streamed());
    gate.send(&chunk(&json!({"role": "assistant", "content": "A bright"}), &Value::Null));
    stage.run();
    let follower = stage.ask(streamed());
    stage.leave(&leader);
    stage.pass_ms(3_000);
    assert!(gate.is_read(), "one still reads it");
    stage.leave(&follower);
    stage.pass_ms(3_000);
    assert!(!gate.is_read(), "the upstream's work is ended");
}

#[test]
fn a_request_that_is_wrong_does_not_make_the_others_ask_one_after_the_other() {
    let mut stage = Stage::new(json!({}));
    let first = Gate::default();
    stage.gateway.script(Script::HeldError(400, first.clone()));
    let leader = stage.ask(body());
    let followers: Vec<Client> = (0..5).map(|_| stage.ask(body())).collect();
    let gates: Vec<Gate> = followers.iter().map(|_| stage.held(JSON)).collect();
    first.send(b"{}");
    first.end();
    stage.run();
    assert_eq!(stage.asked(), 6, "all at once");
    assert_eq!(leader.answer().status, 400);
    drop(gates);
}

#[test]
fn a_shard_that_cannot_keep_the_answer_sends_everyone_their_own_way() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(JSON);
    let leader = stage.ask(body());
    let followers = [stage.ask(body()), stage.ask(body())];
    stage.gateway.world.stores_fail.set(true);
    stage.gateway.script(says("Two.")).script(says("Three."));
    gate.send(&completion("One."));
    gate.end();
    stage.run();
    let led = leader.answer();
    assert_eq!((led.content().as_str(), led.cache_status()), ("One.", "nearhit; fwd=uri-miss; detail=cache-fault"));
    assert!(followers.iter().all(|client| client.answer().status == 200));
}

#[test]
fn a_request_that_wants_only_what_is_cached_waits_for_nobody() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(JSON);
    stage.ask(body());
    let mut call = body();
    call.headers.push(("cache-control".into(), "only-if-cached".into()));
    assert_eq!(stage.ask(call).answer().status, 504);
    drop(gate);
}

fn message(text: &str) -> Call {
    let body = json!({"model": "claude", "max_tokens": 9, "system": "You help.", "messages": [{"role": "user", "content": text}]});
    Call { path: "/v1/messages".into(), ..chat(&body, &[("x-api-key", "sk-ant"), ("anthropic-version", "2023-06-01")]) }
}

fn answered() -> Vec<u8> {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Yes."}], "usage": {"input_tokens": 3, "output_tokens": 1}})
    .to_string()
    .into_bytes()
}

#[test]
fn messages_with_one_prefix_wait_for_the_first_byte_when_the_configuration_asks_for_it() {
    for (hold, first_asked) in [(true, 1), (false, 3)] {
        let mut stage = Stage::new(json!({"NEARHIT_CACHE": {"hold_prefix": hold}}));
        let gates: Vec<Gate> = (0..4).map(|_| stage.held(JSON)).collect();
        let clients: Vec<Client> = ["What is one?", "What is two?", "Where is three?"]
            .into_iter()
            .map(|text| stage.ask(message(text)))
            .collect();
        assert_eq!(stage.asked(), first_asked);
        gates[0].send(&answered()[..10]);
        stage.run();
        assert_eq!(stage.asked(), 3, "the prefix is in the provider's cache now");
        let late = stage.ask(message("Why is there four?"));
        assert_eq!(stage.asked(), 4, "and stays there");
        for (k, gate) in gates.iter().enumerate() {
            gate.send(&answered()[if k == 0 { 10 } else { 0 }..]);
            gate.end();
        }
        stage.run();
        assert!(clients.iter().chain([&late]).all(|client| client.answer().status == 200));
    }
}

#[test]
fn a_batch_of_embeddings_that_is_being_asked_for_is_not_asked_for_twice() {
    let mut stage = Stage::new(json!({}));
    let gate = stage.held(JSON);
    let ask =
        |inputs: &Value| Call { path: "/v1/embeddings".into(), ..chat(&json!({"model": "e", "input": inputs}), &[]) };
    let leader = stage.ask(ask(&json!(["a", "b"])));
    let follower = stage.ask(ask(&json!(["a", "b"])));
    let data = [json!({"index": 0, "embedding": [0.5]}), json!({"index": 1, "embedding": [1.5]})];
    gate.send(
        json!({"object": "list", "model": "e-1", "data": data, "usage": {"total_tokens": 2}}).to_string().as_bytes(),
    );
    gate.end();
    stage.run();
    assert_eq!(stage.asked(), 1);
    let (led, followed) = (leader.answer(), follower.answer());
    assert_eq!(led.cache_status(), "nearhit; fwd=uri-miss; stored");
    assert!(collapsed(&followed), "{}", followed.cache_status());
    assert_eq!(followed.json()["data"][1]["embedding"], json!([1.5]));
}
