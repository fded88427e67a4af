//! The program with everything logged that it logs: no secret comes out of it, whatever is asked and whatever fails.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, Response};
use serde_json::json;
use tokio::process::Command;

use crate::cli::{program, run, serve};
use crate::support::jwks::KeyServer;
use crate::support::keys::{CDN_KEY, Pool};
use crate::support::s3::{S3, SECRET, VERSION};
use crate::support::{CDN, CLIENT, ISSUER, PAGE_ORIGIN, client};

const SESSION: &str = "session-token-canary";
const PASSWORD: &str = "password-canary";

/// What must stay where it is, each by a name.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, name: impl Into<String>, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 12, "too short to be told from anything else: {secret}");
        self.0.push((name.into(), secret));
    }

    /// A token, and each of its parts that identifies it.
    fn token(&mut self, name: &str, token: &str) {
        self.add(name, token);
        for part in token.split('.').skip(1).filter(|part| part.len() >= 12) {
            self.add(format!("a part of {name}"), part);
        }
    }

    /// The policy and the signature of a signed URL or of cookies.
    fn signed(&mut self, name: &str, text: &str) {
        for parameter in ["Policy=", "Signature="] {
            let value = text.split(parameter).nth(1).expect(parameter);
            let end = value.find(['&', ';', '"']).unwrap_or(value.len());
            self.add(format!("{parameter} of {name}"), &value[..end]);
        }
    }

    fn key(&mut self, name: &str, pem: &str) {
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            self.add(name, line);
        }
    }

    fn are_not_in(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            assert!(!text.contains(secret.as_str()), "{name} is in {place}:\n{text}");
        }
    }
}

async fn text(answer: Response, status: u16) -> String {
    let headers = format!("{:?}", answer.headers());
    assert_eq!(answer.status(), status, "{headers}");
    format!("{headers}\n{}", answer.text().await.expect("text"))
}

#[tokio::test]
async fn no_secret_comes_out_whatever_is_asked_and_whatever_fails() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let mut command = program(&s3.endpoint, &keys.url);
    command
        .env("FLODRAMA_LOG__FORMAT", "json")
        .env("FLODRAMA_LOG__LEVEL", "trace")
        .env("FLODRAMA_SERVER__CORS_ORIGINS", PAGE_ORIGIN)
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LOG", "trace");
    let (mut child, url, log) = serve(&mut command).await;
    let http = client();
    let mut secrets = Secrets::default();
    secrets.add("S3's secret key", SECRET);
    secrets.add("a password", PASSWORD);
    secrets.key("the private key", &CDN_KEY.pem());

    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let mut claims = json!({"sub": "s", "iss": ISSUER, "client_id": CLIENT, "token_use": "access",
        "exp": now + 600, "jti": "canary-of-an-access-token"});
    let token = pool.sign(&claims);
    secrets.token("the access token", &token);
    (claims["token_use"], claims["jti"]) = ("id".into(), "canary-of-an-id-token".into());
    let id_token = pool.sign(&claims);
    secrets.token("the id token", &id_token);
    (claims["token_use"], claims["exp"]) = ("access".into(), (now - 600).into());
    let expired = pool.sign(&claims);
    secrets.token("the expired token", &expired);
    let unknown = {
        let header = json!({"alg": "RS256", "kid": "kid-canary-of-a-token"}).to_string();
        crate::support::keys::token(&header, &claims.to_string(), |m| pool.key().sign_sha256(m))
    };
    secrets.token("the token of another key", &unknown);
    secrets.add("a key id that nobody knows", "kid-canary-of-a-token");

    let ask = async |method: Method, path: &str, bearer: Option<&str>| {
        let request = http.request(method, format!("{url}{path}")).header("origin", PAGE_ORIGIN);
        let request = if let Some(token) = bearer { request.bearer_auth(token) } else { request };
        request.send().await.expect("an answer")
    };
    // Answers that are the caller's own may hold what opens; all others are collected and searched.
    let playback = "/v1/assets/demo/playback";
    let body: serde_json::Value = ask(Method::POST, playback, Some(&token)).await.json().await.expect("JSON");
    let manifest =
        body["manifest_url"].as_str().expect("a URL").strip_prefix(CDN).expect("a path").to_owned();
    secrets.signed("the link", &manifest);
    let with_cookies = ask(Method::POST, &format!("{playback}?delivery=cookies"), Some(&token)).await;
    let cookies = text(with_cookies, 200).await;
    secrets.signed("the cookies", &cookies.replace("CloudFront-", ""));
    for path in ["/v1/assets", "/v1/assets/demo"] {
        text(ask(Method::GET, path, Some(&token)).await, 200).await;
    }
    text(ask(Method::GET, &manifest, None).await, 200).await;
    let pair = cookies.split("\"set-cookie\": ").skip(1).filter_map(|rest| rest.split(['"', ';']).nth(1));
    let jar = pair.collect::<Vec<_>>().join("; ");
    let by_cookies = http.get(format!("{url}/vod/demo/{VERSION}/main.m3u8")).header("cookie", &jar);
    text(by_cookies.send().await.expect("an answer"), 200).await;

    let mut said = String::new();
    let spoilt = format!("{manifest}x");
    let elsewhere = manifest.replace("/main.m3u8", "/video/144p/index.m3u8");
    let encoded = manifest.replace("/vod/", "/vod%2f");
    let expired_link = manifest.replace("Policy=", "Expires=1&Old=");
    for (method, path, bearer, status) in [
        (Method::GET, "/v1/assets", None, 401),
        (Method::GET, "/v1/assets", Some(id_token.as_str()), 401),
        (Method::GET, "/v1/assets", Some(&expired), 401),
        (Method::GET, "/v1/assets", Some(&unknown), 401),
        (Method::GET, "/v1/assets", Some(&token[1..]), 401),
        (Method::POST, "/v1/assets/unknown/playback", Some(&token), 404),
        (Method::POST, "/v1/assets/demo/playback?preview=true", Some(&token), 404),
        (Method::POST, "/v1/assets/demo/playback?delivery=pigeon", Some(&token), 400),
        (Method::GET, playback, Some(&token), 405),
        (Method::GET, &spoilt, None, 403),
        (Method::GET, &elsewhere, None, 404),
        (Method::GET, &encoded, None, 400),
        (Method::GET, &expired_link, None, 403),
        (Method::DELETE, &manifest, Some(&token), 405),
        (Method::GET, "/nowhere", Some(&token), 404),
        (Method::GET, "/watch/demo", Some(&token), 200),
        (Method::GET, "/static/player.js", Some(&token), 200),
        (Method::GET, "/v1/openapi.json", Some(&token), 200),
        (Method::GET, "/healthz", Some(&token), 200),
        (Method::OPTIONS, playback, Some(&token), 200),
    ] {
        let answer = ask(method, path, bearer).await;
        said += &text(answer, status).await;
    }
    let spoilt_jar = jar.replace("CloudFront-Signature=", "CloudFront-Signature=x");
    let by_spoilt = http.get(format!("{url}/vod/demo/{VERSION}/main.m3u8")).header("cookie", spoilt_jar);
    said += &text(by_spoilt.send().await.expect("an answer"), 403).await;
    let basic = http.get(format!("{url}/v1/assets")).basic_auth("ann", Some(PASSWORD));
    said += &text(basic.send().await.expect("an answer"), 401).await;
    let in_query = format!("/v1/assets?access_token={token}&password={PASSWORD}");
    said += &text(ask(Method::GET, &in_query, None).await, 401).await;
    let large = http.post(format!("{url}{playback}")).bearer_auth(&token).body(token.repeat(40));
    said += &text(large.send().await.expect("an answer"), 413).await;

    s3.lose_bucket();
    keys.go_down();
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    // A bucket that is gone cannot be listed; what it held is not there.
    for (method, path, status) in
        [(Method::GET, "/v1/assets", 500), (Method::POST, playback, 404), (Method::GET, "/healthz", 503)]
    {
        said += &text(ask(method, path, Some(&token)).await, status).await;
    }
    said += &text(ask(Method::GET, &manifest.replace("main.m3u8", "video/240p/index.m3u8"), None).await, 404)
        .await;
    said += &text(ask(Method::GET, "/metrics", Some(&token)).await, 200).await;

    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    let log = log.await.expect("the log");
    for line in ["answered", "refused", "failed", "opened", "stopped"] {
        assert!(log.contains(&format!("\"message\":\"{line}\"")), "{line}\n{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
    secrets.are_not_in("the log", &log);
    secrets.are_not_in("an answer", &said);
}

#[tokio::test]
async fn no_secret_is_in_what_a_failed_start_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut secrets = Secrets::default();
    let pem = CDN_KEY.pem();
    secrets.key("the private key", &pem);
    secrets.add("S3's secret key", SECRET);
    secrets.add("the session token", SESSION);
    let broken = pem.replace("-----END", "-----DONE");
    let file = folder.path().join("broken.pem");
    std::fs::write(&file, &broken).expect("a file");
    let locked = folder.path().join("settings.toml");
    std::fs::write(&locked, format!("[cdn]\nprivate_key = '''\n{pem}''' x\n")).expect("a file");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let settings = locked.to_str().expect("a plain path");
    /// Arguments, variables, and what the refusal names.
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let table: [Row<'_>; 8] = [
        (&["serve"], &[("FLODRAMA_CDN__PRIVATE_KEY", &broken)], "cdn.private_key"),
        (&["sign", CDN], &[("FLODRAMA_CDN__PRIVATE_KEY", &broken)], "cdn.private_key"),
        (
            &["serve"],
            &[("FLODRAMA_CDN__PRIVATE_KEY_FILE", file.to_str().expect("plain"))],
            "cdn.private_key_file",
        ),
        (&["serve"], &[("FLODRAMA_CDN__KEY_PAIR_ID", &pem)], "cdn.key_pair_id"),
        (&["serve"], &[("FLODRAMA_CDN__HASH", &pem)], "cdn.hash"),
        (&["serve"], &[("FLODRAMA_CDN__PRIVATE_KEYS", &pem)], "FLODRAMA_CDN__PRIVATE_KEYS"),
        (&["--config", settings, "serve"], &[], "no TOML"),
        (
            &["serve"],
            &[("FLODRAMA_SECOND_KEY__KEY_PAIR_ID", "K2"), ("FLODRAMA_SECOND_KEY__PUBLIC_KEY", &pem)],
            "second_key.public_key",
        ),
    ];
    for (arguments, variables, part) in table {
        let (code, out, err) = run(arguments, |command| {
            command.env("RUST_BACKTRACE", "full").env("AWS_SESSION_TOKEN", SESSION);
            for (name, value) in variables {
                command.env(name, value);
            }
        })
        .await;
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(part) && !err.contains("panicked"), "{part}: {err}");
        secrets.are_not_in("what it says", &(out + &err));
    }
    let (code, out, err) = run(&["--print-config"], |_| {}).await;
    assert_eq!(code, 0, "{err}");
    secrets.are_not_in("the settings that it shows", &(out + &err));
}
