//! Whose turn it is to ask, and waiting for the one whose turn it is.

use crate::cache::key::Digest;
use crate::ports::{Follow, Followed, Found, Lease, ShardAddress, TakeTurn, Terms, Turn, Until, Wanted, World};

/// What came of taking a turn.
pub(super) enum Waited<W: World> {
    /// The caller asks, and others may wait for it.
    Lead(W::Line),
    /// Another request's answer.
    Hit(Found),
    /// Another request's stream.
    Live(W::Live),
    /// What was wanted is there: look again.
    Again,
    /// The caller asks for itself. A shard that fails comes to the same.
    Alone,
}

/// Takes a turn, unless a lookup has told already whose it is, and waits if it is another's. `until` is only asked then.
pub(super) async fn take<W: World>(
    world: &W,
    at: &ShardAddress,
    known: Option<Turn>,
    (key, terms, wanted): (Digest, Terms, Wanted),
    until: impl FnOnce() -> Until,
) -> Waited<W> {
    let lead = |token| Waited::Lead(world.lead(at, Lease { key, token }));
    let turn = match known {
        Some(turn) => Ok(turn),
        None => world.take_turn(at, &TakeTurn { key, terms, wanted }).await,
    };
    match turn {
        Ok(Turn::Lead(token)) => lead(token),
        Ok(Turn::Alone) | Err(_) => Waited::Alone,
        Ok(Turn::Follow) => match world.follow(at, &Follow { key, terms, until: until(), wanted }).await {
            Ok(Followed::Lead(token)) => lead(token),
            Ok(Followed::Hit(found)) => Waited::Hit(found),
            Ok(Followed::Live(live)) => Waited::Live(live),
            Ok(Followed::Again) => Waited::Again,
            Ok(Followed::Alone) | Err(_) => Waited::Alone,
        },
    }
}
