//! From the neighbours that came back to the one that serves, and what is to be learnt from the others.

use std::cell::LazyCell;
use std::rc::Rc;

use super::errand::{Errand, Why};
use super::flight::Flight;
use super::looking::{Place, Served};
use super::{Setup, chance};
use crate::cache::key::Digest;
use crate::canonical::{Completion, Said};
use crate::config::Mode;
use crate::keeping::AfterAnswer;
use crate::ledger::record::Kind;
use crate::ports::evidence::{Note, Pair, Sighting};
use crate::ports::{Neighbour, ShardAddress, World};
use crate::protocol;
use crate::semantic::answers::{self, Likeness};
use crate::semantic::decision::{Judgement, Limits, Reading};
use crate::semantic::record::{Occasion, ScopeEvidence};
use crate::semantic::risk::level_of;
use crate::telemetry::Near;

/// What the neighbours came to.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// The one that serves.
    pub(super) served: Option<(Served, Pair)>,
    /// Why the nearest one did not, and its score.
    pub(super) near: Option<(Near, f32)>,
    /// The score of the one that would have served, in shadow mode.
    pub(super) shadow: Option<f32>,
    /// The one whose answer is worth comparing with the upstream's.
    pub(super) watched: Option<Watched>,
    /// The exact key of the nearest one.
    nearest: Option<Digest>,
}

/// A neighbour that did not serve, to be compared with what the upstream answers.
#[derive(Debug)]
pub(super) struct Watched {
    pair: Pair,
    said: Said,
    occasion: Occasion,
    /// `would-hit`, or why it would not have served.
    reason: String,
}

impl<W: World> Flight<W> {
    /// Judges the neighbours, nearest first, until one serves.
    pub(super) fn weigh(&self, place: &Place, found: Vec<Neighbour>, evidence: Option<&ScopeEvidence>) -> Weighed {
        if found.is_empty() {
            return Weighed::default();
        }
        let config = &self.setup.config;
        let least = self.directives.threshold.unwrap_or(0.0);
        // Most neighbours are refused by the guard, and then nobody asks what score would be enough.
        let limits =
            LazyCell::new(|| Limits::of(&self.setup.judge, evidence, config.max_error_rate, config.threshold, least));
        let nearest = found.first().map(|neighbour| neighbour.found.exact);
        let mut weighed = Weighed { nearest, ..Weighed::default() };
        for Neighbour { found, text, score: similarity } in found {
            let judgement = self.judge_text(&text, similarity);
            let (score, sure) = match judgement {
                Judgement::Sure(score) => (score, true),
                Judgement::Likely(score) => (score, false),
                Judgement::Refused(refused) => {
                    weighed.near = weighed.near.or(Some((Near::Refused(refused), similarity)));
                    continue;
                }
            };
            let pair = Pair { scope: place.keys.scope, query: place.keys.exact, entry: found.exact, score, sure };
            let served = match self.open_detached(place, found) {
                Ok(Some(served)) => served,
                Ok(None) => continue,
                Err(reason) => {
                    weighed.near = weighed.near.or(Some((reason, score)));
                    continue;
                }
            };
            match limits.allow(&judgement) {
                Ok(()) if self.mode() == Mode::Shadow => {
                    weighed.shadow = Some(score);
                    weighed.near = None;
                    weighed.watched = Some(Watched::new(pair, &served, Occasion::Shadow, "would-hit".to_owned()));
                    return weighed;
                }
                Ok(()) => {
                    weighed.served = Some((served, pair));
                    return weighed;
                }
                Err(shy) => {
                    let near = Near::Shy(shy);
                    if weighed.watched.is_none() && (sure || level_of(score).is_some()) {
                        let reason = near.detail(score);
                        weighed.watched = self.occasion().map(|occasion| Watched::new(pair, &served, occasion, reason));
                    }
                    weighed.near = weighed.near.or(Some((near, score)));
                }
            }
        }
        weighed
    }

    fn judge_text(&self, text: &str, similarity: f32) -> Judgement {
        let query = Reading { text: &self.request.query, pieces: &self.pieces };
        let pieces_of = |text: &str| self.setup.embedder.as_ref().ok()?.pieces(text).ok();
        self.setup.judge.judge(query, text, similarity, pieces_of)
    }

    /// Why a neighbour whose score is not enough is compared all the same. Outside shadow mode it is done as often as hits
    /// are audited, so that evidence of both is alike.
    fn occasion(&self) -> Option<Occasion> {
        match self.mode() {
            Mode::Shadow => Some(Occasion::Shadow),
            _ => chance(&*self.world, self.setup.config.audit_share).then_some(Occasion::NearMiss),
        }
    }

    /// What is to be done with the upstream's answer, beside keeping it.
    pub(super) fn after_miss(&self, place: &Place, weighed: &mut Weighed) -> Option<AfterAnswer> {
        let watched = weighed.watched.take();
        let shadow = self.mode() == Mode::Shadow && place.searchable.is_ok();
        if watched.is_none() && !shadow {
            return None;
        }
        let (noting, scope) = (self.noting(place.at), place.keys.scope);
        let seen = shadow.then(|| sighting(place.keys.exact, weighed, watched.as_ref()));
        Some(AfterAnswer::new(move |completion| {
            let answered = protocol::said(completion);
            // Comparing takes its time, which the client need not wait for.
            noting.in_background(move |setup| {
                let likeness = watched.as_ref().map(|watched| likeness(setup, &watched.said, &answered));
                let shadow = seen.map(|sighting| {
                    let sighting = sighting.map(|sighting| Sighting { likeness, ..sighting });
                    Note::Shadow { scope, sighting }
                });
                let compared = watched.zip(likeness);
                let compared = compared.map(|(one, likeness)| Note::Compared(one.pair, one.occasion, likeness));
                shadow.into_iter().chain(compared).collect()
            });
        }))
    }

    fn noting(&self, at: ShardAddress) -> Noting<W> {
        Noting { world: self.world.clone(), setup: self.setup.clone(), at, tenant: self.access.tenant.clone() }
    }

    /// Notes a hit by meaning when the answer has left, and now and then asks the upstream all the same: a wrong hit is
    /// found by comparing.
    pub(super) fn note_hit(mut self, place: Place, pair: Pair, completion: &Completion, may_audit: bool) {
        // An exchange that the provider keeps would be kept twice.
        let audited = may_audit
            && !self.request.provider_keeps
            && !self.directives.only_if_cached
            && chance(&*self.world, self.setup.config.audit_share);
        let noting = self.noting(place.at);
        let said = audited.then(|| protocol::said(completion));
        self.world.clone().background(Box::pin(async move {
            noting.send(&Note::Served(pair)).await;
            let Some(said) = said else { return };
            let after = AfterAnswer::new(move |completion| {
                let answered = protocol::said(completion);
                noting.in_background(move |setup| {
                    vec![Note::Compared(pair, Occasion::Audit, likeness(setup, &said, &answered))]
                });
            });
            let why = Why::Refresh;
            self.account = self.account.beside(Kind::Refresh);
            let errand = Errand { place, why, line: None, fallback: None, for_client: false, after: Some(after) };
            self.run_in_background(errand).await;
        }));
    }
}

/// What shadow mode saw of a request.
fn sighting(query: Digest, weighed: &Weighed, watched: Option<&Watched>) -> Option<Sighting> {
    let (entry, score, reason) = match (watched, &weighed.near) {
        (Some(watched), _) => (watched.pair.entry, watched.pair.score, watched.reason.clone()),
        (None, Some((near, score))) => (weighed.nearest?, *score, near.detail(*score)),
        (None, None) => return None,
    };
    Some(Sighting { query, entry, score, reason, likeness: None, at_ms: 0, texts: None })
}

/// Sends notes to a shard, when the answer has left. One that is lost costs evidence, and with it hits, never an answer.
struct Noting<W: World> {
    world: Rc<W>,
    setup: Rc<Setup>,
    at: ShardAddress,
    tenant: Option<String>,
}

impl<W: World> Noting<W> {
    async fn send(&self, note: &Note) {
        let _ = self.world.note(&self.at, self.tenant.as_deref(), note).await;
    }

    fn in_background(self, notes: impl FnOnce(&Setup) -> Vec<Note> + 'static) {
        self.world.clone().background(Box::pin(async move {
            for note in notes(&self.setup) {
                self.send(&note).await;
            }
        }));
    }
}

impl Watched {
    fn new(pair: Pair, served: &Served, occasion: Occasion, reason: String) -> Self {
        Self { pair, said: protocol::said(&served.completion), occasion, reason }
    }
}

fn likeness(setup: &Setup, ours: &Said, theirs: &Said) -> Likeness {
    match &setup.embedder {
        Ok(embedder) => answers::compare(ours, theirs, embedder, &setup.judge),
        Err(_) => Likeness::Unclear,
    }
}
