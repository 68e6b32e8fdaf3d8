//! Asking the upstream for what the cache does not have, and keeping the answer.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::flight::{Flight, Place, Served};
use super::{Reply, ReplyBody, relay, send};
use crate::cache::key::{self, Digest};
use crate::canonical::{ExactOnly, NotKept};
use crate::error::Failure;
use crate::forward;
use crate::keeping::{Keeping, Whole, is_event_stream, whole_body};
use crate::ports::{Follow, Followed, GaveUp, Line, ShardAddress, TakeTurn, Terms, Turn, Until, UpstreamAnswer, World};
use crate::protocol::Generation;
use crate::telemetry::{Decision, Kept, Miss, Near, Stale};

/// Why the upstream is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// The request wants an answer that is not stored (`no-cache`).
    Refresh,
    /// Nothing that is stored serves.
    Miss { near: Option<(Near, f32)>, shadow: Option<f32>, exact_only: Option<ExactOnly>, unproven: bool, stale: bool },
}

impl Why {
    fn decision(self, kept: Option<Kept>, status: u16) -> Decision {
        match self {
            Self::Refresh => Decision::Refresh(kept),
            Self::Miss { near, shadow, exact_only, unproven, stale } => {
                Decision::Miss(Miss { kept, near, shadow, exact_only, unproven, stale, status })
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
}

/// OpenAI keeps a stored response for 30 days; a replay must not name one that is gone.
const PROVIDER_KEEPS_SECS: u64 = 30 * 86_400;

/// How long Anthropic's prefix cache holds a prefix that is not asked for again: its shorter ttl.
const PREFIX_WARM_MS: u64 = 300_000;

impl<W: World> Flight<W> {
    /// Forwards a miss and keeps the answer when it ends well. A body is kept before it is answered, a stream before
    /// its last event leaves: whoever has seen the end of an answer finds it in the cache.
    pub(super) async fn ask_upstream(mut self, errand: Errand<W>) -> Result<Reply<W>, Failure> {
        let Errand { place, why, mut line, fallback, for_client } = errand;
        if self.directives.only_if_cached {
            return Ok(self.not_cached());
        }
        let hold = self.hold_for_prefix().await;
        let watch = Watch { for_client, led: line.is_some().then_some((place.at, place.keys.exact)) };
        let (world, call, target, access) = (self.world.clone(), self.call.clone(), &self.target, &self.access);
        let sent = send(&*world, &call, target, access, &mut self.timing);
        let sent = watch.unless_abandoned(&*world, sent).await.and_then(|sent| sent);
        let failed_with = sent.as_ref().map_or_else(|failure| failure.status, |answer| answer.status);
        if failed_with >= 500
            && let Some(stale) = fallback
        {
            // RFC 5861 section 4. Dropping the line lets the next one try.
            let decision = Decision::HitStale(stale.entry, Stale::IfError(failed_with));
            return Ok(self.replay(&stale.completion, &decision));
        }
        let answer = sent?;
        if answer.status != 200 {
            give_up(line, if matches!(answer.status, 401 | 403) { GaveUp::Rejected } else { GaveUp::Failed });
            let headers = why.decision(None, answer.status).headers(&self.timing);
            return Ok(relay(&self.world, answer, None, headers));
        }
        if let Some(hold) = hold {
            hold.give_up(GaveUp::Warm(PREFIX_WARM_MS));
        }
        let streamed = is_event_stream(&answer.headers);
        if let Some(line) = &mut line {
            line.begin(self.live(streamed));
        }
        let keeping = self.keeping(place, line);
        if streamed {
            let headers = why.decision(Some(Kept::Stored(keeping.entry_id())), 200).headers(&self.timing);
            return Ok(relay(&self.world, answer, Some(keeping), headers));
        }
        let whole = self.answer_whole(answer, keeping, why);
        watch.unless_abandoned(&*world, whole).await.and_then(|whole| whole)
    }

    fn keeping(&self, place: Place, line: Option<W::Line>) -> Keeping<W> {
        let mut ttl_secs = self.directives.ttl_secs.unwrap_or(self.setup.config.ttl_secs);
        if self.request.provider_keeps {
            ttl_secs = ttl_secs.min(PROVIDER_KEEPS_SECS);
        }
        let Place { at, keys, searchable } = place;
        Keeping::new(self.generation, at, keys, searchable.ok(), ttl_secs, &self.setup.config, line)
    }

    async fn answer_whole(
        mut self,
        answer: UpstreamAnswer<W::Body>,
        keeping: Keeping<W>,
        why: Why,
    ) -> Result<Reply<W>, Failure> {
        let upstream = &self.target.upstream.name;
        let mut headers = forward::response_headers(&answer.headers);
        let whole = whole_body(&self.world, answer.chunks, keeping)
            .await
            .map_err(|why| Failure::unreachable(upstream, &format!("its answer broke off: {}", why.0)))?;
        let (body, kept, store_ms) = match whole {
            Whole::Read(body, kept, store_ms) => (ReplyBody::Whole(body), kept, store_ms),
            Whole::TooLarge(relay) => (ReplyBody::Relay(relay), Kept::Not(NotKept::TooLarge), None),
        };
        self.timing.store_ms = store_ms;
        headers.extend(why.decision(Some(kept), 200).headers(&self.timing));
        Ok(Reply { status: 200, headers, body })
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
        let prefix = key::prefix(&namespace, &self.target.name(), &self.request)?;
        let at = ShardAddress { namespace, shard: prefix.shard(config.shards) };
        let terms = Terms { patience_ms: config.coalesce_secs * 1000 };
        let lead = |token| Some(self.world.lead(&at, &prefix, token));
        match self.world.take_turn(&at, &TakeTurn { key: prefix, terms }).await {
            Ok(Turn::Lead(token)) => lead(token),
            Ok(Turn::Follow) => {
                let ask = Follow { key: prefix, terms, until: Until::FirstByte, accepted_within_ms: None };
                match self.world.follow(&at, &ask).await {
                    Ok(Followed::Lead(token)) => lead(token),
                    _ => None,
                }
            }
            Ok(Turn::Alone) | Err(_) => None,
        }
    }
}

/// For whom an errand is done.
struct Watch {
    for_client: bool,
    /// What the request leads for, and so who else may wait.
    led: Option<(ShardAddress, Digest)>,
}

impl Watch {
    /// Does some work, but gives it up when the client goes away and nobody else waits for its result. Otherwise the
    /// upstream would go on generating, and charging, for nobody.
    async fn unless_abandoned<W: World, T>(&self, world: &W, work: impl Future<Output = T>) -> Result<T, Failure> {
        if !self.for_client {
            return Ok(work.await);
        }
        match select(pin!(world.client_leaves()), pin!(work)).await {
            Either::Right((done, _)) => Ok(done),
            Either::Left(((), work)) => {
                let followers = match &self.led {
                    Some((at, key)) => world.followers(at, key).await.unwrap_or(0),
                    None => 0,
                };
                if followers > 0 { Ok(work.await) } else { Err(Failure::client_gone()) }
            }
        }
    }
}

pub(super) fn give_up<L: Line>(line: Option<L>, why: GaveUp) {
    if let Some(line) = line {
        line.give_up(why);
    }
}
