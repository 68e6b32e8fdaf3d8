use super::super::samples::{HOSTILE, hit, miss, of_model, tagged};
use super::*;
use crate::ledger::prices::Money;
use crate::ledger::record::Saved;

fn page_of(records: &[RequestRecord]) -> Page {
    let mut page = Page::default();
    records.iter().for_each(|record| {
        page.add(record);
    });
    page
}

fn requests<'a>(cells: impl Iterator<Item = (&'a str, &'a Cell)>) -> Vec<(&'a str, u64)> {
    cells.map(|(label, cell)| (label, cell.requests())).collect()
}

#[test]
fn a_request_is_in_every_cell_that_it_belongs_to() {
    let page = page_of(&[miss(), hit(), of_model("anthropic/claude", 5)]);
    assert_eq!(page.all.requests(), 3);
    assert_eq!(requests(page.decisions[&Kind::Miss].iter()), [("numbers", 2)]);
    assert_eq!(requests(page.decisions[&Kind::HitExact].iter()), [("", 1)]);
    assert_eq!(requests(page.models.iter()), [("anthropic/claude", 1), ("openai/gpt-5", 2)]);
    assert_eq!(page.tag("feature", "search").map(Cell::requests), Some(2));
    assert_eq!(page.tag("feature", "chat"), None);
    assert_eq!(page.tag("team", "search"), None);
    assert_eq!((page.overflowed, page.unrecorded), (0, 0));
}

#[test]
fn the_same_reason_of_two_kinds_is_two_decisions() {
    let page = page_of(&[miss(), RequestRecord { kind: Kind::Bypass, ..miss() }]);
    assert_eq!(page.decisions.len(), 2);
}

#[test]
fn a_tag_that_comes_twice_counts_once() {
    let page = page_of(&[tagged(&[("a", "1"), ("a", "1"), ("a", "2")])]);
    let values = page.tags.get("a").unwrap();
    assert_eq!(requests(values.iter()), [("1", 1), ("2", 1)]);
}

#[test]
fn records_that_were_lost_are_counted() {
    let page = page_of(&[RequestRecord { lost: 3, ..miss() }, RequestRecord { lost: u32::MAX, ..miss() }]);
    assert_eq!(page.unrecorded, u64::from(u32::MAX) + 3);
}

#[test]
fn models_without_room_are_other() {
    let mut page = Page::default();
    for index in 0..103 {
        assert_eq!(page.add(&of_model(&format!("p/{index}"), 1)), index >= 100, "{index}");
    }
    assert!(!page.add(&of_model("p/7", 1)), "a model that is here keeps its room");
    assert!(!page.add(&of_model(OTHER, 1)), "who says other is no overflow");
    assert_eq!(page.models.len(), 100);
    assert_eq!(page.models.get(OTHER).unwrap().requests(), 4);
    assert_eq!(page.models.get("p/7").unwrap().requests(), 2);
    assert_eq!(page.overflowed, 3);
}

#[test]
fn decisions_without_room_are_other_of_their_kind() {
    let mut page = Page::default();
    for index in 0..130 {
        page.add(&RequestRecord { reason: format!("r{index}"), ..miss() });
    }
    page.add(&RequestRecord { kind: Kind::Failed, reason: "500".into(), ..miss() });
    assert_eq!(page.decisions.values().map(Labels::len).sum::<usize>(), 128);
    assert_eq!(page.decisions[&Kind::Miss].get(OTHER).unwrap().requests(), 2);
    assert_eq!(requests(page.decisions[&Kind::Failed].iter()), [(OTHER, 1)]);
    assert_eq!(page.overflowed, 3);
}

#[test]
fn tags_without_room_are_other() {
    let mut page = Page::default();
    for index in 0..66 {
        page.add(&tagged(&[("n0", &format!("v{index}"))]));
    }
    assert_eq!(page.tags.get("n0").unwrap().len(), 64, "values of one name");
    assert_eq!(page.tag("n0", OTHER).unwrap().requests(), 2);
    for index in 1..66 {
        page.add(&tagged(&[(&format!("n{index}"), "v")]));
    }
    assert_eq!(page.tags.len(), 64, "names");
    assert_eq!(page.tag(OTHER, OTHER).unwrap().requests(), 2);
    for index in 0..400 {
        page.add(&tagged(&[(&format!("n{}", index % 64), &format!("w{index}"))]));
    }
    assert_eq!(page.tags.iter().map(|(_, values)| values.len()).sum::<usize>(), 300, "cells in all");
}

#[test]
fn a_request_overflows_once_however_many_of_its_labels_do() {
    let mut page = full_page(miss());
    let before = (page.overflowed, page.tag(OTHER, OTHER).map_or(0, Cell::requests));
    let record = RequestRecord {
        reason: "new".into(),
        model: "new".into(),
        ..tagged(&[("new1", "v"), ("new2", "v"), ("new3", "v")])
    };
    assert!(page.add(&record));
    assert_eq!(page.overflowed, before.0 + 1);
    assert_eq!(page.tag(OTHER, OTHER).unwrap().requests(), before.1 + 1, "three tags, one request");
}

#[test]
fn hostile_labels_are_data() {
    for label in HOSTILE {
        let record = RequestRecord { reason: label.into(), model: label.into(), ..tagged(&[(label, label)]) };
        let page = page_of(&[record]);
        assert_eq!(requests(page.models.iter()), [(label, 1)]);
        assert_eq!(requests(page.decisions[&Kind::Miss].iter()), [(label, 1)]);
        assert_eq!(page.tag(label, label).map(Cell::requests), Some(1));
        assert_eq!(Page::decode(&page.encode()), Some(page));
    }
}

#[test]
fn merging_has_more_room_and_ends_all_the_same() {
    let mut sum = Page::default();
    for page in 0..12 {
        let records: Vec<_> = (0..100).map(|index| of_model(&format!("p{page}/{index}"), 1)).collect();
        sum.merge(&page_of(&records));
    }
    assert_eq!(sum.models.len(), 1000);
    assert_eq!(sum.models.get(OTHER).unwrap().requests(), 200);
    assert_eq!((sum.all.requests(), sum.overflowed), (1200, 200));
}

#[test]
fn a_merge_says_no_more_overflowed_than_there_are_requests() {
    let mut sum = Page::default();
    for index in 0..1000 {
        sum.merge(&page_of(&[RequestRecord { reason: format!("r{index}"), ..of_model(&format!("m{index}"), 1) }]));
    }
    assert_eq!(sum.overflowed, 0);
    sum.merge(&page_of(&[RequestRecord { reason: "r".into(), ..of_model("m", 1) }]));
    assert_eq!(sum.overflowed, 1, "two labels of one request");
}

/// A page that holds as much as it may: all labels as long as they may be, with what `record` comes to in each cell.
fn full_page(record: RequestRecord) -> Page {
    let long = |index: usize| format!("{index:0128}");
    let mut page = Page::default();
    for index in 0..1000 {
        let kind = Kind::NAMES[index % 9].1;
        let (name, value) = (long(index % 65), long(index));
        let tags = vec![(name, value.clone())];
        page.add(&RequestRecord { kind, reason: value.clone(), model: value, tags, ..record.clone() });
    }
    page
}

#[test]
fn a_full_page_fits_a_row_many_times() {
    let largest = Money::from_picodollars(u128::MAX);
    let most = u64::MAX;
    let saved = Saved { exact: largest, semantic: largest, collapsed: largest, prefix: largest, routing: largest };
    let usage = crate::canonical::Usage {
        uncached: most,
        cached_read: most,
        cached_write_5m: most,
        cached_write_1h: most,
        output: most,
        reasoning: most,
    };
    let record = RequestRecord { usage: Some(usage), cost: Some(largest), saved, ..miss() };
    let page = full_page(record);
    let cells = page.decisions.values().map(|reasons| reasons.iter().count()).sum::<usize>()
        + page.models.iter().count()
        + page.tags.iter().map(|(_, values)| values.iter().count()).sum::<usize>();
    // 128 decisions and `other` of 9 kinds; 100 models and `other`; 300 tags and `other` of 64 names and of the names.
    assert_eq!(cells, 137 + 101 + 365);
    let bytes = page.encode().len();
    // Where the counts of cells are at their end as well, 11 numbers have 9 bytes more each.
    let largest_bytes = bytes + (cells + 1) * 11 * 9;
    assert!((100_000..300_000).contains(&largest_bytes), "{bytes} and at most {largest_bytes} bytes");
    assert_eq!(Page::decode(&page.encode()), Some(page));
}

#[test]
fn a_page_keeps_its_form_as_long_as_it_keeps_its_version() {
    let bytes = page_of(&[RequestRecord { lost: 300, estimated: true, ..miss() }, hit()]).encode();
    // The version and the checksum of everything behind it.
    assert_eq!((&bytes[..5], bytes.len()), (&[1, 0x6c, 0xfa, 0x37, 0x3f][..], 188), "a new form needs a new version");
}
