//! What requests came to: sums by time, tag, model and tenant, and the last hits and near misses worth a look.

use futures_util::future::join_all;
use serde_json::Value;

use super::super::{Reply, Setup};
use super::query::{Query, check_tenant};
use super::{evidence, reply};
use crate::error::Failure;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::totals::query::{Asked, Query as Wanted};
use crate::ledger::totals::recent::{self, EventKind};
use crate::ledger::totals::series::{self, Reach};
use crate::ports::World;

/// Ledgers that one question asks at most: a Worker may not make more requests than the platform allows for one of its
/// own.
const MAX_LEDGERS: u32 = 200;

/// Events of one answer at most, and when nobody says how many.
const MAX_EVENTS: u64 = 200;
const EVENTS: u64 = 50;

/// The ledgers that a question is for: one, or all of them. Gives their names.
pub(super) async fn ledgers<W: World>(world: &W, query: &Query) -> Result<Vec<String>, Failure> {
    match query.get("tenant") {
        Some(name) => check_tenant(name).map(|()| vec![name.to_owned()]),
        None => {
            let listed = world.ledgers(None, MAX_LEDGERS).await.map_err(|_| Failure::shards_unavailable())?;
            Ok(listed.into_iter().map(|(name, _)| name).collect())
        }
    }
}

/// Asks ledgers the same. Gives what `read` finds in the answers of those that have one, by ledger.
pub(super) async fn ask_all<W: World, T>(
    world: &W,
    ledgers: Vec<String>,
    ask: &Ask,
    read: impl Fn(Answer) -> Option<T>,
) -> Vec<(String, T)> {
    let answers = join_all(ledgers.iter().map(|ledger| world.book(ledger, ask))).await;
    let answers = answers.into_iter().map(|answer| answer.ok().and_then(&read));
    ledgers.into_iter().zip(answers).filter_map(|(ledger, found)| Some((ledger, found?))).collect()
}

/// `GET /admin/v1/stats`: what requests cost and saved, and how far hits by meaning may go.
pub(super) async fn stats<W: World>(world: &W, setup: &Setup, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["from", "to", "grain", "tenant", "tag", "model"])?;
    // As far as JavaScript counts.
    let most = (1 << 53) - 1;
    let asked = Asked {
        from_ms: query.number("from", 0, most)?,
        to_ms: query.number("to", 0, most)?,
        grain: query.get("grain"),
        tag: query.get("tag"),
        model: query.get("model"),
    };
    let wanted = Wanted::read(&asked, world.now_ms())
        .map_err(|mistake| Failure::bad_field(mistake.param(), mistake.to_string()))?;
    let ledgers = ledgers(world, &query).await?;
    let known = ledgers.len();
    let span = |answer| if let Answer::Usage(span) = answer { Some(*span) } else { None };
    let spans = ask_all(world, ledgers, &Ask::Usage(wanted.clone()), span).await;
    let reach = Reach { known: known as u64, silent: (known - spans.len()) as u64 };
    let mut body = evidence::stats(world, setup, query.get("tenant")).await?;
    body.insert("usage".to_owned(), series::usage(&wanted, &spans, reach));
    Ok(reply(200, Some(Value::Object(body))))
}

/// `GET /admin/v1/events`: the last hits by meaning and near misses.
pub(super) async fn events<W: World>(world: &W, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["tenant", "kind", "limit"])?;
    let limit = query.number("limit", 1, MAX_EVENTS)?.unwrap_or(EVENTS);
    let kind = match query.get("kind") {
        None => None,
        Some(name) => Some(EventKind::parse(name).ok_or_else(|| {
            Failure::bad_field("kind", format!("'kind' is '{name}'; it must be \"hit\" or \"near-miss\"."))
        })?),
    };
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let of_ledger = |answer| if let Answer::Events(events) = answer { Some(events) } else { None };
    let found = ask_all(world, ledgers(world, &query).await?, &Ask::Events(kind, limit), of_ledger).await;
    let events = found.iter().flat_map(|(_, events)| events);
    Ok(reply(200, Some(recent::events(events, limit as usize))))
}
