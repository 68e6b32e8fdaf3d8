//! Sequences of requests as a client without any thought for caches sends them: no hint, no key. The same seed gives
//! the same requests, and both API shapes say the same.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::prose::{ENGINEERING, Rng};
use super::prose_support::{DESK, QUESTIONS};
use super::tools;

/// The API that requests are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI's Chat Completions API, and `DeepSeek`'s.
    Chat,
    /// Anthropic's Messages API.
    Messages,
}

/// One request of a trace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// When it starts, in milliseconds from the trace's beginning.
    pub(crate) at_ms: u64,
    /// The body.
    pub(crate) request: Value,
    /// What the model says to it. The agent's next request repeats it word for word.
    pub(crate) answer: String,
}

/// Turns of the agent.
pub(crate) const AGENT_TURNS: usize = 40;

/// Questions to the support bot.
pub(crate) const SUPPORT_QUESTIONS: usize = 500;

/// Bytes that make one token, by the rule of this simulation.
const TOKEN_BYTES: usize = 4;

/// An agent at work: twelve tools, a system prompt of about 6,000 tokens, and [`AGENT_TURNS`] requests, 5 to 40 seconds
/// apart. From one to the next come what the model said, its tool call, and a result of 200 to 1,500 tokens.
pub(crate) fn agent(shape: Shape, model: &str, seed: u64) -> Vec<Step> {
    let mut rng = Rng(seed);
    let system = ENGINEERING.document(&mut rng, 6_000 * TOKEN_BYTES);
    let task = ENGINEERING
        .fill(&mut rng, "Since this morning {event} in {place}. Find out why, mend the {thing}, and test it.");
    let mut talk = vec![json!({"role": "user", "content": task})];
    let mut said = HashSet::new();
    let mut at_ms = 0;
    let mut steps = Vec::with_capacity(AGENT_TURNS);
    for turn in 0..AGENT_TURNS {
        let answer = format!("{} Let me look.", ENGINEERING.sentence(&mut rng, &mut said));
        steps.push(Step { at_ms, request: request(shape, model, &system, true, &talk), answer: answer.clone() });
        at_ms += rng.between(5_000, 40_000);
        let (name, arguments) = tools::call(&mut rng);
        let tokens = usize::try_from(rng.between(200, 1_450)).unwrap_or_default();
        let result = tools::result(&mut rng, name, tokens * TOKEN_BYTES);
        talk.extend(turn_of(shape, &format!("call_{turn:03}"), &answer, (name, &arguments), &result));
    }
    steps
}

/// A shop's support bot: a system prompt of about 3,000 tokens, no tools, and [`SUPPORT_QUESTIONS`] different questions
/// of one turn each, about 40 a minute.
pub(crate) fn support_bot(shape: Shape, model: &str, seed: u64) -> Vec<Step> {
    let mut rng = Rng(seed);
    let system = DESK.document(&mut rng, 3_000 * TOKEN_BYTES);
    let mut asked = HashSet::new();
    let mut at_ms = 0;
    let mut steps = Vec::with_capacity(SUPPORT_QUESTIONS);
    for _ in 0..SUPPORT_QUESTIONS {
        let question = QUESTIONS.sentence(&mut rng, &mut asked);
        let talk = [json!({"role": "user", "content": question})];
        let answer = DESK.sentence(&mut rng, &mut HashSet::new());
        steps.push(Step { at_ms, request: request(shape, model, &system, false, &talk), answer });
        at_ms += rng.between(600, 2_400);
    }
    steps
}

fn request(shape: Shape, model: &str, system: &str, with_tools: bool, talk: &[Value]) -> Value {
    let mut body = match shape {
        Shape::Messages => json!({"model": model, "max_tokens": 1024, "system": system}),
        Shape::Chat => json!({"model": model}),
    };
    if with_tools {
        body["tools"] = tools::all().into_iter().map(|tool| tool_of(shape, tool)).collect();
    }
    let first = json!({"role": "system", "content": system});
    let first = (shape == Shape::Chat).then_some(first);
    body["messages"] = first.into_iter().chain(talk.iter().cloned()).collect();
    body
}

fn tool_of(shape: Shape, tool: tools::Tool) -> Value {
    let tools::Tool { name, description, parameters } = tool;
    match shape {
        Shape::Messages => json!({"name": name, "description": description, "input_schema": parameters}),
        Shape::Chat => {
            let function = json!({"name": name, "description": description, "parameters": parameters});
            json!({"type": "function", "function": function})
        }
    }
}

/// What one turn of the agent adds: the model's message and the tool's result.
fn turn_of(shape: Shape, id: &str, said: &str, (name, arguments): (&str, &Value), result: &str) -> [Value; 2] {
    match shape {
        Shape::Messages => [
            json!({"role": "assistant", "content": [
                {"type": "text", "text": said}, {"type": "tool_use", "id": id, "name": name, "input": arguments},
            ]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}),
        ],
        Shape::Chat => [
            json!({"role": "assistant", "content": said, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}},
            ]}),
            json!({"role": "tool", "tool_call_id": id, "content": result}),
        ],
    }
}

#[cfg(test)]
#[path = "traces_tests.rs"]
mod tests;
