//! What a request says about its own caching: RFC 9111 `Cache-Control`, nearhit's own headers, and the spellings of
//! peers that clients already send.

use crate::cache::entry::Freshness;
use crate::config::Mode;
use crate::error::Failure;
use crate::forward::routing::Tier;

/// The request's wishes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directives {
    /// Neither look up nor keep.
    pub no_store: bool,
    /// Do not answer from the cache, but keep the new answer.
    pub no_cache: bool,
    /// Accept an answer that is at most this old, in seconds.
    pub max_age_secs: Option<u64>,
    /// Accept an answer that stays fresh for at least this long, in seconds.
    pub min_fresh_secs: Option<u64>,
    /// Accept an answer that went stale at most this long ago, in seconds.
    pub max_stale_secs: Option<u64>,
    /// Answer from the cache or not at all.
    pub only_if_cached: bool,
    /// How far the cache may go.
    pub mode: Option<Mode>,
    /// The lowest score that may be served by meaning.
    pub threshold: Option<f32>,
    /// How long the new answer stays fresh, in seconds.
    pub ttl_secs: Option<u64>,
    /// The client's own division of its namespace.
    pub partition: String,
    /// The client's labels for its costs, in the order in which they were sent.
    pub tags: Vec<(String, String)>,
    /// The class of models that is to answer, where a route has the choice.
    pub tier: Option<Tier>,
}

impl Directives {
    /// Whether an answer of this age and freshness may be served, when one that went stale at most `stale_secs` ago
    /// would do.
    #[must_use]
    pub fn accept(&self, age_secs: u64, freshness: Freshness, stale_secs: u64) -> bool {
        // An age is cut to whole seconds, and `max-age=0` asks for an answer that is not stored at all.
        self.max_age_secs.is_none_or(|max| max > 0 && age_secs <= max)
            && match freshness {
                Freshness::Fresh(ttl_secs) => self.min_fresh_secs.is_none_or(|min| ttl_secs >= min),
                // RFC 9111 section 5.2.1.1: `max-age` alone wants nothing stale.
                Freshness::Stale(_) => {
                    let fresh_only = self.max_age_secs.is_some() && self.max_stale_secs.is_none();
                    !fresh_only && self.min_fresh_secs.is_none() && freshness.is_stale_within(stale_secs)
                }
            }
    }
}

/// The longest time an answer may be kept on a request's word: a year.
const MAX_TTL_SECS: u64 = 31_536_000;

/// The longest name of a partition, in bytes.
const MAX_PARTITION_BYTES: usize = 128;

/// Labels of one request, and the bytes of one label, at most.
const MAX_TAGS: usize = 16;
const MAX_TAG_BYTES: usize = 128;

/// Reads the directives; `header` gives a header's value by its lower-case name.
///
/// # Errors
/// A [`Failure`] with status 400 that names the header whose value is out of range. An unknown `Cache-Control`
/// directive is not an error (RFC 9111 section 5.2.3).
pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Directives, Failure> {
    let mut read = Directives::default();
    for directive in header("cache-control").unwrap_or_default().split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => read.no_store = true,
            "no-cache" => read.no_cache = true,
            "only-if-cached" => read.only_if_cached = true,
            // RFC 9111 section 4.2.1: a value that cannot be read means stale.
            "max-age" => read.max_age_secs = Some(value.parse().unwrap_or(0)),
            // Without a value, an answer of any staleness (section 5.2.1.2).
            "max-stale" if value.is_empty() => read.max_stale_secs = Some(u64::MAX),
            "max-stale" => read.max_stale_secs = Some(value.parse().unwrap_or(0)),
            "min-fresh" => read.min_fresh_secs = Some(value.parse().unwrap_or(u64::MAX)),
            _ => {}
        }
    }
    read_own(&header, &mut read)?;
    read_peers(&header, &mut read)?;
    Ok(read)
}

fn read_own<'a>(header: &impl Fn(&str) -> Option<&'a str>, read: &mut Directives) -> Result<(), Failure> {
    if let Some(value) = header("x-nearhit-mode") {
        let mode = Mode::parse(value.trim());
        read.mode = Some(mode.ok_or_else(|| out_of_range("x-nearhit-mode", value, "off, exact, semantic or shadow"))?);
    }
    if let Some(value) = header("x-nearhit-threshold") {
        let threshold = value.trim().parse().ok().filter(|threshold| (0.5..=1.0).contains(threshold));
        read.threshold =
            Some(threshold.ok_or_else(|| out_of_range("x-nearhit-threshold", value, "a number from 0.5 to 1"))?);
    }
    if let Some(value) = header("x-nearhit-route") {
        let tier = Tier::parse(value.trim());
        read.tier = Some(tier.ok_or_else(|| out_of_range("x-nearhit-route", value, "cheap, middle or frontier"))?);
    }
    if let Some(value) = header("x-nearhit-ttl") {
        read.ttl_secs = Some(ttl("x-nearhit-ttl", value)?);
    }
    if let Some(value) = header("x-nearhit-namespace") {
        read.partition = partition("x-nearhit-namespace", value)?;
    }
    if let Some(value) = header("x-nearhit-tags") {
        read.tags = tags(value)?;
    }
    Ok(())
}

/// Headers of Cloudflare AI Gateway, Helicone, Portkey and Bifrost. nearhit's own headers win over them.
fn read_peers<'a>(header: &impl Fn(&str) -> Option<&'a str>, read: &mut Directives) -> Result<(), Failure> {
    let is = |name: &str, word: &str| header(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word));
    read.no_store |=
        is("cf-aig-skip-cache", "true") || is("helicone-cache-enabled", "false") || is("x-bf-cache-no-store", "true");
    read.no_cache |= is("x-portkey-cache-force-refresh", "true");
    for name in ["cf-aig-cache-ttl", "x-bf-cache-ttl"] {
        if let (None, Some(value)) = (read.ttl_secs, header(name)) {
            read.ttl_secs = Some(duration(name, value)?);
        }
    }
    for name in ["cf-aig-cache-key", "x-portkey-cache-namespace", "helicone-cache-seed"] {
        if let (true, Some(value)) = (read.partition.is_empty(), header(name)) {
            read.partition = partition(name, value)?;
        }
    }
    Ok(())
}

fn ttl(name: &str, value: &str) -> Result<u64, Failure> {
    let secs = value.trim().parse().ok().filter(|secs| (1..=MAX_TTL_SECS).contains(secs));
    secs.ok_or_else(|| out_of_range(name, value, &format!("a whole number of seconds from 1 to {MAX_TTL_SECS}")))
}

/// Seconds, or a duration with one unit as Go writes it: `300s`, `5m`, `1h`.
fn duration(name: &str, value: &str) -> Result<u64, Failure> {
    let value = value.trim();
    let (number, factor) = match value.char_indices().next_back() {
        Some((at, 's')) => (&value[..at], 1),
        Some((at, 'm')) => (&value[..at], 60),
        Some((at, 'h')) => (&value[..at], 3600),
        _ => (value, 1),
    };
    let secs = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    ttl(name, &secs.map_or_else(|| value.to_owned(), |secs| secs.to_string()))
}

fn partition(name: &str, value: &str) -> Result<String, Failure> {
    if value.len() > MAX_PARTITION_BYTES {
        return Err(out_of_range(name, value, &format!("at most {MAX_PARTITION_BYTES} bytes long")));
    }
    Ok(value.trim().to_owned())
}

/// Labels: `feature=search,team=growth`.
fn tags(value: &str) -> Result<Vec<(String, String)>, Failure> {
    let allowed =
        format!("at most {MAX_TAGS} labels 'name=value', each at most {MAX_TAG_BYTES} bytes, with commas between");
    let wrong = || out_of_range("x-nearhit-tags", value, &allowed);
    let labels = value.split(',').map(str::trim).filter(|label| !label.is_empty());
    let tags: Option<Vec<(String, String)>> = labels
        .map(|label| {
            let (name, value) = label.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            (!name.is_empty() && label.len() <= MAX_TAG_BYTES).then(|| (name.to_owned(), value.to_owned()))
        })
        .collect();
    tags.filter(|tags| tags.len() <= MAX_TAGS).ok_or_else(wrong)
}

fn out_of_range(name: &str, value: &str, allowed: &str) -> Failure {
    Failure::bad_field(name, format!("The header '{name}' is '{value}'; it must be {allowed}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Result<Directives, Failure> {
        read(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn each_header_says_what_it_says() {
        type Check = fn(&Directives) -> bool;
        let table: [(&str, &str, Check); 23] = [
            ("cache-control", "no-store", |d| d.no_store),
            ("cache-control", "private, No-Cache", |d| d.no_cache),
            ("cache-control", "max-age=60", |d| d.max_age_secs == Some(60)),
            ("cache-control", "max-age=\"60\"", |d| d.max_age_secs == Some(60)),
            ("cache-control", "max-age=soon", |d| d.max_age_secs == Some(0)),
            ("cache-control", "min-fresh=5,only-if-cached", |d| d.min_fresh_secs == Some(5) && d.only_if_cached),
            ("cache-control", "max-stale", |d| d.max_stale_secs == Some(u64::MAX)),
            ("cache-control", "max-stale=60", |d| d.max_stale_secs == Some(60)),
            ("cache-control", "max-stale=soon", |d| d.max_stale_secs == Some(0)),
            ("x-nearhit-tags", "feature=search, team=a=b", |d| d.tags.len() == 2 && d.tags[1].1 == "a=b"),
            ("x-nearhit-mode", "shadow", |d| d.mode == Some(Mode::Shadow)),
            ("x-nearhit-threshold", "0.97", |d| d.threshold == Some(0.97)),
            ("x-nearhit-ttl", "3600", |d| d.ttl_secs == Some(3600)),
            ("x-nearhit-namespace", "blue", |d| d.partition == "blue"),
            ("cf-aig-skip-cache", "true", |d| d.no_store),
            ("cf-aig-cache-ttl", "90", |d| d.ttl_secs == Some(90)),
            ("cf-aig-cache-key", "k", |d| d.partition == "k"),
            ("helicone-cache-enabled", "false", |d| d.no_store),
            ("x-portkey-cache-force-refresh", "True", |d| d.no_cache),
            ("helicone-cache-seed", "1", |d| d.partition == "1"),
            ("x-portkey-cache-namespace", "n", |d| d.partition == "n"),
            ("x-bf-cache-ttl", "300s", |d| d.ttl_secs == Some(300)),
            ("x-bf-cache-ttl", "5m", |d| d.ttl_secs == Some(300)),
        ];
        for (name, value, check) in table {
            let read = of(&[(name, value)]).unwrap();
            assert!(check(&read), "{name}: {value} gave {read:?}");
        }
    }

    #[test]
    fn a_value_out_of_range_names_its_header() {
        for (name, value) in [
            ("x-nearhit-mode", "on"),
            ("x-nearhit-threshold", "0.2"),
            ("x-nearhit-threshold", "NaN"),
            ("x-nearhit-ttl", "0"),
            ("x-nearhit-tags", "search"),
            ("x-nearhit-tags", "=search"),
            ("x-nearhit-tags", "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1"),
            ("cf-aig-cache-ttl", "-1"),
        ] {
            assert_eq!(of(&[(name, value)]).unwrap_err().param.as_deref(), Some(name));
        }
    }

    #[test]
    fn age_and_freshness_are_both_bounds() {
        let read = of(&[("cache-control", "max-age=10, min-fresh=5")]).unwrap();
        let fresh = Freshness::Fresh;
        assert!(read.accept(10, fresh(5), 0));
        assert!(!read.accept(11, fresh(5), 0));
        assert!(!read.accept(10, fresh(4), 0));
        assert!(!of(&[("cache-control", "max-age=0")]).unwrap().accept(0, fresh(60), 0));
    }

    #[test]
    fn a_stale_answer_needs_leave_and_no_wish_for_a_fresh_one() {
        let accepts = |control, stale_secs| {
            of(&[("cache-control", control)]).unwrap().accept(90, Freshness::Stale(30), stale_secs)
        };
        assert!(accepts("", 30));
        assert!(!accepts("", 29));
        assert!(!Directives::default().accept(90, Freshness::Stale(0), 0), "not even in its first second");
        assert!(!accepts("min-fresh=0", 60));
        assert!(!accepts("max-age=100", 60));
        assert!(accepts("max-age=100, max-stale", 60));
    }
}
