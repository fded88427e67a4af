//! The player page, and the description of the interface.

use std::collections::BTreeSet;

use flodrama_edge::route::Route;
use http::Method;
use serde_json::Value;

use crate::support::s3::VERSION;
use crate::support::{CDN, Edge};

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_load_from_the_distribution() {
    let edge = Edge::start().await;
    let page = edge.get("/watch/demo").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let rules: Vec<&str> = policy.split("; ").collect();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        &format!("connect-src 'self' {CDN}"),
        &format!("media-src 'self' blob: data: {CDN}"),
        "worker-src blob:",
        "frame-ancestors 'none'",
    ] {
        assert!(rules.contains(&rule), "{rule} in {policy}");
    }
    assert!(page.text().await.expect("text").contains("/static/player.js"));
}

#[tokio::test]
async fn its_files_are_served_with_their_types() {
    let edge = Edge::start().await;
    for (name, content_type) in [
        ("player.css", "text/css; charset=utf-8"),
        ("player.js", "text/javascript; charset=utf-8"),
        ("hls.min.js", "text/javascript; charset=utf-8"),
    ] {
        let file = edge.get(&format!("/static/{name}")).await;
        assert_eq!(file.status(), 200, "{name}");
        assert_eq!(file.headers()["content-type"], content_type, "{name}");
        let etag = file.headers()["etag"].clone();
        let again = edge.request(Method::GET, &format!("/static/{name}")).header("if-none-match", etag);
        assert_eq!(again.send().await.expect("an answer").status(), 304, "{name}");
    }
    for name in ["package.json", "nothing.js", "build.rs"] {
        assert_eq!(edge.get(&format!("/static/{name}")).await.status(), 404, "{name}");
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let edge = Edge::start().await;
    let document: Value = edge.get("/v1/openapi.json").await.json().await.expect("JSON");
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let path =
            path.replace("{asset}", "demo").replace("{version}", VERSION).replace("{file}", "main.m3u8");
        for method in operations.as_object().expect("operations").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let route = Route::of(&method, &path).unwrap_or_else(|e| panic!("{method} {path}: {e}"));
            described.insert(route.name());
        }
    }
    let all = [
        "asset", "assets", "healthz", "livez", "manifest", "metrics", "openapi", "playback", "static",
        "watch",
    ];
    assert_eq!(described.into_iter().collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn answers_have_the_fields_that_the_description_names() {
    let edge = Edge::start().await;
    let document: Value = edge.get("/v1/openapi.json").await.json().await.expect("JSON");
    let fields = |value: &Value| -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let required = |name: &str| -> BTreeSet<String> {
        let list = schema(name)["required"].as_array().expect("a list").clone();
        list.iter().map(|field| field.as_str().expect("a name").to_owned()).collect()
    };
    let answers = [
        ("Playback", edge.call(Method::POST, "/v1/assets/demo/playback").await.1),
        ("Asset", edge.call(Method::GET, "/v1/assets/demo").await.1),
        ("Problem", edge.call(Method::GET, "/v1/assets/unknown").await.1),
        ("Health", edge.get("/healthz").await.json().await.expect("JSON")),
    ];
    for (name, answer) in answers {
        let (found, known) = (fields(&answer), fields(&schema(name)["properties"]));
        assert!(required(name).is_subset(&found), "{name}: {found:?}");
        assert!(found.is_subset(&known), "{name}: {found:?}");
    }
}
