//! Who asks the upstream when several requests want the same answer at the same time: the first leads, the others
//! follow, and when the leader fails one of them takes over. It lives in the shard's object, the one place where
//! requests of different isolates may wait for each other.

pub mod line;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, select};

use crate::cache::key::Digest;
use crate::ports::{Follow, Followed, Found, Lease, ShardFault, Terms, Turn, Until};

/// How long a leader may take to open its line before another one is chosen, in milliseconds. It does so at once, so
/// a longer silence means that its isolate is gone.
const GRANT_MS: u64 = 2_000;

/// How long a live answer may be silent before its readers are told that it broke off, in milliseconds. A model may
/// think for long between two words.
const LIVE_SILENCE_MS: u64 = 300_000;

/// Leases that one object keeps at most; past it requests go their own way.
const MAX_LEASES: usize = 4_096;

/// Bytes of a live answer past which nobody begins to read it any more, and that one may have at most.
const MAX_JOIN_BYTES: usize = 4 * 1024 * 1024;
const MAX_LIVE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of all live answers together past which those that nobody reads are dropped; who comes later waits for the end.
const MAX_ALL_LIVE_BYTES: usize = 16 * 1024 * 1024;

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer is in the shard.
    Kept,
    /// The leader died, failed or was silent for too long: the next one leads.
    HandOver,
    /// The leader has an answer that is not kept: everyone asks for themselves.
    Alone,
}

/// Time, as a shard's object has it.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Time {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Waits.
    async fn sleep_ms(&self, ms: u64);
}

#[derive(Debug)]
struct State {
    token: u64,
    /// When the leader last gave a sign of life.
    progress_ms: u64,
    /// The leader's line is open.
    opened: bool,
    /// The upstream's answer has begun.
    begun: bool,
    live: Option<Live>,
    /// For those who wait.
    ending: Option<Ending>,
    followers: u32,
    wakers: Vec<Waker>,
}

/// A stream as the leader gets it.
#[derive(Debug)]
struct Live {
    /// The digest of the request that it answers.
    request: Digest,
    bytes: Vec<u8>,
    end: Option<LiveEnd>,
    /// The bytes of all live answers of the shard.
    all: Rc<Cell<usize>>,
}

impl Live {
    fn grow(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.all.set(self.all.get() + bytes.len());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.bytes.len()));
    }
}

/// How a live answer ended for those who read it. It may end later than the lease, when a silent leader was passed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LiveEnd {
    /// Where the upstream's ended.
    Whole,
    /// Before that.
    Broken,
}

impl State {
    fn expired(&self, terms: &Terms, now_ms: u64) -> bool {
        self.ending.is_some() || now_ms >= self.expires_ms(terms)
    }

    fn expires_ms(&self, terms: &Terms) -> u64 {
        self.progress_ms + if self.opened { terms.patience_ms } else { GRANT_MS.min(terms.patience_ms) }
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Ends the lease for those who wait for it; the first ending counts.
    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.wake();
    }

    /// Ends the answer for those who read it as it comes.
    fn end_live(&mut self, end: LiveEnd) {
        if let Some(live) = &mut self.live {
            live.end.get_or_insert(end);
        }
        // What nobody reads needs no room.
        if self.followers == 0 {
            self.live = None;
        }
        self.wake();
    }

    fn listen(&mut self, context: &Context<'_>) {
        if !self.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.wakers.push(context.waker().clone());
        }
    }
}

type Shared = Rc<RefCell<State>>;

/// The leases of one shard.
#[derive(Debug, Default)]
pub struct Leases {
    held: HashMap<Digest, Shared>,
    /// Leases that were passed by, whose leaders may still be read.
    passed: Vec<Weak<RefCell<State>>>,
    live_bytes: Rc<Cell<usize>>,
    /// Prefixes that a provider holds in its cache, and until when.
    warm: HashMap<Digest, u64>,
    last_token: u64,
}

impl Leases {
    /// Whose turn it is to ask for what `key` stands for.
    pub fn turn(&mut self, key: &Digest, terms: &Terms, now_ms: u64) -> Turn {
        match self.join(key, terms, now_ms) {
            Joined::Lead(token) => Turn::Lead(token),
            Joined::Follow(_) => Turn::Follow,
            Joined::Alone => Turn::Alone,
        }
    }

    fn join(&mut self, key: &Digest, terms: &Terms, now_ms: u64) -> Joined {
        if self.warm.get(key).is_some_and(|until_ms| now_ms < *until_ms) {
            return Joined::Alone;
        }
        if let Some(state) = self.held.get(key) {
            if !state.borrow().expired(terms, now_ms) {
                return Joined::Follow(state.clone());
            }
            // Those who wait for the old leader look again, and find the new one.
            state.borrow_mut().end(Ending::HandOver);
            self.passed.retain(|state| state.strong_count() > 0);
            self.passed.push(Rc::downgrade(state));
        }
        if self.held.len() >= MAX_LEASES {
            self.held.retain(|_, state| !state.borrow().expired(terms, now_ms));
            self.warm.retain(|_, until_ms| now_ms < *until_ms);
        }
        if self.held.len() >= MAX_LEASES || terms.patience_ms == 0 {
            return Joined::Alone;
        }
        // Numbers rise over the object's lives, so that no leader of an earlier one is taken for one of this.
        self.last_token = now_ms.max(self.last_token + 1);
        let state = State {
            token: self.last_token,
            progress_ms: now_ms,
            opened: false,
            begun: false,
            live: None,
            ending: None,
            followers: 0,
            wakers: Vec::new(),
        };
        self.held.insert(*key, Rc::new(RefCell::new(state)));
        Joined::Lead(self.last_token)
    }

    /// The leader's line is open. A leader whose lease is another's by now still gets a seat: its answer is as good.
    pub fn open(&mut self, lease: Lease, now_ms: u64) -> Seat {
        // A leader that died has left its lease behind.
        self.held.retain(|_, state| state.borrow().ending.is_none());
        let mine = |state: &&Shared| state.borrow().token == lease.token && !state.borrow().opened;
        let state = self.held.get(&lease.key).filter(mine).cloned();
        if let Some(state) = &state {
            let mut state = state.borrow_mut();
            state.opened = true;
            state.progress_ms = now_ms;
        }
        Seat { key: lease.key, state }
    }

    /// Nobody has to wait for this prefix until then.
    pub fn warm(&mut self, key: &Digest, until_ms: u64, now_ms: u64) {
        if self.warm.len() >= MAX_LEASES {
            self.warm.retain(|_, until_ms| now_ms < *until_ms);
        }
        if self.warm.len() < MAX_LEASES {
            self.warm.insert(*key, until_ms);
        }
    }

    /// Ends a lease on its leader's word; what it fed is whole.
    pub fn close(&mut self, seat: Seat, ending: Ending) {
        seat.end(ending, LiveEnd::Whole);
        if self.held.get(&seat.key).is_some_and(|state| state.borrow().ending.is_some()) {
            self.held.remove(&seat.key);
        }
    }

    /// How many wait for the holder of a lease, or read its stream.
    #[must_use]
    pub fn followers(&self, lease: &Lease) -> u32 {
        let passed: Vec<Shared> = self.passed.iter().filter_map(Weak::upgrade).collect();
        let of = |state: &&Shared| state.borrow().token == lease.token;
        let state = self.held.get(&lease.key).filter(of).or_else(|| passed.iter().find(of));
        state.map_or(0, |state| state.borrow().followers)
    }

    /// How many bytes of live answers there are.
    #[must_use]
    pub fn live_bytes(&self) -> &Rc<Cell<usize>> {
        &self.live_bytes
    }
}

enum Joined {
    Lead(u64),
    Follow(Shared),
    Alone,
}

/// A leader's place. Dropped without an end, it is handed over: the leader died.
#[derive(Debug)]
pub struct Seat {
    key: Digest,
    state: Option<Shared>,
}

impl Seat {
    /// What it leads for.
    #[must_use]
    pub fn key(&self) -> &Digest {
        &self.key
    }

    /// The upstream's answer has begun; with `live`, its bytes follow, for those whose request is the same.
    pub fn begin(&self, live: Option<Digest>, all: &Rc<Cell<usize>>, now_ms: u64) {
        self.with(now_ms, |state| {
            state.begun = true;
            state.live = live.map(|request| Live { request, bytes: Vec::new(), end: None, all: all.clone() });
        });
    }

    /// More of the answer.
    pub fn feed(&self, bytes: &[u8], now_ms: u64) {
        self.with(now_ms, |state| {
            let unread = state.followers == 0;
            let Some(live) = &mut state.live else { return };
            let length = live.bytes.len() + bytes.len();
            if unread && (length > MAX_JOIN_BYTES || live.all.get() + bytes.len() > MAX_ALL_LIVE_BYTES) {
                state.live = None;
            } else if length > MAX_LIVE_BYTES {
                state.end_live(LiveEnd::Broken);
            } else if live.end.is_none() {
                live.grow(bytes);
            }
        });
    }

    fn end(&self, ending: Ending, live: LiveEnd) {
        if let Some(state) = &self.state {
            let mut state = state.borrow_mut();
            state.end(ending);
            state.end_live(live);
        }
    }

    fn with(&self, now_ms: u64, act: impl FnOnce(&mut State)) {
        if let Some(state) = &self.state {
            let mut state = state.borrow_mut();
            state.progress_ms = now_ms;
            act(&mut state);
            state.wake();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.end(Ending::HandOver, LiveEnd::Broken);
    }
}

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
