//! Early play: an episode plays while it is being encoded, for those who may see it, and goes on to its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::aws::{self, Access};
use crate::support::clip::Clip;
use crate::support::process::{Process, Signal, run};
use crate::support::stack::{Settings, Stack};
use crate::support::{ffmpeg, hls, programs, until, viewer};

/// Longer than the first segment takes on one core that others use too.
const PLAYS_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(180);

/// A minute that takes one core much longer than its first segments do.
fn minute() -> Clip {
    Clip { name: "rushes.mp4", size: (640, 360), display: (640, 360), frames: 1500, ..Clip::default() }
}

#[test]
fn what_is_encoded_so_far_plays_before_the_end() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = minute();
    let (source, out) = (clip.make(folder.path()), folder.path().join("out"));
    let mut worker = Process::start(&programs::worker(), |command| {
        command.arg("transcode").arg(&source).arg(&out).args(["--jobs", "1", "--json"]);
    });
    let said = worker.line("preview line", PLAYS_WITHIN, |line| {
        let said: Value = serde_json::from_str(line).ok()?;
        said.get("preview").cloned()
    });
    let main = PathBuf::from(said["path"].as_str().expect("a path"));
    assert_eq!(main, out.join("preview/main.m3u8"));
    assert!(said["after_s"].as_f64().expect("seconds") > 0.0);

    let playlists = hls::multivariant(&std::fs::read_to_string(&main).expect("a multivariant playlist"));
    assert_eq!((playlists.variants.len(), playlists.media.len()), (2, 1));
    for (uri, _) in playlists.variants.iter().chain(&playlists.media) {
        let path = main.parent().expect("a folder").join(uri);
        let text = std::fs::read_to_string(&path).expect("a media playlist");
        let media = growing(&text);
        for uri in media.segments.iter().map(|s| &s.uri).chain(&media.map) {
            assert!(path.parent().expect("a folder").join(uri).is_file(), "{uri}");
        }
    }
    // Five seconds of every rung, to the last picture, before there is a main.m3u8.
    for (uri, _) in &playlists.variants {
        let rung = main.parent().expect("a folder").join(uri);
        let numbers = clip.numbers_within(&rung, "trim=end_frame=125");
        assert_eq!(numbers[..125], (0..125).collect::<Vec<u32>>(), "{uri}");
    }
    assert!(!out.join("main.m3u8").exists(), "the preview came too late to be one");

    let ended = worker.ended_within(ENDS_WITHIN).expect("it ends");
    assert!(ended.success(), "{}", worker.said());
    assert!(out.join("main.m3u8").is_file() && !out.join("preview").exists());
    let rates =
        worker.said().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| {
            let progress = &line["progress"];
            progress["rungs"].as_array().is_some_and(|rungs| rungs.len() == 2)
                && progress["speed"].is_number()
        });
    assert!(rates.is_some(), "progress says speed and rates:\n{}", worker.said());
}

#[tokio::test]
async fn an_editor_plays_an_episode_while_it_is_encoded() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = minute();
    let source = clip.make(folder.path());
    // However many cores the machine has, the encoding takes a while.
    let stack = Stack::start_on_one_core(&folder.path().join("data"));
    let sent = stack.command([Path::new("upload"), &source]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let status = until("a preview", PLAYS_WITHIN, async || {
        stack
            .status("rushes")
            .filter(|status| status["preview"].is_object() || status["state"] == "published")
    })
    .await;
    assert_eq!((&status["state"], &status["preview"]["early_play"]), (&json!("running"), &json!("editors")));
    assert_eq!(status["preview"]["duration_ms"], 60_000);
    let page = stack.command(["play", "rushes", "--preview", "--page"]).text().trim().to_owned();
    let browser = std::thread::spawn(move || watch(&page));

    let played = stack.command(["play", "rushes", "--preview"]);
    assert_eq!(played.code, Some(0), "{}", played.stderr);
    let url: Url = played.text().trim().parse().expect("a URL");
    let version = status["version"].as_str().expect("a version");
    assert_eq!(url.path(), format!("/vod/rushes/{version}/preview/main.m3u8"));
    let http = Client::new();
    fetch(&http, &url).await;
    ffmpeg::ffmpeg(&["-live_start_index", "0", "-i", url.as_str(), "-t", "5", "-f", "null", "-"]);
    refused(&http, &stack.settings, "rushes").await;
    let now = stack.status("rushes").expect("a status");
    assert_eq!(now["state"], "running", "all of this happened before the end");
    assert_eq!(stack.command(["play", "rushes"]).code, Some(1), "viewers see complete episodes");

    let status = stack.settled("rushes").await;
    assert_eq!((&status["state"], status.get("preview")), (&json!("published"), None), "{status}");
    // Whoever is in the middle of it goes on to the end, by the link of before.
    let rung = child(&http, &url, "video/360p/index.m3u8").await.0;
    let numbers = clip.numbers_of(rung.as_str());
    assert_eq!(numbers, (0..1500).collect::<Vec<u32>>());
    assert_eq!(stack.command(["play", "rushes", "--preview"]).code, Some(1), "there is none any more");
    let final_url = stack.command(["play", "rushes"]).text().trim().to_owned();
    ffmpeg::ffmpeg(&["-i", &final_url, "-t", "5", "-f", "null", "-"]);
    browser.join().expect("the page plays it");
    assert!(stack.process.stop(Signal::INT).status.success());
}

#[tokio::test]
async fn a_failed_episode_leaves_no_preview() {
    let folder = tempfile::tempdir().expect("folder");
    let source = minute().make(folder.path());
    let stack = Stack::start_on_one_core(&folder.path().join("data"));
    let sent = stack.command([Path::new("upload"), &source]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let plays = async || stack.status("rushes").filter(|status| status["preview"].is_object());
    let version = until("a preview", PLAYS_WITHIN, plays).await["version"].clone();
    let link: Url = stack.command(["play", "rushes", "--preview"]).text().trim().parse().expect("a URL");

    // Meanwhile another episode is published under the same name: this one will not be.
    let (s3, bucket) = (Access::to_s3(&stack.settings).s3(), &stack.settings.s3.bucket);
    let source = json!({ "bucket": bucket, "key": "uploads/another.mp4", "etag": "1", "version_id": null, "sequencer": null });
    let pointer = json!({ "version": "v0000000000000001", "previous": null, "source": source,
        "published_at": "2020-01-01T00:00:00Z" });
    let put = s3
        .put_object()
        .bucket(bucket)
        .key("vod/rushes/current.json")
        .body(pointer.to_string().into_bytes().into());
    put.send().await.expect("S3");
    let status = stack.settled("rushes").await;
    assert_eq!((&status["state"], status.get("preview")), (&json!("failed"), None), "{status}");

    assert_eq!(stack.command(["play", "rushes", "--preview"]).code, Some(1));
    let folder = format!("vod/rushes/{}/", version.as_str().expect("a version"));
    let previews = async || {
        let keys = aws::keys(&s3, bucket, &folder).await;
        (!keys.iter().any(|key| key.contains("/preview/"))).then_some(())
    };
    until("the preview to go", Duration::from_secs(10), previews).await;
    // The edge may keep a growing playlist for a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(Client::new().get(link).send().await.expect("the CDN").status(), StatusCode::NOT_FOUND);
    assert!(stack.process.stop(Signal::INT).status.success());
}

/// A media playlist that still grows.
fn growing(text: &str) -> hls::Media {
    for line in ["#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-TARGETDURATION:6", "#EXT-X-INDEPENDENT-SEGMENTS"] {
        assert!(text.lines().any(|l| l == line), "no {line}:\n{text}");
    }
    let media = hls::media(text);
    assert!(!media.ended && !media.segments.is_empty() && media.map.is_some(), "{text}");
    media
}

/// A playlist below the preview's folder: its URL and text.
async fn child(http: &Client, main: &Url, path: &str) -> (Url, String) {
    let mut url = main.join(path).expect("a URL");
    url.set_query(main.query());
    let answer = http.get(url.clone()).send().await.expect("the CDN");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    (url, answer.text().await.expect("text"))
}

/// Fetches everything that a preview names by its signed URIs.
async fn fetch(http: &Client, main: &Url) {
    let answer = http.get(main.clone()).send().await.expect("the CDN");
    assert_eq!(answer.status(), StatusCode::OK);
    for header in ["immutable", "public"] {
        let kept = answer.headers()["cache-control"].to_str().expect("text");
        assert!(!kept.contains(header), "a growing playlist must not be kept: {kept}");
    }
    let playlists = hls::multivariant(&answer.text().await.expect("text"));
    let mut files = 0;
    for (uri, _) in playlists.variants.iter().chain(&playlists.media) {
        let url = main.join(uri).expect("a URI");
        let text = http.get(url.clone()).send().await.expect("the CDN").text().await.expect("text");
        let media = growing(&text);
        for uri in media.segments.iter().map(|s| &s.uri).chain(&media.map) {
            let file = http.get(url.join(uri).expect("a URI")).send().await.expect("the CDN");
            assert_eq!(file.status(), StatusCode::OK, "{uri}");
            assert!(!file.bytes().await.expect("a body").is_empty(), "{uri}");
            files += 1;
        }
    }
    assert!(files >= 6, "{files} files are no preview");
}

/// A viewer of no group gets neither a link nor a hint.
async fn refused(http: &Client, settings: &Settings, asset: &str) {
    let token = viewer::sign_in_as_newcomer(http, settings, "ann").await;
    let call = async |method: Method, path: &str| {
        let url = format!("{}/v1/assets/{asset}{path}", settings.edge.url);
        http.request(method, url).bearer_auth(&token).send().await.expect("the edge")
    };
    let answer = call(Method::POST, "/playback?preview=true").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(call(Method::POST, "/playback").await.status(), StatusCode::NOT_FOUND);
    let found: Value = call(Method::GET, "").await.json().await.expect("JSON");
    assert_eq!((&found["state"], found.get("preview")), (&json!("running"), None), "{found}");
}

/// Headless Chromium watches the preview through the player page, and the episode to its end.
fn watch(page: &str) {
    let out = programs::artifacts().join("browser");
    let script = programs::browser_script().with_file_name("preview.mjs");
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let done = run("node", [&text(&script), "--url", page, "--out", &text(&out)]);
    let said = done.text().replace(page, "PAGE");
    assert_eq!(done.code, Some(0), "{said}\n{}", done.stderr.replace(page, "PAGE"));
    let report: Value = serde_json::from_str(&said).expect("the script's report");
    assert_eq!(report["ok"], true, "{report}");
}
