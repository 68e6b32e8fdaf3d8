//! What budgets that are nearly spent ask of a request: a cheaper model, less reasoning, and that its client be told.

use std::rc::Rc;

use super::Setup;
use super::account::{DEPLOYMENT, Priced};
use super::admission::Access;
use crate::cache::directives::Directives;
use crate::forward::reasoning::{Caps, Effort};
use crate::forward::routing::Tier;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::budget::{Relief, Strained};
use crate::ports::{Headers, World};

/// Tightens what a caller may spend by the budgets that are nearly spent and that this request would draw on. Gives the
/// headers that say so. `asked`: upstream and model, as the client named them.
pub(super) fn apply<W: World>(
    world: &Rc<W>,
    setup: &Rc<Setup>,
    access: &mut Access,
    directives: &Directives,
    asked: &Priced,
) -> Headers {
    let models = models(setup, asked);
    let tags = &directives.tags;
    let mut headers = Headers::new();
    for strained in access.budgets.strained.clone().iter().chain(&deployment(world, setup)) {
        if !strained.filter.matches(tags, &models) {
            continue;
        }
        let (caps, ceiling) = read(&strained.relief);
        access.caps = access.caps.tightest(caps);
        access.ceiling = access.ceiling.into_iter().chain(ceiling).min();
        headers.push(("x-nearhit-budget".to_owned(), header(strained)));
    }
    headers
}

/// Every model that a request may end at: a route's, or the one that it names.
fn models(setup: &Setup, asked: &Priced) -> Vec<String> {
    match setup.config.routes.get(asked.model()) {
        Some(route) => route.tiers.values().flatten().map(|goal| format!("{}/{}", goal.upstream, goal.model)).collect(),
        None => vec![asked.label()],
    }
}

/// The budgets of the whole deployment that are nearly spent, as far as this isolate knows. What it knows may be old: it is
/// asked anew beside the request, for a soft limit is no reason to wait.
fn deployment<W: World>(world: &Rc<W>, setup: &Rc<Setup>) -> Vec<Strained> {
    let (known, counts) = setup.memory.deployment(world.now_ms());
    if !counts {
        let (world, setup) = (world.clone(), setup.clone());
        world.clone().background(Box::pin(async move {
            if let Ok(Answer::Standing(standing)) = world.book(DEPLOYMENT, &Ask::Standing).await {
                setup.memory.learn_deployment(world.now_ms(), Some(standing));
            }
        }));
    }
    known.map(|standing| standing.strained).unwrap_or_default()
}

/// What a budget's relief means for a request. Its words were checked when the budget was made.
fn read(relief: &Relief) -> (Caps, Option<Tier>) {
    let caps = Caps {
        effort: relief.max_effort.as_deref().and_then(Effort::read),
        thinking_tokens: relief.max_thinking_tokens,
        output_tokens: relief.max_output_tokens,
    };
    (caps, relief.tier.as_deref().and_then(Tier::parse))
}

fn header(strained: &Strained) -> String {
    let used = strained.used_per_mille;
    format!("{};state=soft;used={}.{:02}", strained.budget, used / 1000, used % 1000 / 10)
}
