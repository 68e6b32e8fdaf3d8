//! What is known of one tenant: the secrets that hold its provider keys, and its tokens, by their hashes alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::token;
use crate::cache::key::Digest;
use crate::config::Mode;
use crate::forward::reasoning::Caps;
use crate::ledger::book::Standing;

/// Tokens of one tenant at most.
pub const MAX_TOKENS: usize = 100;

/// One tenant, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// For each upstream the name of the secret that holds the tenant's key for it. The secret itself is the Worker's.
    pub keys: BTreeMap<String, String>,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// How far the cache may go at most for its requests.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What its requests may spend on reasoning and output.
    #[serde(default)]
    pub caps: Caps,
    /// Whether its requests are kept beside their answers, so that they can be exported.
    #[serde(default)]
    pub export: bool,
}

/// One token, as it is stored. The token itself is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name for the admin API.
    pub id: String,
    /// See [`token::hash`].
    pub hash: Digest,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
}

/// What the gateway needs of a tenant whose token is good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// As in [`Tenant`].
    pub keys: BTreeMap<String, String>,
    /// As in [`Tenant`].
    pub mode: Option<Mode>,
    /// As in [`Tenant`].
    pub caps: Caps,
    /// Its budgets, as far as they matter before anything is asked; the ledger's object adds them.
    pub budgets: Standing,
    /// As in [`Tenant`].
    pub export: bool,
}

/// What is to be changed of a tenant; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its keys.
    pub keys: Option<BTreeMap<String, String>>,
    /// Its mode, or that it has none.
    pub mode: Option<Option<Mode>>,
    /// Its caps.
    pub caps: Option<Caps>,
    /// Whether it has opted in to export.
    pub export: Option<bool>,
}

/// A question or an order to a tenant's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Lets the holder of a token in.
    Admit(Digest),
    /// What is known of the tenant.
    Show,
    /// Makes the tenant, or changes it. Its tokens stay.
    Set(Change),
    /// Adds a token.
    AddToken(Token),
    /// Revokes a token.
    Revoke(String),
    /// Revokes a token and adds another in its place.
    Rotate(String, Token),
    /// Removes the tenant.
    Remove,
}

/// What came of an [`Order`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The token is good.
    Admitted(Admitted),
    /// It is not, or there is no such tenant.
    Refused,
    /// The tenant as it is now.
    Shown(Tenant),
    /// The tenant is gone, and nothing is to be stored of it any more.
    Removed,
    /// There is no such tenant.
    NoTenant,
    /// The tenant has no such token.
    NoToken,
    /// The tenant has as many tokens as it may have.
    TooMany,
}

/// Carries out an order on what is stored of a tenant, if anything is. When it returns [`Outcome::Shown`] to an order
/// that changes something, the tenant in it is what has to be stored.
#[must_use]
pub fn carry_out(tenant: Option<Tenant>, order: Order) -> Outcome {
    match (order, tenant) {
        (Order::Set(Change { keys, mode, caps, export }), tenant) => {
            let tenant = tenant.unwrap_or_default();
            let (keys, mode) = (keys.unwrap_or(tenant.keys), mode.unwrap_or(tenant.mode));
            let (caps, export) = (caps.unwrap_or(tenant.caps), export.unwrap_or(tenant.export));
            Outcome::Shown(Tenant { keys, mode, caps, export, tokens: tenant.tokens })
        }
        (Order::Admit(hash), Some(tenant)) => {
            // All of them are compared, so that the time tells nothing about which one was near.
            let good = tenant.tokens.iter().fold(false, |good, known| token::same(&known.hash, &hash) | good);
            let Tenant { keys, mode, caps, export, tokens: _ } = tenant;
            let admitted = Admitted { keys, mode, caps, export, budgets: Standing::default() };
            if good { Outcome::Admitted(admitted) } else { Outcome::Refused }
        }
        (Order::Admit(_), None) => Outcome::Refused,
        (_, None) => Outcome::NoTenant,
        (Order::Show, Some(tenant)) => Outcome::Shown(tenant),
        (Order::AddToken(_), Some(tenant)) if tenant.tokens.len() >= MAX_TOKENS => Outcome::TooMany,
        (Order::AddToken(token), Some(mut tenant)) => {
            tenant.tokens.push(token);
            Outcome::Shown(tenant)
        }
        (Order::Remove, Some(_)) => Outcome::Removed,
        (Order::Rotate(id, token), Some(mut tenant)) => match tenant.tokens.iter_mut().find(|known| known.id == id) {
            Some(known) => {
                *known = token;
                Outcome::Shown(tenant)
            }
            None => Outcome::NoToken,
        },
        (Order::Revoke(id), Some(mut tenant)) => {
            let before = tenant.tokens.len();
            tenant.tokens.retain(|token| token.id != id);
            if tenant.tokens.len() < before { Outcome::Shown(tenant) } else { Outcome::NoToken }
        }
    }
}

impl Order {
    /// Whether it changes what is stored.
    #[must_use]
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Admit(_) | Self::Show)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(k: u8) -> Token {
        Token { id: format!("tok_{k}"), hash: Digest([k; 32]), created_ms: 1 }
    }

    #[test]
    fn a_tenant_is_made_gets_tokens_and_loses_them_at_once() {
        let keys = BTreeMap::from([("openai".to_owned(), "OPENAI_API_KEY".to_owned())]);
        let Outcome::Shown(tenant) = carry_out(
            None,
            Order::Set(Change { keys: Some(keys.clone()), mode: Some(Some(Mode::Shadow)), ..Change::default() }),
        ) else {
            unreachable!()
        };
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([1; 32]))), Outcome::Refused);
        let Outcome::Shown(tenant) = carry_out(Some(tenant), Order::AddToken(token(1))) else { unreachable!() };
        let Outcome::Shown(tenant) = carry_out(Some(tenant), Order::AddToken(token(2))) else { unreachable!() };
        let admitted = Outcome::Admitted(Admitted { keys, mode: Some(Mode::Shadow), ..Admitted::default() });
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([1; 32]))), admitted);
        let Outcome::Shown(tenant) = carry_out(Some(tenant), Order::Revoke("tok_1".into())) else { unreachable!() };
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([1; 32]))), Outcome::Refused);
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([2; 32]))), admitted);
        assert_eq!(carry_out(Some(tenant.clone()), Order::Revoke("tok_1".into())), Outcome::NoToken);
        let Outcome::Shown(tenant) = carry_out(Some(tenant), Order::Rotate("tok_2".into(), token(3))) else {
            unreachable!()
        };
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([2; 32]))), Outcome::Refused);
        assert_eq!(carry_out(Some(tenant.clone()), Order::Admit(Digest([3; 32]))), admitted);
        assert_eq!(carry_out(Some(tenant.clone()), Order::Rotate("tok_2".into(), token(4))), Outcome::NoToken);
        assert_eq!(carry_out(Some(tenant), Order::Remove), Outcome::Removed);
        assert_eq!(carry_out(None, Order::Remove), Outcome::NoTenant);
    }

    #[test]
    fn nobody_is_let_in_where_there_is_no_tenant_and_tokens_are_bounded() {
        assert_eq!(carry_out(None, Order::Admit(Digest([0; 32]))), Outcome::Refused);
        assert_eq!(carry_out(None, Order::AddToken(token(1))), Outcome::NoTenant);
        let full = Tenant { tokens: (0..100).map(token).collect(), ..Tenant::default() };
        assert_eq!(carry_out(Some(full), Order::AddToken(token(101))), Outcome::TooMany);
    }
}
