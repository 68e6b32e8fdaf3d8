//! The life of a request. The only place where rooms meet.

use std::rc::Rc;

use crate::cache::directives::{self, Directives};
use crate::cache::entry;
use crate::cache::key::{self, Digest, Keys};
use crate::canonical::{Bypass, CanonicalRequest, Completion, Delivery, ExactOnly, NotKept};
use crate::config::{Config, DEFAULT_UPSTREAM, Mode, Upstream};
use crate::error::Failure;
use crate::forward;
use crate::keeping::{Keeping, Relay, Whole, whole_body};
use crate::ports::{
    Found, Headers, Looked, Lookup, Neighbour, Searchable, ShardAddress, UpstreamAnswer, UpstreamRequest, VectorQuery,
    World,
};
use crate::protocol::embeddings::{self, EmbeddingsRequest};
use crate::protocol::openai_chat::{self, Fresh};
use crate::semantic::embedder::{DIMENSIONS, Embedder, MAX_PIECES, NoVector, quantise};
use crate::semantic::guard::{self, Refusal};
use crate::telemetry::{Decision, Entry, Kept, Miss, Timing};
use crate::tenant::{self, Caller};

/// What stays the same from request to request.
#[derive(Debug)]
pub struct Setup {
    /// The checked configuration.
    pub config: Config,
    /// The secret that namespaces are made with.
    pub secret: Vec<u8>,
    /// The embedding model, or why it could not be loaded.
    pub embedder: Result<Embedder, String>,
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The method, in capitals.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The answer as it leaves.
#[derive(Debug)]
pub struct Reply<W: World> {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: ReplyBody<W>,
}

/// An answer's body.
#[derive(Debug)]
pub enum ReplyBody<W: World> {
    /// All of it.
    Whole(Vec<u8>),
    /// The upstream's, as it comes.
    Relay(Box<Relay<W>>),
}

/// Answers one request.
pub async fn answer<W: World>(world: &Rc<W>, setup: &Setup, call: Call) -> Reply<W> {
    match route_and_answer(world, setup, &call).await {
        Ok(reply) => reply,
        Err(failure) => failed(&failure, Vec::new()),
    }
}

/// A failure in the API's error shape. All paths that nearhit answers itself speak OpenAI's so far.
#[must_use]
pub fn failed<W: World>(failure: &Failure, mut headers: Headers) -> Reply<W> {
    headers.push(("content-type".into(), "application/json".into()));
    if !failure.retryable {
        // The official SDKs retry most 5xx answers unless they are told not to.
        headers.push(("x-should-retry".into(), "false".into()));
    }
    Reply { status: failure.status, headers, body: ReplyBody::Whole(openai_chat::error_body(failure)) }
}

async fn route_and_answer<W: World>(world: &Rc<W>, setup: &Setup, call: &Call) -> Result<Reply<W>, Failure> {
    if call.body.len() > setup.config.max_body_bytes {
        return Err(Failure::too_large(setup.config.max_body_bytes));
    }
    if !matches!(call.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") {
        return Err(Failure::unknown_method(&call.method));
    }
    let (upstream, rest) = route(&setup.config, &call.path)?;
    let started = world.ticks_ms();
    let bypass = match (rest.split('?').next().map(|path| path.trim_end_matches('/')), call.method.as_str()) {
        (Some("/chat/completions"), "POST") => {
            let request = openai_chat::read(&call.body)?;
            let directives = directives::read(|name| call.header(name))?;
            let timing = Timing { decode_ms: world.ticks_ms() - started, ..Timing::default() };
            return Flight { world, setup, call, upstream, rest, request, directives, timing }.answer().await;
        }
        (Some("/embeddings"), "POST") => match embeddings::read(&call.body) {
            Ok(Some(request)) => return own_embeddings(setup, &request),
            Ok(None) => Bypass::UnsupportedPath,
            Err(failure) => return Err(failure),
        },
        (Some("/chat/completions"), _) => Bypass::UnsupportedMethod,
        _ => Bypass::UnsupportedPath,
    };
    let mut timing = Timing::default();
    let answer = send(&**world, call, upstream, rest, &mut timing).await?;
    Ok(relay(world, answer, None, &Decision::Bypass(bypass).headers(&timing)))
}

/// Answers from the model in the isolate. A text that holds nothing that the model knows has the zero vector.
fn own_embeddings<W: World>(setup: &Setup, request: &EmbeddingsRequest) -> Result<Reply<W>, Failure> {
    let embedder = setup.embedder.as_ref().map_err(|why| Failure::model_unavailable(why))?;
    let (mut vectors, mut pieces) = (Vec::new(), 0);
    for (k, text) in request.inputs.iter().enumerate() {
        vectors.push(match embedder.embed(text) {
            Ok(vector) => vector,
            Err(NoVector::Nothing) => vec![0.0; DIMENSIONS],
            Err(NoVector::TooLong) => {
                let what =
                    format!("'input[{k}]' is longer than {MAX_PIECES} wordpieces, which is all that this model reads.");
                return Err(Failure::bad_field(format!("input[{k}]"), what));
            }
            Err(NoVector::Fault) => return Err(Failure::model_unavailable("it failed on this text")),
        });
        pieces += embedder.pieces(text).map_or(0, |pieces| pieces.len());
    }
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-nearhit-cost-usd".to_owned(), "0".to_owned()),
    ];
    let body = embeddings::body(&vectors, request.base64, pieces);
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(body) })
}

/// The upstream that a path names, and what follows `/v1`.
fn route<'c, 'p>(config: &'c Config, path: &'p str) -> Result<(&'c Upstream, &'p str), Failure> {
    let unknown = |name: &str| {
        let known: Vec<&str> = config.upstreams.keys().map(String::as_str).collect();
        Failure::unknown_upstream(name, &known)
    };
    let (plain, _) = path.split_once('?').unwrap_or((path, ""));
    let mut segments = plain.split('/').skip(1);
    let (first, second, third) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    let (name, before) = match (first, second, third) {
        ("v1", Some(_), _) => (DEFAULT_UPSTREAM, "/v1".len()),
        (name, Some("v1"), Some(_)) => (name, name.len() + "//v1".len()),
        _ => return Err(unknown(first)),
    };
    let upstream = config.upstream(name).ok_or_else(|| unknown(name))?;
    Ok((upstream, &path[before..]))
}

async fn send<W: World>(
    world: &W,
    call: &Call,
    upstream: &Upstream,
    rest: &str,
    timing: &mut Timing,
) -> Result<UpstreamAnswer<W::Body>, Failure> {
    let request = UpstreamRequest {
        method: call.method.clone(),
        url: forward::address(upstream, rest),
        headers: forward::request_headers(&call.headers),
        body: call.body.clone(),
    };
    let started = world.ticks_ms();
    let answer = world.send(request).await.map_err(|why| Failure::unreachable(&upstream.name, &why.0))?;
    timing.upstream_ms = Some(world.ticks_ms() - started);
    Ok(answer)
}

fn relay<W: World>(
    world: &Rc<W>,
    answer: UpstreamAnswer<W::Body>,
    keeping: Option<Keeping>,
    own: &Headers,
) -> Reply<W> {
    let mut headers = forward::response_headers(&answer.headers);
    headers.extend(own.iter().cloned());
    Reply {
        status: answer.status,
        headers,
        body: ReplyBody::Relay(Box::new(Relay::new(world.clone(), answer.chunks, keeping))),
    }
}

/// A request that the cache may serve, on its way.
struct Flight<'a, W> {
    world: &'a Rc<W>,
    setup: &'a Setup,
    call: &'a Call,
    upstream: &'a Upstream,
    rest: &'a str,
    request: CanonicalRequest,
    directives: Directives,
    timing: Timing,
}

/// An entry that serves.
struct Served {
    completion: Completion,
    exact: Digest,
    decision: Decision,
}

/// What a lookup came to.
enum Verdict {
    Serve(Box<Served>),
    Miss { near: Option<(Refusal, f32)>, shadow: Option<f32> },
    Fault,
}

impl<W: World> Flight<'_, W> {
    async fn answer(mut self) -> Result<Reply<W>, Failure> {
        if let Some(reason) = self.bypass() {
            return self.forward_past(Decision::Bypass(reason)).await;
        }
        let caller = Caller::of(&self.call.headers, &self.directives.partition);
        let namespace = tenant::namespace(&self.setup.secret, &caller);
        let target = format!("{}{}", self.upstream.name, self.rest);
        let keys = key::keys(&namespace, &target, &self.request, self.setup.config.shards);
        let at = ShardAddress { namespace, shard: keys.shard };
        let searchable = self.searchable();
        if self.directives.no_cache {
            return self.forward(at, keys, searchable, |kept, _| Decision::Refresh(kept)).await;
        }
        match self.look_up(&at, &keys, searchable.as_ref().ok()).await {
            Verdict::Serve(served) => {
                if matches!(served.decision, Decision::HitSemantic(..)) {
                    self.world.note_served(&at, &served.exact);
                }
                Ok(self.replay(&served.completion, &served.decision))
            }
            Verdict::Fault => self.forward_past(Decision::Bypass(Bypass::CacheFault)).await,
            Verdict::Miss { near, shadow } => {
                let exact_only = searchable.as_ref().err().copied();
                self.forward(at, keys, searchable, move |kept, status| {
                    Decision::Miss(Miss { kept, near, shadow, exact_only, status })
                })
                .await
            }
        }
    }

    /// Why this request goes past the cache, if it does.
    fn bypass(&self) -> Option<Bypass> {
        let by_directive = self.directives.no_store.then_some(Bypass::NoStore);
        by_directive.or((self.mode() == Mode::Off).then_some(Bypass::ModeOff)).or(self.request.bypass)
    }

    fn mode(&self) -> Mode {
        self.directives.mode.unwrap_or(self.setup.config.mode)
    }

    /// The text and its vector, or why it is looked up by its bytes alone.
    fn searchable(&mut self) -> Result<Searchable, ExactOnly> {
        if self.mode() == Mode::Exact {
            return Err(ExactOnly::Mode);
        }
        if let Some(reason) = self.request.exact_only {
            return Err(reason);
        }
        let text = &self.request.query;
        if text.split_whitespace().nth(1).is_none() {
            return Err(ExactOnly::TooShort);
        }
        let embedder = self.setup.embedder.as_ref().map_err(|_| ExactOnly::ModelUnavailable)?;
        let started = self.world.ticks_ms();
        let vector = embedder.embed(text).map_err(|why| match why {
            NoVector::TooLong => ExactOnly::TooLong,
            NoVector::Nothing => ExactOnly::TooShort,
            NoVector::Fault => ExactOnly::ModelUnavailable,
        });
        self.timing.embed_ms = Some(self.world.ticks_ms() - started);
        Ok(Searchable { text: text.clone(), vector: quantise(&vector?) })
    }

    async fn look_up(&mut self, at: &ShardAddress, keys: &Keys, searchable: Option<&Searchable>) -> Verdict {
        let config = &self.setup.config;
        let threshold = self.directives.threshold.unwrap_or(config.threshold);
        let ask = Lookup {
            exact: keys.exact,
            scope: keys.scope,
            query: searchable.map(|searchable| VectorQuery {
                vector: searchable.vector.clone(),
                count: config.candidates,
                floor: threshold,
            }),
            hnsw_from: config.hnsw_from,
            now_ms: self.world.now_ms(),
            served: Vec::new(),
        };
        let started = self.world.ticks_ms();
        let looked = self.world.lookup(at, &ask).await;
        self.timing.lookup_ms = Some(self.world.ticks_ms() - started);
        match looked {
            Ok(looked) => self.judge(keys, looked),
            Err(_) => Verdict::Fault,
        }
    }

    /// Decides what of the found entries serves. An entry that cannot be read is passed over: a miss, not an error.
    fn judge(&self, keys: &Keys, looked: Looked) -> Verdict {
        if let Some(found) = looked.exact
            && let Some((completion, entry)) = self.open(keys, &found)
        {
            let decision = Decision::HitExact(entry);
            return Verdict::Serve(Box::new(Served { completion, exact: found.exact, decision }));
        }
        let mut near = None;
        for Neighbour { found, text, score } in looked.neighbours {
            if let Err(refusal) = guard::compare(&self.request.query, &text) {
                near = near.or(Some((refusal, score)));
                continue;
            }
            if let Some((completion, entry)) = self.open(keys, &found) {
                if self.mode() == Mode::Shadow {
                    return Verdict::Miss { near: None, shadow: Some(score) };
                }
                let decision = Decision::HitSemantic(entry, score);
                return Verdict::Serve(Box::new(Served { completion, exact: found.exact, decision }));
            }
        }
        Verdict::Miss { near, shadow: None }
    }

    /// The answer in an entry, when it can be read and is fresh enough for this request.
    fn open(&self, keys: &Keys, found: &Found) -> Option<(Completion, Entry)> {
        let now_ms = self.world.now_ms();
        let age_secs = entry::age_secs(now_ms, found.created_ms);
        let ttl_secs = entry::ttl_secs(now_ms, found.expires_ms);
        if !self.directives.accept(age_secs, ttl_secs) {
            return None;
        }
        let found_keys = Keys { exact: found.exact, ..*keys };
        let entry = Entry { id: found_keys.entry_id(), key: found_keys.short(), age_secs, ttl_secs };
        Some((entry::decode(&found.stored)?, entry))
    }

    fn replay(&self, completion: &Completion, decision: &Decision) -> Reply<W> {
        let id: String = self.world.random().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut headers = vec![("x-request-id".to_owned(), format!("req_{id}"))];
        let fresh = Fresh { id, created_secs: self.world.now_ms() / 1000 };
        let (body, content_type) = match self.request.delivery {
            Delivery::Body => (openai_chat::body(completion, &fresh), "application/json"),
            Delivery::Stream { usage } => {
                (openai_chat::stream(completion, &fresh, usage), "text/event-stream; charset=utf-8")
            }
        };
        headers.push(("content-type".into(), content_type.into()));
        headers.extend(decision.headers(&self.timing));
        Reply { status: 200, headers, body: ReplyBody::Whole(body) }
    }

    /// Forwards a request whose answer is not kept.
    async fn forward_past(mut self, decision: Decision) -> Result<Reply<W>, Failure> {
        if self.directives.only_if_cached {
            return Ok(failed(&Failure::not_cached(), Decision::OnlyIfCached.headers(&self.timing)));
        }
        let answer = send(&**self.world, self.call, self.upstream, self.rest, &mut self.timing).await?;
        Ok(relay(self.world, answer, None, &decision.headers(&self.timing)))
    }

    /// Forwards a miss and keeps the answer when it ends well. A body is kept before it is answered, a stream before
    /// its last event leaves: whoever has seen the end of an answer finds it in the cache.
    async fn forward(
        mut self,
        at: ShardAddress,
        keys: Keys,
        searchable: Result<Searchable, ExactOnly>,
        decide: impl FnOnce(Option<Kept>, u16) -> Decision,
    ) -> Result<Reply<W>, Failure> {
        if self.directives.only_if_cached {
            return Ok(failed(&Failure::not_cached(), Decision::OnlyIfCached.headers(&self.timing)));
        }
        let ttl_secs = self.directives.ttl_secs.unwrap_or(self.setup.config.ttl_secs);
        let keeping = Keeping::new(at, keys, searchable.ok(), ttl_secs, &self.setup.config);
        let answer = send(&**self.world, self.call, self.upstream, self.rest, &mut self.timing).await?;
        let status = answer.status;
        if status != 200 {
            return Ok(relay(self.world, answer, None, &decide(None, status).headers(&self.timing)));
        }
        let streamed = answer.headers.iter().any(|(name, value)| {
            name == "content-type" && value.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
        });
        if streamed {
            let kept = Some(Kept::Stored(keys.entry_id()));
            let decision = decide(kept, status).headers(&self.timing);
            return Ok(relay(self.world, answer, Some(keeping), &decision));
        }
        let upstream = &self.upstream.name;
        let mut headers = forward::response_headers(&answer.headers);
        let whole = whole_body(self.world, answer.chunks, &keeping)
            .await
            .map_err(|why| Failure::unreachable(upstream, &format!("its answer broke off: {}", why.0)))?;
        let (body, kept, store_ms) = match whole {
            Whole::Read(body, kept, store_ms) => (ReplyBody::Whole(body), kept, store_ms),
            Whole::TooLarge(relay) => (ReplyBody::Relay(relay), Kept::Not(NotKept::TooLarge), None),
        };
        self.timing.store_ms = store_ms;
        headers.extend(decide(Some(kept), status).headers(&self.timing));
        Ok(Reply { status, headers, body })
    }
}
