//! Labelled prompts through a route of three models: which model each is sent to, and what that costs.

use std::fmt::Write;

use nearhit::canonical::Usage;
use nearhit::forward::difficulty::split::is_held_out;
use nearhit::forward::routing::Tier;
use nearhit::ledger::prices::{Prices, Tier as Billing};
use serde::Deserialize;
use serde_json::{Value, json};

use super::providers::Kind;
use super::replay::{call, gateway};

/// The route's models, all of one upstream: cheap, middle, frontier.
const MODELS: [&str; 3] = ["gpt-4.1-nano", "gpt-4.1-mini", "gpt-4.1"];

/// Other models with shipped prices, for what the same choices would have cost.
const FAMILIES: [(&str, [&str; 3]); 4] = [
    ("openai", MODELS),
    ("openai", ["gpt-5-nano", "gpt-5-mini", "gpt-5"]),
    ("openai", ["gpt-5.6-luna", "gpt-5.6-terra", "gpt-5.6-sol"]),
    ("anthropic", ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]),
];

const LABELS: [&str; 3] = ["easy", "middle", "hard"];

/// What an answer is taken to have, for no model has answered.
const OUTPUT_TOKENS: u64 = 400;

const BYTES_A_TOKEN: u64 = 5;

#[derive(Deserialize)]
struct Prompt {
    id: String,
    prompt: String,
    system: Option<String>,
    label: String,
}

/// A prompt that was sent.
struct Routed {
    held_out: bool,
    /// Its place in [`LABELS`].
    label: usize,
    /// Its model's place in [`MODELS`].
    tier: usize,
    input_tokens: u64,
}

/// Sends all prompts to the alias, and sees which model the upstream is asked for.
fn routed() -> Vec<Routed> {
    let [cheap, middle, frontier] = MODELS.map(|model| format!("openai/{model}"));
    let routes = json!({"NEARHIT_ROUTES": {"auto": {"cheap": cheap, "middle": middle, "frontier": frontier}}});
    let gateway = gateway(&routes);
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]});
    gateway.world.provider.replace(Some(Box::new(move |_, _| (200, answer.to_string().into_bytes()))));
    let lines = include_str!("../../models/routing/prompts.jsonl").lines();
    let send = |line: &str| {
        let prompt: Prompt = serde_json::from_str(line).unwrap();
        let system = prompt.system.iter().map(|text| json!({"role": "system", "content": text}));
        let messages: Value = system.chain([json!({"role": "user", "content": prompt.prompt})]).collect();
        let body = json!({"model": "auto", "messages": messages}).to_string().into_bytes();
        let reply = gateway.call(call(Kind::OpenAiBefore56, body, &[("x-nearhit-mode", "off")]));
        assert_eq!(reply.status, 200, "{}: {}", prompt.id, String::from_utf8_lossy(&reply.body));
        let asked: Value = serde_json::from_slice(&gateway.world.asked.take().pop().unwrap().body).unwrap();
        let tier = MODELS.iter().position(|model| asked["model"] == *model).unwrap();
        assert!(reply.header("x-nearhit-route").starts_with(Tier::NAMES[tier].0), "{}", prompt.id);
        let bytes = prompt.prompt.len() + prompt.system.map_or(0, |text| text.len());
        Routed {
            held_out: is_held_out(&prompt.id),
            label: LABELS.iter().position(|label| prompt.label == *label).unwrap(),
            tier,
            input_tokens: bytes as u64 / BYTES_A_TOKEN,
        }
    };
    lines.map(send).collect()
}

/// Prompts of one label by tier.
fn by_tier(prompts: &[&Routed], label: usize) -> [u64; 3] {
    [0, 1, 2].map(|tier| prompts.iter().filter(|prompt| (prompt.label, prompt.tier) == (label, tier)).count() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "prompts are few, and so are their picodollars")]
fn ratio(part: u128, whole: u128) -> f64 {
    part as f64 / whole as f64
}

/// What was chosen costs, as a share of sending everything to the frontier; `price`: of a request to a tier.
fn cost(prompts: &[&Routed], price: impl Fn(usize, u64) -> u128) -> f64 {
    let sum = |tier: &dyn Fn(&Routed) -> usize| {
        prompts.iter().map(|prompt| price(tier(prompt), prompt.input_tokens)).sum::<u128>()
    };
    ratio(sum(&|prompt| prompt.tier), sum(&|_| 2))
}

/// The same at 1 : 4 : 15, with output at five times the price of input.
fn cost_at_1_4_15(prompts: &[&Routed]) -> f64 {
    cost(prompts, |tier, input| [1, 4, 15][tier] * u128::from(input + 5 * OUTPUT_TOKENS))
}

fn shipped_cost(prompts: &[&Routed], provider: &str, models: [&str; 3]) -> f64 {
    let prices = Prices::shipped().unwrap();
    let prices = models.map(|model| prices.find(provider, model).unwrap());
    cost(prompts, |tier, uncached| {
        let tokens = Usage { uncached, output: OUTPUT_TOKENS, ..Usage::default() };
        prices[tier].cost(&tokens, Billing::Standard).as_picodollars()
    })
}

fn table(title: &str, prompts: &[&Routed]) -> String {
    let mut text = format!("\n## Routing by difficulty, {title}: {} prompts\n", prompts.len());
    let [cheap, middle, frontier] = MODELS;
    let _ =
        writeln!(text, "| label | cheap ({cheap}) | middle ({middle}) | frontier ({frontier}) |\n|---|---|---|---|");
    for (label, name) in LABELS.iter().enumerate() {
        let [cheap, middle, frontier] = by_tier(prompts, label);
        let _ = writeln!(text, "| {name} | {cheap} | {middle} | {frontier} |");
    }
    let hard = by_tier(prompts, 2);
    let share = |tier: usize| 100.0 * ratio(hard[tier].into(), hard.iter().sum::<u64>().into());
    let _ = writeln!(text, "\n| {title} | |\n|---|---|");
    let _ = writeln!(text, "| hard on cheap | {:.1} % |\n| hard kept on frontier | {:.1} % |", share(0), share(2));
    let _ = writeln!(text, "| cost as a share of all to frontier, at 1 : 4 : 15 | {:.3} |", cost_at_1_4_15(prompts));
    for (provider, models) in FAMILIES {
        let [cheap, middle, frontier] = models;
        let cost = shipped_cost(prompts, provider, models);
        let _ = writeln!(text, "| the same, {cheap} : {middle} : {frontier} | {cost:.3} |");
    }
    text
}

#[test]
fn routing_halves_the_cost_and_keeps_hard_prompts_from_the_cheap_model() {
    let all = routed();
    let half = |held_out: bool| all.iter().filter(|prompt| prompt.held_out == held_out).collect::<Vec<_>>();
    let (fitted, held_out) = (half(false), half(true));
    print!("{}{}", table("held out", &held_out), table("fitted on", &fitted));
    let hard = by_tier(&held_out, 2);
    assert!(50 * hard[0] <= hard.iter().sum(), "{hard:?}");
    assert!(cost_at_1_4_15(&held_out) <= 0.5, "{}", cost_at_1_4_15(&held_out));
}
