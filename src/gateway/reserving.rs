//! Before a request is sent: does a budget allow it?

use super::account::{Account, DEPLOYMENT, Held, Inner};
use super::billing::Priced;
use super::extent::{Extent, Work};
use crate::error::Failure;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::budget;
use crate::ledger::record::Kind;
use crate::ports::World;

/// How long an answer may take from its first byte on before its reservation lapses, in milliseconds. A longer one is
/// charged all the same when it ends; only its place is no longer held until then.
const RESERVED_BEYOND_MS: u64 = 30 * 60_000;

/// Why nothing was reserved.
enum NotHeld {
    /// A budget refuses.
    Refused(budget::Refusal),
    /// A ledger that has budgets cannot be asked.
    Away,
}

impl<W: World> Account<W> {
    /// Reserves what the request may take at most, by any of these models, in every ledger that has a budget for it.
    ///
    /// # Errors
    /// 429 with the limit's name; 503 when a ledger that has budgets cannot be asked.
    pub(super) async fn reserve(&self, models: &[Priced], extent: Extent<'_>) -> Result<(), Failure> {
        if !self.may_have_budgets() {
            return Ok(());
        }
        let estimate = extent.estimate(models.iter().map(|priced| self.price(priced)));
        // What takes nothing is no use of a model.
        let name = if extent.work == Work::Free { Priced::label } else { Priced::meant };
        let models = models.iter().map(name).collect();
        let ask = budget::Ask { tags: self.0.tags.clone(), models, estimate };
        let held = self.hold(&ask).await;
        self.change(|facts| facts.reserved = Some(ask));
        held.map_err(|why| match why {
            NotHeld::Refused(refusal) => {
                self.change(|facts| (facts.kind, facts.reason) = (Kind::Refused, refusal.budget.clone()));
                Failure::over_budget(&refusal)
            }
            NotHeld::Away => Failure::budgets_unavailable(),
        })
    }

    /// The same for the one model that the account is of.
    ///
    /// # Errors
    /// As [`Account::reserve`].
    pub(super) async fn reserve_own(&self, extent: Extent<'_>) -> Result<(), Failure> {
        let own = self.0.facts.borrow().priced.clone();
        self.reserve(&[own], extent).await
    }

    /// An attempt has ended of which nobody knows whether it is billed, so the next one needs a reservation of its own.
    /// Whether there is room for one.
    pub(super) async fn once_more(&self) -> bool {
        let reserved = self.0.facts.borrow().reserved.clone();
        match reserved {
            Some(ask) => self.hold(&ask).await.is_ok(),
            None => true,
        }
    }

    /// Whether a budget may be in the way of any of the caller's requests.
    ///
    /// # Errors
    /// 503 when the ledger of the deployment has budgets, as far as is known, and cannot be asked.
    pub(super) async fn has_budgets(&self) -> Result<bool, Failure> {
        let Inner { world, setup, tenant, budgets, .. } = &*self.0;
        if tenant.is_some() && budgets.any {
            return Ok(true);
        }
        let (known, counts) = setup.memory.deployment(world.now_ms());
        let any = known.is_some_and(|standing| standing.any);
        if counts {
            return Ok(any);
        }
        match world.book(DEPLOYMENT, &Ask::Standing).await {
            Ok(Answer::Standing(standing)) => {
                let any = standing.any;
                setup.memory.learn_deployment(world.now_ms(), Some(standing));
                Ok(any)
            }
            _ if any => Err(Failure::budgets_unavailable()),
            _ => {
                setup.memory.deployment_silent(world.now_ms());
                Ok(false)
            }
        }
    }

    fn may_have_budgets(&self) -> bool {
        let Inner { world, setup, tenant, budgets, .. } = &*self.0;
        let (known, counts) = setup.memory.deployment(world.now_ms());
        (tenant.is_some() && budgets.any) || !counts || known.is_some_and(|standing| standing.any)
    }

    /// Reserves in the tenant's ledger and in that of the deployment.
    async fn hold(&self, ask: &budget::Ask) -> Result<(), NotHeld> {
        let Inner { world, setup, tenant, budgets, .. } = &*self.0;
        let now_ms = world.now_ms();
        let (known, counts) = setup.memory.deployment(now_ms);
        let any = known.is_some_and(|standing| standing.any);
        let own = tenant.as_deref().filter(|_| budgets.any).map(|tenant| (tenant, true));
        let all = (any || !counts).then_some((DEPLOYMENT, any));
        let learn = |ledger, standing| {
            if ledger == DEPLOYMENT {
                setup.memory.learn_deployment(now_ms, Some(standing));
            }
        };
        for (ledger, must) in own.into_iter().chain(all) {
            let wait_ms = setup.config.first_byte_ms + RESERVED_BEYOND_MS;
            let id = world.random();
            self.change(|facts| facts.held.push(Held { ledger: ledger.to_owned(), id }));
            let reserve = Ask::Reserve { id, ask: ask.clone(), deadline_ms: now_ms + wait_ms };
            let answer = world.book(ledger, &reserve).await;
            if let Ok(Answer::Reserved { held: false, .. } | Answer::Refused(..)) = &answer {
                self.change(|facts| facts.held.retain(|held| held.id != id));
            }
            match answer {
                Ok(Answer::Reserved { standing, .. }) => learn(ledger, standing),
                Ok(Answer::Refused(refusal, standing)) => {
                    learn(ledger, standing);
                    return Err(NotHeld::Refused(refusal));
                }
                // Whether the deployment has budgets at all is not known then, and most have none.
                _ if !must => setup.memory.deployment_silent(now_ms),
                _ => return Err(NotHeld::Away),
            }
        }
        Ok(())
    }
}
