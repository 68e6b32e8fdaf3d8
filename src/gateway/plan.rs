//! What is asked of whom, before anything is looked up: the model that a route chooses, what the caps allow, and so the
//! request that counts for the key.

use super::admission::Access;
use super::billing::Priced;
use super::flight::Outgoing;
use super::outgoing::Leg;
use super::{Call, Setup, Target};
use crate::cache::directives::Directives;
use crate::canonical::{Api, Bypass, CanonicalRequest};
use crate::config::{Speaks, Upstream};
use crate::error::Failure;
use crate::forward::body::{Edits, Json, quoted};
use crate::forward::difficulty::{Seen, assess};
use crate::forward::prefix::layout::{Layout, Role, Spot};
use crate::forward::prefix::{Prefix, changes, tokens};
use crate::forward::reasoning::{self, Caps};
use crate::forward::routing::{self, Asked, Chosen, Route, Tier};
use crate::forward::translate::Direction;
use crate::forward::trim;
use crate::ports::{Headers, World};
use crate::protocol::Generation;

/// What is asked of whom.
pub(super) struct Plan {
    pub(super) request: CanonicalRequest,
    pub(super) outgoing: Outgoing,
    /// What the client is told of all this.
    pub(super) notes: Headers,
    /// The model that a route of several tiers would take at most, when it takes another one.
    pub(super) frontier: Option<Priced>,
}

impl Plan {
    /// Whether another plan of the same request asks for the same.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        (&self.request, self.outgoing.caps) == (&other.request, other.outgoing.caps)
    }
}

/// User turns of a conversation that are judged: the first and the last ones.
const MAX_JUDGED_TURNS: usize = 16;

/// Makes the plan of a request.
///
/// # Errors
/// When there is no key for any of the upstreams, or the request is changed into one that is none.
pub(super) fn make<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    target: &Target,
    (generation, request): (Generation, CanonicalRequest),
    directives: &Directives,
    access: &Access,
) -> Result<Plan, Failure> {
    let api = generation.api();
    let (mut notes, mut frontier) = (Headers::new(), None);
    let route = setup.config.routes.get(&request.model);
    // Most requests leave as they came, and need not be read once more.
    let changes = route.is_some() || access.caps != Caps::default();
    let body = if changes { Json::read(&call.body) } else { None };
    let legs = match (route, body) {
        (Some(route), _) if request.bypass == Some(Bypass::ServerState) && !route.has_one_upstream() => {
            let what = "builds on what a provider has stored, and its route leads to several providers: name the model";
            return Err(Failure::bad_field("model", format!("The request {what} instead of '{}'.", request.model)));
        }
        (Some(route), Some(body)) => {
            let chosen = choose(setup, route, api, body, directives.tier);
            let chosen = Chosen {
                tier: access.ceiling.map_or(chosen.tier, |most| chosen.tier.min(route.at_most(most))),
                ..chosen
            };
            frontier = dearest(setup, route, chosen.tier);
            notes.push(("x-nearhit-route".to_owned(), chosen.header()));
            routed(world, setup, call, target, generation, access, route, chosen.tier)?
        }
        _ => vec![Leg {
            own: true,
            upstream: target.upstream.clone(),
            model: None,
            direction: None,
            credential: access.credential(world, &target.upstream)?,
        }],
    };
    let (mut edits, mut uncapped) = (Edits::default(), None);
    let first = legs.first().ok_or_else(|| Failure::unknown_upstream(&target.upstream.name, &[]))?;
    let model = first.model.clone().unwrap_or_else(|| request.model.clone());
    let caps = route.map_or(access.caps, |route| route.caps.tightest(access.caps));
    if let Some(body) = body {
        if first.model.is_some() {
            edits.set_field(body, "model", &quoted(&model));
        }
        if route.is_some_and(|route| route.trim) {
            let saved = trim::trim(body, api, &mut edits);
            if saved > 0 {
                // Five bytes a token, as everywhere: it is not less than this.
                notes.push((
                    "x-nearhit-trimmed".to_owned(),
                    format!("bytes={saved}, tokens={}", saved / tokens::BYTES_A_TOKEN),
                ));
            }
        }
        if caps != Caps::default() {
            uncapped = Some(edits.clone().apply(&call.body));
            let changed = reasoning::cap(body, api, first.upstream.provider, &model, &caps, &mut edits);
            notes.extend(reasoning::header(&changed).map(|value| ("x-nearhit-caps".to_owned(), value)));
        }
    }
    let (request, body) = if edits.is_empty() {
        (request, call.body.clone())
    } else {
        let body = edits.apply(&call.body);
        (generation.read(&body)?, body)
    };
    notes.push(("x-nearhit-model".to_owned(), model.clone()));
    let prefix = Prefix::of(api, &model, session(call), &body);
    notes.extend(prefix.iter().map(|prefix| ("x-nearhit-prefix".to_owned(), prefix.header())));
    Ok(Plan { request, outgoing: Outgoing { body, uncapped, legs, prefix, caps }, notes, frontier })
}

/// The model of a route's highest tier, when a lower one is taken.
fn dearest(setup: &Setup, route: &Route, taken: Tier) -> Option<Priced> {
    let highest = route.at_least(Tier::Frontier);
    let goal = route.goals(highest).first().filter(|_| taken < highest)?;
    Some(Priced::new(setup.config.upstream(&goal.upstream)?, &goal.model))
}

/// What the client calls its conversation, where it says so.
pub(super) fn session(call: &Call) -> Option<&str> {
    const HEADERS: [&str; 5] =
        ["x-claude-code-session-id", "session-id", "session_id", "x-session-affinity", "x-session-id"];
    HEADERS.iter().find_map(|name| call.header(name)).filter(|value| !value.trim().is_empty())
}

fn choose(setup: &Setup, route: &Route, api: Api, body: Json<'_>, asked: Option<Tier>) -> Chosen {
    let unjudged = |tier, by_header| Chosen { tier, difficulty: None, stays: None, by_header };
    if let Some(tier) = asked {
        return unjudged(route.at_least(tier), true);
    }
    let Some(model) = setup.memory.difficulty().filter(|_| route.is_tiered()) else {
        return unjudged(route.at_least(Tier::Frontier), false);
    };
    let turns = asked_turns(setup, api, body, model);
    let price = |tier: Tier| {
        let goal = route.goals(tier).first()?;
        setup.memory.price(&setup.config.prices, setup.config.upstream(&goal.upstream)?, &goal.model)
    };
    routing::choose(route, &turns, model, price)
}

/// The user's turns and how difficult each of them is.
fn asked_turns(setup: &Setup, api: Api, body: Json<'_>, model: &crate::forward::difficulty::Model) -> Vec<Asked> {
    let layout = Layout::of(api, body);
    let length = |spots: &[Spot<'_>]| spots.iter().map(|spot| tokens::at_least(spot.whole.raw()) as u64).sum::<u64>();
    let system_bytes: usize = layout.system.iter().map(|spot| spot.whole.raw().len()).sum();
    let tools = layout.tools.and_then(Json::items).map_or(0, |tools| tools.len());
    let shared = layout.tools.map_or(0, |tools| tokens::at_least(tools.raw()) as u64) + length(&layout.system);
    let effort_asked = asks_for_effort(body);
    let users: Vec<usize> =
        (0..layout.turns.len()).filter(|i| layout.turns.get(*i).is_some_and(|turn| turn.role == Role::User)).collect();
    let skipped = 1..users.len().saturating_sub(MAX_JUDGED_TURNS - 1).max(1);
    let judged = users.iter().enumerate().filter(|(k, _)| !skipped.contains(k)).map(|(_, i)| *i);
    judged
        .filter_map(|i| {
            let turn = layout.turns.get(i)?;
            let text = changes::said(turn.content.unwrap_or(turn.whole));
            let vector = setup.embedder.as_ref().ok().and_then(|embedder| embedder.embed(&text).ok());
            let raw = turn.whole.raw();
            let media = ["\"image", "\"input_image", "\"file", "\"document", "\"input_audio"];
            let seen = Seen {
                text: &text,
                system_bytes,
                tools,
                turns: i,
                media: media.iter().any(|kind| raw.contains(kind)),
                vector: vector.as_deref(),
                effort_asked,
            };
            Some(Asked {
                difficulty: assess(&seen, model),
                prefix_tokens: shared + length(layout.turns.get(..i).unwrap_or_default()),
                new_tokens: tokens::at_least(raw) as u64,
            })
        })
        .collect()
}

/// Whether the client wants the model to think hard.
fn asks_for_effort(body: Json<'_>) -> bool {
    let high =
        |value: Option<Json<'_>>| value.is_some_and(|value| ["high", "xhigh", "max"].iter().any(|word| value.is(word)));
    let inner = |name: &str| body.get(name).and_then(|value| value.get("effort"));
    high(body.get("reasoning_effort")) || high(inner("reasoning")) || high(inner("output_config"))
}

/// The models of a tier that this caller has a key for.
#[expect(clippy::too_many_arguments, reason = "each decides on one of the legs' fields")]
fn routed<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    target: &Target,
    generation: Generation,
    access: &Access,
    route: &Route,
    tier: Tier,
) -> Result<Vec<Leg>, Failure> {
    let mut legs = Vec::new();
    let mut keyless = None;
    for goal in route.goals(tier) {
        let Some(upstream) = setup.config.upstream(&goal.upstream) else { continue };
        let direction = direction(generation, upstream);
        match access.credential_for(world, call, &target.upstream, upstream, direction.is_some()) {
            Ok(credential) => legs.push(Leg {
                own: upstream.name == target.upstream.name,
                upstream: upstream.clone(),
                model: Some(goal.model.clone()),
                direction,
                credential,
            }),
            Err(failure) => keyless = keyless.or(Some(failure)),
        }
    }
    match keyless {
        Some(failure) if legs.is_empty() => Err(failure),
        _ => Ok(legs),
    }
}

/// From the client's API to the one that an upstream speaks. The Responses API has no counterpart, which shows when the
/// request is shaped.
fn direction(generation: Generation, upstream: &Upstream) -> Option<Direction> {
    match (generation, upstream.api) {
        (Generation::Chat, Speaks::Anthropic) => Some(Direction::ChatToMessages),
        (Generation::Messages, Speaks::OpenAi) => Some(Direction::MessagesToChat),
        _ => None,
    }
}
