//! `npm run eval`: the decision on labelled pairs, natively, by the code that the Worker runs.
//!
//! Reads JSON Lines of `{"a": text, "b": text, "same": 0 | 1, "kind": text}` and prints a report as Markdown. With
//! `--scores` it prints what each pair got instead, as tab-separated values, for `models/calibrate_verifier.py`; with
//! `--lost` the report also lists the duplicates that were not served.
#![expect(clippy::unwrap_used, reason = "a program for developers that stops when it cannot go on")]

use std::collections::BTreeMap;
use std::{env, fs};

use nearhit::config;
use nearhit::semantic::decision::{Judge, Judgement, Limits, Reading, Refused};
use nearhit::semantic::embedder::Embedder;
use nearhit::semantic::risk::{self, CONFIDENCE, EDGES};
use nearhit::semantic::verifier;
use serde::Deserialize;

/// A calibration that says nothing.
const NO_CALIBRATION: &str = "0.5\t0\t0\n";

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    same: u8,
    #[serde(default)]
    kind: String,
    /// Pairs of one group are not independent.
    #[serde(default)]
    group: u64,
}

/// What the gates said of a pair.
struct Judged {
    pair: Pair,
    cosine: f32,
    judgement: Judgement,
}

impl Judged {
    fn same(&self) -> bool {
        self.pair.same == 1
    }

    fn passes_guard(&self) -> bool {
        !matches!(&self.judgement, Judgement::Refused(Refused::Guard(_) | Refused::Unread))
    }

    fn gate(&self) -> String {
        match &self.judgement {
            Judgement::Sure(_) => "sure".into(),
            Judgement::Likely(_) => "verifier".into(),
            Judgement::Refused(Refused::Guard(difference)) => {
                format!("{} ({} | {})", difference.reason.as_str(), difference.here, difference.there)
            }
            Judgement::Refused(refused) => refused.as_str().into(),
        }
    }

    fn score(&self) -> f32 {
        match self.judgement {
            Judgement::Sure(score) | Judgement::Likely(score) => score,
            Judgement::Refused(_) => 0.0,
        }
    }

    fn likely_from(&self, threshold: f32) -> bool {
        matches!(self.judgement, Judgement::Sure(_)) || self.score() >= threshold
    }
}

fn judge(embedder: &Embedder, judge: &Judge, pair: Pair) -> Judged {
    let read = |text: &str| embedder.read(text).unwrap_or_default();
    let ((pieces, vector), (_, other)) = (read(&pair.a), read(&pair.b));
    let cosine: f32 = vector.iter().zip(&other).map(|(x, y)| x * y).sum();
    let query = Reading { text: &pair.a, pieces: &pieces };
    let judgement = judge.judge(query, &pair.b, cosine, |text| embedder.pieces(text).ok());
    Judged { pair, cosine, judgement }
}

/// One row of the report: served look-alikes and duplicates.
fn row(all: &[Judged], name: &str, serves: impl Fn(&Judged) -> bool) {
    let count = |same: bool| {
        let these: Vec<&Judged> = all.iter().filter(|one| one.same() == same).collect();
        (these.iter().filter(|one| serves(one)).count(), these.len())
    };
    let ((wrong, look_alikes), (right, duplicates)) = (count(false), count(true));
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    println!(
        "| {name} | {wrong} of {look_alikes} ({:.1} %) | {right} of {duplicates} ({:.1} %) |",
        share(wrong, look_alikes),
        share(right, duplicates)
    );
}

fn by_kind(all: &[Judged], serves: impl Fn(&Judged) -> bool) {
    let mut kinds: BTreeMap<(u8, &str), (usize, usize)> = BTreeMap::new();
    for one in all {
        let (served, count) = kinds.entry((one.pair.same, &one.pair.kind)).or_default();
        *served += usize::from(serves(one));
        *count += 1;
    }
    println!("\n| kind | same answer | served | of |\n|---|---|---|---|");
    for ((same, kind), (served, count)) in kinds {
        println!("| {kind} | {} | {served} | {count} |", if same == 1 { "yes" } else { "no" });
    }
}

fn curve(all: &[Judged], find_from: f32) {
    println!("\n| verifier from | look-alikes served | duplicates served |\n|---|---|---|");
    for threshold in EDGES {
        row(all, &format!("{threshold:.4}"), |one| one.cosine >= find_from && one.likely_from(threshold));
    }
}

fn list(all: &[Judged], title: &str, shown: impl Fn(&Judged) -> bool) {
    let these: Vec<&Judged> = all.iter().filter(|one| shown(one)).collect();
    println!("\n{title}: {}", these.len());
    for one in these {
        let Judged { pair, cosine, .. } = one;
        let (gate, score) = (one.gate(), one.score());
        println!("- {:?} | {:?} ({}): {gate}, cosine {cosine:.3}, score {score:.4}", pair.a, pair.b, pair.kind);
    }
}

fn report(all: &[Judged], gates: &Judge, max_error_rate: f64, lost: bool) {
    let config = config::check(&BTreeMap::from([("NEARHIT_HMAC_KEY".to_owned(), "eval".into())])).unwrap();
    let find_from = config.find_from;
    println!("| rule | look-alikes served (wrong) | duplicates served (right) |\n|---|---|---|");
    for threshold in [0.80, 0.85, 0.90, 0.95] {
        row(all, &format!("embedder alone, cosine from {threshold:.2}"), |one| one.cosine >= threshold);
    }
    for threshold in [0.80, 0.85, 0.90, 0.95] {
        let name = format!("+ guard, cosine from {threshold:.2}");
        row(all, &name, |one| one.cosine >= threshold && one.passes_guard());
    }
    let found = |one: &Judged| one.cosine >= find_from;
    row(all, &format!("found from {find_from:.2}"), found);
    row(all, "found + guard", |one| found(one) && one.passes_guard());
    for threshold in [0.5, 0.9] {
        row(all, &format!("found + guard + verifier from {threshold:.2}"), |one| {
            found(one) && one.likely_from(threshold)
        });
    }
    row(all, "verifier off", |one| found(one) && matches!(one.judgement, Judgement::Sure(_)));
    let decides = |rate: f64| {
        let limits = Limits::of(gates, None, rate, config.threshold, 0.0);
        move |one: &Judged| one.cosine >= find_from && limits.allow(&one.judgement).is_ok()
    };
    for rate in [0.005, 0.01, 0.02, 0.05] {
        let from = Limits::of(gates, None, rate, config.threshold, 0.0).likely_from;
        row(all, &format!("+ risk, max_error_rate {rate} (score from {from:.4})"), decides(rate));
    }
    println!("\nBy kind, at max_error_rate {max_error_rate}:");
    by_kind(all, decides(max_error_rate));
    curve(all, find_from);
    let decided = decides(max_error_rate);
    let served = all.iter().filter(|one| decided(one)).count() as f64;
    let wrong = all.iter().filter(|one| decided(one) && !one.same()).count() as f64;
    let bound = risk::upper_bound(wrong, served, CONFIDENCE);
    println!("\nWrong among served: {wrong} of {served}; upper 95 % bound {bound:.4}");
    list(all, "Look-alikes served", |one| decided(one) && !one.same());
    if lost {
        list(all, "Duplicates not served", |one| !decided(one) && one.same());
    }
}

fn main() {
    let (mut files, mut scores, mut lost, mut rate) = (Vec::new(), false, false, 0.01);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--scores" => scores = true,
            "--lost" => lost = true,
            "--max-error-rate" => rate = arguments.next().unwrap().parse().unwrap(),
            _ => files.push(argument),
        }
    }
    let embedder = Embedder::shipped().unwrap();
    // Scores are what the calibration is made from, so they must come without one.
    let calibration = if scores { NO_CALIBRATION } else { verifier::CALIBRATION };
    let gates = Judge::new(Some(verifier::SHIPPED), calibration, embedder.vocabulary());
    let lines: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let pairs = lines.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    let all: Vec<Judged> = pairs.map(|line| judge(&embedder, &gates, serde_json::from_str(line).unwrap())).collect();
    if scores {
        for one in &all {
            let Judged { pair, cosine, .. } = one;
            let gate = one.gate().replace(['\t', '\n'], " ");
            println!("{}\t{cosine:.4}\t{:.6}\t{}\t{}\t{gate}", pair.same, one.score(), pair.group, pair.kind);
        }
    } else {
        report(&all, &gates, rate, lost);
    }
}
