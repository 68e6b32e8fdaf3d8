//! What the gateway asks of the ledgers: [`crate::ledger::book`] says what they do.

use serde::{Deserialize, Serialize};

use super::ShardFault;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::record::RequestRecord;

/// The ledgers.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so nothing here needs to be Send")]
pub trait Ledgers {
    /// Asks something of a ledger, by its name: a tenant's id, or one that no tenant can have.
    async fn book(&self, ledger: &str, ask: &Ask) -> Result<Answer, ShardFault>;
    /// Takes a ledger into the list of those that there are, or a tenant out of it.
    async fn list_ledger(&self, ledger: &str, standing: Enlisted) -> Result<(), ShardFault>;
    /// The ledgers that there are, in the order of their names, from after a name.
    async fn ledgers(&self, after: Option<&str>, limit: u32) -> Result<Vec<(String, Enlisted)>, ShardFault>;
    /// Hands a record to whoever else wants it. Nobody waits for that.
    fn publish(&self, record: &RequestRecord);
}

/// As what a ledger is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enlisted {
    /// That of a tenant.
    Tenant,
    /// One with sums or budgets alone: of callers with keys of their own, or of a tenant that is gone.
    Sums,
}
