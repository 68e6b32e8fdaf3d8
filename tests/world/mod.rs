//! An in-memory world: the ports over hash maps and scripted answers, with faults on demand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use nearhit::cache::key::Digest;
use nearhit::config;
use nearhit::gateway::{self, Call, ReplyBody, Setup};
use nearhit::ports::{
    Chunks, Found, Headers, Looked, Lookup, Nature, ShardAddress, ShardFault, Shards, Store, Unreachable,
    UpstreamAnswer, UpstreamRequest, Upstreams,
};
use nearhit::semantic::embedder::Embedder;
use nearhit::semantic::index::Seq;
use nearhit::shard::{Gone, Indexes, Row, Rows, Shard, Totals};
use serde_json::{Value, json};

/// Rows in memory, shared by everything that opens them, as a disk would be.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryRows(Rc<RefCell<Table>>);

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<Seq, (Store, u32)>,
    last: Seq,
    generation: u64,
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

    /// Changes every stored answer.
    pub(crate) fn damage(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.borrow_mut().rows.values_mut().for_each(|(row, _)| change(&mut row.stored));
    }
}

impl Rows for MemoryRows {
    fn totals(&self) -> Result<Totals, ShardFault> {
        let table = self.0.borrow();
        let bytes = table.rows.values().map(|(row, _)| row.stored.len() as u64).sum();
        Ok(Totals { entries: table.rows.len() as u64, bytes, generation: table.generation })
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
        let twins: Vec<Seq> =
            table.rows.iter().filter(|(_, (row, _))| row.exact == new.exact).map(|(seq, _)| *seq).collect();
        let mut gone: Vec<Gone> = twins.into_iter().filter_map(|seq| table.remove(seq)).collect();
        table.last += 1;
        table.generation += 1;
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
            table.rows.iter().filter(|(_, (row, _))| row.expires_ms <= now_ms).map(|(seq, _)| *seq).collect();
        Ok(stale.into_iter().take(limit as usize).filter_map(|seq| table.remove(seq)).collect())
    }

    fn add_hits(&self, hits: &BTreeMap<Digest, u32>) -> Result<(), ShardFault> {
        for (row, count) in self.0.borrow_mut().rows.values_mut() {
            *count += hits.get(&row.exact).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn next_expiry(&self) -> Result<Option<u64>, ShardFault> {
        Ok(self.0.borrow().rows.values().map(|(row, _)| row.expires_ms).min())
    }
}

/// What the upstream does with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Answers with a status, a content type and a body in pieces.
    Answer(u16, &'static str, Vec<Vec<u8>>),
    /// Answers, and the connection breaks after these pieces.
    Break(&'static str, Vec<Vec<u8>>),
    /// Cannot be reached.
    Unreachable,
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

/// The world.
#[derive(Debug, Default)]
pub(crate) struct MemoryWorld {
    shards: RefCell<HashMap<ShardAddress, (MemoryRows, Shard<MemoryRows>)>>,
    indexes: RefCell<Indexes>,
    served: RefCell<HashMap<ShardAddress, Vec<Digest>>>,
    /// What the upstream will do, in order.
    pub(crate) scripts: RefCell<VecDeque<Script>>,
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
    chance: Cell<u8>,
}

impl MemoryWorld {
    /// All rows of all shards.
    pub(crate) fn rows(&self) -> Vec<MemoryRows> {
        self.shards.borrow().values().map(|(rows, _)| rows.clone()).collect()
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
            let shard = Shard::wake(at.to_string(), rows.clone(), indexes).unwrap();
            (rows, shard)
        });
        act(shard, indexes)
    }
}

impl Shards for MemoryWorld {
    async fn lookup(&self, at: &ShardAddress, ask: &Lookup) -> Result<Looked, ShardFault> {
        if self.lookups_fail.get() {
            return Err(ShardFault("the shard is away".into()));
        }
        let served = self.served.borrow_mut().remove(at).unwrap_or_default();
        self.with(at, |shard, indexes| shard.lookup(&Lookup { served, ..ask.clone() }, indexes))
    }

    async fn store(&self, at: &ShardAddress, ask: &Store) -> Result<(), ShardFault> {
        if self.stores_fail.get() {
            return Err(ShardFault("the disk is full".into()));
        }
        self.with(at, |shard, indexes| shard.store(ask, indexes))
    }

    fn note_served(&self, at: &ShardAddress, exact: &Digest) {
        self.served.borrow_mut().entry(*at).or_default().push(*exact);
    }
}

/// A scripted body.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    breaks: bool,
}

impl Chunks for Pieces {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        match self.pieces.pop_front() {
            Some(piece) => Some(Ok(piece)),
            None => std::mem::take(&mut self.breaks).then(|| Err(Unreachable("the connection broke".into()))),
        }
    }
}

impl Upstreams for MemoryWorld {
    type Body = Pieces;

    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamAnswer<Pieces>, Unreachable> {
        self.asked.borrow_mut().push(request);
        let script = self.scripts.borrow_mut().pop_front().unwrap();
        let (status, content_type, pieces, breaks) = match script {
            Script::Answer(status, content_type, pieces) => (status, content_type, pieces, false),
            Script::Break(content_type, pieces) => (200, content_type, pieces, true),
            Script::Unreachable => return Err(Unreachable("no route".into())),
        };
        let headers =
            vec![("content-type".to_owned(), content_type.to_owned()), ("x-request-id".to_owned(), "up-1".to_owned())];
        Ok(UpstreamAnswer { status, headers, chunks: Pieces { pieces: pieces.into(), breaks } })
    }
}

impl Nature for MemoryWorld {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn ticks_ms(&self) -> f64 {
        0.0
    }

    fn random(&self) -> [u8; 16] {
        self.chance.set(self.chance.get().wrapping_add(1));
        [self.chance.get(); 16]
    }

    fn client_gone(&self) -> bool {
        self.client_gone.get()
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
    pub(crate) setup: Setup,
}

impl Gateway {
    /// A gateway with variables as `wrangler.toml` would set them.
    pub(crate) fn new(variables: Value) -> Self {
        let mut all = BTreeMap::from([("NEARHIT_HMAC_KEY".to_owned(), json!("test"))]);
        all.extend(variables.as_object().unwrap().clone());
        let config = config::check(&all).unwrap();
        let world = MemoryWorld::default();
        world.now_ms.set(1_700_000_000_000);
        Self { world: Rc::new(world), setup: Setup { config, secret: b"test".to_vec(), embedder: Embedder::shipped() } }
    }

    /// The upstream will do this with the request after those already scripted.
    pub(crate) fn script(&self, script: Script) -> &Self {
        self.world.scripts.borrow_mut().push_back(script);
        self
    }

    /// Sends a call and reads the whole answer.
    pub(crate) fn call(&self, call: Call) -> Answer {
        pollster::block_on(async {
            let reply = gateway::answer(&self.world, &self.setup, call).await;
            let (mut body, mut broken) = (Vec::new(), false);
            match reply.body {
                ReplyBody::Whole(whole) => body = whole,
                ReplyBody::Relay(mut relay) => {
                    while let Some(piece) = relay.next().await {
                        match piece {
                            Ok(piece) => body.extend(piece),
                            Err(_) => broken = true,
                        }
                    }
                }
            }
            Answer { status: reply.status, headers: reply.headers, body, broken }
        })
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
