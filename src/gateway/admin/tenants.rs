//! Tenants and their tokens.

use serde_json::{Value, json};

use super::super::{Call, Reply, Setup, random_name};
use super::budgets::not_a_cursor;
use super::query::Query;
use super::reply;
use crate::config::{Allowed, Mode};
use crate::error::Failure;
use crate::forward::reasoning::{Caps, Effort};
use crate::ports::{Enlisted, World};
use crate::protocol::json::{kind, parse};
use crate::tenant::directory::{Change, Order, Outcome, Tenant, Token};
use crate::tenant::token;

/// Tenants of one page, when nobody says how many.
const TENANTS: u64 = 100;

/// Tenants of one page at most.
const MAX_TENANTS: u64 = 1_000;

/// Names that the list of ledgers is asked for at once, and how often for one page: not all of them are tenants.
const MAX_LISTED: u32 = 1_000;
const MAX_LOOKS: usize = 10;

/// `GET /admin/v1/tenants`: the tenants, in the order of their names.
pub(super) async fn list<W: World>(world: &W, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["limit", "cursor"])?;
    let limit = u32::try_from(query.number("limit", 1, MAX_TENANTS)?.unwrap_or(TENANTS)).unwrap_or(u32::MAX);
    let mut after = query.get("cursor").map(str::to_owned);
    if let Some(name) = after.as_deref().filter(|name| !token::is_tenant(name)) {
        return Err(Failure::bad_field("cursor", not_a_cursor(name)));
    }
    let mut found: Vec<String> = Vec::new();
    let mut more = true;
    for _ in 0..MAX_LOOKS {
        if !more || found.len() == limit as usize {
            break;
        }
        let listed = world.ledgers(after.as_deref(), MAX_LISTED).await.map_err(|_| Failure::shards_unavailable())?;
        more = listed.len() == MAX_LISTED as usize;
        for (name, standing) in listed {
            if found.len() == limit as usize {
                more = true;
                break;
            }
            after = Some(name.clone());
            if standing == Enlisted::Tenant {
                found.push(name);
            }
        }
    }
    let next = after.filter(|name| more && token::is_tenant(name));
    let tenants: Vec<Value> = found.iter().map(|id| json!({"id": id})).collect();
    Ok(reply(200, Some(json!({"tenants": tenants, "next": next}))))
}

/// Answers `/admin/v1/tenants/{id}...`.
pub(super) async fn answer<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    segments: &[&str],
) -> Result<Reply<W>, Failure> {
    match (call.method.as_str(), segments) {
        ("PUT", [_, id]) => change(world, setup, id, &call.body).await,
        ("DELETE", [_, id]) => remove(world, id).await,
        ("POST", [_, id, "tokens"]) => add_token(world, setup, id).await,
        ("POST", [_, id, "tokens", name, "rotate"]) => rotate(world, setup, id, name).await,
        ("DELETE", [_, id, "tokens", name]) => match order(world, id, Order::Revoke((*name).to_owned())).await {
            Ok(Outcome::Shown(_)) => Ok(reply(204, None)),
            Ok(other) => shown(id, other),
            Err(failure) => Err(failure),
        },
        (_, [_, id, ..]) => order(world, id, Order::Show).await.and_then(|outcome| shown(id, outcome)),
        _ => Err(Failure::not_found("There is no tenant without a name.".into())),
    }
}

/// Ends a tenant: its tokens are good for nothing from now on. What it cost stays in its ledger.
async fn remove<W: World>(world: &W, id: &str) -> Result<Reply<W>, Failure> {
    match order(world, id, Order::Remove).await? {
        Outcome::Removed => {
            world.list_ledger(id, Enlisted::Sums).await.map_err(|_| Failure::tenants_unavailable())?;
            Ok(reply(204, None))
        }
        other => shown(id, other),
    }
}

/// `{"keys": {"openai": "NAME_OF_A_SECRET"}, "mode": "shadow", "caps": {"max_effort": "low"}, "export": true}`; what is not
/// named stays as it is.
async fn change<W: World>(world: &W, setup: &Setup, id: &str, body: &[u8]) -> Result<Reply<W>, Failure> {
    let body = parse(body)?;
    let fields = body.as_object().ok_or_else(|| Failure::bad_json("it is not an object"))?;
    const KNOWN: [&str; 4] = ["keys", "mode", "caps", "export"];
    if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        let what = format!("'{name}' is not a setting of a tenant; known are {}.", KNOWN.join(", "));
        return Err(Failure::bad_field(name, what));
    }
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
    let outcome = order(world, id, Order::Set(Change { keys, mode, caps, export })).await?;
    world.list_ledger(id, Enlisted::Tenant).await.map_err(|_| Failure::tenants_unavailable())?;
    shown(id, outcome)
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
    let (new, made) = new_token(world, setup, tenant)?;
    let answer = token_answer(&new, &made);
    match order(world, tenant, Order::AddToken(new)).await? {
        Outcome::Shown(_) => Ok(answer),
        other => shown(tenant, other),
    }
}

/// Makes a token in the place of another one, which ends in the same moment.
async fn rotate<W: World>(world: &W, setup: &Setup, tenant: &str, name: &str) -> Result<Reply<W>, Failure> {
    let (new, made) = new_token(world, setup, tenant)?;
    let answer = token_answer(&new, &made);
    match order(world, tenant, Order::Rotate(name.to_owned(), new)).await? {
        Outcome::Shown(_) => Ok(answer),
        other => shown(tenant, other),
    }
}

fn new_token<W: World>(world: &W, setup: &Setup, tenant: &str) -> Result<(Token, String), Failure> {
    let mut random = [0; 32];
    random[..16].copy_from_slice(&world.random());
    random[16..].copy_from_slice(&world.random());
    if random[..16] == random[16..] {
        let why = "The platform gives no random numbers, so no token can be made.";
        return Err(Failure::no_provider_key(why.into()));
    }
    let made = token::make(tenant, &random);
    let id = format!("tok_{}", &random_name(world)[..16]);
    Ok((Token { id, hash: token::hash(&setup.secret, &made), created_ms: world.now_ms() }, made))
}

fn token_answer<W: World>(new: &Token, made: &str) -> Reply<W> {
    reply(201, Some(json!({"id": new.id, "token": made, "created_ms": new.created_ms})))
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
        Outcome::NoTenant | Outcome::Admitted(_) | Outcome::Refused | Outcome::Removed => {
            Err(Failure::not_found(format!("There is no tenant '{id}'. Make it with PUT /admin/v1/tenants/{id}.")))
        }
    }
}
