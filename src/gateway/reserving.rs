//! Before a request is sent: does a budget allow it? And when it is over: what it took is settled and written down.

use super::Setup;
use super::account::{Account, DEPLOYMENT, Inner, Priced};
use crate::canonical::Usage;
use crate::error::Failure;
use crate::forward::body::Json;
use crate::ledger::book::{Answer, Ask, Settlement};
use crate::ledger::budget::{self, Actual, Amounts};
use crate::ledger::prices::Money;
use crate::ledger::record::{Kind, Latency, Nearness, RequestRecord, Saved};
use crate::ports::{OWN_KEYS, World};

/// How long an answer may take from its first byte on before its reservation lapses, in milliseconds. A longer one is
/// charged all the same when it ends; only its place is no longer held until then.
const RESERVED_BEYOND_MS: u64 = 30 * 60_000;

/// What of a request says how much it may take at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent<'a> {
    /// The body as it is sent.
    pub(super) body: &'a [u8],
    /// It builds on what the provider has stored, whose length nobody here knows.
    pub(super) server_state: bool,
    /// It makes nothing that is billed by the token.
    pub(super) free: bool,
}

impl<W: World> Account<W> {
    /// Reserves what the request may take at most, by any of these models, in every ledger that has a budget for it.
    ///
    /// # Errors
    /// 429 with the limit's name; 503 when a ledger that has budgets cannot be asked.
    pub(super) async fn reserve(&self, models: &[Priced], extent: Extent<'_>) -> Result<(), Failure> {
        let Inner { world, setup, tenant, tags, budgets, .. } = &*self.0;
        let now_ms = world.now_ms();
        let (known, counts) = setup.memory.deployment(now_ms);
        let any = known.is_some_and(|standing| standing.any);
        let own = tenant.as_deref().filter(|_| budgets.any).map(|tenant| (tenant, true));
        let all = (any || !counts).then_some((DEPLOYMENT, any));
        let learn = |ledger, standing| {
            if ledger == DEPLOYMENT {
                setup.memory.learn_deployment(now_ms, Some(standing));
            }
        };
        let mut estimate = None;
        for (ledger, must) in own.into_iter().chain(all) {
            let estimate = *estimate.get_or_insert_with(|| self.estimate(models, extent));
            let ask = budget::Ask { tags: tags.clone(), models: models.iter().map(Priced::label).collect(), estimate };
            let wait_ms = setup.config.first_byte_ms + RESERVED_BEYOND_MS;
            let id = world.random();
            let answer = world.book(ledger, &Ask::Reserve { id, ask, deadline_ms: now_ms + wait_ms }).await;
            match answer {
                Ok(Answer::Reserved { held, standing }) => {
                    learn(ledger, standing);
                    if held {
                        self.change(|facts| facts.held.push((ledger.to_owned(), id)));
                    }
                }
                Ok(Answer::Refused(refusal, standing)) => {
                    learn(ledger, standing);
                    let name = refusal.budget.clone();
                    self.change(|facts| (facts.kind, facts.reason) = (Kind::Refused, name));
                    return Err(Failure::over_budget(&refusal));
                }
                // Whether the deployment has budgets at all is not known then, and most have none.
                _ if !must => {}
                _ => return Err(Failure::budgets_unavailable()),
            }
        }
        Ok(())
    }

    /// The same for the one model that the account is of.
    ///
    /// # Errors
    /// As [`Account::reserve`].
    pub(super) async fn reserve_own(&self, extent: Extent<'_>) -> Result<(), Failure> {
        let own = self.0.facts.borrow().priced.clone();
        self.reserve(&[own], extent).await
    }

    /// What the request may take at most, by the dearest of these models.
    fn estimate(&self, models: &[Priced], extent: Extent<'_>) -> Amounts {
        if extent.free {
            return Amounts::nothing();
        }
        let json = Json::read(extent.body);
        let number =
            |name: &str| json.and_then(|json| json.get(name)).and_then(|value| value.raw().parse::<u64>().ok());
        let names = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
        let max_output = names.into_iter().filter_map(number).max();
        let choices = number("n").unwrap_or(1).max(1);
        let (text, media) = (text_bytes(extent.body), media_parts(extent.body));
        let of = |priced: &Priced| {
            let price = self.price(priced);
            budget::upper(price.as_ref(), text, media, extent.server_state, max_output, choices)
        };
        models.iter().map(of).reduce(Amounts::larger).unwrap_or_default()
    }
}

/// Images, files and audio in a body: their bytes say nothing about their tokens.
fn media_parts(body: &[u8]) -> usize {
    const KINDS: [&[u8]; 6] =
        [b"\"image_url\"", b"\"input_image\"", b"\"image\"", b"\"document\"", b"\"input_file\"", b"\"input_audio\""];
    KINDS.iter().map(|kind| body.windows(kind.len()).filter(|window| window == kind).count()).sum()
}

/// Encoded data of this length in one word is no text.
const DATA_FROM_BYTES: usize = 2_000;

/// After what encoded data comes: in a data URL (RFC 2397), and in a field for it.
const BEFORE_DATA: [&[u8]; 3] = [b";base64,", b"\"data\":\"", b"\"data\": \""];

/// Bytes of encoded data that take about as many tokens as one byte of text at most: a page of a document is some
/// 50,000 bytes and 3,000 tokens, a picture as large takes fewer.
const DATA_BYTES_A_BYTE: usize = 8;

/// The bytes of a body as far as they are text. Data in base64 within it counts for less.
fn text_bytes(body: &[u8]) -> usize {
    let is_data = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let (mut data, mut start) = (0, 0);
    for word in body.split(|byte| !is_data(byte)) {
        let before = body.get(..start).unwrap_or_default();
        if word.len() >= DATA_FROM_BYTES && BEFORE_DATA.iter().any(|mark| before.ends_with(mark)) {
            data += word.len();
        }
        start += word.len() + 1;
    }
    body.len() - data + data / DATA_BYTES_A_BYTE
}

/// How often a ledger is told, and how long it is left in peace in between, in milliseconds. What it is told twice counts
/// once for a budget; what it is never told lapses.
const TELLINGS: u32 = 3;
const TELL_AGAIN_MS: u64 = 1_000;

/// Tells a ledger something; false when it did not listen.
async fn tell<W: World>(world: &W, ledger: &str, ask: &Ask) -> bool {
    for telling in 0..TELLINGS {
        if telling > 0 {
            world.sleep_ms(TELL_AGAIN_MS).await;
        }
        if world.book(ledger, ask).await.is_ok() {
            return true;
        }
    }
    false
}

/// Records that are told together at most.
const BATCH: usize = 100;

/// Puts a record to those that wait. Gives what the caller is to tell: nothing when another request does it, an empty
/// batch when it is to come back for all that will have gathered.
fn wait_for_others(setup: &Setup, ledger: &str, record: RequestRecord) -> Option<Vec<RequestRecord>> {
    if setup.memory.pause_ms == 0 {
        return Some(vec![record]);
    }
    let mut waiting = setup.memory.waiting.borrow_mut();
    let records = waiting.entry(ledger.to_owned()).or_default();
    records.push(record);
    match records.len() {
        1 => Some(Vec::new()),
        BATCH.. => waiting.remove(ledger),
        _ => None,
    }
}

/// Tells a ledger of requests, and counts those that it does not get to know.
async fn deliver<W: World>(
    world: &W,
    setup: &Setup,
    ledger: &str,
    records: Vec<RequestRecord>,
    settle: Vec<Settlement>,
) {
    if records.is_empty() && settle.is_empty() {
        return;
    }
    let missed = records.iter().fold(0, |sum: u32, record| sum.saturating_add(record.lost).saturating_add(1));
    let retention = setup.config.retention;
    if !tell(world, ledger, &Ask::Record { records, settle, retention }).await {
        let lost = &setup.memory.lost;
        lost.set(lost.get().saturating_add(missed));
    }
}

impl<W: World> Drop for Inner<W> {
    fn drop(&mut self) {
        // Nobody waited for the end. What went upstream may have been billed, nobody knows how much.
        let cost = (!self.facts.borrow().sent).then_some(Money::ZERO);
        self.close(None, false, cost, Saved::default());
    }
}

impl<W: World> Inner<W> {
    /// Settles and writes down, in the background. The first time counts.
    pub(super) fn close(&self, usage: Option<Usage>, estimated: bool, cost: Option<Money>, saved: Saved) {
        if self.closed.replace(true) {
            return;
        }
        let record = self.record(usage, estimated, cost, saved);
        let actual = Actual {
            tags: self.tags.clone(),
            model: record.model.clone(),
            amounts: Amounts {
                money: cost,
                tokens: usage.map_or(0, |usage| usage.input().saturating_add(usage.output)),
                reasoning: usage.map_or(0, |usage| usage.reasoning),
            },
        };
        self.world.publish(&record);
        let own = self.tenant.clone().unwrap_or_else(|| OWN_KEYS.to_owned());
        let (mut settle, mut elsewhere) = (Vec::new(), Vec::new());
        let held = std::mem::take(&mut self.facts.borrow_mut().held);
        for (k, (ledger, id)) in held.iter().enumerate() {
            // What was reserved once more, for a second attempt, has been used once.
            let again = held.get(..k).is_some_and(|before| before.iter().any(|(known, _)| known == ledger));
            let amounts = if again { Amounts::nothing() } else { actual.amounts };
            let settlement = Settlement { id: *id, actual: Actual { amounts, ..actual.clone() } };
            if *ledger == own { settle.push(settlement) } else { elsewhere.push((ledger.clone(), settlement)) }
        }
        let (world, setup) = (self.world.clone(), self.setup.clone());
        // A reservation is settled at once; what is only counted waits for others.
        let batch = if settle.is_empty() { wait_for_others(&setup, &own, record) } else { Some(vec![record]) };
        if batch.is_none() && elsewhere.is_empty() {
            return;
        }
        self.world.background(Box::pin(async move {
            for (ledger, settlement) in elsewhere {
                tell(&*world, &ledger, &Ask::Settle(settlement)).await;
            }
            let Some(mut records) = batch else { return };
            if records.is_empty() {
                world.sleep_ms(setup.memory.pause_ms).await;
                records = setup.memory.waiting.borrow_mut().remove(&own).unwrap_or_default();
            }
            deliver(&*world, &setup, &own, records, settle).await;
        }));
    }

    fn record(&self, usage: Option<Usage>, estimated: bool, cost: Option<Money>, saved: Saved) -> RequestRecord {
        let facts = self.facts.borrow();
        let ms = |ms: f64| ms.max(0.0) as f32;
        let timing = &facts.timing;
        let near = facts.near.clone().map(|(score, entry)| Nearness { score, entry, asked: facts.asked.clone() });
        RequestRecord {
            id: self.world.random(),
            at_ms: self.at_ms,
            tenant: self.tenant.clone(),
            tags: self.tags.clone(),
            route: facts.route.clone(),
            model: facts.priced.label(),
            kind: facts.kind,
            reason: facts.reason.clone(),
            status: facts.status,
            usage,
            estimated,
            cost,
            saved,
            latency: Latency {
                total_ms: ms(self.world.ticks_ms() - self.started),
                lookup_ms: timing.lookup_ms.map(ms),
                embed_ms: timing.embed_ms.map(ms),
                upstream_ms: timing.upstream_ms.map(ms),
            },
            near,
            lost: self.setup.memory.lost.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_data_is_not_taken_for_text() {
        let image = format!(
            "{{\"image_url\":{{\"url\":\"data:image/png;base64,{}\"}},\"text\":\"Look.\"}}",
            "aB3/".repeat(1_000)
        );
        assert_eq!(text_bytes(image.as_bytes()), image.len() - 4_000 + 500);
        for text in ["A text of many words. ".repeat(1_000), "aB3/".repeat(1_000)] {
            assert_eq!(text_bytes(text.as_bytes()), text.len());
        }
        let document = format!("{{\"type\":\"document\",\"source\":{{\"data\":\"{}\"}}}}", "aB3/".repeat(1_000));
        assert_eq!(text_bytes(document.as_bytes()), document.len() - 4_000 + 500);
        assert_eq!((media_parts(image.as_bytes()), media_parts(b"a text")), (1, 0));
    }
}
