use super::*;

/// Pseudo-random vectors: a linear congruential generator, so that every run sees the same ones.
fn vectors(count: usize, seed: u64) -> Vec<Vec<i8>> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as i64 % 128) as i8
    };
    (0..count).map(|_| (0..DIMENSIONS).map(|_| next()).collect()).collect()
}

fn index(count: usize) -> (ScopeIndex, Vec<Vec<i8>>) {
    let vectors = vectors(count, 1);
    let mut index = ScopeIndex::default();
    for (seq, vector) in vectors.iter().enumerate() {
        index.insert(seq as Seq + 1, vector);
    }
    (index, vectors)
}

fn exact_cosine(a: &[i8], b: &[i8]) -> f64 {
    let dot = |a: &[i8], b: &[i8]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn the_scan_is_the_exact_answer() {
    let (index, vectors) = index(300);
    for query in vectors.iter().take(20).chain(&self::vectors(20, 99)) {
        let mut expected: Vec<(usize, f64)> =
            vectors.iter().enumerate().map(|(k, vector)| (k, exact_cosine(query, vector))).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        let found = index.scan(query, 5, -1.0);
        assert_eq!(found.len(), 5);
        for (near, (k, score)) in found.iter().zip(&expected) {
            assert_eq!(near.seq, *k as Seq + 1);
            assert!((f64::from(near.score) - score).abs() < 1e-5);
        }
    }
}

#[test]
fn nothing_below_the_floor_is_found() {
    let (index, vectors) = index(50);
    let found = index.nearest(&vectors[7], 10, 0.999);
    assert_eq!(found.iter().map(|near| near.seq).collect::<Vec<_>>(), [8]);
    assert!(index.nearest(&vectors[7], 0, 0.0).is_empty());
    assert!(index.nearest(&[1, 2, 3], 5, 0.0).is_empty());
}

#[test]
fn what_was_removed_is_not_found_and_the_rest_is() {
    let (mut index, vectors) = index(50);
    for seq in [1, 50, 25, 25, 999] {
        index.remove(seq);
    }
    assert_eq!(index.len(), 47);
    for (k, vector) in vectors.iter().enumerate() {
        let seq = k as Seq + 1;
        let found = index.nearest(vector, 1, 0.9999).first().map(|near| near.seq);
        assert_eq!(found, (![1, 25, 50].contains(&seq)).then_some(seq));
    }
}

#[test]
fn the_graph_is_built_in_slices_and_answers_as_the_scan_does() {
    let (mut index, _) = index(3_000);
    assert!(!index.grow(3_001, 100), "a scope below the crossover gets no graph");
    let mut slices = 1;
    while index.grow(3_000, 100) {
        assert!(!index.graph_ready(), "the scan answers until the graph is complete");
        slices += 1;
    }
    assert!(index.graph_ready());
    assert_eq!(slices, 30);
    // Uniform random vectors are the hardest case for a graph; texts are far easier.
    let queries = vectors(100, 5);
    let agree = queries
        .iter()
        .filter(|query| {
            let (graph, scan) = (index.nearest(query, 1, -1.0), index.scan(query, 1, -1.0));
            graph.first().map(|near| near.seq) == scan.first().map(|near| near.seq)
        })
        .count();
    assert!(agree >= 50, "the graph found the nearest of {agree} in 100");
    let same = vectors(3_000, 1);
    for k in (0..3_000).step_by(100) {
        assert_eq!(index.nearest(&same[k], 1, 0.999)[0].seq, k as Seq + 1);
    }
}

#[test]
fn the_graph_forgets_what_was_removed_and_takes_in_what_was_added() {
    let (mut index, vectors) = index(1_500);
    while index.grow(1_000, 500) {}
    index.remove(10);
    assert!(index.graph_ready());
    assert!(index.nearest(&vectors[9], 3, 0.999).is_empty());
    index.insert(9_999, &vectors[9]);
    assert_eq!(index.nearest(&vectors[9], 1, 0.999)[0].seq, 9_999, "the scan answers while the new one waits");
    while index.grow(1_000, 10) {}
    assert!(index.graph_ready());
    assert_eq!(index.nearest(&vectors[9], 1, 0.999)[0].seq, 9_999);
}

#[test]
fn a_graph_with_too_many_dead_points_is_given_up_a_few_times_at_most() {
    let mut index = ScopeIndex::default();
    let mut seq = 0;
    let mut built = 0;
    for round in 0..6 {
        let all = vectors(1_200, round + 1);
        let first = seq + 1;
        for vector in &all {
            seq += 1;
            index.insert(seq, vector);
        }
        while index.grow(1_000, 600) {}
        built += usize::from(index.graph_ready());
        for gone in first..=seq {
            index.remove(gone);
        }
    }
    assert!(index.is_empty());
    assert!((2..5).contains(&built), "built {built} graphs");
    assert!(index.nearest(&vectors(1, 3)[0], 1, 0.0).is_empty());
}
