//! Cognito access tokens (RFC 7519, RFC 8725; AWS: "Verifying JSON web tokens").
//!
//! RS256 and nothing else ([`super::jws`]), keys from the configured URL and nowhere else, and every claim that decides
//! is typed: an `exp` that is no number is no `exp`. Times are whole seconds: RFC 7519 allows fractions, but the one
//! issuer whose tokens are taken writes none, and a reader of fractions must decide about rounding and infinities.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::ParsedPublicKey;
use flodrama_asset::ErrorKind;
use moka::sync::Cache;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::jws::Jws;
use super::keys::{Keys, KeysError};
use crate::clock::Clock;
use crate::config::Cognito;

/// Cognito's own stay below 2 KB; more is not worth a parser's time.
const MAX_BYTES: usize = 8 * 1024;

/// Tokens kept whose signatures held: a few hundred bytes each.
const KEPT: u64 = 20_000;
/// Cognito's tokens last for an hour unless the pool says otherwise; what nobody shows any more goes then.
const KEPT_FOR: Duration = Duration::from_secs(3600);

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

/// The claims of a token that names this key, where it signed them.
pub(super) fn claims(token: &str, kid: &str, key: &ParsedPublicKey) -> Option<impl Sized> {
    let jws = Jws::parse(token).ok().filter(|jws| jws.key_id() == kid)?;
    jws.payload::<Claims>(key).ok()
}

/// Verifies access tokens of one user pool.
pub(crate) struct Verifier {
    issuer: String,
    client_ids: Vec<String>,
    leeway_s: u64,
    keys: Arc<Keys>,
    clock: Clock,
    /// By hash, so that no token is kept.
    held: Cache<[u8; 32], Arc<Held>>,
}

/// A token whose signature held.
struct Held {
    kid: String,
    /// The very key: one that the pool withdrew or replaced vouches for nothing.
    key: Arc<ParsedPublicKey>,
    claims: Claims,
}

impl Verifier {
    pub(crate) fn new(settings: &Cognito, keys: Arc<Keys>, clock: Clock) -> Verifier {
        let Cognito { issuer, client_ids, leeway_s, .. } = settings.clone();
        let held = Cache::builder().max_capacity(KEPT).time_to_live(KEPT_FOR).build();
        Verifier { issuer, client_ids, leeway_s, keys, clock, held }
    }

    /// The viewer that `token` is about, if it holds.
    pub(crate) async fn verify(&self, token: &str) -> Result<Viewer, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLarge);
        }
        let hash = Sha256::digest(token).into();
        if let Some(held) = self.held.get(&hash)
            && Arc::ptr_eq(&self.key(&held.kid).await?, &held.key)
        {
            return self.check(&held.claims);
        }
        let held = Arc::new(self.signed(token).await?);
        let viewer = self.check(&held.claims)?;
        self.held.insert(hash, held);
        Ok(viewer)
    }

    /// The claims, if one of the pool's keys signed them.
    async fn signed(&self, token: &str) -> Result<Held, TokenError> {
        let jws = Jws::parse(token)?;
        let key = self.key(jws.key_id()).await?;
        let claims = jws.payload(&key)?;
        Ok(Held { kid: jws.key_id().to_owned(), key, claims })
    }

    async fn key(&self, kid: &str) -> Result<Arc<ParsedPublicKey>, TokenError> {
        self.keys.find(kid).await.map_err(|error| match error {
            KeysError::Unknown => TokenError::UnknownKey,
            error => TokenError::Keys(error),
        })
    }

    fn check(&self, claims: &Claims) -> Result<Viewer, TokenError> {
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
        Ok(Viewer { subject: claims.sub.clone(), groups: claims.groups.clone() })
    }
}
