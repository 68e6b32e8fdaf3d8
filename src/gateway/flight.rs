//! A request for generated text, from the lookup to the decision.

use std::rc::Rc;

use super::account::Account;
use super::admission::Access;
use super::billing::{Priced, tariff_of};
use super::errand::{Errand, Why};
use super::looking::{Place, Served, Verdict};
use super::outgoing::{Leg, Sent};
use super::passing::relay;
use super::plan::Plan;
use super::turn::{self, Waited};
use super::watch::Watch;
use super::{Call, Reply, ReplyBody, Setup, Target, failed, random_name};
use crate::cache::directives::Directives;
use crate::cache::key;
use crate::canonical::{Bypass, CanonicalRequest, Completion, Delivery};
use crate::config::Mode;
use crate::error::Failure;
use crate::forward::prefix::Prefix;
use crate::forward::reasoning::Caps;
use crate::keeping::{AfterAnswer, Keeping};
use crate::ledger::record::Kind;
use crate::ports::evidence::Pair;
use crate::ports::{Headers, Lease, Searchable, TakeTurn, Terms, Turn, Until, Wanted, World};
use crate::protocol::{self, Fresh, Generation};
use crate::relay::Shared;
use crate::telemetry::{Decision, Entry, Stale, Timing};

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
    /// The text that was embedded last.
    pub(super) embedded: Option<Searchable>,
    pub(super) account: Account<W>,
}

/// What leaves for the upstreams.
#[derive(Default)]
pub(super) struct Outgoing {
    /// The request in the client's API, as far as it is the same for every leg.
    pub(super) body: Vec<u8>,
    /// The same without caps, when there are any: each leg has its own words for them.
    pub(super) uncapped: Option<Vec<u8>>,
    /// Where it may be sent, in the order in which they are tried. There is at least one in every plan.
    pub(super) legs: Vec<Leg>,
    /// Its prefix.
    pub(super) prefix: Option<Prefix>,
    /// What it may spend on reasoning and output, for legs that spell it otherwise.
    pub(super) caps: Caps,
}

impl<W: World> Flight<W> {
    /// Takes up a plan for a request that was sent to `target`. Gives what the client is told of it.
    pub(super) fn plan(&mut self, target: &Target, plan: Plan) -> Headers {
        let Plan { request, outgoing, notes, frontier } = plan;
        // What the first leg asks is what the answer is stored under.
        let first = outgoing.legs.first();
        let upstream = first.map_or(&target.upstream, |leg| &leg.upstream).clone();
        // In another API's words the caps may say more than in the client's, which the key is made from.
        let carried = first.is_some_and(|leg| leg.direction.is_some()) && outgoing.caps != Caps::default();
        let changed = if carried { format!("#{:?}", outgoing.caps) } else { String::new() };
        self.target = Target { upstream, rest: target.rest.clone(), changed };
        let priced = Priced::new(&self.target.upstream, &request.model);
        let as_it_is = outgoing.legs.first().is_none_or(|leg| leg.direction.is_none());
        let halves = as_it_is && self.target.upstream.provider.has_flex();
        let billing = tariff_of(&outgoing.body, halves);
        self.account.planned(priced, billing, frontier, &request.query, &outgoing.body);
        (self.request, self.outgoing) = (request, outgoing);
        notes
    }

    /// Answers from what is stored and fresh; the request goes on its way when nothing is.
    pub(super) async fn stored(mut self) -> Result<Reply<W>, Box<Self>> {
        if self.bypass().is_some() || self.directives.no_cache {
            return Err(Box::new(self));
        }
        let place = self.place();
        match self.look_up(&place, None).await {
            Verdict::Exact(served) => Ok(self.replay(&served.completion, &Decision::HitExact(served.entry))),
            Verdict::Semantic(served, pair) => Ok(self.serve_near(place, &served, pair, false)),
            Verdict::Miss { .. } | Verdict::Fault => Err(Box::new(self)),
        }
    }

    /// `may_audit`: there is money to compare the answer with a new one now and then.
    fn serve_near(self, place: Place, served: &Served, pair: Pair, may_audit: bool) -> Reply<W> {
        let reply = self.replay(&served.completion, &Decision::HitSemantic(served.entry.clone(), pair.score));
        self.note_hit(place, pair, &served.completion, may_audit);
        reply
    }

    pub(super) async fn answer(mut self) -> Result<Reply<W>, Failure> {
        if let Some(reason) = self.bypass() {
            return self.pass(reason).await;
        }
        let place = self.place();
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
        let terms = self.wants_turn().then_some(self.terms());
        match self.look_up(&place, terms).await {
            Verdict::Exact(served) => Ok(self.replay(&served.completion, &Decision::HitExact(served.entry))),
            Verdict::Semantic(served, pair) => Ok(self.serve_near(place, &served, pair, true)),
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

    /// How stale an answer this request takes without an error to excuse it, in seconds.
    pub(super) fn stale_secs(&self) -> u64 {
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
