//! The Worker's environment, read once an isolate.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, console_error};

use crate::config;
use crate::error::Failure;
use crate::forward::memory::Memory;
use crate::gateway::Setup;
use crate::semantic::decision::Judge;
use crate::semantic::embedder::Embedder;

/// How long a record waits for others to be told with. A message for each would be half of the work of a hit.
const PAUSE_MS: u64 = 250;

thread_local! {
    static SETUP: RefCell<Option<Result<Rc<Setup>, Failure>>> = const { RefCell::new(None) };
}

/// The checked configuration and the loaded model. Nothing is awaited here, so two requests that start together
/// cannot wait for each other.
pub(super) fn setup(env: &Env) -> Result<Rc<Setup>, Failure> {
    if let Some(known) = SETUP.with_borrow(Clone::clone) {
        return known;
    }
    let made = read(env);
    SETUP.with_borrow_mut(|setup| *setup = Some(made.clone()));
    made
}

fn read(env: &Env) -> Result<Rc<Setup>, Failure> {
    let variables = variables(env);
    let config = config::check(&variables).map_err(|mistakes| Failure::misconfigured(&mistakes))?;
    let secret = variables.get("NEARHIT_HMAC_KEY").and_then(Value::as_str).unwrap_or_default().into();
    let admin_token = variables.get("NEARHIT_ADMIN_TOKEN").and_then(Value::as_str);
    let admin_token = admin_token.filter(|token| !token.is_empty()).map(str::to_owned);
    let embedder = Embedder::shipped();
    if let Err(why) = &embedder {
        console_error!("nearhit serves exact hits only: {why}");
    }
    let vocabulary = embedder.as_ref().map_or(0, Embedder::vocabulary);
    let judge = Judge::shipped(config.verifier, vocabulary);
    Ok(Rc::new(Setup { config, secret, admin_token, embedder, judge, memory: Memory::with_pause(PAUSE_MS) }))
}

/// The variables that are nearhit's, as JSON by name. Bindings to other things are passed over.
fn variables(env: &Env) -> BTreeMap<String, Value> {
    let env: &JsValue = env.as_ref();
    let names = js_sys::Object::keys(env.unchecked_ref::<js_sys::Object>());
    let names = names.iter().filter_map(|name| name.as_string());
    let ours = |name: &String| {
        name.starts_with("NEARHIT_") || matches!(name.as_str(), "OPENAI_BASE_URL" | "ANTHROPIC_BASE_URL")
    };
    names.filter(ours).filter_map(|name| Some((name.clone(), json(env, &name)?))).collect()
}

fn json(env: &JsValue, name: &str) -> Option<Value> {
    let value = js_sys::Reflect::get(env, &name.into()).ok()?;
    if let Some(text) = value.as_string() {
        return Some(Value::String(text));
    }
    let text = js_sys::JSON::stringify(&value).ok()?.as_string()?;
    serde_json::from_str(&text).ok()
}
