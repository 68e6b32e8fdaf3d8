//! Keeping an upstream's answer when it ended well.

use std::fmt;

use crate::cache::entry;
use crate::cache::key::Keys;
use crate::canonical::{Completion, Delivery, NotKept, Usage};
use crate::config::Config;
use crate::ports::entries::Labels;
use crate::ports::{GaveUp, Headers, Lease, Line, Searchable, ShardAddress, Store, World};
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
    /// As what the answer was asked for.
    delivery: Delivery,
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
        Self { generation, delivery, at, keys, searchable, ttl_secs, limits, line, after, origin }
    }

    /// The same for an answer to this request.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// What makes an answer of the stream's pieces.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.generation.recorder(MAX_ANSWER_BYTES)
    }

    /// The answer in a whole body.
    ///
    /// # Errors
    /// Why it is none to keep.
    pub fn read_body(&self, body: &[u8]) -> Result<Completion, NotKept> {
        self.generation.read_body(body)
    }

    /// The lease under which the answer is passed on to others, if it is.
    pub fn lease(&self) -> Option<(ShardAddress, Lease)> {
        Some((self.at, self.line.as_ref()?.lease()))
    }

    /// The id that the entry will have.
    #[must_use]
    pub fn entry_id(&self) -> String {
        self.at.entry_id(&self.keys.exact)
    }

    /// Lets those who share the answer have more of it.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(line) = &mut self.line {
            line.feed(bytes);
        }
    }

    /// There is nothing to keep.
    pub fn give_up(self, why: GaveUp) {
        if let Some(line) = self.line {
            line.give_up(why);
        }
    }

    /// Keeps a complete answer. A fault costs the entry, never the answer. `counted`: what was used, where the answer does
    /// not say it itself; clients that read it get it all the same.
    pub async fn keep(
        mut self,
        world: &W,
        mut completion: Result<Completion, NotKept>,
        counted: Option<Usage>,
    ) -> Kept {
        if let Ok(Completion::Chat(chat)) = &mut completion
            && chat.usage.is_none()
            && self.delivery == (Delivery::Stream { usage: false })
            && let Some(counted) = counted
        {
            chat.usage = Some(written(&counted));
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

/// A usage as Chat Completions writes it.
fn written(usage: &Usage) -> serde_json::Value {
    let (prompt, completion) = (usage.input(), usage.output);
    serde_json::json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion),
    })
}

/// Whether an answer is a stream of server-sent events.
#[must_use]
pub fn is_event_stream(headers: &Headers) -> bool {
    is_of_type(headers, "text/event-stream")
}

/// Whether an answer is JSON.
#[must_use]
pub fn is_json(headers: &Headers) -> bool {
    is_of_type(headers, "application/json")
}

fn is_of_type(headers: &Headers, media_type: &str) -> bool {
    headers
        .iter()
        .any(|(name, value)| name == "content-type" && value.trim_start().to_ascii_lowercase().starts_with(media_type))
}
