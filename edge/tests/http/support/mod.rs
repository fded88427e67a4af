//! An edge with everything that it talks to, on loopback.

pub mod jwks;
pub mod keys;
pub mod lambda;
pub mod raw;
pub mod s3;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flodrama_edge::config::{self, Config};
use flodrama_edge::{App, Clock};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use jwks::KeyServer;
use keys::{CDN_KEY, Pool};
use s3::S3;

pub const CDN: &str = "https://cdn.example.com";
pub const CLIENT: &str = "the-app";
pub const ISSUER: &str = "https://cognito-idp.eu-west-3.amazonaws.com/eu-west-3_pool";
pub const KEY_PAIR: &str = "KTESTKEY";
pub const PAGE_ORIGIN: &str = "https://www.example.com";

/// A running edge and what is behind it.
pub struct Edge {
    pub s3: S3,
    pub pool: Pool,
    pub key_server: KeyServer,
    pub url: String,
    offset_s: Arc<AtomicI64>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// Settings that fit the loopback parts.
pub fn settings(key_server: &KeyServer) -> Config {
    Config {
        server: config::Server { cors_origins: vec![PAGE_ORIGIN.into()], ..config::Server::default() },
        rates: config::Rates::default(),
        s3: config::S3 { bucket: s3::BUCKET.into(), endpoint_url: None },
        cognito: config::Cognito {
            issuer: ISSUER.into(),
            jwks_url: key_server.url.clone(),
            client_ids: vec!["another-app".into(), CLIENT.into()],
            leeway_s: 30,
        },
        cdn: config::Cdn {
            base_url: CDN.into(),
            key_pair_id: KEY_PAIR.into(),
            private_key_file: None,
            private_key: Some(CDN_KEY.pem().into()),
            private_key_secret: None,
            hash: config::Hash::Sha256,
        },
        second_key: None,
        cookies: config::Cookies { domain: Some("example.com".into()), ..config::Cookies::default() },
        playback: config::Playback::default(),
        entitlement: config::Entitlement {
            preview_groups: vec!["editors".into()],
            ..config::Entitlement::default()
        },
        log: config::Log { format: config::LogFormat::Human, level: config::LogLevel::Info },
        traces: config::Traces::default(),
    }
}

impl Edge {
    pub async fn start() -> Edge {
        Edge::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Edge {
        let (s3, pool) = (S3::start().await, Pool::new());
        let key_server = KeyServer::start(pool.jwks()).await;
        let mut config = settings(&key_server);
        change(&mut config);
        let offset_s = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&offset_s);
        let clock = Clock::new(move || {
            OffsetDateTime::now_utc() + time::Duration::seconds(offset.load(Ordering::Relaxed))
        });
        let app = App::with(config, s3.store(), clock).await.expect("an edge");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(app.run(listener, async { drop(stopped.await) }));
        Edge { s3, pool, key_server, url, offset_s, stop, running }
    }

    /// Moves the edge's clock.
    pub fn wait_s(&self, seconds: i64) {
        self.offset_s.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The edge's time, seconds since 1970.
    pub fn now(&self) -> i64 {
        OffsetDateTime::now_utc().unix_timestamp() + self.offset_s.load(Ordering::Relaxed)
    }

    /// A good access token.
    pub fn token(&self) -> String {
        self.pool.sign(&self.claims())
    }

    /// What Cognito puts into an access token.
    pub fn claims(&self) -> Value {
        json!({
            "sub": "3f9b1c1e-viewer", "iss": ISSUER, "client_id": CLIENT, "token_use": "access",
            "scope": "aws.cognito.signin.user.admin", "auth_time": self.now(), "iat": self.now(),
            "exp": self.now() + 3600, "jti": "1", "username": "ann",
        })
    }

    /// An access token of a member of the group that may play previews.
    pub fn editor_token(&self) -> String {
        let mut claims = self.claims();
        claims["cognito:groups"] = json!(["staff", "editors"]);
        self.pool.sign(&claims)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.request(reqwest::Method::GET, path).send().await.expect("an answer")
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        client().request(method, format!("{}{path}", self.url))
    }

    /// An authorised call and its JSON.
    pub async fn call(&self, method: reqwest::Method, path: &str) -> (u16, Value) {
        let sent = self.request(method, path).bearer_auth(self.token()).send().await.expect("an answer");
        (sent.status().as_u16(), sent.json().await.expect("JSON"))
    }

    /// Path and query of the signed manifest of `demo`.
    pub async fn manifest_path(&self) -> String {
        let (status, body) = self.call(reqwest::Method::POST, "/v1/assets/demo/playback").await;
        assert_eq!(status, 200, "{body}");
        let url = body["manifest_url"].as_str().expect("a URL");
        url.strip_prefix(CDN).expect("on the distribution").to_owned()
    }

    /// Stops it and returns how long that took.
    pub async fn stop(self) -> Duration {
        let started = std::time::Instant::now();
        self.stop.send(()).expect("it runs");
        self.running.await.expect("it ends well");
        started.elapsed()
    }
}

/// One that follows nothing and decodes nothing.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}
