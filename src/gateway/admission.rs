//! Who calls, and may they: the namespace of a request, and the key that it goes upstream with.

use std::collections::BTreeMap;

use super::{Call, Setup};
use crate::cache::key::Digest;
use crate::config::{Auth, Keys, Mode, Upstream};
use crate::error::Failure;
use crate::forward::provider::Provider;
use crate::forward::reasoning::Caps;
use crate::forward::routing::Tier;
use crate::ledger::book::Standing;
use crate::ports::{Headers, World};
use crate::tenant::directory::Admitted;
use crate::tenant::{self, Caller, token};

/// A caller that was let in. It holds a secret, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Access {
    /// Where its answers lie.
    pub(super) namespace: Digest,
    /// Within what time the provider must have accepted the key for a hit, in milliseconds. Nothing when it was not
    /// the provider that let the caller in.
    pub(super) accepted_within_ms: Option<u64>,
    /// How far the cache may go at most for this caller.
    pub(super) mode: Option<Mode>,
    /// The tenant, when it is one.
    pub(super) tenant: Option<String>,
    /// What its requests may spend on reasoning and output.
    pub(super) caps: Caps,
    /// The dearest class of models that may answer, when budgets are nearly spent.
    pub(super) ceiling: Option<Tier>,
    /// The tenant's budgets, as far as they matter before anything is asked.
    pub(super) budgets: Standing,
    /// Whether its exchanges may be exported.
    pub(super) export: bool,
    /// For each upstream the secret with the tenant's key, when it is a tenant.
    keys: Option<BTreeMap<String, String>>,
}

/// A key that is sent in place of the caller's credentials. It holds a secret, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Credential(&'static str, String);

impl Credential {
    /// Puts it in the place of what the client sent.
    pub(super) fn replace(&self, headers: &mut Headers) {
        headers.retain(|(known, _)| !tenant::carries_credential(known));
        headers.push((self.0.to_owned(), self.1.clone()));
    }
}

/// How long a provider's word counts that a key is good: a revoked key must not be served for longer.
const ACCEPTED_WITHIN_MS: u64 = 24 * 3_600_000;

impl Access {
    /// The same caller, who may spend less.
    pub(super) fn relieved(&self, caps: Caps, ceiling: Option<Tier>) -> Self {
        Self { caps, ceiling, ..self.clone() }
    }

    /// How far the cache may go for a request that asks for this mode, to this upstream.
    pub(super) fn mode(&self, asked: Mode, upstream: &Upstream) -> Mode {
        [self.mode, upstream.mode].into_iter().flatten().fold(asked, Mode::min)
    }

    /// The key that a request to an upstream is sent with; nothing when the client's own goes through.
    ///
    /// # Errors
    /// When the tenant has no key for it, or the secret that should hold it is not set.
    pub(super) fn credential<W: World>(&self, world: &W, upstream: &Upstream) -> Result<Option<Credential>, Failure> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let id = self.tenant.as_deref().unwrap_or_default();
        let name = keys.get(&upstream.name).ok_or_else(|| {
            let message = format!("The tenant '{id}' has no key for the upstream '{}'.", upstream.name);
            Failure::no_provider_key(format!("{message} Name one with PUT /admin/v1/tenants/{id}."))
        })?;
        let secret = world.secret(name).ok_or_else(|| {
            let message = format!("The secret '{name}', which tenant '{id}' uses for '{}', is not set.", upstream.name);
            Failure::no_provider_key(format!("{message} Set it with `npx wrangler secret put {name}`."))
        })?;
        Ok(Some(credential(upstream.auth, &secret)))
    }

    /// The same for an upstream that a route chose, when the client called `own`. A client's key goes to the upstream that
    /// it called and to the same provider, to what the operator runs himself, and where he says so (`client_keys`).
    ///
    /// # Errors
    /// As [`Access::credential`], and when the client's key is not for that upstream.
    pub(super) fn credential_for<W: World>(
        &self,
        world: &W,
        call: &Call,
        own: &Upstream,
        upstream: &Upstream,
        respelled: bool,
    ) -> Result<Option<Credential>, Failure> {
        if self.keys.is_some() || (own.name == upstream.name && !respelled) {
            return self.credential(world, upstream);
        }
        let host = Provider::by_host(&upstream.base_url);
        let same = own.name == upstream.name || (host.is_some() && host == Provider::by_host(&own.base_url));
        if !same && !upstream.takes_client_keys() {
            return Err(Failure::no_provider_key(format!(
                "The route leads to '{}', and the caller's key is for '{}'. Give the caller a token (nh_...) of a tenant \
                 that has a key for both (PUT /admin/v1/tenants/<id>), or set client_keys = true for a server of your own.",
                upstream.name, own.name
            )));
        }
        let key =
            call.headers.iter().find(|(name, value)| tenant::carries_credential(name) && !value.trim().is_empty());
        let bare = |value: &str| match value.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
            _ => value.trim().to_owned(),
        };
        Ok(key.map(|(_, value)| credential(upstream.auth, &bare(value))))
    }
}

/// Lets a caller in, by its own provider key or by a token.
///
/// # Errors
/// 401 for a token that is unknown or revoked, or when only tokens are allowed and there is none.
pub(super) async fn admit<W: World>(world: &W, setup: &Setup, call: &Call, partition: &str) -> Result<Access, Failure> {
    let Some((id, tenant)) = identify(world, setup, call).await? else {
        let namespace = tenant::namespace(&setup.secret, &Caller::of(&call.headers, partition));
        return Ok(Access {
            namespace,
            accepted_within_ms: Some(ACCEPTED_WITHIN_MS),
            mode: None,
            tenant: None,
            caps: Caps::default(),
            ceiling: None,
            budgets: Standing::default(),
            export: false,
            keys: None,
        });
    };
    let namespace = tenant::namespace(&setup.secret, &Caller::tenant(id, &call.headers, partition));
    Ok(Access {
        namespace,
        accepted_within_ms: None,
        mode: tenant.mode,
        tenant: Some(id.to_owned()),
        caps: tenant.caps,
        ceiling: None,
        budgets: tenant.budgets,
        export: tenant.export,
        keys: Some(tenant.keys),
    })
}

/// The tenant whose token a call carries; nothing when it carries none and need not.
///
/// # Errors
/// As [`admit`].
pub(super) async fn identify<'a, W: World>(
    world: &W,
    setup: &Setup,
    call: &'a Call,
) -> Result<Option<(&'a str, Admitted)>, Failure> {
    // A token anywhere but where a provider's key goes would go to the provider.
    let elsewhere = call.headers.iter().filter(|(name, _)| !tenant::carries_credential(name)).map(|(_, value)| value);
    if elsewhere.chain([&call.path]).any(|text| token::is_within(text)) {
        return Err(Failure::unauthorized());
    }
    let Some(token) = token::find(&call.headers) else {
        return if setup.config.keys == Keys::Managed { Err(Failure::unauthorized()) } else { Ok(None) };
    };
    let id = token::tenant_of(token).ok_or_else(Failure::unauthorized)?;
    let found = world.tenant(id, &token::hash(&setup.secret, token)).await;
    let admitted = found.map_err(|_| Failure::tenants_unavailable())?.ok_or_else(Failure::unauthorized)?;
    Ok(Some((id, admitted)))
}

fn credential(auth: Auth, secret: &str) -> Credential {
    match auth {
        Auth::Bearer => Credential("authorization", format!("Bearer {secret}")),
        Auth::XApiKey => Credential("x-api-key", secret.to_owned()),
        Auth::ApiKey => Credential("api-key", secret.to_owned()),
    }
}
