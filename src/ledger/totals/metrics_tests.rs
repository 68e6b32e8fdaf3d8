use std::collections::{BTreeMap, BTreeSet};

use super::super::samples::{HOSTILE, any_records, hit, miss, of_model};
use super::*;
use crate::ledger::record::RequestRecord;
use proptest::prelude::*;

fn lifetime_of(records: &[RequestRecord]) -> Lifetime {
    let mut lifetime = Lifetime::default();
    records.iter().for_each(|record| lifetime.add(record, false));
    lifetime
}

fn written(ledgers: &[(&str, Lifetime)]) -> String {
    let ledgers: Vec<_> = ledgers.iter().map(|(tenant, lifetime)| ((*tenant).to_owned(), lifetime.clone())).collect();
    let mut text = String::new();
    write_metrics(&mut text, &ledgers);
    text
}

/// A sample as a scraper reads it: the name, the labels, the value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Reads the text strictly, as the format's description says, and checks what `promtool check metrics` does: one HELP
/// and one TYPE before a family's samples, no family in two parts, no series twice, names that fit the type.
fn scraped(text: &str) -> Vec<Sample> {
    let (mut family, mut kind) = (String::new(), String::new());
    let (mut families, mut series, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.split_terminator('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()) && !help.is_empty(), "{line}");
            family = name.to_owned();
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, of) = of.split_once(' ').unwrap();
            assert!(name == family && ["counter", "gauge", "histogram"].contains(&of), "{line}");
            kind = of.to_owned();
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        } else {
            let (name, labels, value) = sample_of(line);
            let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{family}{part}"));
            assert!(if kind == "histogram" { parts.contains(&name) } else { name == family }, "{line}");
            assert!(series.insert((name.clone(), labels.clone())), "twice: {line}");
            samples.push((name, labels, value));
        }
    }
    samples
}

fn sample_of(line: &str) -> Sample {
    let (name, mut rest) = line.split_once('{').unwrap();
    assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{line}");
    let mut labels = BTreeMap::new();
    loop {
        let (label, value) = rest.split_once("=\"").unwrap();
        let (mut read, mut letters) = (String::new(), value.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("no end: {line}")) {
                (at, '"') => break at,
                (_, '\\') => read.push(match letters.next().unwrap().1 {
                    'n' => '\n',
                    same @ ('\\' | '"') => same,
                    other => panic!("\\{other} is no escape: {line}"),
                }),
                (_, letter) => read.push(letter),
            }
        };
        assert!(labels.insert(label.to_owned(), read).is_none(), "{line}");
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (name.to_owned(), labels, rest.strip_prefix("} ").unwrap().parse().unwrap()),
        }
    }
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: BTreeMap<_, _> = labels.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect();
    samples.iter().find(|(of, with, _)| of == name && *with == labels).map(|(_, _, value)| *value)
}

#[test]
fn everything_is_written_as_the_format_wants_it() {
    let text = written(&[("acme", lifetime_of(&[miss(), hit(), RequestRecord { lost: 2, ..miss() }]))]);
    for expected in [
        "# HELP nearhit_requests_total Requests, by what became of them and why.\n\
         # TYPE nearhit_requests_total counter\n\
         nearhit_requests_total{tenant=\"acme\",decision=\"hit-exact\",reason=\"\"} 1\n\
         nearhit_requests_total{tenant=\"acme\",decision=\"miss\",reason=\"numbers\"} 2\n",
        "# TYPE nearhit_hit_ratio gauge\nnearhit_hit_ratio{tenant=\"acme\"} 0.3333333333333333\n",
        "# TYPE nearhit_lookup_seconds histogram\nnearhit_lookup_seconds_bucket{tenant=\"acme\",le=\"0.0005\"} 0\n",
        "nearhit_lookup_seconds_bucket{tenant=\"acme\",le=\"0.0025\"} 1\n\
         nearhit_lookup_seconds_bucket{tenant=\"acme\",le=\"0.005\"} 3\n",
        "nearhit_lookup_seconds_bucket{tenant=\"acme\",le=\"300\"} 3\n\
         nearhit_lookup_seconds_bucket{tenant=\"acme\",le=\"+Inf\"} 3\n\
         nearhit_lookup_seconds_sum{tenant=\"acme\"} 0.008\nnearhit_lookup_seconds_count{tenant=\"acme\"} 3\n",
        "nearhit_embed_seconds_sum{tenant=\"acme\"} 0.025\n",
        "nearhit_upstream_seconds_sum{tenant=\"acme\"} 1.6\n",
        "nearhit_request_seconds_sum{tenant=\"acme\"} 2.404\n",
        "nearhit_tokens_total{tenant=\"acme\",kind=\"cached_write_1h\"} 8\n",
        "nearhit_cost_usd_total{tenant=\"acme\",model=\"openai/gpt-5\"} 2.469134\n",
        "nearhit_saved_usd_total{tenant=\"acme\",source=\"exact\"} 0.000000000007\n",
        "# TYPE nearhit_unpriced_requests_total counter\nnearhit_unpriced_requests_total{tenant=\"acme\"} 0\n",
        "nearhit_unrecorded_total{tenant=\"acme\"} 2\n",
        "nearhit_labels_overflowed_total{tenant=\"acme\"} 0\n",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    scraped(&text);
}

#[test]
fn families_are_named_once_for_all_tenants() {
    let lifetime = lifetime_of(&[miss()]);
    let samples = scraped(&written(&[("b", lifetime.clone()), ("~own", lifetime.clone()), ("a", lifetime)]));
    for tenant in ["a", "b", "~own"] {
        let labels = [("tenant", tenant), ("decision", "miss"), ("reason", "numbers")];
        assert_eq!(value(&samples, "nearhit_requests_total", &labels), Some(1.0), "{tenant}");
    }
}

#[test]
fn the_ledgers_of_one_tenant_are_one_series() {
    let samples = scraped(&written(&[("~own", lifetime_of(&[miss()])), ("~own", lifetime_of(&[miss(), hit()]))]));
    let labels = [("tenant", "~own"), ("model", "openai/gpt-5")];
    assert_eq!(value(&samples, "nearhit_cost_usd_total", &labels), Some(2.469_134));
    assert_eq!(value(&samples, "nearhit_request_seconds_count", &[("tenant", "~own")]), Some(3.0));
}

#[test]
fn there_is_no_ratio_of_no_requests() {
    let samples = scraped(&written(&[("idle", Lifetime::default())]));
    assert_eq!(value(&samples, "nearhit_hit_ratio", &[("tenant", "idle")]), None);
    assert_eq!(value(&samples, "nearhit_unrecorded_total", &[("tenant", "idle")]), Some(0.0));
    scraped(&written(&[]));
}

#[test]
fn buckets_are_cumulative_and_end_with_all() {
    let samples = scraped(&written(&[("acme", lifetime_of(&[miss(), hit(), hit()]))]));
    for name in ["nearhit_lookup_seconds", "nearhit_request_seconds"] {
        let bucket = format!("{name}_bucket");
        let of: Vec<f64> = samples.iter().filter(|(of, ..)| *of == bucket).map(|(_, _, value)| *value).collect();
        assert!(of.is_sorted() && of.len() == EDGES_US.len() + 1, "{of:?}");
        assert_eq!(of.last().copied(), value(&samples, &format!("{name}_count"), &[("tenant", "acme")]));
    }
}

#[test]
fn seconds_are_exact() {
    let cases = [(0, "0"), (1, "0.000001"), (500, "0.0005"), (1_000_000, "1"), (10_000_000, "10"), (2_500_000, "2.5")];
    for (us, expected) in cases {
        assert_eq!(seconds(us), expected);
    }
    assert_eq!(seconds(u64::MAX), "18446744073709.551615");
}

#[test]
fn hostile_labels_come_out_as_they_went_in() {
    for label in HOSTILE {
        let record = RequestRecord { reason: label.into(), ..of_model(label, 1_000_000_000_000) };
        let samples = scraped(&written(&[(label, lifetime_of(&[record]))]));
        let labels = [("tenant", label), ("decision", "miss"), ("reason", label)];
        assert_eq!(value(&samples, "nearhit_requests_total", &labels), Some(1.0), "{label}");
        assert_eq!(value(&samples, "nearhit_cost_usd_total", &[("tenant", label), ("model", label)]), Some(1.0));
        assert!(samples.iter().all(|(name, ..)| name != "nearhit_fake_total"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_any_requests_come_to_can_be_scraped(a in any_records(), b in any_records()) {
        let samples = scraped(&written(&[("a", lifetime_of(&a)), ("b\"\n", lifetime_of(&b))]));
        let requests = samples.iter().filter(|(name, ..)| name == "nearhit_requests_total");
        let requests: f64 = requests.map(|(_, _, value)| value).sum();
        prop_assert_eq!(requests, (a.len() + b.len()) as f64);
    }
}
