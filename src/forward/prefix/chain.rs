//! The digest chain over a request's stable prefix: each link covers everything before it, byte for byte as it is sent.

use super::layout::Layout;
use crate::cache::key::{Digest, Hasher};
use crate::canonical::Api;

/// The digests of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Up to the system prompt's end: what one application's requests share. Nothing when there is neither a tool nor a
    /// system prompt.
    pub root: Option<Digest>,
    /// Up to the first turn's end: what the requests of one conversation share.
    pub session: Digest,
    /// Up to the end of the last earlier turn: what this request shares with the one that comes after it.
    pub stable: Digest,
}

impl Chain {
    /// The digests of a request to a model. `session`: what the client itself calls the conversation, if it does.
    #[must_use]
    pub fn of(api: Api, model: &str, layout: &Layout<'_>, session: Option<&str>) -> Self {
        let mut link = link(None, &[b"start", api.as_str().as_bytes(), model.as_bytes()]);
        let tools = layout.tools.iter().map(|tools| ("tools", *tools));
        let settings = layout.settings.iter().map(|value| ("settings", *value));
        let system = layout.system.iter().map(|spot| ("system", spot.whole));
        for (part, value) in tools.chain(settings).chain(system) {
            link = self::link(Some(link), &[part.as_bytes(), value.raw().as_bytes()]);
        }
        let shares = layout.tools.is_some() || !layout.system.is_empty();
        let root = shares.then_some(link);
        let mut first = link;
        for (i, turn) in layout.turns.iter().enumerate() {
            let next = self::link(Some(link), &[b"turn", turn.whole.raw().as_bytes()]);
            if i == 0 {
                first = next;
            }
            if i < layout.earlier() {
                link = next;
            }
        }
        let session = match session {
            Some(named) => self::link(None, &[b"session", named.as_bytes()]),
            None => first,
        };
        Self { root, session, stable: link }
    }

    /// What the requests of one application share, or else those of one conversation.
    #[must_use]
    pub fn shared(&self) -> Digest {
        self.root.unwrap_or(self.session)
    }
}

fn link(before: Option<Digest>, parts: &[&[u8]]) -> Digest {
    let mut hash = Hasher::new(b"nearhit prefix 2");
    hash.part(before.as_ref().map_or(&[], |digest| &digest.0));
    parts.iter().for_each(|part| hash.part(part));
    hash.finish()
}

/// A name for one caller's share of something, for a provider to tell it by: `shared` itself would be the same for
/// two tenants with one prompt.
#[must_use]
pub fn name_for(namespace: &Digest, purpose: &str, shared: &Digest) -> String {
    let mut hash = Hasher::new(b"nearhit prefix name 1");
    [&namespace.0[..], purpose.as_bytes(), &shared.0[..]].into_iter().for_each(|part| hash.part(part));
    hash.finish().to_string()[..32].to_owned()
}
