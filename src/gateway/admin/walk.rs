//! Going through the shards of a tenant, or through all, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Failure;
use crate::ports::{ShardPlace, World};
use crate::semantic::index::Seq;

/// Questions that one page asks shards at most: a Worker may not make more requests than that for one of its own.
const MAX_CALLS: usize = 40;

/// The shards that are still to be asked. They come in the order of their names, which no use of them changes.
pub(super) struct Walk {
    places: std::vec::IntoIter<ShardPlace>,
    /// The shard that is asked now, and from which of its entries on.
    here: Option<(ShardPlace, Option<Seq>)>,
    calls_left: usize,
    /// How many did not answer.
    pub(super) silent: u64,
    /// How many have left the list, and are passed over too.
    pub(super) dropped: u64,
}

impl Walk {
    /// Begins, or goes on at a cursor. `only`: no other shard than this one.
    ///
    /// # Errors
    /// 400 when the cursor is none, 503 when the list of shards cannot be asked.
    pub(super) async fn begin<W: World>(
        world: &W,
        tenant: Option<&str>,
        only: Option<ShardPlace>,
        cursor: Option<&str>,
    ) -> Result<Self, Failure> {
        let at = cursor.map(read_cursor).transpose()?;
        let (mut places, dropped) = match (tenant, only) {
            // An entry may be older than the list.
            (None, Some(only)) => (vec![only], 0),
            (tenant, only) => {
                let listed = world.places(tenant).await.map_err(|_| Failure::shards_unavailable())?;
                let wanted = |place: &ShardPlace| only.as_ref().is_none_or(|only| only == place);
                let places = listed.places.into_iter().map(|(place, _)| place).filter(wanted).collect();
                (places, listed.dropped)
            }
        };
        places.sort_unstable();
        places.retain(|place| at.as_ref().is_none_or(|(from, _)| place >= from));
        let mut places = places.into_iter();
        let here = places.next().map(|place| {
            let after = at.and_then(|(from, after)| after.filter(|_| from == place));
            (place, after)
        });
        Ok(Self { places, here, calls_left: MAX_CALLS, silent: 0, dropped })
    }

    /// The shard to ask, and from which of its entries on; nothing when the page has asked enough, or all are through.
    pub(super) fn next(&mut self) -> Option<(ShardPlace, Option<Seq>)> {
        self.calls_left = self.calls_left.checked_sub(1)?;
        self.here.clone()
    }

    /// The shard has answered: it has more from an entry on, or is through.
    pub(super) fn answered(&mut self, next: Option<Seq>) {
        self.here = match (self.here.take(), next) {
            (Some((place, _)), Some(after)) => Some((place, Some(after))),
            _ => self.places.next().map(|place| (place, None)),
        };
    }

    /// The shard has not answered, and is passed over.
    pub(super) fn unanswered(&mut self) {
        self.silent += 1;
        self.answered(None);
    }

    /// Where the next page begins; nothing when there is none.
    pub(super) fn cursor(&self) -> Option<String> {
        let bytes = postcard::to_stdvec(self.here.as_ref()?).ok()?;
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn read_cursor(text: &str) -> Result<(ShardPlace, Option<Seq>), Failure> {
    let read = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| {
        let (cursor, rest) = postcard::take_from_bytes::<(ShardPlace, Option<Seq>)>(&bytes).ok()?;
        (rest.is_empty() && cursor.0.is_formed()).then_some(cursor)
    });
    read.ok_or_else(|| {
        Failure::bad_field("cursor", "'cursor' must be the 'next' of an answer to the same question, as it came.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let place = ShardPlace(format!("{}/3", "ab".repeat(16)));
        let written = |place: &ShardPlace| URL_SAFE_NO_PAD.encode(postcard::to_stdvec(&(place, Some(7_u64))).unwrap());
        assert_eq!(read_cursor(&written(&place)), Ok((place.clone(), Some(7))));
        let foreign = written(&ShardPlace("~places".into()));
        for wrong in ["", "?", "AAAA", &foreign, &format!("{}AA", written(&place)), &"A".repeat(10_000)] {
            assert_eq!(read_cursor(wrong).unwrap_err().param.as_deref(), Some("cursor"), "{wrong}");
        }
    }
}
