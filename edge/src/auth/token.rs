//! Cognito access tokens (RFC 7519, RFC 8725; AWS: "Verifying JSON web tokens").
//!
//! RS256 and nothing else ([`super::jws`]), keys from the configured URL and nowhere else, and every claim that decides
//! is typed: an `exp` that is no number is no `exp`. Times are whole seconds: RFC 7519 allows fractions, but the one
//! issuer whose tokens are taken writes none, and a reader of fractions must decide about rounding and infinities.

use std::sync::Arc;

use flodrama_asset::ErrorKind;
use serde::{Deserialize, Deserializer};

use super::jws::Jws;
use super::keys::{Keys, KeysError};
use crate::clock::Clock;
use crate::config::Cognito;

/// Cognito's own stay below 2 KB; more is not worth a parser's time.
const MAX_BYTES: usize = 8 * 1024;

/// A signed-in viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// `sub`: stable and anonymous.
    pub subject: String,
    /// Groups of the pool that they are a member of (`cognito:groups`).
    pub groups: Vec<String>,
}

/// Why a token does not hold. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the token is no JWT with the claims of an access token")]
    Malformed,
    #[error("the token is not signed with RS256")]
    Algorithm,
    #[error("the token has a critical header that we do not know")]
    Critical,
    #[error("the token names no key of the pool")]
    UnknownKey,
    #[error("the token's signature does not fit")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is no access token")]
    Use,
    #[error("the token is for another app client")]
    Client,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the pool's keys cannot be had")]
    Keys(#[source] KeysError),
}

impl TokenError {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            TokenError::Keys(error) => error.kind(),
            _ => ErrorKind::Unauthenticated,
        }
    }
}

/// The claims that decide.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    token_use: String,
    client_id: String,
    /// Seconds since 1970.
    exp: u64,
    #[serde(default, deserialize_with = "number")]
    nbf: Option<u64>,
    /// Cognito leaves the claim away for a user without groups.
    #[serde(default, rename = "cognito:groups")]
    groups: Vec<String>,
}

/// Present means a number: `null` is no way to say "none".
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

/// Verifies access tokens of one user pool.
pub(crate) struct Verifier {
    issuer: String,
    client_ids: Vec<String>,
    leeway_s: u64,
    keys: Arc<Keys>,
    clock: Clock,
}

impl Verifier {
    pub(crate) fn new(settings: &Cognito, keys: Arc<Keys>, clock: Clock) -> Verifier {
        let Cognito { issuer, client_ids, leeway_s, .. } = settings.clone();
        Verifier { issuer, client_ids, leeway_s, keys, clock }
    }

    /// The viewer that `token` is about, if it holds.
    pub(crate) async fn verify(&self, token: &str) -> Result<Viewer, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLarge);
        }
        let jws = Jws::parse(token)?;
        let key = match self.keys.find(jws.key_id()).await {
            Ok(key) => key,
            Err(KeysError::Unknown) => return Err(TokenError::UnknownKey),
            Err(error) => return Err(TokenError::Keys(error)),
        };
        self.check(jws.payload(&key)?)
    }

    fn check(&self, claims: Claims) -> Result<Viewer, TokenError> {
        let now = u64::try_from(self.clock.now().unix_timestamp()).unwrap_or(0);
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.token_use != "access" {
            return Err(TokenError::Use);
        }
        if !self.client_ids.contains(&claims.client_id) {
            return Err(TokenError::Client);
        }
        if claims.exp.saturating_add(self.leeway_s) <= now {
            return Err(TokenError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(self.leeway_s)) {
            return Err(TokenError::NotYet);
        }
        Ok(Viewer { subject: claims.sub, groups: claims.groups })
    }
}
