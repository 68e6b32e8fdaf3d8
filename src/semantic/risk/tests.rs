use super::*;

const BUDGETS: [f64; 4] = [0.005, 0.01, 0.05, 0.2];

/// A small generator of 64 bits (SplitMix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Small as often as large.
    fn wide(&mut self, powers: u64) -> u64 {
        let most = 1 << self.below(powers);
        self.below(most)
    }
}

/// Pairs of one level each: how many, and how many of them wrong. Every pair is a group of its own.
fn pairs(levels: &[(usize, usize, usize)]) -> String {
    let mut tsv = String::from("# score\tsame\tgroup\n");
    for &(level, count, wrong) in levels {
        for k in 0..count {
            tsv += &format!("{}\t{}\t{level}-{k}\n", EDGES[level], u8::from(k >= wrong));
        }
    }
    tsv
}

fn calibration(levels: &[(usize, usize, usize)]) -> Calibration {
    Calibration::read(&pairs(levels)).unwrap()
}

/// Fewer errors the higher the score, as a verifier has them.
fn usual() -> Calibration {
    calibration(&[(23, 900, 0), (21, 1200, 2), (18, 1500, 8), (15, 1500, 30), (12, 1500, 120), (6, 1500, 600)])
}

fn evidence(outcomes: &[(usize, Outcome, usize)]) -> Evidence {
    let mut evidence = Evidence::default();
    for &(level, outcome, times) in outcomes {
        for _ in 0..times {
            evidence.note(EDGES[level], outcome);
        }
    }
    evidence
}

fn threshold(calibration: Option<&Calibration>, evidence: &Evidence, rate: f64) -> f32 {
    standing(calibration, Some(evidence), rate).threshold
}

#[test]
fn the_bound_is_clopper_and_pearsons() {
    for (bad, judged, bound) in [
        // Without wrong ones it is 1 - 0.05^(1/n).
        (0.0, 59.0, 0.049_507),
        (0.0, 299.0, 0.009_969),
        (0.0, 598.0, 0.004_997),
        // Two-sided 90 % limits have the one-sided 95 % ones as their ends.
        (1.0, 473.0, 0.009_990),
        (10.0, 10.0, 1.0),
        (1.0, 10.0, 0.394_163),
        (5.0, 10.0, 0.777_559),
        (0.0, 0.0, 1.0),
    ] {
        let found = upper_bound(bad, judged, CONFIDENCE);
        assert!((found - bound).abs() < 2e-6, "{bad} of {judged}: {found}, not {bound}");
    }
}

#[test]
fn the_bound_covers_the_true_share_as_often_as_it_says() {
    for (judged, share) in [(300_u32, 0.01), (500, 0.02), (40, 0.3)] {
        // The chance that so few are wrong that the bound falls short of the true share.
        let mut missed = 0.0;
        let mut chance = (1.0_f64 - share).powi(judged as i32);
        for bad in 0..judged {
            if upper_bound(f64::from(bad), f64::from(judged), CONFIDENCE) < share {
                missed += chance;
            }
            chance *= f64::from(judged - bad) / f64::from(bad + 1) * share / (1.0 - share);
        }
        assert!(missed <= 1.0 - CONFIDENCE && missed > 0.01, "{judged} at {share}: {missed}");
    }
}

#[test]
fn counts_that_are_not_whole_lie_between_whole_ones() {
    let bound = |bad, judged| upper_bound(bad, judged, CONFIDENCE);
    assert!(bound(0.0, 299.5) < bound(0.5, 299.5) && bound(0.5, 299.5) < bound(1.0, 299.5));
    assert!(bound(0.5, 301.0) < bound(0.5, 300.5) && bound(0.5, 300.5) < bound(0.5, 300.0));
    assert!(bound(0.0, 0.001) > 0.99);
}

#[test]
fn counts_that_are_not_counts_bound_nothing() {
    for (bad, judged) in
        [(f64::NAN, 10.0), (0.0, f64::NAN), (-1.0, 10.0), (11.0, 10.0), (0.0, f64::INFINITY), (0.0, -5.0)]
    {
        assert_eq!(upper_bound(bad, judged, CONFIDENCE), 1.0, "{bad} of {judged}");
    }
}

#[test]
fn the_bound_of_very_many_is_no_lower_than_the_share_seen() {
    for judged in [1e4, 1e5, 1e6, 1e7] {
        for share in [0.001, 0.01, 0.3] {
            let found = upper_bound(judged * share, judged, CONFIDENCE);
            let normal = share + 1.645 * (share * (1.0 - share) / judged).sqrt();
            assert!(found >= share && (found / normal - 1.0).abs() < 0.15, "{share} of {judged}: {found}, {normal}");
        }
    }
}

#[test]
fn the_levels_are_equal_steps_of_log_odds() {
    for (level, edge) in EDGES.iter().enumerate() {
        let expected = 1.0 / (1.0 + (-(level as f64) / 3.0).exp());
        assert!((f64::from(*edge) - expected).abs() < 1e-6, "level {level}: {edge}, not {expected}");
        assert_eq!(level_of(*edge), Some(level));
        assert_eq!(level_of(edge - 1e-6), level.checked_sub(1));
    }
    assert_eq!(level_of(1.0), Some(LEVELS - 1));
    for no_score in [f32::NAN, f32::INFINITY, 1.001, -0.1, 0.0, 0.499] {
        assert_eq!(level_of(no_score), None);
    }
}

#[test]
fn nothing_known_serves_nothing() {
    for evidence in [None, Some(&Evidence::default())] {
        let standing = standing(None, evidence, 0.01);
        assert_eq!((standing.threshold, standing.bound, standing.source), (SERVES_NOTHING, 1.0, Source::Nothing));
    }
}

#[test]
fn a_rate_that_allows_nothing_serves_nothing() {
    let (usual, good) = (usual(), evidence(&[(20, Outcome::Good, 2000)]));
    for rate in [0.0, -0.1, f64::NAN] {
        assert_eq!(threshold(Some(&usual), &good, rate), SERVES_NOTHING);
        assert_eq!(threshold(None, &good, rate), SERVES_NOTHING);
    }
}

#[test]
fn no_evidence_leaves_the_calibrations_threshold() {
    let usual = usual();
    for rate in BUDGETS {
        let alone = standing(Some(&usual), None, rate);
        assert_eq!(standing(Some(&usual), Some(&Evidence::default()), rate), alone);
        assert_eq!(alone.source, Source::Calibration);
        assert!(alone.threshold <= 1.0 && alone.bound <= rate, "{rate}: {alone:?}");
    }
}

#[test]
fn a_calibration_too_small_to_prove_the_rate_serves_nothing() {
    let small = calibration(&[(23, 200, 0)]);
    let standing = standing(Some(&small), None, 0.01);
    assert_eq!(standing.threshold, SERVES_NOTHING);
    assert!(threshold(Some(&small), &Evidence::default(), 0.05) <= 1.0);
}

#[test]
fn a_few_pairs_at_the_top_do_not_end_the_scan() {
    let few = calibration(&[(23, 40, 1), (18, 2000, 2)]);
    assert_eq!(threshold(Some(&few), &Evidence::default(), 0.01), EDGES[18]);
}

#[test]
fn a_level_that_nobody_has_seen_does_not_serve() {
    let gap = calibration(&[(20, 3000, 1), (9, 3000, 2)]);
    assert_eq!(threshold(Some(&gap), &Evidence::default(), 0.01), EDGES[9]);
    let unseen = calibration(&[(20, 3000, 1)]);
    assert_eq!(threshold(Some(&unseen), &Evidence::default(), 0.01), EDGES[20]);
    assert_eq!(threshold(Some(&unseen), &evidence(&[(16, Outcome::Bad, 1)]), 0.01), EDGES[20]);
    assert_eq!(threshold(Some(&unseen), &evidence(&[(16, Outcome::Good, 1)]), 0.01), EDGES[16]);
}

#[test]
fn one_bad_outcome_at_the_edge_tightens() {
    // 628 pairs' weight lets two wrong ones pass at 1 %; the prior has one and a half.
    let edge = calibration(&[(23, 700, 0), (18, 700, 3), (10, 700, 200)]);
    assert_eq!(threshold(Some(&edge), &Evidence::default(), 0.01), EDGES[18]);
    assert_eq!(threshold(Some(&edge), &evidence(&[(18, Outcome::Bad, 1)]), 0.01), EDGES[23]);
    // Many right ones loosen again.
    let recovered = evidence(&[(18, Outcome::Bad, 1), (18, Outcome::Good, 400)]);
    assert_eq!(threshold(Some(&edge), &recovered, 0.01), EDGES[18]);
}

#[test]
fn only_the_scopes_own_proof_loosens_below_the_calibration() {
    let edge = calibration(&[(23, 700, 0), (18, 700, 3), (10, 700, 200)]);
    assert_eq!(threshold(Some(&edge), &evidence(&[(10, Outcome::Good, 200)]), 0.01), EDGES[18]);
    assert_eq!(threshold(Some(&edge), &evidence(&[(10, Outcome::Good, 400)]), 0.01), EDGES[10]);
    assert_eq!(threshold(Some(&edge), &evidence(&[(10, Outcome::Good, 400), (10, Outcome::Bad, 2)]), 0.01), EDGES[18]);
}

#[test]
fn evidence_alone_may_serve_where_it_proves_the_rate() {
    assert_eq!(threshold(None, &evidence(&[(20, Outcome::Good, 200)]), 0.01), SERVES_NOTHING);
    assert_eq!(threshold(None, &evidence(&[(20, Outcome::Good, 400), (14, Outcome::Good, 1)]), 0.01), EDGES[14]);
}

#[test]
fn a_wrong_outcome_never_lowers_the_threshold() {
    each_random(|calibration, evidence, rate, random| {
        let before = threshold(calibration, evidence, rate);
        let mut after = evidence.clone();
        let (score, share) = (EDGES[random.below(24) as usize], random.below(20) as f32 / 100.0);
        if random.below(2) == 0 {
            after.note(score, Outcome::Bad)
        } else {
            after.note_word(score, Outcome::Bad, share)
        }
        assert!(threshold(calibration, &after, rate) >= before, "{rate}: {evidence:?} and {score}");
    });
}

#[test]
fn a_right_outcome_never_raises_the_threshold_but_for_the_age_of_the_others() {
    each_random(|calibration, evidence, rate, random| {
        let level = random.below(24) as usize;
        let mut aged = evidence.clone();
        aged.note(EDGES[level], Outcome::Good);
        // The same without the new outcome: what is left is what age did.
        let mut without = aged.clone();
        without.take_good(level, 1.0);
        assert!(threshold(calibration, &aged, rate) <= threshold(calibration, &without, rate));
    });
}

#[test]
fn a_smaller_rate_never_lowers_the_threshold() {
    each_random(|calibration, evidence, rate, random| {
        let smaller = rate * (random.below(99) + 1) as f64 / 100.0;
        let (loose, strict) = (threshold(calibration, evidence, rate), threshold(calibration, evidence, smaller));
        assert!(strict >= loose, "{smaller} has {strict}, {rate} has {loose}: {evidence:?}");
    });
}

#[test]
fn what_is_served_is_proven() {
    each_random(|calibration, evidence, rate, _| {
        let standing = standing(calibration, Some(evidence), rate);
        assert!(standing.threshold > 1.0 || standing.bound <= rate + 1e-9, "{standing:?}");
    });
}

/// Random calibrations, of any shape, and random evidence.
fn each_random(mut check: impl FnMut(Option<&Calibration>, &Evidence, f64, &mut Random)) {
    let random = &mut Random(7);
    for k in 0..150 {
        let levels: Vec<_> = (0..LEVELS)
            .map(|level| {
                let count = random.wide(10) as usize;
                let wrong = count * random.wide(8) as usize * (LEVELS - level) / 12_000;
                (level, count, wrong.min(count))
            })
            .collect();
        let calibration = (k % 10 != 0).then(|| calibration(&levels));
        let mut evidence = Evidence::default();
        let wrong = 1 << random.below(12);
        for _ in 0..4 {
            for _ in 0..random.below(300) {
                let outcome = if random.below(wrong) == 0 { Outcome::Bad } else { Outcome::Good };
                evidence.note(EDGES[random.below(24) as usize], outcome);
            }
            let rate = BUDGETS[random.below(4) as usize];
            check(calibration.as_ref(), &evidence, rate, random);
        }
    }
}

#[test]
fn an_outcome_counts_half_after_its_half_life() {
    let mut evidence = evidence(&[(23, Outcome::Bad, 1), (3, Outcome::Good, 1000)]);
    assert!((evidence.bad() - 0.5).abs() < 1e-3, "{}", evidence.bad());
    for _ in 0..20_000 {
        evidence.note(0.99, Outcome::Good);
    }
    assert!((evidence.good() - 1443.2).abs() < 2.0, "{}", evidence.good());
}

#[test]
fn outcomes_without_a_level_are_left_out() {
    let mut evidence = Evidence::default();
    for score in [0.3, f32::NAN, 1.5] {
        evidence.note(score, Outcome::Bad);
        evidence.note(score, Outcome::Good);
    }
    assert!(evidence.is_empty());
}

#[test]
fn a_word_that_an_answer_was_wrong_counts_in_full_and_praise_no_more_than_audits() {
    for (share, weight) in [(0.01, 0.01), (0.5, 0.5), (2.0, 1.0), (0.0, 0.0), (f32::NAN, 0.0)] {
        let mut evidence = Evidence::default();
        evidence.note_word(0.99, Outcome::Good, share);
        assert!((evidence.good() - weight).abs() < 1e-6, "{share}: {}", evidence.good());
        let mut evidence = Evidence::default();
        evidence.note_word(0.99, Outcome::Bad, share);
        assert!((evidence.bad() - 1.0).abs() < 1e-6, "{share}: {}", evidence.bad());
    }
}

#[test]
fn evidence_is_stored_in_some_two_hundred_bytes() {
    let evidence = evidence(&[(20, Outcome::Good, 30), (12, Outcome::Bad, 2)]);
    let bytes = postcard::to_stdvec(&evidence).unwrap();
    assert!(bytes.len() <= 200, "{}", bytes.len());
    assert_eq!(postcard::from_bytes::<Evidence>(&bytes).unwrap(), evidence);
}

#[test]
fn evidence_that_was_stored_broken_serves_nothing() {
    for broken in [f32::NAN, f32::INFINITY, -1e9] {
        let mut bytes = postcard::to_stdvec(&evidence(&[(20, Outcome::Good, 30)])).unwrap();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&broken.to_le_bytes());
        let evidence: Evidence = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(threshold(Some(&usual()), &evidence, 0.01), SERVES_NOTHING, "{broken}");
    }
}

#[test]
fn a_calibration_says_what_is_wrong_and_where() {
    for (tsv, why) in [
        ("", "the calibration has no pairs"),
        ("# only a comment\n\n", "the calibration has no pairs"),
        ("0.5\t1", "calibration line 1: expected score, same and group, separated by tabs"),
        ("0.5\t1\tg\tmore", "calibration line 1: expected score, same and group, separated by tabs"),
        ("# x\n0.5\t1\tg\n1.5\t1\tg", "calibration line 3: the score \"1.5\" is not a number from 0 to 1"),
        ("NaN\t1\tg", "calibration line 1: the score \"NaN\" is not a number from 0 to 1"),
        ("0.5\tyes\tg", "calibration line 1: same is \"yes\", not 0 or 1"),
        ("0.5\t1\t ", "calibration line 1: the group is empty"),
    ] {
        assert_eq!(Calibration::read(tsv).unwrap_err(), why);
    }
}

#[test]
fn pairs_of_one_group_count_less_the_more_they_agree() {
    let read = |same: &dyn Fn(usize, usize) -> bool| {
        let mut tsv = String::new();
        for (group, k) in (0..200).flat_map(|group| (0..10).map(move |k| (group, k))) {
            tsv += &format!("0.9999\t{}\t{group}\n", u8::from(same(group, k)));
        }
        Calibration::read(&tsv).unwrap().above[LEVELS - 1]
    };
    // Whole groups are wrong: each says as much as one pair.
    let alike = read(&|group, _| group % 10 != 0);
    assert!((alike.judged - 200.0).abs() < 1.0 && (alike.bad - 20.0).abs() < 0.2, "{alike:?}");
    // One pair of every group is wrong: they say no less than independent ones.
    let spread = read(&|_, k| k != 0);
    assert_eq!(spread, Tally { bad: 200.0, judged: 2000.0 });
    // Too few are wrong to tell.
    let unknown = read(&|group, _| group != 0);
    assert!((unknown.judged - 200.0).abs() < 1.0, "{unknown:?}");
}
