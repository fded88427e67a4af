//! `GET /healthz`: can this process do its work?

use std::sync::Arc;
use std::time::Duration;

use flodrama_store::Store;
use moka::future::Cache;
use serde::Serialize;

use crate::auth::Keys;
use crate::sign::Signer;

/// Whoever asks more often gets the same answer, so that asking costs S3 nothing.
const FRESH: Duration = Duration::from_secs(1);

/// The answer's body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    checks: Checks,
    /// Ids of the keys whose links open, the one that signs first.
    key_pair_ids: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Checks {
    /// The bucket answers.
    s3: &'static str,
    /// There are keys to verify tokens with, be they old.
    jwks: &'static str,
    /// The private key signs, and its signature holds.
    signing_key: &'static str,
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
    last: Cache<(), Health>,
}

impl Checkup {
    /// `key_pair_ids`: of the keys whose links open, the one that signs first.
    pub(crate) fn new(
        store: Store,
        keys: Arc<Keys>,
        signer: Arc<Signer>,
        key_pair_ids: Vec<String>,
    ) -> Checkup {
        let last = Cache::builder().max_capacity(1).time_to_live(FRESH).build();
        Checkup { store, keys, signer, key_pair_ids, last }
    }

    pub(crate) async fn health(&self) -> Health {
        self.last.get_with((), self.check()).await
    }

    async fn check(&self) -> Health {
        let (probe, jwks) = tokio::join!(self.store.probe(), self.keys.are_there());
        if let Err(error) = &probe {
            tracing::warn!(%error, "the bucket does not answer");
        }
        let (s3, signing_key) = (probe.is_ok(), self.signer.works());
        let status = word(s3 && jwks && signing_key);
        let checks = Checks { s3: word(s3), jwks: word(jwks), signing_key: word(signing_key) };
        Health { status, checks, key_pair_ids: self.key_pair_ids.clone() }
    }
}

fn word(good: bool) -> &'static str {
    if good { "ok" } else { "failing" }
}
