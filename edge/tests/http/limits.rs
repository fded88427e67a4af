//! What the edge takes of clients that mean no good or are slow, and how it ends.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::raw::{connect, exchange};
use crate::support::{Edge, KEY_PAIR};

#[tokio::test]
async fn paths_are_taken_as_they_stand() {
    let edge = Edge::start().await;
    for path in [
        "/vod/demo/../demo/v0123456789abcdef/main.m3u8",
        "/vod//demo/v0123456789abcdef/main.m3u8",
        "/vod/demo/%2e%2e/main.m3u8",
        "/vod/demo%2fv0123456789abcdef/main.m3u8",
        "/vod/demo/v0123456789abcdef/main%2Em3u8",
        "/static/..%5cCargo.toml",
        "/static/%00",
        "/static/%252e%252e",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert_eq!(exchange(&edge.url, request.as_bytes()).await.statuses, [400], "{path}");
    }
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let edge = Edge::start_with(|config| config.server.header_timeout_s = 1).await;
    for begun in [&b""[..], b"GET /healthz HTTP/1.1\r\nx-slow: "] {
        let mut socket = connect(&edge.url).await;
        socket.write_all(begun).await.expect("sent");
        let started = Instant::now();
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer).await);
        assert!(started.elapsed() < Duration::from_secs(5), "{begun:?}");
    }
    assert_eq!(edge.get("/v1/openapi.json").await.status(), 200);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let edge = Edge::start().await;
    let request = format!("GET /healthz?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(64 * 1024));
    let answer = exchange(&edge.url, request.as_bytes()).await;
    assert!(matches!(answer.statuses[..], [400..500]) && answer.closed, "{answer:?}");
}

#[tokio::test]
async fn a_large_body_is_refused_unread() {
    let edge = Edge::start().await;
    let sent = edge.request(Method::POST, "/v1/assets/demo/playback").bearer_auth(edge.token());
    let answer = sent.body(vec![0; 17 * 1024]).send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    let sent = edge.request(Method::POST, "/v1/assets/demo/playback").bearer_auth(edge.token());
    assert_eq!(sent.body("{}").send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_body_that_never_ends_runs_into_the_time_limit() {
    let edge = Edge::start_with(|config| config.server.request_timeout_s = 1).await;
    let head = "POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n";
    let answer = exchange(&edge.url, head.as_bytes()).await;
    assert!(answer.statuses == [503] && answer.closed, "{answer:?}");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let edge = Edge::start_with(|config| config.server.max_connections = 1).await;
    let first = connect(&edge.url).await;
    let mut second = connect(&edge.url).await;
    let request = b"GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    second.write_all(request).await.expect("sent");
    let mut answer = [0; 15];
    let early = tokio::time::timeout(Duration::from_millis(200), second.read_exact(&mut answer)).await;
    assert!(early.is_err(), "answered over the limit");
    drop(first);
    second.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn health_tells_what_is_wrong() {
    let edge = Edge::start().await;
    let answer = edge.get("/healthz").await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(
        (&body["status"], &body["checks"]),
        (&"ok".into(), &serde_json::json!({"s3": "ok", "jwks": "ok", "signing_key": "ok"}))
    );
    assert_eq!(body["key_pair_ids"], serde_json::json!([KEY_PAIR]));

    let edge = Edge::start().await;
    edge.key_server.go_down();
    edge.s3.lose_bucket();
    let answer = edge.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.expect("JSON");
    let failing = serde_json::json!({"s3": "failing", "jwks": "failing", "signing_key": "ok"});
    assert_eq!((&body["status"], &body["checks"]), (&"failing".into(), &failing));
    assert_eq!(body["since_good_s"], serde_json::json!({"s3": null, "jwks": null, "signing_key": 0}));
}

#[tokio::test]
async fn metrics_count_by_route_and_status() {
    let edge = Edge::start().await;
    edge.get(&edge.manifest_path().await).await;
    edge.get("/vod/demo/v0123456789abcdef/main.m3u8").await;
    edge.get("/nowhere").await;
    let text = edge.get("/metrics").await.text().await.expect("text");
    for line in [
        r#"flodrama_edge_requests_total{route="manifest",status="200"} 1"#,
        r#"flodrama_edge_requests_total{route="manifest",status="403"} 1"#,
        r#"flodrama_edge_requests_total{route="none",status="404"} 1"#,
        r#"flodrama_edge_requests_total{route="playback",status="200"} 1"#,
        r#"flodrama_edge_request_seconds_count{route="manifest"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn it_ends_in_time_whatever_clients_do() {
    let edge = Edge::start().await;
    let idle = connect(&edge.url).await;
    let mut slow = connect(&edge.url).await;
    let head = b"POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n";
    slow.write_all(head).await.expect("sent");
    // An answer after both shows that they were accepted before.
    assert_eq!(edge.get("/v1/openapi.json").await.status(), 200);
    let took = edge.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    drop((idle, slow));
}
