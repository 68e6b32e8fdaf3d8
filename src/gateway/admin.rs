//! The admin API: tenants and their tokens.

use serde_json::{Value, json};

use super::{Call, Reply, ReplyBody, Setup, random_name};
use crate::error::Failure;
use crate::ports::World;
use crate::protocol::json::{kind, parse};
use crate::tenant::directory::{Order, Outcome, Tenant, Token};
use crate::tenant::token;

/// Answers `/admin/v1/{path}`.
pub(super) async fn answer<W: World>(world: &W, setup: &Setup, call: &Call, path: &str) -> Result<Reply<W>, Failure> {
    let_in(setup, call)?;
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["tenants", id]) => shown(id, order(world, id, Order::Show).await?),
        ("PUT", ["tenants", id]) => {
            let keys = read_keys(setup, &call.body)?;
            shown(id, order(world, id, Order::SetKeys(keys)).await?)
        }
        ("POST", ["tenants", id, "tokens"]) => add_token(world, setup, id).await,
        ("DELETE", ["tenants", id, "tokens", name]) => {
            let outcome = order(world, id, Order::Revoke((*name).to_owned())).await?;
            match outcome {
                Outcome::Shown(_) => Ok(reply(204, None)),
                other => shown(id, other),
            }
        }
        _ => Err(Failure::not_found(format!("The admin API has no {} /admin/v1/{path}.", call.method))),
    }
}

/// Checks the admin token. What is wrong with a wrong one is not said.
fn let_in(setup: &Setup, call: &Call) -> Result<(), Failure> {
    let sent = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let known = setup.admin_token.as_deref().ok_or_else(Failure::unauthorized)?;
    // Hashes are compared, so that the time tells nothing about the token's length either.
    let hash = |token: &str| token::hash(&setup.secret, token);
    if token::same(&hash(sent.trim()), &hash(known)) { Ok(()) } else { Err(Failure::unauthorized()) }
}

async fn order<W: World>(world: &W, tenant: &str, order: Order) -> Result<Outcome, Failure> {
    if !token::is_tenant(tenant) {
        let allowed = format!("1 to {} of a-z, 0-9 and '-'", token::MAX_TENANT_BYTES);
        return Err(Failure::bad_field("tenant", format!("'{tenant}' is not a tenant's name: use {allowed}.")));
    }
    world.order(tenant, &order).await.map_err(|_| Failure::tenants_unavailable())
}

/// `{"keys": {"openai": "NAME_OF_A_SECRET"}}`.
fn read_keys(setup: &Setup, body: &[u8]) -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let body = parse(body)?;
    let Value::Object(keys) = &body["keys"] else {
        let what = "an object that names for each upstream the secret with the key for it";
        return Err(Failure::bad_field("keys", format!("'keys' must be {what}, not {}.", kind(&body["keys"]))));
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
        Outcome::Shown(Tenant { keys, tokens }) => {
            let tokens: Vec<Value> =
                tokens.iter().map(|token| json!({"id": token.id, "created_ms": token.created_ms})).collect();
            Ok(reply(200, Some(json!({"id": id, "keys": keys, "tokens": tokens}))))
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

fn reply<W: World>(status: u16, body: Option<Value>) -> Reply<W> {
    let mut headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
    if body.is_some() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    Reply { status, headers, body: ReplyBody::Whole(body) }
}
