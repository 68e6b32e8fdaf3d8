//! Times the embedder in native tract, for `npm run bench`: prints `{"16": microseconds, "128": microseconds}`.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use nearhit::semantic::embedder::Embedder;

/// The same text as the measurement inside the isolate: each of these words is one wordpiece.
fn text_of(pieces: usize) -> String {
    const WORDS: [&str; 8] = ["how", "do", "i", "change", "the", "name", "of", "my"];
    (0..pieces).map(|k| WORDS[k % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

fn median_us(embedder: &Embedder, pieces: usize) -> f64 {
    let text = text_of(pieces);
    let mut means: Vec<f64> = (0..50)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..100 {
                drop(std::hint::black_box(embedder.embed(&text)));
            }
            started.elapsed().as_secs_f64() * 1e6 / 100.0
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means[means.len() / 2]
}

fn main() -> Result<(), String> {
    let embedder = Embedder::shipped()?;
    println!("{{\"16\": {:.1}, \"128\": {:.1}}}", median_us(&embedder, 16), median_us(&embedder, 128));
    Ok(())
}
