//! The list of shards that hold something, which reports and purges go by.

use serde::{Deserialize, Serialize};

use crate::ports::ShardPlace;

/// Shards that are listed at most.
pub const MAX_PLACES: usize = 2_000;

/// How long an isolate need not tell the list again that a shard is in use, in milliseconds. One that has left the list comes
/// back with the next word.
pub const TOLD_FOR_MS: u64 = 600_000;

/// A shard that holds something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The shard.
    pub place: ShardPlace,
    /// Whose it is, when it is a tenant's.
    pub tenant: Option<String>,
    /// When it was used last, as far as the list was told, in milliseconds since 1970.
    pub used_ms: u64,
}

/// A part of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The shards and whose they are, the last used first.
    pub places: Vec<(ShardPlace, Option<String>)>,
    /// Shards that have left the list since it began, for there were too many. Whoever goes by the list misses what they hold,
    /// until they are used again.
    pub dropped: u64,
}

impl Places {
    /// Of the listed shards those of one tenant, those of callers with keys of their own (`own`), or all.
    #[must_use]
    pub fn of(mut listed: Vec<Listed>, tenant: Option<&str>, own: &str, dropped: u64) -> Self {
        listed.retain(|one| match tenant {
            None => true,
            Some(name) if name == own => one.tenant.is_none(),
            tenant => one.tenant.as_deref() == tenant,
        });
        listed.sort_by_key(|one| std::cmp::Reverse(one.used_ms));
        Self { places: listed.into_iter().map(|Listed { place, tenant, .. }| (place, tenant)).collect(), dropped }
    }
}

/// Which shard leaves a full list: of whoever has the most of them the one that was used longest ago, so that nobody pushes
/// out the others. All callers with keys of their own count as one.
#[must_use]
pub fn leaves(listed: &[Listed]) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for one in listed {
        *counts.entry(&one.tenant).or_default() += 1;
    }
    // Where two have as many, those without a tenant go first: no operator purges by their name.
    let (most, _) = counts.iter().max_by_key(|(tenant, count)| (**count, tenant.is_none()))?;
    let theirs = listed.iter().enumerate().filter(|(_, one)| one.tenant == **most);
    theirs.min_by_key(|(_, one)| one.used_ms).map(|(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(tenant: Option<&str>, used_ms: u64) -> Listed {
        Listed { place: ShardPlace(format!("{used_ms}")), tenant: tenant.map(str::to_owned), used_ms }
    }

    #[test]
    fn whoever_has_the_most_shards_loses_the_one_used_longest_ago() {
        type Shards<'a> = &'a [(Option<&'a str>, u64)];
        let table: [(Shards<'_>, Option<u64>); 4] = [
            (&[], None),
            (&[(Some("acme"), 1), (Some("beta"), 9), (Some("beta"), 5)], Some(5)),
            (&[(Some("acme"), 1), (None, 9)], Some(9)),
            (&[(None, 1), (Some("acme"), 7), (Some("acme"), 8)], Some(7)),
        ];
        for (shards, expected) in table {
            let all: Vec<Listed> = shards.iter().map(|(tenant, used_ms)| listed(*tenant, *used_ms)).collect();
            assert_eq!(leaves(&all).map(|k| all[k].used_ms), expected, "{shards:?}");
        }
    }

    #[test]
    fn the_last_used_come_first_and_only_those_that_are_wanted() {
        let all = vec![listed(Some("acme"), 1), listed(None, 2), listed(Some("acme"), 3)];
        let names = |tenant| -> Vec<String> {
            let places = Places::of(all.clone(), tenant, "~own", 0).places;
            places.into_iter().map(|(place, _)| place.0).collect()
        };
        assert_eq!(names(None), ["3", "2", "1"]);
        assert_eq!((names(Some("acme")), names(Some("~own"))), (vec!["3".into(), "1".into()], vec!["2".into()]));
    }
}
