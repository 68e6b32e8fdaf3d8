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
use crate::ports::{OWN_KEYS, World};

/// Ledgers that one question asks at most: a Worker may make a thousand requests for one of its own.
const MAX_LEDGERS: usize = 800;

/// Ledgers that are asked at the same time.
const AT_ONCE: usize = 50;

/// Names that the list of ledgers is asked for at once, and how often.
const PAGE: u32 = 1_000;
const MAX_PAGES: usize = 10;

/// Events of one answer at most, and when nobody says how many.
const MAX_EVENTS: u64 = 200;
const EVENTS: u64 = 50;

/// The ledgers that a question is for.
pub(super) struct Ledgers {
    /// Those that are asked.
    pub(super) names: Vec<String>,
    /// How many there are.
    pub(super) known: usize,
}

/// What ledgers said.
pub(super) struct Told<T, L = String> {
    /// What they have, by ledger.
    pub(super) found: Vec<(L, T)>,
    /// How many did not answer.
    pub(super) silent: usize,
}

/// The ledgers that a question is for: one, or all of them. When there are more than can be asked, the callers with keys of
/// their own are among those that are, and the others come in the order of their names.
pub(super) async fn ledgers<W: World>(world: &W, query: &Query) -> Result<Ledgers, Failure> {
    if let Some(name) = query.get("tenant") {
        check_tenant(name)?;
        return Ok(Ledgers { names: vec![name.to_owned()], known: 1 });
    }
    let mut names: Vec<String> = Vec::new();
    for _ in 0..MAX_PAGES {
        let after = names.last().map(String::as_str);
        let listed = world.ledgers(after, PAGE).await.map_err(|_| Failure::shards_unavailable())?;
        let last = listed.len() < PAGE as usize;
        names.extend(listed.into_iter().map(|(name, _)| name));
        if last {
            break;
        }
    }
    let known = names.len();
    // What no tenant can be called sorts last.
    names.sort_by_key(|name| name != OWN_KEYS);
    names.truncate(MAX_LEDGERS);
    Ok(Ledgers { names, known })
}

/// Asks ledgers the same. Gives what `read` finds in the answers of those that have one.
pub(super) async fn ask_all<W: World, T>(
    world: &W,
    ledgers: Vec<String>,
    ask: &Ask,
    read: impl Fn(Answer) -> Option<T>,
) -> Told<T> {
    let mut told = Told { found: Vec::new(), silent: 0 };
    for group in ledgers.chunks(AT_ONCE) {
        let answers = join_all(group.iter().map(|ledger| world.book(ledger, ask))).await;
        for (ledger, answer) in group.iter().zip(answers) {
            match answer.ok().and_then(&read) {
                Some(found) => told.found.push((ledger.clone(), found)),
                None => told.silent += 1,
            }
        }
    }
    told
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
    let Ledgers { names, known } = ledgers(world, &query).await?;
    let asked = names.len();
    let span = |answer| if let Answer::Usage(span) = answer { Some(*span) } else { None };
    let Told { found, silent } = ask_all(world, names, &Ask::Usage(wanted.clone()), span).await;
    let reach = Reach { known, asked, silent };
    let mut body = evidence::stats(world, setup, query.get("tenant")).await?;
    body.insert("usage".to_owned(), series::usage(&wanted, &found, reach));
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
    let names = ledgers(world, &query).await?.names;
    let Told { found, .. } = ask_all(world, names, &Ask::Events(kind, limit), of_ledger).await;
    let events = found.iter().flat_map(|(_, events)| events);
    Ok(reply(200, Some(recent::events(events, limit as usize))))
}
