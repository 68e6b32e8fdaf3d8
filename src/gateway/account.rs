//! What a request costs: the account of it, from the moment when its caller is let in to its end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Setup;
use super::admission::Access;
use super::billing::{Bill, Priced, Tariff};
use super::closing::Took;
use super::outgoing::Sent;
use crate::cache::directives::Directives;
use crate::canonical::{Completion, Usage};
use crate::config::Upstream;
use crate::counting::Tap;
use crate::error::Failure;
use crate::forward::metering::{Meter, Metered};
use crate::forward::{reasoning, usage};
use crate::keeping::{MAX_ANSWER_BYTES, is_event_stream, is_json};
use crate::ledger::book::Standing;
use crate::ledger::budget::{Ask, Id};
use crate::ledger::prices::{Money, Price, Tier as Billing};
use crate::ledger::record::{Kind, Saved};
use crate::ports::{Headers, World};
use crate::telemetry::{Decision, Timing};

/// The ledger that holds the budgets of the whole deployment.
pub(super) const DEPLOYMENT: &str = "~all";

/// The longest body in which a count is looked for when it is no answer to be estimated, in bytes.
const MAX_TOLD_BYTES: usize = 1024 * 1024;

/// What is kept of a text that was asked, in bytes.
const ASKED_BYTES: usize = 300;

/// One request's account. Copies are of the same account. The last one dropped closes it, if nobody has done so.
pub(super) struct Account<W: World>(pub(super) Rc<Inner<W>>);

impl<W: World> Clone for Account<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

pub(super) struct Inner<W: World> {
    pub(super) world: Rc<W>,
    pub(super) setup: Rc<Setup>,
    pub(super) at_ms: u64,
    pub(super) started: f64,
    pub(super) tenant: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    /// The budgets of the tenant.
    pub(super) budgets: Standing,
    pub(super) facts: RefCell<Facts>,
    pub(super) closed: Cell<bool>,
}

/// What is known of the request so far.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) route: Option<String>,
    /// What answered, or would have.
    pub(super) priced: Priced,
    /// The dearest model that the route might have chosen.
    pub(super) frontier: Option<Priced>,
    /// At which tariff; nothing for one that no price is known for.
    pub(super) billing: Option<Billing>,
    pub(super) timing: Timing,
    pub(super) kind: Kind,
    pub(super) reason: String,
    pub(super) status: u16,
    pub(super) near: Option<(f32, String)>,
    pub(super) asked: String,
    /// Something went upstream.
    pub(super) sent: bool,
    pub(super) prompt_bytes: usize,
    pub(super) bill: Bill,
    /// The client wants a model to think that need not.
    pub(super) thinks: bool,
    /// The model reads more than the request's bytes say.
    pub(super) reads_more: bool,
    /// Attempts that went out and of which nobody knows whether they are billed, by the model that was asked: they took too
    /// long, or broke off.
    pub(super) unsure: Vec<String>,
    /// Tokens of the parts that were there, when only the rest was asked for.
    pub(super) there: Usage,
    /// What was asked of the budgets.
    pub(super) reserved: Option<Ask>,
    /// The reservations: one for each attempt in each ledger.
    pub(super) held: Vec<Held>,
}

/// A reservation. It is noted before it is made: a ledger that answers too late has made it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) ledger: String,
    pub(super) id: Id,
}

impl<W: World> Account<W> {
    /// Opens the account of a caller who was let in. `started`: the clock when the request came.
    pub(super) fn open(
        world: &Rc<W>,
        setup: &Rc<Setup>,
        access: &Access,
        directives: &Directives,
        priced: Priced,
        started: f64,
    ) -> Self {
        let facts = Facts {
            route: None,
            priced,
            frontier: None,
            billing: Some(Billing::Standard),
            timing: Timing::default(),
            kind: Kind::Failed,
            reason: "client-gone".to_owned(),
            status: 499,
            near: None,
            asked: String::new(),
            sent: false,
            prompt_bytes: 0,
            bill: Bill::Estimated,
            thinks: false,
            reads_more: false,
            unsure: Vec::new(),
            there: Usage::default(),
            reserved: None,
            held: Vec::new(),
        };
        let (tenant, tags) = (access.tenant.clone(), directives.tags.clone());
        Self::of(world, setup, (tenant, tags, access.budgets.clone()), facts, started)
    }

    /// The account of something that is done beside a request, which nobody waits for.
    pub(super) fn beside(&self, kind: Kind) -> Self {
        let Inner { world, setup, tenant, tags, budgets, facts, .. } = &*self.0;
        let facts = Facts {
            kind,
            reason: "client-gone".to_owned(),
            near: None,
            sent: false,
            unsure: Vec::new(),
            there: Usage::default(),
            reserved: None,
            held: Vec::new(),
            ..facts.borrow().clone()
        };
        Self::of(world, setup, (tenant.clone(), tags.clone(), budgets.clone()), facts, world.ticks_ms())
    }

    fn of(
        world: &Rc<W>,
        setup: &Rc<Setup>,
        (tenant, tags, budgets): (Option<String>, Vec<(String, String)>, Standing),
        facts: Facts,
        started: f64,
    ) -> Self {
        let (at_ms, facts, closed) = (world.now_ms(), RefCell::new(facts), Cell::new(false));
        let (world, setup) = (world.clone(), setup.clone());
        Self(Rc::new(Inner { world, setup, at_ms, started, tenant, tags, budgets, facts, closed }))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.facts.borrow_mut());
    }

    /// The request is planned: which model is asked first, and which one the route would have taken at most.
    pub(super) fn planned(
        &self,
        first: Priced,
        billing: Option<Billing>,
        frontier: Option<Priced>,
        asked: &str,
        body: &[u8],
    ) {
        self.change(|facts| {
            (facts.priced, facts.billing) = (first, billing);
            facts.frontier = frontier;
            facts.asked = asked.get(..asked.floor_char_boundary(ASKED_BYTES)).unwrap_or_default().to_owned();
            facts.thinks = reasoning::is_asked_for(body);
        });
    }

    /// The client named a route.
    pub(super) fn by_route(&self, alias: &str) {
        self.change(|facts| facts.route = Some(alias.to_owned()));
    }

    /// What was decided for the request, as far as it is known.
    pub(super) fn decided(&self, decision: &Decision, timing: &Timing) {
        self.change(|facts| {
            (facts.kind, facts.reason) = decision.outcome();
            facts.near = decision.nearness();
            facts.timing = *timing;
            facts.status = 200;
        });
    }

    /// The request leaves for the upstream. `reads_more`: the model reads more than these bytes say.
    pub(super) fn sending(&self, prompt_bytes: usize, bill: Bill, reads_more: bool) {
        self.change(|facts| (facts.prompt_bytes, facts.bill, facts.reads_more) = (prompt_bytes, bill, reads_more));
    }

    /// One of the upstreams is asked, for this model if it is not the request's own.
    pub(super) fn asking(&self, upstream: &Upstream, model: Option<&str>) {
        self.change(|facts| {
            let model = model.unwrap_or(&facts.priced.model).to_owned();
            facts.priced = Priced { upstream: upstream.clone(), model };
        });
    }

    /// Whether there is something upstream that may be billed and has not ended.
    pub(super) fn under_way(&self, sent: bool) {
        self.change(|facts| facts.sent = sent);
    }

    /// An attempt has ended of which nobody knows whether it is billed.
    pub(super) fn unsure(&self) {
        self.change(|facts| {
            let model = facts.priced.meant();
            facts.unsure.extend((facts.bill != Bill::Free).then_some(model));
        });
    }

    /// Whether a budget is held to this request, so that its tokens should be counted.
    pub(super) fn is_held(&self) -> bool {
        !self.0.facts.borrow().held.is_empty()
    }

    /// A part of what was asked for was there: so many tokens.
    pub(super) fn partly(&self, there: Usage) {
        self.change(|facts| facts.there = there);
    }

    /// This model answered, at this tariff.
    pub(super) fn answered_by(&self, priced: Priced, billing: Option<Billing>) {
        self.change(|facts| (facts.priced, facts.billing) = (priced, billing));
    }

    /// Answered from the cache. Gives the headers that say what this saved.
    pub(super) fn hit(&self, completion: &Completion) -> Headers {
        self.saved(usage::of(completion, &[]).unwrap_or_default())
    }

    /// The same for an answer of so many tokens. Without any, or without a price, nobody knows what it saved.
    pub(super) fn saved(&self, usage: Usage) -> Headers {
        let worth = self.tariff().map(|tariff| tariff.cost(&usage)).filter(|worth| *worth > Money::ZERO);
        let saved = self.saved_by_cache(worth.unwrap_or_default());
        self.close(Took::Nothing, saved);
        worth.map(|worth| ("x-nearhit-saved-usd".to_owned(), worth.to_string())).into_iter().collect()
    }

    fn saved_by_cache(&self, worth: Money) -> Saved {
        let none = Saved::default();
        match self.0.facts.borrow().kind {
            Kind::HitExact | Kind::HitStale => Saved { exact: worth, ..none },
            Kind::HitSemantic => Saved { semantic: worth, ..none },
            Kind::Collapsed => Saved { collapsed: worth, ..none },
            _ => none,
        }
    }

    /// Listens to an upstream's answer. An error is not billed, and so not listened to.
    pub(super) fn tap_on(&self, sent: &Sent<W>) -> Tap {
        if sent.status >= 300 {
            self.unbilled(sent.status);
        }
        let tap = self.tap(is_event_stream(&sent.headers), &sent.headers);
        if sent.unasked { tap.without_unasked() } else { tap }
    }

    /// Listens to an answer, from the upstream or by way of another request.
    pub(super) fn tap(&self, streamed: bool, headers: &Headers) -> Tap {
        let Facts { prompt_bytes, bill, .. } = *self.0.facts.borrow();
        let meter = match bill {
            Bill::Free => None,
            _ if streamed => Some(Meter::stream(prompt_bytes)),
            Bill::Estimated | Bill::Input => Some(Meter::body(prompt_bytes, MAX_ANSWER_BYTES)),
            // Files, images and recordings are no answers to be kept in memory.
            Bill::Told => is_json(headers).then(|| Meter::body(prompt_bytes, MAX_TOLD_BYTES)),
        };
        let account = self.clone();
        Tap::new(meter, headers.clone(), Box::new(move |metered| account.spent(metered)))
    }

    /// The answer is over. Gives what the client may be told of it.
    pub(super) fn spent(&self, metered: Option<Metered>) -> Headers {
        let Facts { kind, bill, .. } = *self.0.facts.borrow();
        if self.0.closed.get() {
            return Headers::new();
        }
        let Metered { usage, estimated, cut, input_told } = match (metered, bill) {
            (_, Bill::Free) => {
                self.close(Took::Nothing, Saved::default());
                return Headers::new();
            }
            (Some(metered), _) if kind.is_hit() => return self.saved(metered.usage),
            // What says nothing is to be fetched later, or says it in a way that nobody here understands.
            (Some(Metered { estimated: true, cut: false, usage, .. }), Bill::Estimated) if usage.output == 0 => {
                self.close(Took::Unknown, Saved::default());
                return Headers::new();
            }
            (Some(metered), Bill::Estimated | Bill::Input) => metered,
            (Some(metered), Bill::Told) if !metered.estimated => metered,
            _ => {
                self.close(Took::Unknown, Saved::default());
                return Headers::new();
            }
        };
        if cut {
            // A whole body is billed whole, and how long it would have been is not known. Whoever waited for it tells what
            // became of the request.
            self.unsure();
            return Headers::new();
        }
        let unseen = estimated && self.took_unseen(input_told);
        let tariff = self.tariff().filter(|_| !unseen);
        let cost = tariff.as_ref().map(|tariff| tariff.cost(&usage));
        let saved = tariff.map(|tariff| self.saved_upstream(&tariff, &usage)).unwrap_or_default();
        let mut headers = vec![("x-nearhit-tokens".to_owned(), usage.header())];
        headers.push(("x-nearhit-cost-usd".to_owned(), cost.map_or("unpriced".to_owned(), |cost| cost.to_string())));
        if estimated {
            headers.push(("x-nearhit-usage".to_owned(), "estimated".to_owned()));
        }
        if saved.total() > Money::ZERO {
            headers.push(("x-nearhit-saved-usd".to_owned(), saved.total().to_string()));
        }
        self.close(Took::Counted { usage, estimated, cost, unseen }, saved);
        headers
    }

    /// What a paid answer saved all the same: by the provider's prefix cache, and by its route.
    fn saved_upstream(&self, tariff: &Tariff, usage: &Usage) -> Saved {
        let facts = self.0.facts.borrow();
        let cost = tariff.cost(usage);
        let plain =
            Usage { uncached: usage.input(), output: usage.output, reasoning: usage.reasoning, ..Usage::default() };
        let dear = facts.frontier.as_ref().and_then(|priced| self.price(priced));
        let dear = dear.map(|price| price.cost(usage, tariff.billing)).unwrap_or_default();
        Saved {
            exact: tariff.cost(&facts.there),
            prefix: tariff.cost(&plain).saturating_sub(cost),
            routing: dear.saturating_sub(cost),
            ..Saved::default()
        }
    }

    /// The upstream answered with an error, which it does not bill.
    pub(super) fn unbilled(&self, status: u16) {
        self.change(|facts| {
            (facts.kind, facts.reason, facts.status) = (Kind::Failed, format!("upstream-{status}"), status);
        });
        self.close(Took::Nothing, Saved::default());
    }

    /// Answered by the model in the isolate, which nobody bills.
    pub(super) fn answered_here(&self) {
        self.change(|facts| (facts.kind, facts.reason, facts.status) = (Kind::Bypass, "own-model".to_owned(), 200));
        self.close(Took::Nothing, Saved::default());
    }

    /// There is no answer, for this reason.
    pub(super) fn failed(&self, failure: &Failure) {
        self.change(|facts| {
            if facts.kind != Kind::Refused {
                (facts.kind, facts.reason) = (Kind::Failed, failure.code.to_owned());
            }
            facts.status = failure.status;
        });
        // A client that leaves does not take back what it has asked for.
        let under_way = failure.status == Failure::CLIENT_GONE;
        self.close(if under_way { self.0.perhaps() } else { Took::Nothing }, Saved::default());
    }

    /// Whether an answer that nobody counted to its end may have taken what is seen in neither its text nor the request's:
    /// what the model thought, or read elsewhere.
    fn took_unseen(&self, input_told: bool) -> bool {
        let facts = self.0.facts.borrow();
        let read = facts.reads_more && !input_told;
        read || facts.thinks || reasoning::is_hidden(&facts.priced.model)
    }

    pub(super) fn price(&self, priced: &Priced) -> Option<Price> {
        let setup = &self.0.setup;
        setup.memory.price(&setup.config.prices, &priced.upstream, &priced.model)
    }

    /// What tokens cost; nothing when nobody knows.
    fn tariff(&self) -> Option<Tariff> {
        let facts = self.0.facts.borrow();
        let billing = facts.billing?;
        Some(Tariff { price: self.price(&facts.priced)?, billing })
    }

    /// Settles and writes down, in the background. The first time counts.
    fn close(&self, took: Took, saved: Saved) {
        self.0.close(took, saved);
    }
}
