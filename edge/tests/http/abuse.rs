//! Clients that hold on, ask too much or take nothing: they cost what the settings allow, and the others are answered.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::cli::{program, serve};
use crate::support::Edge;
use crate::support::jwks::KeyServer;
use crate::support::keys::Pool;
use crate::support::raw::connect;
use crate::support::s3::{S3, VERSION};

/// Reads until the server closes; how long that took.
async fn until_closed(socket: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "left open");
    begun.elapsed()
}

/// The time that each of `n` healthy calls takes, sorted.
pub async fn healthy(url: &str, n: usize) -> Vec<Duration> {
    let client = crate::support::client();
    let mut took = Vec::new();
    for _ in 0..n {
        let begun = Instant::now();
        let answer = client.get(format!("{url}/livez")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        took.push(begun.elapsed());
    }
    took.sort();
    took
}

#[tokio::test]
async fn five_hundred_half_open_connections_leave_the_others_their_answers() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let mut command = program(&s3.endpoint, &keys.url);
    // Longer than this takes on a slow machine; that the time limits hold, other tests say.
    for limit in ["FLODRAMA_SERVER__HEADER_TIMEOUT_S", "FLODRAMA_SERVER__REQUEST_TIMEOUT_S"] {
        command.env(limit, "120");
    }
    command.env("FLODRAMA_LOG__FORMAT", "json");
    let (mut child, url, _log) = serve(&mut command).await;
    let pid = child.id().expect("it runs");
    let descriptors = || std::fs::read_dir(format!("/proc/{pid}/fd")).expect("proc").count();
    let before = descriptors();

    let mut held = Vec::new();
    for n in 0..500 {
        let mut socket = connect(&url).await;
        let begun = [
            "",
            "GET /livez HT",
            "GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ",
            "POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
        ];
        socket.write_all(begun[n % begun.len()].as_bytes()).await.expect("sent");
        held.push(socket);
    }
    let took = healthy(&url, 200).await;
    let most = descriptors();
    println!("with 500 held: p50 {:?}, p99 {:?}; descriptors {before}, then {most}", took[100], took[197]);
    assert!(took[197] < Duration::from_secs(2), "{took:?}");
    assert!((before + 450..=before + 520).contains(&most), "{most} descriptors");
    // Nor do they keep it from ending.
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid.to_string()]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(held);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let edge = Edge::start_with(|config| config.server.write_timeout_s = 1).await;
    let segments: String = (0..20_000).map(|n| format!("#EXTINF:6.0,\n{n:05}.m4s\n")).collect();
    let playlist = format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n{segments}#EXT-X-ENDLIST\n");
    edge.s3.put(&format!("vod/demo/{VERSION}/video/720p/index.m3u8"), playlist);
    let path = edge.manifest_path().await.replace("main.m3u8", "video/720p/index.m3u8");
    let mut socket = connect(&edge.url).await;
    // More than all buffers between the two of us hold.
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(3);
    socket.write_all(request.as_bytes()).await.expect("sent");
    let open = async || edge.get("/metrics").await.text().await.expect("text");
    let is_cut = |text: &str| text.contains("flodrama_edge_connections 1\n");
    let begun = Instant::now();
    while !is_cut(&open().await) {
        assert!(begun.elapsed() < Duration::from_secs(15), "{}", open().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(socket);
}

#[tokio::test]
async fn connections_end_with_age_and_the_last_answer_says_so() {
    const PAUSE: Duration = Duration::from_millis(40);
    let edge = Edge::start_with(|config| config.server.max_connection_s = 1).await;
    let mut socket = connect(&edge.url).await;
    let begun = Instant::now();
    // Whoever goes on asking is answered each time, until told that it was the last.
    let last = loop {
        socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        let mut answer = [0; 4096];
        let length = socket.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "after {:?}: {answer:?}", begun.elapsed());
        if answer.contains("connection: close\r\n") {
            break begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "it grows older and older");
        tokio::time::sleep(PAUSE).await;
    };
    assert!(last > Duration::from_millis(900), "{last:?}");
    assert!(until_closed(&mut socket).await < Duration::from_secs(2), "it was the last");
}

#[tokio::test]
async fn an_old_connection_keeps_nobody_from_ending() {
    let edge = Edge::start_with(|config| config.server.max_connection_s = 1).await;
    let mut socket = connect(&edge.url).await;
    socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut answer = [0; 4096];
    assert!(socket.read(&mut answer).await.expect("an answer") > 0);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let took = edge.stop().await;
    assert!(took < Duration::from_millis(1500), "nothing was asked for, and it took {took:?}");
    drop(socket);
}

#[tokio::test]
async fn an_old_connection_that_asks_for_nothing_ends_too() {
    let edge = Edge::start_with(|config| {
        (config.server.max_connection_s, config.server.header_timeout_s) = (1, 2);
    });
    let edge = edge.await;
    let mut socket = connect(&edge.url).await;
    socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let took = until_closed(&mut socket).await;
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn a_body_that_drips_runs_into_the_time_limit() {
    let edge = Edge::start_with(|config| config.server.request_timeout_s = 1).await;
    let mut socket = connect(&edge.url).await;
    let head = "POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let begun = Instant::now();
    let mut first = [0; 12];
    loop {
        // The server may have closed already.
        let _ = socket.write_all(b"x").await;
        if tokio::time::timeout(Duration::from_millis(100), socket.read_exact(&mut first)).await.is_ok() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "no answer");
    }
    assert_eq!(&first, b"HTTP/1.1 503");
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let edge = Edge::start_with(|config| config.server.max_connections_per_address = 2).await;
    let (mut first, second) = (connect(&edge.url).await, connect(&edge.url).await);
    let mut third = connect(&edge.url).await;
    assert!(until_closed(&mut third).await < Duration::from_secs(3));
    drop(second);
    // The first is still served, and there is room again.
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let begun = Instant::now();
    loop {
        if let Ok(answer) = crate::support::client().get(format!("{}/metrics", edge.url)).send().await {
            let text = answer.text().await.expect("text");
            assert!(text.contains("flodrama_edge_refused_total{reason=\"connections\"}"), "{text}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "no room again");
    }
}

#[tokio::test]
async fn a_viewer_who_asks_too_often_is_told_when_to_come_back() {
    let edge = Edge::start_with(|config| config.rates.viewer_per_minute = 5).await;
    let ask = async |token: String| {
        let sent = edge.request(Method::GET, "/v1/assets/demo").bearer_auth(token);
        sent.send().await.expect("an answer")
    };
    for _ in 0..5 {
        assert_eq!(ask(edge.token()).await.status(), 200);
    }
    let refused = ask(edge.token()).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["content-type"]),
        (429, &"application/problem+json".parse().expect("a header"))
    );
    let wait: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=13).contains(&wait), "{wait}");
    let problem: serde_json::Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "too-many-requests");
    // Another viewer, and whoever needs no token, is not concerned.
    let mut claims = edge.claims();
    claims["sub"] = "another".into();
    assert_eq!(ask(edge.pool.sign(&claims)).await.status(), 200);
    assert_eq!(edge.get("/v1/openapi.json").await.status(), 200);
    let text = edge.get("/metrics").await.text().await.expect("text");
    assert!(text.contains("flodrama_edge_refused_total{reason=\"limits\"} 1\n"), "{text}");
}

#[tokio::test]
async fn an_address_is_cloudfronts_word_only_where_that_is_trusted() {
    for (trust, expected) in [(false, [200, 200, 429, 429]), (true, [200, 200, 200, 200])] {
        let edge = Edge::start_with(|config| {
            (config.rates.address_per_minute, config.rates.trust_viewer_address) = (2, trust);
        })
        .await;
        let mut statuses = Vec::new();
        for n in 0..4 {
            let sent = edge
                .request(Method::GET, "/livez")
                .header("cloudfront-viewer-address", format!("198.51.100.{n}:4"));
            statuses.push(sent.send().await.expect("an answer").status().as_u16());
        }
        assert_eq!(statuses, expected, "trusted: {trust}");
        // Tokens that do not hold count for the address too; those that do hold do not.
        if !trust {
            let forged = edge.request(Method::GET, "/v1/assets").bearer_auth("x.y.z");
            assert_eq!(forged.send().await.expect("an answer").status(), 429);
            let nobody = edge.request(Method::POST, "/v1/assets/demo/playback");
            assert_eq!(nobody.send().await.expect("an answer").status(), 429);
            let good = edge.request(Method::GET, "/v1/assets").bearer_auth(edge.token());
            assert_eq!(good.send().await.expect("an answer").status(), 200);
        }
    }
}
