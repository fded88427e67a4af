//! Subtitle files beside an upload, from the bucket to the viewer: taken along, announced later, replaced, put back.

use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, ORIGIN};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use crate::support::aws::{self, Access};
use crate::support::clip::Clip;
use crate::support::stack::Stack;
use crate::support::{hls, until, viewer};

const WITHIN: std::time::Duration = std::time::Duration::from_secs(120);
const SHOWS_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

fn subrip(text: &str) -> String {
    format!("1\n00:00:00,200 --> 00:00:01,800\n{text}\n")
}

/// What a viewer reads, by language: the signed playlists are followed to the text.
async fn read(stack: &Stack, asset: &str) -> Vec<(String, String)> {
    let http = Client::new();
    let links = viewer::links(&http, &stack.settings, asset).await;
    let manifest = viewer::link(&links, "manifest_url");
    let query = manifest.query().expect("a signature").to_owned();
    let fetch = async |url: Url, kind: &str| {
        assert_eq!(url.query(), Some(query.as_str()), "{} does not carry the signature", url.path());
        let page = stack.settings.edge.url.trim_end_matches('/').to_owned();
        let answer = http.get(url.clone()).header(ORIGIN, &page).send().await.expect("the CDN");
        assert_eq!(answer.status(), StatusCode::OK, "{}", url.path());
        assert_eq!(answer.headers()[CONTENT_TYPE], kind, "{}", url.path());
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], page.as_str(), "{}", url.path());
        answer.text().await.expect("text")
    };
    let main = hls::multivariant(&fetch(manifest.clone(), "application/vnd.apple.mpegurl").await);
    let mut found = Vec::new();
    for (uri, attributes) in main.media.iter().filter(|(_, attributes)| attributes["TYPE"] == "SUBTITLES") {
        let playlist = manifest.join(uri).expect("a URI");
        let media = hls::media(&fetch(playlist.clone(), "application/vnd.apple.mpegurl").await);
        let text = fetch(playlist.join(&media.segments[0].uri).expect("a URI"), "text/vtt").await;
        let cues: Vec<String> = hls::cues(&text).into_iter().map(|cue| cue.payload).collect();
        found.push((attributes["LANGUAGE"].clone(), cues.join("|")));
    }
    found
}

/// What a viewer reads, once it is `expected`: the edge looks for the live version once a second.
async fn reads(stack: &Stack, asset: &str, expected: &[(&str, &str)]) {
    until("the subtitles of the live version", SHOWS_WITHIN, async || {
        let found = read(stack, asset).await;
        let found: Vec<_> = found.iter().map(|(language, text)| (language.as_str(), text.as_str())).collect();
        (found == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn subtitle_files_are_published_with_their_episode_and_anew_when_they_change() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { name: "pilot.mp4", frames: 50, ..Clip::default() }.make(folder.path());
    let english = folder.path().join("pilot.en.srt");
    std::fs::write(&english, subrip("Good evening.")).expect("subtitles");
    let stack = Stack::start(&folder.path().join("data"), &[&clip, &english]);
    stack.manifest("pilot");
    reads(&stack, "pilot", &[("en", "Good evening.")]).await;

    let s3 = Access::to_s3(&stack.settings).s3();
    let bucket = stack.settings.s3.bucket.clone();
    let put = async |name: &str, text: &str| {
        let body = subrip(text).into_bytes().into();
        let put = s3.put_object().bucket(&bucket).key(format!("uploads/{name}")).body(body);
        put.send().await.expect("an upload");
    };
    let pointer = async || -> Value {
        let bytes = aws::object(&s3, &bucket, "vod/pilot/current.json").await.expect("a pointer");
        serde_json::from_slice(&bytes).expect("a pointer")
    };
    let moved_from = async |version: &Value| {
        until("the next version", WITHIN, async || {
            let now = pointer().await["version"].clone();
            (now != *version).then_some(now)
        })
        .await
    };
    let first = pointer().await["version"].clone();

    // One that comes later.
    put("pilot.fr.forced.srt", "Sortie").await;
    let second = moved_from(&first).await;
    let both = [("en", "Good evening."), ("fr", "Sortie")];
    let night = [("en", "Good night."), ("fr", "Sortie")];
    reads(&stack, "pilot", &both).await;
    // Nothing was encoded for it: the records say how long the first version took, to the hundredth of a second.
    for task in ["chunk-0000", "audio-en-2", "stills"] {
        let record = async |version: &Value| {
            let version = version.as_str().expect("a version");
            let key = format!("jobs/pilot/{version}/commits/{task}.json");
            String::from_utf8(aws::object(&s3, &bucket, &key).await.expect("a record")).expect("text")
        };
        assert_eq!(record(&first).await, record(&second).await, "{task}");
    }
    let names: Vec<Value> = pointer().await["source"]["sidecars"].as_array().expect("files").clone();
    assert_eq!(names.len(), 2, "the pointer names them");

    // Times of writing are whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put("pilot.en.srt", "Good night.").await;
    let third = moved_from(&second).await;
    reads(&stack, "pilot", &night).await;

    // Replaced by another, and put back as it was.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put("pilot.en.srt", "Good evening.").await;
    let fourth = moved_from(&third).await;
    reads(&stack, "pilot", &both).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put("pilot.en.srt", "Good night.").await;
    assert_eq!(moved_from(&fourth).await, third, "what was there before has its name still");
    reads(&stack, "pilot", &night).await;

    // One that cannot be read, and one whose episode is not there.
    put("nobody.en.srt", "Nobody hears this.").await;
    let broken = s3.put_object().bucket(&bucket).key("uploads/pilot.de.srt").body(vec![0, 1, 2].into());
    broken.send().await.expect("an upload");
    let last = moved_from(&third).await;
    reads(&stack, "pilot", &night).await;
    let key = format!("vod/pilot/{}/report.json", last.as_str().expect("a version"));
    let report = String::from_utf8(aws::object(&s3, &bucket, &key).await.expect("a report")).expect("text");
    assert!(report.contains("pilot.de.srt not carried"), "{report}");
    assert_eq!(stack.status("pilot").expect("a status")["state"], "published");
    assert!(stack.status("nobody").is_none(), "a subtitle file is no episode");
}
