//! The admin API: who may call it, and which room of it answers. `openapi.json` describes it; a test holds the two together.

mod budgets;
mod entries;
mod evidence;
mod export;
mod metrics;
mod page;
mod query;
mod sums;
mod tenants;
mod walk;

use std::rc::Rc;

use serde_json::Value;

use super::{Call, Reply, ReplyBody, Setup};
use crate::error::Failure;
use crate::ports::World;
use crate::tenant::token;

/// The document that describes the admin API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Every route: the method, and the path after `/admin/v1/`, in which `{}` stands for a name.
pub const ROUTES: [(&str, &str); 22] = [
    ("GET", "stats"),
    ("GET", "events"),
    ("GET", "shadow"),
    ("GET", "entries"),
    ("GET", "entries/{}"),
    ("DELETE", "entries/{}"),
    ("POST", "purge"),
    ("POST", "feedback"),
    ("GET", "export"),
    ("GET", "openapi.json"),
    ("GET", "tenants"),
    ("GET", "tenants/{}"),
    ("PUT", "tenants/{}"),
    ("DELETE", "tenants/{}"),
    ("POST", "tenants/{}/tokens"),
    ("POST", "tenants/{}/tokens/{}/rotate"),
    ("DELETE", "tenants/{}/tokens/{}"),
    ("GET", "budgets"),
    ("POST", "budgets"),
    ("GET", "budgets/{}"),
    ("PUT", "budgets/{}"),
    ("DELETE", "budgets/{}"),
];

/// Answers `/admin/v1/{path}`.
pub(super) async fn answer<W: World>(
    world: &Rc<W>,
    setup: &Rc<Setup>,
    call: &Call,
    path: &str,
) -> Result<Reply<W>, Failure> {
    let_in(&**world, setup, call)?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let matching = |template: &str| matches(template, &segments);
    let found = ROUTES.iter().find(|(method, template)| *method == call.method && matching(template));
    let Some((method, template)) = found else {
        let allowed: Vec<&str> =
            ROUTES.iter().filter(|(_, template)| matching(template)).map(|(method, _)| *method).collect();
        let what = format!("The admin API has no {} /admin/v1/{path}.", call.method);
        return Err(if allowed.is_empty() { Failure::not_found(what) } else { Failure::not_allowed(what, &allowed) });
    };
    let name = |at: usize| segments.get(at).copied().unwrap_or_default();
    let world = &**world;
    match (*method, *template) {
        (_, "stats") => sums::stats(world, setup, query).await,
        (_, "events") => sums::events(world, query).await,
        (_, "shadow") => evidence::shadow(world, setup, query).await,
        (_, "feedback") => evidence::feedback(world, setup, &call.body).await,
        (_, "entries") => entries::list(world, query).await,
        ("DELETE", "entries/{}") => entries::remove(world, name(1)).await,
        (_, "entries/{}") => entries::show(world, name(1)).await,
        (_, "purge") => entries::purge(world, setup, &call.body).await,
        (_, "export") => export::answer(world, query).await,
        (_, "openapi.json") => Ok(document()),
        (_, "budgets") if call.method == "GET" => budgets::list(world, query).await,
        (_, "budgets") => budgets::make(world, setup, &call.body).await,
        (_, "budgets/{}") => budgets::one(world, setup, call, name(1), query).await,
        (_, "tenants") => tenants::list(world, query).await,
        (_, template) if template.starts_with("tenants/") => tenants::answer(world, setup, call, &segments).await,
        (_, template) => Err(Failure::not_found(format!("Nothing answers {template}."))),
    }
}

/// Whether a path is of a template's form. A name in it is never empty.
fn matches(template: &str, segments: &[&str]) -> bool {
    let mut parts = template.split('/');
    let fits = segments.iter().all(|segment| match parts.next() {
        Some("{}") => !segment.is_empty(),
        part => part == Some(segment),
    });
    fits && parts.next().is_none()
}

/// Answers `GET /metrics`, with the same token.
pub(super) async fn metrics<W: World>(world: &W, setup: &Setup, call: &Call) -> Result<Reply<W>, Failure> {
    let_in(world, setup, call)?;
    metrics::answer(world, setup).await
}

/// Answers `GET /dashboard...`: a page that holds no data, and so needs no token.
pub(super) fn dashboard<W: World>(path: &str) -> Result<Reply<W>, Failure> {
    page::answer(path)
}

/// Checks the admin token. What is wrong with a wrong one is not said, and nobody may guess for long.
fn let_in<W: World>(world: &W, setup: &Setup, call: &Call) -> Result<(), Failure> {
    // The platform sets it; what a client sends of it never arrives.
    let address = call.header("cf-connecting-ip").unwrap_or_default();
    let (now_ms, attempts) = (world.now_ms(), &setup.memory.attempts);
    if let Some(wait_secs) = attempts.borrow().wait_secs(address, now_ms) {
        return Err(Failure::too_many_attempts(wait_secs));
    }
    let sent = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let known = setup.admin_token.as_deref().ok_or_else(Failure::unauthorized_admin)?;
    // Hashes are compared, so that the time tells nothing about the token's length either.
    let hash = |token: &str| token::hash(&setup.secret, token);
    if token::same(&hash(sent.trim()), &hash(known)) {
        return Ok(());
    }
    attempts.borrow_mut().wrong(address, now_ms);
    Err(Failure::unauthorized_admin())
}

fn document<W: World>() -> Reply<W> {
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    Reply { status: 200, headers, body: ReplyBody::Whole(OPENAPI.as_bytes().to_vec()) }
}

fn reply<W: World>(status: u16, body: Option<Value>) -> Reply<W> {
    let mut headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
    if body.is_some() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    Reply { status, headers, body: ReplyBody::Whole(body) }
}
