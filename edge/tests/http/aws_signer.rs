//! AWS's own signer of CloudFront URLs and cookies (npm's `@aws-sdk/cloudfront-signer`), held against the edge: for the same
//! input the same output, and what it signs opens the edge.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_edge::config::Hash;
use flodrama_edge::sign::{Cdn, Signer, SigningKey};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::keys::Key;
use crate::support::s3::{MAIN, VERSION};
use crate::support::{CDN, Edge, KEY_PAIR};

/// RSA signatures are the same each time that one is made; ECDSA's differ.
struct Kind {
    key: Key,
    hash: Hash,
    repeats: bool,
}

fn kinds() -> [Kind; 4] {
    let kind = |key, hash, repeats| Kind { key, hash, repeats };
    [
        kind(Key::rsa(2048), Hash::Sha256, true),
        kind(Key::rsa(2048), Hash::Sha1, true),
        kind(Key::p256(), Hash::Sha256, false),
        kind(Key::p256(), Hash::Sha1, false),
    ]
}

impl Kind {
    /// The signer's input, with `rest`.
    fn input(&self, rest: Value) -> Value {
        let algorithm = if self.hash == Hash::Sha1 { "SHA1" } else { "SHA256" };
        let mut input = json!({"keyPairId": KEY_PAIR, "privateKey": self.key.pem(), "algorithm": algorithm});
        input.as_object_mut().expect("an input").extend(rest.as_object().expect("an input").clone());
        input
    }

    async fn edge(&self) -> Edge {
        Edge::start_with(|config| {
            (config.cdn.private_key, config.cdn.hash) = (Some(self.key.pem().into()), self.hash);
        })
        .await
    }
}

/// What AWS's signer makes of each input.
fn sign(inputs: &[Value]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/signer");
    assert!(
        folder.join("node_modules/@aws-sdk/cloudfront-signer").is_dir(),
        "AWS's signer is not installed: run scripts/setup --tests"
    );
    let mut command = Command::new("node");
    command.arg(folder.join("sign.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node is there");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(json!(inputs).to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("a list")
}

fn parameters(url: &str) -> BTreeSet<&str> {
    url.split_once('?').expect("a query").1.split('&').collect()
}

fn policy_of(url: &str) -> String {
    let parameter = parameters(url).into_iter().find_map(|part| part.strip_prefix("Policy="));
    let text = parameter.expect("a policy").replace('-', "+").replace('_', "=").replace('~', "/");
    String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text")
}

#[tokio::test]
async fn urls_and_cookies_are_those_of_awss_signer_and_open_either_way() {
    for kind in kinds() {
        let edge = kind.edge().await;
        let ours = edge.manifest_path().await;
        let sent = edge.request(Method::POST, "/v1/assets/demo/playback?delivery=cookies");
        let answer = sent.bearer_auth(edge.token()).send().await.expect("an answer");
        let cookies: Vec<String> = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned())
            .collect();

        let policy = policy_of(&ours);
        let signed = &sign(&[
            kind.input(json!({"url": format!("{CDN}/vod/demo/{VERSION}/main.m3u8"), "policy": policy}))
        ])[0];
        let theirs = signed["url"].as_str().expect("a URL").strip_prefix(CDN).expect("on the distribution");
        let their_cookies: BTreeSet<String> = signed["cookies"]
            .as_object()
            .expect("cookies")
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().expect("text")))
            .collect();
        if kind.repeats {
            assert_eq!(parameters(&ours), parameters(theirs), "{:?}", kind.hash);
            assert_eq!(cookies.iter().cloned().collect::<BTreeSet<_>>(), their_cookies, "{:?}", kind.hash);
        } else {
            let but_the_signature = |all: BTreeSet<&str>| -> BTreeSet<String> {
                all.into_iter().filter(|part| !part.contains("Signature=")).map(str::to_owned).collect()
            };
            assert_eq!(but_the_signature(parameters(&ours)), but_the_signature(parameters(theirs)));
        }

        assert_eq!(edge.get(theirs).await.status(), 200, "{:?}", kind.hash);
        edge.s3.publish("other", 1_000);
        let other = theirs.replace("/vod/demo/", "/vod/other/");
        assert_eq!(edge.get(&other).await.status(), 403, "{:?}", kind.hash);
        let jar = their_cookies.into_iter().collect::<Vec<_>>().join("; ");
        let by_cookies = async |path: &str| {
            edge.request(Method::GET, path).header("cookie", &jar).send().await.expect("an answer")
        };
        let answer = by_cookies(&format!("/vod/demo/{VERSION}/main.m3u8")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.expect("text"), MAIN);
        assert_eq!(by_cookies(&format!("/vod/other/{VERSION}/main.m3u8")).await.status(), 403);
    }
}

#[test]
fn a_single_file_is_signed_as_awss_signer_does() {
    const UNTIL: i64 = 1_900_000_000;
    let until = OffsetDateTime::from_unix_timestamp(UNTIL).expect("a time");
    for kind in kinds().into_iter().filter(|kind| kind.repeats) {
        for file in ["poster/640.jpg", "video/720p/00001.m4s", "poster/640.jpg?width=1"] {
            let url = format!("{CDN}/vod/demo/{VERSION}/{file}");
            let key = SigningKey::from_pem(&kind.key.pem(), kind.hash).expect("a key");
            let signer = Signer::new(Cdn::parse(CDN).expect("cdn"), KEY_PAIR.into(), key);
            let ours = signer.url(&url, until).expect("a URL");
            let theirs = &sign(&[kind.input(json!({"url": url, "dateLessThan": UNTIL * 1000}))])[0]["url"];
            assert_eq!(parameters(&ours), parameters(theirs.as_str().expect("a URL")), "{file}");
        }
    }
}

#[tokio::test]
async fn what_the_edge_cannot_see_kept_does_not_open_even_if_aws_signed_it() {
    let kind = Kind { key: Key::rsa(2048), hash: Hash::Sha256, repeats: true };
    let edge = kind.edge().await;
    let url = format!("{CDN}/vod/demo/{VERSION}/main.m3u8");
    let (begun, until) = ((edge.now() - 60) * 1000, (edge.now() + 600) * 1000);
    let table = [
        (json!({"url": url, "dateLessThan": until, "dateGreaterThan": begun}), 200),
        (json!({"url": url, "dateLessThan": until, "dateGreaterThan": until}), 403),
        (json!({"url": url, "dateLessThan": begun, "dateGreaterThan": begun}), 403),
        (json!({"url": url, "dateLessThan": until, "ipAddress": "127.0.0.1"}), 403),
        // Canned: it opens the one file, and nothing that the file names.
        (json!({"url": url, "dateLessThan": until}), 403),
    ];
    let inputs: Vec<Value> = table.iter().map(|(rest, _)| kind.input(rest.clone())).collect();
    for (signed, (rest, status)) in sign(&inputs).iter().zip(table) {
        let path = signed["url"].as_str().expect("a URL").strip_prefix(CDN).expect("a path");
        assert_eq!(edge.get(path).await.status().as_u16(), status, "{rest}");
    }
}
