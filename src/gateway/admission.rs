//! Who calls, and may they: the namespace of a request, and the key that it goes upstream with.

use super::{Call, Setup};
use crate::cache::key::Digest;
use crate::config::{Auth, Keys, Mode, Upstream};
use crate::error::Failure;
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
    /// The provider's key to send in place of the caller's credentials.
    provider_key: Option<(&'static str, String)>,
}

/// How long a provider's word counts that a key is good: a revoked key must not be served for longer.
const ACCEPTED_WITHIN_MS: u64 = 24 * 3_600_000;

impl Access {
    /// How far the cache may go for a request that asks for this mode, to this upstream.
    pub(super) fn mode(&self, asked: Mode, upstream: &Upstream) -> Mode {
        [self.mode, upstream.mode].into_iter().flatten().fold(asked, Mode::min)
    }

    /// Puts the provider's key in place of a token.
    pub(super) fn replace_credential(&self, headers: &mut Headers) {
        if let Some((name, value)) = &self.provider_key {
            headers.retain(|(known, _)| !tenant::carries_credential(known));
            headers.push(((*name).to_owned(), value.clone()));
        }
    }
}

/// Lets a caller in, by its own provider key or by a token.
///
/// # Errors
/// 401 for a token that is unknown or revoked, or when only tokens are allowed and there is none.
pub(super) async fn admit<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    upstream: &Upstream,
    partition: &str,
) -> Result<Access, Failure> {
    let Some((id, tenant)) = identify(world, setup, call).await? else {
        let namespace = tenant::namespace(&setup.secret, &Caller::of(&call.headers, partition));
        return Ok(Access {
            namespace,
            accepted_within_ms: Some(ACCEPTED_WITHIN_MS),
            mode: None,
            tenant: None,
            provider_key: None,
        });
    };
    let name = tenant.keys.get(&upstream.name).ok_or_else(|| {
        let message = format!("The tenant '{id}' has no key for the upstream '{}'.", upstream.name);
        Failure::no_provider_key(format!("{message} Name one with PUT /admin/v1/tenants/{id}."))
    })?;
    let secret = world.secret(name).ok_or_else(|| {
        let message = format!("The secret '{name}', which tenant '{id}' uses for '{}', is not set.", upstream.name);
        Failure::no_provider_key(format!("{message} Set it with `npx wrangler secret put {name}`."))
    })?;
    let namespace = tenant::namespace(&setup.secret, &Caller::tenant(id, &call.headers, partition));
    let provider_key = Some(credential(upstream.auth, &secret));
    Ok(Access { namespace, accepted_within_ms: None, mode: tenant.mode, tenant: Some(id.to_owned()), provider_key })
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

fn credential(auth: Auth, secret: &str) -> (&'static str, String) {
    match auth {
        Auth::Bearer => ("authorization", format!("Bearer {secret}")),
        Auth::XApiKey => ("x-api-key", secret.to_owned()),
        Auth::ApiKey => ("api-key", secret.to_owned()),
    }
}
