use super::super::grain::Grain;
use super::super::page::Page;
use super::super::query::Filter;
use super::super::samples::{HOSTILE, hit, miss, of_model, tagged};
use super::super::stored::Stored;
use super::*;
use crate::ledger::record::RequestRecord;

const HOUR_MS: u64 = 3_600_000;

fn query(filter: Filter) -> Query {
    Query { from_ms: 0, to_ms: 24 * HOUR_MS, grain: Grain::Hour, filter }
}

/// What a ledger answers that had these requests in the first hours.
fn span(hours: &[&[RequestRecord]], filter: &Filter) -> Span {
    let mut span = Span::default();
    for (start_ms, records) in (0..).step_by(HOUR_MS as usize).zip(hours) {
        let mut page = Page::default();
        records.iter().for_each(|record| {
            page.add(record);
        });
        span.add(start_ms, &page, filter);
    }
    span
}

/// The answer for ledgers with these requests, all in the first hour.
fn shown(filter: Filter, ledgers: &[(&str, &[RequestRecord])]) -> Value {
    let spans: Vec<_> =
        ledgers.iter().map(|(tenant, records)| ((*tenant).to_owned(), span(&[records], &filter))).collect();
    usage(&query(filter), &spans, Reach { known: 4, asked: 3, silent: 1 })
}

/// The labels and requests of a list.
fn rows(list: &Value, label: &str) -> Vec<(String, u64)> {
    let row = |row: &Value| (row[label].as_str().unwrap().to_owned(), row["requests"].as_u64().unwrap());
    list.as_array().unwrap().iter().map(row).collect()
}

fn named(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter().map(|(label, requests)| ((*label).to_owned(), *requests)).collect()
}

#[test]
fn the_answer_has_the_fields_that_the_admin_api_promises() {
    let answer = shown(Filter::All, &[("acme", &[miss(), hit()])]);
    let fields: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "from_ms to_ms grain totals series by_decision by_model by_tag by_tenant overflowed unrecorded \
                    ledgers_known ledgers_asked ledgers_silent";
    assert_eq!(fields.join(" "), expected);
    assert_eq!((&answer["from_ms"], &answer["to_ms"]), (&json!(0), &json!(24 * HOUR_MS)));
    assert_eq!(
        (&answer["grain"], &answer["ledgers_known"], &answer["ledgers_asked"], &answer["ledgers_silent"]),
        (&json!("hour"), &json!(4), &json!(3), &json!(1))
    );
    assert_eq!(answer["totals"]["cost_usd"], "1.234567");
    assert_eq!(answer["series"][0]["start_ms"], 0);
    assert_eq!(answer["by_decision"][0]["decision"], "miss");
    assert_eq!(answer["by_decision"][0]["reason"], "numbers");
    assert_eq!(answer["by_decision"][1]["decision"], "hit-exact");
    assert_eq!(rows(&answer["by_model"], "model"), named(&[("openai/gpt-5", 2)]));
    assert_eq!(rows(&answer["by_tag"]["feature"], "value"), named(&[("search", 2)]));
    assert_eq!(rows(&answer["by_tenant"], "tenant"), named(&[("acme", 2)]));
    for list in ["series", "by_decision", "by_model", "by_tenant"] {
        assert!(answer[list][0]["saved_usd"]["total"].is_string(), "{list} has cells");
    }
}

#[test]
fn nothing_is_shown_of_nothing() {
    let answer = usage(&query(Filter::All), &[("acme".to_owned(), Span::default())], Reach::default());
    for list in ["series", "by_decision", "by_model", "by_tenant"] {
        assert_eq!(answer[list], json!([]), "{list}");
    }
    assert_eq!(answer["by_tag"], json!({}));
    assert_eq!((&answer["totals"]["requests"], &answer["totals"]["hit_ratio"]), (&json!(0), &Value::Null));
}

#[test]
fn series_of_several_ledgers_are_summed_by_their_start() {
    let (a, b) =
        (span(&[&[miss()], &[], &[hit()]], &Filter::All), span(&[&[hit()], &[], &[], &[miss()]], &Filter::All));
    let answer = usage(&query(Filter::All), &[("a".into(), a), ("b".into(), b)], Reach::default());
    let series: Vec<_> =
        answer["series"].as_array().unwrap().iter().map(|row| (&row["start_ms"], &row["requests"])).collect();
    let hour = |hours: u64| json!(hours * HOUR_MS);
    let expected = [(hour(0), json!(2)), (hour(2), json!(1)), (hour(3), json!(1))];
    assert_eq!(series, expected.iter().map(|(start, requests)| (start, requests)).collect::<Vec<_>>());
    assert_eq!(answer["totals"]["requests"], 4);
    assert_eq!(rows(&answer["by_tenant"], "tenant"), named(&[("a", 2), ("b", 2)]));
}

#[test]
fn the_ledgers_of_one_tenant_are_one_row() {
    let answer = shown(Filter::All, &[("~own", &[miss()]), ("acme", &[hit()]), ("~own", &[miss()])]);
    assert_eq!(rows(&answer["by_tenant"], "tenant"), named(&[("~own", 2), ("acme", 1)]));
}

#[test]
fn the_dearest_comes_first_then_the_most_asked() {
    let records = [
        of_model("b", 1),
        of_model("a", 1),
        of_model("c", 1),
        of_model("c", 0),
        of_model("d", 5),
        of_model("other", 9),
    ];
    let answer = shown(Filter::All, &[("acme", &records)]);
    assert_eq!(rows(&answer["by_model"], "model"), named(&[("d", 1), ("c", 2), ("a", 1), ("b", 1), ("other", 1)]));
}

#[test]
fn what_is_not_among_the_first_hundred_is_other() {
    // Two pages of sixty models, model n costing n: 20..120 stay, 0..20 and what said `other` itself do not.
    let records: Vec<_> = (0..120).map(|cost| of_model(&format!("m{cost}"), cost)).collect();
    let spans = span(&[&records[..60], &records[60..], &[of_model("other", 1000)]], &Filter::All);
    let answer = usage(&query(Filter::All), &[("acme".into(), spans)], Reach::default());
    let models = answer["by_model"].as_array().unwrap();
    assert_eq!(models.len(), MAX_ROWS + 1);
    assert_eq!((&models[0]["model"], &models[99]["model"]), (&json!("m119"), &json!("m20")));
    assert_eq!((&models[100]["model"], &models[100]["requests"]), (&json!("other"), &json!(21)));
    // 0 + 1 + ... + 19 + 1000 picodollars.
    assert_eq!(models[100]["cost_usd"], "0.00000000119");
    assert_eq!(answer["overflowed"], 0, "rows are cut, labels are not");
}

#[test]
fn decisions_beyond_the_first_hundred_are_other_of_their_kind() {
    let of = |kind, reason: String| RequestRecord { kind, reason, ..of_model("m", 1) };
    let misses = (0..101).map(|index| of(Kind::Miss, format!("r{index:03}")));
    let records: Vec<_> = misses.chain([RequestRecord { cost: None, ..of(Kind::Refused, "daily".into()) }]).collect();
    let answer = shown(Filter::All, &[("acme", &records)]);
    let decisions = answer["by_decision"].as_array().unwrap();
    let last: Vec<_> =
        decisions[100..].iter().map(|row| (&row["decision"], &row["reason"], &row["requests"])).collect();
    let (miss, refused, other, one) = (json!("miss"), json!("refused"), json!("other"), json!(1));
    assert_eq!(last, [(&miss, &other, &one), (&refused, &other, &one)]);
}

#[test]
fn a_filter_leaves_the_totals_of_its_label() {
    let records = [miss(), hit(), tagged(&[("feature", "chat")]), RequestRecord { lost: 2, ..of_model("x/y", 5) }];
    let cases = [
        (Filter::All, 4),
        (Filter::Tag("feature".into(), "search".into()), 2),
        (Filter::Tag("feature".into(), "chat".into()), 1),
        (Filter::Tag("feature".into(), "none".into()), 0),
        (Filter::Model("x/y".into()), 1),
        (Filter::Model("x/z".into()), 0),
    ];
    for (filter, requests) in cases {
        let answer = shown(filter.clone(), &[("acme", &records), ("idle", &[])]);
        assert_eq!(answer["totals"]["requests"], requests, "{filter:?}");
        assert_eq!(answer["unrecorded"], 2, "{filter:?}");
        let series: u64 =
            answer["series"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
        assert_eq!(series, requests, "{filter:?}");
        let tenants = if requests == 0 { vec![] } else { named(&[("acme", requests)]) };
        assert_eq!(rows(&answer["by_tenant"], "tenant"), tenants, "{filter:?}");
        if filter != Filter::All {
            assert_eq!(
                (&answer["by_decision"], &answer["by_model"], &answer["by_tag"]),
                (&json!([]), &json!([]), &json!({}))
            );
        }
    }
}

#[test]
fn money_is_a_decimal_string_to_the_last_digit() {
    let answer = shown(Filter::All, &[("acme", &[of_model("m", 1), of_model("m", 100_000_000_000_000_000_000)])]);
    assert_eq!(answer["totals"]["cost_usd"], "100000000.000000000001");
}

#[test]
fn hostile_labels_are_strings() {
    for label in HOSTILE {
        let record = RequestRecord { reason: label.into(), model: label.into(), ..tagged(&[(label, label)]) };
        let answer = shown(Filter::All, &[(label, &[record])]);
        let read: Value = serde_json::from_str(&answer.to_string()).unwrap();
        assert_eq!(read, answer);
        assert_eq!(read["by_decision"][0]["reason"], label);
        assert_eq!(rows(&read["by_model"], "model"), named(&[(label, 1)]));
        assert_eq!(rows(&read["by_tag"][label], "value"), named(&[(label, 1)]));
        assert_eq!(rows(&read["by_tenant"], "tenant"), named(&[(label, 1)]));
    }
}

#[test]
fn a_span_is_written_and_read() {
    let span = span(&[&[miss(), hit()], &[miss()]], &Filter::All);
    assert_eq!(Span::decode(&span.encode()), Some(span));
}

#[test]
fn a_tenant_called_other_is_not_the_rest_of_the_tenants() {
    let one = [miss()];
    let names: Vec<String> = (0..100).map(|k| format!("t{k:03}")).collect();
    let ledgers: Vec<(&str, &[RequestRecord])> =
        names.iter().map(String::as_str).chain(["other", "zulu"]).map(|name| (name, &one[..])).collect();
    let answer = shown(Filter::All, &ledgers);
    let tenants = rows(&answer["by_tenant"], "tenant");
    assert_eq!((tenants.len(), tenants[0].0.as_str()), (101, "other"));
    assert_eq!(tenants[100], ("~other".to_owned(), 2));
}
