//! Listening to an upstream's answer on its way to the client, and keeping it when it ended well.

use std::fmt;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use crate::cache::entry;
use crate::cache::key::Keys;
use crate::canonical::{ChatCompletion, Completion, Delivery, NotKept};
use crate::config::Config;
use crate::counting::Tap;
use crate::incoming::Incoming;
use crate::ports::entries::Labels;
use crate::ports::{Chunks, GaveUp, Headers, Lease, Line, Searchable, ShardAddress, Store, Unreachable, World};
use crate::protocol::{Generation, Recorder};
use crate::telemetry::Kept;

/// The largest answer, on the wire, that is listened to. Larger ones pass and are not kept.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What is to be done with a complete answer beside keeping it. It is told of good answers alone.
pub struct AfterAnswer(Box<dyn FnOnce(&Completion)>);

impl AfterAnswer {
    /// Something to be done once.
    #[must_use]
    pub fn new(act: impl FnOnce(&Completion) + 'static) -> Self {
        Self(Box::new(act))
    }
}

impl fmt::Debug for AfterAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterAnswer")
    }
}

/// What is needed to keep an answer once it is complete. Dropped before that, its lease is handed over.
#[derive(Debug)]
pub struct Keeping<W: World> {
    generation: Generation,
    /// As what the answer was asked for, and by how much.
    delivery: Delivery,
    prompt_bytes: usize,
    at: ShardAddress,
    keys: Keys,
    searchable: Option<Searchable>,
    ttl_secs: u64,
    limits: Limits,
    line: Option<W::Line>,
    after: Option<AfterAnswer>,
    origin: Origin,
}

/// Whose request makes an entry, and what it was.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The tenant, when the caller is one.
    pub tenant: Option<String>,
    /// By what an operator finds the entry again.
    pub labels: Labels,
    /// When the request came, in milliseconds since 1970.
    pub asked_ms: u64,
}

/// What a shard is told with every entry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an entry is held after it went stale, in seconds.
    pub keep_stale_secs: u64,
    /// Entries that the shard may hold.
    pub max_entries: u32,
    /// Bytes that the shard may hold.
    pub max_bytes: u64,
    /// The number of entries in a scope from which a graph answers.
    pub hnsw_from: u32,
}

impl Limits {
    /// Those of the configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let Config { max_entries, max_bytes, hnsw_from, .. } = *config;
        Self { keep_stale_secs: config.longest_stale_secs(), max_entries, max_bytes, hnsw_from }
    }

    /// An entry without text.
    #[must_use]
    pub fn entry(
        &self,
        keys: &Keys,
        origin: &Origin,
        stored: Vec<u8>,
        tokens: u32,
        now_ms: u64,
        ttl_secs: u64,
    ) -> Store {
        let expires_ms = now_ms + ttl_secs * 1000;
        Store {
            exact: keys.exact,
            scope: keys.scope,
            searchable: None,
            stored,
            labels: origin.labels.clone(),
            asked_ms: origin.asked_ms,
            tokens,
            now_ms,
            expires_ms,
            purge_ms: expires_ms + self.keep_stale_secs * 1000,
            max_entries: self.max_entries,
            max_bytes: self.max_bytes,
            hnsw_from: self.hnsw_from,
        }
    }
}

impl<W: World> Keeping<W> {
    /// Where the answer goes and for how long; `line` is the lease's, when this request leads.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is another thing that an entry consists of")]
    pub fn new(
        generation: Generation,
        delivery: Delivery,
        prompt_bytes: usize,
        at: ShardAddress,
        keys: Keys,
        searchable: Option<Searchable>,
        ttl_secs: u64,
        config: &Config,
        line: Option<W::Line>,
        after: Option<AfterAnswer>,
    ) -> Self {
        let limits = Limits::of(config);
        let origin = Origin::default();
        Self { generation, delivery, prompt_bytes, at, keys, searchable, ttl_secs, limits, line, after, origin }
    }

    /// The same for an answer to this request.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The id that the entry will have.
    #[must_use]
    pub fn entry_id(&self) -> String {
        self.at.entry_id(&self.keys.exact)
    }

    fn feed(&mut self, bytes: &[u8]) {
        if let Some(line) = &mut self.line {
            line.feed(bytes);
        }
    }

    fn give_up(self, why: GaveUp) {
        if let Some(line) = self.line {
            line.give_up(why);
        }
    }

    /// Keeps a complete answer. A fault costs the entry, never the answer.
    async fn keep(mut self, world: &W, mut completion: Result<Completion, NotKept>) -> Kept {
        if let Ok(Completion::Chat(chat)) = &mut completion
            && chat.usage.is_none()
            && self.delivery == (Delivery::Stream { usage: false })
        {
            chat.usage = Some(estimated_usage(self.prompt_bytes, chat));
            chat.usage_estimated = true;
        }
        if let (Ok(completion), Some(AfterAnswer(act))) = (&completion, self.after.take()) {
            act(completion);
        }
        let ask = match completion.and_then(|completion| self.entry(world.now_ms(), &completion)) {
            Ok(ask) => ask,
            Err(reason) => {
                self.give_up(match reason {
                    NotKept::CutStream | NotKept::UpstreamError => GaveUp::Failed,
                    _ => GaveUp::Alone,
                });
                return Kept::Not(reason);
            }
        };
        let id = self.entry_id();
        let stored = match self.line {
            Some(line) => line.keep(vec![ask]).await,
            None => world.store(&self.at, &[ask]).await,
        };
        if stored.is_ok() {
            world.enlist(&self.at, self.origin.tenant.as_deref());
        }
        Kept::of(stored, id)
    }

    fn entry(&self, now_ms: u64, completion: &Completion) -> Result<Store, NotKept> {
        let stored = entry::encode(completion)?;
        // Four bytes are about one token where the provider did not count.
        let tokens = completion.tokens().unwrap_or(stored.len() as u64 / 4);
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let new = self.limits.entry(&self.keys, &self.origin, stored, tokens, now_ms, self.ttl_secs);
        Ok(Store { searchable: self.searchable.clone(), ..new })
    }
}

/// The usage of an answer whose provider was not asked to count, for clients that read it all the same. Four bytes are
/// about one token.
fn estimated_usage(prompt_bytes: usize, chat: &ChatCompletion) -> serde_json::Value {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
    let said: usize = chat.choices.iter().flat_map(|choice| choice.message.values()).map(text).sum();
    let (prompt, completion) = (prompt_bytes.div_ceil(4), said.div_ceil(4));
    serde_json::json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
    })
}

/// Whether an answer is a stream of server-sent events.
#[must_use]
pub fn is_event_stream(headers: &Headers) -> bool {
    headers.iter().any(|(name, value)| {
        name == "content-type" && value.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
    })
}

/// A body that was to be read whole.
#[derive(Debug)]
pub enum Whole<W: World> {
    /// All of it, what became of the answer, how long writing the entry took in milliseconds, and what the client is told
    /// of what was used.
    Read(Vec<u8>, Kept, Option<f64>, Headers),
    /// It is larger than an answer that could be kept, so it is handed on as it comes.
    TooLarge(Box<Relay<W>>),
}

/// Reads a whole body and keeps the answer in it.
///
/// # Errors
/// When the connection broke before the body was complete.
pub async fn whole_body<W: World>(
    world: &Rc<W>,
    mut chunks: Incoming<W>,
    keeping: Keeping<W>,
    mut tap: Tap,
) -> Result<Whole<W>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > MAX_ANSWER_BYTES {
            keeping.give_up(GaveUp::Alone);
            return Ok(Whole::TooLarge(Box::new(Relay::new(world.clone(), chunks.after(body), None, tap, false))));
        }
    }
    tap.feed(&body);
    let started = world.ticks_ms();
    let completion = keeping.generation.read_body(&body);
    let kept = keeping.keep(&**world, completion).await;
    Ok(Whole::Read(body, kept, Some(world.ticks_ms() - started), tap.end()))
}

/// An upstream's body on its way to the client, as it comes, byte for byte. When it is dropped before its end (the
/// client went away), nothing is kept, unless others wait for the same answer: then it goes on without the client.
#[derive(Debug)]
pub struct Relay<W: World>(Option<Passage<W>>);

#[derive(Debug)]
struct Passage<W: World> {
    world: Rc<W>,
    chunks: Incoming<W>,
    recording: Option<(Recorder, Keeping<W>)>,
    tap: Tap,
    /// The client wants to know at a stream's end what was used. It is told in a comment (WHATWG HTML section 9.2.5), which every reader of such a stream passes over.
    tells_usage: bool,
}

impl<W: World> Relay<W> {
    /// A relay that keeps the answer, if it is told how. `tells_usage`: the client wants to know at a stream's end what was
    /// used.
    #[must_use]
    pub fn new(world: Rc<W>, chunks: Incoming<W>, keeping: Option<Keeping<W>>, tap: Tap, tells_usage: bool) -> Self {
        let recording = keeping.map(|keeping| (keeping.generation.recorder(MAX_ANSWER_BYTES), keeping));
        Self(Some(Passage { world, chunks, recording, tap, tells_usage }))
    }

    /// The next piece. The one that ends the answer is handed on when the entry is durable.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        self.0.as_mut()?.next().await
    }
}

impl<W: World> Passage<W> {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        loop {
            match self.chunks.next().await {
                Some(Ok(bytes)) => {
                    let bytes = self.take(bytes).await;
                    // What is held back comes with a later piece; an empty one would say that the stream is over.
                    if !bytes.is_empty() {
                        return Some(Ok(bytes));
                    }
                }
                Some(Err(why)) => {
                    // It broke: whoever waits takes over.
                    self.recording = None;
                    return Some(Err(why));
                }
                None => return self.finish().await,
            }
        }
    }

    /// Takes a piece of the answer. Gives what of it is for the client.
    async fn take(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.tap.feed(&bytes);
        let complete = self.recording.as_mut().is_some_and(|(recorder, _)| recorder.feed(&bytes));
        let bytes = self.tap.pass(bytes);
        if let Some((_, keeping)) = &mut self.recording {
            keeping.feed(&bytes);
        }
        if complete {
            self.keep().await;
        }
        bytes
    }

    async fn keep(&mut self) {
        if let Some((recorder, keeping)) = self.recording.take() {
            keeping.keep(&*self.world, recorder.finish()).await;
        }
    }

    /// The answer is over.
    async fn finish(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        let mut rest = self.tap.rest();
        if let Some((_, keeping)) = &mut self.recording {
            keeping.feed(&rest);
        }
        // It ended without its last event.
        self.keep().await;
        let told = self.tap.end();
        if self.tells_usage {
            told.iter().for_each(|(name, value)| rest.extend(format!(": {name}: {value}\n\n").bytes()));
        }
        (!rest.is_empty()).then_some(Ok(rest))
    }

    /// The lease under which this answer is passed on to others, if it is.
    fn lease(&self) -> Option<(ShardAddress, Lease)> {
        let (_, keeping) = self.recording.as_ref()?;
        Some((keeping.at, keeping.line.as_ref()?.lease()))
    }
}

/// How often it is asked whether anybody still waits, in milliseconds.
const AWAITED_EVERY_MS: u64 = 2_000;

/// How often in a row that question may stay unanswered.
const MAX_UNANSWERED: u32 = 2;

/// Does some work for as long as others wait for the holder of a lease; nothing when nobody does any more.
pub async fn while_awaited<W: World, T>(
    world: &W,
    at: &ShardAddress,
    lease: Lease,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut unanswered = 0;
    loop {
        let followers = async {
            let followers = world.followers(at, lease).await;
            if !matches!(followers, Ok(0)) {
                world.sleep_ms(AWAITED_EVERY_MS).await;
            }
            followers
        };
        // The work goes on meanwhile.
        let followers = match select(pin!(followers), work).await {
            Either::Right((done, _)) => return Some(done),
            Either::Left((followers, rest)) => {
                work = rest;
                followers
            }
        };
        match followers {
            Ok(0) => return None,
            Ok(_) => unanswered = 0,
            // A busy shard is not the followers' fault.
            Err(_) if unanswered < MAX_UNANSWERED => unanswered += 1,
            Err(_) => return None,
        }
    }
}

impl<W: World> Drop for Relay<W> {
    fn drop(&mut self) {
        let Some(mut passage) = self.0.take() else { return };
        let Some((at, lease)) = passage.lease() else { return };
        let world = passage.world.clone();
        world.clone().background(Box::pin(async move {
            let rest = async { while passage.next().await.is_some_and(|piece| piece.is_ok()) {} };
            while_awaited(&*world, &at, lease, rest).await;
        }));
    }
}

/// Another request's stream on its way to this client.
#[derive(Debug)]
pub struct Shared<W: World> {
    live: W::Live,
    tap: Tap,
}

impl<W: World> Shared<W> {
    /// The stream, and what counts it.
    #[must_use]
    pub fn new(live: W::Live, tap: Tap) -> Self {
        Self { live, tap }
    }

    /// The next piece.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        let piece = self.live.next().await;
        match &piece {
            Some(Ok(bytes)) => self.tap.feed(bytes),
            _ => drop(self.tap.end()),
        }
        piece
    }
}
