//! Who asks the upstream when several requests want the same answer at the same time: the first leads, the others
//! follow, and when the leader fails one of them takes over. It lives in the shard's object, the one place where
//! requests of different isolates may wait for each other.

mod follow;
pub mod line;
mod purges;

pub use follow::{LiveBytes, follow};
pub use purges::Purges;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

use crate::cache::key::Digest;
use crate::ports::{Lease, Terms, Turn};

/// How long a leader may take to open its line before another one is chosen, in milliseconds. It does so at once, so
/// a longer silence means that its isolate is gone.
const GRANT_MS: u64 = 2_000;

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
    purges: Purges,
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

    /// How many leaders are at work, and how many requests wait for them or read their streams.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let at_work = |state: &State| state.opened && state.ending.is_none();
        let leases = self.held.values().filter(|state| at_work(&state.borrow())).count();
        let passed: Vec<Shared> = self.passed.iter().filter_map(Weak::upgrade).collect();
        let followers: u64 = self.held.values().chain(&passed).map(|state| u64::from(state.borrow().followers)).sum();
        (leases as u64, followers)
    }

    /// What was purged while leaders were asking.
    pub fn purges(&mut self) -> &mut Purges {
        &mut self.purges
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
