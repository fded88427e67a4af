//! Titles that are still being encoded: who gets a link, and what it leads to.

use std::time::Duration;

use flodrama_asset::document::{EarlyPlay, JobState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::s3::{GROWING, VERSION};
use crate::support::{CDN, Edge};

async fn call(edge: &Edge, method: Method, path: &str, token: &str) -> (u16, Value) {
    let sent = edge.request(method, path).bearer_auth(token).send().await.expect("an answer");
    (sent.status().as_u16(), sent.json().await.expect("JSON"))
}

async fn ask(edge: &Edge, asset: &str, token: &str) -> (u16, Value) {
    call(edge, Method::POST, &format!("/v1/assets/{asset}/playback?preview=true"), token).await
}

#[tokio::test]
async fn an_editor_gets_a_link_to_what_is_encoded_so_far() {
    let edge = Edge::start().await;
    edge.s3.preview("rushes", EarlyPlay::Editors);
    let (status, body) = ask(&edge, "rushes", &edge.editor_token()).await;
    assert_eq!(status, 200, "{body}");
    let url = body["manifest_url"].as_str().expect("a URL");
    assert!(url.starts_with(&format!("{CDN}/vod/rushes/{VERSION}/preview/main.m3u8?Policy=")), "{url}");
    assert_eq!((body.get("storyboard_url"), body.get("poster_url")), (None, None));

    let path = url.strip_prefix(CDN).expect("on the distribution");
    let answer = edge.get(path).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "private, no-store");
    assert!(answer.text().await.expect("text").contains("video/720p/index.m3u8?Policy="));

    let (_, asset) = call(&edge, Method::GET, "/v1/assets/rushes", &edge.editor_token()).await;
    let preview = json!({"early_play": "editors", "playable_ms": 6_000, "duration_ms": 60_000});
    assert_eq!((&asset["state"], &asset["preview"]), (&json!("running"), &preview));
}

#[tokio::test]
async fn viewers_see_complete_titles_unless_the_preset_says_otherwise() {
    let edge = Edge::start().await;
    edge.s3.preview("rushes", EarlyPlay::Editors);
    edge.s3.preview("live-event", EarlyPlay::Viewers);
    let (status, body) = ask(&edge, "rushes", &edge.token()).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let (_, asset) = edge.call(Method::GET, "/v1/assets/rushes").await;
    assert_eq!((&asset["state"], asset.get("preview")), (&json!("running"), None));
    // Nor by the plain address, whoever asks.
    for token in [edge.token(), edge.editor_token()] {
        assert_eq!(call(&edge, Method::POST, "/v1/assets/rushes/playback", &token).await.0, 404);
    }
    assert_eq!(ask(&edge, "live-event", &edge.token()).await.0, 200);
    let unsigned = edge.request(Method::POST, "/v1/assets/live-event/playback?preview=true").send().await;
    assert_eq!(unsigned.expect("an answer").status(), 401);
}

#[tokio::test]
async fn there_is_no_preview_of_what_is_not_being_made() {
    let edge = Edge::start().await;
    edge.s3.progress("begun", JobState::Running, 4.0, None);
    edge.s3.progress("bad", JobState::Failed, 5.0, Some("The file has no picture."));
    for asset in ["demo", "begun", "bad", "unknown"] {
        let (status, body) = ask(&edge, asset, &edge.editor_token()).await;
        assert_eq!((status, &body["code"]), (404, &json!("not-found")), "{asset}");
    }
    let path = "/v1/assets/demo/playback?preview=perhaps";
    assert_eq!(call(&edge, Method::POST, path, &edge.editor_token()).await.0, 400);
}

#[tokio::test]
async fn no_group_is_trusted_unless_it_is_configured() {
    let edge = Edge::start_with(|config| config.entitlement.preview_groups.clear()).await;
    edge.s3.preview("rushes", EarlyPlay::Editors);
    assert_eq!(ask(&edge, "rushes", &edge.editor_token()).await.0, 403);
}

#[tokio::test]
async fn a_growing_playlist_is_read_again() {
    let edge = Edge::start().await;
    edge.s3.preview("rushes", EarlyPlay::Editors);
    let (_, body) = ask(&edge, "rushes", &edge.editor_token()).await;
    let signature =
        body["manifest_url"].as_str().and_then(|url| url.split_once('?')).expect("signed").1.to_owned();
    let path = format!("/vod/rushes/{VERSION}/preview/video/720p/index.m3u8?{signature}");
    let read =
        async || edge.get(&path).await.text().await.expect("text").replace(&format!("?{signature}"), "");
    assert_eq!(read().await, GROWING);
    let more = format!("{GROWING}#EXTINF:6.000000,\n../../../video/720p/00002.m4s\n#EXT-X-ENDLIST\n");
    edge.s3.put(&format!("vod/rushes/{VERSION}/preview/video/720p/index.m3u8"), &more);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(read().await, more);
    // Taken away where the title failed.
    edge.s3.remove(&format!("vod/rushes/{VERSION}/preview/video/720p/index.m3u8"));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(edge.get(&path).await.status(), 404);
}
