//! Asking the upstream for what the cache does not have, and keeping the answer.

use futures_util::future::join;

use super::billing::{Bill, Priced, tariff_of};
use super::extent::{self, Extent, Work};
use super::flight::Flight;
use super::looking::{Place, Served};
use super::outgoing::{Leg, Sending, Sent};
use super::turn::{self, Waited};
use super::watch::Watch;
use super::{Reply, ReplyBody};
use crate::cache::entry;
use crate::canonical::{Bypass, Delivery, ExactOnly, NotKept};
use crate::counting::Tap;
use crate::error::Failure;
use crate::forward;
use crate::incoming::Incoming;
use crate::keeping::{AfterAnswer, Keeping, Origin, is_event_stream};
use crate::ports::entries::Labels;
use crate::ports::evidence::Note;
use crate::ports::{GaveUp, Headers, Line, ShardAddress, Terms, Unreachable, Until, Wanted, World};
use crate::protocol::Generation;
use crate::relay::{Whole, whole_body};
use crate::telemetry::{Decision, Kept, Miss, Near, Stale};

/// Why the upstream is asked.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// The request wants an answer that is not stored (`no-cache`).
    Refresh,
    /// Nothing that is stored serves.
    Miss { near: Option<(Near, f32)>, shadow: Option<f32>, exact_only: Option<ExactOnly>, unproven: bool, stale: bool },
}

impl Why {
    fn decision(&self, kept: Option<Kept>, status: u16) -> Decision {
        match self {
            Self::Refresh => Decision::Refresh(kept),
            &Self::Miss { ref near, shadow, exact_only, unproven, stale } => {
                Decision::Miss(Miss { kept, near: near.clone(), shadow, exact_only, unproven, stale, status })
            }
        }
    }
}

/// One errand: what for, who waits for its result, and what serves should it fail.
pub(super) struct Errand<W: World> {
    pub(super) place: Place,
    pub(super) why: Why,
    pub(super) line: Option<W::Line>,
    pub(super) fallback: Option<Served>,
    /// The client waits for it, so its leaving ends it.
    pub(super) for_client: bool,
    /// What else is to be done with the answer.
    pub(super) after: Option<AfterAnswer>,
}

/// OpenAI keeps a stored response for 30 days; a replay must not name one that is gone.
const PROVIDER_KEEPS_SECS: u64 = 30 * 86_400;

/// How long Anthropic's prefix cache holds a prefix that is not asked for again: its shorter ttl.
const PREFIX_WARM_MS: u64 = 300_000;

impl<W: World> Flight<W> {
    /// Forwards a miss and keeps the answer when it ends well. A body is kept before it is answered, a stream before
    /// its last event leaves: whoever has seen the end of an answer finds it in the cache.
    pub(super) async fn ask_upstream(mut self, errand: Errand<W>) -> Result<Reply<W>, Failure> {
        let Errand { place, why, mut line, fallback, for_client, after } = errand;
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let watch = Watch::new(for_client, line.as_ref().map(|line| (place.at, line.lease())));
        let world = self.world.clone();
        let hold = watch.unless_abandoned(&*world, self.hold_for_prefix()).await?;
        let sent = watch.unless_abandoned(&*world, self.send()).await.and_then(|sent| sent);
        let failed_with = sent.as_ref().map_or_else(|failure| failure.status, |(answer, _)| answer.status);
        if failed_with >= 500
            && let Some(stale) = fallback
        {
            // Dropping the line lets the next one try.
            return Ok(self.serve_despite(stale, failed_with));
        }
        let (answer, notes) = match sent {
            Ok(sent) => sent,
            Err(failure) => {
                if failure.status == 429 {
                    // Those who wait would be refused one after the other.
                    give_up(line, GaveUp::Alone);
                }
                return Err(failure);
            }
        };
        let own = self.outgoing.legs.get(answer.leg).is_some_and(|leg| leg.own);
        let gave_up = match after_error(answer.status) {
            // Another upstream's word on a key that is not its own counts for nothing.
            GaveUp::Rejected if !own => GaveUp::Failed,
            gave_up => gave_up,
        };
        let told = gave_up == GaveUp::Rejected && answer.status != 200 && line.is_some();
        if answer.rejected && !told {
            // No line tells the shard, and a revoked key must not go on getting hits.
            let _ = world.note(&place.at, self.access.tenant.as_deref(), &Note::Rejected).await;
        }
        if answer.status != 200 {
            give_up(line, gave_up);
            let mut headers = self.decide(&why.decision(None, answer.status));
            headers.extend(notes);
            return Ok(self.relay(answer, None, headers));
        }
        if let Some(hold) = hold.filter(|_| answer.leg == 0) {
            hold.give_up(GaveUp::Warm(PREFIX_WARM_MS));
        }
        if answer.leg > 0 {
            // Another model's answer is better than none, but not what the next one who asks should get.
            give_up(line, GaveUp::Alone);
            let mut headers = self.decide(&why.decision(Some(Kept::Not(NotKept::Fallback)), 200));
            headers.extend(notes);
            return Ok(self.relay(answer, None, headers));
        }
        let streamed = is_event_stream(&answer.headers);
        if let Some(line) = &mut line {
            line.begin(self.live(streamed));
        }
        let keeping = self.keeping(place, line, after);
        let headers = self.decide(&why.decision(Some(Kept::Stored(keeping.entry_id())), 200));
        if streamed {
            return Ok(self.relay(answer, Some(keeping), headers.into_iter().chain(notes).collect()));
        }
        let tap = self.account.tap_on(&answer);
        let whole = self.read_whole(answer.chunks, keeping, tap);
        match (watch.unless_abandoned(&*world, whole).await.and_then(|whole| whole), fallback) {
            (Err(failure), Some(stale)) if failure.status >= 500 => Ok(self.serve_despite(stale, failure.status)),
            (whole, _) => Ok(self.answer_whole(&answer.headers, whole?, why, notes)),
        }
    }

    /// Sends the request by the first leg that leads to an answer, with what its provider's prefix cache understands.
    /// What the client is told of it beside the plan comes with the answer.
    pub(super) async fn send(&mut self) -> Result<(Sent<W>, Headers), Failure> {
        let (world, setup, call) = (self.world.clone(), self.setup.clone(), self.call.clone());
        let usage = self.request.delivery == (Delivery::Stream { usage: true });
        let models: Vec<Priced> = self.outgoing.legs.iter().map(|leg| self.priced(leg)).collect();
        let (body, work) = (&self.outgoing.body, Work::Generation(self.generation));
        // A request has one reason to pass the cache, and may have several to take more than it says.
        let by_reason = matches!(self.request.bypass, Some(Bypass::ServerState | Bypass::ServerTool));
        let reads_more = by_reason || extent::reads_more(body);
        self.account.reserve(&models, Extent { body, work, reads_more }).await?;
        let bill = if extent::is_deferred(body) { Bill::Told } else { Bill::Estimated };
        self.account.sending(body.len(), bill, reads_more || extent::media_parts(body) > 0);
        // What a provider keeps would be there twice, or at two providers.
        let once =
            matches!(self.request.bypass, Some(Bypass::ServerState | Bypass::Background | Bypass::StoreRequested));
        let retries = if once { 0 } else { setup.config.retries };
        let legs = self.outgoing.legs.get(..if once { 1 } else { self.outgoing.legs.len() }).unwrap_or_default();
        let sending = Sending { world: &world, setup: &setup, call: &call, account: &self.account, retries, usage };
        let mut timing = self.timing;
        let sent = sending.by(legs, |leg| self.shape(leg), &mut timing);
        let (sent, untold) = join(sent, self.ask_of_prefix()).await;
        self.timing = timing;
        let sent = sent?;
        if let Some((by, leg)) = models.into_iter().zip(legs).nth(sent.leg) {
            let halves = leg.direction.is_none() && leg.upstream.provider.has_flex();
            self.account.answered_by(by, tariff_of(body, halves));
        }
        let broken = match untold {
            // A key that no provider has accepted leaves nothing behind.
            Some(seen) if sent.status == 200 => self.tell_prefix(seen).await,
            _ => None,
        };
        let mut notes: Headers =
            broken.into_iter().map(|at| ("x-nearhit-prefix-break".to_owned(), at.header())).collect();
        if !sent.tried.is_empty() {
            notes.push(("x-nearhit-tried".to_owned(), sent.tried.join(", ")));
        }
        notes.extend(sent.notes.iter().cloned());
        let by = self.outgoing.legs.get(sent.leg).filter(|_| sent.leg > 0);
        notes.extend(by.and_then(|leg| leg.model.clone()).map(|model| ("x-nearhit-model".to_owned(), model)));
        Ok((sent, notes))
    }

    /// The model that a leg asks, as it is priced.
    fn priced(&self, leg: &Leg) -> Priced {
        Priced::new(&leg.upstream, leg.model.as_ref().unwrap_or(&self.request.model))
    }

    /// Does an errand that nobody waits for: the answer is read to its end, and kept.
    pub(super) async fn run_in_background(self, errand: Errand<W>) {
        let account = self.account.clone();
        match self.ask_upstream(errand).await {
            Ok(Reply { body: ReplyBody::Relay(mut relay), .. }) => {
                while relay.next().await.is_some_and(|piece| piece.is_ok()) {}
            }
            Ok(_) => {}
            Err(failure) => account.failed(&failure),
        }
    }

    fn keeping(&self, place: Place, line: Option<W::Line>, after: Option<AfterAnswer>) -> Keeping<W> {
        let mut ttl_secs = self.directives.ttl_secs.unwrap_or(self.setup.config.ttl_secs);
        if self.request.provider_keeps {
            ttl_secs = ttl_secs.min(PROVIDER_KEEPS_SECS);
        }
        let Place { at, keys, searchable } = place;
        Keeping::new(
            self.generation,
            self.request.delivery,
            at,
            keys,
            searchable.ok(),
            ttl_secs,
            &self.setup.config,
            line,
            after,
        )
        .with_origin(self.origin())
    }

    /// Whose request makes the entry. What was asked is kept of those alone who want to export it, as it counts for the key.
    fn origin(&self) -> Origin {
        let prompt = if self.access.export { entry::encode_prompt(&self.outgoing.body) } else { None };
        let labels = Labels { model: self.request.model.clone(), tags: self.directives.tags.clone(), prompt };
        Origin { tenant: self.access.tenant.clone(), labels, asked_ms: self.asked_ms }
    }

    /// Answers with a stale entry because the upstream failed (RFC 5861 section 4).
    fn serve_despite(&self, stale: Served, status: u16) -> Reply<W> {
        self.replay(&stale.completion, &Decision::HitStale(stale.entry, Stale::IfError(status)))
    }

    async fn read_whole(&self, chunks: Incoming<W>, keeping: Keeping<W>, tap: Tap) -> Result<Whole<W>, Failure> {
        let broke_off = |why: Unreachable| {
            Failure::unreachable(&self.target.upstream.name, &format!("its answer broke off: {}", why.0))
        };
        whole_body(&self.world, chunks, keeping, tap).await.map_err(broke_off)
    }

    fn answer_whole(mut self, headers: &Headers, whole: Whole<W>, why: Why, notes: Headers) -> Reply<W> {
        let (body, kept, store_ms, told) = match whole {
            Whole::Read(body, kept, store_ms, told) => (ReplyBody::Whole(body), kept, store_ms, told),
            Whole::TooLarge(relay) => (ReplyBody::Relay(relay), Kept::Not(NotKept::TooLarge), None, Headers::new()),
        };
        self.timing.store_ms = store_ms;
        let mut headers = forward::response_headers(headers);
        headers.extend(why.decision(Some(kept), 200).headers(&self.timing));
        headers.extend(notes);
        headers.extend(told);
        Reply { status: 200, headers, body }
    }

    /// Anthropic's prefix cache can only be read once the first response to a prefix has begun, so that a burst with
    /// one prefix pays for writing it as often as there are requests. Asked for by the configuration, all but the
    /// first wait here for that moment. Gives the line of the one that goes first.
    async fn hold_for_prefix(&self) -> Option<W::Line> {
        let config = &self.setup.config;
        if !config.hold_prefix || self.generation != Generation::Messages {
            return None;
        }
        let namespace = self.access.namespace;
        let prefix = self.outgoing.prefix.as_ref()?.chain.root?;
        let at = ShardAddress { namespace, shard: prefix.shard(config.shards) };
        // Half of the time, so that the request's own lease does not run out meanwhile.
        let terms = Terms { patience_ms: config.coalesce_secs * 500 };
        let asked = (prefix, terms, Wanted::default());
        match turn::take(&*self.world, &at, None, asked, || Until::FirstByte).await {
            Waited::Lead(line) => Some(line),
            _ => None,
        }
    }
}

/// What an upstream's error means for those who wait for the same answer.
pub(super) fn after_error(status: u16) -> GaveUp {
    match status {
        401 => GaveUp::Rejected,
        // It is the request that is wrong, so asking one after the other would help nobody.
        400 | 403 | 404 | 405 | 413 | 422 => GaveUp::Alone,
        _ => GaveUp::Failed,
    }
}

pub(super) fn give_up<L: Line>(line: Option<L>, why: GaveUp) {
    if let Some(line) = line {
        line.give_up(why);
    }
}
