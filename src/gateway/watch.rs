//! Who waits for an answer. When nobody does any more, the work on it ends: the upstream would go on generating, and
//! charging, for nobody.

use std::pin::pin;

use futures_util::future::{Either, select};

use crate::error::Failure;
use crate::ports::{Lease, ShardAddress, World};
use crate::relay::while_awaited;

/// For whom some work is done.
#[derive(Clone, Copy)]
pub(super) struct Watch {
    for_client: bool,
    /// The lease that the request has, and so who else may wait.
    led: Option<(ShardAddress, Lease)>,
}

impl Watch {
    /// The client alone waits for it.
    pub(super) const CLIENT: Self = Self { for_client: true, led: None };

    /// As [`Watch::CLIENT`], and those who wait for the holder of this lease. Without `for_client` it is done in the
    /// background, and to its end.
    pub(super) fn new(for_client: bool, led: Option<(ShardAddress, Lease)>) -> Self {
        Self { for_client, led }
    }

    /// Does some work, but gives it up when the client goes away and nobody else waits for its result. The platform lets go
    /// of a request whose client has left without dropping anything, so every long wait goes through here: the failure is
    /// what closes the request's account.
    ///
    /// # Errors
    /// 499 when nobody waits any more.
    pub(super) async fn unless_abandoned<W: World, T>(
        &self,
        world: &W,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        if !self.for_client {
            return Ok(work.await);
        }
        match select(pin!(world.client_leaves()), pin!(work)).await {
            Either::Right((done, _)) => Ok(done),
            Either::Left(((), work)) => {
                let Some((at, lease)) = self.led else { return Err(Failure::client_gone()) };
                while_awaited(world, &at, lease, work).await.ok_or_else(Failure::client_gone)
            }
        }
    }
}
