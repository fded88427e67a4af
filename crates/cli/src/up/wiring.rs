//! Starts the parts and wires them by URLs; nothing of the worker or the edge knows that it runs here.

use std::path::Path;

use anyhow::Context;
use flodrama_edge::Clock;
use flodrama_edge::config as edge_config;
use flodrama_local_aws::{CloudFrontPublicKey, EDITORS, Stack, StackOptions};
use flodrama_worker::app::Clients;
use flodrama_worker::config as worker_config;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::keys::{self, KeyPair};
use crate::clients;
use crate::config::{Aws, CloudFront, Cognito, Config, Edge, Queue, S3};

/// The names of production, so that what works here is spelt the same there.
const BUCKET: &str = "flodrama-media-prod";
const QUEUE: &str = "flodrama-uploads";
const REGION: &str = "eu-west-3";
/// A local stack is for one person: its messages come back soon.
const VISIBILITY_S: u32 = 30;

/// A running stack.
pub struct Running {
    /// How to talk to it.
    pub config: Config,
    stack: Stack,
    stop: watch::Sender<bool>,
    services: Vec<JoinHandle<()>>,
}

/// Starts everything below `data`, which exists. The edge serves on `listener`.
pub async fn start(data: &Path, listener: TcpListener) -> anyhow::Result<Running> {
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot use the data folder {}", data.display()))?;
    log_to(&data.join("flodrama.log"))?;
    let edge_url = format!("http://{}", listener.local_addr()?);
    let key_pair = keys::open(data)?;
    let stack = Stack::start(StackOptions {
        data: data.to_owned(),
        region: REGION.to_owned(),
        bucket: BUCKET.to_owned(),
        queue: QUEUE.to_owned(),
        edge_origin: edge_url.clone(),
        cloudfront_keys: vec![CloudFrontPublicKey {
            key_id: key_pair.id.clone(),
            public_key_pem: key_pair.public_pem.clone(),
        }],
    })
    .await?;
    let config = settings(&stack, edge_url);
    let store = clients::store(&config).await;

    let edge = flodrama_edge::App::with(
        edge_settings(&stack, &config.edge.url, key_pair),
        store.clone(),
        Clock::system(),
    )
    .await?;
    let worker_clients =
        Clients { store, sqs: clients::sqs(&config).await, cloudfront: clients::cloudfront(&config).await };
    let settings = worker_settings(&config, data)?;
    // Now, not at the first episode.
    let scratch = data.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    settings.work.children(&scratch)?.confined().await?;
    let worker = flodrama_worker::app::App::with(settings, worker_clients)?;

    let (stop, stopped) = watch::channel(false);
    let stopping = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the sender is gone, and everything with it.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let services = vec![
        tokio::spawn(edge.run(listener, stopping(stopped.clone()))),
        tokio::spawn(worker.run(stopping(stopped))),
    ];
    Ok(Running { config, stack, stop, services })
}

impl Running {
    /// Stops the services, then what they stand on.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for service in self.services {
            if let Err(e) = service.await {
                eprintln!("a service ended badly: {e}");
            }
        }
        self.stack.shutdown().await;
    }
}

fn settings(stack: &Stack, edge_url: String) -> Config {
    let (id, secret) = stack.credentials();
    let (username, password) = stack.viewer();
    Config {
        aws: Aws {
            region: Some(REGION.to_owned()),
            access_key_id: Some(id.to_owned()),
            secret_access_key: Some(SecretString::from(secret)),
        },
        s3: S3 { bucket: BUCKET.to_owned(), endpoint_url: Some(stack.s3_endpoint().to_owned()) },
        queue: Queue {
            url: stack.queue_url().to_owned(),
            dead_letter_url: stack.dlq_url().to_owned(),
            endpoint_url: Some(stack.sqs_endpoint().to_owned()),
        },
        cloudfront: CloudFront {
            distribution_id: stack.distribution_id().to_owned(),
            url: stack.cdn_url().to_owned(),
            endpoint_url: Some(stack.cloudfront_endpoint().to_owned()),
        },
        edge: Edge { url: edge_url },
        cognito: Cognito {
            endpoint_url: stack.cognito_endpoint().to_owned(),
            client_id: stack.client_id().to_owned(),
            username: username.to_owned(),
            password: SecretString::from(password),
        },
    }
}

fn edge_settings(stack: &Stack, edge_url: &str, key_pair: KeyPair) -> edge_config::Config {
    edge_config::Config {
        // The page is the edge's own, but its playlists come through the distribution, which is another origin.
        server: edge_config::Server {
            cors_origins: vec![edge_url.to_owned()],
            ..edge_config::Server::default()
        },
        rates: edge_config::Rates::default(),
        s3: edge_config::S3 { bucket: BUCKET.to_owned(), endpoint_url: Some(stack.s3_endpoint().to_owned()) },
        cognito: edge_config::Cognito {
            issuer: stack.issuer().to_owned(),
            jwks_url: stack.jwks_url().to_owned(),
            client_ids: vec![stack.client_id().to_owned()],
            leeway_s: 30,
        },
        cdn: edge_config::Cdn {
            base_url: stack.cdn_url().to_owned(),
            key_pair_id: key_pair.id,
            private_key_file: None,
            private_key: Some(key_pair.private_pem),
            private_key_secret: None,
            hash: edge_config::Hash::default(),
        },
        second_key: None,
        // Plain HTTP on loopback.
        cookies: edge_config::Cookies { domain: None, same_site: edge_config::SameSite::Lax, secure: false },
        playback: edge_config::Playback::default(),
        entitlement: edge_config::Entitlement {
            preview_groups: vec![EDITORS.to_owned()],
            // The edge answers on loopback, to whoever asks.
            trust_cloudfront_country: false,
        },
        log: edge_config::Log::default(),
        traces: edge_config::Traces::default(),
    }
}

/// What the environment says of `[work]` and `[limits]` holds here too: how many children, and how they are confined.
fn worker_settings(config: &Config, data: &Path) -> anyhow::Result<worker_config::Config> {
    let local = worker_config::Local::load(None)?;
    Ok(worker_config::Config {
        s3: worker_config::S3 {
            bucket: config.s3.bucket.clone(),
            endpoint_url: config.s3.endpoint_url.clone(),
        },
        queue: worker_config::Queue {
            url: config.queue.url.clone(),
            endpoint_url: config.queue.endpoint_url.clone(),
            visibility_timeout_s: VISIBILITY_S,
            hold_at_most_s: worker_config::hold_at_most_s(),
        },
        work: worker_config::Work {
            scratch: Some(data.join("scratch")),
            // There is nobody to ask.
            helpers: 0,
            ..local.work
        },
        limits: local.limits,
        cloudfront: worker_config::CloudFront {
            distribution_id: Some(config.cloudfront.distribution_id.clone()),
            endpoint_url: config.cloudfront.endpoint_url.clone(),
        },
        spot: worker_config::Spot::default(),
        log: worker_config::Log::default(),
    })
}

/// The services log to a file: the terminal is for progress and for what the user asked.
fn log_to(path: &Path) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("cannot write the log {}", path.display()))?;
    let filter = tracing_subscriber::EnvFilter::new(
        "warn,flodrama_worker=info,flodrama_edge=info,flodrama_local_aws=info",
    );
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    log.with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}
