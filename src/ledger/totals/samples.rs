//! Requests for the tests of totals.

use proptest::prelude::*;

use crate::canonical::Usage;
use crate::ledger::prices::Money;
use crate::ledger::record::{Kind, Latency, RequestRecord, Saved};

/// Labels that must stay data: quotes, line ends, braces, what other code gives a meaning to.
pub(super) const HOSTILE: [&str; 8] = [
    "\"} 1\nnearhit_fake_total{x=\"",
    "\\",
    "\\\"\\n",
    "{}[]=,#",
    "other",
    "",
    "\u{0}\r\t\u{7f}",
    "</script>'; DROP TABLE pages; -- 💥",
];

/// A miss that cost and counted something.
pub(super) fn miss() -> RequestRecord {
    RequestRecord {
        id: [0; 16],
        at_ms: 1_700_000_000_000,
        tenant: Some("acme".to_owned()),
        tags: vec![("feature".to_owned(), "search".to_owned())],
        route: None,
        model: "openai/gpt-5".to_owned(),
        kind: Kind::Miss,
        reason: "numbers".to_owned(),
        status: 200,
        usage: Some(Usage {
            uncached: 1,
            cached_read: 2,
            cached_write_5m: 3,
            cached_write_1h: 4,
            output: 6,
            reasoning: 5,
        }),
        estimated: false,
        cost: Some(Money::from_picodollars(1_234_567_000_000)),
        saved: Saved::default(),
        latency: Latency { total_ms: 1200.0, lookup_ms: Some(3.0), embed_ms: Some(12.5), upstream_ms: Some(800.0) },
        near: None,
        lost: 0,
    }
}

/// A hit with the same bytes that saved something.
pub(super) fn hit() -> RequestRecord {
    RequestRecord {
        kind: Kind::HitExact,
        reason: String::new(),
        usage: None,
        cost: Some(Money::ZERO),
        saved: Saved { exact: Money::from_picodollars(7), ..Saved::default() },
        latency: Latency { total_ms: 4.0, lookup_ms: Some(2.0), ..Latency::default() },
        ..miss()
    }
}

/// A miss of one model, without tags.
pub(super) fn of_model(model: &str, picodollars: u128) -> RequestRecord {
    RequestRecord {
        model: model.to_owned(),
        tags: Vec::new(),
        cost: Some(Money::from_picodollars(picodollars)),
        ..miss()
    }
}

/// A miss with these tags.
pub(super) fn tagged(tags: &[(&str, &str)]) -> RequestRecord {
    RequestRecord {
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..miss()
    }
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-d]",
        1 => proptest::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => (any::<char>(), 0_usize..200).prop_map(|(letter, times)| String::from_iter(vec![letter; times])),
    ]
}

fn money() -> impl Strategy<Value = Money> {
    // Sums of a few of the largest ones must stop at the end.
    prop_oneof![0_u128..1 << 60, Just(u128::MAX / 2)].prop_map(Money::from_picodollars)
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..1 << 40, Just(u64::MAX / 2)]
}

fn usage() -> impl Strategy<Value = Usage> {
    [count(), count(), count(), count(), count(), count()].prop_map(
        |[uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning]| Usage {
            uncached,
            cached_read,
            cached_write_5m,
            cached_write_1h,
            output,
            reasoning,
        },
    )
}

fn latency() -> impl Strategy<Value = Latency> {
    (any::<f32>(), proptest::option::of(0_f32..1e6), proptest::option::of(0_f32..100.0)).prop_map(
        |(total_ms, upstream_ms, lookup_ms)| Latency { total_ms, lookup_ms, embed_ms: lookup_ms, upstream_ms },
    )
}

/// Any request: few labels that come often, and some that nobody should send.
pub(super) fn any_record() -> impl Strategy<Value = RequestRecord> {
    let kind = proptest::sample::select(&Kind::NAMES[..]).prop_map(|(_, kind)| kind);
    let tags = proptest::collection::vec((label(), label()), 0..5);
    let what = (kind, label(), label(), tags, prop_oneof![Just(200_u16), Just(429)]);
    let money = (proptest::option::of(money()), [money(), money(), money(), money(), money()]);
    let counted = (proptest::option::of(usage()), any::<bool>(), latency(), 0_u32..3);
    (what, money, counted).prop_map(|(what, (cost, saved), (usage, estimated, latency, lost))| {
        let (kind, reason, model, tags, status) = what;
        let [exact, semantic, collapsed, prefix, routing] = saved;
        let saved = Saved { exact, semantic, collapsed, prefix, routing };
        RequestRecord { tags, model, kind, reason, status, usage, estimated, cost, saved, latency, lost, ..miss() }
    })
}

/// Several of them.
pub(super) fn any_records() -> impl Strategy<Value = Vec<RequestRecord>> {
    proptest::collection::vec(any_record(), 0..20)
}
