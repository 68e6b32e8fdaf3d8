//! A request as Workers Analytics Engine takes it: an index, texts and numbers.
//! <https://developers.cloudflare.com/analytics/analytics-engine/>

use super::record::RequestRecord;
use super::totals::OWN;
use super::totals::labels::cut;

/// Picodollars in one US dollar, as a number that columns hold.
const PICODOLLARS: f64 = 1e12;

/// Texts that are sent at most: the platform takes 20, of 16 KB in all.
const MAX_TAGS: usize = 14;

/// Bytes of the index at most.
const MAX_INDEX_BYTES: usize = 96;

/// One data point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// What points are sampled by: the tenant.
    pub index: String,
    /// `blob1` model, `blob2` decision, `blob3` reason, `blob4` route, `blob5` estimated or not, `blob6` priced or not,
    /// and from `blob7` on the tags, `name=value`.
    pub blobs: Vec<String>,
    /// `double1` cost and `double2` savings in US dollars, `double3` uncached input, `double4` cached input, `double5`
    /// written input, `double6` output, `double7` reasoning, `double8` milliseconds in all, `double9` lookup, `double10`
    /// embedding, `double11` upstream, `double12` the status.
    pub doubles: Vec<f64>,
}

impl Point {
    /// The point of a request. Numbers are doubles there: for sums to the cent ask the ledger.
    #[must_use]
    pub fn of(record: &RequestRecord) -> Self {
        let usage = record.usage.unwrap_or_default();
        let latency = &record.latency;
        let ms = |ms: Option<f32>| f64::from(ms.unwrap_or_default());
        let tenant = record.tenant.as_deref().unwrap_or(OWN);
        let mut blobs = vec![
            cut(&record.model).to_owned(),
            record.kind.as_str().to_owned(),
            cut(&record.reason).to_owned(),
            cut(record.route.as_deref().unwrap_or_default()).to_owned(),
            if record.estimated { "estimated" } else { "counted" }.to_owned(),
            if record.cost.is_some() { "priced" } else { "unpriced" }.to_owned(),
        ];
        blobs.extend(record.tags.iter().take(MAX_TAGS).map(|(name, value)| cut(&format!("{name}={value}")).to_owned()));
        Self {
            index: tenant.get(..tenant.floor_char_boundary(MAX_INDEX_BYTES)).unwrap_or_default().to_owned(),
            blobs,
            doubles: vec![
                record.cost.unwrap_or_default().as_picodollars() as f64 / PICODOLLARS,
                record.saved.total().as_picodollars() as f64 / PICODOLLARS,
                usage.uncached as f64,
                usage.cached_read as f64,
                usage.cached_write_5m.saturating_add(usage.cached_write_1h) as f64,
                usage.output as f64,
                usage.reasoning as f64,
                f64::from(latency.total_ms),
                ms(latency.lookup_ms),
                ms(latency.embed_ms),
                ms(latency.upstream_ms),
                f64::from(record.status),
            ],
        }
    }
}
