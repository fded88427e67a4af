//! CloudFront's data plane over HTTP: what a viewer gets, and what nobody gets.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flodrama_local_aws::{CloudFrontPublicKey, Stack, StackOptions};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use reqwest::{Client, Method, Response, StatusCode};
use support::{BUCKET, options};
use tempfile::TempDir;

const SEGMENT: &str = "/vod/demo/v0123456789abcdef/video/720p/00001.m4s";
const BYTES: &[u8] = b"0123456789";

struct Cdn {
    stack: Stack,
    key: PKey<Private>,
    edge: String,
    client: Client,
    _data: TempDir,
}

impl Cdn {
    /// A CDN with one segment, the files that it must never serve, and an edge that says what it was asked.
    async fn start() -> Cdn {
        let data = tempfile::tempdir().expect("folder");
        let key = PKey::from_rsa(Rsa::generate(2048).expect("rsa")).expect("key");
        let public_key_pem = String::from_utf8(key.public_key_to_pem().expect("pem")).expect("text");
        let cloudfront_keys = vec![CloudFrontPublicKey { key_id: "K1".into(), public_key_pem }];
        let edge = edge().await;
        let options = StackOptions { cloudfront_keys, edge_origin: edge.clone(), ..options(data.path()) };
        let stack = Stack::start(options).await.expect("the stack starts");
        let s3 = support::s3(stack.s3_endpoint(), stack.credentials());
        for key in
            [SEGMENT, "/vod/demo/current.json", "/jobs/demo/v0123456789abcdef/plan.json", "/uploads/demo.mp4"]
        {
            let request = s3.put_object().bucket(BUCKET).key(&key[1..]).content_type("video/iso.segment");
            let request = request.cache_control("public, max-age=31536000, immutable");
            request.body(BYTES.to_vec().into()).send().await.expect("put");
        }
        let client = Client::builder().no_proxy().build().expect("client");
        Cdn { stack, key, edge, client, _data: data }
    }

    /// The query that opens `resource` for `ttl_s`.
    fn sign(&self, resource: &str, ttl_s: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{}}}}}}}]}}"#,
            now + ttl_s
        );
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("signer");
        let signature = signer.sign_oneshot_to_vec(policy.as_bytes()).expect("signature");
        let encode = |bytes: &[u8]| {
            BASE64_STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
        };
        let (policy, signature) = (encode(policy.as_bytes()), encode(&signature));
        format!("Policy={policy}&Signature={signature}&Key-Pair-Id=K1&Hash-Algorithm=SHA256")
    }

    /// The query that opens the demo asset.
    fn good(&self) -> String {
        self.sign(&format!("{}/vod/demo/v0123456789abcdef/*", self.stack.cdn_url()), 60)
    }

    async fn ask(&self, method: Method, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.request(method, format!("{}{target}", self.stack.cdn_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        self.ask(Method::GET, target, headers).await
    }
}

/// An edge that answers with the request line and one header that it was sent.
async fn edge() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let echo = Router::new().fallback(|request: Request| async move {
        let etag =
            request.headers().get("if-none-match").and_then(|value| value.to_str().ok()).unwrap_or("-");
        ([("x-edge", "yes")], format!("{} {} {etag}", request.method(), request.uri()))
    });
    tokio::spawn(async move { axum::serve(listener, echo).await });
    url
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_signed_segment_comes_with_all_its_headers() {
    let cdn = Cdn::start().await;
    let target = format!("{SEGMENT}?{}", cdn.good());
    let whole = cdn.get(&target, &[]).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(header(&whole, "content-type"), "video/iso.segment");
    assert_eq!(header(&whole, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    let etag = header(&whole, "etag").to_owned();
    assert_eq!(whole.bytes().await.expect("body"), BYTES);

    let head = cdn.ask(Method::HEAD, &target, &[]).await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "10"));
    let unchanged = cdn.get(&target, &[("if-none-match", &etag)]).await;
    assert_eq!((unchanged.status(), header(&unchanged, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
    for (range, expected, content_range) in
        [("bytes=2-4", &b"234"[..], "bytes 2-4/10"), ("bytes=-3", b"789", "bytes 7-9/10")]
    {
        let part = cdn.get(&target, &[("range", range)]).await;
        assert_eq!(
            (part.status(), header(&part, "content-range")),
            (StatusCode::PARTIAL_CONTENT, content_range)
        );
        assert_eq!(part.bytes().await.expect("body"), expected);
    }
    let outside = cdn.get(&target, &[("range", "bytes=10-")]).await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let missing = cdn.get(&target.replace("00001", "00002"), &[]).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn without_a_signature_that_holds_there_is_nothing() {
    let cdn = Cdn::start().await;
    let base = cdn.stack.cdn_url();
    let tampered = cdn.good().replace("Signature=", "Signature=AAAA");
    for (query, code) in [
        (String::new(), "MissingKey"),
        (cdn.good().replace("K1", "K2"), "InvalidKey"),
        (cdn.sign(&format!("{base}/*"), -1), "AccessDenied"),
        (cdn.sign(&format!("{base}/vod/other/*"), 60), "AccessDenied"),
        (cdn.sign("https://cdn.example/*", 60), "AccessDenied"),
        (tampered, "AccessDenied"),
        (cdn.good().replace("&Hash-Algorithm=SHA256", ""), "AccessDenied"),
    ] {
        let refused = cdn.get(&format!("{SEGMENT}?{query}"), &[("origin", &cdn.edge)]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{code}");
        assert_eq!(
            header(&refused, "access-control-allow-origin"),
            "",
            "CloudFront's own 403 has no CORS headers"
        );
        let body = refused.text().await.expect("body");
        assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
    }
    let expiring = format!("{SEGMENT}?{}", cdn.good());
    assert_eq!(cdn.get(&expiring, &[]).await.status(), StatusCode::OK);
    cdn.stack.advance(Duration::from_secs(61));
    assert_eq!(cdn.get(&expiring, &[]).await.status(), StatusCode::FORBIDDEN);
    // A signature that holds opens at any time, also where S3 would not take a request of that date.
    cdn.stack.advance(Duration::from_secs(3600));
    let lasting = format!("{SEGMENT}?{}", cdn.sign("*", 7200));
    assert_eq!(cdn.get(&lasting, &[]).await.status(), StatusCode::OK);
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn what_is_not_published_is_not_served_with_any_signature() {
    let cdn = Cdn::start().await;
    let everything = cdn.sign("*", 60);
    for path in [
        "/vod/demo/current.json",
        "/jobs/demo/v0123456789abcdef/plan.json",
        "/uploads/demo.mp4",
        "/",
        "/vod/demo/v0123456789abcdef/other.bin",
        "/v1/assets",
    ] {
        let refused = cdn.get(&format!("{path}?{everything}"), &[]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let put = cdn.ask(Method::PUT, &format!("{SEGMENT}?{everything}"), &[]).await;
    assert_eq!(put.status(), StatusCode::FORBIDDEN);
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn cookies_open_as_queries_do() {
    let cdn = Cdn::start().await;
    let cookies: Vec<_> = cdn.good().split('&').map(|pair| format!("CloudFront-{pair}")).collect();
    let cookies = format!("theme=dark; {}", cookies.join("; "));
    let open = cdn.get(SEGMENT, &[("cookie", &cookies)]).await;
    assert_eq!(open.status(), StatusCode::OK);
    let mixed = cdn.get(&format!("{SEGMENT}?Key-Pair-Id=K1"), &[("cookie", &cookies)]).await;
    assert_eq!(mixed.status(), StatusCode::FORBIDDEN, "a signature parameter in the URL disables cookies");
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn manifests_are_the_edges_business() {
    let cdn = Cdn::start().await;
    for path in ["/vod/demo/v0123456789abcdef/main.m3u8", "/vod/demo/v0123456789abcdef/thumbs/storyboard.vtt"]
    {
        let target = format!("{path}?Policy=a&b=%20c");
        let answer = cdn.get(&target, &[("if-none-match", "\"tag\"")]).await;
        assert_eq!((answer.status(), header(&answer, "x-edge")), (StatusCode::OK, "yes"));
        assert_eq!(answer.text().await.expect("body"), format!("GET {target} \"tag\""));
    }
    cdn.stack.shutdown().await;
}

/// CloudFront passes the path on as the viewer wrote it: the edge must see what it has to refuse.
#[tokio::test]
async fn the_edge_sees_the_path_as_it_was_written() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cdn = Cdn::start().await;
    let address = cdn.stack.cdn_url().trim_start_matches("http://");
    for path in
        ["/vod/demo/../other/main.m3u8", "/vod//main.m3u8", "/vod/%2e%2e/main.m3u8", "/vod/a%2fb.m3u8"]
    {
        let mut raw = tokio::net::TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        raw.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        raw.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.contains(&format!("GET {path} -")), "{answer}");
    }
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn only_the_edges_page_may_read_answers() {
    let cdn = Cdn::start().await;
    let target = format!("{SEGMENT}?{}", cdn.good());
    let own = cdn.get(&target, &[("origin", &cdn.edge)]).await;
    assert_eq!(header(&own, "access-control-allow-origin"), cdn.edge);
    assert_eq!(header(&own, "access-control-allow-credentials"), "true");
    assert!(header(&own, "access-control-expose-headers").contains("Content-Range"));
    assert_eq!(header(&own, "vary"), "Origin");
    let other = cdn.get(&target, &[("origin", "http://elsewhere")]).await;
    assert_eq!(header(&other, "access-control-allow-origin"), "");

    let asked = [("origin", cdn.edge.as_str()), ("access-control-request-method", "GET")];
    let preflight = cdn.ask(Method::OPTIONS, SEGMENT, &asked).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&preflight, "access-control-allow-origin"), cdn.edge);
    assert!(header(&preflight, "access-control-allow-headers").contains("range"));
    cdn.stack.shutdown().await;
}

#[tokio::test]
async fn an_edge_that_is_away_is_a_bad_gateway() {
    let data = tempfile::tempdir().expect("folder");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let edge_origin = format!("http://{}", listener.local_addr().expect("address"));
    drop(listener);
    let stack = Stack::start(StackOptions { edge_origin, ..options(data.path()) }).await.expect("started");
    let answer =
        Client::new().get(format!("{}/vod/a/b/main.m3u8", stack.cdn_url())).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    stack.shutdown().await;
}
