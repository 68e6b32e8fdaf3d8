//! What the providers' prefix caches give: asked directly, through the gateway, and at best.

use std::fmt::Write;

use super::providers::ideal::Ideal;
use super::providers::{Billed, Kind};
use super::replay::{TRACES, direct, gateway, model, through, title, trace};

const SEEDS: [u64; 3] = [1, 2, 3];

/// The share of what the rules allow that must be read.
const AIM: f64 = 0.95;

/// One trace at one provider, with one or several seeds.
#[derive(Clone, Debug, Default)]
struct Figures {
    requests: u64,
    /// Answered by the gateway itself; they are not in the other figures.
    hits: u64,
    input: u64,
    direct: Sum,
    nearhit: Sum,
    ideal: Sum,
    dearer: Vec<Dearer>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    cached: u64,
    cost_milli: u64,
}

/// A request that cost more than it would have directly.
#[derive(Clone, Copy, Debug)]
struct Dearer {
    direct: Billed,
    nearhit: Billed,
}

impl Dearer {
    fn by_milli(&self) -> u64 {
        self.nearhit.cost_milli - self.direct.cost_milli
    }

    /// Whether it wrote what nobody had written before, and would not have written it directly.
    fn is_first_write(&self) -> bool {
        self.nearhit.written_tokens_5m > 0 && self.nearhit.cached_tokens == 0 && self.direct.cached_tokens == 0
    }
}

impl Sum {
    fn add(&mut self, cached: u64, cost_milli: u64) {
        self.cached += cached;
        self.cost_milli += cost_milli;
    }
}

impl Figures {
    fn of(kind: Kind, name: &str, seed: u64) -> Self {
        let steps = trace(name, kind, seed);
        let ideal = Ideal::of(kind, model(kind), &steps).unwrap();
        let through = through(&gateway(&serde_json::json!({})), kind, &steps);
        let mut figures = Self { requests: steps.len() as u64, ..Self::default() };
        for ((direct, nearhit), ideal) in direct(kind, &steps).into_iter().zip(through).zip(ideal.steps) {
            let Some(nearhit) = nearhit else {
                figures.hits += 1;
                continue;
            };
            assert_eq!((direct.input_tokens, nearhit.input_tokens), (ideal.input_tokens, ideal.input_tokens));
            figures.input += ideal.input_tokens;
            figures.direct.add(direct.cached_tokens, direct.cost_milli);
            figures.nearhit.add(nearhit.cached_tokens, nearhit.cost_milli);
            figures.ideal.add(ideal.cached_tokens, ideal.cost_milli);
            if nearhit.cost_milli > direct.cost_milli {
                figures.dearer.push(Dearer { direct, nearhit });
            }
        }
        figures
    }

    fn plus(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        self.hits += other.hits;
        self.input += other.input;
        self.direct.add(other.direct.cached, other.direct.cost_milli);
        self.nearhit.add(other.nearhit.cached, other.nearhit.cost_milli);
        self.ideal.add(other.ideal.cached, other.ideal.cost_milli);
        self.dearer.extend(&other.dearer);
        self
    }

    fn of_allowed(&self) -> f64 {
        ratio(self.nearhit.cached, self.ideal.cached)
    }

    /// What the dearer requests cost more, in uncached tokens.
    fn more_tokens(&self, only: impl Fn(&Dearer) -> bool) -> u64 {
        self.dearer.iter().filter(|dearer| only(dearer)).map(Dearer::by_milli).sum::<u64>().div_ceil(1_000)
    }
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn row(kind: Kind, name: &str, figures: &Figures) -> String {
    let share = |sum: Sum| format!("{:.1} %", 100.0 * ratio(sum.cached, figures.input));
    let price = |sum: Sum| format!("{:.3}", ratio(sum.cost_milli, 1_000 * figures.input));
    let firsts = figures.dearer.iter().filter(|dearer| dearer.is_first_write()).count();
    let (direct, nearhit, ideal) = (figures.direct, figures.nearhit, figures.ideal);
    format!(
        "| {} | {name} | {} | {} | {} | {:.3} | {} | {} | {} | {} of {}, {} first writes \
         | {} ({} of them by first writes) |",
        title(kind),
        share(direct),
        share(nearhit),
        share(ideal),
        figures.of_allowed(),
        price(direct),
        price(nearhit),
        price(ideal),
        figures.dearer.len(),
        figures.requests - figures.hits,
        firsts,
        figures.more_tokens(|_| true),
        figures.more_tokens(Dearer::is_first_write),
    )
}

#[test]
fn prefix_hints_read_what_the_rules_allow_and_cost_no_more_than_none() {
    let mut table = String::from(
        "\n## The providers' prefix caches, simulated\n\
         | provider | trace | read, direct | read, nearhit | read, allowed | nearhit : allowed \
         | cost, direct | cost, nearhit | least possible | dearer than direct | by uncached tokens in all |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let runs = Kind::ALL.iter().flat_map(|kind| TRACES.map(|name| (*kind, name)));
    let runs: Vec<(Kind, &str, Vec<Figures>)> = std::thread::scope(|scope| {
        let started: Vec<_> = runs
            .map(|(kind, name)| {
                let run = scope.spawn(move || SEEDS.map(|seed| Figures::of(kind, name, seed)).to_vec());
                (kind, name, run)
            })
            .collect();
        started.into_iter().map(|(kind, name, run)| (kind, name, run.join().unwrap())).collect()
    });
    for (kind, name, figures) in &runs {
        let all = figures.iter().fold(Figures::default(), Figures::plus);
        let _ = writeln!(table, "{}", row(*kind, name, &all));
    }
    print!("{table}");
    for (kind, name, figures) in &runs {
        for (figures, seed) in figures.iter().zip(SEEDS) {
            check(*kind, figures, &format!("{kind:?}, {name}, seed {seed}"));
        }
    }
}

fn check(kind: Kind, figures: &Figures, what: &str) {
    assert_eq!(figures.hits, 0, "{what}");
    assert!(figures.of_allowed() >= AIM, "{what}: {:.3}", figures.of_allowed());
    let (nearhit, direct) = (figures.nearhit.cost_milli, figures.direct.cost_milli);
    assert!(nearhit <= direct, "{what}: {nearhit} against {direct}");
    if kind == Kind::OpenAiBefore56 {
        // The first request under a further key finds a cold machine; those after it find a warm one where they would
        // have overflown. In all it costs less, and few pay for it.
        assert!(25 * figures.dearer.len() as u64 <= figures.requests, "{what}: {}", figures.dearer.len());
        return;
    }
    // Whoever writes a prefix for the others pays for it, where an unmarked request would write nothing.
    let firsts = usize::from(kind == Kind::Anthropic);
    assert_eq!(figures.dearer.len(), firsts, "{what}: {:?}", figures.dearer);
    assert!(figures.dearer.iter().all(Dearer::is_first_write), "{what}: {:?}", figures.dearer);
}
