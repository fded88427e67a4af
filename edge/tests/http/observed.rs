//! What operators see: metrics, embedded metrics in the log, traces, health.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::cli::{program, serve};
use crate::support::jwks::KeyServer;
use crate::support::keys::Pool;
use crate::support::s3::S3;
use crate::support::{CDN, CLIENT, Edge, ISSUER, client};

fn token(pool: &Pool) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    pool.sign(
        &json!({"sub": "s", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "exp": now + 600}),
    )
}

/// A viewer's visit, and what must not be seen of it elsewhere.
async fn visit(url: &str, token: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let mut sent = client().post(format!("{url}/v1/assets/demo/playback")).bearer_auth(token);
    for (name, value) in headers {
        sent = sent.header(*name, *value);
    }
    let answer = sent.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let links: Value = answer.json().await.expect("JSON");
    let manifest = links["manifest_url"].as_str().expect("a URL").replace(CDN, url);
    assert_eq!(client().get(&manifest).send().await.expect("an answer").status(), 200);
    assert_eq!(client().get(format!("{manifest}x")).send().await.expect("an answer").status(), 403);
    let parameters = url::Url::parse(&manifest).expect("a URL");
    let mut secrets: Vec<String> = parameters
        .query_pairs()
        .filter(|(name, _)| name == "Signature" || name == "Policy")
        .map(|(_, value)| value.into_owned())
        .collect();
    secrets.push(token.to_owned());
    secrets.push(token.rsplit('.').next().expect("a signature").to_owned());
    secrets
}

#[tokio::test]
async fn every_part_is_counted() {
    let edge = Edge::start().await;
    let manifest = edge.manifest_path().await;
    edge.get(&manifest).await;
    edge.get(&manifest).await;
    edge.get("/v1/assets").await;
    edge.get("/vod/demo/v0123456789abcdef/main.m3u8").await;
    edge.get("/v1/assets?a=%00").await;
    edge.wait_s(7);
    let answer = edge.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    let text = answer.text().await.expect("text");
    for line in [
        "flodrama_edge_requests_in_flight 1",
        r#"flodrama_edge_refused_total{reason="auth"} 1"#,
        r#"flodrama_edge_refused_total{reason="gate"} 1"#,
        r#"flodrama_edge_refused_total{reason="malformed"} 1"#,
        r#"flodrama_edge_jwks_fetches_total{result="ok"} 1"#,
        "flodrama_edge_signatures_total 1",
        r#"flodrama_edge_manifest_cache_total{result="hit"} 1"#,
        r#"flodrama_edge_manifest_cache_total{result="miss"} 1"#,
        // The pointer, the document, the playlist.
        r#"flodrama_edge_store_request_seconds_count{operation="GetObject"} 4"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).expect(name);
        line.rsplit(' ').next().expect("a value").parse().expect("a number")
    };
    assert!((7.0..60.0).contains(&value("flodrama_edge_jwks_age_seconds")), "{text}");
    assert!(value("flodrama_edge_manifest_cache_bytes") > 1000.0, "{text}");
    assert!(!text.contains("flodrama_edge_store_errors_total{"), "{text}");

    edge.s3.lose_bucket();
    edge.call(reqwest::Method::GET, "/v1/assets").await;
    let text = edge.get("/metrics").await.text().await.expect("text");
    assert!(text.contains("flodrama_edge_requests_total{route=\"assets\",status=\"500\"} 1\n"), "{text}");
}

#[tokio::test]
async fn health_says_whose_fault_it_is_and_since_when() {
    let edge = Edge::start().await;
    let good: Value = edge.get("/healthz").await.json().await.expect("JSON");
    assert_eq!(good["since_good_s"], json!({"s3": 0, "jwks": 0, "signing_key": 0}));
    edge.s3.lose_bucket();
    edge.wait_s(30);
    // The last answer is good for a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = edge.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["checks"], json!({"s3": "failing", "jwks": "ok", "signing_key": "ok"}));
    assert_eq!((&body["since_good_s"]["jwks"], &body["since_good_s"]["signing_key"]), (&json!(0), &json!(0)));
    let since = body["since_good_s"]["s3"].as_i64().expect("seconds");
    assert!((30..60).contains(&since), "{body}");
    // The process itself is well: to start it again would help nobody.
    assert_eq!(edge.get("/livez").await.status(), 200);
}

/// What the specification of the embedded metric format asks of a line.
fn is_embedded_metrics(line: &Value) {
    let metadata = &line["_aws"];
    let ms = metadata["Timestamp"].as_i64().expect("milliseconds");
    let now_ms = time::OffsetDateTime::now_utc().unix_timestamp() * 1000;
    assert!((now_ms - ms).abs() < 600_000, "{line}");
    let directives = metadata["CloudWatchMetrics"].as_array().expect("directives");
    assert!(!directives.is_empty(), "{line}");
    for directive in directives {
        let namespace = directive["Namespace"].as_str().expect("a namespace");
        assert!((1..=1024).contains(&namespace.len()) && !namespace.starts_with("AWS/"));
        for set in directive["Dimensions"].as_array().expect("dimension sets") {
            let set = set.as_array().expect("a dimension set");
            assert!(set.len() <= 30);
            for name in set {
                let value = &line[name.as_str().expect("a name")];
                let value = value.as_str().unwrap_or_else(|| panic!("{name} is no text: {line}"));
                assert!(
                    (1..=1024).contains(&value.len()) && !name.as_str().expect("text").ends_with("id"),
                    "{line}"
                );
            }
        }
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            let units = ["Seconds", "Milliseconds", "Count", "Bytes"];
            assert!(units.contains(&metric["Unit"].as_str().expect("a unit")), "{metric}");
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name}: {line}");
        }
    }
}

#[tokio::test]
async fn cloudwatch_finds_metrics_in_the_log() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let mut command = program(&s3.endpoint, &keys.url);
    let (mut child, url, log) = serve(command.env("FLODRAMA_LOG__FORMAT", "emf")).await;
    visit(&url, &token(&pool), &[]).await;
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    let log = log.await.expect("the log");
    let lines: Vec<Value> =
        serde_json::Deserializer::from_str(&log).into_iter().map(|l| l.expect("JSON")).collect();
    let with_metrics: Vec<&Value> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
    with_metrics.iter().for_each(|line| is_embedded_metrics(line));
    let of = |outcome: &str| with_metrics.iter().filter(|line| line["outcome"] == outcome).count();
    assert_eq!((of("answered"), of("refused"), of("failed")), (2, 1, 0), "{log}");
    let vitals = with_metrics
        .iter()
        .find(|line| line["message"] == "vitals")
        .expect("vitals, at the latest at the end");
    assert_eq!(
        (&vitals["signatures"], &vitals["cache_misses"], &vitals["refused"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert!(vitals["_aws"].to_string().contains("jwks_age_s"), "{vitals}");
}

/// Spans as they came, and the bodies that they came in.
#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    text: String,
    service: Option<String>,
}

/// An OTLP collector.
async fn collector() -> (String, Arc<Mutex<Received>>) {
    let received = Arc::new(Mutex::new(Received::default()));
    let router = Router::new().route("/v1/traces", post(collect)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

async fn collect(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(&body[..]).expect("OTLP");
    let mut received = received.lock().expect("lock");
    received.text.push_str(&format!("{request:?}"));
    for resource in request.resource_spans {
        let attributes = resource.resource.expect("a resource").attributes;
        let name = attributes.into_iter().find(|a| a.key == "service.name").expect("a service").value;
        if let Some(AnyValue { value: Some(any_value::Value::StringValue(name)) }) = name {
            received.service = Some(name);
        }
        received.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
}

#[tokio::test]
async fn a_request_is_traced_from_its_caller_to_the_bucket() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    let (endpoint, received) = collector().await;
    let mut command = program(&s3.endpoint, &keys.url);
    command.env("FLODRAMA_LOG__FORMAT", "json").env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let (mut child, url, log) = serve(&mut command).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    let secrets =
        visit(&url, &token(&pool), &[("traceparent", &traceparent), ("cookie", "secret=canary")]).await;
    let pid = child.id().expect("it runs").to_string();
    // What is queued leaves before the process does.
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    assert!(log.await.expect("the log").contains(&format!("\"trace_id\":\"{trace}\"")));

    let received = received.lock().expect("lock");
    assert_eq!(received.service.as_deref(), Some("flodrama-edge"));
    let named = |name: &str| received.spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let request = named("POST playback")[0];
    assert_eq!(hex::encode(&request.trace_id), trace);
    assert_eq!(hex::encode(&request.parent_span_id), "00f067aa0ba902b7");
    let attribute = |span: &Span, key: &str| {
        span.attributes.iter().find(|a| a.key == key).map(|a| format!("{:?}", a.value))
    };
    assert!(attribute(request, "http.response.status_code").expect("a status").contains("200"));
    let auth = named("auth").into_iter().find(|span| span.trace_id == request.trace_id).expect("auth");
    assert_eq!(auth.parent_span_id, request.span_id);
    let store: Vec<_> =
        named("GetObject").into_iter().filter(|span| span.trace_id == request.trace_id).collect();
    assert_eq!(store.len(), 3, "the rules, the pointer and the document: {:?}", received.spans);
    for span in store {
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano && span.parent_span_id == request.span_id
        );
    }
    assert_eq!(named("GET manifest").len(), 2);
    for secret in secrets.iter().map(String::as_str).chain(["canary", "127.0.0.1"]) {
        assert!(!received.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_collector_that_hangs_costs_viewers_nothing() {
    let (s3, pool) = (S3::start().await, Pool::new());
    let keys = KeyServer::start(pool.jwks()).await;
    // Accepts by its backlog, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let mut command = program(&s3.endpoint, &keys.url);
    command.env("FLODRAMA_LOG__FORMAT", "json").env("FLODRAMA_TRACES__ENDPOINT", endpoint);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let (mut child, url, _log) = serve(&mut command).await;
    let begun = Instant::now();
    let took = crate::abuse::healthy(&url, 300).await;
    assert!(took[296] < Duration::from_secs(1), "{took:?}");
    println!("300 answers in {:?}", begun.elapsed());
    let pid = child.id().expect("it runs").to_string();
    let stopping = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    assert!(child.wait().await.expect("it ends").success());
    assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
}
