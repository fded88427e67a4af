//! The composition root: settings to parts, parts to a running edge.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::ErrorKind;
use flodrama_store::{Observe, Store};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use url::Url;

use crate::assets::Assets;
use crate::auth::{Keys, Verifier};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::document::Documents;
use crate::health::Checkup;
use crate::http::{Cors, edge};
use crate::lambda::{self, Runtime, RuntimeError};
use crate::limits::Limits;
use crate::listen::listen;
use crate::manifest::Manifests;
use crate::metrics::{Metrics, Readings};
use crate::pages::content_security_policy;
use crate::playback::Links;
use crate::pointer::Pointers;
use crate::rules::Rules;
use crate::secret::private_key;
use crate::sign::{Cdn, Gate, Signer, SigningKey, TrustedKey, VerifyingKey};
use crate::telemetry::Telemetry;
use crate::vitals::{self, Vitals};

/// A setting that cannot be used. Names the setting, never its value.
#[derive(Debug, thiserror::Error)]
#[error("the setting {setting} cannot be used: {problem}")]
pub struct StartError {
    setting: &'static str,
    problem: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StartError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> StartError {
        StartError { setting, problem: problem.into(), source: None }
    }

    pub(crate) fn caused(setting: &'static str, source: impl Error + Send + Sync + 'static) -> StartError {
        StartError { setting, problem: source.to_string(), source: Some(Box::new(source)) }
    }

    /// Always `Config`.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Config
    }
}

/// An edge, ready to serve.
pub struct App {
    settings: config::Server,
    parts: Arc<Parts>,
    cors: Cors,
}

/// What requests are answered with.
pub(crate) struct Parts {
    pub(crate) verifier: Verifier,
    pub(crate) gate: Gate,
    pub(crate) links: Links,
    pub(crate) assets: Assets,
    pub(crate) manifests: Manifests,
    pub(crate) checkup: Checkup,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) vitals: Vitals,
    pub(crate) keys: Arc<Keys>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) clock: Clock,
    pub(crate) cookies: config::Cookies,
    pub(crate) trust_cloudfront_country: bool,
    pub(crate) content_security_policy: String,
    pub(crate) request_timeout: Duration,
    pub(crate) max_body_bytes: usize,
}

impl App {
    /// An edge over the bucket of the settings, with region and credentials of the AWS SDK's own settings. Asks
    /// nobody anything yet but for a key in Secrets Manager: what else is not reachable shows at `/healthz`.
    pub async fn load(config: Config) -> Result<App, StartError> {
        let store = Store::connect(&config.s3.bucket, config.s3.endpoint_url.as_deref()).await;
        App::with(config, store, Clock::system()).await
    }

    /// An edge over a store that the caller connected, by the caller's clock.
    pub async fn with(config: Config, store: Store, clock: Clock) -> Result<App, StartError> {
        let signer = Arc::new(signer(&config.cdn).await?);
        let mut trusted = vec![signer.trusted()];
        if let Some(second) = &config.second_key {
            trusted.push(second_key(second, signer.trusted().id.as_str())?);
        }
        let key_ids = trusted.iter().map(|key| key.id.clone()).collect();
        let jwks_url =
            Url::parse(&config.cognito.jwks_url).map_err(|e| StartError::caused("cognito.jwks_url", e))?;
        if config.cognito.issuer.is_empty() || config.cognito.client_ids.is_empty() {
            return Err(StartError::new("cognito", "an issuer and at least one client id are needed"));
        }
        if config.cookies.same_site == config::SameSite::None && !config.cookies.secure {
            return Err(StartError::new(
                "cookies.same_site",
                "browsers take \"none\" with secure cookies alone",
            ));
        }
        let cors =
            Cors::new(&config.server.cors_origins).map_err(|e| StartError::new("server.cors_origins", e))?;
        let keys = Arc::new(
            Keys::new(jwks_url, clock.clone()).map_err(|e| StartError::caused("cognito.jwks_url", e))?,
        );
        let metrics = Arc::new(Metrics::default());
        let store = store.observed(Arc::clone(&metrics) as Arc<dyn Observe>);
        let links = Links {
            store: store.clone(),
            pointers: Pointers::new(store.clone()),
            documents: Documents::new(store.clone()),
            rules: Rules::new(store.clone()),
            signer: Arc::clone(&signer),
            settings: config.playback,
            editors: config.entitlement.preview_groups.into(),
            clock: clock.clone(),
        };
        let parts = Parts {
            verifier: Verifier::new(&config.cognito, Arc::clone(&keys), clock.clone()),
            gate: Gate::new(signer.cdn().clone(), trusted),
            assets: Assets::new(links.clone()),
            links,
            manifests: Manifests::new(store.clone(), Arc::clone(&signer), config.server.cache_bytes),
            content_security_policy: content_security_policy(signer.cdn()),
            checkup: Checkup::new(store, Arc::clone(&keys), Arc::clone(&signer), key_ids, clock.clone()),
            limits: Limits::new(&config.rates),
            metrics,
            vitals: Vitals::new(),
            keys,
            signer,
            clock,
            cookies: config.cookies,
            trust_cloudfront_country: config.entitlement.trust_cloudfront_country,
            request_timeout: Duration::from_secs(config.server.request_timeout_s),
            max_body_bytes: config.server.max_body_bytes,
        };
        Ok(App { settings: config.server, parts: Arc::new(parts), cors })
    }

    /// Serves on `listener` until `shutdown`, then ends within three seconds, whatever clients do.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let App { settings, parts, cors } = self;
        let metrics = Arc::clone(&parts.metrics);
        let minutes = tokio::spawn(every_minute(Arc::clone(&parts)));
        listen(listener, edge(Arc::clone(&parts), cors), &settings, metrics, shutdown).await;
        minutes.abort();
        parts.write_vitals().await;
    }

    /// Serves the events of Lambda's runtime API at `runtime` (host and port) until `shutdown`.
    pub(crate) async fn run_in_lambda(
        self,
        runtime: &Runtime,
        telemetry: &Telemetry,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RuntimeError> {
        let App { parts, cors, .. } = self;
        let edge = edge(Arc::clone(&parts), cors);
        let served = lambda::serve(runtime, edge, &parts, telemetry, shutdown).await;
        parts.write_vitals().await;
        served
    }
}

impl Parts {
    /// What the parts say of themselves.
    pub(crate) async fn readings(&self) -> Readings {
        let (jwks_fetched, jwks_failed) = self.keys.fetches();
        let (cache_hits, cache_misses) = self.manifests.lookups();
        let age = |at: OffsetDateTime| (self.clock.now() - at).whole_seconds().max(0);
        Readings {
            jwks_age_s: self.keys.fetched_at().map(age),
            jwks_fetched,
            jwks_failed,
            signatures: self.signer.made(),
            cache_hits,
            cache_misses,
            cache_bytes: self.manifests.bytes().await,
        }
    }

    /// One line on how the process is.
    pub(crate) async fn write_vitals(&self) {
        self.vitals.write(self.metrics.sums(), self.readings().await);
    }
}

async fn every_minute(parts: Arc<Parts>) {
    loop {
        tokio::time::sleep(vitals::EVERY).await;
        parts.write_vitals().await;
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The signer of the settings.
pub(crate) async fn signer(settings: &config::Cdn) -> Result<Signer, StartError> {
    let cdn = Cdn::parse(&settings.base_url).map_err(|e| StartError::caused("cdn.base_url", e))?;
    let id = key_pair_id("cdn.key_pair_id", &settings.key_pair_id)?;
    let (setting, pem) = private_key(settings).await?;
    let key = SigningKey::from_pem(pem.expose_secret(), settings.hash);
    Ok(Signer::new(cdn, id, key.map_err(|e| StartError::caused(setting, e))?))
}

/// The key that opens beside the one that signs, whose id is `signing`.
fn second_key(settings: &config::SecondKey, signing: &str) -> Result<TrustedKey, StartError> {
    let id = key_pair_id("second_key.key_pair_id", &settings.key_pair_id)?;
    if id == signing {
        return Err(StartError::new("second_key.key_pair_id", "it is cdn.key_pair_id already"));
    }
    let pem = match (&settings.public_key, &settings.public_key_file) {
        (Some(pem), None) => pem.clone(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).map_err(|e| StartError::caused("second_key.public_key_file", e))?
        }
        _ => {
            let problem = "give either it or second_key.public_key";
            return Err(StartError::new("second_key.public_key_file", problem));
        }
    };
    let key = VerifyingKey::from_pem(&pem, settings.hash);
    Ok(TrustedKey { id, key: key.map_err(|e| StartError::caused("second_key.public_key", e))? })
}

fn key_pair_id(setting: &'static str, id: &str) -> Result<String, StartError> {
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_id { Ok(id.to_owned()) } else { Err(StartError::new(setting, "it is letters, digits and '-'")) }
}
