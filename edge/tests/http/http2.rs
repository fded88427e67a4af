//! HTTP/2 without TLS, where the settings ask for it.

use std::time::Duration;

use h2::client;
use http::{Request, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::abuse::healthy;
use crate::support::Edge;
use crate::support::raw::{connect, exchange};

fn get(edge: &Edge, path: &str) -> Request<()> {
    Request::get(format!("{}{path}", edge.url)).version(Version::HTTP_2).body(()).expect("a request")
}

async fn speak(edge: &Edge) -> client::SendRequest<bytes::Bytes> {
    let (sender, connection) = client::handshake(connect(&edge.url).await).await.expect("a handshake");
    tokio::spawn(connection);
    sender.ready().await.expect("ready")
}

#[tokio::test]
async fn both_versions_are_answered_on_one_port() {
    let edge = Edge::start_with(|config| config.server.http2 = true).await;
    let mut sender = speak(&edge).await;
    let (answer, _) = sender.send_request(get(&edge, "/livez"), true).expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!((answer.status(), answer.version()), (http::StatusCode::OK, Version::HTTP_2));
    let (refused, _) = sender.send_request(get(&edge, "/v1/assets/%2e%2e"), true).expect("sent");
    assert_eq!(refused.await.expect("an answer").status(), 400);
    assert_eq!(edge.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn it_is_off_unless_asked_for() {
    let edge = Edge::start().await;
    let answer = exchange(&edge.url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(
        answer.closed && answer.statuses.iter().all(|status| *status == 400 || *status == 505),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_flood_of_resets_ends_its_connection_and_nobody_elses() {
    let edge = Edge::start_with(|config| config.server.http2 = true).await;
    let quiet = healthy(&edge.url, 100).await;
    let flooders: Vec<_> = (0..4).map(|_| tokio::spawn(flood(edge.url.clone()))).collect();
    let took = healthy(&edge.url, 300).await;
    println!("p99 of others: quiet {:?}, under the flood {:?}", quiet[98], took[296]);
    assert!(took[296] < Duration::from_secs(2), "{took:?}");
    for flooder in flooders {
        let (sent, reason) = flooder.await.expect("it ends");
        println!("cut off within {sent} resets, reason {reason:?}");
        assert_eq!(reason, Some(h2::Reason::ENHANCE_YOUR_CALM));
    }
}

/// HTTP/2 frames as they are: the client library would not even send what is taken back at once.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Asks and takes back as fast as it goes, until the server has had enough; how often, and the reason that it gave.
async fn flood(url: String) -> (u32, Option<h2::Reason>) {
    const MOST: u32 = 100_000;
    // GET, http, /, and a literal authority (RFC 7541 appendix A).
    let request = [0x82, 0x86, 0x84, 0x41, 0x01, b'x'];
    let (mut reader, mut writer) = connect(&url).await.into_split();
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // A reset at the end is as good as an end.
        let _ = reader.read_to_end(&mut bytes).await;
        bytes
    });
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    writer.write_all(&hello).await.expect("sent");
    let mut sent = 0;
    while sent < MOST {
        let mut batch = Vec::new();
        for _ in 0..100 {
            let stream = 2 * sent + 1;
            batch.extend(frame(1, 0x5, stream, &request));
            batch.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
            sent += 1;
        }
        if writer.write_all(&batch).await.is_err() {
            break;
        }
    }
    assert!(sent < MOST, "never cut off");
    (sent, goaway(&reading.await.expect("it ends")))
}

/// The reason of the GOAWAY among the frames that a server sent.
fn goaway(mut frames: &[u8]) -> Option<h2::Reason> {
    while let Some((head, rest)) = frames.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).expect("small");
        if head[3] == 7 {
            return Some(u32::from_be_bytes(rest.get(4..8)?.try_into().ok()?).into());
        }
        frames = rest.get(length..)?;
    }
    None
}
