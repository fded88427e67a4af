//! The edge's API, judged by programs that others wrote: Schemathesis by its description, Prometheus' own reader by its
//! metrics.

use std::process::Command;

use reqwest::Client;

use crate::support::{process::run, programs, stack, viewer};

/// A run of Schemathesis ends by itself after this long, seconds.
const SECONDS: &str = "60";

/// What an answer must keep to. Left out are the checks of resources that calls create or delete: there are none.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    missing_required_header,unsupported_method,allow_header_conformance,ignored_auth";

#[tokio::test(flavor = "multi_thread")]
async fn the_api_keeps_to_its_description_whatever_is_asked() {
    let stack = stack::shared();
    // Published: else every call with an asset of it is a 404.
    stack.manifest(stack::EPISODE);
    let http = Client::new();
    // A viewer of its own: it asks more often than one viewer may, and the others of this stack go on.
    let token = viewer::sign_in_as_newcomer(&http, &stack.settings, "schemathesis").await;
    let url = &stack.settings.edge.url;
    // It leaves what it learned of Unicode where it runs.
    let folder = tempfile::tempdir().expect("a folder");
    let mut schemathesis = Command::new("timeout");
    schemathesis
        .current_dir(folder.path())
        .args(["--kill-after=5", "240"])
        .arg(programs::api_peer("schemathesis"))
        .args(["run", &format!("{url}/v1/openapi.json"), "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-time", SECONDS])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", "1", "--generation-database", "none", "--no-color", "--warnings", "off"]);
    let done = tokio::task::spawn_blocking(move || schemathesis.output()).await.expect("it ends");
    let done = done.expect("Schemathesis runs");
    println!("{}", String::from_utf8_lossy(&done.stdout).replace(&token, "<token>"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // It did try every operation.
    let answer = http.get(format!("{url}/metrics")).send().await.expect("the edge");
    let metrics = answer.text().await.expect("text");
    for route in ["playback", "assets", "asset", "manifest", "watch", "static", "livez", "healthz"] {
        let counted = metrics.lines().filter(|line| {
            line.starts_with("flodrama_edge_requests_total") && line.contains(&format!("route=\"{route}\""))
        });
        let count: u64 = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        assert!(count >= 1, "{route}: {count}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_the_metrics() {
    const READ: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.argv[1]):
    assert family.type != 'unknown' and family.documentation, family
    for sample in family.samples:
        assert sample.name.startswith('flodrama_edge_'), sample
        print(family.type, sample.name, sample.labels, sample.value)
";
    let stack = stack::shared();
    let http = Client::new();
    viewer::links(&http, &stack.settings, stack::EPISODE).await;
    let answer = http.get(format!("{}/metrics", stack.settings.edge.url)).send().await.expect("the edge");
    let text = answer.text().await.expect("text");
    let done = run(programs::api_peer("python3"), ["-c", READ, &text]);
    assert_eq!(done.code, Some(0), "{}\n{text}", done.stderr);
    for sample in [
        "counter flodrama_edge_requests_total {'route': 'playback', 'status': '200'}",
        "histogram flodrama_edge_request_seconds_bucket {'route': 'playback', 'le': '+Inf'}",
        "histogram flodrama_edge_store_request_seconds_count {'operation': 'GetObject'}",
        "gauge flodrama_edge_build_info {'version': '0.1.0'}",
        "gauge flodrama_edge_jwks_age_seconds",
        "gauge flodrama_edge_connections",
    ] {
        assert!(done.text().contains(sample), "{sample}\n{}", done.text());
    }
}
