//! `GET /metrics`: the Prometheus text format, version 0.0.4.

use std::fmt::Write;

use super::super::{Reply, ReplyBody, Setup};
use super::evidence::{Reports, standing};
use super::query::Query;
use super::sums::{Ledgers, Told};
use super::{budgets, sums};
use crate::cache::key::Digest;
use crate::error::Failure;
use crate::forward::prefix::changes::Part;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::totals::metrics::{head, write_metrics};
use crate::ports::evidence::ShardReport;
use crate::ports::{ShardPlace, World};
use crate::semantic::answers::Likeness;
use crate::semantic::record::{Occasion, ScopeRecord};
use crate::semantic::risk::Standing;

/// Scopes that have metrics of their own; the others are in the sums alone, so that the number of series stays bounded.
const MAX_SCOPES: usize = 100;

/// Ledgers that have metrics: as many as can be asked twice.
const MAX_LEDGERS: usize = 400;

/// All metrics.
pub(super) async fn answer<W: World>(world: &W, setup: &Setup) -> Result<Reply<W>, Failure> {
    let reports = Reports::collect(world, None).await?;
    let mut text = String::new();
    ledgers(world, &mut text).await?;
    counters(&mut text, &reports);
    prefix_breaks(&mut text, &reports);
    gauges(&mut text, setup, &reports);
    scopes(&mut text, setup, &reports);
    let headers = vec![
        ("content-type".to_owned(), "text/plain; version=0.0.4; charset=utf-8".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(text.into_bytes()) })
}

/// What the ledgers count: each under the name of its tenant, since a sum over those that answer would fall when one
/// does not.
async fn ledgers<W: World>(world: &W, text: &mut String) -> Result<(), Failure> {
    let Ledgers { names, known } = sums::ledgers(world, &Query::default()).await?;
    // Each is asked twice, for its counters and for its budgets.
    let asked: Vec<String> = names.into_iter().take(MAX_LEDGERS).collect();
    let lifetime = |answer| if let Answer::Lifetime(lifetime) = answer { Some(*lifetime) } else { None };
    let Told { found, silent } = sums::ask_all(world, asked.clone(), &Ask::Lifetime, lifetime).await;
    let single = [
        ("nearhit_ledgers_known", "Ledgers that there are.", known),
        ("nearhit_ledgers_asked", "Ledgers that were asked.", asked.len()),
        ("nearhit_ledgers_silent", "Ledgers that were asked and did not answer.", silent),
    ];
    for (name, help, value) in single {
        head(text, name, "gauge", help);
        let _ = writeln!(text, "{name} {value}");
    }
    write_metrics(text, &found);
    budgets::metrics(text, &budgets::all(world, asked).await);
    Ok(())
}

/// Counters are a shard's own: a sum over those that answered would fall when one does not.
fn counters(text: &mut String, reports: &Reports) {
    type Of = fn(&ScopeRecord) -> u64;
    let families: [(&str, &str, &str, Of); 4] = [
        ("nearhit_semantic_hits_total", "", "Hits by meaning that were served.", |total| total.served),
        ("nearhit_shadow_misses_total", "", "Requests in shadow mode that went upstream.", |total| total.shadow_asked),
        ("nearhit_feedback_total", "verdict=\"good\",", "Words on entries.", |total| u64::from(total.feedback[0])),
        ("nearhit_feedback_total", "verdict=\"bad\",", "", |total| u64::from(total.feedback[1])),
    ];
    for (name, labels, help, of) in families {
        if !help.is_empty() {
            head(text, name, "counter", help);
        }
        for (place, report) in &reports.shards {
            let _ = writeln!(text, "{name}{{{labels}shard=\"{}\"}} {}", place.0, of(&report.total));
        }
    }
    let name = "nearhit_compared_total";
    head(text, name, "counter", "Answers of the upstream that were compared with an entry.");
    for (place, report) in &reports.shards {
        for occasion in Occasion::ALL {
            for likeness in Likeness::ALL {
                let (what, how) = (occasion.as_str(), likeness.as_str());
                let count = report.total.compared[occasion as usize][likeness.index()];
                let _ = writeln!(text, "{name}{{occasion=\"{what}\",answers=\"{how}\",shard=\"{}\"}} {count}", place.0);
            }
        }
    }
}

fn prefix_breaks(text: &mut String, reports: &Reports) {
    let name = "nearhit_prefix_breaks_total";
    head(
        text,
        name,
        "counter",
        "Prompt prefixes that differed from the last one of their kind, by the first part that did.",
    );
    for (place, report) in &reports.shards {
        for (part, count) in Part::ALL.into_iter().zip(report.prefix_breaks) {
            let _ = writeln!(text, "{name}{{part=\"{}\",shard=\"{}\"}} {count}", part.as_str(), place.0);
        }
    }
}

fn gauges(text: &mut String, setup: &Setup, reports: &Reports) {
    type Of = fn(&ShardReport) -> u64;
    let families: [(&str, &str, Of); 5] = [
        ("nearhit_leases", "Requests that lead others or may come to.", |report| report.leases),
        ("nearhit_followers", "Requests that wait for such a one.", |report| report.followers),
        ("nearhit_entries", "Entries that a shard holds.", |report| report.entries),
        ("nearhit_entry_bytes", "Bytes of those entries.", |report| report.bytes),
        ("nearhit_negative_pairs", "Pairs of texts that never serve again.", |report| report.negatives),
    ];
    for (name, help, of) in families {
        head(text, name, "gauge", help);
        for (place, report) in &reports.shards {
            let _ = writeln!(text, "{name}{{shard=\"{}\"}} {}", place.0, of(report));
        }
    }
    let single: [(&str, &str, f64); 3] = [
        ("nearhit_max_error_rate", "The error budget.", setup.config.max_error_rate),
        ("nearhit_shards_known", "Shards that have something to report.", reports.known as f64),
        ("nearhit_shards_silent", "Shards that were asked and did not answer.", reports.silent as f64),
    ];
    for (name, help, value) in single {
        head(text, name, "gauge", help);
        let _ = writeln!(text, "{name} {value}");
    }
}

fn scopes(text: &mut String, setup: &Setup, reports: &Reports) {
    let of_shard = |(place, report): &'_ (ShardPlace, ShardReport)| -> Vec<(String, Standing)> {
        let name = |scope: &Digest| format!("{}/{}", place.0, &scope.to_string()[..16]);
        report.scopes.iter().map(|(scope, record)| (name(scope), standing(setup, record))).collect()
    };
    let standings: Vec<_> = reports.shards.iter().flat_map(of_shard).take(MAX_SCOPES).collect();
    type Of = fn(&Standing) -> f64;
    let families: [(&str, &str, Of); 4] = [
        ("threshold", "The score from which a hit may serve; 2 when none may.", |at| f64::from(at.threshold)),
        ("error_bound", "Upper confidence bound on the share of wrong hits.", |at| at.bound),
        ("judged", "Judged outcomes behind the bound, discounted by age.", |at| at.judged),
        ("judged_bad", "Those of them that were wrong.", |at| at.bad),
    ];
    for (name, help, of) in families {
        head(text, &format!("nearhit_scope_{name}"), "gauge", help);
        for (scope, standing) in &standings {
            let _ = writeln!(text, "nearhit_scope_{name}{{scope=\"{scope}\"}} {}", of(standing));
        }
    }
}
