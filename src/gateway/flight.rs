//! A request for generated text, from the lookup to the decision.

use std::rc::Rc;

use super::account::Account;
use super::admission::Access;
use super::errand::{Errand, Why};
use super::judging::Weighed;
use super::outgoing::{Leg, Sent};
use super::passing::relay;
use super::turn::{self, Waited};
use super::watch::Watch;
use super::{Call, Reply, ReplyBody, Setup, Target, failed, random_name};
use crate::cache::directives::Directives;
use crate::cache::entry::{self, Freshness};
use crate::cache::key::{self, Keys};
use crate::canonical::{Bypass, CanonicalRequest, Completion, Delivery, ExactOnly};
use crate::config::Mode;
use crate::error::Failure;
use crate::forward::prefix::Prefix;
use crate::forward::reasoning::Caps;
use crate::keeping::{AfterAnswer, Keeping};
use crate::ledger::record::Kind;
use crate::ports::evidence::Pair;
use crate::ports::{
    Found, Headers, Lease, Looked, Lookup, Searchable, ShardAddress, TakeTurn, Terms, Turn, Until, VectorQuery, Wanted,
    World,
};
use crate::protocol::{self, Fresh, Generation};
use crate::relay::Shared;
use crate::semantic::embedder::{NoVector, quantise};
use crate::telemetry::{Decision, Entry, Near, Stale, Timing};

/// A request that the cache may serve, on its way.
pub(super) struct Flight<W: World> {
    pub(super) world: Rc<W>,
    pub(super) setup: Rc<Setup>,
    pub(super) call: Rc<Call>,
    /// The upstream that is asked first, and so the key's.
    pub(super) target: Target,
    pub(super) outgoing: Outgoing,
    pub(super) generation: Generation,
    pub(super) access: Access,
    pub(super) request: CanonicalRequest,
    pub(super) directives: Directives,
    /// When the request came, in milliseconds since 1970.
    pub(super) asked_ms: u64,
    pub(super) timing: Timing,
    /// The wordpieces of the query, once it was read.
    pub(super) pieces: Vec<i64>,
    pub(super) account: Account<W>,
}

/// What leaves for the upstreams.
pub(super) struct Outgoing {
    /// The request in the client's API, as far as it is the same for every leg.
    pub(super) body: Vec<u8>,
    /// The same without caps, when there are any: each leg has its own words for them.
    pub(super) uncapped: Option<Vec<u8>>,
    /// Where it may be sent, in the order in which they are tried. There is at least one.
    pub(super) legs: Vec<Leg>,
    /// Its prefix.
    pub(super) prefix: Option<Prefix>,
    /// What it may spend on reasoning and output, for legs that spell it otherwise.
    pub(super) caps: Caps,
}

/// An entry that serves.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) completion: Completion,
    pub(super) entry: Entry,
}

/// What a lookup came to.
enum Verdict {
    Exact(Served),
    Semantic(Served, Pair),
    /// `newer_than_ms`: when the entry with the same bytes was made that does not serve.
    Miss {
        why: Why,
        stale: Option<Served>,
        turn: Option<Turn>,
        newer_than_ms: u64,
        after: Option<AfterAnswer>,
    },
    Fault,
}

/// Where a request's answer lies, and by what it is found.
pub(super) struct Place {
    pub(super) at: ShardAddress,
    pub(super) keys: Keys,
    pub(super) searchable: Result<Searchable, ExactOnly>,
}

impl<W: World> Flight<W> {
    pub(super) async fn answer(mut self) -> Result<Reply<W>, Failure> {
        if let Some(reason) = self.bypass() {
            return self.pass(reason).await;
        }
        let keys = key::keys(&self.access.namespace, &self.target.name(), &self.request, self.setup.config.shards);
        let at = ShardAddress { namespace: self.access.namespace, shard: keys.shard };
        let place = Place { at, keys, searchable: self.searchable() };
        if self.directives.no_cache {
            return self
                .ask_upstream(Errand {
                    place,
                    why: Why::Refresh,
                    line: None,
                    fallback: None,
                    for_client: true,
                    after: None,
                })
                .await;
        }
        match self.look_up(&place).await {
            Verdict::Exact(served) => Ok(self.replay(&served.completion, &Decision::HitExact(served.entry))),
            Verdict::Semantic(served, pair) => {
                let reply = self.replay(&served.completion, &Decision::HitSemantic(served.entry, pair.score));
                self.note_hit(place, pair, &served.completion);
                Ok(reply)
            }
            Verdict::Fault => self.pass(Bypass::CacheFault).await,
            Verdict::Miss { stale: Some(stale), turn, .. } if self.serves_stale(&stale.entry) => {
                Ok(self.serve_stale(place, stale, turn))
            }
            Verdict::Miss { why, stale, turn, newer_than_ms, after } => {
                // Only a failing upstream brings it to light from here on.
                let most_secs = self.setup.config.stale_if_error_secs;
                let in_time =
                    |Served { entry, .. }: &Served| self.directives.accept(entry.age_secs, entry.freshness, most_secs);
                let fallback = stale.filter(in_time);
                self.miss(place, why, fallback, turn, newer_than_ms, after).await
            }
        }
    }

    /// Why this request goes past the cache, if it does.
    fn bypass(&self) -> Option<Bypass> {
        let by_directive = self.directives.no_store.then_some(Bypass::NoStore);
        by_directive.or((self.mode() == Mode::Off).then_some(Bypass::ModeOff)).or(self.request.bypass)
    }

    /// What the request says, or else the configuration; no further than the tenant and the upstream may go.
    pub(super) fn mode(&self) -> Mode {
        let asked = self.directives.mode.unwrap_or(self.setup.config.mode);
        self.access.mode(asked, &self.target.upstream)
    }

    /// Whether a lookup should also settle whose turn it is. One that is content with a stale answer asks when there is
    /// none, for a turn that nobody takes would make others wait.
    fn wants_turn(&self) -> bool {
        let content = self.directives.max_stale_secs.is_some() && self.setup.config.stale_while_revalidate_secs == 0;
        !self.directives.only_if_cached && !content
    }

    /// On what terms this request waits for another one.
    fn terms(&self) -> Terms {
        Terms { patience_ms: self.setup.config.coalesce_secs * 1000 }
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
        let read = embedder.read(text).map_err(|why| match why {
            NoVector::TooLong => ExactOnly::TooLong,
            NoVector::Nothing => ExactOnly::TooShort,
            NoVector::Fault => ExactOnly::ModelUnavailable,
        });
        self.timing.embed_ms = Some(self.world.ticks_ms() - started);
        let (pieces, vector) = read?;
        self.pieces = pieces;
        Ok(Searchable { text: text.clone(), vector: quantise(&vector) })
    }

    async fn look_up(&mut self, place: &Place) -> Verdict {
        let config = &self.setup.config;
        let stale_secs = config.stale_if_error_secs.max(self.stale_secs());
        let ask = Lookup {
            exact: place.keys.exact,
            scope: place.keys.scope,
            query: place.searchable.as_ref().ok().map(|searchable| VectorQuery {
                vector: searchable.vector.clone(),
                count: config.candidates,
                floor: config.find_from,
            }),
            hnsw_from: config.hnsw_from,
            now_ms: self.world.now_ms(),
            // Staleness is cut to whole seconds, so nearly one more of them has to come back.
            stale_ms: if stale_secs == 0 { 0 } else { stale_secs.saturating_add(1).saturating_mul(1000) },
            accepted_within_ms: self.access.accepted_within_ms,
            terms: self.wants_turn().then_some(self.terms()),
        };
        let started = self.world.ticks_ms();
        let looked = self.world.lookup(&place.at, &ask).await;
        self.timing.lookup_ms = Some(self.world.ticks_ms() - started);
        let Ok(looked) = looked else { return Verdict::Fault };
        let started = self.world.ticks_ms();
        let near = !looked.neighbours.is_empty();
        let verdict = self.judge(place, looked);
        self.timing.judge_ms = near.then(|| self.world.ticks_ms() - started);
        verdict
    }

    /// Decides what of the found entries serves. An entry that cannot be read is passed over: a miss, not an error.
    fn judge(&self, place: &Place, looked: Looked) -> Verdict {
        let Looked { exact, neighbours, turn, unproven, evidence } = looked;
        let newer_than_ms = exact.as_ref().map_or(0, |found| found.created_ms);
        let exact = exact.and_then(|found| self.open(place, found));
        let mut stale = None;
        if let Some(served) = exact {
            match served.entry.freshness {
                Freshness::Fresh(_) if self.accepts(&served.entry) => return Verdict::Exact(served),
                Freshness::Fresh(_) => {}
                Freshness::Stale(_) => stale = Some(served),
            }
        }
        let mut weighed = self.weigh(place, neighbours, evidence.as_ref());
        if let Some((served, pair)) = weighed.served {
            return Verdict::Semantic(served, pair);
        }
        let after = self.after_miss(place, &mut weighed);
        let exact_only = place.searchable.as_ref().err().copied();
        let Weighed { near, shadow, .. } = weighed;
        let why = Why::Miss { near, shadow, exact_only, unproven, stale: stale.is_some() };
        Verdict::Miss { why, stale, turn, newer_than_ms, after }
    }

    fn accepts(&self, entry: &Entry) -> bool {
        self.directives.accept(entry.age_secs, entry.freshness, 0)
    }

    /// The answer in an entry, when it can be read.
    fn open(&self, place: &Place, found: Found) -> Option<Served> {
        let now_ms = self.world.now_ms();
        let found_keys = Keys { exact: found.exact, ..place.keys };
        let entry = Entry {
            id: place.at.entry_id(&found.exact),
            key: found_keys.short(),
            age_secs: entry::age_secs(now_ms, found.created_ms),
            freshness: entry::freshness(now_ms, found.expires_ms),
        };
        Some(Served { completion: entry::decode(&found.stored)?, entry })
    }

    /// The same for a neighbour, whose answer belongs to another conversation.
    pub(super) fn open_detached(&self, place: &Place, found: Found) -> Result<Option<Served>, Near> {
        let Some(served) = self.open(place, found).filter(|served| self.accepts(&served.entry)) else {
            return Ok(None);
        };
        let completion = protocol::detached(&served.completion).ok_or(Near::SignedReasoning)?;
        Ok(Some(Served { completion, ..served }))
    }

    /// How stale an answer this request takes without an error to excuse it, in seconds.
    fn stale_secs(&self) -> u64 {
        self.directives.max_stale_secs.unwrap_or(0).max(self.setup.config.stale_while_revalidate_secs)
    }

    fn serves_stale(&self, entry: &Entry) -> bool {
        self.directives.accept(entry.age_secs, entry.freshness, self.stale_secs())
    }

    /// Answers with a stale entry, and refreshes it in the background if the configuration says so and nobody else
    /// does it already.
    fn serve_stale(mut self, place: Place, stale: Served, turn: Option<Turn>) -> Reply<W> {
        let revalidates = stale.entry.freshness.is_stale_within(self.setup.config.stale_while_revalidate_secs);
        let reason = if revalidates { Stale::WhileRevalidate } else { Stale::MaxStale };
        let reply = self.replay(&stale.completion, &Decision::HitStale(stale.entry, reason));
        if revalidates && !self.directives.only_if_cached {
            let world = self.world.clone();
            world.clone().background(Box::pin(async move {
                let key = place.keys.exact;
                let ask = TakeTurn { key, terms: self.terms(), wanted: Wanted::default() };
                let turn = match turn {
                    Some(turn) => turn,
                    None => world.take_turn(&place.at, &ask).await.unwrap_or(Turn::Follow),
                };
                let line = match turn {
                    Turn::Lead(token) => Some(world.lead(&place.at, Lease { key, token })),
                    Turn::Alone => None,
                    // Whoever leads refreshes it.
                    Turn::Follow => return,
                };
                self.account = self.account.beside(Kind::Refresh);
                let why = Why::Refresh;
                let errand = Errand { place, why, line, fallback: None, for_client: false, after: None };
                self.run_in_background(errand).await;
            }));
        }
        reply
    }

    /// Nothing serves: asks the upstream, or waits for the one who does so already.
    async fn miss(
        self,
        place: Place,
        why: Why,
        fallback: Option<Served>,
        turn: Option<Turn>,
        newer_than_ms: u64,
        after: Option<AfterAnswer>,
    ) -> Result<Reply<W>, Failure> {
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let key = place.keys.exact;
        let wanted = Wanted { newer_than_ms, accepted_within_ms: self.access.accepted_within_ms };
        let until = || Until::Answer(key::request(&self.call.body));
        let taken = turn::take(&*self.world, &place.at, turn, (key, self.terms(), wanted), until);
        let line = match Watch::CLIENT.unless_abandoned(&*self.world, taken).await? {
            Waited::Lead(line) => Some(line),
            // What was there before the leader's answer may be too old for this request.
            Waited::Hit(found) => match self.open(&place, found) {
                Some(served) if self.accepts(&served.entry) => {
                    return Ok(self.replay(&served.completion, &Decision::Collapsed(Some(served.entry))));
                }
                _ => None,
            },
            Waited::Live(live) => return Ok(self.follow_live(live)),
            Waited::Again | Waited::Alone => None,
        };
        self.ask_upstream(Errand { place, why, line, fallback, for_client: true, after }).await
    }

    /// Another request's stream, as it comes.
    fn follow_live(&self, live: W::Live) -> Reply<W> {
        let mut headers = vec![self.request_id(&random_name(&*self.world))];
        headers.push(("content-type".into(), "text/event-stream; charset=utf-8".into()));
        headers.extend(self.decide(&Decision::Collapsed(None)));
        let tap = self.account.tap(true, &headers);
        Reply { status: 200, headers, body: ReplyBody::Live(Box::new(Shared::new(live, tap))) }
    }

    fn request_id(&self, name: &str) -> (String, String) {
        (super::error_shape(&self.call).request_id_header().to_owned(), format!("req_{name}"))
    }

    pub(super) fn replay(&self, completion: &Completion, decision: &Decision) -> Reply<W> {
        let id = random_name(&*self.world);
        let mut headers = vec![self.request_id(&id)];
        let same_ids = self.request.provider_keeps;
        let echoes = self.request.echoes.clone();
        let fresh = Fresh { id, created_secs: self.world.now_ms() / 1000, same_ids, echoes };
        let (content_type, body) = protocol::replay(completion, &fresh, self.request.delivery);
        headers.push(("content-type".into(), content_type.into()));
        headers.extend(self.decide(decision));
        headers.extend(self.account.hit(completion));
        if completion.usage_is_estimated() && self.request.delivery != (Delivery::Stream { usage: false }) {
            headers.push(("x-nearhit-usage".into(), "estimated".into()));
        }
        Reply { status: 200, headers, body: ReplyBody::Whole(body) }
    }

    pub(super) fn not_cached(&self) -> Reply<W> {
        let (shape, failure) = (super::error_shape(&self.call), Failure::not_cached());
        self.account.failed(&failure);
        failed(&*self.world, shape, &failure, Decision::OnlyIfCached.headers(&self.timing))
    }

    /// The headers that tell of a decision, which also the ledger gets to know.
    pub(super) fn decide(&self, decision: &Decision) -> Headers {
        self.account.decided(decision, &self.timing);
        decision.headers(&self.timing)
    }

    /// An upstream's answer on its way to the client.
    pub(super) fn relay(&self, sent: Sent<W>, keeping: Option<Keeping<W>>, headers: Headers) -> Reply<W> {
        let tells_usage = self.call.header("x-nearhit-usage").is_some_and(|value| value.trim() == "stream");
        relay(&self.world, sent, keeping, headers, &self.account, tells_usage)
    }

    /// Forwards a request that is neither looked up nor kept.
    async fn pass(mut self, reason: Bypass) -> Result<Reply<W>, Failure> {
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let world = self.world.clone();
        let (sent, notes) = Watch::CLIENT.unless_abandoned(&*world, self.send()).await.and_then(|sent| sent)?;
        let mut headers = self.decide(&Decision::Bypass(reason));
        headers.extend(notes);
        Ok(self.relay(sent, None, headers))
    }

    /// By what followers know that this request's stream is theirs too, when it comes as the stream that was asked for.
    pub(super) fn live(&self, streamed: bool) -> Option<key::Digest> {
        (streamed && self.request.delivery != Delivery::Body).then(|| key::request(&self.call.body))
    }
}
