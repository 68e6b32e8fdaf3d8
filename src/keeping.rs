//! Listening to an upstream's answer on its way to the client, and keeping it when it ended well.

use std::rc::Rc;

use crate::cache::entry;
use crate::cache::key::Keys;
use crate::canonical::{Completion, NotKept};
use crate::config::Config;
use crate::ports::{Chunks, Searchable, ShardAddress, Store, Unreachable, World};
use crate::protocol::openai_chat::{self, Recorder};
use crate::telemetry::Kept;

/// The largest answer, on the wire, that is listened to. Larger ones pass and are not kept.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What is needed to keep an answer once it is complete.
#[derive(Debug)]
pub struct Keeping {
    at: ShardAddress,
    keys: Keys,
    searchable: Option<Searchable>,
    ttl_secs: u64,
    max_entries: u32,
    max_bytes: u64,
    hnsw_from: u32,
}

impl Keeping {
    /// Where the answer goes and for how long.
    #[must_use]
    pub fn new(at: ShardAddress, keys: Keys, searchable: Option<Searchable>, ttl_secs: u64, config: &Config) -> Self {
        let Config { max_entries, max_bytes, hnsw_from, .. } = *config;
        Self { at, keys, searchable, ttl_secs, max_entries, max_bytes, hnsw_from }
    }

    /// Keeps a complete answer. A fault costs the entry, never the answer.
    async fn keep<W: World>(&self, world: &W, completion: Result<Completion, NotKept>) -> Kept {
        let ask = match completion.and_then(|completion| self.store(world.now_ms(), &completion)) {
            Ok(ask) => ask,
            Err(reason) => return Kept::Not(reason),
        };
        match world.store(&self.at, &ask).await {
            Ok(()) => Kept::Stored(self.keys.entry_id()),
            Err(_) => Kept::Not(NotKept::CacheFault),
        }
    }

    fn store(&self, now_ms: u64, completion: &Completion) -> Result<Store, NotKept> {
        let stored = entry::encode(completion)?;
        let used = completion.usage.as_ref().and_then(|usage| usage["total_tokens"].as_u64());
        // Four bytes are about one token where the provider did not count.
        let tokens = used.unwrap_or(stored.len() as u64 / 4);
        Ok(Store {
            exact: self.keys.exact,
            scope: self.keys.scope,
            searchable: self.searchable.clone(),
            stored,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            now_ms,
            expires_ms: now_ms + self.ttl_secs * 1000,
            max_entries: self.max_entries,
            max_bytes: self.max_bytes,
            hnsw_from: self.hnsw_from,
        })
    }
}

/// A body that was to be read whole.
#[derive(Debug)]
pub enum Whole<W: World> {
    /// All of it, what became of the answer, and how long writing the entry took in milliseconds.
    Read(Vec<u8>, Kept, Option<f64>),
    /// It is larger than an answer that could be kept, so it is handed on as it comes.
    TooLarge(Box<Relay<W>>),
}

/// Reads a whole body and keeps the answer in it.
///
/// # Errors
/// When the connection broke before the body was complete.
pub async fn whole_body<W: World>(
    world: &Rc<W>,
    mut chunks: W::Body,
    keeping: &Keeping,
) -> Result<Whole<W>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > MAX_ANSWER_BYTES {
            let relay = Relay { head: Some(body), ..Relay::new(world.clone(), chunks, None) };
            return Ok(Whole::TooLarge(Box::new(relay)));
        }
    }
    if world.client_gone() {
        return Ok(Whole::Read(body, Kept::Not(NotKept::ClientGone), None));
    }
    let started = world.ticks_ms();
    let kept = keeping.keep(&**world, openai_chat::read_body(&body)).await;
    Ok(Whole::Read(body, kept, Some(world.ticks_ms() - started)))
}

/// An upstream's body on its way to the client, as it comes, byte for byte. When it is dropped before its end (the
/// client went away), nothing is kept.
#[derive(Debug)]
pub struct Relay<W: World> {
    world: Rc<W>,
    /// What was read already, and goes first.
    head: Option<Vec<u8>>,
    chunks: W::Body,
    recording: Option<(Recorder, Keeping)>,
}

impl<W: World> Relay<W> {
    /// A relay that keeps the answer, if it is told how.
    #[must_use]
    pub fn new(world: Rc<W>, chunks: W::Body, keeping: Option<Keeping>) -> Self {
        let recording = keeping.map(|keeping| (Recorder::new(MAX_ANSWER_BYTES), keeping));
        Self { world, head: None, chunks, recording }
    }

    /// The next piece. The one that ends the answer is handed on when the entry is durable.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        if let Some(head) = self.head.take() {
            return Some(Ok(head));
        }
        let chunk = self.chunks.next().await;
        if let (Some(Ok(bytes)), Some((recorder, _))) = (&chunk, &mut self.recording)
            && recorder.feed(bytes)
            && let Some((recorder, keeping)) = self.recording.take()
        {
            keeping.keep(&*self.world, recorder.finish()).await;
        }
        chunk
    }
}
