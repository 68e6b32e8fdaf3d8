//! The port to the ledgers, over their objects.

use std::cell::RefCell;
use std::collections::HashSet;

use worker::AnalyticsEngineDataPointBuilder;

use super::calls::ask as ask_object;
use super::places::{PLACES_OBJECT, remember};
use super::world::CloudflareWorld;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::point::Point;
use crate::ledger::record::RequestRecord;
use crate::ports::{Enlisted, Ledgers, ShardFault};

thread_local! {
    /// The ledgers that this isolate has told the list of ledgers about.
    static LEDGERS: RefCell<HashSet<String>> = RefCell::default();
}

/// The binding of a Workers Analytics Engine dataset, if there is one.
const ANALYTICS: &str = "NEARHIT_ANALYTICS";

impl Ledgers for CloudflareWorld {
    async fn book(&self, ledger: &str, ask: &Ask) -> Result<Answer, ShardFault> {
        let answer = ask_object(self.ledger(ledger), "book", ask).await?;
        let new = LEDGERS.with_borrow(|known| !known.contains(ledger));
        if new && matches!(ask, Ask::Record { .. } | Ask::SetBudget(..)) {
            let of_tenant =
                matches!(ask, Ask::Record { records, .. } if records.iter().any(|record| record.tenant.is_some()));
            let standing = if of_tenant { Enlisted::Tenant } else { Enlisted::Sums };
            // A list that cannot be asked is told of it at the next request.
            let told = ask_object::<_, ()>(self.ledger(PLACES_OBJECT), "enlist", &(ledger, standing, true)).await;
            if told.is_ok() {
                LEDGERS.with_borrow_mut(|known| remember(known, ledger.to_owned()));
            }
        }
        Ok(answer)
    }

    async fn list_ledger(&self, ledger: &str, standing: Enlisted) -> Result<(), ShardFault> {
        ask_object(self.ledger(PLACES_OBJECT), "enlist", &(ledger, standing, false)).await
    }

    async fn ledgers(&self, after: Option<&str>, limit: u32) -> Result<Vec<(String, Enlisted)>, ShardFault> {
        ask_object(self.ledger(PLACES_OBJECT), "ledgers", &(after, limit)).await
    }

    fn publish(&self, record: &RequestRecord) {
        let Ok(dataset) = self.env.analytics_engine(ANALYTICS) else { return };
        let Point { index, blobs, doubles } = Point::of(record);
        let mut point = AnalyticsEngineDataPointBuilder::new().indexes([index.as_str()]);
        for blob in blobs {
            point = point.add_blob(blob);
        }
        for double in doubles {
            point = point.add_double(double);
        }
        // It is a copy for dashboards of theirs; the ledger has the record.
        let _ = dataset.write_data_point(&point.build());
    }
}
