//! `GET /healthz`: can this process do its work, and if not, whose fault is it and since when?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flodrama_store::Store;
use moka::future::Cache;
use serde::Serialize;
use time::OffsetDateTime;

use crate::auth::Keys;
use crate::clock::Clock;
use crate::sign::Signer;

/// Whoever asks more often gets the same answer, so that asking costs S3 nothing.
const FRESH: Duration = Duration::from_secs(1);

/// The answer's body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    checks: Checks<&'static str>,
    /// Seconds since each was good: 0 where it is, nothing where it never was.
    since_good_s: Checks<Option<i64>>,
    /// Ids of the keys whose links open, the one that signs first.
    key_pair_ids: Vec<String>,
}

/// One of each dependency.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Checks<T> {
    /// The bucket answers.
    s3: T,
    /// There are keys to verify tokens with, be they old.
    jwks: T,
    /// The private key signs, and its signature holds.
    signing_key: T,
}

impl<T: Copy> Checks<T> {
    fn map<U>(self, f: impl Fn(T) -> U) -> Checks<U> {
        Checks { s3: f(self.s3), jwks: f(self.jwks), signing_key: f(self.signing_key) }
    }
}

impl Health {
    pub(crate) fn is_good(&self) -> bool {
        self.status == word(true)
    }
}

#[derive(Clone)]
pub(crate) struct Checkup {
    store: Store,
    keys: Arc<Keys>,
    signer: Arc<Signer>,
    key_pair_ids: Vec<String>,
    clock: Clock,
    last: Cache<(), Health>,
    good_at: Arc<Mutex<Checks<Option<OffsetDateTime>>>>,
}

impl Checkup {
    /// `key_pair_ids`: of the keys whose links open, the one that signs first.
    pub(crate) fn new(
        store: Store,
        keys: Arc<Keys>,
        signer: Arc<Signer>,
        key_pair_ids: Vec<String>,
        clock: Clock,
    ) -> Checkup {
        let last = Cache::builder().max_capacity(1).time_to_live(FRESH).build();
        Checkup { store, keys, signer, key_pair_ids, clock, last, good_at: Arc::default() }
    }

    pub(crate) async fn health(&self) -> Health {
        self.last.get_with((), self.check()).await
    }

    async fn check(&self) -> Health {
        let (probe, jwks) = tokio::join!(self.store.probe(), self.keys.are_there());
        if let Err(error) = &probe {
            tracing::warn!(%error, "the bucket does not answer");
        }
        let is_good = Checks { s3: probe.is_ok(), jwks, signing_key: self.signer.works() };
        let now = self.clock.now();
        let since_good_s = self.note(is_good, now).map(|at| at.map(|at| (now - at).whole_seconds().max(0)));
        let status = word(is_good.s3 && is_good.jwks && is_good.signing_key);
        Health { status, checks: is_good.map(word), since_good_s, key_pair_ids: self.key_pair_ids.clone() }
    }

    /// When each was good last.
    fn note(&self, is_good: Checks<bool>, now: OffsetDateTime) -> Checks<Option<OffsetDateTime>> {
        let mut at = self.good_at.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = |is_good: bool, before| if is_good { Some(now) } else { before };
        *at = Checks {
            s3: newer(is_good.s3, at.s3),
            jwks: newer(is_good.jwks, at.jwks),
            signing_key: newer(is_good.signing_key, at.signing_key),
        };
        *at
    }
}

fn word(good: bool) -> &'static str {
    if good { "ok" } else { "failing" }
}
