use serde_json::{Value, json};

use super::super::cases::{block, blocks, message, messages, model};
use super::super::traces::{Shape, agent, support_bot};
use super::super::{Kind, Provider};
use super::{Ideal, IdealStep, Step};

fn steps<const N: usize>(requests: [(u64, Value); N]) -> Vec<Step> {
    let steps = requests.into_iter().map(|(at_ms, request)| Step { at_ms, request, answer: String::new() });
    steps.collect()
}

fn ideal(kind: Kind, steps: &[Step]) -> Ideal {
    Ideal::of(kind, model(kind), steps).unwrap()
}

fn cached<const N: usize>(kind: Kind, requests: [(u64, Value); N]) -> Vec<u64> {
    ideal(kind, &steps(requests)).steps.iter().map(|step| step.cached_tokens).collect()
}

fn question(label: &str) -> Value {
    messages([message("user", "shared", 1_500), message("user", label, 100)])
}

#[test]
fn the_bound_is_the_shared_beginning_cut_to_where_an_entry_can_end() {
    for (kind, expected) in [
        (Kind::Anthropic, vec![0, 1_500, 1_500]),
        (Kind::OpenAi56, vec![0, 1_500, 1_500]),
        (Kind::OpenAiBefore56, vec![0, 1_408, 1_408]),
        (Kind::DeepSeek, vec![0, 0, 1_472]),
    ] {
        let requests = [(0, question("one")), (1_000, question("two")), (2_000, question("three"))];
        assert_eq!(cached(kind, requests), expected, "{kind:?}");
    }
}

#[test]
fn an_entry_cannot_end_within_a_block() {
    let request = |label: &str| blocks([block("shared", 600), block(&format!("{} {label}", "x".repeat(800)), 300)]);
    assert_eq!(cached(Kind::Anthropic, [(0, request("one")), (1_000, request("two"))]), [0, 601]);
}

#[test]
fn what_is_too_short_cannot_be_read() {
    for (tokens, expected) in [(511, 0), (512, 512)] {
        let request = || messages([message("user", "shared", tokens)]);
        assert_eq!(cached(Kind::Anthropic, [(0, request()), (1_000, request())]), [0, expected]);
    }
    let request = || messages([message("user", "shared", 1_023)]);
    assert_eq!(cached(Kind::OpenAi56, [(0, request()), (1_000, request())]), [0, 0]);
}

#[test]
fn something_must_have_begun_and_something_must_be_held() {
    let hour = 60 * 60_000;
    let same = |times: [u64; 3]| cached(Kind::Anthropic, times.map(|at_ms| (at_ms, question("same"))));
    assert_eq!(same([0, 499, 500]), [0, 0, 1_600]);
    assert_eq!(same([0, hour - 1, 2 * hour - 2]), [0, 1_600, 1_600]);
    assert_eq!(same([0, hour, 2 * hour]), [0, 0, 0]);
    let half_hour = hour / 2;
    assert_eq!(cached(Kind::OpenAi56, [(0, question("q")), (half_hour, question("q"))]), [0, 0]);
    assert_eq!(cached(Kind::OpenAi56, [(0, question("q")), (half_hour - 1, question("q"))]), [0, 1_600]);
}

#[test]
fn the_cost_counts_each_read_and_one_write_of_what_is_read() {
    let ideal = ideal(Kind::Anthropic, &steps([(0, question("a")), (1_000, question("b")), (2_000, question("c"))]));
    let step = |cached_tokens, written_tokens, cost_milli| IdealStep {
        input_tokens: 1_600,
        cached_tokens,
        written_tokens,
        cost_milli,
    };
    let read = 1_500 * 100 + 100 * 1_000;
    assert_eq!(ideal.steps, [step(0, 0, 1_600_000), step(1_500, 1_500, read + 1_500 * 250), step(1_500, 0, read)]);
    // That is what marking the shared message costs: one write, two reads.
    assert_eq!(ideal.cost_milli(), 1_500 * 1_250 + 2 * 1_500 * 100 + 3 * 100 * 1_000);
    assert_eq!((ideal.input_tokens(), ideal.cached_tokens()), (4_800, 3_000));
}

/// Ways to send a trace, as a function of the request and its number.
type Policy = fn(&mut Value, usize);

fn part_with(content: &mut Value, field: &str, hint: Value) {
    if let Some(text) = content.as_str() {
        *content = json!([{"type": "text", "text": text}]);
    }
    content.as_array_mut().unwrap().last_mut().unwrap()[field] = hint;
}

fn mark_system(request: &mut Value, _: usize) {
    part_with(&mut request["system"], "cache_control", json!({"type": "ephemeral", "ttl": "1h"}));
}

fn mark_last(request: &mut Value, _: usize) {
    let last = request["messages"].as_array_mut().unwrap().last_mut().unwrap();
    part_with(&mut last["content"], "cache_control", json!({"type": "ephemeral"}));
}

fn mark_both(request: &mut Value, index: usize) {
    mark_system(request, index);
    mark_last(request, index);
}

fn automatic(request: &mut Value, _: usize) {
    request["cache_control"] = json!({"type": "ephemeral"});
}

fn breakpoint_after_system(request: &mut Value, _: usize) {
    part_with(&mut request["messages"][0]["content"], "prompt_cache_breakpoint", json!({"mode": "explicit"}));
}

fn breakpoint_only(request: &mut Value, index: usize) {
    breakpoint_after_system(request, index);
    request["prompt_cache_options"] = json!({"mode": "explicit"});
}

fn four_keys(request: &mut Value, index: usize) {
    request["prompt_cache_key"] = json!(format!("key {}", index % 4));
}

fn one_key_for_a_day(request: &mut Value, _: usize) {
    request["prompt_cache_key"] = json!("key");
    request["prompt_cache_retention"] = json!("24h");
}

fn direct(_: &mut Value, _: usize) {}

fn policies(kind: Kind) -> Vec<Policy> {
    match kind {
        Kind::Anthropic => vec![direct, mark_system, mark_last, mark_both, automatic],
        Kind::OpenAi56 => vec![direct, breakpoint_after_system, breakpoint_only, four_keys],
        Kind::OpenAiBefore56 => vec![direct, four_keys, one_key_for_a_day],
        Kind::DeepSeek => vec![direct],
    }
}

/// Reads of each step, and the cost of all.
fn run(kind: Kind, steps: &[Step], policy: Policy) -> (Vec<u64>, u64) {
    let mut provider = Provider::new(kind, model(kind));
    let mut cost_milli = 0;
    let reads = steps.iter().enumerate().map(|(index, step)| {
        let mut request = step.request.clone();
        policy(&mut request, index);
        let billed = provider.answer(&request, &[], step.at_ms).unwrap();
        cost_milli += billed.cost_milli;
        billed.cached_tokens
    });
    let reads = reads.collect();
    (reads, cost_milli)
}

fn traces(kind: Kind) -> [Vec<Step>; 2] {
    let shape = if kind == Kind::Anthropic { Shape::Messages } else { Shape::Chat };
    [agent(shape, model(kind), 5), support_bot(shape, model(kind), 5)]
}

#[test]
fn no_run_reads_more_than_the_ideal_or_costs_less() {
    for kind in Kind::ALL {
        for steps in traces(kind) {
            let ideal = ideal(kind, &steps);
            for (number, policy) in policies(kind).into_iter().enumerate() {
                let (reads, cost_milli) = run(kind, &steps, policy);
                for (index, (read, best)) in reads.iter().zip(&ideal.steps).enumerate() {
                    assert!(*read <= best.cached_tokens, "{kind:?}, policy {number}, step {index}: {read} of {best:?}");
                }
                assert!(cost_milli >= ideal.cost_milli(), "{kind:?}, policy {number}: {cost_milli}");
            }
        }
    }
}

/// The share that was read of all input tokens, in thousandths, of the agent and of the support bot.
fn shares(kind: Kind, policy: Policy) -> [u64; 2] {
    traces(kind).map(|steps| {
        let (reads, _) = run(kind, &steps, policy);
        1_000 * reads.iter().sum::<u64>() / ideal(kind, &steps).input_tokens()
    })
}

#[test]
fn direct_clients_read_nothing_at_anthropic_and_at_gpt_5_6_nothing_of_a_shared_system_prompt() {
    assert_eq!(shares(Kind::Anthropic, direct), [0, 0]);
    let [agent, bot] = shares(Kind::OpenAi56, direct);
    assert_eq!(bot, 0);
    // The agent's conversation only grows, so each request finds the end of the last one.
    assert!(agent > 900, "{agent}");
}

#[test]
fn the_ideal_is_within_reach() {
    for (kind, policy) in [
        (Kind::Anthropic, mark_both as Policy),
        (Kind::OpenAi56, breakpoint_after_system),
        (Kind::OpenAiBefore56, four_keys),
        (Kind::DeepSeek, direct),
    ] {
        let bounds = traces(kind).map(|steps| {
            let ideal = ideal(kind, &steps);
            1_000 * ideal.cached_tokens() / ideal.input_tokens()
        });
        let [_, bot] = shares(kind, policy);
        assert!(bounds[1] - bot <= 20, "{kind:?}: {bot} of {}", bounds[1]);
        assert!(bounds.iter().all(|bound| (900..1_000).contains(bound)), "{kind:?}: {bounds:?}");
    }
}
