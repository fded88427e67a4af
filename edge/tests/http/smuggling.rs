//! Requests that two servers could read as different ones (the cases of the HTTP Garden, RFC 9112 section 11.2): each is
//! refused, or is one request, and what follows it on the connection is never taken for another.

use crate::support::Edge;
use crate::support::raw::exchange;

/// What would be smuggled.
const SECOND: &str = "GET /livez HTTP/1.1\r\nhost: smuggled\r\n\r\n";

#[tokio::test]
async fn ambiguous_requests_are_one_request_or_none() {
    let edge = Edge::start_with(|config| {
        (config.server.header_timeout_s, config.server.request_timeout_s) = (1, 1);
    })
    .await;
    let get = |headers: &str, rest: &str| format!("GET /livez HTTP/1.1\r\nhost: x\r\n{headers}\r\n{rest}");
    let post = |headers: &str, rest: &str| {
        format!("POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\n{headers}\r\n{rest}")
    };
    let chunked = "transfer-encoding: chunked\r\n";
    let length = format!("content-length: {}\r\n", SECOND.len());
    let cases: Vec<(&str, String)> = vec![
        ("CL and TE", post(&format!("content-length: 4\r\n{chunked}"), &format!("0\r\n\r\n{SECOND}"))),
        ("TE and CL", post(&format!("{chunked}content-length: 4\r\n"), &format!("0\r\n\r\n{SECOND}"))),
        ("TE twice", post(&format!("{chunked}{chunked}"), &format!("0\r\n\r\n{SECOND}"))),
        (
            "TE chunked, identity",
            post("transfer-encoding: chunked, identity\r\n", &format!("0\r\n\r\n{SECOND}")),
        ),
        ("TE identity", post("transfer-encoding: identity\r\n", SECOND)),
        ("TE xchunked", post("transfer-encoding: xchunked\r\n", &format!("0\r\n\r\n{SECOND}"))),
        ("TE with a vertical tab", post("transfer-encoding:\x0bchunked\r\n", &format!("0\r\n\r\n{SECOND}"))),
        ("TE folded", post("transfer-encoding:\r\n chunked\r\n", &format!("0\r\n\r\n{SECOND}"))),
        ("TE in quotes", post("transfer-encoding: \"chunked\"\r\n", &format!("0\r\n\r\n{SECOND}"))),
        (
            "TE in HTTP/1.0",
            format!("POST /v1/assets/demo/playback HTTP/1.0\r\nhost: x\r\n{chunked}\r\n0\r\n\r\n{SECOND}"),
        ),
        ("CL twice, different", post("content-length: 0\r\ncontent-length: 5\r\n", SECOND)),
        ("CL list", post("content-length: 0, 5\r\n", SECOND)),
        ("CL negative", post("content-length: -1\r\n", SECOND)),
        ("CL with plus", post("content-length: +5\r\n", SECOND)),
        ("CL hexadecimal", post("content-length: 0x5\r\n", SECOND)),
        ("CL too large", post("content-length: 99999999999999999999\r\n", SECOND)),
        ("CL empty", post("content-length: \r\n", SECOND)),
        ("CL with a space in it", post("content-length: 1 0\r\n", SECOND)),
        ("chunk size negative", post(chunked, &format!("-1\r\n\r\n0\r\n\r\n{SECOND}"))),
        ("chunk size with plus", post(chunked, &format!("+0\r\n\r\n{SECOND}"))),
        ("chunk size 0x", post(chunked, &format!("0x0\r\n\r\n{SECOND}"))),
        ("chunk size too large", post(chunked, &format!("fffffffffffffffff\r\n{SECOND}"))),
        ("chunk size with bare LF", post(chunked, &format!("0\n\n{SECOND}"))),
        ("chunk ends wrong", post(chunked, &format!("1\r\nAB\r\n0\r\n\r\n{SECOND}"))),
        ("chunk extension with bare LF", post(chunked, &format!("1;a=\nx\r\nA\r\n0\r\n\r\n{SECOND}"))),
        ("chunk size empty", post(chunked, &format!("\r\n\r\n{SECOND}"))),
        ("body on GET", get(&length, SECOND)),
        ("chunked body on GET", get(chunked, &format!("{:x}\r\n{SECOND}\r\n0\r\n\r\n", SECOND.len()))),
        ("space in a name", get("content-length : 0\r\n", SECOND)),
        ("space before a name", get(" content-length: 0\r\n", SECOND)),
        ("folded header", get("x-a: 1\r\n\tx-b: 2\r\n", "")),
        ("NUL in a value", get("x-a: 1\x002\r\n", SECOND)),
        ("CR in a value", get("x-a: 1\rcontent-length: 0\r\n", SECOND)),
        ("name missing", get(": 1\r\n", SECOND)),
        ("colon missing", get("nothing\r\n", SECOND)),
        ("no host", format!("GET /livez HTTP/1.1\r\n\r\n{}", "")),
        ("two hosts", get("host: y\r\n", "")),
        ("host with a path", "GET /livez HTTP/1.1\r\nhost: x/../y\r\n\r\n".into()),
        ("host with a user", "GET /livez HTTP/1.1\r\nhost: a@b\r\n\r\n".into()),
        ("HTTP/0.9", "GET /livez\r\n".into()),
        ("HTTP/1.2", "GET /livez HTTP/1.2\r\nhost: x\r\n\r\n".into()),
        ("HTTP/11.1", "GET /livez HTTP/11.1\r\nhost: x\r\n\r\n".into()),
        ("two spaces", "GET  /livez HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        ("tab for space", "GET\t/livez\tHTTP/1.1\r\nhost: x\r\n\r\n".into()),
        ("NUL in the target", "GET /li\0vez HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        ("CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n".into()),
        ("authority for a target", "GET example.com:80 HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        ("asterisk", "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        ("method with a mark", "GE\"T /livez HTTP/1.1\r\nhost: x\r\n\r\n".into()),
        (
            "upgrade to h2c",
            get(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
                "",
            ),
        ),
        ("huge header", get(&format!("x-a: {}\r\n", "a".repeat(64 * 1024)), "")),
        ("10,000 headers", get(&"x-a: 1\r\n".repeat(10_000), "")),
        ("200 headers", get(&"x-a: 1\r\n".repeat(200), "")),
        ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("a TLS hello", "\x16\x03\x01\x02\x01\x01".into()),
    ];
    for (name, request) in &cases {
        let answer = exchange(&edge.url, request.as_bytes()).await;
        println!("{name}: {:?}", answer.statuses);
        assert!(answer.statuses.len() <= 1, "{name}: {}", answer.text);
        assert!(answer.closed, "{name}: left open after {}", answer.text);
        assert!(answer.statuses.iter().all(|status| *status < 500), "{name}: {}", answer.text);
    }
    assert_eq!(edge.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn clear_requests_are_answered_each() {
    let edge = Edge::start_with(|config| config.server.header_timeout_s = 1).await;
    let one = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let with_body = |headers: &str, body: &str| {
        format!("POST /v1/assets/demo/playback HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}{one}")
    };
    let table = [
        ("three in a row", one.repeat(3), &[200, 200, 200][..]),
        ("after a body", with_body("content-length: 2\r\n", "{}"), &[401, 200]),
        ("after chunks", with_body("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), &[401, 200]),
        ("a tab before `chunked`", with_body("transfer-encoding:\tchunked\r\n", "0\r\n\r\n"), &[401, 200]),
        ("the same length twice", with_body("content-length: 2\r\ncontent-length: 2\r\n", "{}"), &[401, 200]),
        (
            "the last of two",
            format!("{}{one}", one.replace("host: x", "host: x\r\nconnection: close")),
            &[200],
        ),
        ("absolute target", one.replace("/livez", "http://other.example/livez"), &[200]),
        ("HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n".into(), &[200]),
    ];
    for (name, requests, statuses) in table {
        let answer = exchange(&edge.url, requests.as_bytes()).await;
        assert_eq!(answer.statuses, statuses, "{name}: {}", answer.text);
        // Nothing that a request says of hosts comes back, and nothing leads elsewhere.
        assert!(
            !answer.text.contains("other.example") && !answer.text.contains("location:"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn no_answer_leads_elsewhere() {
    let edge = Edge::start().await;
    for path in [
        "/",
        "//evil.example",
        "/\\evil.example",
        "/watch/demo",
        "/v1",
        "/v1/",
        "/static/",
        "/watch//evil.example",
        "/http://evil.example",
    ] {
        for extra in [
            "",
            "x-forwarded-host: evil.example\r\n",
            "x-original-url: /\r\nx-rewrite-url: /\r\n",
            "x-http-method-override: POST\r\n",
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\n{extra}connection: close\r\n\r\n");
            let answer = exchange(&edge.url, request.as_bytes()).await;
            assert_eq!(answer.statuses.len(), 1, "{path}: {}", answer.text);
            assert!(!(300..400).contains(&answer.statuses[0]), "{path}");
            let head = answer.text.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
            assert!(
                !head.contains("location:") && !answer.text.contains("evil.example"),
                "{path}: {}",
                answer.text
            );
        }
    }
}
