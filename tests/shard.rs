//! What one CacheShard does over its rows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use std::rc::Rc;

use nearhit::cache::key::Digest;
use nearhit::ports::entries::Labels;
use nearhit::ports::{Lookup, Searchable, Store, VectorQuery};
use nearhit::semantic::embedder::DIMENSIONS;
use nearhit::shard::{Indexes, Rows, Shard};
use world::MemoryRows;

const SCOPE: Digest = Digest([9; 32]);

fn key(k: u8) -> Digest {
    Digest([k; 32])
}

/// Vectors that point along one axis each.
fn vector(k: u8) -> Vec<i8> {
    let mut vector = vec![0; DIMENSIONS];
    vector[usize::from(k)] = 100;
    vector
}

fn store(k: u8, now_ms: u64, expires_ms: u64) -> Store {
    Store {
        exact: key(k),
        scope: SCOPE,
        searchable: Some(Searchable { text: format!("text {k}"), vector: vector(k) }),
        stored: vec![1, k],
        labels: Labels::default(),
        asked_ms: now_ms,
        tokens: 10,
        now_ms,
        expires_ms,
        purge_ms: expires_ms,
        max_entries: 100,
        max_bytes: 1_000_000,
        hnsw_from: 1_000_000,
    }
}

fn ask(exact: u8, near: u8, now_ms: u64) -> Lookup {
    let query = Some(VectorQuery { vector: vector(near), count: 3, floor: 0.9 });
    Lookup {
        exact: key(exact),
        scope: SCOPE,
        query,
        hnsw_from: 1_000_000,
        now_ms,
        stale_ms: 0,
        accepted_within_ms: None,
        terms: None,
    }
}

fn texts(shard: &mut Shard<MemoryRows>, ask: &Lookup, indexes: &mut Indexes) -> Vec<String> {
    shard.lookup(ask, indexes).unwrap().neighbours.into_iter().map(|neighbour| neighbour.text).collect()
}

#[test]
fn an_exact_entry_is_found_by_its_key_and_a_neighbour_by_its_vector() {
    let (rows, mut indexes) = (MemoryRows::default(), Indexes::default());
    let mut shard = Shard::wake("o".into(), rows, &mut indexes, Rc::default()).unwrap();
    shard.store(&store(1, 0, 1_000), &mut indexes).unwrap();
    shard.store(&store(2, 0, 1_000), &mut indexes).unwrap();
    let looked = shard.lookup(&ask(1, 2, 10), &mut indexes).unwrap();
    assert_eq!(looked.exact.unwrap().stored, [1, 1]);
    assert!(looked.neighbours.is_empty(), "an exact entry needs no neighbours");
    assert_eq!(texts(&mut shard, &ask(50, 2, 10), &mut indexes), ["text 2"]);
    let other_scope = Lookup { scope: key(8), ..ask(50, 2, 10) };
    assert!(texts(&mut shard, &other_scope, &mut indexes).is_empty());
    assert_eq!(shard.totals().unwrap().entries, 2);
}

#[test]
fn a_stale_row_neither_answers_nor_stands_in_the_way() {
    let (rows, mut indexes) = (MemoryRows::default(), Indexes::default());
    let mut shard = Shard::wake("o".into(), rows, &mut indexes, Rc::default()).unwrap();
    for (k, expires_ms) in [(1, 100), (2, 100), (3, 100), (4, 900)] {
        let mut new = store(k, 0, expires_ms);
        new.searchable = Some(Searchable { text: format!("text {k}"), vector: vector(1) });
        shard.store(&new, &mut indexes).unwrap();
    }
    assert_eq!(shard.lookup(&ask(1, 1, 100), &mut indexes).unwrap().exact, None);
    assert_eq!(texts(&mut shard, &ask(50, 1, 100), &mut indexes), ["text 4"]);
}

#[test]
fn expiring_removes_the_stale_rows_and_says_when_to_come_back() {
    let (rows, mut indexes) = (MemoryRows::default(), Indexes::default());
    let mut shard = Shard::wake("o".into(), rows.clone(), &mut indexes, Rc::default()).unwrap();
    for (k, expires_ms) in [(1, 100), (2, 300), (3, 200)] {
        shard.store(&store(k, 0, expires_ms), &mut indexes).unwrap();
    }
    assert_eq!(shard.expire(150, &mut indexes), Ok(Some(200)));
    assert_eq!(rows.totals().unwrap().entries, 2);
    assert!(texts(&mut shard, &ask(50, 1, 0), &mut indexes).is_empty());
    assert_eq!(texts(&mut shard, &ask(50, 3, 150), &mut indexes), ["text 3"]);
    assert_eq!(shard.expire(300, &mut indexes), Ok(None));
}

#[test]
fn a_new_answer_takes_the_place_of_the_old_one() {
    let (rows, mut indexes) = (MemoryRows::default(), Indexes::default());
    let mut shard = Shard::wake("o".into(), rows.clone(), &mut indexes, Rc::default()).unwrap();
    shard.store(&store(1, 0, 100), &mut indexes).unwrap();
    shard.store(&Store { stored: vec![1, 99], ..store(1, 0, 100) }, &mut indexes).unwrap();
    assert_eq!(rows.totals().unwrap().entries, 1);
    let looked = shard.lookup(&ask(50, 1, 10), &mut indexes).unwrap();
    assert_eq!(looked.neighbours.len(), 1);
    assert_eq!(looked.neighbours[0].found.stored, [1, 99]);
}

#[test]
fn an_index_outlives_its_object_unless_the_rows_changed_elsewhere() {
    let (rows, mut here, mut elsewhere) = (MemoryRows::default(), Indexes::default(), Indexes::default());
    let mut shard = Shard::wake("o".into(), rows.clone(), &mut here, Rc::default()).unwrap();
    shard.store(&store(1, 0, 1_000), &mut here).unwrap();
    assert_eq!(texts(&mut shard, &ask(50, 1, 0), &mut here), ["text 1"]);
    let mut shard = Shard::wake("o".into(), rows.clone(), &mut here, Rc::default()).unwrap();
    assert_eq!(texts(&mut shard, &ask(50, 1, 0), &mut here), ["text 1"]);
    Shard::wake("o".into(), rows.clone(), &mut elsewhere, Rc::default())
        .unwrap()
        .store(&store(2, 0, 1_000), &mut elsewhere)
        .unwrap();
    let mut shard = Shard::wake("o".into(), rows, &mut here, Rc::default()).unwrap();
    assert_eq!(texts(&mut shard, &ask(50, 2, 0), &mut here), ["text 2"]);
}

#[test]
fn two_objects_in_one_isolate_never_see_each_other() {
    let mut indexes = Indexes::default();
    let mut one = Shard::wake("one".into(), MemoryRows::default(), &mut indexes, Rc::default()).unwrap();
    let mut two = Shard::wake("two".into(), MemoryRows::default(), &mut indexes, Rc::default()).unwrap();
    one.store(&store(1, 0, 1_000), &mut indexes).unwrap();
    assert!(texts(&mut two, &ask(50, 1, 0), &mut indexes).is_empty());
    assert_eq!(texts(&mut one, &ask(50, 1, 0), &mut indexes), ["text 1"]);
}
