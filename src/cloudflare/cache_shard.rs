//! The Durable Object that holds a shard of the cache: [`crate::shard`] over SQLite.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use worker::{
    Date, Delay, DurableObject, Env, Request, Response, Result, State, console_error, durable_object, wasm_bindgen,
};

use super::sql_rows::SqlRows;
use crate::cache::key::Digest;
use crate::ports::{Lookup, ShardFault, Store};
use crate::shard::{Indexes, Shard};

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
    state: State,
    shard: RefCell<Option<Shard<SqlRows>>>,
    alarm_ms: Cell<Option<u64>>,
    growing: Rc<Cell<bool>>,
}

impl std::fmt::Debug for CacheShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CacheShard")
    }
}

impl DurableObject for CacheShard {
    fn new(state: State, _env: Env) -> Self {
        Self { state, shard: RefCell::new(None), alarm_ms: Cell::new(None), growing: Rc::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let body = request.bytes().await?;
        let answer = match request.path().as_str() {
            "/lookup" => self.lookup(&body),
            "/store" => self.store(&body).await,
            other => Err(ShardFault(format!("a shard has no operation {other}"))),
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
        let now_ms = Date::now().as_millis();
        self.alarm_ms.set(None);
        match self.with(|shard, indexes| shard.expire(now_ms, indexes)) {
            Ok(Some(next_ms)) => self.set_alarm(next_ms.max(now_ms + SWEEP_PAUSE_MS)).await?,
            // An object without a row is given back whole, so that callers who never return leave nothing.
            Ok(None) => {
                self.shard.replace(None);
                self.state.storage().delete_all().await?;
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
                    none.insert(Shard::wake(self.state.id().to_string(), rows, indexes)?)
                }
            };
            act(shard, indexes)
        })
    }

    fn lookup(&self, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        let ask: Lookup = read(body)?;
        let looked = self.with(|shard, indexes| shard.lookup(&ask, indexes))?;
        if ask.query.is_some() {
            self.grow(ask.scope, ask.hnsw_from);
        }
        write(&looked)
    }

    async fn store(&self, body: &[u8]) -> std::result::Result<Vec<u8>, ShardFault> {
        let new: Store = read(body)?;
        self.with(|shard, indexes| shard.store(&new, indexes))?;
        let sweep_ms = new.expires_ms.max(new.now_ms + SWEEP_PAUSE_MS);
        if self.alarm_ms.get().is_none_or(|alarm_ms| sweep_ms < alarm_ms) {
            self.sooner_alarm(sweep_ms).await.map_err(|error| ShardFault(error.to_string()))?;
        }
        write(&())
    }

    /// Builds a scope's graph in slices, with pauses in which requests are answered (by the exact scan).
    fn grow(&self, scope: Digest, hnsw_from: u32) {
        let object = self.state.id().to_string();
        let slice = move || INDEXES.with_borrow_mut(|indexes| indexes.grow(&object, &scope, hnsw_from, SLICE_POINTS));
        if self.growing.get() || !slice() {
            return;
        }
        let growing = self.growing.clone();
        growing.set(true);
        self.state.wait_until(async move {
            while slice() {
                Delay::from(Duration::from_millis(1)).await;
            }
            growing.set(false);
        });
    }

    async fn sooner_alarm(&self, at_ms: u64) -> Result<()> {
        let set_ms = self.state.storage().get_alarm().await?.and_then(|ms| u64::try_from(ms).ok());
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
        self.state.storage().set_alarm(Duration::from_millis(at_ms.saturating_sub(Date::now().as_millis()))).await
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> std::result::Result<T, ShardFault> {
    postcard::from_bytes(body).map_err(|error| ShardFault(format!("unreadable request: {error}")))
}

fn write<T: Serialize>(answer: &T) -> std::result::Result<Vec<u8>, ShardFault> {
    postcard::to_stdvec(answer).map_err(|error| ShardFault(format!("unwritable answer: {error}")))
}
