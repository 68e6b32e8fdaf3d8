use super::*;
use crate::semantic::guard::Refusal;

fn entry() -> Entry {
    Entry { id: "03ab".into(), key: "b1946ac9".into(), age_secs: 12, freshness: Freshness::Fresh(86_102) }
}

fn miss() -> Miss {
    Miss { kept: None, near: None, shadow: None, exact_only: None, unproven: false, stale: false, status: 200 }
}

fn numbers() -> Near {
    let difference = Difference { reason: Refusal::Numbers, here: "15 %".into(), there: "51".into() };
    Near::Refused(Refused::Guard(difference))
}

#[test]
fn cache_status_reads_as_rfc_9211_wants_it() {
    let stored = Some(Kept::Stored("03ab".into()));
    for (decision, expected) in [
        (Decision::HitExact(entry()), "nearhit; hit; ttl=86102; key=\"b1946ac9\"; detail=exact"),
        (
            Decision::HitSemantic(entry(), 0.9534),
            "nearhit; hit; ttl=86102; key=\"b1946ac9\"; detail=\"semantic;score=0.953\"",
        ),
        (Decision::Miss(Miss { kept: stored.clone(), ..miss() }), "nearhit; fwd=uri-miss; stored"),
        (Decision::Miss(Miss { status: 429, ..miss() }), "nearhit; fwd=uri-miss; fwd-status=429"),
        (
            Decision::Miss(Miss { kept: Some(Kept::Not(NotKept::Truncated)), ..miss() }),
            "nearhit; fwd=uri-miss; detail=truncated",
        ),
        (
            Decision::Miss(Miss { kept: stored.clone(), near: Some((numbers(), 0.97)), ..miss() }),
            "nearhit; fwd=uri-miss; stored; detail=\"near-miss:numbers;score=0.970;here=15 %25;there=51\"",
        ),
        (
            Decision::Miss(Miss {
                kept: stored.clone(),
                near: Some((Near::Shy(Shy::BelowThreshold(0.9)), 0.5)),
                ..miss()
            }),
            "nearhit; fwd=uri-miss; stored; detail=\"near-miss:below-threshold;score=0.500;threshold=0.900\"",
        ),
        (
            Decision::Miss(Miss { kept: stored.clone(), exact_only: Some(ExactOnly::Media), ..miss() }),
            "nearhit; fwd=uri-miss; stored; detail=media",
        ),
        (Decision::Miss(Miss { kept: stored.clone(), stale: true, ..miss() }), "nearhit; fwd=stale; stored"),
        (
            Decision::Miss(Miss { kept: stored.clone(), unproven: true, ..miss() }),
            "nearhit; fwd=uri-miss; stored; detail=key-unproven",
        ),
        (Decision::Collapsed(None), "nearhit; fwd=uri-miss; collapsed; detail=collapsed"),
        (
            Decision::HitStale(Entry { freshness: Freshness::Stale(30), ..entry() }, Stale::IfError(503)),
            "nearhit; hit; ttl=-30; key=\"b1946ac9\"; detail=\"stale-if-error;status=503\"",
        ),
        (Decision::Refresh(stored), "nearhit; fwd=request; stored"),
        (Decision::Bypass(Bypass::StoreRequested), "nearhit; fwd=bypass; detail=store-requested"),
    ] {
        assert_eq!(decision.cache_status(), expected);
    }
}

#[test]
fn a_hit_tells_its_age_entry_and_score() {
    let headers = Decision::HitSemantic(entry(), 0.95).headers(&Timing {
        decode_ms: 0.04,
        lookup_ms: Some(1.26),
        ..Timing::default()
    });
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(value("age"), Some("12"));
    assert_eq!(value("x-nearhit-entry"), Some("03ab"));
    assert_eq!(value("x-nearhit-score"), Some("0.950"));
    assert_eq!(value("server-timing"), Some("decode;dur=0.0, lookup;dur=1.3"));
}
