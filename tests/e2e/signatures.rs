//! What a signature opens, and what it does not. The signatures here are made by OpenSSL from CloudFront's documents,
//! independently of the edge.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use reqwest::{Client, StatusCode};
use url::Url;

use crate::support::aws::{self, Access};
use crate::support::stack::{EPISODE, Stack, shared};
use crate::support::viewer;

/// One of each kind: the CDN checks media itself, the edge checks playlists.
const FILES: [&str; 4] =
    ["main.m3u8", "video/360p/index.m3u8", "video/360p/00001.m4s", "thumbs/sprite-001.jpg"];

#[tokio::test]
async fn only_the_right_signature_opens() {
    let stack = shared();
    let opener = Opener::of(stack).await;
    let hour = 3600;
    let own = format!("{}*", opener.root);
    let good = opener.sign(&own, hour, &opener.key);
    // Ours, made here, opens: so what follows is refused for what is wrong with it, and for nothing else.
    opener.expect(&good, StatusCode::OK, "a signature of our own").await;
    opener.expect(&opener.query, StatusCode::OK, "the edge's signature").await;

    let other_episode = format!("{}/vod/another-episode/v0123456789abcdef/*", stack.settings.cloudfront.url);
    let stranger = new_key();
    let refused = [
        (String::new(), "no signature"),
        (opener.sign(&own, -60, &opener.key), "an expired signature"),
        (opener.sign(&other_episode, hour, &opener.key), "another episode's signature"),
        (opener.sign(&own, hour, &stranger), "a stranger's key"),
        (good.replace("Key-Pair-Id=", "Key-Pair-Id=K0"), "a key id that nobody knows"),
        (changed(&good, "Signature"), "a changed signature"),
        (changed(&good, "Policy"), "a changed policy"),
        (without(&good, "Signature"), "a policy without a signature"),
        (without(&good, "Policy"), "a signature without a policy"),
        (without(&good, "Key-Pair-Id"), "no key id"),
    ];
    for (query, what) in refused {
        opener.expect(&query, StatusCode::FORBIDDEN, what).await;
    }
}

#[tokio::test]
async fn no_signature_opens_what_is_not_published() {
    let stack = shared();
    let opener = Opener::of(stack).await;
    let everything = opener.sign(&format!("{}/*", stack.settings.cloudfront.url), 3600, &opener.key);
    // The CDN takes whatever the key signed; the edge takes no signature for more than one version.
    for file in FILES {
        let guard = if file.ends_with(".m3u8") { StatusCode::FORBIDDEN } else { StatusCode::OK };
        opener.expect_of(file, &everything, guard, "a signature for everything").await;
    }

    let s3 = Access::to_s3(&stack.settings).s3();
    let mut hidden = vec![format!("vod/{EPISODE}/current.json"), "uploads/the-harbour.mp4".to_owned()];
    let jobs = aws::keys(&s3, &stack.settings.s3.bucket, &format!("jobs/{EPISODE}/")).await;
    assert!(jobs.iter().any(|key| key.ends_with("/plan.json")), "{jobs:?}");
    hidden.extend(jobs);
    for key in hidden {
        let stored = aws::object(&s3, &stack.settings.s3.bucket, &key).await;
        assert!(stored.is_some(), "{key} is not there to be hidden");
        let url = format!("{}/{key}?{everything}", stack.settings.cloudfront.url);
        let answer = Client::new().get(url).send().await.expect("the CDN");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{key}");
    }
}

/// Someone who holds the stack's private key.
struct Opener {
    root: Url,
    /// The signature that the edge gives out.
    query: String,
    key: PKey<Private>,
}

impl Opener {
    async fn of(stack: &Stack) -> Opener {
        let links = viewer::links(&Client::new(), &stack.settings, EPISODE).await;
        let manifest = viewer::link(&links, "manifest_url");
        let query = manifest.query().expect("a signature").to_owned();
        let pem = std::fs::read(stack.data.join("cloudfront-key.pem")).expect("the stack's key");
        let key = PKey::private_key_from_pem(&pem).expect("a private key");
        Opener { root: manifest.join(".").expect("a folder"), query, key }
    }

    /// A custom policy for `resource`, `seconds` from now, signed with SHA-256.
    fn sign(&self, resource: &str, seconds: i64, key: &PKey<Private>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let until = now as i64 + seconds;
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until}}}}}}}]}}"#
        );
        let mut signer = Signer::new(MessageDigest::sha256(), key).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(policy.as_bytes()).expect("a signature");
        // Key id and hash as the edge says them.
        let kept =
            self.query.split('&').filter(|p| !p.starts_with("Policy=") && !p.starts_with("Signature="));
        let kept: String = kept.map(|p| format!("&{p}")).collect();
        format!("Policy={}&Signature={}{kept}", encode(policy.as_bytes()), encode(&signature))
    }

    async fn expect(&self, query: &str, status: StatusCode, what: &str) {
        for file in FILES {
            self.expect_of(file, query, status, what).await;
        }
    }

    async fn expect_of(&self, file: &str, query: &str, status: StatusCode, what: &str) {
        let mut url = self.root.join(file).expect("a URL");
        url.set_query((!query.is_empty()).then_some(query));
        let answer = Client::new().get(url).send().await.expect("the CDN");
        assert_eq!(answer.status(), status, "{what}: {file}");
    }
}

/// Base64 with CloudFront's three replacements.
fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

/// The query with another character in the middle of a parameter.
fn changed(query: &str, name: &str) -> String {
    let at = query.find(&format!("{name}=")).expect(name) + name.len() + 21;
    let other = if query.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut changed = query.to_owned();
    changed.replace_range(at..=at, other);
    changed
}

fn without(query: &str, name: &str) -> String {
    query.split('&').filter(|p| !p.starts_with(&format!("{name}="))).collect::<Vec<_>>().join("&")
}
