//! `usage` of `GET /admin/v1/stats`: the answers of several ledgers as one piece of JSON.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Cell;
use super::labels::OTHER;
use super::query::Query;
use super::span::Span;
use crate::ledger::record::Kind;

/// Rows of a list besides those of `other`.
pub const MAX_ROWS: usize = 100;

/// The row of all tenants beyond the first [`MAX_ROWS`]. A tenant may be called [`OTHER`], but not this.
pub const OTHER_TENANTS: &str = "~other";

/// Which ledgers had something to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Ledgers that there are.
    pub known: usize,
    /// Those of them that were asked.
    pub asked: usize,
    /// Those of these that did not answer.
    pub silent: usize,
}

/// What the ledgers answered, by the tenant's id or [`super::OWN`], as the admin API shows it.
///
/// The lists are sorted by cost, then by requests; what is not among the first [`MAX_ROWS`] is summed up in a last row
/// `other` (for decisions, one for each kind; for tenants, [`OTHER_TENANTS`]). With a filter only `by_tenant` has rows: the other lists are empty.
#[must_use]
pub fn usage(query: &Query, ledgers: &[(String, Span)], reach: Reach) -> Value {
    let Query { from_ms, to_ms, grain, filter: _ } = query;
    let (mut span, mut tenants) = (Span::default(), BTreeMap::<&str, Cell>::new());
    for (tenant, answer) in ledgers {
        span.merge(answer);
        tenants.entry(tenant).or_default().add(&answer.sum.all);
    }
    let Span { series, sum } = span;
    let series = series.iter().map(|(start_ms, cell)| row([("start_ms", json!(start_ms))], cell));
    let decisions = sum.decisions.iter();
    let decisions = decisions.flat_map(|(kind, cells)| cells.iter().map(|(reason, cell)| ((*kind, reason), cell)));
    let by_decision = first(decisions, |(kind, _)| (*kind, OTHER));
    let by_decision = by_decision.iter().map(|((kind, reason), cell)| decision(*kind, reason, cell));
    let by_tag: Map<String, Value> =
        sum.tags.iter().map(|(name, values)| (name.to_owned(), list("value", OTHER, values.iter()))).collect();
    let tenants = tenants.iter().filter(|(_, cell)| cell.requests() > 0);
    json!({
        "from_ms": from_ms,
        "to_ms": to_ms,
        "grain": grain.as_str(),
        "totals": sum.all.json(),
        "series": series.collect::<Vec<_>>(),
        "by_decision": by_decision.collect::<Vec<_>>(),
        "by_model": list("model", OTHER, sum.models.iter()),
        "by_tag": by_tag,
        "by_tenant": list("tenant", OTHER_TENANTS, tenants.map(|(tenant, cell)| (*tenant, cell))),
        "overflowed": sum.overflowed,
        "unrecorded": sum.unrecorded,
        "ledgers_known": reach.known,
        "ledgers_asked": reach.asked,
        "ledgers_silent": reach.silent,
    })
}

fn decision(kind: Kind, reason: &str, cell: &Cell) -> Value {
    row([("decision", json!(kind.as_str())), ("reason", json!(reason))], cell)
}

/// The cells of one label as rows that name it. `other`: what the rest is called.
fn list<'a>(name: &str, other: &'a str, cells: impl Iterator<Item = (&'a str, &'a Cell)>) -> Value {
    first(cells, |_| other).iter().map(|(label, cell)| row([(name, json!(label))], cell)).collect()
}

fn row<const N: usize>(labels: [(&str, Value); N], cell: &Cell) -> Value {
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Object(labels.chain(cell.json()).collect())
}

/// The dearest cells, and after them the sums of the others under what `other` makes of their keys.
fn first<'a, K: Ord + Copy>(cells: impl Iterator<Item = (K, &'a Cell)>, other: impl Fn(&K) -> K) -> Vec<(K, Cell)> {
    let dearest_first = |(key, cell): &(K, &Cell)| (Reverse((cell.cost, cell.requests())), *key);
    let (others, mut own): (Vec<_>, Vec<_>) = cells.partition(|(key, _)| other(key) == *key);
    own.sort_by_key(dearest_first);
    let mut rest = BTreeMap::<K, Cell>::new();
    for (key, cell) in own.iter().skip(MAX_ROWS).chain(&others) {
        rest.entry(other(key)).or_default().add(cell);
    }
    let mut rest: Vec<_> = rest.iter().map(|(key, cell)| (*key, cell)).collect();
    rest.sort_by_key(dearest_first);
    own.truncate(MAX_ROWS);
    own.into_iter().chain(rest).map(|(key, cell)| (key, cell.clone())).collect()
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
