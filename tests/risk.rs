//! Simulations of a scope's life: a stream of labelled pairs whose kind and scores drift, of which only audited and
//! reported outcomes are known. Does the share of wrong answers among the served hits stay within the operator's budget,
//! and how many hits does it cost against an oracle that knows every label?
//!
//! `cargo test --test risk -- --nocapture` prints the table.

#![expect(clippy::unwrap_used, reason = "a test")]

use nearhit::semantic::risk::{CONFIDENCE, Calibration, EDGES, Evidence, LEVELS, Outcome, level_of, standing};

const BUDGETS: [f64; 3] = [0.005, 0.01, 0.05];
const SEEDS: u64 = 200;
const FEWER_SEEDS: u64 = 20;
/// Candidates: neighbours that reached the verifier with a score on the grid or below.
const CANDIDATES: usize = 120_000;
/// After so many candidates the world is another, and the oracle chooses anew.
const BLOCK: usize = 1000;
/// Hits that also go upstream. As many of the refused neighbours are judged, which costs no request. All that matters is how
/// many outcomes are judged while the world changes: at the default of 1 % the same takes five times as many requests.
const AUDITS: f64 = 0.05;
const DEFAULT_AUDITS: f64 = 0.01;
/// Of wrong answers, how many a user reports.
const REPORTS: f64 = 0.1;
/// The threshold is computed anew after so many outcomes, and after each wrong hit.
const REFRESH: usize = 100;

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What the verifier meets: log odds that follow a logistic distribution for each kind of pair.
#[derive(Clone, Copy)]
struct World {
    /// The share of duplicates; the others only look alike.
    duplicates: f64,
    duplicate_centre: f64,
    lookalike_centre: f64,
}

const DUPLICATE_WIDTH: f64 = 1.0;
const LOOKALIKE_WIDTH: f64 = 0.85;
const SHIPPED: World = World { duplicates: 0.5, duplicate_centre: 5.0, lookalike_centre: -2.5 };

/// Chances of every level for each kind of pair; index 0 is below the lowest.
struct Chances {
    duplicate: [f64; LEVELS + 1],
    lookalike: [f64; LEVELS + 1],
    /// The same, duplicates first, each with all those before it; and where among them each 256th begins.
    sums: [f64; KINDS],
    begins: [usize; 256],
}

const KINDS: usize = 2 * (LEVELS + 1);

impl World {
    fn chances(self) -> Chances {
        let of = |share: f64, centre: f64, width: f64| {
            let above = |level: usize| 1.0 / (1.0 + ((level as f64 / 3.0 - centre) / width).exp());
            std::array::from_fn(|k| {
                let (high, low) = (if k == 0 { 1.0 } else { above(k - 1) }, if k == LEVELS { 0.0 } else { above(k) });
                share * (high - low)
            })
        };
        let duplicate: [f64; LEVELS + 1] = of(self.duplicates, self.duplicate_centre, DUPLICATE_WIDTH);
        let lookalike: [f64; LEVELS + 1] = of(1.0 - self.duplicates, self.lookalike_centre, LOOKALIKE_WIDTH);
        let mut sum = 0.0;
        let sums = std::array::from_fn(|k| {
            sum += if k <= LEVELS { duplicate[k] } else { lookalike[k - LEVELS - 1] };
            sum
        });
        let begins = std::array::from_fn(|k| sums.partition_point(|sum| *sum <= k as f64 / 256.0));
        Chances { duplicate, lookalike, sums, begins }
    }
}

impl Chances {
    /// The loosest level whose error share, with those above, is within the budget.
    fn oracle(&self, budget: f64) -> Option<usize> {
        let (mut wrong, mut all, mut loosest) = (0.0, 0.0, None);
        for level in (0..LEVELS).rev() {
            wrong += self.lookalike[level + 1];
            all += self.lookalike[level + 1] + self.duplicate[level + 1];
            if wrong <= budget * all {
                loosest = Some(level);
            }
        }
        loosest
    }

    /// A pair's level, if it is on the grid, and whether it is a duplicate.
    fn draw(&self, random: &mut Random) -> Option<(usize, bool)> {
        let share = random.share();
        let mut kind = self.begins[(share * 256.0) as usize];
        while kind + 1 < KINDS && self.sums[kind] <= share {
            kind += 1;
        }
        (kind % (LEVELS + 1)).checked_sub(1).map(|level| (level, kind <= LEVELS))
    }
}

/// Drift that audits can follow. Over the first six tenths duplicates become rarer (1 of 2 to 3 of 10) and look-alikes score
/// higher by one log odd: seven times as many of the hits at a threshold are wrong. Look-alikes suddenly score 0.4 higher
/// still, half as many again, and go back after two tenths.
fn followed(progress: f64) -> World {
    let gradual = (progress / 0.6).min(1.0);
    let sudden = if (0.7..0.9).contains(&progress) { 1.0 } else { 0.0 };
    World {
        duplicates: SHIPPED.duplicates - 0.2 * gradual,
        duplicate_centre: SHIPPED.duplicate_centre - 0.3 * gradual,
        lookalike_centre: SHIPPED.lookalike_centre + gradual + 0.4 * sudden,
    }
}

/// Drift that is faster than audits: from one request to the next look-alikes score 3 log odds higher, so that some thirty
/// times as many are above a threshold, for a quarter of the stream.
fn reversed(progress: f64) -> World {
    let sudden = if (0.4..0.65).contains(&progress) { 3.0 } else { 0.0 };
    World { lookalike_centre: SHIPPED.lookalike_centre + sudden, ..SHIPPED }
}

/// What a stream came to.
#[derive(Default)]
struct Life {
    hits: f64,
    wrong: f64,
    oracle_hits: f64,
    /// Hits and wrong ones if the threshold had stayed the calibration's.
    frozen: (f64, f64),
    /// Hits and wrong ones in each tenth of the stream.
    tenths: [(f64, f64); 10],
}

impl Life {
    fn error(&self) -> f64 {
        if self.hits > 0.0 { self.wrong / self.hits } else { 0.0 }
    }
}

/// Pairs as they ship with the model: two or three of a group.
fn shipped(random: &mut Random) -> Calibration {
    let chances = SHIPPED.chances();
    let mut tsv = String::new();
    for k in 0..16_000 {
        if let Some((level, same)) = chances.draw(random) {
            tsv += &format!("{}\t{}\t{}\n", EDGES[level], u8::from(same), k * 2 / 5);
        }
    }
    Calibration::read(&tsv).unwrap()
}

fn live(seed: u64, budget: f64, audits: f64, world: fn(f64) -> World) -> Life {
    let random = &mut Random(seed);
    let calibration = shipped(random);
    let (mut evidence, mut life, mut outcomes) = (Evidence::default(), Life::default(), 0);
    let frozen = level_of(standing(Some(&calibration), None, budget).threshold).unwrap_or(LEVELS);
    let mut lowest = frozen;
    for block in 0..CANDIDATES / BLOCK {
        let progress = (block * BLOCK) as f64 / CANDIDATES as f64;
        let chances = world(progress).chances();
        let oracle = chances.oracle(budget).unwrap_or(LEVELS);
        let tenth = &mut life.tenths[(progress * 10.0) as usize];
        for _ in 0..BLOCK {
            let Some((level, same)) = chances.draw(random) else { continue };
            life.oracle_hits += f64::from(u8::from(level >= oracle));
            if level >= frozen {
                life.frozen.0 += 1.0;
                life.frozen.1 += f64::from(u8::from(!same));
            }
            let (is_hit, chance) = (level >= lowest, random.share());
            if is_hit {
                tenth.0 += 1.0;
                tenth.1 += f64::from(u8::from(!same));
            }
            if chance < audits {
                evidence.note(EDGES[level], if same { Outcome::Good } else { Outcome::Bad });
            } else if is_hit && !same && chance < audits + REPORTS {
                evidence.note_word(EDGES[level], Outcome::Bad, audits as f32);
            } else {
                continue;
            }
            outcomes += 1;
            if (is_hit && !same) || outcomes % REFRESH == 0 {
                let standing = standing(Some(&calibration), Some(&evidence), budget);
                lowest = level_of(standing.threshold).unwrap_or(LEVELS);
            }
        }
    }
    (life.hits, life.wrong) = life.tenths.iter().fold((0.0, 0.0), |sum, tenth| (sum.0 + tenth.0, sum.1 + tenth.1));
    life
}

/// All seeds, their errors in ascending order, and the table's row.
fn row(budget: f64, seeds: u64, audits: f64, world: fn(f64) -> World) -> (Vec<Life>, usize) {
    let each = |first: u64| (first..=seeds).step_by(2).map(|seed| live(seed, budget, audits, world)).collect();
    let mut lives: Vec<Life> = std::thread::scope(|scope| {
        let others = scope.spawn(|| -> Vec<Life> { each(2) });
        let mut lives: Vec<Life> = each(1);
        lives.extend(others.join().unwrap());
        lives
    });
    lives.sort_by(|a, b| a.error().total_cmp(&b.error()));
    let mean = lives.iter().map(Life::error).sum::<f64>() / seeds as f64;
    let high = lives[lives.len() * 95 / 100].error();
    let over = lives.iter().filter(|life| life.error() > budget).count();
    let frozen = lives.iter().filter(|life| life.frozen.1 > budget * life.frozen.0).count();
    let hits = lives.iter().map(|life| life.hits).sum::<f64>();
    let oracle = lives.iter().map(|life| life.oracle_hits).sum::<f64>();
    let least = lives.iter().map(|life| life.hits / life.oracle_hits).fold(1.0, f64::min);
    println!(
        "| {:5.1} % | {:.3} % | {:.3} % | {over:3} of {seeds} | {frozen:3} of {seeds} | {:.1} % | {:.1} % |",
        budget * 100.0,
        mean * 100.0,
        high * 100.0,
        hits / oracle * 100.0,
        least * 100.0,
    );
    (lives, over)
}

fn heading(title: &str) {
    println!("\n{title}\n");
    println!(
        "| budget | mean error | 95th percentile | seeds over budget | without evidence | hits of the oracle's | least of a seed |"
    );
    println!("|---|---|---|---|---|---|---|");
}

#[test]
fn the_bound_holds_on_a_stream_that_drifts() {
    heading("Drift that audits follow:");
    for budget in BUDGETS {
        let (lives, over) = row(budget, SEEDS, AUDITS, followed);
        let expected = (1.0 - CONFIDENCE) * SEEDS as f64;
        let slack = 1.645 * (expected * CONFIDENCE).sqrt();
        assert!(over as f64 <= expected + slack, "{budget}: {over} seeds of {SEEDS} are over");
        let (hits, oracle) = lives.iter().fold((0.0, 0.0), |sum, life| (sum.0 + life.hits, sum.1 + life.oracle_hits));
        assert!(hits > 0.5 * oracle, "{budget}: {hits} hits, the oracle has {oracle}");
    }
}

/// The same drift, with a fifth of the outcomes to see it by: some 600 judged hits in the whole stream, when to tell 0.5 %
/// from less takes 598 right ones. The budget is not kept at 0.5 %, and not in every seed at 1 %; what is asserted is only
/// that the evidence makes it better than the calibration alone.
#[test]
fn with_few_audits_the_same_drift_is_followed_late() {
    heading("The same drift, with 1 % audited:");
    for budget in BUDGETS {
        let (lives, _) = row(budget, FEWER_SEEDS, DEFAULT_AUDITS, followed);
        let mean = lives.iter().map(Life::error).sum::<f64>();
        let frozen = lives.iter().map(|life| life.frozen.1 / life.frozen.0.max(1.0)).sum::<f64>();
        assert!(mean < frozen, "{budget}: {mean}, without evidence {frozen}");
    }
}

/// Until audits have seen it the error is several times the budget, which no method can help. The scope must then tighten,
/// and open again when the world is as it was. Over the whole stream the bound may or may not hold; it is not asserted.
#[test]
fn a_reversal_faster_than_audits_breaks_the_bound_for_a_while_and_is_recovered_from() {
    heading("Look-alikes suddenly score 3 log odds higher, for a quarter of the stream:");
    for budget in BUDGETS {
        let (lives, _) = row(budget, FEWER_SEEDS, AUDITS, reversed);
        let tenth =
            |k: usize| lives.iter().fold((0.0, 0.0), |s, life| (s.0 + life.tenths[k].0, s.1 + life.tenths[k].1));
        let errors: Vec<String> = (0..10).map(|k| format!("{:.2}", 100.0 * tenth(k).1 / tenth(k).0.max(1.0))).collect();
        let hits: Vec<String> = (0..10).map(|k| format!("{:.0}", tenth(k).0 / FEWER_SEEDS as f64)).collect();
        println!("  error % by tenth: {}; hits: {}", errors.join(" "), hits.join(" "));
        // What follows is within the budget, and hits come back.
        assert!((7..10).all(|k| tenth(k).1 <= budget * tenth(k).0), "{budget}: {errors:?}");
        assert!(tenth(9).0 > 0.5 * tenth(0).0, "{budget}: {hits:?}");
    }
}
