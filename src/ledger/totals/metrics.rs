//! The ledgers' part of `GET /admin/v1/metrics`, in the Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::lifetime::{EDGES_US, Histogram, Lifetime};
use super::{sources, token_kinds};

/// Microseconds in a second.
const US_PER_SECOND: u64 = 1_000_000;

/// Lifetimes by tenant.
type Tenants<'a> = BTreeMap<&'a str, Lifetime>;

/// Writes the counters of ledgers, each with the tenant's id or [`super::OWN`]. Ledgers of the same tenant are summed
/// up, for Prometheus refuses a text in which a series comes twice.
///
/// Writing into a `String` cannot fail, so nobody looks at what `writeln!` answers.
pub fn write_metrics(text: &mut String, ledgers: &[(String, Lifetime)]) {
    let mut tenants = Tenants::new();
    for (tenant, lifetime) in ledgers {
        tenants.entry(tenant).or_default().merge(lifetime);
    }
    requests(text, &tenants);
    for (name, help, of) in TIMES {
        head(text, name, "histogram", help);
        tenants.iter().for_each(|(tenant, lifetime)| histogram(text, name, tenant, of(lifetime)));
    }
    tokens_and_money(text, &tenants);
    for (name, help, of) in COUNTERS {
        head(text, name, "counter", help);
        tenants.iter().for_each(|(tenant, lifetime)| sample(text, name, &[("tenant", tenant)], of(lifetime)));
    }
}

/// A family of metrics that only a tenant labels: its name, what it is, and where a lifetime has it.
type Family<T> = (&'static str, &'static str, Of<T>);

/// Where a lifetime has it.
type Of<T> = fn(&Lifetime) -> &T;

/// The histograms.
const TIMES: [Family<Histogram>; 4] = [
    ("nearhit_lookup_seconds", "Time that asking the shard took.", |lifetime| &lifetime.lookup),
    ("nearhit_embed_seconds", "Time that embedding a text took.", |lifetime| &lifetime.embed),
    ("nearhit_upstream_seconds", "Time from sending to the upstream's headers.", |lifetime| &lifetime.upstream),
    ("nearhit_request_seconds", "Time from a request to the end of its answer.", |lifetime| &lifetime.total),
];

/// The counters that only a tenant labels.
const COUNTERS: [Family<u64>; 3] = [
    ("nearhit_unpriced_requests_total", "Requests whose cost is not known; no sum has it.", |lifetime| {
        &lifetime.unpriced
    }),
    ("nearhit_unrecorded_total", "Requests that could not be written down.", |lifetime| &lifetime.lost),
    ("nearhit_labels_overflowed_total", "Requests with a label that is counted as 'other'.", |lifetime| {
        &lifetime.overflowed
    }),
];

fn requests(text: &mut String, tenants: &Tenants<'_>) {
    let name = "nearhit_requests_total";
    head(text, name, "counter", "Requests, by what became of them and why.");
    for (tenant, lifetime) in tenants {
        for (kind, reasons) in &lifetime.decisions {
            for (reason, count) in reasons.iter() {
                sample(text, name, &[("tenant", tenant), ("decision", kind.as_str()), ("reason", reason)], count);
            }
        }
    }
    let name = "nearhit_hit_ratio";
    head(text, name, "gauge", "Share of the requests that might be hits that were, since the ledger began.");
    for (tenant, lifetime) in tenants {
        if let Some(ratio) = lifetime.hit_ratio() {
            sample(text, name, &[("tenant", tenant)], ratio);
        }
    }
}

fn tokens_and_money(text: &mut String, tenants: &Tenants<'_>) {
    let name = "nearhit_tokens_total";
    head(text, name, "counter", "Tokens that upstreams counted. Reasoning is a part of output.");
    for (tenant, lifetime) in tenants {
        for (kind, count) in token_kinds(&lifetime.tokens) {
            sample(text, name, &[("tenant", tenant), ("kind", kind)], count);
        }
    }
    let name = "nearhit_cost_usd_total";
    head(text, name, "counter", "What requests cost in US dollars, by model.");
    for (tenant, lifetime) in tenants {
        for (model, cost) in lifetime.costs.iter() {
            sample(text, name, &[("tenant", tenant), ("model", model)], cost);
        }
    }
    let name = "nearhit_saved_usd_total";
    head(text, name, "counter", "What requests did not cost in US dollars, by what saved it.");
    for (tenant, lifetime) in tenants {
        for (source, amount) in sources(&lifetime.saved) {
            sample(text, name, &[("tenant", tenant), ("source", source)], amount);
        }
    }
}

/// One histogram. Its buckets are cumulative: each has everything below its edge.
fn histogram(text: &mut String, name: &str, tenant: &str, times: &Histogram) {
    let edges = EDGES_US.map(seconds);
    let edges = edges.iter().map(String::as_str).chain(["+Inf"]);
    let (bucket, mut count) = (format!("{name}_bucket"), 0_u64);
    for (edge, more) in edges.zip(times.counts) {
        count = count.saturating_add(more);
        sample(text, &bucket, &[("tenant", tenant), ("le", edge)], count);
    }
    sample(text, &format!("{name}_sum"), &[("tenant", tenant)], seconds(times.sum_us));
    sample(text, &format!("{name}_count"), &[("tenant", tenant)], count);
}

/// Microseconds as seconds, exactly: `0.0025`, `30`.
fn seconds(us: u64) -> String {
    let exact = format!("{}.{:06}", us / US_PER_SECOND, us % US_PER_SECOND);
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes what a family of metrics is, before its samples.
pub fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    text.push_str(name);
    for (index, (label, of)) in labels.iter().enumerate() {
        let _ = write!(text, "{}{label}=\"", if index == 0 { '{' } else { ',' });
        escape(text, of);
        text.push('"');
    }
    let _ = writeln!(text, "}} {value}");
}

/// A label's value as the format wants it: backslashes, quotes and line feeds escaped, everything else as it is.
fn escape(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
