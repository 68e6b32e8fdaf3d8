//! A trace as its provider sees it: straight from the client, or through the gateway.

use std::cell::RefCell;
use std::rc::Rc;

use nearhit::gateway::Call;
use nearhit::ports::UpstreamRequest;
use serde_json::{Value, json};

use super::providers::traces::{Shape, Step, agent, support_bot};
use super::providers::{Billed, Kind, Provider};
use super::world::{Gateway, chat};

/// When each trace begins, in milliseconds since 1970.
const BEGINS_MS: u64 = 1_700_000_000_000;

/// The traces by name.
pub(crate) const TRACES: [&str; 2] = ["agent", "support bot"];

/// A trace for a provider.
pub(crate) fn trace(name: &str, kind: Kind, seed: u64) -> Vec<Step> {
    let shape = if kind == Kind::Anthropic { Shape::Messages } else { Shape::Chat };
    match name {
        "agent" => agent(shape, model(kind), seed),
        _ => support_bot(shape, model(kind), seed),
    }
}

/// The model that is asked for at a provider.
pub(crate) fn model(kind: Kind) -> &'static str {
    match kind {
        Kind::Anthropic => "claude-opus-5",
        Kind::OpenAi56 => "gpt-5.6-sol",
        Kind::OpenAiBefore56 => "gpt-5.1",
        Kind::DeepSeek => "deepseek-chat",
    }
}

/// How a provider is called in the tables.
pub(crate) fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Anthropic => "Anthropic",
        Kind::OpenAi56 => "OpenAI, from 5.6 on",
        Kind::OpenAiBefore56 => "OpenAI, before 5.6",
        Kind::DeepSeek => "DeepSeek",
    }
}

/// The client's call with these bytes, and further headers.
pub(crate) fn call(kind: Kind, body: Vec<u8>, headers: &[(&str, &str)]) -> Call {
    let path = match kind {
        Kind::Anthropic => "/v1/messages",
        Kind::OpenAi56 | Kind::OpenAiBefore56 => "/v1/chat/completions",
        Kind::DeepSeek => "/deepseek/v1/chat/completions",
    };
    let mut all = vec![("anthropic-version", "2023-06-01")];
    all.extend_from_slice(headers);
    Call { path: path.into(), body, ..chat(&Value::Null, &all) }
}

/// A gateway that knows all providers.
pub(crate) fn gateway(further: &Value) -> Gateway {
    let mut variables = json!({"NEARHIT_UPSTREAMS": {"deepseek": {"base_url": "https://api.deepseek.com/v1"}}});
    variables.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    Gateway::new(variables)
}

/// What the provider bills when the client asks it without anything between.
pub(crate) fn direct(kind: Kind, steps: &[Step]) -> Vec<Billed> {
    let mut provider = Provider::new(kind, model(kind));
    let headers = [("authorization".to_owned(), "Bearer sk-1".to_owned())];
    steps.iter().map(|step| provider.answer(&step.request, &headers, step.at_ms).unwrap()).collect()
}

/// What it bills when the gateway is between, request by request; nothing for those that the gateway answered itself.
pub(crate) fn through(gateway: &Gateway, kind: Kind, steps: &[Step]) -> Vec<Option<Billed>> {
    let mut provider = Provider::new(kind, model(kind));
    let last: Rc<RefCell<Option<Billed>>> = Rc::default();
    let says: Rc<RefCell<String>> = Rc::default();
    let (seen, text) = (last.clone(), says.clone());
    gateway.world.provider.replace(Some(Box::new(move |request: &UpstreamRequest, now_ms| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        match provider.answer(&body, &request.headers, now_ms - BEGINS_MS) {
            Ok(billed) => {
                seen.replace(Some(billed));
                (200, provider.completion(&body, billed, &text.borrow()).to_string().into_bytes())
            }
            Err(refusal) => (400, json!({"error": {"message": refusal.as_str()}}).to_string().into_bytes()),
        }
    })));
    let send = |step: &Step| {
        gateway.world.now_ms.set(BEGINS_MS + step.at_ms);
        says.replace(step.answer.clone());
        // Equal bytes only: what is measured is the provider's cache, not the gateway's own.
        let headers = [("x-nearhit-mode", "exact")];
        let answer = gateway.call(call(kind, step.request.to_string().into_bytes(), &headers));
        assert_eq!(answer.status, 200, "{kind:?}: {}", String::from_utf8_lossy(&answer.body));
        last.take()
    };
    steps.iter().map(send).collect()
}
