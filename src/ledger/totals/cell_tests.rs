use super::samples::{any_records, hit, miss};
use super::*;
use proptest::prelude::*;

fn cell_of(records: &[RequestRecord]) -> Cell {
    let mut cell = Cell::default();
    records.iter().for_each(|record| cell.add_record(record));
    cell
}

#[test]
fn every_kind_has_a_count_of_its_own() {
    for (name, kind) in Kind::NAMES {
        let cell = cell_of(&[RequestRecord { kind, ..miss() }]);
        assert_eq!(cell.requests(), 1, "{name}");
        for (other, of) in Kind::NAMES {
            assert_eq!(cell.count(of), u64::from(of == kind), "{name} counted as {other}");
        }
    }
}

#[test]
fn a_cell_shows_what_the_admin_api_promises() {
    let estimated = RequestRecord { estimated: true, cost: None, ..miss() };
    let shown = serde_json::to_string(&cell_of(&[miss(), hit(), hit(), estimated]).json()).unwrap();
    let expected = concat!(
        r#"{"requests":4,"hits_exact":2,"hits_semantic":0,"hits_stale":0,"collapsed":0,"misses":2,"refreshes":0,"#,
        r#""bypasses":0,"refused":0,"failed":0,"hit_ratio":0.5,"tokens":{"uncached":2,"cached_read":4,"#,
        r#""cached_write_5m":6,"cached_write_1h":8,"output":12,"reasoning":10},"cost_usd":"1.234567","#,
        r#""saved_usd":{"exact":"0.000000000014","semantic":"0.000000","collapsed":"0.000000","prefix":"0.000000","#,
        r#""routing":"0.000000","total":"0.000000000014"},"unpriced":1,"estimated":1}"#
    );
    assert_eq!(shown, expected);
}

#[test]
fn each_kind_is_shown_under_its_own_name() {
    for ((_, kind), name) in Kind::NAMES.into_iter().zip([
        "hits_exact",
        "hits_semantic",
        "hits_stale",
        "collapsed",
        "misses",
        "refreshes",
        "bypasses",
        "refused",
        "failed",
    ]) {
        let shown = cell_of(&[RequestRecord { kind, ..miss() }]).json();
        assert_eq!(shown[name], json!(1), "{name}");
    }
}

#[test]
fn the_hit_ratio_is_of_requests_that_might_have_been_hits() {
    use Kind::{Bypass, Collapsed, Failed, HitExact, HitSemantic, HitStale, Miss, Refresh, Refused};
    let cases: [(&[Kind], Option<f64>); 7] = [
        (&[], None),
        (&[Bypass, Refused, Failed], None),
        (&[Miss], Some(0.0)),
        (&[HitExact, HitSemantic, HitStale, Collapsed], Some(1.0)),
        (&[HitExact, Miss, Refresh, Collapsed], Some(0.5)),
        (&[HitExact, Miss, Bypass, Refused, Failed], Some(0.5)),
        (&[HitStale, Refresh, Refresh], Some(1.0 / 3.0)),
    ];
    for (kinds, expected) in cases {
        let records: Vec<_> = kinds.iter().map(|kind| RequestRecord { kind: *kind, ..miss() }).collect();
        let cell = cell_of(&records);
        assert_eq!(cell.hit_ratio(), expected, "{kinds:?}");
        assert_eq!(cell.json()["hit_ratio"].is_null(), expected.is_none(), "{kinds:?}");
    }
}

#[test]
fn unpriced_is_whatever_may_have_cost_something_that_nobody_knows() {
    let without_price = RequestRecord { cost: None, ..miss() };
    let cases = [
        ("a miss without a price", without_price.clone(), true),
        ("tokens that nobody counted", RequestRecord { usage: None, ..without_price.clone() }, true),
        ("a client that left", RequestRecord { kind: Kind::Failed, status: 499, ..without_price.clone() }, true),
        ("a stale answer after one that came too late", RequestRecord { kind: Kind::HitStale, ..without_price }, true),
        ("a price", miss(), false),
        ("a price of zero", RequestRecord { cost: Some(Money::ZERO), ..miss() }, false),
        ("a hit", hit(), false),
    ];
    for (what, record, expected) in cases {
        assert_eq!(is_unpriced(&record), expected, "{what}");
        assert_eq!(cell_of(&[record]).unpriced, u64::from(expected), "{what}");
    }
}

#[test]
fn sums_stop_at_the_largest_number() {
    let most = u64::MAX;
    let usage = Usage {
        uncached: most,
        cached_read: most,
        cached_write_5m: most,
        cached_write_1h: most,
        output: most,
        reasoning: most,
    };
    let money = Money::from_picodollars(u128::MAX);
    let saved = Saved { exact: money, semantic: money, collapsed: money, prefix: money, routing: money };
    let record = RequestRecord { usage: Some(usage), cost: Some(money), saved, ..miss() };
    let cell = cell_of(&[record.clone(), record]);
    assert_eq!((cell.tokens, cell.cost, cell.saved), (usage, money, saved));
    assert_eq!(cell.count(Kind::Miss), 2, "what is small is still counted");

    let mut full = Cell { counts: [most; KINDS], unpriced: most, estimated: most, ..cell };
    let before = full.clone();
    full.add(&before);
    full.add_record(&RequestRecord { estimated: true, cost: None, ..miss() });
    assert_eq!(full, before);
    assert_eq!(full.requests(), most);
    assert_eq!(full.hit_ratio(), Some(4.0 / 6.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_one_by_one_come_to_the_same_as_in_two_parts(records in any_records(), cut in 0_usize..20) {
        let (first, second) = records.split_at(cut.min(records.len()));
        let mut sum = cell_of(first);
        sum.add(&cell_of(second));
        prop_assert_eq!(&sum, &cell_of(&records));
        prop_assert_eq!(sum.requests(), records.len() as u64);
        prop_assert!(sum.hit_ratio().is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
    }
}
