//! The end of a request: what it took is settled in its budgets and written down.

use super::Setup;
use super::account::{Held, Inner};
use super::billing::Bill;
use crate::canonical::Usage;
use crate::ledger::book::{Ask, Settlement};
use crate::ledger::budget::{Actual, Amounts};
use crate::ledger::prices::Money;
use crate::ledger::record::{Latency, Nearness, RequestRecord, Saved};
use crate::ports::{OWN_KEYS, World};

/// What the last attempt of a request took.
#[derive(Clone, Copy, Debug)]
pub(super) enum Took {
    /// Nothing that is billed.
    Nothing,
    /// Something went out and may be billed, nobody knows how much.
    Unknown,
    /// These tokens.
    Counted {
        /// What was used.
        usage: Usage,
        /// It was estimated.
        estimated: bool,
        /// What it costs; nothing without a price.
        cost: Option<Money>,
        /// The model may have thought beside it, which is billed and in no estimate.
        unseen: bool,
    },
}

impl Took {
    /// As budgets count it.
    fn amounts(self) -> Amounts {
        match self {
            Self::Nothing => Amounts::nothing(),
            // What was reserved counts then.
            Self::Unknown | Self::Counted { unseen: true, .. } => Amounts::default(),
            Self::Counted { usage, cost, .. } => Amounts {
                money: cost,
                tokens: Some(usage.input().saturating_add(usage.output)),
                reasoning: Some(usage.reasoning),
            },
        }
    }
}

impl<W: World> Drop for Inner<W> {
    fn drop(&mut self) {
        // Nobody waited for the end.
        self.close(self.perhaps(), Saved::default());
    }
}

impl<W: World> Inner<W> {
    /// What a request took whose end nobody saw: what went upstream may have been billed, nobody knows how much.
    pub(super) fn perhaps(&self) -> Took {
        let facts = self.facts.borrow();
        if facts.sent && facts.bill != Bill::Free { Took::Unknown } else { Took::Nothing }
    }

    /// Settles and writes down, in the background. The first time counts.
    pub(super) fn close(&self, took: Took, saved: Saved) {
        if self.closed.replace(true) {
            return;
        }
        let record = self.record(took, saved);
        self.world.publish(&record);
        let own = self.tenant.clone().unwrap_or_else(|| OWN_KEYS.to_owned());
        let (settle, elsewhere): (Vec<_>, Vec<_>) =
            self.settlements(took).into_iter().partition(|(held, _)| held.ledger == own);
        let settle: Vec<Settlement> = settle.into_iter().map(|(_, settlement)| settlement).collect();
        let (world, setup) = (self.world.clone(), self.setup.clone());
        // A reservation is settled at once; what is only counted waits for others.
        let batch = if settle.is_empty() { wait_for_others(&setup, &own, record) } else { Some(vec![record]) };
        if batch.is_none() && elsewhere.is_empty() {
            return;
        }
        self.world.background(Box::pin(async move {
            for (Held { ledger, .. }, settlement) in elsewhere {
                // What it does not get to know lapses there, and is counted as that.
                tell(&*world, &ledger, &Ask::Settle(settlement)).await;
            }
            let Some(mut records) = batch else { return };
            if records.is_empty() {
                world.sleep_ms(setup.memory.pause_ms).await;
                records = setup.memory.waiting.borrow_mut().remove(&own).unwrap_or_default();
            }
            deliver(&*world, &setup, &own, records, settle).await;
        }));
    }

    /// How the reservations end, by ledger. There is one for each attempt: the first ones are those whose bill nobody
    /// knows, the next one is that of the attempt that took this much, and the others came to nothing.
    fn settlements(&self, took: Took) -> Vec<(Held, Settlement)> {
        let (held, unsure, last) = {
            let mut facts = self.facts.borrow_mut();
            (std::mem::take(&mut facts.held), facts.unsure.clone(), facts.priced.meant())
        };
        let settlement = |(k, one): (usize, &Held)| {
            let before = held.iter().take(k).filter(|before| before.ledger == one.ledger).count();
            let (amounts, model) = match unsure.get(before) {
                Some(model) => (Amounts::default(), model),
                None if before == unsure.len() => (took.amounts(), &last),
                None => (Amounts::nothing(), &last),
            };
            let actual = Actual { tags: self.tags.clone(), model: model.clone(), amounts };
            (one.clone(), Settlement { id: one.id, actual })
        };
        held.iter().enumerate().map(settlement).collect()
    }

    fn record(&self, took: Took, saved: Saved) -> RequestRecord {
        let facts = self.facts.borrow();
        let ms = |ms: f64| ms.max(0.0) as f32;
        let timing = &facts.timing;
        let near = facts.near.clone().map(|(score, entry)| Nearness { score, entry, asked: facts.asked.clone() });
        let (usage, estimated, cost) = match took {
            Took::Nothing if facts.unsure.is_empty() => (None, false, Some(Money::ZERO)),
            Took::Nothing | Took::Unknown => (None, false, None),
            // An attempt before this one may have cost something as well.
            Took::Counted { usage, estimated, cost, .. } => (Some(usage), estimated || !facts.unsure.is_empty(), cost),
        };
        RequestRecord {
            id: self.world.random(),
            at_ms: self.at_ms,
            tenant: self.tenant.clone(),
            tags: self.tags.clone(),
            route: facts.route.clone(),
            model: facts.priced.label(),
            kind: facts.kind,
            reason: facts.reason.clone(),
            status: facts.status,
            usage,
            estimated,
            cost,
            saved,
            latency: Latency {
                total_ms: ms(self.world.ticks_ms() - self.started),
                lookup_ms: timing.lookup_ms.map(ms),
                embed_ms: timing.embed_ms.map(ms),
                upstream_ms: timing.upstream_ms.map(ms),
            },
            near,
            lost: self.setup.memory.lost.take(),
        }
    }
}

/// How often a ledger is told, and how long it is left in peace in between, in milliseconds. What it is told twice counts
/// once for a budget; what it is never told lapses.
const TELLINGS: u32 = 3;
const TELL_AGAIN_MS: u64 = 1_000;

/// Tells a ledger something; false when it did not listen.
async fn tell<W: World>(world: &W, ledger: &str, ask: &Ask) -> bool {
    for telling in 0..TELLINGS {
        if telling > 0 {
            world.sleep_ms(TELL_AGAIN_MS).await;
        }
        if world.book(ledger, ask).await.is_ok() {
            return true;
        }
    }
    false
}

/// Records that are told together at most.
const BATCH: usize = 100;

/// Puts a record to those that wait. Gives what the caller is to tell: nothing when another request does it, an empty
/// batch when it is to come back for all that will have gathered.
fn wait_for_others(setup: &Setup, ledger: &str, record: RequestRecord) -> Option<Vec<RequestRecord>> {
    if setup.memory.pause_ms == 0 {
        return Some(vec![record]);
    }
    let mut waiting = setup.memory.waiting.borrow_mut();
    let records = waiting.entry(ledger.to_owned()).or_default();
    records.push(record);
    match records.len() {
        1 => Some(Vec::new()),
        BATCH.. => waiting.remove(ledger),
        _ => None,
    }
}

/// Tells a ledger of requests, and counts those that it does not get to know.
async fn deliver<W: World>(
    world: &W,
    setup: &Setup,
    ledger: &str,
    records: Vec<RequestRecord>,
    settle: Vec<Settlement>,
) {
    if records.is_empty() && settle.is_empty() {
        return;
    }
    let missed = records.iter().fold(0, |sum: u32, record| sum.saturating_add(record.lost).saturating_add(1));
    let retention = setup.config.retention;
    if !tell(world, ledger, &Ask::Record { records, settle, retention }).await {
        let lost = &setup.memory.lost;
        lost.set(lost.get().saturating_add(missed));
    }
}
