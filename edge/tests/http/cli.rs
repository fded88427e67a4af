//! The program itself: `serve`, `sign`, `--print-config`, and what it logs.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::jwks::KeyServer;
use crate::support::keys::{CDN_KEY, Pool};
use crate::support::s3::{BUCKET, KEY_ID, S3, SECRET, VERSION};
use crate::support::{CDN, CLIENT, ISSUER, KEY_PAIR, client};

/// The program with settings that fit the loopback parts, and nothing of this process's environment.
pub fn program(s3_endpoint: &str, jwks_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flodrama-edge"));
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "eu-west-3")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("FLODRAMA_SERVER__LISTEN", "127.0.0.1:0")
        .env("FLODRAMA_S3__BUCKET", BUCKET)
        .env("FLODRAMA_S3__ENDPOINT_URL", s3_endpoint)
        .env("FLODRAMA_COGNITO__ISSUER", ISSUER)
        .env("FLODRAMA_COGNITO__JWKS_URL", jwks_url)
        .env("FLODRAMA_COGNITO__CLIENT_IDS", CLIENT)
        .env("FLODRAMA_CDN__BASE_URL", CDN)
        .env("FLODRAMA_CDN__KEY_PAIR_ID", KEY_PAIR)
        .env("FLODRAMA_CDN__PRIVATE_KEY", CDN_KEY.pem())
        .kill_on_drop(true);
    command
}

async fn run(arguments: &[&str], change: impl FnOnce(&mut Command)) -> (i32, String, String) {
    let mut command = program("http://127.0.0.1:1", "http://127.0.0.1:1");
    change(&mut command);
    let Output { status, stdout, stderr } = command.args(arguments).output().await.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

/// Starts `serve` and returns its address and the lines that it logs from then on.
pub async fn serve(command: &mut Command) -> (Child, String, tokio::task::JoinHandle<String>) {
    let mut child = command.arg("serve").stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let mut log = String::new();
    let address = loop {
        let line = lines.next_line().await.expect("text").expect("it listens");
        log.push_str(&line);
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else { panic!("{line}") };
        if entry["message"] == "listening" {
            break entry["address"].as_str().expect("an address").to_owned();
        }
    };
    let rest = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            log.push_str(&line);
            log.push('\n');
        }
        log
    });
    (child, format!("http://{address}"), rest)
}

#[tokio::test]
async fn it_serves_stops_and_never_logs_a_secret() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let mut command = program(&s3.endpoint, &keys.url);
    command.env("FLODRAMA_LOG__FORMAT", "json").env("FLODRAMA_LOG__LEVEL", "trace");
    let (mut child, url, log) = serve(&mut command).await;

    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let claims = serde_json::json!({"sub": "s", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "exp": now + 600});
    let token = pool.sign(&claims);
    let playback = format!("{url}/v1/assets/demo/playback");
    let sent = client().post(&playback).bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(sent.status(), 200);
    let body: serde_json::Value = sent.json().await.expect("JSON");
    let manifest = body["manifest_url"].as_str().expect("a URL").replace(CDN, &url);
    assert_eq!(client().get(&manifest).send().await.expect("an answer").status(), 200);
    // Refused and failed requests are the ones that tempt a log to say too much.
    let spoilt = format!("{manifest}x");
    assert_eq!(client().get(&spoilt).send().await.expect("an answer").status(), 403);
    let refused = client().request(Method::GET, format!("{url}/v1/assets")).bearer_auth(format!("{token}x"));
    assert_eq!(refused.send().await.expect("an answer").status(), 401);
    let with_cookies = client().post(format!("{playback}?delivery=cookies")).bearer_auth(&token);
    assert_eq!(with_cookies.send().await.expect("an answer").status(), 200);
    s3.lose_bucket();
    let failed =
        client().get(format!("{url}/v1/assets")).bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(failed.status(), 500);

    let stopping = Instant::now();
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    assert!(stopping.elapsed() < Duration::from_secs(3));

    let log = log.await.expect("the log");
    for line in ["answered", "refused", "failed", "opened", "stopped"] {
        assert!(log.contains(&format!("\"message\":\"{line}\"")), "{line}\n{log}");
    }
    let query = manifest.split_once('?').expect("a query").1;
    let signature =
        query.split("Signature=").nth(1).and_then(|rest| rest.split('&').next()).expect("a signature");
    let policy = query.split("Policy=").nth(1).and_then(|rest| rest.split('&').next()).expect("a policy");
    let token_signature = token.rsplit('.').next().expect("a token");
    let key = CDN_KEY.pem();
    let key_line = key.lines().nth(1).expect("a line");
    for secret in [signature, policy, &token, token_signature, SECRET, key_line] {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
}

#[tokio::test]
async fn sign_prints_a_url_that_lasts() {
    let manifest = format!("{CDN}/vod/demo/{VERSION}/main.m3u8");
    let (code, out, err) = run(&["sign", &manifest, "--ttl", "60"], |_| {}).await;
    assert_eq!((code, &*err), (0, ""));
    assert!(
        out.starts_with(&format!("{manifest}?Policy=")) && out.ends_with("&Hash-Algorithm=SHA256\n"),
        "{out}"
    );
}

#[tokio::test]
async fn the_settings_are_shown_without_secrets() {
    let (code, out, _) = run(&["--print-config"], |_| {}).await;
    assert_eq!(code, 0);
    assert!(out.contains("private_key = \"***\"") && out.contains("min_ttl_s = 43200"), "{out}");
    assert!(!out.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn wrong_settings_are_named_in_a_sentence() {
    let table: [(&str, &str, &str); 5] = [
        ("FLODRAMA_S3__BUKET", "x", "FLODRAMA_S3__BUKET names no setting"),
        ("FLODRAMA_CDN__PRIVATE_KEY", "canary", "cdn.private_key cannot be used"),
        ("FLODRAMA_CDN__BASE_URL", "https://*.example.com", "cdn.base_url cannot be used"),
        ("FLODRAMA_SERVER__CORS_ORIGINS", "*", "server.cors_origins cannot be used"),
        ("FLODRAMA_COOKIES__SECURE", "false", "cookies.same_site cannot be used"),
    ];
    for (name, value, part) in table {
        let (code, _, err) = run(&["serve"], |command| {
            command.env(name, value);
        })
        .await;
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(part) && !err.contains("canary"), "{err}");
    }
    assert_eq!(run(&["dance"], |_| {}).await.0, 2);
    assert_eq!(run(&[], |_| {}).await.0, 2);
    assert_eq!(run(&["--print-config", "dance"], |_| {}).await.0, 2);
}
