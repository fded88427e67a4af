//! The user pool's public keys: fetched from the configured URL, kept while it cannot be reached, and asked for again
//! at most once in a while whatever key ids come in.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use flodrama_asset::ErrorKind;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::clock::Clock;

/// Cognito's documents have two keys and about 1 KB.
const MAX_BYTES: usize = 256 * 1024;
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
/// Keys are renewed this often, so that one that the pool withdraws goes here too.
const RENEW_AFTER: Duration = Duration::HOUR;
/// Time between two fetches, whoever asks: unknown key ids cost an attacker more than us.
const PAUSE: Duration = Duration::seconds(10);
/// The same while there are no keys at all and nobody can sign in.
const PAUSE_WITHOUT_KEYS: Duration = Duration::SECOND;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("no key of this id")]
    Unknown,
    #[error("the key document was never had")]
    Unavailable,
}

impl KeysError {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            KeysError::Unknown => ErrorKind::Unauthenticated,
            KeysError::Unavailable => ErrorKind::Unavailable,
        }
    }
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the key document cannot be fetched")]
    Http(#[from] reqwest::Error),
    #[error("the key document is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the key document is not one")]
    Json(#[from] serde_json::Error),
    #[error("the key document has no RS256 key")]
    Empty,
}

#[derive(Deserialize)]
struct Document {
    /// Key by key, so that one of a kind that we do not know spoils no other.
    keys: Vec<serde_json::Value>,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, Arc<DecodingKey>>,
    fetched_at: Option<OffsetDateTime>,
    tried_at: Option<OffsetDateTime>,
}

/// The keys of one pool.
pub(crate) struct Keys {
    url: Url,
    http: reqwest::Client,
    clock: Clock,
    state: RwLock<State>,
    /// Held while fetching: one fetch at a time, and those who wait for it need none of their own.
    fetching: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(crate) fn new(url: Url, clock: Clock) -> Result<Keys, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Keys { url, http, clock, state: RwLock::default(), fetching: tokio::sync::Mutex::new(()) })
    }

    /// The key with this id.
    pub(crate) async fn find(self: &Arc<Self>, kid: &str) -> Result<Arc<DecodingKey>, KeysError> {
        if let Some(key) = self.read(|state| state.keys.get(kid).cloned()) {
            if self.is_old() && self.may_fetch() {
                // The key at hand serves this request; nobody waits for a pool that may be down.
                let keys = Arc::clone(self);
                tokio::spawn(async move { keys.renew().await });
            }
            return Ok(key);
        }
        self.renew().await;
        self.read(|state| match state.keys.get(kid) {
            Some(key) => Ok(key.clone()),
            None if state.keys.is_empty() => Err(KeysError::Unavailable),
            None => Err(KeysError::Unknown),
        })
    }

    /// True once there are keys; asks for them if there are none.
    pub(crate) async fn are_there(&self) -> bool {
        if self.read(|state| state.keys.is_empty()) {
            self.renew().await;
        }
        self.read(|state| !state.keys.is_empty())
    }

    /// Fetches, unless somebody did a moment ago.
    async fn renew(&self) {
        let _one_at_a_time = self.fetching.lock().await;
        if !self.may_fetch() {
            return;
        }
        self.write(|state| state.tried_at = Some(self.clock.now()));
        match self.fetch().await {
            Ok(keys) => self.write(|state| {
                state.keys = keys;
                state.fetched_at = Some(self.clock.now());
            }),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the pool's keys stay as they were");
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
        let mut response = self.http.get(self.url.clone()).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let document: Document = serde_json::from_slice(&body)?;
        let keys: HashMap<_, _> = document.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
    }

    fn may_fetch(&self) -> bool {
        let (tried_at, pause) = self
            .read(|state| (state.tried_at, if state.keys.is_empty() { PAUSE_WITHOUT_KEYS } else { PAUSE }));
        // `abs`: a clock that was put back must not stop us for as long.
        tried_at.is_none_or(|tried_at| (self.clock.now() - tried_at).abs() >= pause)
    }

    fn is_old(&self) -> bool {
        let fetched_at = self.read(|state| state.fetched_at);
        fetched_at.is_none_or(|fetched_at| (self.clock.now() - fetched_at).abs() >= RENEW_AFTER)
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// An RSA key for RS256 signatures, and its id.
fn usable(value: serde_json::Value) -> Option<(String, Arc<DecodingKey>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let is_rs256 = jwk.common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256);
    let is_rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    let kid = jwk.common.key_id.clone().filter(|_| is_rs256 && is_rsa)?;
    Some((kid, Arc::new(DecodingKey::from_jwk(&jwk).ok()?)))
}
