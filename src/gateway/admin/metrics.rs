//! `GET /metrics`: the Prometheus text format, version 0.0.4.

use std::fmt::Write;

use super::super::{Reply, ReplyBody, Setup};
use super::evidence::{Reports, standing};
use crate::error::Failure;
use crate::ports::World;
use crate::semantic::answers::Likeness;
use crate::semantic::record::{Occasion, ScopeRecord};

/// Scopes that have metrics of their own; the others are in the sums alone, so that the number of series stays bounded.
const MAX_SCOPES: usize = 100;

/// All metrics.
pub(super) async fn answer<W: World>(world: &W, setup: &Setup) -> Result<Reply<W>, Failure> {
    let reports = Reports::collect(world, setup, "").await?;
    let mut text = String::new();
    sums(&mut text, &reports.total());
    let sum = |of: fn(&crate::ports::evidence::ShardReport) -> u64| -> u64 {
        reports.shards.iter().map(|(_, report)| of(report)).sum()
    };
    gauge(&mut text, "nearhit_entries", "Entries held by the shards that were asked.", sum(|report| report.entries));
    gauge(&mut text, "nearhit_entry_bytes", "Bytes of those entries.", sum(|report| report.bytes));
    gauge(
        &mut text,
        "nearhit_negative_pairs",
        "Pairs of texts that never serve again.",
        sum(|report| report.negatives),
    );
    gauge(&mut text, "nearhit_shards_silent", "Shards that did not answer.", reports.silent as u64);
    let _ = writeln!(text, "# HELP nearhit_max_error_rate The error budget.\n# TYPE nearhit_max_error_rate gauge");
    let _ = writeln!(text, "nearhit_max_error_rate {}", setup.config.max_error_rate);
    scopes(&mut text, setup, &reports);
    let headers = vec![
        ("content-type".to_owned(), "text/plain; version=0.0.4; charset=utf-8".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(text.into_bytes()) })
}

fn gauge(text: &mut String, name: &str, help: &str, value: u64) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}

fn sums(text: &mut String, total: &ScopeRecord) {
    let ScopeRecord { evidence: _, served, compared, feedback: [good, bad], shadow_asked, shadow: _ } = total;
    let _ = writeln!(
        text,
        "# HELP nearhit_semantic_hits_total Hits by meaning that were served.\n\
         # TYPE nearhit_semantic_hits_total counter\nnearhit_semantic_hits_total {served}\n\
         # HELP nearhit_feedback_total Hits by meaning that feedback judged.\n\
         # TYPE nearhit_feedback_total counter\n\
         nearhit_feedback_total{{verdict=\"good\"}} {good}\nnearhit_feedback_total{{verdict=\"bad\"}} {bad}\n\
         # HELP nearhit_shadow_misses_total Requests in shadow mode that went upstream.\n\
         # TYPE nearhit_shadow_misses_total counter\nnearhit_shadow_misses_total {shadow_asked}\n\
         # HELP nearhit_compared_total Answers of the upstream that were compared with an entry.\n\
         # TYPE nearhit_compared_total counter"
    );
    for occasion in Occasion::ALL {
        for likeness in Likeness::ALL {
            let (name, answers) = (occasion.as_str(), likeness.as_str());
            let count = compared[occasion as usize][likeness.index()];
            let _ = writeln!(text, "nearhit_compared_total{{occasion=\"{name}\",answers=\"{answers}\"}} {count}");
        }
    }
}

fn scopes(text: &mut String, setup: &Setup, reports: &Reports) {
    let listed: Vec<_> = reports.shards.iter().flat_map(|(_, report)| &report.scopes).take(MAX_SCOPES).collect();
    let standings: Vec<_> = listed.iter().map(|(scope, record)| (scope.to_string(), standing(setup, record))).collect();
    type Of = fn(&crate::semantic::risk::Standing) -> f64;
    let families: [(&str, &str, Of); 4] = [
        ("threshold", "The score from which a hit may serve; 2 when none may.", |at| f64::from(at.threshold)),
        ("error_bound", "Upper confidence bound on the share of wrong hits.", |at| at.bound),
        ("judged", "Judged outcomes behind the bound, discounted by age.", |at| at.judged),
        ("judged_bad", "Those of them that were wrong.", |at| at.bad),
    ];
    for (name, help, of) in families {
        let _ = writeln!(text, "# HELP nearhit_scope_{name} {help}\n# TYPE nearhit_scope_{name} gauge");
        for (scope, standing) in &standings {
            let _ = writeln!(text, "nearhit_scope_{name}{{scope=\"{}\"}} {}", &scope[..16], of(standing));
        }
    }
}
