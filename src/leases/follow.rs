//! Waiting for a leader, and reading its stream as it comes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::future::{Either, select};

use super::{Ending, Joined, Leases, LiveEnd, MAX_JOIN_BYTES, Shared, Time};
use crate::ports::{Follow, Followed, Found, ShardFault, Until};

/// How long a live answer may be silent before its readers are told that it broke off, in milliseconds. A model may
/// think for long between two words.
const LIVE_SILENCE_MS: u64 = 300_000;

/// Waits for the leader of what `ask.key` stands for; `find` looks for the answer among the rows.
///
/// # Errors
/// When the rows cannot be read.
pub async fn follow(
    leases: &RefCell<Leases>,
    ask: &Follow,
    time: &impl Time,
    mut find: impl FnMut(u64) -> Result<Option<Found>, ShardFault>,
) -> Result<Followed<LiveBytes>, ShardFault> {
    let deadline_ms = time.now_ms() + ask.terms.patience_ms;
    loop {
        let now_ms = time.now_ms();
        if let Some(found) = find(now_ms)? {
            return Ok(Followed::Hit(found));
        }
        let joined = leases.borrow_mut().join(&ask.key, &ask.terms, now_ms);
        let state = match joined {
            Joined::Lead(token) => return Ok(Followed::Lead(token)),
            Joined::Alone => return Ok(Followed::Alone),
            Joined::Follow(_) if now_ms >= deadline_ms => return Ok(Followed::Alone),
            Joined::Follow(state) => Listener::new(state),
        };
        let until_ms = deadline_ms.min(state.0.borrow().expires_ms(&ask.terms)).max(now_ms + 1);
        let change = {
            let change = pin!(poll_fn(|context| state.change(ask, context)));
            match select(change, pin!(time.sleep_ms(until_ms - now_ms))).await {
                Either::Left((change, _)) => change,
                Either::Right(_) => Change::Ended,
            }
        };
        match change {
            Change::Live => return Ok(Followed::Live(LiveBytes { state, at: 0, broken: false })),
            Change::Alone => return Ok(Followed::Alone),
            Change::Again => return Ok(Followed::Again),
            // The lease has ended, or somebody's time is up: whose turn it is now is asked at the top.
            Change::Ended => {}
        }
    }
}

enum Change {
    Live,
    Alone,
    Again,
    Ended,
}

/// A follower, counted while it listens.
#[derive(Debug)]
struct Listener(Shared);

impl Listener {
    fn new(state: Shared) -> Self {
        state.borrow_mut().followers += 1;
        Self(state)
    }

    fn change(&self, ask: &Follow, context: &Context<'_>) -> Poll<Change> {
        let mut state = self.0.borrow_mut();
        match state.ending {
            Some(Ending::Alone) => return Poll::Ready(Change::Alone),
            Some(Ending::Kept) if ask.until == Until::Kept => return Poll::Ready(Change::Again),
            Some(_) => return Poll::Ready(Change::Ended),
            None => {}
        }
        if state.begun && ask.until == Until::FirstByte {
            return Poll::Ready(Change::Alone);
        }
        // Before its first byte a follower can still take over.
        if let (Some(live), Until::Answer(request)) = (&state.live, ask.until)
            && live.request == request
            && live.end.is_none()
            && !live.bytes.is_empty()
            && live.bytes.len() <= MAX_JOIN_BYTES
        {
            return Poll::Ready(Change::Live);
        }
        state.listen(context);
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.followers = state.followers.saturating_sub(1);
    }
}

/// The bytes of a leader's stream, from its beginning, as they come.
#[derive(Debug)]
pub struct LiveBytes {
    state: Listener,
    at: usize,
    broken: bool,
}

impl LiveBytes {
    /// The next piece; nothing at the end; an error when it broke off before that.
    pub async fn next(&mut self, time: &impl Time) -> Option<Result<Vec<u8>, ShardFault>> {
        loop {
            let silent_ms = time.now_ms().saturating_sub(self.state.0.borrow().progress_ms);
            let rest_ms = LIVE_SILENCE_MS.saturating_sub(silent_ms);
            if rest_ms == 0 {
                self.state.0.borrow_mut().end_live(LiveEnd::Broken);
            }
            let piece = {
                let piece = pin!(poll_fn(|context| self.poll_next(context)));
                match select(piece, pin!(time.sleep_ms(rest_ms.max(1)))).await {
                    Either::Left((piece, _)) => Some(piece),
                    Either::Right(_) => None,
                }
            };
            if let Some(piece) = piece {
                return piece;
            }
        }
    }

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Result<Vec<u8>, ShardFault>>> {
        let mut state = self.state.0.borrow_mut();
        let Some(live) = &state.live else { return Poll::Ready(None) };
        if let Some(bytes) = live.bytes.get(self.at..).filter(|bytes| !bytes.is_empty()) {
            let piece = bytes.to_vec();
            self.at += piece.len();
            return Poll::Ready(Some(Ok(piece)));
        }
        match live.end {
            Some(LiveEnd::Broken) if !std::mem::replace(&mut self.broken, true) => {
                Poll::Ready(Some(Err(ShardFault("the request that was asking the upstream broke off".into()))))
            }
            Some(_) => Poll::Ready(None),
            None => {
                state.listen(context);
                Poll::Pending
            }
        }
    }
}
