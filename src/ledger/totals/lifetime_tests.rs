use super::super::labels::OTHER;
use super::super::samples::{any_records, hit, miss, of_model};
use super::*;
use crate::ledger::record::Latency;
use proptest::prelude::*;

fn lifetime_of(records: &[RequestRecord]) -> Lifetime {
    let mut lifetime = Lifetime::default();
    records.iter().for_each(|record| lifetime.add(record, false));
    lifetime
}

/// How many requests decisions have together.
fn requests(lifetime: &Lifetime) -> u64 {
    lifetime.decisions.values().flat_map(Labels::iter).map(|(_, count)| count).sum()
}

#[test]
fn a_request_counts_wherever_it_belongs() {
    let unpriced = RequestRecord { cost: None, lost: 4, ..of_model("x/y", 0) };
    let lifetime = lifetime_of(&[miss(), hit(), unpriced]);
    assert_eq!(lifetime.decisions[&Kind::Miss].get("numbers"), Some(&2));
    assert_eq!(lifetime.decisions[&Kind::HitExact].get(""), Some(&1));
    assert_eq!((lifetime.tokens.output, lifetime.tokens.uncached), (12, 2));
    assert_eq!(lifetime.costs.iter().collect::<Vec<_>>(), [("openai/gpt-5", &miss().cost.unwrap())]);
    assert_eq!(lifetime.saved, hit().saved);
    assert_eq!((lifetime.unpriced, lifetime.lost, lifetime.overflowed), (1, 4, 0));
    assert_eq!(lifetime.hit_ratio(), Some(1.0 / 3.0));
    let seen = [&lifetime.lookup, &lifetime.embed, &lifetime.upstream, &lifetime.total];
    assert_eq!(seen.map(|times| times.counts.iter().sum::<u64>()), [3, 2, 2, 3]);
    assert_eq!(seen.map(|times| times.sum_us), [8_000, 25_000, 1_600_000, 2_404_000]);
}

#[test]
fn a_time_is_in_the_bucket_that_ends_behind_it() {
    let cases = [
        (0.0, 0),
        (0.5, 0),
        (0.501, 1),
        (1.0, 1),
        (2.6, 3),
        (60_000.0, 15),
        (60_001.0, 16),
        (300_000.0, 17),
        (300_001.0, 18),
        (f32::MAX, 18),
        (f32::INFINITY, 18),
        (-1.0, 0),
        (f32::NEG_INFINITY, 0),
    ];
    for (took_ms, bucket) in cases {
        let mut times = Histogram::default();
        times.note(took_ms);
        assert_eq!(times.counts.iter().position(|count| *count == 1), Some(bucket), "{took_ms} ms");
        assert_eq!(times.counts.iter().sum::<u64>(), 1, "{took_ms} ms");
    }
    assert!(EDGES_US.is_sorted());
}

#[test]
fn what_is_no_number_is_no_time() {
    let mut times = Histogram::default();
    times.note(f32::NAN);
    assert_eq!(times, Histogram::default());
}

#[test]
fn times_stop_at_the_largest_sum() {
    let record = RequestRecord { latency: Latency { total_ms: f32::MAX, ..Latency::default() }, ..miss() };
    let mut lifetime = lifetime_of(&[record.clone(), record]);
    assert_eq!((lifetime.total.sum_us, lifetime.total.counts[18]), (u64::MAX, 2));
    lifetime.merge(&lifetime.clone());
    assert_eq!((lifetime.total.sum_us, lifetime.total.counts[18]), (u64::MAX, 4));
}

#[test]
fn labels_without_room_are_other() {
    let mut lifetime = Lifetime::default();
    for index in 0..200 {
        lifetime.add(&RequestRecord { reason: format!("r{index}"), ..of_model(&format!("m{index}"), 1) }, false);
    }
    assert_eq!(lifetime.decisions[&Kind::Miss].len(), 128);
    assert_eq!(lifetime.decisions[&Kind::Miss].get(OTHER), Some(&72));
    assert_eq!(lifetime.costs.len(), 100);
    assert_eq!(lifetime.costs.get(OTHER), Some(&Money::from_picodollars(100)));
    assert_eq!(lifetime.overflowed, 100, "a request overflows once");
}

#[test]
fn an_overflow_on_a_page_is_counted_here_as_well_and_once() {
    let mut lifetime = Lifetime::default();
    lifetime.add(&miss(), true);
    assert_eq!(lifetime.overflowed, 1);
    for index in 0..200 {
        lifetime.add(&of_model(&format!("m{index}"), 1), true);
    }
    assert_eq!(lifetime.overflowed, 201);
    lifetime.merge(&lifetime.clone());
    assert_eq!(lifetime.overflowed, 402, "and of another ledger");
}

#[test]
fn a_model_without_a_price_takes_no_room() {
    let mut lifetime = Lifetime::default();
    for index in 0..200 {
        lifetime.add(&RequestRecord { cost: None, ..of_model(&format!("made-up-{index}"), 1) }, false);
    }
    assert_eq!((lifetime.costs.len(), lifetime.overflowed, lifetime.unpriced), (0, 0, 200));
}

#[test]
fn a_full_lifetime_fits_a_row_many_times() {
    let mut lifetime = Lifetime::default();
    for index in 0..300 {
        let (kind, label) = (Kind::NAMES[index % 9].1, format!("{index:0128}"));
        lifetime.add(&RequestRecord { kind, reason: label.clone(), ..of_model(&label, u128::MAX) }, false);
    }
    // 32 kB here; 137 counts and 76 numbers of histograms may have 9 bytes more each.
    let largest_bytes = lifetime.encode().len() + (137 + 76 + 20) * 9;
    assert!((30_000..40_000).contains(&largest_bytes), "{largest_bytes} bytes");
}

#[test]
fn a_lifetime_keeps_its_form_as_long_as_it_keeps_its_version() {
    let bytes = lifetime_of(&[RequestRecord { lost: 300, ..miss() }, hit()]).encode();
    // The version and the checksum of everything behind it.
    assert_eq!((&bytes[..5], bytes.len()), (&[1, 0xd7, 0x7d, 0xaa, 0x04][..], 142), "a new form needs a new version");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_lifetime_counts_every_request_once(records in any_records()) {
        let lifetime = lifetime_of(&records);
        prop_assert_eq!(requests(&lifetime), records.len() as u64);
        let cost: Money = lifetime.costs.iter().map(|(_, cost)| *cost).sum();
        prop_assert_eq!(cost, records.iter().filter_map(|record| record.cost).sum::<Money>());
        prop_assert_eq!(Lifetime::decode(&lifetime.encode()), Some(lifetime));
    }

    #[test]
    fn counters_never_fall(records in any_records(), more in any_records()) {
        let before = lifetime_of(&records);
        let mut after = before.clone();
        more.iter().for_each(|record| after.add(record, false));
        for (kind, reasons) in &before.decisions {
            for (reason, count) in reasons.iter() {
                prop_assert!(after.decisions[kind].get(reason) >= Some(count));
            }
        }
        for (model, cost) in before.costs.iter() {
            prop_assert!(after.costs.get(model) >= Some(cost));
        }
        prop_assert!(after.total.sum_us >= before.total.sum_us && after.lost >= before.lost);
    }

    #[test]
    fn merging_is_like_adding_the_requests(records in any_records(), cut in 0_usize..20) {
        let (first, second) = records.split_at(cut.min(records.len()));
        let mut sum = lifetime_of(first);
        sum.merge(&lifetime_of(second));
        prop_assert_eq!(sum, lifetime_of(&records));
    }
}
