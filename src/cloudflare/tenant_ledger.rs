//! The Durable Object of one tenant: [`crate::tenant::directory`] over the object's storage.

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::tenant::directory::{Order, Outcome, Tenant, carry_out};

/// Under what the tenant is stored.
const RECORD: &str = "tenant";

/// One tenant.
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
        let unreadable = |error: postcard::Error| worker::Error::RustError(error.to_string());
        let order: Order = postcard::from_bytes(&request.bytes().await?).map_err(unreadable)?;
        let storage = self.state.storage();
        let stored: Option<String> = storage.get(RECORD).await?;
        let tenant: Option<Tenant> = stored.and_then(|stored| serde_json::from_str(&stored).ok());
        let changes = order.changes();
        let outcome = carry_out(tenant, order);
        if let (true, Outcome::Shown(tenant)) = (changes, &outcome) {
            storage.put(RECORD, serde_json::to_string(tenant)?).await?;
        }
        Response::from_bytes(postcard::to_stdvec(&outcome).map_err(unreadable)?)
    }
}
