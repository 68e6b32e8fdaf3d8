//! The nearest vectors of one scope. An exact scan over int8 vectors is the truth; over many entries an HNSW graph
//! (Malkov and Yashunin 2016, by `hnsw_rs`) takes over, built in slices while the scan answers.

use std::collections::HashMap;
use std::fmt;
use std::mem::ManuallyDrop;

use hnsw_rs::prelude::{Distance, Hnsw};

use super::embedder::DIMENSIONS;

/// An entry's number in its shard. Never used twice.
pub type Seq = u64;

/// A neighbour: which entry, and the cosine of the two vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// The entry.
    pub seq: Seq,
    /// Cosine similarity.
    pub score: f32,
}

/// The vectors of one scope.
#[derive(Debug, Default)]
pub struct ScopeIndex {
    seqs: Vec<Seq>,
    vectors: Vec<i8>,
    inverse_lengths: Vec<f32>,
    places: HashMap<Seq, usize>,
    graph: Option<Graph>,
    /// Points of graphs that were given up; they are never freed (see [`Graph`]).
    leaked: usize,
}

impl ScopeIndex {
    /// The number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seqs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * (DIMENSIONS + 36) + self.unfreeable_bytes()
    }

    /// Bytes that are lost when this index is dropped, about: a graph is never freed (see [`Graph`]).
    #[must_use]
    pub fn unfreeable_bytes(&self) -> usize {
        (self.graph.as_ref().map_or(0, |graph| graph.inserted) + self.leaked) * GRAPH_POINT_BYTES
    }

    /// Bytes that the graph still takes until all vectors are in it, about.
    #[must_use]
    pub fn graph_bytes_to_come(&self) -> usize {
        self.graph.as_ref().map_or(self.len(), |graph| graph.waiting.len()) * GRAPH_POINT_BYTES
    }

    /// Whether the graph answers.
    #[must_use]
    pub fn graph_ready(&self) -> bool {
        self.graph.as_ref().is_some_and(|graph| graph.waiting.is_empty())
    }

    /// Adds a vector of [`DIMENSIONS`] numbers; one of another length is left out, and so never found.
    pub fn insert(&mut self, seq: Seq, vector: &[i8]) {
        if vector.len() != DIMENSIONS || self.places.contains_key(&seq) {
            return;
        }
        self.places.insert(seq, self.seqs.len());
        self.seqs.push(seq);
        self.vectors.extend_from_slice(vector);
        self.inverse_lengths.push(inverse_length(vector));
        if let Some(graph) = &mut self.graph {
            graph.waiting.push(seq);
        }
    }

    /// Removes a vector.
    pub fn remove(&mut self, seq: Seq) {
        let Some(place) = self.places.remove(&seq) else { return };
        let last = self.seqs.len() - 1;
        self.seqs.swap_remove(place);
        self.inverse_lengths.swap_remove(place);
        self.vectors.copy_within(last * DIMENSIONS.., place * DIMENSIONS);
        self.vectors.truncate(last * DIMENSIONS);
        if let Some(moved) = self.seqs.get(place) {
            self.places.insert(*moved, place);
        }
        if let Some(graph) = &mut self.graph {
            graph.removed += 1;
            // Past this share of dead points a search has to look at too many of them.
            if graph.removed * 2 > graph.inserted.max(1_000) {
                self.leaked += graph.inserted;
                self.graph = None;
            }
        }
    }

    /// The `k` nearest vectors with a cosine of at least `floor`, nearest first.
    #[must_use]
    pub fn nearest(&self, query: &[i8], k: usize, floor: f32) -> Vec<Near> {
        if query.len() != DIMENSIONS || k == 0 {
            return Vec::new();
        }
        match &self.graph {
            Some(graph) if graph.waiting.is_empty() => self.search(graph, query, k, floor),
            _ => self.scan(query, k, floor),
        }
    }

    /// The exact answer of [`Self::nearest`].
    #[must_use]
    pub fn scan(&self, query: &[i8], k: usize, floor: f32) -> Vec<Near> {
        let inverse = inverse_length(query);
        let mut best: Vec<Near> = Vec::with_capacity(k + 1);
        let mut bar = floor;
        for (place, vector) in self.vectors.chunks_exact(DIMENSIONS).enumerate() {
            let score = cosine(dot(query, vector), inverse, self.inverse_lengths[place]);
            if score >= bar {
                let rank = best.partition_point(|near| near.score >= score);
                best.insert(rank, Near { seq: self.seqs[place], score });
                if best.len() > k {
                    best.pop();
                    bar = best.last().map_or(floor, |near| near.score);
                }
            }
        }
        best
    }

    fn search(&self, graph: &Graph, query: &[i8], k: usize, floor: f32) -> Vec<Near> {
        let alive = |id: &usize| self.places.contains_key(&(*id as Seq));
        let found = graph.hnsw.search_filter(&point(query), k, EF_SEARCH.max(k), Some(&alive));
        let inverse = inverse_length(query);
        let mut best: Vec<Near> = found
            .iter()
            .filter_map(|neighbour| {
                let seq = neighbour.d_id as Seq;
                let place = *self.places.get(&seq)?;
                let vector = &self.vectors[place * DIMENSIONS..(place + 1) * DIMENSIONS];
                let score = cosine(dot(query, vector), inverse, self.inverse_lengths[place]);
                (score >= floor).then_some(Near { seq, score })
            })
            .collect();
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        best
    }

    /// Works on the graph for at most `points` insertions, once the scope holds `from` vectors. True while there is
    /// more to do.
    pub fn grow(&mut self, from: usize, points: usize) -> bool {
        if self.graph.is_none() {
            // A graph that was given up stays in memory, so after a few of them the scan answers for good.
            if self.len() < from || self.leaked > 2 * from {
                return false;
            }
            self.graph = Some(Graph::new(self.len(), self.seqs.iter().rev().copied().collect()));
        }
        let Some(graph) = &mut self.graph else { return false };
        for _ in 0..points {
            let Some(seq) = graph.waiting.pop() else { break };
            if let Some(&place) = self.places.get(&seq) {
                let vector = point(&self.vectors[place * DIMENSIONS..(place + 1) * DIMENSIONS]);
                graph.hnsw.insert((&vector, usize::try_from(seq).unwrap_or(usize::MAX)));
                graph.inserted += 1;
            }
        }
        !graph.waiting.is_empty()
    }
}

/// A graph and the entries that are not in it yet.
///
/// `hnsw_rs` reads the system clock when an index is dropped, and wasm32 has none: that would be a panic, and a
/// panic takes the whole isolate down. So a graph is never dropped; its memory is lost instead, within bounds.
struct Graph {
    hnsw: ManuallyDrop<Hnsw<'static, i8, Cosine>>,
    waiting: Vec<Seq>,
    inserted: usize,
    removed: usize,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("inserted", &self.inserted)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// Links of a point on each layer; the paper's M.
const LINKS: usize = 12;
/// Layers at most.
const LAYERS: usize = 16;
/// Candidates looked at while inserting.
const EF_CONSTRUCTION: usize = 80;
/// Candidates looked at while searching.
const EF_SEARCH: usize = 64;
/// What a point costs in the graph, measured (`npm run bench`).
const GRAPH_POINT_BYTES: usize = 900;

impl Graph {
    fn new(expected: usize, waiting: Vec<Seq>) -> Self {
        let hnsw = Hnsw::new(LINKS, 2 * expected, LAYERS, EF_CONSTRUCTION, Cosine);
        Self { hnsw: ManuallyDrop::new(hnsw), waiting, inserted: 0, removed: 0 }
    }
}

/// Cosine distance over a vector that carries its own inverse length in its last four bytes (see [`point`]).
#[derive(Clone, Copy, Debug, Default)]
struct Cosine;

impl Distance<i8> for Cosine {
    fn eval(&self, a: &[i8], b: &[i8]) -> f32 {
        let (Some((a, tail_a)), Some((b, tail_b))) = (a.split_last_chunk::<4>(), b.split_last_chunk::<4>()) else {
            return 1.0;
        };
        let inverse = |tail: &[i8; 4]| f32::from_le_bytes(tail.map(i8::cast_unsigned));
        // `hnsw_rs` asserts that no distance is negative.
        (1.0 - cosine(dot(a, b), inverse(tail_a), inverse(tail_b))).max(0.0)
    }
}

fn point(vector: &[i8]) -> Vec<i8> {
    let mut point = vector.to_vec();
    point.extend(inverse_length(vector).to_le_bytes().map(u8::cast_signed));
    point
}

#[expect(clippy::cast_precision_loss, reason = "a dot product of 256 int8 pairs is below 2^23")]
fn cosine(dot: i32, inverse_a: f32, inverse_b: f32) -> f32 {
    // Rounding may carry equal vectors a little over it.
    (dot as f32 * inverse_a * inverse_b).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "a sum of 256 squares of int8 is below 2^23")]
fn inverse_length(vector: &[i8]) -> f32 {
    let square = dot(vector, vector);
    if square == 0 { 0.0 } else { 1.0 / (square as f32).sqrt() }
}

/// The dot product. Both lengths are a multiple of 16: [`DIMENSIONS`] is.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let (a, _) = a.as_chunks::<16>();
    let (b, _) = b.as_chunks::<16>();
    dot_lanes(a, b)
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn dot_lanes(a: &[[i8; 16]], b: &[[i8; 16]]) -> i32 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// Sixteen products at a time. The compiler does not find this by itself.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn dot_lanes(a: &[[i8; 16]], b: &[[i8; 16]]) -> i32 {
    use core::arch::wasm32::{
        i8x16, i16x8_extmul_high_i8x16, i16x8_extmul_low_i8x16, i32x4_add, i32x4_extadd_pairwise_i16x8,
        i32x4_extract_lane, i32x4_splat, v128,
    };
    // One load, once the compiler is through with it.
    fn lanes(x: &[i8; 16]) -> v128 {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *x;
        i8x16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    }
    let mut sum = i32x4_splat(0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (lanes(a), lanes(b));
        let low = i32x4_extadd_pairwise_i16x8(i16x8_extmul_low_i8x16(a, b));
        let high = i32x4_extadd_pairwise_i16x8(i16x8_extmul_high_i8x16(a, b));
        sum = i32x4_add(sum, i32x4_add(low, high));
    }
    i32x4_extract_lane::<0>(sum)
        + i32x4_extract_lane::<1>(sum)
        + i32x4_extract_lane::<2>(sum)
        + i32x4_extract_lane::<3>(sum)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
