//! The program as Lambda behind API Gateway, and that it answers there as it does on a socket.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{program, serve};
use crate::support::jwks::KeyServer;
use crate::support::keys::Pool;
use crate::support::lambda::{Lambda, Posted};
use crate::support::s3::{S3, VERSION};
use crate::support::{CDN, CLIENT, ISSUER, PAGE_ORIGIN, client};

/// AWS's own example of an event.
fn event() -> Value {
    serde_json::from_str(include_str!("fixtures/aws-http-api-payload-2.0.json")).expect("JSON")
}

/// A call, whatever carries it.
#[derive(Clone, Debug, Default)]
struct Call {
    method: Method,
    /// Path and query, as they stand.
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, PartialEq)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
    body: Vec<u8>,
}

impl Reply {
    /// Without what differs from call to call.
    fn settled(mut self) -> Reply {
        if let Some(id) = self.headers.get_mut("x-request-id") {
            assert!(id.len() >= 16, "{id}");
            *id = "one".into();
        }
        self.headers.remove("date");
        // API Gateway sets it; both agree on what is in the body.
        self.headers.remove("content-length");
        self.headers.remove("connection");
        if let Ok(mut problem) = serde_json::from_slice::<Value>(&self.body) {
            if let Some(fields) = problem.as_object_mut() {
                fields.remove("request_id");
            }
            self.body = problem.to_string().into_bytes();
        }
        self
    }
}

fn call(method: Method, target: impl Into<String>, headers: &[(&'static str, &str)]) -> Call {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Call { method, target: target.into(), headers, body: Vec::new() }
}

async fn over_socket(url: &str, call: &Call) -> Reply {
    let mut sent =
        client().request(call.method.clone(), format!("{url}{}", call.target)).body(call.body.clone());
    for (name, value) in &call.headers {
        sent = sent.header(*name, value);
    }
    let answer = sent.send().await.expect("an answer");
    let mut headers = BTreeMap::new();
    let mut cookies = Vec::new();
    for (name, value) in answer.headers() {
        let value = value.to_str().expect("text").to_owned();
        match name.as_str() {
            "set-cookie" => cookies.push(value),
            name => drop(
                headers.entry(name.to_owned()).and_modify(|v| *v = format!("{v}, {value}")).or_insert(value),
            ),
        }
    }
    let status = answer.status().as_u16();
    Reply { status, headers, cookies, body: answer.bytes().await.expect("a body").to_vec() }
}

/// As API Gateway makes an event of a call and a reply of an answer.
async fn over_lambda(lambda: &Lambda, call: &Call, stage: &str) -> Reply {
    let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
    let prefix = if stage == "$default" { String::new() } else { format!("/{stage}") };
    let mut event = event();
    event["rawPath"] = json!(format!("{prefix}{path}"));
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["method"] = json!(call.method.as_str());
    event["requestContext"]["http"]["path"] = event["rawPath"].clone();
    event["requestContext"]["stage"] = json!(stage);
    let cookies: Vec<&str> =
        call.headers.iter().filter(|(name, _)| *name == "cookie").flat_map(|(_, v)| v.split("; ")).collect();
    event["cookies"] = json!(cookies);
    let others = call.headers.iter().filter(|(name, _)| *name != "cookie");
    event["headers"] = Value::Object(others.map(|(name, v)| ((*name).to_owned(), json!(v))).collect());
    event["body"] = json!(STANDARD.encode(&call.body));
    event["isBase64Encoded"] = json!(true);
    reply(&lambda.invoke(&event).await)
}

fn reply(posted: &Posted) -> Reply {
    assert!(posted.path.ends_with("/response"), "{posted:?}");
    let Value::Object(answer) = &posted.body else { panic!("{posted:?}") };
    for name in answer.keys() {
        let known = ["statusCode", "headers", "cookies", "body", "isBase64Encoded"];
        assert!(known.contains(&&**name), "API Gateway knows no {name}");
    }
    let text = answer["body"].as_str().expect("text");
    let body = match answer["isBase64Encoded"].as_bool().expect("a boolean") {
        true => STANDARD.decode(text).expect("base64"),
        false => text.as_bytes().to_vec(),
    };
    let cookies = answer.get("cookies").cloned().unwrap_or(json!([]));
    Reply {
        status: u16::try_from(answer["statusCode"].as_u64().expect("a number")).expect("a status"),
        headers: serde_json::from_value(answer["headers"].clone()).expect("names to text"),
        cookies: serde_json::from_value(cookies).expect("text"),
        body,
    }
}

fn token(pool: &Pool) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    pool.sign(
        &json!({"sub": "s", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "exp": now + 600}),
    )
}

#[tokio::test]
async fn it_answers_events_as_it_answers_sockets() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let (_server, url, _log) =
        serve(program(&s3.endpoint, &keys.url).env("FLODRAMA_LOG__FORMAT", "json")).await;
    let lambda = Lambda::start(&mut program(&s3.endpoint, &keys.url)).await;

    let bearer = format!("Bearer {}", token(&pool));
    let auth = ("authorization", bearer.as_str());
    let playback = "/v1/assets/demo/playback";
    // Signatures are made with fresh randomness: one link and one set of cookies serve both.
    let made = over_socket(&url, &call(Method::POST, playback, &[auth])).await;
    let links: Value = serde_json::from_slice(&made.body).expect("JSON");
    let manifest = links["manifest_url"].as_str().expect("a URL").replace(CDN, "");
    let made = over_socket(&url, &call(Method::POST, format!("{playback}?delivery=cookies"), &[auth])).await;
    let pairs: Vec<&str> = made.cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect();
    let cookies = pairs.join("; ");
    let bare = manifest.split('?').next().expect("a path");
    let etag = over_socket(&url, &call(Method::GET, &manifest, &[])).await.headers["etag"].clone();
    let escaped = manifest.replace('~', "%7E");

    let same = [
        call(Method::GET, "/v1/assets", &[]),
        call(Method::GET, "/v1/assets/nothing", &[auth]),
        call(Method::POST, "/v1/assets/nothing/playback", &[auth]),
        call(Method::POST, format!("{playback}?delivery=pigeon"), &[auth]),
        call(Method::POST, format!("{playback}?delivery=links&delivery=cookies"), &[auth]),
        call(Method::GET, playback, &[auth]),
        call(Method::GET, &manifest, &[]),
        call(Method::GET, &escaped, &[]),
        call(Method::GET, &manifest, &[("accept-encoding", "gzip")]),
        call(Method::GET, &manifest, &[("if-none-match", &etag)]),
        call(Method::HEAD, &manifest, &[]),
        call(Method::GET, bare, &[("cookie", &cookies)]),
        call(Method::GET, format!("{manifest}x"), &[]),
        call(Method::GET, bare, &[]),
        call(Method::GET, "/watch/demo", &[]),
        call(Method::GET, "/static/hls.min.js", &[("accept-encoding", "gzip")]),
        call(Method::GET, "/livez", &[]),
        call(Method::GET, "/v1/openapi.json", &[]),
        call(Method::GET, "/vod/demo/a%2fb/main.m3u8", &[]),
        call(Method::GET, "/vod//demo", &[]),
        call(Method::GET, "/nowhere?x=%00", &[]),
        call(
            Method::OPTIONS,
            "/v1/assets",
            &[("origin", PAGE_ORIGIN), ("access-control-request-method", "GET")],
        ),
        Call { body: vec![0; 17 * 1024], ..call(Method::POST, playback, &[auth]) },
    ];
    for call in same {
        let server = over_socket(&url, &call).await;
        for stage in ["$default", "prod"] {
            let lambda = over_lambda(&lambda, &call, stage).await;
            assert_eq!(
                lambda.settled(),
                Reply {
                    body: server.body.clone(),
                    headers: server.headers.clone(),
                    cookies: server.cookies.clone(),
                    ..server
                }
                .settled(),
                "{call:?} at {stage}"
            );
        }
    }

    // What is signed anew differs in its signatures alone.
    for target in [playback.to_owned(), format!("{playback}?delivery=cookies"), "/v1/assets/demo".into()] {
        let method = if target.contains("playback") { Method::POST } else { Method::GET };
        let call = call(method, &target, &[auth]);
        let (server, lambda) =
            (over_socket(&url, &call).await, over_lambda(&lambda, &call, "$default").await);
        let keys = |reply: &Reply| -> Vec<String> {
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            body.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!((lambda.status, keys(&lambda)), (server.status, keys(&server)), "{target}");
        assert_eq!(lambda.cookies.len(), server.cookies.len(), "{target}");
        assert_eq!(
            lambda.headers.keys().filter(|n| *n != "content-length").collect::<Vec<_>>(),
            server
                .headers
                .keys()
                .filter(|n| !matches!(n.as_str(), "content-length" | "date"))
                .collect::<Vec<_>>()
        );
    }
    let (code, log) = lambda.stop().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn answers_that_are_no_text_travel_as_base64() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    // Eleven hours of 2 s segments: as text they do not fit.
    let mut long =
        String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    (0..20_000).for_each(|n| long.push_str(&format!("#EXTINF:2.000000,\n{n:05}.m4s\n")));
    s3.put(&format!("vod/demo/{VERSION}/video/720p/index.m3u8"), long + "#EXT-X-ENDLIST\n");
    let lambda = Lambda::start(&mut program(&s3.endpoint, &keys.url)).await;
    let bearer = format!("Bearer {}", token(&pool));
    let opened = over_lambda(
        &lambda,
        &call(Method::POST, "/v1/assets/demo/playback", &[("authorization", &bearer)]),
        "$default",
    )
    .await;
    let links: Value = serde_json::from_slice(&opened.body).expect("JSON");
    let manifest = links["manifest_url"]
        .as_str()
        .expect("a URL")
        .replace(CDN, "")
        .replace("main.m3u8", "video/720p/index.m3u8");

    let small =
        over_lambda(&lambda, &call(Method::GET, &manifest, &[("accept-encoding", "br, gzip")]), "$default")
            .await;
    assert_eq!((small.status, small.headers["content-encoding"].as_str()), (200, "gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&small.body[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(text.matches("Signature=").count(), 20_000);
    let plain = over_lambda(&lambda, &call(Method::GET, &manifest, &[]), "$default").await;
    assert_eq!((plain.status, plain.headers["content-type"].as_str()), (500, "application/problem+json"));
    println!("{} KB as {} KB", text.len() / 1024, small.body.len() / 1024);
}

#[tokio::test]
async fn events_that_are_none_are_errors_of_their_own_and_the_next_is_answered() {
    let lambda = Lambda::start(&mut program("http://127.0.0.1:1", "http://127.0.0.1:1")).await;
    let mut format_1 = event();
    format_1["version"] = json!("1.0");
    let mut no_base64 = event();
    (no_base64["body"], no_base64["isBase64Encoded"]) = (json!("?"), json!(true));
    for (broken, part) in [
        (json!({"Records": []}), "payload format 2.0"),
        (format_1, "payloadFormatVersion"),
        (no_base64, "base64"),
    ] {
        let posted = lambda.invoke(&broken).await;
        assert!(posted.path.ends_with("/error"), "{posted:?}");
        assert_eq!(posted.error_type.as_deref(), Some("Runtime.InvalidEvent"));
        assert_eq!(posted.body["errorType"], "Runtime.InvalidEvent");
        let sentence = posted.body["errorMessage"].as_str().expect("a sentence");
        assert!(sentence.contains(part), "{sentence}");
    }
    // Nothing of ours is where AWS's example points.
    assert_eq!(reply(&lambda.invoke(&event()).await).status, 404);
    // The path as it stands, decoded or not.
    for path in [
        "/static/a b",
        "/static/../livez",
        "/livez/%2e",
        "//livez",
        "/livez?",
        "/a\\b",
        "/a\u{0}b",
        "livez",
        "",
    ] {
        let mut event = event();
        (event["rawPath"], event["rawQueryString"]) = (json!(path), json!(""));
        assert_eq!(reply(&lambda.invoke(&event).await).status, 400, "{path:?}");
    }
}

#[tokio::test]
async fn the_deadline_is_kept_with_an_answer() {
    let s3 = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}", s3.local_addr().expect("an address"));
    let pool = Pool::new();
    let keys = KeyServer::start(pool.jwks()).await;
    let mut command = program(&silent, &keys.url);
    let lambda = Lambda::start(command.env("FLODRAMA_LOG__FORMAT", "json")).await;
    let mut event = event();
    event["rawPath"] = json!("/v1/assets/demo");
    event["rawQueryString"] = json!("");
    event["requestContext"]["http"]["method"] = json!("GET");
    event["headers"] = json!({"authorization": format!("Bearer {}", token(&pool))});
    // Once it runs: starting takes its time too.
    let mut alive = event.clone();
    alive["rawPath"] = json!("/livez");
    assert_eq!(reply(&lambda.invoke(&alive).await).status, 200);
    let begun = Instant::now();
    let posted = lambda.invoke_within(&event, Duration::from_secs(3)).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let answer = reply(&posted);
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (503, "application/problem+json"));
    // Lambda's own id finds the request in the log, and the trace that it is part of.
    let id = posted.path.split('/').nth(1).expect("an id");
    assert_eq!(answer.headers["x-request-id"], id);
    let (_, log) = lambda.stop().await;
    let line = log.lines().find(|line| line.contains(id)).expect("a line");
    assert!(line.contains("\"trace_id\":\"5bef4de7ad49b0e87f6ef6c87fc2e700\""), "{line}");
}

#[tokio::test]
async fn a_start_that_fails_is_told_to_lambda() {
    for (name, value, part) in [
        ("FLODRAMA_CDN__PRIVATE_KEY", "canary", "cdn.private_key cannot be used"),
        ("FLODRAMA_S3__BUKET", "x", "names no setting"),
    ] {
        let mut command = program("http://127.0.0.1:1", "http://127.0.0.1:1");
        let lambda = Lambda::start(command.env(name, value)).await;
        let posted = lambda.posted().await;
        assert_eq!(
            (&*posted.path, posted.error_type.as_deref()),
            ("init/error", Some("Runtime.ConfigInvalid"))
        );
        let sentence = posted.body["errorMessage"].as_str().expect("a sentence");
        assert!(sentence.contains(part) && !sentence.contains("canary"), "{sentence}");
        assert_eq!(lambda.ended().await.0, Some(1));
    }
}
