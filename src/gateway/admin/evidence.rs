//! What is known about hits by meaning: feedback in, statistics and the shadow report out.

use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use super::super::{Reply, Setup};
use super::query::{Query, check_tenant};
use super::reply;
use crate::cache::key::Digest;
use crate::error::Failure;
use crate::ports::evidence::{Feedback, FeedbackDone, ShardReport, Sighting};
use crate::ports::{ShardPlace, World};
use crate::protocol::json::{kind, parse};
use crate::semantic::answers::Likeness;
use crate::semantic::decision::sure_bound;
use crate::semantic::record::{Occasion, ScopeRecord};
use crate::semantic::risk::{self, EDGES, LEVELS, Standing};

/// Shards that one report asks at most: a Worker may not make more requests than that for one of its own.
const MAX_PLACES: usize = 40;

/// The error budgets that the shadow report compares, beside the configured one.
const BUDGETS: [f64; 6] = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1];

/// `POST /admin/v1/feedback`: `{"entry": "<x-nearhit-entry>", "verdict": "good" | "bad"}`.
pub(super) async fn feedback<W: World>(world: &W, setup: &Setup, body: &[u8]) -> Result<Reply<W>, Failure> {
    let body = parse(body)?;
    let id = body["entry"].as_str().ok_or_else(|| {
        let what = kind(&body["entry"]);
        Failure::bad_field("entry", format!("'entry' must be the id in an answer's x-nearhit-entry, not {what}."))
    })?;
    let good = match body["verdict"].as_str() {
        Some("good") => true,
        Some("bad") => false,
        _ => {
            let what = format!("'verdict' is {}; it must be \"good\" or \"bad\".", body["verdict"]);
            return Err(Failure::bad_field("verdict", what));
        }
    };
    let unknown = || Failure::not_found(format!("There is no entry '{id}'."));
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits than an f32 has")]
    let audit_share = setup.config.audit_share as f32;
    let (place, entry) = ShardPlace::of_entry(id).ok_or_else(unknown)?;
    let done = world
        .feedback(&place, &Feedback { entry, good, audit_share })
        .await
        .map_err(|_| Failure::shards_unavailable())?;
    if !done.known {
        return Err(unknown());
    }
    let FeedbackDone { evicted, pairs, record, known: _ } = done;
    let scope = record.map(|(scope, record)| scope_report(setup, &place, &scope, &record));
    Ok(reply(200, Some(json!({"entry": id, "evicted": evicted, "pairs": pairs, "scope": scope}))))
}

/// The part of `GET /admin/v1/stats` on hits by meaning: counts, and for each scope its threshold, the bound on its errors,
/// and the evidence for them.
pub(super) async fn stats<W: World>(
    world: &W,
    setup: &Setup,
    tenant: Option<&str>,
) -> Result<Map<String, Value>, Failure> {
    let reports = Reports::collect(world, tenant).await?;
    let mut scopes: Vec<Value> = Vec::new();
    for (place, report) in &reports.shards {
        scopes.extend(report.scopes.iter().map(|(scope, record)| scope_report(setup, place, scope, record)));
    }
    let base = standing(setup, &ScopeRecord::default());
    let sum = |of: fn(&ShardReport) -> u64| reports.shards.iter().map(|(_, report)| of(report)).sum::<u64>();
    let body = json!({
        "max_error_rate": setup.config.max_error_rate,
        "audit_share": setup.config.audit_share,
        "threshold": threshold_value(&base), "bound": round(base.bound),
        "entries": sum(|report| report.entries), "bytes": sum(|report| report.bytes),
        "negatives": sum(|report| report.negatives),
        "total": counts(&reports.total()),
        "scopes": scopes,
        "shards_listed": reports.shards.len(), "shards_known": reports.known, "shards_silent": reports.silent,
    });
    let Value::Object(body) = body else { return Ok(Map::new()) };
    Ok(body)
}

/// `GET /admin/v1/shadow`: what hit rate and error rate an error budget would have had on the traffic in shadow mode.
pub(super) async fn shadow<W: World>(world: &W, setup: &Setup, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["tenant", "max_error_rate"])?;
    let mut budgets = BUDGETS.to_vec();
    budgets.push(setup.config.max_error_rate);
    if let Some(asked) = query.get("max_error_rate") {
        let asked: f64 = asked.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0).ok_or_else(|| {
            Failure::bad_field("max_error_rate", format!("'max_error_rate' is '{asked}'; it must be a number up to 1."))
        })?;
        budgets = vec![asked];
    }
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    let reports = Reports::collect(world, query.get("tenant")).await?;
    let total = reports.total();
    let rows: Vec<Value> = budgets.iter().map(|budget| shadow_row(setup, &total, *budget)).collect();
    let mut sightings: Vec<&Sighting> = reports.shards.iter().flat_map(|(_, report)| &report.sightings).collect();
    sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.at_ms));
    let sightings: Vec<Value> = sightings.into_iter().take(100).map(sighting_value).collect();
    Ok(reply(200, Some(json!({"asked": total.shadow_asked, "budgets": rows, "sightings": sightings}))))
}

/// What a budget would have done: hits are counted at the threshold that the calibration gives it. The same words in
/// another wrapping count at every budget.
fn shadow_row(setup: &Setup, total: &ScopeRecord, budget: f64) -> Value {
    let threshold = risk::standing(setup.judge.calibration(), None, budget).threshold;
    let mut sums = total.shadow_sure.map(u64::from);
    for level in (0..LEVELS).filter(|level| EDGES[*level] >= threshold) {
        sums.iter_mut().zip(total.shadow[level]).for_each(|(sum, count)| *sum += u64::from(count));
    }
    let [agreed, differed, unclear] = sums;
    let (hits, judged) = (agreed + differed + unclear, agreed + differed);
    json!({
        "max_error_rate": budget, "threshold": (threshold <= 1.0).then_some(threshold),
        "hits": hits, "hit_rate": share(hits, total.shadow_asked),
        "agreed": agreed, "differed": differed, "unclear": unclear,
        "error_rate": share(differed, judged),
        "error_bound": round(risk::upper_bound(differed as f64, judged as f64, risk::CONFIDENCE)),
    })
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| round(part as f64 / whole as f64))
}

fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

fn sighting_value(sighting: &Sighting) -> Value {
    let Sighting { query: _, entry: _, score, reason, likeness, at_ms, texts } = sighting;
    let (asked, answered) = texts.as_ref().map(|(asked, answered)| (asked, answered)).unzip();
    json!({
        "at_ms": at_ms, "score": round(f64::from(*score)), "reason": reason,
        "answers": likeness.map(Likeness::as_str), "asked": asked, "neighbour": answered,
    })
}

/// A scope's threshold, as it is applied, its bound, and what they rest on.
pub(super) fn standing(setup: &Setup, record: &ScopeRecord) -> Standing {
    let evidence = Some(&record.evidence.verified);
    let standing = risk::standing(setup.judge.calibration(), evidence, setup.config.max_error_rate);
    Standing { threshold: standing.threshold.max(setup.config.threshold), ..standing }
}

fn threshold_value(standing: &Standing) -> Option<f64> {
    (standing.threshold <= 1.0).then(|| round(f64::from(standing.threshold)))
}

fn scope_report(setup: &Setup, place: &ShardPlace, scope: &Digest, record: &ScopeRecord) -> Value {
    let standing = standing(setup, record);
    let rate = setup.config.max_error_rate;
    json!({
        "scope": scope.to_string(), "shard": place.0,
        "threshold": threshold_value(&standing), "bound": round(standing.bound),
        "judged": round(standing.judged), "bad": round(standing.bad), "rests_on": standing.source.as_str(),
        "wording_bound": round(sure_bound(&record.evidence.sure, rate)),
        "counts": counts(record),
    })
}

/// The counts of a record.
fn counts(record: &ScopeRecord) -> Value {
    let ScopeRecord { served, compared, feedback: [good, bad], shadow_asked, .. } = record;
    let compared: serde_json::Map<String, Value> = Occasion::ALL
        .into_iter()
        .map(|occasion| {
            let row = Likeness::ALL
                .map(|likeness| (likeness.as_str().to_owned(), compared[occasion as usize][likeness.index()].into()));
            (occasion.as_str().to_owned(), Value::Object(row.into_iter().collect()))
        })
        .collect();
    json!({"served": served, "feedback": {"good": good, "bad": bad}, "compared": compared, "shadow_asked": shadow_asked})
}

/// What the shards tell.
pub(super) struct Reports {
    /// Those that answered.
    pub(super) shards: Vec<(ShardPlace, ShardReport)>,
    /// How many are known.
    pub(super) known: usize,
    /// How many did not answer.
    pub(super) silent: usize,
}

impl Reports {
    /// Asks the shards of a tenant, or all; those that were used last, when there are too many.
    pub(super) async fn collect<W: World>(world: &W, tenant: Option<&str>) -> Result<Self, Failure> {
        tenant.map_or(Ok(()), check_tenant)?;
        let places = world.places(tenant).await.map_err(|_| Failure::shards_unavailable())?.places;
        let known = places.len();
        let asked: Vec<ShardPlace> = places.into_iter().map(|(place, _)| place).take(MAX_PLACES).collect();
        let answers = join_all(asked.iter().map(|place| world.report(place))).await;
        let silent = answers.iter().filter(|answer| answer.is_err()).count();
        let shards = asked.into_iter().zip(answers).filter_map(|(place, answer)| Some((place, answer.ok()?))).collect();
        Ok(Self { shards, known, silent })
    }

    /// The sum over all scopes.
    pub(super) fn total(&self) -> ScopeRecord {
        let mut total = ScopeRecord::default();
        self.shards.iter().for_each(|(_, report)| total.add(&report.total));
        total
    }
}
