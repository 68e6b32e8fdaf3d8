//! The Durable Object of one tenant: [`crate::tenant::directory`] over the object's storage.

use worker::{DurableObject, Env, ListOptions, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::ports::ShardPlace;
use crate::tenant::directory::{Order, Outcome, Tenant, carry_out};

/// Under what the tenant is stored.
const RECORD: &str = "tenant";

/// Under what a shard is listed, followed by its name; in the one ledger that lists shards.
const PLACE: &str = "place:";

/// Shards that are listed at most.
const MAX_PLACES: usize = 1_000;

/// One tenant, or the list of shards.
#[durable_object]
pub struct TenantLedger {
    state: State,
}

impl std::fmt::Debug for TenantLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantLedger")
    }
}

impl DurableObject for TenantLedger {
    fn new(state: State, _env: Env) -> Self {
        Self { state }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let operation = request.path();
        let body = request.bytes().await?;
        let answer = match operation.as_str() {
            "/place" => self.add_place(&read(&body)?).await,
            "/places" => self.places().await,
            _ => self.order(read(&body)?).await,
        };
        Response::from_bytes(answer?)
    }
}

impl TenantLedger {
    async fn order(&self, order: Order) -> Result<Vec<u8>> {
        let storage = self.state.storage();
        let stored: Option<String> = storage.get(RECORD).await?;
        let tenant: Option<Tenant> = stored.and_then(|stored| serde_json::from_str(&stored).ok());
        let changes = order.changes();
        let outcome = carry_out(tenant, order);
        if let (true, Outcome::Shown(tenant)) = (changes, &outcome) {
            storage.put(RECORD, serde_json::to_string(tenant)?).await?;
        }
        write(&outcome)
    }

    /// Adds a shard to the list of those that have something to report.
    async fn add_place(&self, place: &ShardPlace) -> Result<Vec<u8>> {
        let storage = self.state.storage();
        let key = format!("{PLACE}{}", place.0);
        let known: Option<bool> = storage.get(&key).await?;
        if known.is_none() && self.listed().await?.len() < MAX_PLACES {
            storage.put(&key, true).await?;
        }
        write(&())
    }

    async fn places(&self) -> Result<Vec<u8>> {
        write(&self.listed().await?)
    }

    async fn listed(&self) -> Result<Vec<ShardPlace>> {
        let options = ListOptions::new().prefix(PLACE).limit(MAX_PLACES);
        let found = self.state.storage().list_with_options(options).await?;
        let names = found.keys().into_iter().filter_map(|key| key.ok()?.as_string());
        Ok(names.filter_map(|name| name.strip_prefix(PLACE).map(|place| ShardPlace(place.to_owned()))).collect())
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    postcard::from_bytes(body).map_err(|error| worker::Error::RustError(error.to_string()))
}

fn write<T: serde::Serialize>(answer: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(answer).map_err(|error| worker::Error::RustError(error.to_string()))
}
