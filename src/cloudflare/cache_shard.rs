//! The Durable Object that holds a shard of the cache: [`crate::shard`] over SQLite.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::ready;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use worker::{
    Date, Delay, DurableObject, Env, Request, Response, Result, State, console_error, durable_object, wasm_bindgen,
};

use super::sql_rows::SqlRows;
use crate::cache::key::{Digest, EntryPrefix};
use crate::leases::line::{Frame, Reader};
use crate::leases::{self, Leases, LiveBytes, Time};
use crate::ports::entries::{Export, Find, Purge, Stored};
use crate::ports::evidence::{Feedback, Note};
use crate::ports::prefixes::{PrefixKnown, PrefixSeen};
use crate::ports::{Follow, Followed, Lease, Lookup, LookupMany, ShardFault, Store, TakeTurn};
use crate::shard::{Indexes, PREFIX_KEPT_MS, Shard};

thread_local! {
    static INDEXES: RefCell<Indexes> = RefCell::default();
}

/// Graph insertions between two pauses: about ten milliseconds of work, behind which a request may have to wait.
const SLICE_POINTS: usize = 8;

/// Stale rows are removed at most this often.
const SWEEP_PAUSE_MS: u64 = 10_000;

/// One shard of one namespace.
#[durable_object]
pub struct CacheShard {
    core: Rc<Core>,
    alarm_ms: Cell<Option<u64>>,
    growing: Rc<Cell<bool>>,
}

/// What also a request holds that waits for another one.
struct Core {
    state: State,
    shard: RefCell<Option<Shard<SqlRows>>>,
    leases: Rc<RefCell<Leases>>,
}

impl Core {
    /// Runs something on the shard, which wakes at its first use.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Shard<SqlRows>, &mut Indexes) -> std::result::Result<T, ShardFault>,
    ) -> std::result::Result<T, ShardFault> {
        INDEXES.with_borrow_mut(|indexes| {
            let mut held = self.shard.borrow_mut();
            let shard = match &mut *held {
                Some(shard) => shard,
                none => {
                    let rows = SqlRows::open(self.state.storage())?;
                    none.insert(Shard::wake(self.state.id().to_string(), rows, indexes, self.leases.clone())?)
                }
            };
            act(shard, indexes)
        })
    }

    /// Waits for a leader.
    async fn follow(&self, ask: &Follow) -> std::result::Result<Followed<LiveBytes>, ShardFault> {
        let find = |now_ms| self.with(|shard, _| shard.fresh(&ask.key, &ask.wanted, now_ms));
        leases::follow(&self.leases, ask, &ObjectTime, find).await
    }
}

impl std::fmt::Debug for CacheShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CacheShard")
    }
}

impl DurableObject for CacheShard {
    fn new(state: State, _env: Env) -> Self {
        let core = Core { state, shard: RefCell::new(None), leases: Rc::default() };
        Self { core: Rc::new(core), alarm_ms: Cell::new(None), growing: Rc::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let answer = match request.path().as_str() {
            "/lead" => self.lead(&mut request).await,
            "/follow" => match self.follow(&request.bytes().await?) {
                Ok(response) => return Ok(response),
                Err(fault) => Err(fault),
            },
            operation => {
                let body = request.bytes().await?;
                self.operate(operation, &body).await
            }
        };
        match answer {
            Ok(bytes) => Response::from_bytes(bytes),
            Err(fault) => {
                console_error!("CacheShard: {}", fault.0);
                Response::error(fault.0, 500)
            }
        }
    }

    async fn alarm(&self) -> Result<Response> {
        let now_ms = now_ms();
        self.alarm_ms.set(None);
        match self.with(|shard, indexes| shard.expire(now_ms, indexes)) {
            Ok(Some(next_ms)) => self.set_alarm(next_ms.max(now_ms + SWEEP_PAUSE_MS)).await?,
            // An object without a row is given back whole, so that callers who never return leave nothing.
            Ok(None) => {
                self.core.shard.replace(None);
                self.core.state.storage().delete_all().await?;
            }
            Err(fault) => {
                console_error!("CacheShard: {}", fault.0);
                self.set_alarm(now_ms + SWEEP_PAUSE_MS).await?;
            }
        }
        Response::empty()
    }
}

impl CacheShard {
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Shard<SqlRows>, &mut Indexes) -> std::result::Result<T, ShardFault>,
    ) -> std::result::Result<T, ShardFault> {
        self.core.with(act)
    }

    async fn operate(&self, operation: &str, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        match operation {
            "/lookup" => self.lookup(body),
            "/lookup_many" => {
                let ask = LookupMany { now_ms: now_ms(), ..read(body)? };
                write(&self.with(|shard, _| shard.lookup_many(&ask))?)
            }
            "/store" => {
                let entries: Vec<Store> = read(body)?;
                let stored = self.with(|shard, indexes| shard.store_all(&entries, indexes))?;
                self.plan_sweep(&entries).await?;
                write(&stored)
            }
            "/turn" => {
                let ask: TakeTurn = read(body)?;
                write(&self.with(|shard, _| shard.take_turn(&ask, now_ms()))?)
            }
            "/followers" => {
                let lease: Lease = read(body)?;
                write(&self.core.leases.borrow().followers(&lease))
            }
            "/note" => {
                let note: Note = read(body)?;
                self.with(|shard, _| shard.note(&note, now_ms()))?;
                write(&())
            }
            "/prefix" => self.prefix(body).await,
            "/feedback" => {
                let word: Feedback = read(body)?;
                write(&self.with(|shard, indexes| shard.feedback(&word, now_ms(), indexes))?)
            }
            "/report" => write(&self.with(|shard, _| shard.report())?),
            _ => self.operate_on_entries(operation, body),
        }
    }

    /// What an operator asks.
    fn operate_on_entries(&self, operation: &str, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        match operation {
            "/find" => {
                let ask: Find = read(body)?;
                write(&self.with(|shard, _| shard.find(&ask))?)
            }
            "/show" => {
                let entry: EntryPrefix = read(body)?;
                write(&self.with(|shard, _| shard.show(&entry))?)
            }
            "/purge" => {
                let ask: Purge = read(body)?;
                write(&self.with(|shard, indexes| shard.purge(&ask, now_ms(), indexes))?)
            }
            "/export" => {
                let ask: Export = read(body)?;
                write(&self.with(|shard, _| shard.export(&ask))?)
            }
            other => Err(ShardFault(format!("a shard has no operation {other}"))),
        }
    }

    fn lookup(&self, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        // One clock for everything that a shard decides: its own.
        let ask = Lookup { now_ms: now_ms(), ..read(body)? };
        let looked = self.with(|shard, indexes| shard.lookup(&ask, indexes))?;
        if ask.query.is_some() {
            self.grow(ask.scope, ask.hnsw_from);
        }
        write(&looked)
    }

    async fn prefix(&self, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        let ask = PrefixSeen { now_ms: now_ms(), ..read(body)? };
        let answer = self.with(|shard, _| shard.prefix(&ask))?;
        if ask.keep && matches!(answer.known, PrefixKnown::Noted(_)) {
            self.sweep_by(ask.now_ms + PREFIX_KEPT_MS).await?;
        }
        write(&answer)
    }

    /// Listens on a leader's line until its last word. A line that breaks off before that is a leader's death.
    async fn lead(&self, request: &mut Request) -> std::result::Result<Vec<u8>, ShardFault> {
        let fault = |error: worker::Error| ShardFault(error.to_string());
        let mut line = request.stream().map_err(fault)?;
        let (mut reader, mut seat) = (Reader::default(), None);
        while let Some(Ok(piece)) = line.next().await {
            for frame in reader.feed(&piece)? {
                let sweep_ms = if let Frame::Keep(entries) = &frame { sweep_times(entries) } else { None };
                let last = self.with(|shard, indexes| shard.hear(&mut seat, frame, now_ms(), indexes))?;
                if let Some(sweep_ms) = sweep_ms {
                    self.sweep_by(sweep_ms).await?;
                }
                if let Some(stored) = last {
                    return write(&stored);
                }
            }
        }
        write(&Stored::All)
    }

    /// Waits for a leader. The answer begins at once, so that a client's leaving, which ends it, also ends the waiting:
    /// first what came of it, then, if that is live, the bytes as they come.
    fn follow(&self, body: &[u8]) -> std::result::Result<Response, ShardFault> {
        let (core, ask) = (self.core.clone(), read::<Follow>(body)?);
        let first = stream::once(async move {
            let followed = core.follow(&ask).await?;
            let (heard, live) = match followed {
                Followed::Hit(found) => (Followed::Hit(found), None),
                Followed::Live(live) => (Followed::Live(()), Some(live)),
                Followed::Again => (Followed::Again, None),
                Followed::Lead(token) => (Followed::Lead(token), None),
                Followed::Alone => (Followed::Alone, None),
            };
            Ok::<_, ShardFault>((frame(&heard)?, live))
        });
        let pieces = first.flat_map(|first| match first {
            Ok((frame, live)) => stream::once(ready(Ok(frame))).chain(live_pieces(live)).left_stream(),
            Err(fault) => stream::once(ready(Err(fault))).right_stream(),
        });
        let pieces = pieces.map(|piece| piece.map_err(|fault| worker::Error::RustError(fault.0)));
        Response::from_stream(Box::pin(pieces)).map_err(|error| ShardFault(error.to_string()))
    }

    async fn plan_sweep(&self, entries: &[Store]) -> std::result::Result<(), ShardFault> {
        match sweep_times(entries) {
            Some(sweep_ms) => self.sweep_by(sweep_ms).await,
            None => Ok(()),
        }
    }

    async fn sweep_by(&self, sweep_ms: u64) -> std::result::Result<(), ShardFault> {
        let sweep_ms = sweep_ms.max(now_ms() + SWEEP_PAUSE_MS);
        if self.alarm_ms.get().is_none_or(|alarm_ms| sweep_ms < alarm_ms) {
            self.sooner_alarm(sweep_ms).await.map_err(|error| ShardFault(error.to_string()))?;
        }
        Ok(())
    }

    /// Builds a scope's graph in slices, with pauses in which requests are answered (by the exact scan).
    fn grow(&self, scope: Digest, hnsw_from: u32) {
        let object = self.core.state.id().to_string();
        let slice = move || INDEXES.with_borrow_mut(|indexes| indexes.grow(&object, &scope, hnsw_from, SLICE_POINTS));
        if self.growing.get() || !slice() {
            return;
        }
        let growing = self.growing.clone();
        growing.set(true);
        self.core.state.wait_until(async move {
            while slice() {
                Delay::from(Duration::from_millis(1)).await;
            }
            growing.set(false);
        });
    }

    async fn sooner_alarm(&self, at_ms: u64) -> Result<()> {
        let set_ms = self.core.state.storage().get_alarm().await?.and_then(|ms| u64::try_from(ms).ok());
        match set_ms {
            Some(set_ms) if set_ms <= at_ms => {
                self.alarm_ms.set(Some(set_ms));
                Ok(())
            }
            _ => self.set_alarm(at_ms).await,
        }
    }

    async fn set_alarm(&self, at_ms: u64) -> Result<()> {
        self.alarm_ms.set(Some(at_ms));
        // A number would be taken for a distance from now, as a duration is.
        self.core.state.storage().set_alarm(Duration::from_millis(at_ms.saturating_sub(now_ms()))).await
    }
}

/// Time, in the object.
struct ObjectTime;

impl Time for ObjectTime {
    fn now_ms(&self) -> u64 {
        now_ms()
    }

    async fn sleep_ms(&self, ms: u64) {
        Delay::from(Duration::from_millis(ms)).await;
    }
}

fn now_ms() -> u64 {
    Date::now().as_millis()
}

/// When the first of some entries is to be removed.
fn sweep_times(entries: &[Store]) -> Option<u64> {
    entries.iter().map(|new| new.purge_ms).min()
}

fn live_pieces(live: Option<LiveBytes>) -> impl Stream<Item = std::result::Result<Vec<u8>, ShardFault>> {
    stream::unfold(live, |live| async move {
        let mut live = live?;
        let piece = live.next(&ObjectTime).await?;
        Some((piece, Some(live)))
    })
}

/// What came of a follower's waiting, on the wire: its length in four bytes, then postcard.
fn frame(followed: &Followed<()>) -> std::result::Result<Vec<u8>, ShardFault> {
    let body = write(followed)?;
    let mut frame = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    frame.extend(body);
    Ok(frame)
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> std::result::Result<T, ShardFault> {
    postcard::from_bytes(body).map_err(|error| ShardFault(format!("unreadable request: {error}")))
}

fn write<T: Serialize>(answer: &T) -> std::result::Result<Vec<u8>, ShardFault> {
    postcard::to_stdvec(answer).map_err(|error| ShardFault(format!("unwritable answer: {error}")))
}
