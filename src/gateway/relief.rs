//! What budgets that are nearly spent ask of a request: a cheaper model, less reasoning, and that its client be told.

use std::rc::Rc;

use super::Setup;
use super::account::DEPLOYMENT;
use super::admission::Access;
use super::billing::Priced;
use crate::cache::directives::Directives;
use crate::forward::reasoning::{Caps, Effort};
use crate::forward::routing::Tier;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::budget::{Relief, Strained};
use crate::ports::{Headers, World};

/// What budgets that are nearly spent ask of a request.
pub(super) struct Strain {
    /// What the client is told of it.
    pub(super) headers: Headers,
    caps: Caps,
    ceiling: Option<Tier>,
}

impl Strain {
    /// What the caller may spend then, if that is less than otherwise.
    pub(super) fn access(&self, access: &Access) -> Option<Access> {
        let caps = access.caps.tightest(self.caps);
        let changes = caps != access.caps || self.ceiling.is_some();
        changes.then(|| access.relieved(caps, self.ceiling))
    }
}

/// What is asked of a request by the budgets that are nearly spent and that it would draw on. `asked`: upstream and model, as
/// the client named them.
pub(super) fn of<W: World>(
    world: &Rc<W>,
    setup: &Rc<Setup>,
    access: &Access,
    directives: &Directives,
    asked: &Priced,
) -> Strain {
    let models = models(setup, asked);
    let mut strain = Strain { headers: Headers::new(), caps: Caps::default(), ceiling: None };
    for strained in access.budgets.strained.iter().chain(&deployment(world, setup)) {
        if !strained.filter.matches(&directives.tags, &models) {
            continue;
        }
        let (caps, ceiling) = read(&strained.relief);
        strain.caps = strain.caps.tightest(caps);
        strain.ceiling = strain.ceiling.into_iter().chain(ceiling).min();
        strain.headers.push(("x-nearhit-budget".to_owned(), header(strained)));
    }
    strain
}

/// Every model that a request may end at: a route's, or the one that it names.
fn models(setup: &Setup, asked: &Priced) -> Vec<String> {
    match setup.config.routes.get(&asked.model) {
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
