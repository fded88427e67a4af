//! The user pool's public keys: fetched from the configured URL, kept for a day while it cannot be reached, and asked
//! for again at most once in a while whatever key ids come in.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flodrama_asset::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::clock::Clock;
use crate::metrics::Counter;

/// Cognito's documents have two keys and about 1 KB.
const MAX_BYTES: usize = 256 * 1024;
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
/// Keys are renewed this often, so that one that the pool withdraws goes here too.
const RENEW_AFTER: Duration = Duration::HOUR;
/// Keys are believed for this long without being seen again: the pool may be away for a while, but a key that it withdrew
/// must end even for whoever can keep us from the pool.
const STALE_AFTER: Duration = Duration::DAY;
/// Time between two fetches, whoever asks: unknown key ids cost an attacker more than us.
const PAUSE: Duration = Duration::seconds(10);
/// The same while there are no keys at all and nobody can sign in.
const PAUSE_WITHOUT_KEYS: Duration = Duration::SECOND;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("no key of this id")]
    Unknown,
    #[error("the key document was never had, or too long ago")]
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
    #[error("the key server answers {0}")]
    Status(reqwest::StatusCode),
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
    keys: HashMap<String, Arc<ParsedPublicKey>>,
    fetched_at: Option<OffsetDateTime>,
    tried_at: Option<OffsetDateTime>,
    /// Fetches that have ended, well or not.
    ended: u64,
}

/// The keys of one pool.
pub(crate) struct Keys {
    url: Url,
    http: reqwest::Client,
    clock: Clock,
    state: RwLock<State>,
    fetched: Counter,
    failed: Counter,
    /// Held while fetching: one fetch at a time, and those who wait for it need none of their own.
    fetching: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(crate) fn new(url: Url, clock: Clock) -> Result<Keys, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (fetched, failed) = Default::default();
        let fetching = tokio::sync::Mutex::new(());
        Ok(Keys { url, http, clock, state: RwLock::default(), fetched, failed, fetching })
    }

    /// The key with this id.
    pub(crate) async fn find(self: &Arc<Self>, kid: &str) -> Result<Arc<ParsedPublicKey>, KeysError> {
        if let Some(Some(key)) = self.known(|keys| keys.get(kid).cloned()) {
            if self.is_old() && self.may_fetch() {
                // The key at hand serves this request; nobody waits for a pool that may be down.
                let keys = Arc::clone(self);
                tokio::spawn(async move { keys.renew().await });
            }
            return Ok(key);
        }
        self.renewed().await;
        let key = self.known(|keys| keys.get(kid).cloned()).ok_or(KeysError::Unavailable)?;
        key.ok_or(KeysError::Unknown)
    }

    /// True while there are keys; asks for them if there are none.
    pub(crate) async fn are_there(self: &Arc<Self>) -> bool {
        if self.known(|_| ()).is_none() {
            self.renewed().await;
        }
        self.known(|_| ()).is_some()
    }

    /// When the keys at hand were fetched.
    pub(crate) fn fetched_at(&self) -> Option<OffsetDateTime> {
        self.read(|state| state.fetched_at)
    }

    /// Fetches that brought keys, and those that did not.
    pub(crate) fn fetches(&self) -> (u64, u64) {
        (self.fetched.get(), self.failed.get())
    }

    /// Waits for [`Keys::renew`]. A task of its own: a caller that hangs up must not end what others wait for.
    async fn renewed(self: &Arc<Self>) {
        let keys = Arc::clone(self);
        // It fails only where the runtime ends.
        let _ = tokio::spawn(async move { keys.renew().await }).await;
    }

    /// Fetches, unless somebody did a moment ago or while we waited: then what they found is the answer to all who wait,
    /// or each would wait for a fetch of their own where the server hangs.
    async fn renew(&self) {
        let ended = self.read(|state| state.ended);
        let _one_at_a_time = self.fetching.lock().await;
        if self.read(|state| state.ended) != ended || !self.may_fetch() {
            return;
        }
        self.write(|state| state.tried_at = Some(self.clock.now()));
        let fetched = self.fetch().await;
        self.write(|state| state.ended += 1);
        match fetched {
            Ok(keys) => {
                self.fetched.add();
                self.write(|state| {
                    state.keys = keys;
                    state.fetched_at = Some(self.clock.now());
                });
            }
            Err(error) => {
                self.failed.add();
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the pool's keys stay as they were");
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<ParsedPublicKey>>, FetchError> {
        let mut response = self.http.get(self.url.clone()).send().await?;
        // 200 alone: a redirect is not followed, and its body is not the document.
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
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
        let pause = if self.known(|_| ()).is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        self.read(|state| state.tried_at).is_none_or(|tried_at| self.since(tried_at) >= pause)
    }

    fn is_old(&self) -> bool {
        self.read(|state| state.fetched_at).is_none_or(|fetched_at| self.since(fetched_at) >= RENEW_AFTER)
    }

    /// The keys, where they are there and were fetched lately enough to be believed.
    fn known<T>(&self, look: impl FnOnce(&HashMap<String, Arc<ParsedPublicKey>>) -> T) -> Option<T> {
        self.read(|state| {
            let fetched_at = state.fetched_at?;
            (self.since(fetched_at) < STALE_AFTER).then(|| look(&state.keys))
        })
    }

    /// A clock that was put back must not stop us for as long.
    fn since(&self, then: OffsetDateTime) -> Duration {
        (self.clock.now() - then).abs()
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// An RSA key that RS256 signatures are verified with, and its id.
pub(super) fn usable(value: serde_json::Value) -> Option<(String, Arc<ParsedPublicKey>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let Jwk { common, .. } = &jwk;
    let is_for_us = common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256)
        && common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let kid = common.key_id.clone().filter(|_| is_for_us)?;
    let AlgorithmParameters::RSA(rsa) = &jwk.algorithm else { return None };
    Some((kid, Arc::new(rs256(&rsa.n, &rsa.e)?)))
}

/// The key of a modulus and an exponent in base64url, made ready once: that costs as much as verifying. None of less than
/// 2,048 bits, which are broken or soon will be (RFC 7518 §3.3).
pub(super) fn rs256(n: &str, e: &str) -> Option<ParsedPublicKey> {
    let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.decode(number).ok());
    let (n, e) = (n?, e?);
    // The library looks at a key's size only once it verifies: by then a key that is no use would have replaced good ones.
    let fits = (2048..=8192).contains(&bits(&n)) && (2..=33).contains(&bits(&e)) && is_odd(&n) && is_odd(&e);
    let key = fits.then_some(RsaPublicKeyComponents { n, e })?;
    key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
}

/// Of an unsigned number, the most significant byte first.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros).map_or(0, |first| (number.len() - zeros) * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}
