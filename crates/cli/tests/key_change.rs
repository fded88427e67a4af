//! The signing key is changed as docs/KEYS.md says, on a local stack: the CDN checks signatures by code of its own.

use std::net::SocketAddr;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use flodrama_edge::{App, Clock, config};
use flodrama_local_aws::{CloudFrontPublicKey, Stack, StackOptions};
use flodrama_store::Store;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const BUCKET: &str = "media";
const REGION: &str = "eu-west-3";
const FOLDER: &str = "vod/demo/v0123456789abcdef";

/// One playlist, which the edge guards, and one segment, which the CDN guards.
const PLAYLIST: &str = "video/720p/index.m3u8";
const SEGMENT: &str = "video/720p/00001.m4s";

struct KeyPair {
    id: &'static str,
    private_pem: String,
    public_pem: String,
}

impl KeyPair {
    fn new(id: &'static str, rsa: bool) -> KeyPair {
        let key = if rsa {
            PKey::from_rsa(Rsa::generate(2048).expect("RSA"))
        } else {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
            PKey::from_ec_key(EcKey::generate(&group).expect("EC"))
        };
        let key = key.expect("a key");
        let text = |pem: Vec<u8>| String::from_utf8(pem).expect("text");
        KeyPair {
            id,
            private_pem: text(key.private_key_to_pem_pkcs8().expect("PEM")),
            public_pem: text(key.public_key_to_pem().expect("PEM")),
        }
    }

    fn public(&self) -> CloudFrontPublicKey {
        CloudFrontPublicKey { key_id: self.id.into(), public_key_pem: self.public_pem.clone() }
    }
}

/// A stack with an edge that is started anew for each step, at the same address.
struct Scene {
    stack: Stack,
    address: SocketAddr,
    edge: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    http: reqwest::Client,
    _data: tempfile::TempDir,
}

impl Scene {
    async fn new(trusted: &[&KeyPair]) -> Scene {
        let data = tempfile::tempdir().expect("a folder");
        let address = free_address().await;
        let stack = Stack::start(StackOptions {
            data: data.path().join("stack"),
            region: REGION.into(),
            bucket: BUCKET.into(),
            queue: "uploads".into(),
            edge_origin: format!("http://{address}"),
            cloudfront_keys: trusted.iter().map(|pair| pair.public()).collect(),
        });
        let stack = stack.await.expect("a stack");
        publish(&s3(&stack)).await;
        Scene { stack, address, edge: None, http: reqwest::Client::new(), _data: data }
    }

    /// Stops the edge and starts it with other settings.
    async fn restart_edge(&mut self, signing: &KeyPair, second: Option<&KeyPair>) {
        self.stop_edge().await;
        let config = config::Config {
            server: config::Server::default(),
            s3: config::S3 { bucket: BUCKET.into(), endpoint_url: None },
            cognito: config::Cognito {
                issuer: self.stack.issuer().into(),
                jwks_url: self.stack.jwks_url().into(),
                client_ids: vec![self.stack.client_id().into()],
                leeway_s: 30,
            },
            cdn: config::Cdn {
                base_url: self.stack.cdn_url().into(),
                key_pair_id: signing.id.into(),
                private_key_file: None,
                private_key: Some(signing.private_pem.clone().into()),
                private_key_secret: None,
                hash: config::Hash::Sha256,
            },
            second_key: second.map(|pair| config::SecondKey {
                key_pair_id: pair.id.into(),
                public_key_file: None,
                public_key: Some(pair.public_pem.clone()),
                hash: config::Hash::Sha256,
            }),
            cookies: config::Cookies::default(),
            playback: config::Playback::default(),
            entitlement: config::Entitlement::default(),
            rates: config::Rates::default(),
            traces: config::Traces::default(),
            log: config::Log::default(),
        };
        let app = App::with(config, Store::new(s3(&self.stack), BUCKET), Clock::system()).await;
        let listener = TcpListener::bind(self.address).await.expect("the same address");
        let (stop, stopped) = oneshot::channel::<()>();
        let running = app.expect("an edge").run(listener, async { drop(stopped.await) });
        self.edge = Some((stop, tokio::spawn(running)));
    }

    async fn stop_edge(&mut self) {
        if let Some((stop, running)) = self.edge.take() {
            drop(stop);
            running.await.expect("it ends well");
        }
    }

    fn trust(&self, trusted: &[&KeyPair]) {
        let keys: Vec<_> = trusted.iter().map(|pair| pair.public()).collect();
        self.stack.trust(&keys).expect("a key group");
    }

    /// The signature that a viewer gets now.
    async fn signature(&self) -> String {
        let (name, password) = self.stack.viewer();
        let request = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self.stack.client_id(),
            "AuthParameters": {"USERNAME": name, "PASSWORD": password}});
        let sign_in = self.http.post(self.stack.cognito_endpoint()).body(request.to_string());
        let sign_in = sign_in
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth");
        let tokens: Value = sign_in.send().await.expect("Cognito").json().await.expect("JSON");
        let token = tokens["AuthenticationResult"]["AccessToken"].as_str().expect("a token");
        let url = format!("http://{}/v1/assets/demo/playback", self.address);
        let links = self.http.post(url).bearer_auth(token).send().await.expect("the edge");
        let links: Value = links.json().await.expect("JSON");
        let url = links["manifest_url"].as_str().expect("a URL");
        url.split_once('?').expect("a query").1.to_owned()
    }

    /// What a player gets that has this signature: of the edge, then of the CDN.
    async fn plays(&self, signature: &str) -> [u16; 2] {
        let get = async |file: &str| {
            let url = format!("{}/{FOLDER}/{file}?{signature}", self.stack.cdn_url());
            self.http.get(url).send().await.expect("the CDN").status().as_u16()
        };
        [get(PLAYLIST).await, get(SEGMENT).await]
    }
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address")
}

fn s3(stack: &Stack) -> aws_sdk_s3::Client {
    let (id, secret) = stack.credentials();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(stack.s3_endpoint())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn publish(s3: &aws_sdk_s3::Client) {
    let source = json!({"bucket": BUCKET, "key": "uploads/demo.mp4", "etag": "x"});
    let pointer = json!({"version": "v0123456789abcdef", "previous": null,
        "published_at": "2026-01-01T00:00:00Z", "source": source});
    let document = json!({"title": "Demo", "duration_ms": 6000, "renditions": [], "audio": [], "subs": [],
        "posters": [], "thumbhash": ""});
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n00001.m4s\n#EXT-X-ENDLIST\n";
    for (key, content) in [
        ("vod/demo/current.json".to_owned(), pointer.to_string()),
        (format!("{FOLDER}/asset.json"), document.to_string()),
        (format!("{FOLDER}/{PLAYLIST}"), playlist.to_owned()),
        (format!("{FOLDER}/{SEGMENT}"), "a segment".to_owned()),
    ] {
        let put = s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from(content.into_bytes()));
        put.send().await.expect("stored");
    }
}

#[tokio::test]
async fn a_signing_key_is_changed_while_viewers_watch() {
    let (old, new) = (KeyPair::new("KOLD", true), KeyPair::new("KNEW", false));
    let mut scene = Scene::new(&[&old]).await;
    scene.restart_edge(&old, None).await;
    let before = scene.signature().await;
    assert!(before.contains("Key-Pair-Id=KOLD"));
    assert_eq!(scene.plays(&before).await, [200, 200]);

    // First everybody trusts the new key, then it signs.
    scene.trust(&[&old, &new]);
    scene.restart_edge(&old, Some(&new)).await;
    assert_eq!(scene.plays(&before).await, [200, 200]);
    scene.restart_edge(&new, Some(&old)).await;
    let after = scene.signature().await;
    assert!(after.contains("Key-Pair-Id=KNEW"));
    assert_eq!(scene.plays(&before).await, [200, 200], "links from before go on");
    assert_eq!(scene.plays(&after).await, [200, 200]);

    // Once the last link of the old key has ended.
    scene.restart_edge(&new, None).await;
    assert_eq!(scene.plays(&before).await, [403, 200]);
    scene.trust(&[&new]);
    assert_eq!(scene.plays(&before).await, [403, 403]);
    assert_eq!(scene.plays(&after).await, [200, 200]);
    scene.stop_edge().await;
    scene.stack.shutdown().await;
}
