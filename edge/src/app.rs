//! The composition root: settings to parts, parts to a running edge.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::ErrorKind;
use flodrama_store::Store;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use url::Url;

use crate::assets::Assets;
use crate::auth::{Keys, Verifier};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::document::Documents;
use crate::health::Checkup;
use crate::http::{Cors, router};
use crate::listen::listen;
use crate::manifest::Manifests;
use crate::metrics::Metrics;
use crate::pages::content_security_policy;
use crate::playback::Links;
use crate::pointer::Pointers;
use crate::sign::{Cdn, Gate, Signer, SigningKey};

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
    fn new(setting: &'static str, problem: impl Into<String>) -> StartError {
        StartError { setting, problem: problem.into(), source: None }
    }

    fn caused(setting: &'static str, source: impl Error + Send + Sync + 'static) -> StartError {
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
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) cookies: config::Cookies,
    pub(crate) content_security_policy: String,
    pub(crate) request_timeout: Duration,
    pub(crate) max_body_bytes: usize,
}

impl App {
    /// An edge over the bucket of the settings, with region and credentials of the AWS SDK's own settings. Asks
    /// nobody anything yet: what is not reachable shows at `/healthz`.
    pub async fn load(config: Config) -> Result<App, StartError> {
        let store = Store::connect(&config.s3.bucket, config.s3.endpoint_url.as_deref()).await;
        App::with(config, store, Clock::system())
    }

    /// An edge over a store that the caller connected, by the caller's clock.
    pub fn with(config: Config, store: Store, clock: Clock) -> Result<App, StartError> {
        let signer = Arc::new(signer(&config.cdn)?);
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
        let links = Links {
            store: store.clone(),
            pointers: Pointers::new(store.clone()),
            documents: Documents::new(store.clone()),
            signer: Arc::clone(&signer),
            settings: config.playback,
            preview_groups: config.entitlement.preview_groups.into(),
            clock: clock.clone(),
        };
        let parts = Parts {
            verifier: Verifier::new(&config.cognito, Arc::clone(&keys), clock.clone()),
            gate: Gate::new(Arc::clone(&signer)),
            assets: Assets::new(links.clone()),
            links,
            manifests: Manifests::new(store.clone(), config.server.cache_bytes),
            content_security_policy: content_security_policy(signer.cdn()),
            checkup: Checkup::new(store, keys, signer),
            metrics: Arc::default(),
            clock,
            cookies: config.cookies,
            request_timeout: Duration::from_secs(config.server.request_timeout_s),
            max_body_bytes: config.server.max_body_bytes,
        };
        Ok(App { settings: config.server, parts: Arc::new(parts), cors })
    }

    /// Serves on `listener` until `shutdown`, then ends within three seconds, whatever clients do.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let App { settings, parts, cors } = self;
        let metrics = Arc::clone(&parts.metrics);
        listen(listener, router(parts, cors), &settings, metrics, shutdown).await;
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The signer of the settings.
pub(crate) fn signer(settings: &config::Cdn) -> Result<Signer, StartError> {
    let cdn = Cdn::parse(&settings.base_url).map_err(|e| StartError::caused("cdn.base_url", e))?;
    let id = &settings.key_pair_id;
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(StartError::new("cdn.key_pair_id", "it is letters, digits and '-'"));
    }
    let pem = match (&settings.private_key, &settings.private_key_file) {
        (Some(pem), None) => pem.clone(),
        (None, Some(path)) => {
            let text =
                std::fs::read_to_string(path).map_err(|e| StartError::caused("cdn.private_key_file", e))?;
            SecretString::from(text)
        }
        _ => return Err(StartError::new("cdn.private_key_file", "give either it or cdn.private_key")),
    };
    let key = SigningKey::from_pem(pem.expose_secret(), settings.hash);
    Ok(Signer::new(cdn, id.clone(), key.map_err(|e| StartError::caused("cdn.private_key", e))?))
}
