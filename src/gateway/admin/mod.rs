//! The admin API: who may call it, and which room of it answers.

mod entries;
mod evidence;
mod export;
mod metrics;
mod query;
mod tenants;
mod walk;

use serde_json::Value;

use super::{Call, Reply, ReplyBody, Setup};
use crate::error::Failure;
use crate::ports::World;
use crate::tenant::token;

/// Answers `/admin/v1/{path}`.
pub(super) async fn answer<W: World>(world: &W, setup: &Setup, call: &Call, path: &str) -> Result<Reply<W>, Failure> {
    let_in(setup, call)?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let answer = match (call.method.as_str(), segments.as_slice()) {
        (_, ["tenants", rest @ ..]) => tenants::answer(world, setup, call, rest).await,
        ("POST", ["feedback"]) => Some(evidence::feedback(world, setup, &call.body).await),
        ("GET", ["entries"]) => Some(entries::list(world, query).await),
        ("GET", ["entries", id]) => Some(entries::show(world, id).await),
        ("DELETE", ["entries", id]) => Some(entries::remove(world, id).await),
        ("GET", ["export"]) => Some(export::answer(world, query).await),
        ("POST", ["purge"]) => Some(entries::purge(world, &call.body).await),
        ("GET", ["stats"]) => Some(evidence::stats(world, setup, query).await),
        ("GET", ["shadow"]) => Some(evidence::shadow(world, setup, query).await),
        _ => None,
    };
    let unknown = || Failure::not_found(format!("The admin API has no {} /admin/v1/{path}.", call.method));
    answer.unwrap_or_else(|| Err(unknown()))
}

/// Answers `GET /metrics`, with the same token.
pub(super) async fn metrics<W: World>(world: &W, setup: &Setup, call: &Call) -> Result<Reply<W>, Failure> {
    let_in(setup, call)?;
    metrics::answer(world, setup).await
}

/// Checks the admin token. What is wrong with a wrong one is not said.
fn let_in(setup: &Setup, call: &Call) -> Result<(), Failure> {
    let sent = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let known = setup.admin_token.as_deref().ok_or_else(Failure::unauthorized)?;
    // Hashes are compared, so that the time tells nothing about the token's length either.
    let hash = |token: &str| token::hash(&setup.secret, token);
    if token::same(&hash(sent.trim()), &hash(known)) { Ok(()) } else { Err(Failure::unauthorized()) }
}

fn reply<W: World>(status: u16, body: Option<Value>) -> Reply<W> {
    let mut headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
    if body.is_some() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    Reply { status, headers, body: ReplyBody::Whole(body) }
}
