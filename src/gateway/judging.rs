//! From the neighbours that came back to the one that serves, and what is to be learnt from the others.

use std::rc::Rc;

use super::errand::{Errand, Why};
use super::flight::{Flight, Place, Served};
use super::{Setup, chance};
use crate::cache::key::Digest;
use crate::canonical::Completion;
use crate::config::Mode;
use crate::keeping::AfterAnswer;
use crate::ports::evidence::{Note, Pair, Sighting};
use crate::ports::{Neighbour, ShardAddress, World};
use crate::protocol;
use crate::semantic::answers::{self, Likeness, Said};
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
}

/// A neighbour that did not serve, to be compared with what the upstream answers.
#[derive(Debug)]
pub(super) struct Watched {
    pair: Pair,
    said: Said,
    occasion: Occasion,
}

impl<W: World> Flight<W> {
    /// Judges the neighbours, nearest first, until one serves.
    pub(super) fn weigh(&self, place: &Place, found: Vec<Neighbour>, evidence: Option<&ScopeEvidence>) -> Weighed {
        let config = &self.setup.config;
        let least = self.directives.threshold.unwrap_or(0.0);
        let limits = Limits::of(&self.setup.judge, evidence, config.max_error_rate, config.threshold, least);
        let mut weighed = Weighed::default();
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
                    weighed.watched = Some(Watched::new(pair, &served, Occasion::Shadow));
                    return weighed;
                }
                Ok(()) => {
                    weighed.served = Some((served, pair));
                    return weighed;
                }
                Err(shy) => {
                    weighed.near = weighed.near.or(Some((Near::Shy(shy), score)));
                    if weighed.watched.is_none() && (sure || level_of(score).is_some()) {
                        weighed.watched = self.occasion().map(|occasion| Watched::new(pair, &served, occasion));
                    }
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
        let (world, setup, at, scope) = (self.world.clone(), self.setup.clone(), place.at, place.keys.scope);
        let seen = shadow.then(|| self.sighting(place.keys.exact, weighed, watched.as_ref()));
        Some(AfterAnswer::new(move |completion| {
            let likeness = watched.as_ref().map(|watched| likeness(&setup, &watched.said, completion));
            let mut notes = Vec::new();
            if let Some(sighting) = seen {
                let sighting = sighting.map(|sighting| Sighting { likeness, ..sighting });
                notes.push(Note::Shadow { scope, sighting });
            }
            if let (Some(watched), Some(likeness)) = (watched, likeness) {
                notes.push(Note::Compared(watched.pair, watched.occasion, likeness));
            }
            send_notes(&world, at, notes);
        }))
    }

    fn sighting(&self, query: Digest, weighed: &Weighed, watched: Option<&Watched>) -> Option<Sighting> {
        let (reason, score) = match (&weighed.near, weighed.shadow) {
            (_, Some(score)) => ("would-hit".to_owned(), score),
            (Some((near, score)), None) => (near.detail(*score), *score),
            (None, None) => return None,
        };
        let entry = watched.map_or(Digest([0; 32]), |watched| watched.pair.entry);
        Some(Sighting { query, entry, score, reason, likeness: None, at_ms: 0, texts: None })
    }

    /// Notes a hit by meaning when the answer has left, and now and then asks the upstream all the same: a wrong hit is
    /// found by comparing.
    pub(super) fn note_hit(self, place: Place, pair: Pair, completion: &Completion) {
        let audited = chance(&*self.world, self.setup.config.audit_share);
        let (world, at) = (self.world.clone(), place.at);
        let said = audited.then(|| protocol::said(completion));
        world.clone().background(Box::pin(async move {
            // A note that is lost costs evidence, and with it hits, never an answer.
            let _ = world.note(&at, &Note::Served(pair)).await;
            let Some(said) = said else { return };
            let setup = self.setup.clone();
            let noting = world.clone();
            let after = AfterAnswer::new(move |completion| {
                let likeness = likeness(&setup, &said, completion);
                send_notes(&noting, at, vec![Note::Compared(pair, Occasion::Audit, likeness)]);
            });
            let why = Why::Refresh;
            let errand = Errand { place, why, line: None, fallback: None, for_client: false, after: Some(after) };
            self.run_in_background(errand).await;
        }));
    }
}

impl Watched {
    fn new(pair: Pair, served: &Served, occasion: Occasion) -> Self {
        Self { pair, said: protocol::said(&served.completion), occasion }
    }
}

fn likeness(setup: &Setup, said: &Said, completion: &Completion) -> Likeness {
    match &setup.embedder {
        Ok(embedder) => answers::compare(said, &protocol::said(completion), embedder, &setup.judge),
        Err(_) => Likeness::Unclear,
    }
}

fn send_notes<W: World>(world: &Rc<W>, at: ShardAddress, notes: Vec<Note>) {
    let sender = world.clone();
    world.background(Box::pin(async move {
        for note in notes {
            let _ = sender.note(&at, &note).await;
        }
    }));
}
