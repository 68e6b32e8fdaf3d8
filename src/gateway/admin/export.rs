//! `GET /admin/v1/export`: what a tenant asked and was answered, as training data, a line an exchange.

use super::super::{Reply, ReplyBody};
use super::entries::api_of;
use super::query::Query;
use super::walk::Walk;
use crate::cache::entry;
use crate::error::Failure;
use crate::ledger::export::{self, Format};
use crate::ports::World;
use crate::ports::entries::{EntryWhole, Export};
use crate::protocol::said;
use crate::tenant::directory::{Order, Outcome};
use crate::tenant::token;

/// Entries that a shard is asked for at once.
const ENTRIES_A_CALL: u32 = 50;

/// Bytes of lines after which a page ends: an isolate has 128 MB for all of its requests.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Answers with a page of a tenant's exchanges.
pub(super) async fn answer<W: World>(world: &W, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["tenant", "format", "limit", "cursor"])?;
    let format = read_format(&query)?;
    let limit = query.number("limit", 1, 500)?.unwrap_or(100) as usize;
    let tenant = query.get("tenant").filter(|tenant| token::is_tenant(tenant));
    let tenant = tenant.ok_or_else(|| Failure::bad_field("tenant", "'tenant' must name the tenant to export."))?;
    let cursor = query.get("cursor");
    match world.order(tenant, &Order::Show).await.map_err(|_| Failure::tenants_unavailable())? {
        Outcome::Shown(shown) if shown.export => {}
        Outcome::Shown(_) => return Err(Failure::export_off(tenant)),
        _ => return Err(Failure::not_found(format!("There is no tenant '{tenant}'."))),
    }
    let mut walk = Walk::begin(world, Some(tenant), None, cursor).await?;
    let mut lines = Lines { format, limit, text: String::new(), count: 0, skipped: 0 };
    while !lines.are_enough()
        && let Some((place, after)) = walk.next()
    {
        match world.export(&place, &Export { after, limit: ENTRIES_A_CALL }).await {
            Ok(page) => {
                let mut next = page.next;
                let last = page.entries.len().saturating_sub(1);
                for (k, whole) in page.entries.iter().enumerate() {
                    lines.add(whole);
                    if lines.are_enough() && k < last {
                        next = Some(whole.row.seq);
                        break;
                    }
                }
                walk.answered(next);
            }
            Err(_) => walk.unanswered(),
        }
    }
    let mut headers = vec![
        ("content-type".to_owned(), "application/x-ndjson".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
        ("x-nearhit-skipped".to_owned(), lines.skipped.to_string()),
        ("x-nearhit-shards-silent".to_owned(), walk.silent.to_string()),
    ];
    headers.extend(walk.cursor().map(|next| ("x-nearhit-next".to_owned(), next)));
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(lines.text.into_bytes()) })
}

fn read_format(query: &Query) -> Result<Format, Failure> {
    let name = query.get("format").unwrap_or(Format::OpenAi.as_str());
    Format::named(name).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.into_iter().map(Format::as_str).collect();
        Failure::bad_field("format", format!("'format' is '{name}'; it must be one of {}.", known.join(", ")))
    })
}

/// The lines of a page.
struct Lines {
    format: Format,
    limit: usize,
    text: String,
    count: usize,
    /// Exchanges that the format has no room for, or that cannot be read.
    skipped: u64,
}

impl Lines {
    fn are_enough(&self) -> bool {
        self.count >= self.limit || self.text.len() >= MAX_BODY_BYTES
    }

    fn add(&mut self, whole: &EntryWhole) {
        match self.line(whole) {
            Some(line) => {
                self.text.push_str(&line);
                self.count += 1;
            }
            None => self.skipped += 1,
        }
    }

    fn line(&self, whole: &EntryWhole) -> Option<String> {
        let completion = entry::decode(&whole.stored)?;
        let asked = entry::decode_prompt(whole.prompt.as_deref()?)?;
        let answered = said(&completion);
        // A call without the tools that were offered teaches nothing.
        if !answered.calls.is_empty() {
            return None;
        }
        export::line(self.format, api_of(&completion), &asked, &answered.text).ok()
    }
}
