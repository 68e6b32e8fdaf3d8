//! What the cache holds: finding entries, reading one, removing some.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::{Reply, Setup};
use super::query::{Query, check_tenant};
use super::reply;
use super::walk::Walk;
use crate::cache::entry;
use crate::cache::key::{Digest, EntryPrefix};
use crate::canonical::{Api, Completion};
use crate::error::Failure;
use crate::ledger::book::Ask;
use crate::ledger::totals::recent::Forget;
use crate::ports::entries::{EntryRow, EntryWhole, Filter, Find, Purge};
use crate::ports::{OWN_KEYS, ShardPlace, World};
use crate::protocol::json::{kind, parse};
use crate::protocol::said;

/// The longest text that is searched for, in bytes.
const MAX_TEXT_BYTES: usize = 1_000;

/// What a purge may be given.
const FILTERS: [&str; 5] = ["entry", "tag", "scope", "model", "tenant"];

/// `GET /admin/v1/entries?q=&tenant=&limit=&cursor=`: entries, shard by shard, each shard's newest first.
pub(super) async fn list<W: World>(world: &W, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["q", "tenant", "limit", "cursor"])?;
    let limit = u32::try_from(query.number("limit", 1, 200)?.unwrap_or(50)).unwrap_or(50);
    let text = query.get("q").map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT_BYTES) {
        return Err(Failure::bad_field("q", format!("'q' must be at most {MAX_TEXT_BYTES} bytes long.")));
    }
    let mut walk = Walk::begin(world, query.tenant()?, None, query.get("cursor")).await?;
    let mut entries = Vec::new();
    while entries.len() < limit as usize
        && let Some((place, after)) = walk.next()
    {
        let wanted = limit - u32::try_from(entries.len()).unwrap_or(limit);
        match world.find(&place, &Find { text: text.clone(), after, limit: wanted }).await {
            Ok(page) => {
                entries.extend(page.entries.iter().map(|row| entry_value(&place, row)));
                walk.answered(page.next);
            }
            Err(_) => walk.unanswered(),
        }
    }
    let body = json!({"entries": entries, "next": walk.cursor(), "shards_silent": walk.silent});
    Ok(reply(200, Some(body)))
}

/// `GET /admin/v1/entries/{id}`: one entry, with its answer.
pub(super) async fn show<W: World>(world: &W, id: &str) -> Result<Reply<W>, Failure> {
    let (place, prefix) = place_of(id)?;
    let shown = world.show(&place, &prefix).await.map_err(|_| Failure::shards_unavailable())?;
    let EntryWhole { row, stored, prompt: _ } = shown.ok_or_else(|| unknown(id))?;
    let completion = entry::decode(&stored);
    let mut body = entry_value(&place, &row);
    if let Value::Object(body) = &mut body {
        body.insert("answer".into(), completion.as_ref().map(answer_text).into());
        body.insert("api".into(), completion.as_ref().map(|completion| api_of(completion).as_str()).into());
    }
    Ok(reply(200, Some(body)))
}

/// `DELETE /admin/v1/entries/{id}`.
pub(super) async fn remove<W: World>(world: &W, id: &str) -> Result<Reply<W>, Failure> {
    let (place, prefix) = place_of(id)?;
    // First the words about it: an entry that is gone is not there to be asked for again.
    if forget_events(world, vec![place.clone()], |_| Forget::Entry(id.to_owned())).await > 0 {
        return Err(Failure::shards_unavailable());
    }
    let order = Purge { filter: Filter::one(prefix), dry_run: false };
    let done = world.purge(&place, &order).await.map_err(|_| Failure::shards_unavailable())?;
    if done.purged > 0 { Ok(reply(204, None)) } else { Err(unknown(id)) }
}

/// `POST /admin/v1/purge`: removes what matches all of `entry`, `tag`, `scope`, `model` and `tenant` that are given, or only
/// counts it (`dry_run`).
pub(super) async fn purge<W: World>(world: &W, setup: &Setup, body: &[u8]) -> Result<Reply<W>, Failure> {
    let Asked { mut order, only, tenant, cursor } = read_purge(body)?;
    // Sums and budgets name a model with its upstream, entries by itself.
    let of_upstream = |model: &str| {
        Some(model.split_once('/').filter(|(name, _)| setup.config.upstream(name).is_some())?.1.to_owned())
    };
    order.filter.model = order.filter.model.map(|model| of_upstream(&model).unwrap_or(model));
    let mut walk = Walk::begin(world, tenant.as_deref(), only, cursor.as_deref()).await?;
    if let Some(tenant) = tenant.as_deref().filter(|_| order.filter.is_empty() && !order.dry_run) {
        // The ledger holds beginnings of what was asked.
        let forgotten = world.book(tenant, &Ask::ForgetEvents(Forget::All)).await;
        forgotten.map_err(|_| Failure::shards_unavailable())?;
    }
    let (mut matched, mut purged, mut lost) = (0, 0, Vec::new());
    while let Some((place, _)) = walk.next() {
        match world.purge(&place, &order).await {
            Ok(done) => {
                matched += done.matched;
                purged += done.purged;
                lost.extend((done.purged > 0).then_some(place));
                walk.answered(None);
            }
            Err(_) => walk.unanswered(),
        }
    }
    let ledgers_silent = forget_events(world, lost, Forget::Places).await;
    let body = json!({
        "dry_run": order.dry_run, "matched": matched, "purged": purged, "next": walk.cursor(),
        "shards_silent": walk.silent, "shards_dropped": walk.dropped, "ledgers_silent": ledgers_silent,
    });
    Ok(reply(200, Some(body)))
}

/// Takes the texts out of the events that name entries of these shards, in the ledgers of those whose shards they are. Gives
/// how many ledgers could not be told.
async fn forget_events<W: World>(world: &W, places: Vec<ShardPlace>, which: impl Fn(Vec<ShardPlace>) -> Forget) -> u64 {
    if places.is_empty() {
        return 0;
    }
    let Ok(listed) = world.places(None).await else { return 1 };
    let owners: BTreeMap<ShardPlace, Option<String>> = listed.places.into_iter().collect();
    let mut by_ledger = BTreeMap::<String, Vec<ShardPlace>>::new();
    for place in places {
        let ledger = owners.get(&place).cloned().flatten().unwrap_or_else(|| OWN_KEYS.to_owned());
        by_ledger.entry(ledger).or_default().push(place);
    }
    let mut silent = 0;
    for (ledger, places) in by_ledger {
        silent += u64::from(world.book(&ledger, &Ask::ForgetEvents(which(places))).await.is_err());
    }
    silent
}

/// What is to be purged, and where.
struct Asked {
    order: Purge,
    only: Option<ShardPlace>,
    tenant: Option<String>,
    cursor: Option<String>,
}

/// Reads an order to purge. A field that is unknown or `null` is refused: it would make the purge larger than was meant.
fn read_purge(body: &[u8]) -> Result<Asked, Failure> {
    let Value::Object(fields) = parse(body)? else { return Err(Failure::bad_json("it is not an object")) };
    let mut asked = Asked { order: Purge::default(), only: None, tenant: None, cursor: None };
    for (name, value) in &fields {
        let wrong = |what: &str| Failure::bad_field(name, format!("'{name}' must be {what}, not {}.", shown(value)));
        let text = |what| value.as_str().filter(|text| !text.is_empty()).ok_or_else(|| wrong(what));
        let filter = &mut asked.order.filter;
        match name.as_str() {
            "entry" => {
                let what = "the id of an entry";
                let (place, prefix) = ShardPlace::of_entry(text(what)?).ok_or_else(|| wrong(what))?;
                (filter.entry, asked.only) = (Some(prefix), Some(place));
            }
            "tag" => filter.tag = Some(read_tag(text("a label")?).ok_or_else(|| wrong("a label: 'name=value'"))?),
            "scope" => {
                let what = "a scope: 64 hexadecimal digits";
                filter.scope = Some(Digest::parse(text(what)?).ok_or_else(|| wrong(what))?);
            }
            "model" => filter.model = Some(text("the name of a model")?.to_owned()),
            "tenant" => {
                let tenant = text("the name of a tenant")?;
                check_tenant(tenant)?;
                asked.tenant = Some(tenant.to_owned());
            }
            "dry_run" => asked.order.dry_run = value.as_bool().ok_or_else(|| wrong("true or false"))?,
            "cursor" if value.is_null() => {}
            "cursor" => asked.cursor = Some(text("the 'next' of an answer")?.to_owned()),
            _ => {
                let known = FILTERS.join(", ");
                let message = format!("'{name}' is not a filter; known are {known}, and dry_run and cursor.");
                return Err(Failure::bad_field(name, message));
            }
        }
    }
    if asked.order.filter.is_empty() && asked.tenant.is_none() {
        let filters = FILTERS.join(", ");
        return Err(Failure::bad_field("filter", format!("A purge needs at least one filter: {filters}.")));
    }
    Ok(asked)
}

/// A label, `name=value`, as clients write them in `x-nearhit-tags`.
fn read_tag(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let formed = !name.is_empty() && !text.chars().any(char::is_control);
    formed.then(|| (name.to_owned(), value.to_owned()))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| kind(value).to_owned(), |text| format!("'{text}'"))
}

fn place_of(id: &str) -> Result<(ShardPlace, EntryPrefix), Failure> {
    ShardPlace::of_entry(id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failure {
    Failure::not_found(format!("There is no entry '{id}'."))
}

fn entry_value(place: &ShardPlace, row: &EntryRow) -> Value {
    let EntryRow { seq: _, exact, scope, text, model, tags, created_ms, expires_ms, hits, tokens, bytes } = row;
    let tags: Map<String, Value> = tags.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "id": place.entry_id(exact), "text": text, "model": model, "tags": tags, "scope": scope.to_string(),
        "created_ms": created_ms, "expires_ms": expires_ms, "hits": hits, "tokens": tokens, "bytes": bytes,
    })
}

/// What an answer says: its text, and a line for each call of a tool.
pub(super) fn answer_text(completion: &Completion) -> String {
    let said = said(completion);
    let calls = said.calls.iter().map(|call| format!("{}({})", call.name, call.arguments));
    let parts: Vec<String> = Some(said.text).filter(|text| !text.is_empty()).into_iter().chain(calls).collect();
    parts.join("\n")
}

/// The API that a stored answer belongs to.
pub(super) fn api_of(completion: &Completion) -> Api {
    match completion {
        Completion::Chat(_) => Api::ChatCompletions,
        Completion::Response(_) => Api::Responses,
        Completion::Message(_) => Api::Messages,
        Completion::Embedding(_) => Api::Embeddings,
    }
}
