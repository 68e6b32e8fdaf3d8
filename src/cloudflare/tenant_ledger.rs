//! The Durable Object of one tenant: [`crate::tenant::directory`] over the object's storage.

use worker::{DurableObject, Env, ListOptions, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::ports::{OWN_KEYS, ShardPlace};
use crate::tenant::directory::{Order, Outcome, Tenant, carry_out};

/// Under what the tenant is stored.
const RECORD: &str = "tenant";

/// Under what a shard is listed, followed by its name; in the one ledger that lists shards.
const PLACE: &str = "place:";

/// Shards that are listed at most.
const MAX_PLACES: usize = 2_000;

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
            "/place" => {
                let (place, tenant): (ShardPlace, Option<String>) = read(&body)?;
                self.add_place(&place, tenant).await
            }
            "/places" => {
                let tenant: Option<String> = read(&body)?;
                self.places(tenant.as_deref()).await
            }
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

    /// Adds a shard to the list of those that hold something, or notes that it is in use. When the list is full, the one that
    /// was used longest ago leaves; a tenant's only when there are no others, for its operator purges by this list.
    async fn add_place(&self, place: &ShardPlace, tenant: Option<String>) -> Result<Vec<u8>> {
        let storage = self.state.storage();
        let mut listed = self.listed().await?;
        listed.retain(|known| known.place != *place);
        while listed.len() >= MAX_PLACES {
            let ownerless = listed.iter().rposition(|known| known.tenant.is_none());
            let oldest = listed.remove(ownerless.unwrap_or(listed.len() - 1));
            storage.delete(&format!("{PLACE}{}", oldest.place.0)).await?;
        }
        let used = Listed { place: place.clone(), tenant, used_ms: worker::Date::now().as_millis() };
        storage.put(&format!("{PLACE}{}", place.0), serde_json::to_string(&used)?).await?;
        write(&())
    }

    async fn places(&self, tenant: Option<&str>) -> Result<Vec<u8>> {
        let wanted = |listed: &Listed| match tenant {
            None => true,
            Some(OWN_KEYS) => listed.tenant.is_none(),
            tenant => listed.tenant.as_deref() == tenant,
        };
        let places: Vec<ShardPlace> =
            self.listed().await?.into_iter().filter(wanted).map(|listed| listed.place).collect();
        write(&places)
    }

    /// The listed shards, the last used first.
    async fn listed(&self) -> Result<Vec<Listed>> {
        let options = ListOptions::new().prefix(PLACE).limit(MAX_PLACES + 1);
        let found = self.state.storage().list_with_options(options).await?;
        let values = found.values().into_iter().filter_map(|value| value.ok()?.as_string());
        let mut listed: Vec<Listed> = values.filter_map(|value| serde_json::from_str(&value).ok()).collect();
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.used_ms));
        Ok(listed)
    }
}

/// A shard that holds something.
#[derive(serde::Serialize, serde::Deserialize)]
struct Listed {
    place: ShardPlace,
    /// Whose it is, when it is a tenant's.
    tenant: Option<String>,
    used_ms: u64,
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    postcard::from_bytes(body).map_err(|error| worker::Error::RustError(error.to_string()))
}

fn write<T: serde::Serialize>(answer: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(answer).map_err(|error| worker::Error::RustError(error.to_string()))
}
