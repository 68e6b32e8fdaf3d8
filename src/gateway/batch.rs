//! `POST /v1/embeddings`: every input is cached for itself. What is there is served, and only the rest is asked for.

use std::rc::Rc;

use super::account::Account;
use super::admission::{self, Access};
use super::billing::{Bill, Priced};
use super::errand::{after_error, give_up};
use super::extent::{Extent, Work};
use super::outgoing::Sent;
use super::passing::{pass, relay, send};
use super::relief;
use super::turn::{self, Waited};
use super::watch::Watch;
use super::{Call, Reply, ReplyBody, Setup, Target, error_shape, failed, own_model};
use crate::cache::directives::{self, Directives};
use crate::cache::entry;
use crate::cache::key::{self, Keys};
use crate::canonical::{Bypass, Completion, Embedding, NotKept, Usage};
use crate::config::Mode;
use crate::error::Failure;
use crate::forward;
use crate::incoming::Gathered;
use crate::keeping::{Limits, MAX_ANSWER_BYTES, Origin};
use crate::ledger::record::Kind;
use crate::ports::entries::Labels;
use crate::ports::{GaveUp, Headers, Line, LookupMany, ShardAddress, Store, Terms, Until, Wanted, World};
use crate::protocol::embeddings::{self, BatchRequest};
use crate::relay::Relay;
use crate::semantic::embedder::MODEL_NAME;
use crate::telemetry::{Batch, Decision, Entry, Kept, Timing};

/// Answers a request for embeddings.
pub(super) async fn answer<W: World>(
    world: &Rc<W>,
    setup: &Rc<Setup>,
    call: Rc<Call>,
    target: Target,
    started: f64,
) -> Result<Reply<W>, Failure> {
    let asked_ms = world.now_ms();
    if let Some(request) = embeddings::read_own(&call.body)? {
        let directives = directives::read(|name| call.header(name))?;
        let access = admission::admit(&**world, setup, &call, "").await?;
        let priced = Priced::new(&target.upstream, MODEL_NAME);
        let account = Account::open(world, setup, &access, &directives, priced, started);
        let answered = own_model::answer(setup, &request);
        match &answered {
            Ok(_) => account.answered_here(),
            Err(failure) => account.failed(failure),
        }
        return answered;
    }
    let batch = embeddings::read(&call.body)?;
    let directives = directives::read(|name| call.header(name))?;
    let timing = Timing { decode_ms: world.ticks_ms() - started, ..Timing::default() };
    let access = admission::admit(&**world, setup, &call, &directives.partition).await?;
    let priced = Priced::new(&target.upstream, &batch.request.model);
    let strain = relief::of(world, setup, &access, &directives, &priced).headers;
    let account = Account::open(world, setup, &access, &directives, priced, started);
    let (world, setup) = (world.clone(), setup.clone());
    let order =
        Order { world, setup, call, target, access, batch, directives, asked_ms, timing, account: account.clone() };
    let answered = order.answer().await.inspect_err(|failure| account.failed(failure));
    answered.map(|reply| Reply { headers: reply.headers.into_iter().chain(strain).collect(), ..reply })
}

/// One request for embeddings, on its way.
struct Order<W: World> {
    world: Rc<W>,
    setup: Rc<Setup>,
    call: Rc<Call>,
    target: Target,
    access: Access,
    batch: BatchRequest,
    directives: Directives,
    /// When the request came, in milliseconds since 1970.
    asked_ms: u64,
    timing: Timing,
    account: Account<W>,
}

/// What is there, an input each, and what of it is the oldest.
struct Parts {
    embeddings: Vec<Option<Embedding>>,
    oldest: Option<Entry>,
}

impl Parts {
    fn missing(&self) -> Vec<usize> {
        (0..self.embeddings.len()).filter(|k| self.embeddings[*k].is_none()).collect()
    }
}

impl<W: World> Order<W> {
    async fn answer(mut self) -> Result<Reply<W>, Failure> {
        let asked = self.directives.mode.unwrap_or(self.setup.config.mode);
        let mode = self.access.mode(asked, &self.target.upstream);
        if self.directives.no_store || mode == Mode::Off {
            let reason = if self.directives.no_store { Bypass::NoStore } else { Bypass::ModeOff };
            return self.pass(reason).await;
        }
        let shards = self.setup.config.shards;
        let keys = key::keys(&self.access.namespace, &self.target.name(), &self.batch.request, shards);
        let at = ShardAddress { namespace: self.access.namespace, shard: keys.shard };
        let keys: Vec<Keys> = (0..self.batch.inputs.len())
            .map(|k| Keys { exact: key::exact(&keys.scope, &self.batch.query(k)), ..keys })
            .collect();
        let mut parts = Parts { embeddings: vec![None; keys.len()], oldest: None };
        if !self.directives.no_cache {
            match self.look_up(&at, &keys).await {
                Some(found) => parts = found,
                None => return self.pass(Bypass::CacheFault).await,
            }
        }
        if parts.missing().is_empty() {
            return Ok(self.whole(parts, false));
        }
        if self.batch.dependent {
            // A part of such a batch is not what it is beside the others.
            parts.embeddings.fill(None);
        }
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let missing: Vec<key::Digest> = parts.missing().into_iter().map(|k| keys[k].exact).collect();
        let turn = self.turn(&at, key::batch(&missing));
        let line = match Watch::CLIENT.unless_abandoned(&*self.world, turn).await? {
            Waited::Lead(line) => Some(line),
            Waited::Again => {
                let found = self.look_up(&at, &keys).await.filter(|found| found.missing().is_empty());
                if let Some(found) = found {
                    return Ok(self.whole(found, true));
                }
                None
            }
            _ => None,
        };
        self.ask_upstream(at, &keys, parts, line).await
    }

    async fn pass(mut self, reason: Bypass) -> Result<Reply<W>, Failure> {
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let Self { world, setup, call, target, access, account, timing, .. } = &mut self;
        pass(world, setup, call, target, access, reason, account, timing).await
    }

    fn not_cached(&self) -> Reply<W> {
        let (headers, failure) = (Decision::OnlyIfCached.headers(&self.timing), Failure::not_cached());
        self.account.failed(&failure);
        failed(&*self.world, error_shape(&self.call), &failure, headers)
    }

    /// What is there; nothing at all when the shard cannot be asked.
    async fn look_up(&mut self, at: &ShardAddress, keys: &[Keys]) -> Option<Parts> {
        let now_ms = self.world.now_ms();
        let ask = LookupMany {
            keys: keys.iter().map(|keys| keys.exact).collect(),
            now_ms,
            accepted_within_ms: self.access.accepted_within_ms,
        };
        let started = self.world.ticks_ms();
        let found = self.world.lookup_many(at, &ask).await.ok()?;
        self.timing.lookup_ms = Some(self.world.ticks_ms() - started);
        let mut oldest: Option<Entry> = None;
        let mut embeddings = vec![None; keys.len()];
        for ((place, keys), found) in embeddings.iter_mut().zip(keys).zip(found) {
            let Some(found) = found else { continue };
            let entry = Entry {
                id: at.entry_id(&keys.exact),
                key: keys.short(),
                age_secs: entry::age_secs(now_ms, found.created_ms),
                freshness: entry::freshness(now_ms, found.expires_ms),
            };
            if !self.directives.accept(entry.age_secs, entry.freshness, 0) {
                continue;
            }
            let Some(Completion::Embedding(embedding)) = entry::decode(&found.stored) else { continue };
            *place = Some(embedding);
            let ttl = |entry: &Entry| entry.freshness.ttl_secs();
            if oldest.as_ref().is_none_or(|oldest| ttl(&entry) < ttl(oldest)) {
                oldest = Some(entry);
            }
        }
        let mut models = embeddings.iter().flatten().map(|embedding: &Embedding| &embedding.model);
        let first = models.next();
        if models.any(|model| Some(model) != first) {
            // The name has stood for two models: what is known is of no use together.
            embeddings = vec![None; keys.len()];
        }
        Some(Parts { embeddings, oldest })
    }

    /// Everything is there.
    fn whole(&self, parts: Parts, collapsed: bool) -> Reply<W> {
        let count = parts.embeddings.len();
        let Parts { embeddings, oldest } = parts;
        let embeddings: Vec<Embedding> = embeddings.into_iter().flatten().collect();
        let decision = Decision::Batch(Batch { hits: count, parts: count, oldest, kept: None, collapsed, status: 200 });
        let mut headers = self.decide(&decision);
        headers.extend(self.account.saved(tokens(&embeddings)));
        headers.push(("content-type".into(), "application/json".into()));
        headers.push(("x-request-id".into(), format!("req_{}", super::random_name(&*self.world))));
        Reply { status: 200, headers, body: ReplyBody::Whole(self.batch.answer(&embeddings)) }
    }

    async fn turn(&self, at: &ShardAddress, key: key::Digest) -> Waited<W> {
        if self.directives.no_cache {
            return Waited::Alone;
        }
        let terms = Terms { patience_ms: self.setup.config.coalesce_secs * 1000 };
        turn::take(&*self.world, at, None, (key, terms, Wanted::default()), || Until::Kept).await
    }

    /// Asks for what is missing, keeps it, and answers with all of it.
    async fn ask_upstream(
        mut self,
        at: ShardAddress,
        keys: &[Keys],
        parts: Parts,
        line: Option<W::Line>,
    ) -> Result<Reply<W>, Failure> {
        let missing = parts.missing();
        let hits = keys.len() - missing.len();
        let decide = |kept, status| {
            Decision::Batch(Batch { hits, parts: keys.len(), oldest: None, kept, collapsed: false, status })
        };
        let asked = if hits == 0 { self.call.body.clone() } else { self.batch.body_for(&missing) };
        let watch = Watch::new(true, line.as_ref().map(|line| (at, line.lease())));
        let world = self.world.clone();
        let answer = watch.unless_abandoned(&*world, self.send(asked)).await.and_then(|sent| sent)?;
        let status = answer.status;
        if status != 200 {
            give_up(line, after_error(status));
            // An error about a part would number the inputs otherwise than the client did.
            if hits > 0 && matches!(status, 400 | 413 | 422) {
                return self.pass(Bypass::CacheFault).await;
            }
            let headers = self.decide(&decide(None, status));
            return Ok(relay(&self.world, answer, None, headers, &self.account, false));
        }
        let mut headers = forward::response_headers(&answer.headers);
        let upstream = &self.target.upstream.name;
        // It is billed, whatever becomes of it.
        self.decide(&decide(None, status));
        let mut tap = self.account.tap(false, &answer.headers);
        let body = match watch.unless_abandoned(&*world, answer.chunks.gather(MAX_ANSWER_BYTES)).await? {
            Ok(Gathered::All(body)) => body,
            Ok(Gathered::TooLarge(chunks)) if hits == 0 => {
                give_up(line, GaveUp::Alone);
                let relay = Box::new(Relay::new(self.world.clone(), chunks, None, tap, false));
                let decision = decide(Some(Kept::Not(NotKept::TooLarge)), status);
                return Ok(self.reply(headers, ReplyBody::Relay(relay), &decision));
            }
            Ok(Gathered::TooLarge(_)) => return self.ask_anew().await,
            Err(why) => return Err(Failure::unreachable(upstream, &format!("its answer broke off: {}", why.0))),
        };
        tap.feed(&body);
        let inputs: Vec<&serde_json::Value> = missing.iter().map(|k| &self.batch.inputs[*k]).collect();
        let read = embeddings::read_answer(&body, &inputs);
        let known: Vec<Embedding> = parts.embeddings.iter().flatten().cloned().collect();
        let same_model = |read: &[Embedding]| known.iter().all(|known| known.model == read[0].model);
        if read.as_ref().is_ok_and(|read| same_model(read)) {
            self.account.partly(tokens(&known));
        }
        headers.extend(tap.end());
        let read = match read {
            Ok(read) => read,
            Err(reason) if hits == 0 => {
                give_up(line, GaveUp::Alone);
                let decision = decide(Some(Kept::Not(reason)), status);
                return Ok(self.reply(headers, ReplyBody::Whole(body), &decision));
            }
            Err(_) => {
                give_up(line, GaveUp::Alone);
                return self.ask_anew().await;
            }
        };
        let same_model = same_model(&read);
        let kept = self.keep(at, keys, &missing, &read, line).await;
        if !same_model {
            // The name stands for another model by now, and vectors of two models are not to be compared.
            return self.ask_anew().await;
        }
        if hits == 0 {
            return Ok(self.reply(headers, ReplyBody::Whole(body), &decide(Some(kept), status)));
        }
        let mut embeddings = parts.embeddings;
        for (k, embedding) in missing.into_iter().zip(read) {
            embeddings[k] = Some(embedding);
        }
        let body = self.batch.answer(&embeddings.into_iter().flatten().collect::<Vec<_>>());
        Ok(self.reply(headers, ReplyBody::Whole(body), &decide(Some(kept), status)))
    }

    /// Sends what is missing.
    async fn send(&mut self, asked: Vec<u8>) -> Result<Sent<W>, Failure> {
        let Self { world, setup, call, target, access, account, timing, .. } = self;
        account.reserve_own(Extent { body: &asked, work: Work::Vectors, reads_more: false }).await?;
        account.sending(asked.len(), Bill::Input, false);
        send(world, setup, call, target, access, account, asked, setup.config.retries, timing).await
    }

    /// Asks for all of it, past the cache, after an answer to a part has come and been paid for: that is a second request,
    /// with an account of its own.
    async fn ask_anew(mut self) -> Result<Reply<W>, Failure> {
        self.account = self.account.beside(Kind::Bypass);
        let account = self.account.clone();
        self.pass(Bypass::CacheFault).await.inspect_err(|failure| account.failed(failure))
    }

    /// The headers that tell of a decision, which also the ledger gets to know.
    fn decide(&self, decision: &Decision) -> Headers {
        self.account.decided(decision, &self.timing);
        decision.headers(&self.timing)
    }

    fn reply(&self, mut headers: Headers, body: ReplyBody<W>, decision: &Decision) -> Reply<W> {
        headers.extend(self.decide(decision));
        Reply { status: 200, headers, body }
    }

    async fn keep(
        &mut self,
        at: ShardAddress,
        keys: &[Keys],
        missing: &[usize],
        read: &[Embedding],
        line: Option<W::Line>,
    ) -> Kept {
        let limits = Limits::of(&self.setup.config);
        let ttl_secs = self.directives.ttl_secs.unwrap_or(self.setup.config.ttl_secs);
        let now_ms = self.world.now_ms();
        let tags = self.directives.tags.clone();
        let labels = Labels { model: self.batch.request.model.clone(), tags, prompt: None };
        let origin = Origin { tenant: self.access.tenant.clone(), labels, asked_ms: self.asked_ms };
        let entries: Result<Vec<Store>, NotKept> = missing
            .iter()
            .zip(read)
            .map(|(k, embedding)| {
                let stored = entry::encode(&Completion::Embedding(embedding.clone()))?;
                let tokens = u32::try_from(embedding.tokens).unwrap_or(u32::MAX);
                Ok(limits.entry(&keys[*k], &origin, stored, tokens, now_ms, ttl_secs))
            })
            .collect();
        let Ok(entries) = entries else {
            give_up(line, GaveUp::Alone);
            return Kept::Not(NotKept::TooLarge);
        };
        let started = self.world.ticks_ms();
        let stored = match line {
            Some(line) => line.keep(entries).await,
            None => self.world.store(&at, &entries).await,
        };
        self.timing.store_ms = Some(self.world.ticks_ms() - started);
        let id = missing.first().map(|k| at.entry_id(&keys[*k].exact)).unwrap_or_default();
        if stored.is_ok() {
            self.world.enlist(&at, origin.tenant.as_deref());
        }
        Kept::of(stored, id)
    }
}

/// The tokens of some embeddings.
fn tokens(embeddings: &[Embedding]) -> Usage {
    let uncached = embeddings.iter().map(|embedding| embedding.tokens).fold(0, u64::saturating_add);
    Usage { uncached, ..Usage::default() }
}
