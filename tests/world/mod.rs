//! An in-memory world: the ports over hash maps and scripted answers, with faults on demand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

pub(crate) mod books;
mod entries;
mod prefixes;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use nearhit::cache::key::{Digest, EntryPrefix};
use nearhit::config;
use nearhit::forward::memory::Memory;
use nearhit::gateway::{self, Call, ReplyBody, Setup};
use nearhit::leases::line::Frame;
use nearhit::leases::{self, Leases, LiveBytes, Seat, Time};
use nearhit::ledger::book::{Answer as Booked, Ask};
use nearhit::ports::entries::{EntryRow, EntryWhole, Export, Find, Page, Purge, Purged, Stored};
use nearhit::ports::evidence::{Feedback, FeedbackDone, Note, Pair, ShardReport};
use nearhit::ports::prefixes::{PrefixAnswer, PrefixKnown, PrefixSeen};
use nearhit::ports::{
    Chunks, Follow, Followed, Found, GaveUp, Headers, Lease, Line, Looked, Lookup, LookupMany, Nature, OWN_KEYS,
    ShardAddress, ShardFault, ShardPlace, Shards, Store, TakeTurn, Tenants, Turn, Unreachable, UpstreamAnswer,
    UpstreamRequest, Upstreams,
};
use nearhit::semantic::decision::Judge;
use nearhit::semantic::embedder::Embedder;
use nearhit::semantic::index::Seq;
use nearhit::shard::{Gone, Indexes, NewRecord, PrefixRow, Row, Rows, Shard, Totals, VerdictRows};
use nearhit::tenant::directory::{Order, Outcome, Tenant, carry_out};
use nearhit::tenant::places::{Listed, Places};
use serde_json::{Value, json};

/// Rows in memory, shared by everything that opens them, as a disk would be.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryRows(Rc<RefCell<Table>>);

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<Seq, (Store, u32)>,
    last: Seq,
    generation: u64,
    accepted_ms: u64,
    /// Nothing more can be written.
    full: bool,
    records: BTreeMap<Digest, Vec<u8>>,
    negatives: BTreeSet<Digest>,
    served: Vec<Pair>,
    sightings: Vec<Vec<u8>>,
    prefixes: BTreeMap<Digest, PrefixRow>,
}

impl Table {
    fn remove(&mut self, seq: Seq) -> Option<Gone> {
        let (row, _) = self.rows.remove(&seq)?;
        self.generation += 1;
        Some(Gone { seq, scope: row.scope })
    }
}

fn row(store: &Store) -> Row {
    let Store { exact, stored, now_ms, expires_ms, searchable, .. } = store.clone();
    let found = Found { exact, stored, created_ms: now_ms, expires_ms };
    Row { found, text: searchable.map(|searchable| searchable.text) }
}

impl MemoryRows {
    /// The hit counts, by exact key.
    pub(crate) fn hits(&self) -> Vec<u32> {
        self.0.borrow().rows.values().map(|(_, hits)| *hits).collect()
    }

    /// Changes one stored answer.
    pub(crate) fn damage_one(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.borrow_mut().rows.values_mut().take(1).for_each(|(row, _)| change(&mut row.stored));
    }

    /// Changes every stored answer.
    pub(crate) fn damage(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.borrow_mut().rows.values_mut().for_each(|(row, _)| change(&mut row.stored));
    }
}

impl Rows for MemoryRows {
    fn totals(&self) -> Result<Totals, ShardFault> {
        let table = self.0.borrow();
        let bytes = table.rows.values().map(|(row, _)| row.stored.len() as u64).sum();
        Ok(Totals {
            entries: table.rows.len() as u64,
            bytes,
            generation: table.generation,
            accepted_ms: table.accepted_ms,
        })
    }

    fn by_key(&self, exact: &Digest) -> Result<Option<Row>, ShardFault> {
        Ok(self.0.borrow().rows.values().find(|(row, _)| row.exact == *exact).map(|(store, _)| row(store)))
    }

    fn by_seq(&self, seq: Seq) -> Result<Option<Row>, ShardFault> {
        Ok(self.0.borrow().rows.get(&seq).map(|(store, _)| row(store)))
    }

    fn vectors(&self, scope: &Digest, each: &mut dyn FnMut(Seq, &[i8])) -> Result<(), ShardFault> {
        for (seq, (row, _)) in &self.0.borrow().rows {
            if let (true, Some(searchable)) = (row.scope == *scope, &row.searchable) {
                each(*seq, &searchable.vector);
            }
        }
        Ok(())
    }

    fn put(&self, new: &Store) -> Result<(Seq, Vec<Gone>), ShardFault> {
        let mut table = self.0.borrow_mut();
        if table.full {
            return Err(ShardFault("the disk is full".into()));
        }
        let twins: Vec<Seq> =
            table.rows.iter().filter(|(_, (row, _))| row.exact == new.exact).map(|(seq, _)| *seq).collect();
        let mut gone: Vec<Gone> = twins.into_iter().filter_map(|seq| table.remove(seq)).collect();
        table.last += 1;
        table.generation += 1;
        table.accepted_ms = table.accepted_ms.max(new.now_ms);
        let seq = table.last;
        table.rows.insert(seq, (new.clone(), 0));
        while table.rows.len() > new.max_entries as usize {
            let oldest = *table.rows.keys().next().unwrap();
            gone.extend(table.remove(oldest));
        }
        Ok((seq, gone))
    }

    fn expire(&self, now_ms: u64, limit: u32) -> Result<Vec<Gone>, ShardFault> {
        let mut table = self.0.borrow_mut();
        let stale: Vec<Seq> =
            table.rows.iter().filter(|(_, (row, _))| row.purge_ms <= now_ms).map(|(seq, _)| *seq).collect();
        Ok(stale.into_iter().take(limit as usize).filter_map(|seq| table.remove(seq)).collect())
    }

    fn add_hits(&self, hits: &BTreeMap<Digest, u32>) -> Result<(), ShardFault> {
        for (row, count) in self.0.borrow_mut().rows.values_mut() {
            *count += hits.get(&row.exact).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn set_accepted(&self, now_ms: u64) -> Result<(), ShardFault> {
        self.0.borrow_mut().accepted_ms = now_ms;
        Ok(())
    }

    fn next_purge(&self) -> Result<Option<u64>, ShardFault> {
        Ok(self.0.borrow().rows.values().map(|(row, _)| row.purge_ms).min())
    }
}

impl VerdictRows for MemoryRows {
    fn record(&self, scope: &Digest) -> Result<Option<Vec<u8>>, ShardFault> {
        Ok(self.0.borrow().records.get(scope).cloned())
    }

    fn set_record(&self, scope: &Digest, new: &NewRecord) -> Result<(), ShardFault> {
        self.0.borrow_mut().records.insert(*scope, new.stored.clone());
        Ok(())
    }

    fn records(&self, limit: u32) -> Result<Vec<(Digest, Vec<u8>)>, ShardFault> {
        let table = self.0.borrow();
        Ok(table.records.iter().take(limit as usize).map(|(scope, record)| (*scope, record.clone())).collect())
    }

    fn is_negative(&self, pair: &Digest) -> Result<bool, ShardFault> {
        Ok(self.0.borrow().negatives.contains(pair))
    }

    fn add_negative(&self, pair: &Digest, _now_ms: u64) -> Result<(), ShardFault> {
        self.0.borrow_mut().negatives.insert(*pair);
        Ok(())
    }

    fn negatives(&self) -> Result<u64, ShardFault> {
        Ok(self.0.borrow().negatives.len() as u64)
    }

    fn add_served(&self, pair: &Pair, _now_ms: u64, keep: u32) -> Result<(), ShardFault> {
        let served = &mut self.0.borrow_mut().served;
        served.retain(|known| (known.entry, known.query) != (pair.entry, pair.query));
        served.push(*pair);
        let over = served.len().saturating_sub(keep as usize);
        served.drain(..over);
        Ok(())
    }

    fn served(&self, entry: &EntryPrefix) -> Result<Vec<Pair>, ShardFault> {
        let table = self.0.borrow();
        Ok(table.served.iter().rev().filter(|pair| pair.entry.0.starts_with(entry)).copied().collect())
    }

    fn entry(&self, entry: &EntryPrefix) -> Result<Option<(Digest, Digest)>, ShardFault> {
        let table = self.0.borrow();
        let found = table.rows.values().find(|(row, _)| row.exact.0.starts_with(entry));
        Ok(found.map(|(row, _)| (row.exact, row.scope)))
    }

    fn remove(&self, exact: &Digest) -> Result<Vec<Gone>, ShardFault> {
        let mut table = self.0.borrow_mut();
        let found: Vec<Seq> =
            table.rows.iter().filter(|(_, (row, _))| row.exact == *exact).map(|(seq, _)| *seq).collect();
        Ok(found.into_iter().filter_map(|seq| table.remove(seq)).collect())
    }

    fn add_sighting(&self, sighting: &[u8], _keep: u32) -> Result<(), ShardFault> {
        self.0.borrow_mut().sightings.push(sighting.to_vec());
        Ok(())
    }

    fn sightings(&self, limit: u32) -> Result<Vec<Vec<u8>>, ShardFault> {
        Ok(self.0.borrow().sightings.iter().rev().take(limit as usize).cloned().collect())
    }

    fn text(&self, exact: &Digest) -> Result<Option<String>, ShardFault> {
        Ok(self.by_key(exact)?.and_then(|row| row.text))
    }

    fn has_verdicts(&self) -> Result<bool, ShardFault> {
        let table = self.0.borrow();
        Ok(!table.records.is_empty() || !table.negatives.is_empty())
    }
}

/// What the upstream does with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Answers with a status, a content type and a body in pieces.
    Answer(u16, &'static str, Vec<Vec<u8>>),
    /// Answers, and the connection breaks after these pieces.
    Break(&'static str, Vec<Vec<u8>>),
    /// Is busy, and says for how many seconds (`Retry-After`).
    Busy(String),
    /// Cannot be reached.
    Unreachable,
    /// Answers with these pieces, each when the test lets it go, the headers with the first.
    Held(&'static str, Gate),
    /// The same with a status.
    HeldError(u16, Gate),
}

/// Pieces that a test lets go one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Rc<RefCell<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    pieces: VecDeque<Vec<u8>>,
    ended: bool,
    broken: bool,
    wakers: Vec<Waker>,
}

impl Gate {
    fn change(&self, act: impl FnOnce(&mut GateState)) {
        let mut state = self.0.borrow_mut();
        act(&mut state);
        state.wakers.drain(..).for_each(Waker::wake);
    }

    /// Lets a piece go.
    pub(crate) fn send(&self, piece: &[u8]) {
        self.change(|state| state.pieces.push_back(piece.to_vec()));
    }

    /// Ends the answer.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Breaks the connection.
    pub(crate) fn break_off(&self) {
        self.change(|state| state.broken = true);
    }

    /// Whether somebody still wants the answer: the script that was handed out and the body in use hold it.
    pub(crate) fn is_read(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }

    async fn opened(&self) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if !state.pieces.is_empty() || state.ended || state.broken {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn next(&self) -> Option<Result<Vec<u8>, Unreachable>> {
        self.opened().await;
        let mut state = self.0.borrow_mut();
        if let Some(piece) = state.pieces.pop_front() {
            return Some(Ok(piece));
        }
        state.ended = true;
        std::mem::take(&mut state.broken).then(|| Err(Unreachable("the connection broke".into())))
    }
}

/// A chat completion that says `text`.
pub(crate) fn says(text: &str) -> Script {
    let body = json!({"id": "chatcmpl-up", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}});
    Script::Answer(200, "application/json", vec![body.to_string().into_bytes()])
}

/// The same as a stream, in two pieces.
pub(crate) fn streams(text: &str) -> Script {
    let chunk = |delta: Value, finish: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        )
    };
    let first = chunk(json!({"role": "assistant", "content": text}), Value::Null);
    let last = chunk(json!({}), json!("stop")) + "data: [DONE]\n\n";
    Script::Answer(200, "text/event-stream", vec![first.into_bytes(), last.into_bytes()])
}

/// An upstream that thinks for itself: from a request and the time, a status and a body in JSON.
pub(crate) type Thinking = Box<dyn FnMut(&UpstreamRequest, u64) -> (u16, Vec<u8>)>;

/// The world.
#[derive(Default)]
pub(crate) struct MemoryWorld {
    shards: RefCell<HashMap<ShardAddress, (MemoryRows, Shard<MemoryRows>)>>,
    indexes: RefCell<Indexes>,
    leases: RefCell<HashMap<ShardAddress, Rc<RefCell<Leases>>>>,
    /// The ledgers.
    pub(crate) books: books::Books,
    /// What is stored of the tenants.
    pub(crate) tenants: RefCell<HashMap<String, Tenant>>,
    sleepers: RefCell<Vec<(u64, Waker)>>,
    /// Work that goes on after its answer has left.
    pub(crate) background: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    /// Secrets of the Worker's environment.
    pub(crate) secrets: RefCell<HashMap<String, String>>,
    me: RefCell<Weak<MemoryWorld>>,
    places: RefCell<BTreeMap<ShardPlace, Option<String>>>,
    pub(crate) places_dropped: Cell<u64>,
    /// What the upstream will do, in order.
    pub(crate) scripts: RefCell<VecDeque<Script>>,
    /// Answers in place of the scripts.
    pub(crate) provider: RefCell<Option<Thinking>>,
    /// What the upstream was asked.
    pub(crate) asked: RefCell<Vec<UpstreamRequest>>,
    /// The time.
    pub(crate) now_ms: Cell<u64>,
    /// The shard fails on lookups.
    pub(crate) lookups_fail: Cell<bool>,
    /// The shard fails on stores.
    pub(crate) stores_fail: Cell<bool>,
    /// The client has gone away.
    pub(crate) client_gone: Cell<bool>,
    /// How often shards were asked for pages of entries, or to purge some.
    pub(crate) entries_asked: Cell<u32>,
    chance: Cell<u8>,
    leaving: RefCell<Vec<Waker>>,
}

impl fmt::Debug for MemoryWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryWorld")
    }
}

/// When every world begins, in milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

impl MemoryWorld {
    /// The client of every request goes away.
    pub(crate) fn client_leaves(&self) {
        self.client_gone.set(true);
        self.leaving.take().into_iter().for_each(Waker::wake);
    }

    /// Lets time pass, and wakes who waited for it.
    pub(crate) fn pass_ms(&self, ms: u64) {
        let now_ms = self.now_ms.get() + ms;
        self.now_ms.set(now_ms);
        let (due, rest) = self.sleepers.take().into_iter().partition(|(until_ms, _)| *until_ms <= now_ms);
        self.sleepers.replace(rest);
        let due: Vec<(u64, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn leases(&self, at: &ShardAddress) -> Rc<RefCell<Leases>> {
        self.leases.borrow_mut().entry(*at).or_default().clone()
    }

    /// All rows of all shards.
    pub(crate) fn rows(&self) -> Vec<MemoryRows> {
        self.shards.borrow().values().map(|(rows, _)| rows.clone()).collect()
    }

    fn address(&self, place: &ShardPlace) -> Option<ShardAddress> {
        self.shards.borrow().keys().find(|at| ShardPlace::from(*at) == *place).copied()
    }

    /// Does something at a shard by its name; one that is not there yet is an empty one, as an object would be.
    fn at_place<T: Default>(
        &self,
        place: &ShardPlace,
        act: impl FnOnce(&mut Shard<MemoryRows>, &mut Indexes) -> Result<T, ShardFault>,
    ) -> Result<T, ShardFault> {
        if self.lookups_fail.get() {
            return Err(ShardFault("the shard is away".into()));
        }
        self.address(place).map_or_else(|| Ok(T::default()), |at| self.with(&at, act))
    }

    /// Entries in all shards.
    pub(crate) fn entries(&self) -> u64 {
        self.rows().iter().map(|rows| rows.totals().unwrap().entries).sum()
    }

    fn with<T>(
        &self,
        at: &ShardAddress,
        act: impl FnOnce(&mut Shard<MemoryRows>, &mut Indexes) -> Result<T, ShardFault>,
    ) -> Result<T, ShardFault> {
        let mut shards = self.shards.borrow_mut();
        let indexes = &mut *self.indexes.borrow_mut();
        let (_, shard) = shards.entry(*at).or_insert_with(|| {
            let rows = MemoryRows::default();
            let shard = Shard::wake(at.to_string(), rows.clone(), indexes, self.leases(at)).unwrap();
            (rows, shard)
        });
        act(shard, indexes)
    }
}

impl Time for MemoryWorld {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    async fn sleep_ms(&self, ms: u64) {
        let until_ms = self.now_ms.get() + ms;
        poll_fn(|context| {
            if self.now_ms.get() >= until_ms {
                return Poll::Ready(());
            }
            self.sleepers.borrow_mut().push((until_ms, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// A leader's line: what it says is heard at once.
pub(crate) struct MemoryLine {
    lease: Lease,
    world: Rc<MemoryWorld>,
    at: ShardAddress,
    seat: Option<Seat>,
}

impl fmt::Debug for MemoryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryLine")
    }
}

impl MemoryLine {
    fn say(&mut self, frame: Frame) -> Result<Option<Stored>, ShardFault> {
        let (seat, now_ms) = (&mut self.seat, self.world.now_ms.get());
        self.world.with(&self.at, |shard, indexes| shard.hear(seat, frame, now_ms, indexes))
    }
}

impl Line for MemoryLine {
    fn lease(&self) -> Lease {
        self.lease
    }

    fn begin(&mut self, live: Option<Digest>) {
        self.say(Frame::Begin(live)).unwrap();
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.say(Frame::Feed(bytes.to_vec())).unwrap();
    }

    async fn keep(mut self, entries: Vec<Store>) -> Result<Stored, ShardFault> {
        let full = self.world.stores_fail.get();
        self.world.rows().iter().for_each(|rows| rows.0.borrow_mut().full = full);
        self.say(Frame::Keep(entries)).map(|said| said.unwrap())
    }

    fn give_up(mut self, why: GaveUp) {
        self.say(Frame::GiveUp(why)).unwrap();
    }
}

/// A leader's stream, as a follower gets it.
#[derive(Debug)]
pub(crate) struct MemoryLive(LiveBytes, Rc<MemoryWorld>);

impl Chunks for MemoryLive {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        self.0.next(&*self.1).await.map(|piece| piece.map_err(|fault| Unreachable(fault.0)))
    }
}

impl Shards for MemoryWorld {
    type Live = MemoryLive;
    type Line = MemoryLine;

    async fn lookup(&self, at: &ShardAddress, ask: &Lookup) -> Result<Looked, ShardFault> {
        if self.lookups_fail.get() {
            return Err(ShardFault("the shard is away".into()));
        }
        self.with(at, |shard, indexes| shard.lookup(ask, indexes))
    }

    async fn lookup_many(&self, at: &ShardAddress, ask: &LookupMany) -> Result<Vec<Option<Found>>, ShardFault> {
        if self.lookups_fail.get() {
            return Err(ShardFault("the shard is away".into()));
        }
        self.with(at, |shard, _| shard.lookup_many(ask))
    }

    async fn store(&self, at: &ShardAddress, entries: &[Store]) -> Result<Stored, ShardFault> {
        if self.stores_fail.get() {
            return Err(ShardFault("the disk is full".into()));
        }
        self.with(at, |shard, indexes| shard.store_all(entries, indexes))
    }

    fn enlist(&self, at: &ShardAddress, tenant: Option<&str>) {
        self.places.borrow_mut().insert(at.into(), tenant.map(str::to_owned));
    }

    async fn take_turn(&self, at: &ShardAddress, ask: &TakeTurn) -> Result<Turn, ShardFault> {
        self.with(at, |shard, _| shard.take_turn(ask, self.now_ms.get()))
    }

    async fn follow(&self, at: &ShardAddress, ask: &Follow) -> Result<Followed<MemoryLive>, ShardFault> {
        let find = |now_ms| self.with(at, |shard, _| shard.fresh(&ask.key, &ask.wanted, now_ms));
        Ok(match leases::follow(&self.leases(at), ask, self, find).await? {
            Followed::Live(live) => Followed::Live(MemoryLive(live, self.me.borrow().upgrade().unwrap())),
            Followed::Hit(found) => Followed::Hit(found),
            Followed::Lead(token) => Followed::Lead(token),
            Followed::Again => Followed::Again,
            Followed::Alone => Followed::Alone,
        })
    }

    fn lead(&self, at: &ShardAddress, lease: Lease) -> MemoryLine {
        let world = self.me.borrow().upgrade().unwrap();
        let mut line = MemoryLine { lease, world, at: *at, seat: None };
        line.say(Frame::Hello(lease)).unwrap();
        line
    }

    async fn followers(&self, at: &ShardAddress, lease: Lease) -> Result<u32, ShardFault> {
        Ok(self.leases(at).borrow().followers(&lease))
    }

    async fn note(&self, at: &ShardAddress, tenant: Option<&str>, note: &Note) -> Result<(), ShardFault> {
        self.places.borrow_mut().insert(at.into(), tenant.map(str::to_owned));
        self.with(at, |shard, _| shard.note(note, self.now_ms.get()))
    }

    async fn prefix(
        &self,
        at: &ShardAddress,
        tenant: Option<&str>,
        ask: &PrefixSeen,
    ) -> Result<PrefixAnswer, ShardFault> {
        let ask = PrefixSeen { now_ms: self.now_ms.get(), ..ask.clone() };
        let answer = self.with(at, |shard, _| shard.prefix(&ask))?;
        if ask.keep && matches!(answer.known, PrefixKnown::Noted(Some(_))) {
            self.places.borrow_mut().insert(at.into(), tenant.map(str::to_owned));
        }
        Ok(answer)
    }

    async fn feedback(&self, place: &ShardPlace, word: &Feedback) -> Result<FeedbackDone, ShardFault> {
        let Some(at) = self.address(place) else { return Ok(FeedbackDone::default()) };
        self.with(&at, |shard, indexes| shard.feedback(word, self.now_ms.get(), indexes))
    }

    async fn report(&self, place: &ShardPlace) -> Result<ShardReport, ShardFault> {
        let Some(at) = self.address(place) else { return Ok(ShardReport::default()) };
        self.with(&at, |shard, _| shard.report())
    }

    async fn find(&self, place: &ShardPlace, ask: &Find) -> Result<Page<EntryRow>, ShardFault> {
        self.entries_asked.set(self.entries_asked.get() + 1);
        self.at_place(place, |shard, _| shard.find(ask))
    }

    async fn show(&self, place: &ShardPlace, entry: &EntryPrefix) -> Result<Option<EntryWhole>, ShardFault> {
        self.at_place(place, |shard, _| shard.show(entry))
    }

    async fn purge(&self, place: &ShardPlace, ask: &Purge) -> Result<Purged, ShardFault> {
        self.entries_asked.set(self.entries_asked.get() + 1);
        self.at_place(place, |shard, indexes| shard.purge(ask, self.now_ms.get(), indexes))
    }

    async fn export(&self, place: &ShardPlace, ask: &Export) -> Result<Page<EntryWhole>, ShardFault> {
        self.at_place(place, |shard, _| shard.export(ask))
    }

    async fn places(&self, tenant: Option<&str>) -> Result<Places, ShardFault> {
        let places = self.places.borrow();
        let listed = |(place, tenant): (&ShardPlace, &Option<String>)| Listed {
            place: place.clone(),
            tenant: tenant.clone(),
            used_ms: 0,
        };
        Ok(Places::of(places.iter().map(listed).collect(), tenant, OWN_KEYS, self.places_dropped.get()))
    }
}

impl Tenants for MemoryWorld {
    async fn order(&self, tenant: &str, order: &Order) -> Result<Outcome, ShardFault> {
        let known = self.tenants.borrow().get(tenant).cloned();
        let mut outcome = carry_out(known, order.clone());
        if let Outcome::Admitted(admitted) = &mut outcome
            && let Booked::Standing(budgets) = self.books.carry_out(tenant, Ask::Standing, self.now_ms.get())?
        {
            admitted.budgets = budgets;
        }
        if outcome == Outcome::Removed {
            self.tenants.borrow_mut().remove(tenant);
        }
        if let (true, Outcome::Shown(now)) = (order.changes(), &outcome) {
            self.tenants.borrow_mut().insert(tenant.to_owned(), now.clone());
        }
        Ok(outcome)
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.borrow().get(name).cloned()
    }
}

/// A scripted body.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    breaks: bool,
    gate: Option<Gate>,
}

impl Chunks for Pieces {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        if let Some(gate) = &self.gate {
            return gate.next().await;
        }
        match self.pieces.pop_front() {
            Some(piece) => Some(Ok(piece)),
            None => std::mem::take(&mut self.breaks).then(|| Err(Unreachable("the connection broke".into()))),
        }
    }
}

impl Upstreams for MemoryWorld {
    type Body = Pieces;

    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamAnswer<Pieces>, Unreachable> {
        let thought = self.provider.borrow_mut().as_mut().map(|provider| provider(&request, self.now_ms.get()));
        self.asked.borrow_mut().push(request);
        let script = match thought {
            Some((status, body)) => Script::Answer(status, "application/json", vec![body]),
            None => self.scripts.borrow_mut().pop_front().unwrap(),
        };
        let (mut gate, mut retry_after) = (None, None);
        let (status, content_type, pieces, breaks) = match script {
            Script::Answer(status, content_type, pieces) => (status, content_type, pieces, false),
            Script::Break(content_type, pieces) => (200, content_type, pieces, true),
            Script::Busy(secs) => {
                retry_after = Some(("retry-after".to_owned(), secs));
                (429, "application/json", vec![b"{}".to_vec()], false)
            }
            Script::Unreachable => return Err(Unreachable("no route".into())),
            Script::Held(content_type, held) => {
                held.opened().await;
                gate = Some(held);
                (200, content_type, Vec::new(), false)
            }
            Script::HeldError(status, held) => {
                held.opened().await;
                gate = Some(held);
                (status, "application/json", Vec::new(), false)
            }
        };
        let mut headers =
            vec![("content-type".to_owned(), content_type.to_owned()), ("x-request-id".to_owned(), "up-1".to_owned())];
        headers.extend(retry_after);
        Ok(UpstreamAnswer { status, headers, chunks: Pieces { pieces: pieces.into(), breaks, gate } })
    }
}

impl Nature for MemoryWorld {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn ticks_ms(&self) -> f64 {
        (self.now_ms.get() - BEGIN_MS) as f64
    }

    fn random(&self) -> [u8; 16] {
        self.chance.set(self.chance.get().wrapping_add(1));
        [self.chance.get(); 16]
    }

    async fn sleep_ms(&self, ms: u64) {
        Time::sleep_ms(self, ms).await;
    }

    async fn client_leaves(&self) {
        poll_fn(|context| {
            if self.client_gone.get() {
                return Poll::Ready(());
            }
            self.leaving.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn background(&self, work: Pin<Box<dyn Future<Output = ()>>>) {
        self.background.borrow_mut().push(work);
    }
}

/// An answer, all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// The connection broke before the end.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn cache_status(&self) -> &str {
        self.header("cache-status")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What the first choice says.
    pub(crate) fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    }
}

/// A gateway over a [`MemoryWorld`].
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) world: Rc<MemoryWorld>,
    pub(crate) setup: Rc<Setup>,
}

impl Gateway {
    /// A gateway with variables as `wrangler.toml` would set them.
    pub(crate) fn new(variables: Value) -> Self {
        let mut all = BTreeMap::from([("NEARHIT_HMAC_KEY".to_owned(), json!("test"))]);
        all.extend(variables.as_object().unwrap().clone());
        // No test is audited by chance.
        let semantic = all.entry("NEARHIT_SEMANTIC".to_owned()).or_insert_with(|| json!({}));
        semantic.as_object_mut().unwrap().entry("audit_share").or_insert_with(|| json!(0));
        // Nor is anything sent twice, unless a test is about that.
        let limits = all.entry("NEARHIT_LIMITS".to_owned()).or_insert_with(|| json!({}));
        limits.as_object_mut().unwrap().entry("retries").or_insert_with(|| json!(0));
        let config = config::check(&all).unwrap();
        let world = Rc::new(MemoryWorld::default());
        world.me.replace(Rc::downgrade(&world));
        world.now_ms.set(BEGIN_MS);
        let admin_token = Some("admin".to_owned());
        let embedder = Embedder::shipped();
        let judge = Judge::shipped(config.verifier, embedder.as_ref().unwrap().vocabulary());
        let setup = Setup { config, secret: b"test".to_vec(), admin_token, embedder, judge, memory: Memory::default() };
        Self { world, setup: Rc::new(setup) }
    }

    /// The upstream will do this with the request after those already scripted.
    pub(crate) fn script(&self, script: Script) -> &Self {
        self.world.scripts.borrow_mut().push_back(script);
        self
    }

    /// Sends a call and reads the whole answer, and lets what goes on in the background come to its end.
    pub(crate) fn call(&self, call: Call) -> Answer {
        let answer = pollster::block_on(self.begin(call));
        loop {
            let background = self.world.background.take();
            if background.is_empty() {
                return answer;
            }
            background.into_iter().for_each(pollster::block_on);
        }
    }

    /// The same as a task, to run beside others.
    pub(crate) fn begin(&self, call: Call) -> impl Future<Output = Answer> + use<> {
        let (world, setup) = (self.world.clone(), self.setup.clone());
        async move {
            let reply = gateway::answer(&world, &setup, call).await;
            let (mut body, mut broken) = (Vec::new(), false);
            let mut take = |piece: Result<Vec<u8>, Unreachable>| match piece {
                Ok(piece) => body.extend(piece),
                Err(_) => broken = true,
            };
            match reply.body {
                ReplyBody::Whole(whole) => take(Ok(whole)),
                ReplyBody::Relay(mut relay) => {
                    while let Some(piece) = relay.next().await {
                        take(piece);
                    }
                }
                ReplyBody::Live(mut live) => {
                    while let Some(piece) = live.next().await {
                        take(piece);
                    }
                }
            }
            Answer { status: reply.status, headers: reply.headers, body, broken }
        }
    }

    /// Asks a question as key `sk-1` with further headers.
    pub(crate) fn ask_with(&self, text: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(chat(&question(text), headers))
    }

    /// Asks a question as key `sk-1`.
    pub(crate) fn ask(&self, text: &str) -> Answer {
        self.ask_with(text, &[])
    }
}

/// A chat request with one user turn.
pub(crate) fn question(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

/// The call that a client with key `sk-1` makes.
pub(crate) fn chat(body: &Value, headers: &[(&str, &str)]) -> Call {
    let mut all: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if !all.iter().any(|(name, _)| name == "authorization") {
        all.push(("authorization".into(), "Bearer sk-1".into()));
    }
    Call {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        headers: all,
        body: body.to_string().into_bytes(),
    }
}

/// Calls the admin API with its token: what follows `/admin/v1/`, or a whole path.
pub(crate) fn admin(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/admin/v1/{path}") };
    gateway.call(Call {
        method: method.into(),
        path,
        headers: vec![("authorization".into(), "Bearer admin".into())],
        body: body.to_string().into_bytes(),
    })
}
