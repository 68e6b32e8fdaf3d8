use super::super::samples::{any_record, any_records};
use super::*;
use proptest::prelude::*;

fn page_of(records: &[RequestRecord]) -> Page {
    let mut page = Page::default();
    records.iter().for_each(|record| {
        page.add(record);
    });
    page
}

fn merged(pages: &[&Page]) -> Page {
    let mut sum = Page::default();
    pages.iter().for_each(|page| sum.merge(page));
    sum
}

fn sum<'a>(cells: impl Iterator<Item = (&'a str, &'a Cell)>) -> Cell {
    let mut sum = Cell::default();
    cells.for_each(|(_, cell)| sum.add(cell));
    sum
}

/// Requests with more labels than a page has room for.
fn many_records() -> impl Strategy<Value = Vec<RequestRecord>> {
    let one =
        (any_record(), 0_u32..400, 0_u32..400, 0_u32..30).prop_map(|(record, reason, model, tag)| RequestRecord {
            reason: format!("r{reason}"),
            model: format!("m{model}"),
            tags: vec![(format!("n{tag}"), format!("v{reason}")), (format!("n{}", tag / 2), format!("v{model}"))],
            ..record
        });
    proptest::collection::vec(one, 0..800)
}

fn is_bounded(page: &Page, bounds: &Bounds) -> bool {
    let all_cut = |label: &str| label.len() <= super::super::labels::MAX_LABEL_BYTES;
    let reasons = page.decisions.values().flat_map(Labels::iter).map(|(reason, _)| reason);
    let tags = page.tags.iter().flat_map(|(name, values)| values.iter().map(move |(value, _)| [name, value]));
    page.decisions.values().map(Labels::len).sum::<usize>() <= bounds.decisions
        && page.models.len() <= bounds.models
        && page.tags.len() <= bounds.tag_names
        && page.tags.iter().all(|(_, values)| values.len() <= bounds.tag_values)
        && page.tags.iter().map(|(_, values)| values.len()).sum::<usize>() <= bounds.tag_cells
        && reasons.chain(page.models.iter().map(|(model, _)| model)).chain(tags.flatten()).all(all_cut)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_is_the_sum_of_the_decisions_and_of_the_models(records in any_records()) {
        let page = page_of(&records);
        prop_assert_eq!(&sum(page.decisions.values().flat_map(Labels::iter)), &page.all);
        prop_assert_eq!(&sum(page.models.iter()), &page.all);
    }

    #[test]
    fn a_tag_has_the_requests_that_carry_it(records in any_records()) {
        let page = page_of(&records);
        for (name, value) in records.iter().flat_map(|record| &record.tags) {
            let cut = super::super::labels::cut;
            let is_it = |(of, with): &(String, String)| cut(of) == cut(name) && cut(with) == cut(value);
            let has = |record: &&RequestRecord| record.tags.iter().any(is_it);
            let mut expected = Cell::default();
            records.iter().filter(has).for_each(|record| expected.add_record(record));
            // A page of so few requests has room for all of their labels but names of tags.
            if page.tags.get(name).is_some() && name != OTHER {
                prop_assert_eq!(page.tag(name, value), Some(&expected));
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again(records in any_records()) {
        let page = page_of(&records);
        prop_assert_eq!(Page::decode(&page.encode()), Some(page));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Page::decode(&bytes);
    }

    #[test]
    fn merging_is_associative_and_commutative(a in any_records(), b in any_records(), c in any_records()) {
        let (a, b, c) = (page_of(&a), page_of(&b), page_of(&c));
        let left = merged(&[&merged(&[&a, &b]), &c]);
        prop_assert_eq!(&left, &merged(&[&a, &merged(&[&b, &c])]));
        prop_assert_eq!(&left, &merged(&[&c, &b, &a]));
    }

    #[test]
    fn merging_pages_is_like_adding_their_requests(records in any_records(), cut in 0_usize..20) {
        let (first, second) = records.split_at(cut.min(records.len()));
        let (sum, whole) = (merged(&[&page_of(first), &page_of(second)]), page_of(&records));
        prop_assert_eq!(&sum.all, &whole.all);
        prop_assert_eq!(&sum.models, &whole.models);
        prop_assert_eq!(&sum.decisions, &whole.decisions);
        prop_assert_eq!(sum.unrecorded, whole.unrecorded);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn more_labels_than_there_is_room_for_lose_no_request(records in many_records(), more in many_records()) {
        let (page, second) = (page_of(&records), page_of(&more));
        prop_assert!(is_bounded(&page, &KEPT));
        prop_assert!(page.overflowed <= page.all.requests());
        prop_assert_eq!(&sum(page.models.iter()), &page.all);
        prop_assert_eq!(&sum(page.decisions.values().flat_map(Labels::iter)), &page.all);
        let both = merged(&[&page, &second, &page]);
        prop_assert!(is_bounded(&both, &MERGED));
        prop_assert!(both.overflowed <= both.all.requests());
        prop_assert_eq!(&sum(both.models.iter()), &both.all);
        prop_assert_eq!(&sum(both.decisions.values().flat_map(Labels::iter)), &both.all);
    }
}
