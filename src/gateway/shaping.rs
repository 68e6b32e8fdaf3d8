//! A request as each leg wants it: its model, the caps in its words, the other API, and what its provider's prefix cache is
//! told.

use super::flight::{Flight, Outgoing};
use super::outgoing::{Leg, Shaped};
use super::plan;
use crate::canonical::{Api, Delivery};
use crate::config::{CountStreams, Mode, Speaks};
use crate::forward::body::{Edits, Json, quoted};
use crate::forward::prefix::changes::{self, Break};
use crate::forward::prefix::{self, Hinted, Prefix};
use crate::forward::provider::Provider;
use crate::forward::reasoning::{self, Caps};
use crate::forward::translate::Direction;
use crate::forward::translate::refusal::CannotCarry;
use crate::forward::uncounted;
use crate::incoming::within;
use crate::ports::prefixes::{PrefixAnswer, PrefixKnown, PrefixSeen};
use crate::ports::{Headers, ShardAddress, World};
use crate::protocol::Generation;

/// How long an answer waits for the word on its prefix, in milliseconds.
const PREFIX_PATIENCE_MS: u64 = 250;

impl<W: World> Flight<W> {
    /// The request as one leg wants it.
    pub(super) fn shape(&self, leg: &Leg) -> Result<Shaped, CannotCarry> {
        let api = self.generation.api();
        if self.generation == Generation::Responses && leg.upstream.api == Speaks::Anthropic && leg.model.is_some() {
            return Err(CannotCarry {
                field: "input".into(),
                why: "the Responses API cannot be carried to the Messages API",
            });
        }
        let mut notes = Headers::new();
        let body = self.leg_body(leg, &mut notes);
        let (mut there, mut rest) = (api, self.target.rest.clone());
        if !leg.own {
            // What the client asks of its own upstream by a query is nothing to another one.
            rest.truncate(rest.find('?').unwrap_or(rest.len()));
        }
        let mut body = body;
        if let Some(direction) = leg.direction {
            (there, rest) = (direction.there(), direction.path().to_owned());
            body = self.carried(leg, direction, &body, &mut notes)?;
        }
        let model = leg.model.as_deref().unwrap_or(&self.request.model);
        let session = plan::session(&self.call);
        let prefix = match &self.outgoing.prefix {
            Some(prefix) if leg.direction.is_none() && model == self.request.model => Some(prefix.clone()),
            _ => Prefix::of(there, model, session, &body),
        };
        let Some(prefix) = prefix.filter(|_| leg.upstream.hints) else {
            return Ok(self.counted(leg, Shaped { body, headers: Headers::new(), rest, notes, unasked: false }));
        };
        let sent = prefix::Sent {
            namespace: &self.access.namespace,
            api: there,
            provider: leg.upstream.provider,
            model,
            ttl: leg.upstream.cache_ttl,
            salted: leg.upstream.cache_salt,
            session,
            key: self.cache_key(leg, model, &prefix),
        };
        let Hinted { body, headers } = prefix::hint(&body, &prefix, &sent);
        Ok(self.counted(leg, Shaped { body, headers, rest, notes, unasked: false }))
    }

    /// The same, with the provider asked to count a stream where its bill is the operator's.
    fn counted(&self, leg: &Leg, shaped: Shaped) -> Shaped {
        let wanted = match self.setup.config.count_streams {
            CountStreams::None => false,
            // A limit that is held by an estimate is none.
            CountStreams::Tenants => self.access.tenant.is_some() || self.account.is_held(),
            CountStreams::All => true,
        };
        let uncounted = self.request.delivery == (Delivery::Stream { usage: false });
        let asks =
            self.generation == Generation::Chat && leg.direction.is_none() && leg.upstream.provider.counts_streams();
        if !(wanted && uncounted && asks) {
            return shaped;
        }
        match uncounted::ask(&shaped.body) {
            Some(body) => Shaped { body, unasked: true, ..shaped },
            None => shaped,
        }
    }

    /// The request with a leg's model and within the caps, in the client's API.
    fn leg_body(&self, leg: &Leg, notes: &mut Headers) -> Vec<u8> {
        let Outgoing { body, uncapped, caps, .. } = &self.outgoing;
        // The first leg's is what the key was made from.
        let first = |model: &String| *model == self.request.model && leg.upstream.name == self.target.upstream.name;
        let Some(model) = leg.model.as_ref().filter(|model| !first(model)) else { return body.clone() };
        let base = uncapped.as_ref().unwrap_or(body);
        let Some(json) = Json::read(base) else { return body.clone() };
        let mut edits = Edits::default();
        edits.set_field(json, "model", &quoted(model));
        cap_into(json, self.generation.api(), leg, model, *caps, &mut edits, notes);
        edits.apply(base)
    }

    /// The same in the upstream's API, where the caps may have other words: thinking in tokens becomes an effort.
    fn carried(
        &self,
        leg: &Leg,
        direction: Direction,
        body: &[u8],
        notes: &mut Headers,
    ) -> Result<Vec<u8>, CannotCarry> {
        let made = direction.request(body, leg.upstream.provider)?;
        let model = leg.model.as_deref().unwrap_or(&self.request.model);
        let Some(json) = Json::read(&made) else { return Ok(made) };
        let mut edits = Edits::default();
        cap_into(json, direction.there(), leg, model, self.outgoing.caps, &mut edits, notes);
        let made = if edits.is_empty() { made } else { edits.apply(&made) };
        Ok(made)
    }

    /// Which of a prefix's keys a request goes under, where the provider overflows one.
    fn cache_key(&self, leg: &Leg, model: &str, prefix: &Prefix) -> u32 {
        let spreads = matches!(leg.upstream.provider, Provider::OpenAi | Provider::Azure);
        if !spreads || prefix::openai::wants_breakpoints(model) {
            return 0;
        }
        let chain = &prefix.chain;
        let mut rates = self.setup.memory.rates.borrow_mut();
        rates.assign(chain.shared(), &chain.session, prefix.continues, self.world.now_ms())
    }

    /// Asks whether the prefix is known, while the upstream is asked. Gives what was asked when it is not.
    pub(super) async fn ask_of_prefix(&self) -> Option<PrefixSeen> {
        let prefix = self.outgoing.prefix.as_ref().filter(|prefix| !prefix.parts.is_empty())?;
        if self.directives.no_store || self.mode() == Mode::Off {
            return None;
        }
        let feature = self.directives.tags.iter().find(|(name, _)| name == "feature").map_or("", |(_, value)| value);
        let family = changes::family(&self.access.namespace, &self.target.name(), &self.request.model, feature);
        let seen = PrefixSeen::of(family, &prefix.parts, false, self.world.now_ms());
        let PrefixAnswer { known, requests_a_minute } = self.send_prefix(&seen).await?;
        self.setup.memory.rates.borrow_mut().learn(&prefix.chain.shared(), requests_a_minute);
        (known == PrefixKnown::Tell).then_some(seen)
    }

    /// Tells a prefix that is not known, and gets to know where it differs from the one that it comes from.
    pub(super) async fn tell_prefix(&self, seen: PrefixSeen) -> Option<Break> {
        let parts = &self.outgoing.prefix.as_ref()?.parts;
        let told = PrefixSeen { keep: true, ..seen.telling(parts) };
        match self.send_prefix(&told).await?.known {
            PrefixKnown::Noted(found) => found,
            PrefixKnown::Same | PrefixKnown::Tell => None,
        }
    }

    /// A word to the shard that remembers this kind of requests. No answer waits for it for long.
    async fn send_prefix(&self, seen: &PrefixSeen) -> Option<PrefixAnswer> {
        let at = ShardAddress { namespace: self.access.namespace, shard: seen.family.shard(self.setup.config.shards) };
        let asked = self.world.prefix(&at, self.access.tenant.as_deref(), seen);
        within(&*self.world, PREFIX_PATIENCE_MS, asked).await?.ok()
    }
}

/// Caps a body in one leg's words, and says so.
fn cap_into(json: Json<'_>, api: Api, leg: &Leg, model: &str, caps: Caps, edits: &mut Edits, notes: &mut Headers) {
    if caps == Caps::default() {
        return;
    }
    let changed = reasoning::cap(json, api, leg.upstream.provider, model, &caps, edits);
    if let Some(value) = reasoning::header(&changed) {
        match notes.iter_mut().find(|(name, _)| name == "x-nearhit-caps") {
            Some((_, known)) => known.extend([", ", &value]),
            None => notes.push(("x-nearhit-caps".to_owned(), value)),
        }
    }
}
