use super::*;
use crate::semantic::embedder::Embedder;
use crate::semantic::risk::Outcome;
use crate::semantic::verifier::{CALIBRATION, SHIPPED};

const ASKED: &str = "Can I cancel my order after it has shipped?";
const REWORDED: &str = "The package has left your warehouse, is it still possible to call it off?";
const LOOK_ALIKE: &str = "Can I cancel my order before it has shipped?";

fn judge(gates: &Judge, a: &str, b: &str) -> Judgement {
    let embedder = Embedder::shipped().unwrap();
    let (pieces, vector) = embedder.read(a).unwrap();
    let other = embedder.embed(b).unwrap();
    let cosine = vector.iter().zip(&other).map(|(x, y)| x * y).sum();
    gates.judge(Reading { text: a, pieces: &pieces }, b, cosine, |text| embedder.pieces(text).ok())
}

fn vocabulary() -> usize {
    Embedder::shipped().unwrap().vocabulary()
}

#[test]
fn the_same_words_need_no_verifier_and_other_words_do() {
    let gates = Judge::shipped(true, vocabulary());
    assert!(matches!(judge(&gates, ASKED, "Please, can I cancel my order after it has shipped?"), Judgement::Sure(_)));
    assert!(gates.verifier.as_ref().unwrap().get().is_none(), "it is not loaded before it is needed");
    assert!(matches!(judge(&gates, ASKED, REWORDED), Judgement::Likely(_)), "{:?}", judge(&gates, ASKED, REWORDED));
    assert!(gates.verifier.as_ref().unwrap().get().is_some());
    let Judgement::Refused(refused) = judge(&gates, ASKED, LOOK_ALIKE) else { unreachable!() };
    assert!(matches!(refused, Refused::Guard(_)), "{refused:?}");
}

#[test]
fn the_score_is_the_same_whichever_text_was_asked_first() {
    let gates = Judge::shipped(true, vocabulary());
    assert_eq!(judge(&gates, ASKED, REWORDED), judge(&gates, REWORDED, ASKED));
}

#[test]
fn without_a_verifier_only_the_same_words_serve_and_the_reason_is_named() {
    static DAMAGED: &[u8] = b"not a model";
    let half: &'static [u8] = &SHIPPED[..SHIPPED.len() / 2];
    for (gates, reason) in [
        (Judge::shipped(false, vocabulary()), "verifier-off"),
        (Judge::new(Some(&[]), CALIBRATION, vocabulary()), "verifier-unavailable"),
        (Judge::new(Some(DAMAGED), CALIBRATION, vocabulary()), "verifier-unavailable"),
        (Judge::new(Some(half), CALIBRATION, vocabulary()), "verifier-unavailable"),
        (Judge::new(Some(SHIPPED), "", vocabulary()), "verifier-unavailable"),
        (Judge::new(Some(SHIPPED), "0.9\tmaybe\t1", vocabulary()), "verifier-unavailable"),
    ] {
        assert!(matches!(
            judge(&gates, ASKED, "Please, can I cancel my order after it has shipped?"),
            Judgement::Sure(_)
        ));
        let Judgement::Refused(refused) = judge(&gates, ASKED, REWORDED) else { unreachable!() };
        assert_eq!(refused.as_str(), reason);
    }
}

#[test]
fn a_pair_that_is_too_long_for_the_verifier_says_so() {
    let gates = Judge::shipped(true, vocabulary());
    let long = |end: &str| {
        format!("{} {end}", "I have a long story to tell about my order and how it was packed and sent.".repeat(6))
    };
    let judgement = judge(&gates, &long("Can I get my money back?"), &long("Is a refund possible?"));
    let Judgement::Refused(refused) = judgement else { unreachable!("{judgement:?}") };
    assert!(matches!(refused, Refused::PairTooLong | Refused::Guard(_)), "{refused:?}");
}

#[test]
fn neither_a_request_nor_the_configuration_makes_anything_looser_than_the_error_budget() {
    let gates = Judge::shipped(true, vocabulary());
    let of = |rate: f64, least: f32, asked: f32| Limits::of(&gates, None, rate, least, asked);
    let free = of(0.01, 0.5, 0.0);
    assert_eq!(of(0.01, 0.5, 0.5), free);
    assert!(of(0.01, 0.5, 1.0).likely_from >= 1.0 && of(0.01, 0.5, 1.0).sure_from >= 1.0);
    assert!(of(0.01, 0.999, 0.0).likely_from >= 0.999);
    assert!(of(0.001, 0.5, 0.0).likely_from >= free.likely_from);
    assert!(free.likely_from >= of(0.05, 0.5, 0.0).likely_from);
    assert!((free.sure_from - SURE_SIMILARITY).abs() < 1e-6);
}

#[test]
fn wrong_hits_make_a_scope_stricter_and_at_last_close_it() {
    let gates = Judge::shipped(true, vocabulary());
    let mut known = ScopeEvidence::default();
    let mut last = Limits::of(&gates, None, 0.01, 0.5, 0.0);
    for _ in 0..20 {
        known.verified.note(0.9999, Outcome::Bad);
        known.sure.note(0.99, Outcome::Bad);
        let limits = Limits::of(&gates, Some(&known), 0.01, 0.5, 0.0);
        assert!(limits.likely_from >= last.likely_from && limits.sure_from >= last.sure_from);
        last = limits;
    }
    assert_eq!(last.allow(&Judgement::Likely(1.0)), Err(Shy::BudgetSpent));
    assert_eq!(last.allow(&Judgement::Sure(1.0)), Err(Shy::BudgetSpent));
}
