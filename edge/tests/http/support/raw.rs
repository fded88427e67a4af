//! HTTP as bytes, for what no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take before the connection counts as left open.
const QUIET: Duration = Duration::from_secs(8);

/// What a server sent over one connection.
#[derive(Debug)]
pub struct Exchange {
    /// The status of each answer, in order.
    pub statuses: Vec<u16>,
    pub text: String,
    /// The server ended the connection by itself.
    pub closed: bool,
}

pub async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.strip_prefix("http://").expect("a URL")).await.expect("a connection")
}

/// Sends bytes as they are, keeps the connection open, and reads what comes until the server closes or is silent.
pub async fn exchange(url: &str, request: &[u8]) -> Exchange {
    let mut socket = connect(url).await;
    // A server may refuse and close before it has all of it.
    let _ = socket.write_all(request).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(QUIET, socket.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Bodies end without a line's end, so that an answer may begin anywhere; none speaks of HTTP.
    let statuses = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok()).collect();
    Exchange { statuses, text, closed: read.is_ok() }
}
