//! Links, cookies and the catalogue.

use flodrama_asset::document::JobState;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::s3::VERSION;
use crate::support::{CDN, Edge, KEY_PAIR};

const PLAYBACK: &str = "/v1/assets/demo/playback";

fn expiry(body: &Value) -> i64 {
    let text = body["expires_at"].as_str().expect("a time");
    OffsetDateTime::parse(text, &Rfc3339).expect("RFC 3339").unix_timestamp()
}

#[tokio::test]
async fn a_viewer_gets_signed_links_to_the_live_version() {
    let edge = Edge::start().await;
    let (status, body) = edge.call(Method::POST, PLAYBACK).await;
    assert_eq!(status, 200, "{body}");
    for (field, path) in [
        ("manifest_url", "main.m3u8"),
        ("poster_url", "poster/1280.jpg"),
        ("storyboard_url", "thumbs/storyboard.vtt"),
    ] {
        let url = body[field].as_str().expect(field);
        assert!(url.starts_with(&format!("{CDN}/vod/demo/{VERSION}/{path}?Policy=")), "{url}");
        assert!(url.ends_with(&format!("&Key-Pair-Id={KEY_PAIR}&Hash-Algorithm=SHA256")), "{url}");
        assert!(url.len() < 1024, "televisions cut longer ones: {}", url.len());
    }
    assert_eq!(body.get("cookies"), None);
    let lasts = expiry(&body) - edge.now();
    assert!((12 * 3600 - 5..=12 * 3600 + 600).contains(&lasts), "{lasts}");
}

#[tokio::test]
async fn a_long_title_lasts_to_its_end() {
    let edge = Edge::start().await;
    edge.s3.publish("saga", 20 * 3600 * 1000);
    let (_, body) = edge.call(Method::POST, "/v1/assets/saga/playback").await;
    let lasts = expiry(&body) - edge.now();
    assert!((24 * 3600 - 5..=24 * 3600 + 600).contains(&lasts), "{lasts}");
}

#[tokio::test]
async fn viewers_share_a_signature_until_the_next_step() {
    let edge = Edge::start_with(|config| config.playback.min_ttl_s = 86_400).await;
    let first = edge.call(Method::POST, PLAYBACK).await.1;
    let again = edge.call(Method::POST, PLAYBACK).await.1;
    edge.wait_s(601);
    let later = edge.call(Method::POST, PLAYBACK).await.1;
    // ECDSA signatures differ each time that one is made. At a step's very edge the two may lie on both sides.
    if expiry(&first) == expiry(&again) {
        assert_eq!(first, again);
    }
    assert_ne!(first, later);
}

#[tokio::test]
async fn cookies_open_one_version_and_the_links_are_bare() {
    let edge = Edge::start().await;
    let sent = edge.request(Method::POST, &format!("{PLAYBACK}?delivery=cookies")).bearer_auth(edge.token());
    let answer = sent.send().await.expect("an answer");
    let cookies: Vec<String> =
        answer.headers().get_all("set-cookie").iter().map(|v| v.to_str().expect("text").to_owned()).collect();
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["manifest_url"], format!("{CDN}/vod/demo/{VERSION}/main.m3u8"));
    let names: Vec<&str> = cookies.iter().filter_map(|cookie| cookie.split('=').next()).collect();
    assert_eq!(json!(names), body["cookies"]);
    assert_eq!(
        names,
        ["CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id", "CloudFront-Hash-Algorithm"]
    );
    for cookie in cookies {
        for part in [
            &*format!("Path=/vod/demo/{VERSION}/"),
            "HttpOnly",
            "SameSite=None",
            "Secure",
            "Domain=example.com",
        ] {
            assert!(cookie.split("; ").any(|found| found == part), "{part} in {cookie}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_played_says_so() {
    let edge = Edge::start().await;
    let unsigned = edge.request(Method::POST, PLAYBACK).send().await.expect("an answer");
    assert_eq!(unsigned.status(), 401);
    let (status, body) = edge.call(Method::POST, "/v1/assets/unknown/playback").await;
    assert_eq!((status, &body["code"]), (404, &json!("not-found")));
    let (status, _) = edge.call(Method::POST, &format!("{PLAYBACK}?delivery=pigeon")).await;
    assert_eq!(status, 400);
    let (status, _) = edge.call(Method::GET, PLAYBACK).await;
    assert_eq!(status, 405);
}

#[tokio::test]
async fn the_catalogue_shows_every_title_and_how_far_it_is() {
    let edge = Edge::start().await;
    edge.s3.progress("begun", JobState::Running, 40.0, None);
    edge.s3.progress("bad", JobState::Failed, 5.0, Some("The file has no picture."));
    edge.s3.put("uploads/waiting.mov", "x");
    let (status, body) = edge.call(Method::GET, "/v1/assets").await;
    assert_eq!(status, 200, "{body}");
    let states: Vec<(&str, &str)> = body["assets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|asset| (asset["asset"].as_str().expect("id"), asset["state"].as_str().expect("state")))
        .collect();
    assert_eq!(
        states,
        [("bad", "failed"), ("begun", "running"), ("demo", "published"), ("waiting", "queued")]
    );

    let (_, bad) = edge.call(Method::GET, "/v1/assets/bad").await;
    assert_eq!(
        bad,
        json!({"asset": "bad", "state": "failed", "version": VERSION, "percent": 5.0,
            "reason": "The file has no picture.", "live_version": null})
    );
    let (_, demo) = edge.call(Method::GET, "/v1/assets/demo").await;
    assert_eq!(demo["title"], "The demo");
    assert_eq!(demo["duration_ms"], 8_500);
    assert_eq!(demo["live_version"], VERSION);
    let poster = demo["poster_url"].as_str().expect("a poster");
    assert!(poster.starts_with(&format!("{CDN}/vod/demo/{VERSION}/poster/1280.jpg?Policy=")), "{poster}");

    assert_eq!(edge.call(Method::GET, "/v1/assets/unknown").await.0, 404);
}

#[tokio::test]
async fn a_broken_publication_is_our_fault() {
    let edge = Edge::start().await;
    edge.s3.remove(&format!("vod/demo/{VERSION}/asset.json"));
    let (status, body) = edge.call(Method::POST, PLAYBACK).await;
    assert_eq!((status, &body["code"]), (500, &json!("internal")));
    // And costs the others nothing.
    edge.s3.publish("whole", 1_000);
    let (status, body) = edge.call(Method::GET, "/v1/assets").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["assets"][0]["asset"], body["assets"][0].get("title")), (&json!("demo"), None));
    assert_eq!(body["assets"][1]["title"], "The whole");
}

#[tokio::test]
async fn a_publication_shows_at_once_and_its_successor_within_a_second() {
    let edge = Edge::start().await;
    let (status, _) = edge.call(Method::POST, "/v1/assets/saga/playback").await;
    assert_eq!(status, 404);
    edge.s3.publish("saga", 8_500);
    let (status, first) = edge.call(Method::POST, "/v1/assets/saga/playback").await;
    assert_eq!(status, 200, "{first}");

    let next = "v00000000000000ff";
    let source = json!({ "bucket": "media", "key": "uploads/saga.mp4", "etag": "2" });
    let pointer = json!({ "version": next, "previous": VERSION, "published_at": "2026-01-01T00:00:00Z",
        "source": source });
    let document = json!({ "title": "Saga", "duration_ms": 8_500, "renditions": [], "audio": [], "subs": [],
        "posters": [], "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI" });
    edge.s3.put(&format!("vod/saga/{next}/asset.json"), document.to_string());
    edge.s3.put("vod/saga/current.json", pointer.to_string());
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let (_, second) = edge.call(Method::POST, "/v1/assets/saga/playback").await;
    assert!(second["manifest_url"].as_str().expect("a URL").contains(next), "{second}");
}
