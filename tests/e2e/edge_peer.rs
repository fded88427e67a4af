//! The edge against a Cognito, a Secrets Manager and an S3 that others wrote: moto's.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Verifier;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::aws::Access;
use crate::support::moto::{Moto, REGION};
use crate::support::process::{Process, Signal};
use crate::support::programs;

const BUCKET: &str = "flodrama-media-edge";
const CDN: &str = "https://cdn.example.com";
const SECRET: &str = "flodrama/cloudfront";
const PASSWORD: &str = "A-passw0rd-of-the-test";
const VERSION: &str = "v0123456789abcdef";
/// An edge that cannot start says so before this: Secrets Manager gets 10 s.
const STARTED_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test]
async fn tokens_and_a_secret_of_another_aws_are_taken() {
    let peer = Peer::start().await;
    let pool = Pool::create(&peer).await;
    let edge = peer.edge(&pool);
    let viewer = pool.sign_in(&peer, &pool.client, "ann").await;
    let editor = pool.sign_in(&peer, &pool.client, "eve").await;
    let elsewhere = pool.sign_in(&peer, &pool.other_client, "ann").await;
    let other_pool = Pool::create(&peer).await;
    let stranger = other_pool.sign_in(&peer, &other_pool.client, "ann").await;

    let play = async |token: &str, query: &str| {
        let url = format!("{}/v1/assets/demo/playback{query}", edge.url);
        let answer = peer.http.request(Method::POST, url).bearer_auth(token).send().await.expect("the edge");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, links) = play(&viewer.access, "").await;
    assert_eq!(status, 200, "{links}");
    for (token, why) in [
        (&viewer.id, "an id token"),
        (&elsewhere.access, "a token for another client"),
        (&stranger.access, "a token of another pool, signed with the same key"),
    ] {
        assert_eq!(play(token, "").await.0, 401, "{why}");
    }
    // The group is in the token as Cognito writes it.
    assert_eq!(play(&viewer.access, "?preview=true").await.0, 403);
    assert_eq!(play(&editor.access, "?preview=true").await.0, 200);

    let manifest = links["manifest_url"].as_str().expect("a URL");
    assert!(is_signed(manifest, &peer.key), "{manifest}");
    let answer = peer.http.get(manifest.replace(CDN, &edge.url)).send().await.expect("the edge");
    assert_eq!(answer.status(), 200);

    let said = edge.process.said();
    let pem = peer.pem();
    for secret in pem.lines().filter(|line| !line.starts_with("---")).chain([&*viewer.access, &viewer.id]) {
        assert!(!said.contains(secret), "{said}");
    }
    let stopped = edge.process.stop(Signal::TERM);
    assert!(stopped.status.success(), "{:?}", stopped.status);
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_named() {
    let peer = Peer::start().await;
    let pool = Pool::create(&peer).await;
    // It takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", listener.local_addr().expect("an address"));
    let nobody = "http://127.0.0.1:1".to_owned();
    for (secret, endpoint) in [
        ("flodrama/unknown", None),
        ("flodrama/bytes", None),
        ("flodrama/text", None),
        (SECRET, Some(&silent)),
        (SECRET, Some(&nobody)),
    ] {
        let mut process = peer.start_edge(&pool, secret, |command| {
            command.envs(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint)));
        });
        let status = process.ended_within(STARTED_WITHIN).expect("it ends by itself");
        let text = process.said();
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(text.contains("the setting cdn.private_key_secret cannot be used"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

/// True where the key signed the policy that the URL carries.
fn is_signed(url: &str, key: &PKey<Private>) -> bool {
    let query = url.split_once('?').expect("a query").1;
    let value = |name: &str| {
        let text = query.split('&').find_map(|part| part.strip_prefix(name)).expect(name);
        let text = text.replace('-', "+").replace('_', "=").replace('~', "/");
        BASE64_STANDARD.decode(text).expect("CloudFront's base64")
    };
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).expect("a verifier");
    verifier.verify_oneshot(&value("Signature="), &value("Policy=")).expect("a signature")
}

/// moto with a bucket that has one asset, and a secret that has one key.
struct Peer {
    moto: Moto,
    http: Client,
    key: PKey<Private>,
}

/// A running edge.
struct Edge {
    process: Process,
    url: String,
}

impl Peer {
    async fn start() -> Peer {
        let moto = Moto::start();
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
        let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
        let peer = Peer { moto, http: Client::new(), key };
        peer.publish().await;
        for (name, content) in [
            (SECRET, json!({"SecretString": peer.pem()})),
            ("flodrama/text", json!({"SecretString": "canary"})),
            ("flodrama/bytes", json!({"SecretBinary": BASE64_STANDARD.encode("canary")})),
        ] {
            let mut input = content;
            input["Name"] = name.into();
            peer.moto.call(&peer.http, "secretsmanager", "secretsmanager.CreateSecret", input).await;
        }
        peer
    }

    fn pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().expect("PEM")).expect("text")
    }

    /// `demo`, published and being made anew, with a preview for editors.
    async fn publish(&self) {
        let access = Access { endpoint: &self.moto.endpoint, region: REGION, key_id: "peer", secret: "peer" };
        let s3 = access.s3();
        let place = BucketLocationConstraint::EuWest3;
        let place = CreateBucketConfiguration::builder().location_constraint(place).build();
        s3.create_bucket().bucket(BUCKET).create_bucket_configuration(place).send().await.expect("a bucket");
        let put = async |key: &str, content: String| {
            let body = ByteStream::from(content.into_bytes());
            let put = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.expect("stored");
            put.e_tag.expect("an entity tag").trim_matches('"').to_owned()
        };
        let etag = put("uploads/demo.mp4", "demo".to_owned()).await;
        let source = json!({"bucket": BUCKET, "key": "uploads/demo.mp4", "etag": etag});
        let older = json!({"bucket": BUCKET, "key": "uploads/demo.mp4", "etag": "older"});
        let pointer = json!({"version": VERSION, "previous": null, "published_at": "2026-01-01T00:00:00Z",
            "source": older});
        let document = json!({"title": "Demo", "duration_ms": 6000, "renditions": [], "audio": [], "subs": [],
            "posters": [], "thumbhash": ""});
        let next = "v00000000000000aa";
        let progress = json!({"asset": "demo", "version": next, "state": "running", "stage": "encode",
            "percent": 10.0, "source": source, "updated_at": "2026-01-02T00:00:00Z",
            "preview": {"early_play": "editors", "playable_ms": 6000, "duration_ms": 60000}});
        put("vod/demo/current.json", pointer.to_string()).await;
        put(&format!("vod/demo/{VERSION}/asset.json"), document.to_string()).await;
        put(&format!("vod/demo/{VERSION}/main.m3u8"), "#EXTM3U\n".to_owned()).await;
        put(&format!("jobs/demo/{next}/progress.json"), progress.to_string()).await;
    }

    /// An edge with the pool's tokens and the secret's key.
    fn edge(&self, pool: &Pool) -> Edge {
        let process = self.start_edge(pool, SECRET, |_| {});
        let url = process.line("address", STARTED_WITHIN, |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let address = entry["address"].as_str().filter(|_| entry["message"] == "listening")?;
            Some(format!("http://{address}"))
        });
        Edge { process, url }
    }

    fn start_edge(&self, pool: &Pool, secret: &str, change: impl FnOnce(&mut Command)) -> Process {
        Process::start(&programs::edge(), |command| {
            command
                .arg("serve")
                .env("AWS_ACCESS_KEY_ID", "peer")
                .env("AWS_SECRET_ACCESS_KEY", "peer")
                .env("AWS_REGION", REGION)
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .env("AWS_ENDPOINT_URL", &self.moto.endpoint)
                .env("FLODRAMA_SERVER__LISTEN", "127.0.0.1:0")
                .env("FLODRAMA_S3__BUCKET", BUCKET)
                .env("FLODRAMA_COGNITO__ISSUER", &pool.issuer)
                // moto's issuer is AWS's own name; its keys are where moto is.
                .env("FLODRAMA_COGNITO__JWKS_URL", pool.jwks_url(&self.moto))
                .env("FLODRAMA_COGNITO__CLIENT_IDS", &pool.client)
                .env("FLODRAMA_CDN__BASE_URL", CDN)
                .env("FLODRAMA_CDN__KEY_PAIR_ID", "KPEER")
                .env("FLODRAMA_CDN__PRIVATE_KEY_SECRET", secret)
                .env("FLODRAMA_ENTITLEMENT__PREVIEW_GROUPS", "editors")
                .env("FLODRAMA_LOG__FORMAT", "json")
                .env("FLODRAMA_LOG__LEVEL", "trace");
            change(command);
        })
    }

    async fn cognito(&self, operation: &str, input: Value) -> Value {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        self.moto.call(&self.http, "cognito-idp", &target, input).await
    }
}

/// A user pool with two clients and two viewers: `ann`, and `eve` who is an editor.
struct Pool {
    id: String,
    issuer: String,
    client: String,
    other_client: String,
}

struct Tokens {
    access: String,
    id: String,
}

impl Pool {
    async fn create(peer: &Peer) -> Pool {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let created = peer.cognito("CreateUserPool", json!({"PoolName": "viewers"})).await;
        let id = text(&created["UserPool"]["Id"]);
        let client = async |name: &str| {
            let input = json!({"UserPoolId": id, "ClientName": name,
                "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
            text(&peer.cognito("CreateUserPoolClient", input).await["UserPoolClient"]["ClientId"])
        };
        let (client, other_client) = (client("app").await, client("another app").await);
        peer.cognito("CreateGroup", json!({"UserPoolId": id, "GroupName": "editors"})).await;
        for name in ["ann", "eve"] {
            peer.cognito("AdminCreateUser", json!({"UserPoolId": id, "Username": name})).await;
            let password =
                json!({"UserPoolId": id, "Username": name, "Password": PASSWORD, "Permanent": true});
            peer.cognito("AdminSetUserPassword", password).await;
        }
        let member = json!({"UserPoolId": id, "Username": "eve", "GroupName": "editors"});
        peer.cognito("AdminAddUserToGroup", member).await;
        Pool { issuer: format!("https://cognito-idp.{REGION}.amazonaws.com/{id}"), id, client, other_client }
    }

    fn jwks_url(&self, moto: &Moto) -> String {
        format!("{}/{}/.well-known/jwks.json", moto.endpoint, self.id)
    }

    async fn sign_in(&self, peer: &Peer, client: &str, name: &str) -> Tokens {
        let input = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
            "AuthParameters": {"USERNAME": name, "PASSWORD": PASSWORD}});
        let answer = peer.cognito("InitiateAuth", input).await;
        let token = |name: &str| answer["AuthenticationResult"][name].as_str().expect(name).to_owned();
        Tokens { access: token("AccessToken"), id: token("IdToken") }
    }
}
