//! Upload → published → signed → every byte fetched, through the interfaces that the outside world has.

use std::collections::BTreeSet;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use crate::support::aws::{self, Access};
use crate::support::clip::Clip;
use crate::support::stack::{EPISODE, Stack, shared};
use crate::support::{hls, viewer};

#[tokio::test]
async fn an_upload_is_published_signed_and_fetched_to_the_last_byte() {
    let stack = shared();
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 175, ..Clip::default() }.make(folder.path());
    let bytes = longer_than_one_part(std::fs::read(clip).expect("the clip"));
    let s3 = Access::to_s3(&stack.settings).s3();
    aws::multipart(&s3, &stack.settings.s3.bucket, "uploads/season-1/pilot.mp4", &bytes).await;

    let status = stack.settled("season-1-pilot").await;
    assert_eq!(status["state"], "published", "{status}");
    assert_eq!(status["percent"], 100.0, "{status}");
    walk(stack, "season-1-pilot").await;
}

#[tokio::test]
async fn the_episode_of_up_is_fetched_to_the_last_byte() {
    walk(shared(), EPISODE).await;
}

#[tokio::test]
async fn ranges_are_answered_as_players_ask() {
    let stack = shared();
    let http = Client::new();
    let links = viewer::links(&http, &stack.settings, EPISODE).await;
    let manifest = viewer::link(&links, "manifest_url");
    let mut segment = manifest.join("video/360p/00001.m4s").expect("a URL");
    segment.set_query(manifest.query());
    let whole = http.get(segment.clone()).send().await.expect("the CDN").bytes().await.expect("a body");
    let last = whole.len() - 1;
    for (range, from, to) in [("bytes=0-99", 0, 99), ("bytes=100-", 100, last), ("bytes=-10", last - 9, last)]
    {
        let answer = http.get(segment.clone()).header("range", range).send().await.expect("the CDN");
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let stated = format!("bytes {from}-{to}/{}", whole.len());
        assert_eq!(answer.headers()[CONTENT_RANGE], stated.as_str(), "{range}");
        assert_eq!(answer.bytes().await.expect("a body"), whole[from..=to], "{range}");
    }
    let beyond = format!("bytes={}-", whole.len());
    let answer = http.get(segment).header("range", beyond).send().await.expect("the CDN");
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn the_edge_opens_nothing_without_a_good_token() {
    let stack = shared();
    let http = Client::new();
    let good = viewer::sign_in(&http, &stack.settings).await;
    let (head, signature) = good.rsplit_once('.').expect("a JWT");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for (token, asset, status) in [
        (good.as_str(), EPISODE, StatusCode::OK),
        (&good, "no-such-episode", StatusCode::NOT_FOUND),
        (&forged, EPISODE, StatusCode::UNAUTHORIZED),
        ("", EPISODE, StatusCode::UNAUTHORIZED),
    ] {
        let answer = viewer::playback(&http, &stack.settings, asset, token).await;
        assert_eq!(answer.status(), status, "{asset}");
        if status != StatusCode::OK {
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        }
    }
}

#[tokio::test]
async fn the_commands_agree_with_the_edge() {
    let stack = shared();
    let printed = stack.manifest(EPISODE);
    let played = stack.command(["play", EPISODE]);
    assert_eq!(played.code, Some(0), "{}", played.stderr);
    assert_eq!(played.text().lines().count(), 1, "play prints one line");
    let path = |url: &str| url.parse::<Url>().expect("a URL").path().to_owned();
    assert_eq!(path(played.text().trim()), path(&printed));
    let page = stack.command(["play", "--page", EPISODE]);
    assert!(page.text().starts_with(&format!("{}/watch/{EPISODE}#token=", stack.settings.edge.url)));

    let checked = stack.command(["check", played.text().trim(), "--json"]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.text(), checked.stderr);
    let report: Value = serde_json::from_str(checked.text()).expect("a report");
    // Through the CDN, signed: every segment but the sheet of thumbnails, and nothing amiss in how they come.
    assert_eq!(report["looked_into"], report["segments"].as_u64().expect("a count") - 1, "{report:#}");
    for finding in report["findings"].as_array().expect("findings") {
        assert_eq!(finding["rule"], "low-bandwidth-variant", "{finding:#}");
    }
    let watch = Client::new().get(page.text().trim()).send().await.expect("the page");
    assert_eq!(watch.status(), StatusCode::OK);
    assert!(watch.headers()[CONTENT_TYPE].to_str().expect("text").starts_with("text/html"));
}

/// Follows every link from the playback answer on, and compares every byte with the bucket.
async fn walk(stack: &Stack, asset: &str) {
    let http = Client::new();
    let links = viewer::links(&http, &stack.settings, asset).await;
    let manifest = viewer::link(&links, "manifest_url");
    assert!(manifest.as_str().starts_with(&stack.settings.cloudfront.url), "the CDN serves it");
    let query = manifest.query().expect("a signature").to_owned();
    for field in ["Policy=", "Signature=", "Key-Pair-Id="] {
        assert!(query.contains(field), "no {field}");
    }

    let s3 = Access::to_s3(&stack.settings).s3();
    let bucket = &stack.settings.s3.bucket;
    let root = manifest.join(".").expect("a folder");
    // What no playlist names: documents and posters, which pages link to.
    // The preview stays for those who were in the middle of it.
    let documents = ["asset.json", "report.json", "preview/main.m3u8"].map(|name| {
        let mut url = root.join(name).expect("a URL");
        url.set_query(Some(&query));
        url
    });
    let mut open = vec![manifest, viewer::link(&links, "poster_url"), viewer::link(&links, "storyboard_url")];
    open.extend(documents);
    open.extend([640, 1280, 1920].iter().flat_map(|w| [format!("{w}.jpg"), format!("{w}.webp")]).map(
        |name| {
            let mut url = root.join(&format!("poster/{name}")).expect("a URL");
            url.set_query(Some(&query));
            url
        },
    ));
    let mut fetched = BTreeSet::new();
    while let Some(url) = open.pop() {
        assert_eq!(url.query(), Some(query.as_str()), "{} does not carry the signature", url.path());
        let key = url.path().trim_start_matches('/').to_owned();
        if !fetched.insert(key.clone()) {
            continue;
        }
        let answer = http.get(url.clone()).send().await.expect("the CDN");
        assert_eq!(answer.status(), StatusCode::OK, "{key}");
        assert_eq!(answer.headers()[CONTENT_TYPE], content_type(&key), "{key}");
        let body = answer.bytes().await.expect("a body");
        let stored =
            aws::object(&s3, bucket, &key).await.unwrap_or_else(|| panic!("{key} is not in the bucket"));
        if key.ends_with(".m3u8") || key.ends_with(".vtt") {
            let text = std::str::from_utf8(&body).expect("text");
            assert_eq!(without_signatures(text, &query), String::from_utf8(stored).expect("text"), "{key}");
            let names_files = !key.contains("/subs/") || key.ends_with(".m3u8");
            let uris = if names_files { hls::uris(text) } else { Vec::new() };
            open.extend(uris.iter().map(|uri| url.join(uri).expect("a URI")).map(without_fragment));
        } else {
            assert!(body == stored, "{key} is not what is stored");
        }
    }
    let version = root.path().trim_start_matches('/');
    let stored: BTreeSet<String> = aws::keys(&s3, bucket, version).await.into_iter().collect();
    assert_eq!(fetched, stored, "every published file is fetched, and no other");
    assert!(stored.len() > 20, "{} files are no episode", stored.len());
}

/// Only the signature is added to what is stored.
fn without_signatures(text: &str, query: &str) -> String {
    text.replace(&format!("?{query}"), "")
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// As Apple's authoring rules and the IETF name them.
fn content_type(key: &str) -> &'static str {
    let (_, extension) = key.rsplit_once('.').expect("an extension");
    match extension {
        "m3u8" => "application/vnd.apple.mpegurl",
        "mp4" if key.contains("/audio/") => "audio/mp4",
        "mp4" => "video/mp4",
        "m4s" => "video/iso.segment",
        "vtt" => "text/vtt",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "json" => "application/json",
        other => panic!("{key}: what is .{other}?"),
    }
}

/// Adds a box that players skip (ISO/IEC 14496-12 §8.1.2), so that the upload has two parts.
fn longer_than_one_part(mut clip: Vec<u8>) -> Vec<u8> {
    const PADDING: u32 = 6 << 20;
    clip.extend((PADDING + 8).to_be_bytes());
    clip.extend(b"free");
    clip.resize(clip.len() + PADDING as usize, 0);
    clip
}
