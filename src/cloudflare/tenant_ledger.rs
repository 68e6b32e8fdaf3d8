//! The Durable Object of one tenant: [`crate::tenant::directory`] over the object's storage, and [`crate::ledger::book`]
//! over its database.

use std::cell::RefCell;

use worker::{Date, DurableObject, Env, ListOptions, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::sql_book::SqlBook;
use crate::ledger::book::{Answer, Ask, Book};
use crate::ports::{Enlisted, OWN_KEYS, ShardFault, ShardPlace};
use crate::tenant::directory::{Order, Outcome, Tenant, carry_out};
use crate::tenant::places::{Listed, MAX_PLACES, Places, leaves};

/// Under what the tenant is stored.
const RECORD: &str = "tenant";

/// Under what a shard is listed, followed by its name; in the one ledger that lists shards.
const PLACE: &str = "place:";

/// Under what it is stored how many shards have left the list.
const DROPPED: &str = "dropped";

/// Under what a ledger is listed, followed by its name; in the same one.
const LEDGER: &str = "ledger:";

/// One tenant, or the list of shards and ledgers.
#[durable_object]
pub struct TenantLedger {
    state: State,
    book: RefCell<Option<Book<SqlBook>>>,
}

impl std::fmt::Debug for TenantLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantLedger")
    }
}

impl DurableObject for TenantLedger {
    fn new(state: State, _env: Env) -> Self {
        Self { state, book: RefCell::new(None) }
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
            "/book" => write(&self.carry_out(read(&body)?)?),
            "/enlist" => {
                let (name, standing, if_new): (String, Enlisted, bool) = read(&body)?;
                self.enlist(&name, standing, if_new).await
            }
            "/ledgers" => {
                let (after, limit): (Option<String>, u32) = read(&body)?;
                self.ledgers(after.as_deref(), limit).await
            }
            _ => self.order(read(&body)?).await,
        };
        Response::from_bytes(answer?)
    }
}

impl TenantLedger {
    fn carry_out(&self, ask: Ask) -> Result<Answer> {
        let in_words = |fault: ShardFault| worker::Error::RustError(fault.0);
        let mut held = self.book.borrow_mut();
        let book = match &mut *held {
            Some(book) => book,
            none => none.insert(Book::open(SqlBook::open(self.state.storage()).map_err(in_words)?)),
        };
        book.carry_out(ask, Date::now().as_millis()).map_err(in_words)
    }

    /// Lists a ledger. What is only found out in passing does not change what is known.
    async fn enlist(&self, name: &str, standing: Enlisted, if_new: bool) -> Result<Vec<u8>> {
        let (storage, key) = (self.state.storage(), format!("{LEDGER}{name}"));
        let known: Option<String> = if if_new { storage.get(&key).await? } else { None };
        if known.is_none() {
            storage.put(&key, serde_json::to_string(&standing)?).await?;
        }
        write(&())
    }

    async fn ledgers(&self, after: Option<&str>, limit: u32) -> Result<Vec<u8>> {
        // The first key after a name is the name and the lowest character.
        let from = after.map(|after| format!("{LEDGER}{after}\0"));
        let mut options = ListOptions::new().prefix(LEDGER).limit(limit as usize);
        if let Some(from) = &from {
            options = options.start(from);
        }
        let found = self.state.storage().list_with_options(options).await?;
        let mut listed: Vec<(String, Enlisted)> = Vec::new();
        for entry in found.entries() {
            let pair = js_sys::Array::from(&entry?);
            let (key, value) = (pair.get(0).as_string(), pair.get(1).as_string());
            let name = key.as_deref().and_then(|key| key.strip_prefix(LEDGER));
            let standing = value.and_then(|value| serde_json::from_str(&value).ok());
            listed.extend(name.map(str::to_owned).zip(standing));
        }
        write(&listed)
    }

    async fn order(&self, order: Order) -> Result<Vec<u8>> {
        let storage = self.state.storage();
        let stored: Option<String> = storage.get(RECORD).await?;
        let tenant: Option<Tenant> = stored.and_then(|stored| serde_json::from_str(&stored).ok());
        let changes = order.changes();
        let mut outcome = carry_out(tenant, order);
        if let Outcome::Admitted(admitted) = &mut outcome
            && let Answer::Standing(budgets) = self.carry_out(Ask::Standing)?
        {
            admitted.budgets = budgets;
        }
        if let (true, Outcome::Shown(tenant)) = (changes, &outcome) {
            storage.put(RECORD, serde_json::to_string(tenant)?).await?;
        }
        if outcome == Outcome::Removed {
            storage.delete(RECORD).await?;
        }
        write(&outcome)
    }

    /// Adds a shard to the list of those that hold something, or notes that it is in use.
    async fn add_place(&self, place: &ShardPlace, tenant: Option<String>) -> Result<Vec<u8>> {
        let storage = self.state.storage();
        let mut listed = self.listed().await?;
        listed.retain(|known| known.place != *place);
        while listed.len() >= MAX_PLACES
            && let Some(leaving) = leaves(&listed)
        {
            let gone = listed.swap_remove(leaving);
            storage.delete(&format!("{PLACE}{}", gone.place.0)).await?;
            let dropped: Option<u64> = storage.get(DROPPED).await?;
            storage.put(DROPPED, dropped.unwrap_or(0) + 1).await?;
        }
        let used = Listed { place: place.clone(), tenant, used_ms: Date::now().as_millis() };
        storage.put(&format!("{PLACE}{}", place.0), serde_json::to_string(&used)?).await?;
        write(&())
    }

    async fn places(&self, tenant: Option<&str>) -> Result<Vec<u8>> {
        let dropped: Option<u64> = self.state.storage().get(DROPPED).await?;
        write(&Places::of(self.listed().await?, tenant, OWN_KEYS, dropped.unwrap_or(0)))
    }

    /// The listed shards.
    async fn listed(&self) -> Result<Vec<Listed>> {
        let options = ListOptions::new().prefix(PLACE).limit(MAX_PLACES + 1);
        let found = self.state.storage().list_with_options(options).await?;
        let values = found.values().into_iter().filter_map(|value| value.ok()?.as_string());
        Ok(values.filter_map(|value| serde_json::from_str(&value).ok()).collect())
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    postcard::from_bytes(body).map_err(|error| worker::Error::RustError(error.to_string()))
}

fn write<T: serde::Serialize>(answer: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(answer).map_err(|error| worker::Error::RustError(error.to_string()))
}
