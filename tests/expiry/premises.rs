//! An edge over the local stack, with one episode published, and the clock that all of it lives by.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::primitives::ByteStream;
use flodrama_edge::{App, Clock, config};
use flodrama_local_aws::{CloudFrontPublicKey, Stack, StackOptions};
use flodrama_store::Store;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::clip::Clip;
use crate::support::process::run;
use crate::support::programs;
use crate::support::stack::Settings;
use crate::support::viewer;

pub const EPISODE: &str = "the-lighthouse";
const VERSION: &str = "v0123456789abcdef";
const REGION: &str = "eu-west-3";
const BUCKET: &str = "media";
const KEY_PAIR: &str = "KTESTKEY";

/// Everything that a page needs.
pub struct Premises {
    stack: Stack,
    edge_url: String,
    ahead_s: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    edge: JoinHandle<()>,
    _folder: TempDir,
}

impl Premises {
    /// Starts all of it and publishes the episode, which is longer than a player buffers.
    pub async fn start() -> Premises {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let edge_url = format!("http://{}", listener.local_addr().expect("an address"));
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
        let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
        let pem = |bytes: Vec<u8>| String::from_utf8(bytes).expect("PEM");
        let stack = Stack::start(StackOptions {
            data: folder.path().join("stack"),
            region: REGION.into(),
            bucket: BUCKET.into(),
            queue: "uploads".into(),
            edge_origin: edge_url.clone(),
            cloudfront_keys: vec![CloudFrontPublicKey {
                key_id: KEY_PAIR.into(),
                public_key_pem: pem(key.public_key_to_pem().expect("PEM")),
            }],
        })
        .await
        .expect("a stack");
        let s3 = s3(&stack);
        publish(&s3, folder.path()).await;

        let ahead_s = Arc::new(AtomicU64::new(0));
        let ahead = Arc::clone(&ahead_s);
        let clock = Clock::new(move || {
            (SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst))).into()
        });
        let private_key = pem(key.private_key_to_pem_pkcs8().expect("PEM"));
        let settings = settings(&stack, &edge_url, private_key);
        let app = App::with(settings, Store::new(s3, BUCKET), clock).await.expect("an edge");
        let (stop, stopped) = oneshot::channel::<()>();
        let edge = tokio::spawn(app.run(listener, async { drop(stopped.await) }));
        Premises { stack, edge_url, ahead_s, stop, edge, _folder: folder }
    }

    /// Puts everybody's clock forwards.
    pub fn advance(&self, seconds: u64) {
        self.ahead_s.fetch_add(seconds, Ordering::SeqCst);
        self.stack.advance(Duration::from_secs(seconds));
    }

    /// The player page of the episode with a fresh token.
    pub async fn page(&self) -> String {
        let (username, password) = self.stack.viewer();
        let settings: Settings = serde_json::from_value(json!({
            "aws": { "region": REGION, "access_key_id": "", "secret_access_key": "" },
            "s3": { "bucket": BUCKET, "endpoint_url": self.stack.s3_endpoint() },
            "cloudfront": { "url": self.stack.cdn_url() },
            "edge": { "url": self.edge_url },
            "cognito": { "endpoint_url": self.stack.cognito_endpoint(), "client_id": self.stack.client_id(),
                "username": username, "password": password },
        }))
        .expect("settings");
        let token = viewer::sign_in(&reqwest::Client::new(), &settings).await;
        format!("{}/watch/{EPISODE}#token={token}", self.edge_url)
    }

    /// Stops all of it.
    pub async fn close(self) {
        self.stop.send(()).expect("the edge runs");
        self.edge.await.expect("the edge ends well");
        self.stack.shutdown().await;
    }
}

fn s3(stack: &Stack) -> S3 {
    let (id, secret) = stack.credentials();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .region(Region::new(REGION))
        .endpoint_url(stack.s3_endpoint())
        .force_path_style(true)
        .build();
    S3::from_conf(config)
}

/// Links last as short as they can: to the next step of ten minutes after the episode's own length.
fn settings(stack: &Stack, edge_url: &str, private_key: String) -> config::Config {
    let fields = [
        ("SERVER__CORS_ORIGINS", edge_url),
        ("S3__BUCKET", BUCKET),
        ("COGNITO__ISSUER", stack.issuer()),
        ("COGNITO__JWKS_URL", stack.jwks_url()),
        ("COGNITO__CLIENT_IDS", stack.client_id()),
        ("CDN__BASE_URL", stack.cdn_url()),
        ("CDN__KEY_PAIR_ID", KEY_PAIR),
        ("CDN__PRIVATE_KEY", &private_key),
        ("PLAYBACK__MIN_TTL_S", "1"),
        ("PLAYBACK__PAUSE_ALLOWANCE_S", "0"),
    ];
    let variables = fields.map(|(name, value)| (format!("FLODRAMA_{name}"), value.to_owned()));
    config::load(None, variables).expect("settings")
}

/// Four minutes, made by the worker, at their place in the bucket.
async fn publish(s3: &S3, folder: &Path) {
    let clip = Clip { name: "lighthouse.mp4", rate: (5, 1), frames: 1200, ..Clip::default() }.make(folder);
    let tree = folder.join("tree");
    let done = run(programs::worker(), [Path::new("transcode"), &clip, &tree]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let mut folders = vec![tree.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&tree).expect("in the tree").to_str().expect("a plain path");
            let body = std::fs::read(&path).expect("a file");
            put(s3, &format!("vod/{EPISODE}/{VERSION}/{below}"), body).await;
        }
    }
    let source = json!({ "bucket": BUCKET, "key": "uploads/the-lighthouse.mp4", "etag": "1" });
    let pointer = json!({ "version": VERSION, "previous": null, "source": source,
        "published_at": "2026-01-01T00:00:00Z" });
    put(s3, &format!("vod/{EPISODE}/current.json"), pointer.to_string().into_bytes()).await;
}

async fn put(s3: &S3, key: &str, body: Vec<u8>) {
    let content_type = match key.rsplit('.').next() {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("vtt") => "text/vtt",
        Some("jpg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("json") => "application/json",
        _ => "video/mp4",
    };
    let put = s3.put_object().bucket(BUCKET).key(key).content_type(content_type).body(ByteStream::from(body));
    put.send().await.expect("S3");
}
