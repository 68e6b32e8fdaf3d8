//! Tenants and their tokens.

use serde_json::{Value, json};

use super::super::{Call, Reply, Setup, random_name};
use super::reply;
use crate::config::{Allowed, Mode};
use crate::error::Failure;
use crate::forward::reasoning::{Caps, Effort};
use crate::ports::World;
use crate::protocol::json::{kind, parse};
use crate::tenant::directory::{Change, Order, Outcome, Tenant, Token};
use crate::tenant::token;

/// Answers `/admin/v1/tenants/...`.
pub(super) async fn answer<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    segments: &[&str],
) -> Option<Result<Reply<W>, Failure>> {
    let answer = match (call.method.as_str(), segments) {
        ("GET", [id]) => order(world, id, Order::Show).await.and_then(|outcome| shown(id, outcome)),
        ("PUT", [id]) => change(world, setup, id, &call.body).await,
        ("POST", [id, "tokens"]) => add_token(world, setup, id).await,
        ("DELETE", [id, "tokens", name]) => match order(world, id, Order::Revoke((*name).to_owned())).await {
            Ok(Outcome::Shown(_)) => Ok(reply(204, None)),
            Ok(other) => shown(id, other),
            Err(failure) => Err(failure),
        },
        _ => return None,
    };
    Some(answer)
}

/// `{"keys": {"openai": "NAME_OF_A_SECRET"}, "mode": "shadow", "caps": {"max_effort": "low"}, "export": true}`; what is not
/// named stays as it is.
async fn change<W: World>(world: &W, setup: &Setup, id: &str, body: &[u8]) -> Result<Reply<W>, Failure> {
    let body = parse(body)?;
    let mode = match &body["mode"] {
        Value::Null => body.get("mode").map(|_| None),
        value => Some(Some(value.as_str().and_then(Mode::parse).ok_or_else(|| {
            Failure::bad_field("mode", format!("'mode' is {value}; it must be {} or null.", Allowed::Mode))
        })?)),
    };
    let caps = body.get("caps").map(read_caps).transpose()?;
    let export = match body.get("export") {
        None => None,
        Some(Value::Bool(export)) => Some(*export),
        Some(value) => {
            return Err(Failure::bad_field("export", format!("'export' is {value}; it must be true or false.")));
        }
    };
    let named = mode.is_some() || caps.is_some() || export.is_some();
    let keys = if body.get("keys").is_none() && named { None } else { Some(read_keys(setup, &body["keys"])?) };
    shown(id, order(world, id, Order::Set(Change { keys, mode, caps, export })).await?)
}

async fn order<W: World>(world: &W, tenant: &str, order: Order) -> Result<Outcome, Failure> {
    if !token::is_tenant(tenant) {
        let allowed = format!("1 to {} of a-z, 0-9 and '-'", token::MAX_TENANT_BYTES);
        return Err(Failure::bad_field("tenant", format!("'{tenant}' is not a tenant's name: use {allowed}.")));
    }
    world.order(tenant, &order).await.map_err(|_| Failure::tenants_unavailable())
}

/// What the tenant's requests may spend on reasoning and output; `null` for no cap at all.
fn read_caps(value: &Value) -> Result<Caps, Failure> {
    let mut caps = Caps::default();
    if value.is_null() {
        return Ok(caps);
    }
    let Value::Object(written) = value else {
        return Err(Failure::bad_field("caps", format!("'caps' must be an object or null, not {}.", kind(value))));
    };
    for (name, value) in written {
        let path = format!("caps.{name}");
        let wrong = |what: &str| Failure::bad_field(path.clone(), format!("'{path}' is {value}; it must be {what}."));
        let tokens = || value.as_u64().filter(|tokens| *tokens <= 1_000_000).ok_or_else(|| wrong("a whole number"));
        match name.as_str() {
            "max_effort" => {
                let known = Effort::NAMES.iter().find(|(known, _)| value == known);
                let (_, effort) = known.ok_or_else(|| wrong(&Allowed::Effort.to_string()))?;
                caps.effort = Some(*effort);
            }
            "max_thinking_tokens" => caps.thinking_tokens = Some(tokens()?),
            "max_output_tokens" => caps.output_tokens = Some(tokens()?.max(1)),
            _ => {
                let known = "max_effort, max_thinking_tokens, max_output_tokens";
                return Err(Failure::bad_field(path.clone(), format!("'{path}' is not a cap; known are {known}.")));
            }
        }
    }
    Ok(caps)
}

fn written_caps(caps: &Caps) -> Value {
    let effort = caps.effort.and_then(|effort| Effort::NAMES.iter().find(|(_, known)| *known == effort));
    json!({
        "max_effort": effort.map(|(name, _)| name),
        "max_thinking_tokens": caps.thinking_tokens,
        "max_output_tokens": caps.output_tokens,
    })
}

/// The secrets that hold the tenant's provider keys, by upstream.
fn read_keys(setup: &Setup, value: &Value) -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let Value::Object(keys) = value else {
        let what = "an object that names for each upstream the secret with the key for it";
        return Err(Failure::bad_field("keys", format!("'keys' must be {what}, not {}.", kind(value))));
    };
    keys.iter()
        .map(|(upstream, secret)| {
            let path = format!("keys.{upstream}");
            if setup.config.upstream(upstream).is_none() {
                let known: Vec<&str> = setup.config.upstreams.keys().map(String::as_str).collect();
                let what = format!("'{path}' names no upstream. Configured are: {}.", known.join(", "));
                return Err(Failure::bad_field(path, what));
            }
            // The Worker's own secrets are never sent to anybody.
            let name = secret.as_str().filter(|name| is_secret_name(name) && !name.starts_with("NEARHIT_"));
            let wrong = || {
                let what = "the name of a secret: letters, digits and '_', and not beginning with NEARHIT_";
                Failure::bad_field(path.clone(), format!("'{path}' must be {what}."))
            };
            Ok((upstream.clone(), name.ok_or_else(wrong)?.to_owned()))
        })
        .collect()
}

fn is_secret_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

/// Makes a token. It is shown in this answer and never again.
async fn add_token<W: World>(world: &W, setup: &Setup, tenant: &str) -> Result<Reply<W>, Failure> {
    let mut random = [0; 32];
    random[..16].copy_from_slice(&world.random());
    random[16..].copy_from_slice(&world.random());
    if random[..16] == random[16..] {
        let why = "The platform gives no random numbers, so no token can be made.";
        return Err(Failure::no_provider_key(why.into()));
    }
    let made = token::make(tenant, &random);
    let id = format!("tok_{}", &random_name(world)[..16]);
    let created_ms = world.now_ms();
    let new = Token { id: id.clone(), hash: token::hash(&setup.secret, &made), created_ms };
    match order(world, tenant, Order::AddToken(new)).await? {
        Outcome::Shown(_) => Ok(reply(201, Some(json!({"id": id, "token": made, "created_ms": created_ms})))),
        other => shown(tenant, other),
    }
}

fn shown<W: World>(id: &str, outcome: Outcome) -> Result<Reply<W>, Failure> {
    match outcome {
        Outcome::Shown(Tenant { keys, tokens, mode, caps, export }) => {
            let tokens: Vec<Value> =
                tokens.iter().map(|token| json!({"id": token.id, "created_ms": token.created_ms})).collect();
            let (mode, caps) = (mode.map(Mode::as_str), written_caps(&caps));
            let shown = json!({"id": id, "keys": keys, "mode": mode, "caps": caps, "export": export, "tokens": tokens});
            Ok(reply(200, Some(shown)))
        }
        Outcome::NoToken => Err(Failure::not_found(format!("The tenant '{id}' has no such token."))),
        Outcome::TooMany => Err(Failure::bad_field(
            "tokens",
            format!("The tenant '{id}' has as many tokens as it may have. Revoke one first."),
        )),
        Outcome::NoTenant | Outcome::Admitted(_) | Outcome::Refused => {
            Err(Failure::not_found(format!("There is no tenant '{id}'. Make it with PUT /admin/v1/tenants/{id}.")))
        }
    }
}
