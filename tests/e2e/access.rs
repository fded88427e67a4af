//! Who may watch a title, where, when and how much of it: said by the command, held by the edge and by the CDN, seen by
//! ffprobe, by Chromium and by the check.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::clip::{Clip, Sound};
use crate::support::process::{Signal, run};
use crate::support::stack::Stack;
use crate::support::{hls, programs, until, viewer};

const ASSET: &str = "feature";
/// The edge reads the rules anew after two seconds.
const HOLDS_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn rules_of_a_title_hold_from_the_command_to_the_cdn() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip {
        name: "feature.mp4",
        size: (1280, 720),
        display: (1280, 720),
        frames: 50,
        sounds: vec![Sound::ENGLISH, Sound::FRENCH],
        ..Clip::default()
    };
    let stack = Stack::start(&folder.path().join("data"), &[&clip.make(folder.path())]);
    stack.manifest(ASSET);
    // A browser runs in between, for longer than the edge keeps an idle connection.
    let http = Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let title = Title { stack: &stack, http, folder: folder.path() };
    let newcomer = viewer::sign_in_as_newcomer(&title.http, &stack.settings, "ann").await;
    let member = viewer::sign_in_as_member(&title.http, &stack.settings, "bea", "gold").await;

    // Without a document: whoever is signed in.
    title.answers(None, 401, "unauthenticated").await;
    title.page(None, &["--says", "Sign in to watch", "--because", "signed in"]);
    title.answers(Some(&newcomer), 200, "").await;
    assert_eq!(title.command(&[]), json!({"version": 1, "viewers": "signed-in"}));

    title.say(&["--public"]);
    let (_, links) = title.answers(None, 200, "").await;
    assert_eq!(heights(&viewer::link(&links, "manifest_url")).last(), Some(&720), "without a token");
    title.page(None, &["--lines", "720"]);

    title.say(&["--groups", "gold,staff"]);
    title.answers(None, 401, "unauthenticated").await;
    title.answers(Some(&newcomer), 403, "not-included").await;
    title.page(Some(&newcomer), &["--says", "Not included", "--because", "subscription"]);
    title.answers(Some(&member), 200, "").await;

    title.set(&json!({"version": 1, "viewers": "public", "not_before": "2099-12-24T20:00:00Z"}));
    let (_, problem) = title.answers(None, 403, "not-yet-open").await;
    assert_eq!(problem["opens_at"], "2099-12-24T20:00:00Z");
    title.page(None, &["--says", "Not open yet", "--because", "December 2099"]);
    // Its page may tell, and show the poster; that signature opens nothing else.
    let known: Value = title.get("/v1/assets/feature").await;
    assert_eq!(known["opens_at"], "2099-12-24T20:00:00Z");
    let poster = viewer::link(&known, "poster_url");
    assert_eq!(title.fetch(&poster).await.0, 200);
    assert_eq!(title.fetch(&at(&poster, "../main.m3u8")).await.0, 403);
    assert_eq!(title.fetch(&at(&poster, "../video/720p/init.mp4")).await.0, 403);

    // Nothing on loopback vouches for where a viewer is.
    title.set(&json!({"version": 1, "viewers": "public", "countries": {"allow": ["FR"]}}));
    title.answers(None, 451, "not-in-country").await;
    title.page(None, &["--says", "Not available here", "--because", "where you are"]);

    // What is not understood is not written, and says so.
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, r#"{"version": 1, "viewers": "public", "countries": {"allow": ["UK"]}}"#)
        .expect("a file");
    let done = stack.command(["access", ASSET, "--set", bad.to_str().expect("a plain path")]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("bad.json is no access document") && done.stderr.contains("UK"),
        "{}",
        done.stderr
    );
    title.answers(None, 451, "not-in-country").await;

    title.capped_viewers_get_less(&newcomer, &member).await;

    // One word changes one thing.
    title.say(&["--public"]);
    let rules = title.command(&[]);
    assert_eq!((&rules["viewers"], &rules["default_caps"]["max_height"]), (&json!("public"), &json!(360)));
    title.neither_publication_nor_rollback_changes(&rules).await;

    // A stack that starts with a title that it may not show says so, and runs.
    title.set(&json!({"version": 1, "viewers": "public", "countries": {"allow": ["FR"]}}));
    assert!(stack.process.stop(Signal::INT).status.success());
    let again = Stack::start(&folder.path().join("data"), &[]);
    let why = again.process.line("a refusal", HOLDS_WITHIN, |line| {
        line.strip_prefix("not for you ").map(|why| why.trim().to_owned())
    });
    assert_eq!(why, "This title is not available everywhere, and we cannot tell where you are.");
    assert_eq!(again.command(["status", ASSET]).code, Some(0));
}

/// One title of a running stack.
struct Title<'a> {
    stack: &'a Stack,
    http: Client,
    folder: &'a Path,
}

impl Title<'_> {
    async fn capped_viewers_get_less(&self, newcomer: &str, member: &str) {
        self.set(&json!({"version": 1, "viewers": "signed-in",
            "classes": [{"groups": ["gold"], "caps": {}}],
            "default_caps": {"max_height": 360, "hdr": false, "audio": ["fr"]}}));
        let (_, whole) = self.answers(Some(member), 200, "").await;
        let whole = viewer::link(&whole, "manifest_url");
        assert_eq!(heights(&whole).last(), Some(&720));
        assert_eq!(languages(&self.fetch(&whole).await.1), ["en", "fr"]);

        let (_, part) = self.answers(Some(newcomer), 200, "").await;
        let manifest = viewer::link(&part, "manifest_url");
        let seen = heights(&manifest);
        assert!(!seen.is_empty() && seen.iter().all(|height| *height <= 360), "{seen:?}");
        let (_, text) = self.fetch(&manifest).await;
        assert_eq!(languages(&text), ["fr"]);
        let done = run("ffmpeg", ["-v", "error", "-i", manifest.as_str(), "-f", "null", "-"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "it plays to its end");
        let done = self.stack.command(["check", manifest.as_str()]);
        assert_eq!(done.code, Some(0), "{}", done.text());
        self.page(Some(newcomer), &["--lines", "360"]);
        assert_eq!(self.fetch(&viewer::link(&part, "poster_url")).await.0, 200);
        assert_eq!(self.fetch(&viewer::link(&part, "storyboard_url")).await.0, 200);

        // A rendition of theirs, down to its segments, which the CDN opens by its own code.
        let main = hls::multivariant(&text);
        let (uri, _) =
            main.variants.iter().find(|(uri, _)| uri.contains("video/360p/")).expect("their top rung");
        let media = manifest.join(uri).expect("a URI");
        let (status, text) = self.fetch(&media).await;
        let segment = media.join(&hls::media(&text).segments[0].uri).expect("a URI");
        assert_eq!((status, self.fetch(&segment).await.0), (200, 200));
        assert_eq!(self.fetch(&at(&media, "init.mp4")).await.0, 200);

        // Everything that they hold, on what they do not have: the edge refuses playlists, the CDN media.
        for held in [&manifest, &media, &viewer::link(&part, "storyboard_url")] {
            for path in ["video/720p/index.m3u8", "audio/en-2/index.m3u8"] {
                self.refused_by_both(&at_root(held, path)).await;
            }
            for path in ["video/720p/init.mp4", "video/720p/00001.m4s", "audio/en-2/00001.m4s", "asset.json"]
            {
                let (status, said) = self.fetch(&at_root(held, path)).await;
                assert!(
                    status == 403 && said.contains("<Code>AccessDenied</Code>"),
                    "{path}: {status} {said}"
                );
            }
        }
        let widened = |from: &str, to: &str| -> Url {
            let text = manifest.as_str().replace(from, to);
            assert_ne!(text, manifest.as_str());
            text.parse().expect("a URL")
        };
        for wider in [
            widened("view=360-sdr-fr", "view=full-hdr"),
            widened("view=360-sdr-fr", "view=720-sdr-fr"),
            widened("view=360-sdr-fr", "view=360-sdr-fr.en"),
            widened("view=360-sdr-fr&", ""),
            widened("view=360-sdr-fr&", "view=360-sdr-fr&view=full-hdr&"),
        ] {
            self.refused_by_both(&wider).await;
        }
        // A view on media is a parameter like another: the CDN holds the folder all the same.
        let mut with_view = at_root(&media, "video/720p/00001.m4s");
        let query = format!("view=full-hdr&{}", with_view.query().expect("a signature"));
        with_view.set_query(Some(&query));
        assert_eq!(self.fetch(&with_view).await.0, 403);
    }

    /// The rules are the title's, not the version's.
    async fn neither_publication_nor_rollback_changes(&self, rules: &Value) {
        let live = || self.stack.status(ASSET).expect("it is published")["version"].clone();
        let first = live();
        let lines = self.folder.join("feature.fr.srt");
        std::fs::write(&lines, "1\n00:00:00,200 --> 00:00:01,800\nBonsoir.\n").expect("subtitles");
        let done = self.stack.command(["upload", lines.to_str().expect("a plain path")]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        until("the next version", Duration::from_secs(120), async || (live() != first).then_some(())).await;
        assert_eq!(self.stack.settled(ASSET).await["state"], "published");
        assert_eq!(self.command(&[]), *rules);
        let done = self.stack.command(["rollback", ASSET]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!((live(), &self.command(&[])), (first, rules));
    }

    /// By way of the CDN, and straight at the edge.
    async fn refused_by_both(&self, url: &Url) {
        let edge =
            format!("{}{}?{}", self.stack.settings.edge.url, url.path(), url.query().unwrap_or_default());
        for url in [url, &edge.parse().expect("a URL")] {
            let (status, said) = self.fetch(url).await;
            assert_eq!(status, 403, "{}: {said}", url.path());
        }
    }

    /// The player page in headless Chromium, with or without a token.
    fn page(&self, token: Option<&str>, expected: &[&str]) {
        let fragment = token.map(|token| format!("#token={token}")).unwrap_or_default();
        let url = format!("{}/watch/{ASSET}{fragment}", self.stack.settings.edge.url);
        let script = programs::browser_script().with_file_name("access.mjs");
        let out = programs::artifacts().join("browser");
        let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let fixed = [path(&script), "--url".to_owned(), url.clone(), "--out".to_owned(), path(&out)];
        let done = run("node", fixed.into_iter().chain(expected.iter().map(|arg| (*arg).to_owned())));
        let said = done.text().replace(&url, "PAGE");
        assert_eq!(done.code, Some(0), "{expected:?}: {said}\n{}", done.stderr.replace(&url, "PAGE"));
    }

    /// Asks until the rules that were just written hold.
    async fn answers(&self, token: Option<&str>, status: u16, code: &str) -> (u16, Value) {
        until(&format!("{status} {code}"), HOLDS_WITHIN, async || {
            let url = format!("{}/v1/assets/{ASSET}/playback", self.stack.settings.edge.url);
            let asked = self.http.post(url);
            let asked = if let Some(token) = token { asked.bearer_auth(token) } else { asked };
            let answer = asked.send().await.expect("the edge");
            let (found, body) = (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"));
            let fits = found == status && (code.is_empty() || body["code"] == code);
            fits.then_some((found, body))
        })
        .await
    }

    /// What the edge says to nobody in particular.
    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.stack.settings.edge.url)).send().await;
        let answer = answer.expect("the edge");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    async fn fetch(&self, url: &Url) -> (u16, String) {
        let answer = self.http.get(url.clone()).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned())
    }

    /// Runs `flodrama access`; what it prints, if that is a document.
    fn command(&self, args: &[&str]) -> Value {
        let done = self.stack.command(["access", ASSET].iter().chain(args));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        serde_json::from_str(done.text()).unwrap_or_default()
    }

    fn say(&self, args: &[&str]) {
        assert_eq!(self.command(args), Value::Null);
    }

    fn set(&self, document: &Value) {
        let file = self.folder.join("access.json");
        std::fs::write(&file, document.to_string()).expect("a file");
        self.say(&["--set", file.to_str().expect("a plain path")]);
        assert_eq!(self.command(&[]), *document, "it prints what it was told");
    }
}

/// A neighbour of a signed URL, with the same signature.
fn at(url: &Url, path: &str) -> Url {
    let mut other = url.join(path).expect("a path");
    other.set_query(url.query());
    other
}

/// A file of the same version, with the same query.
fn at_root(url: &Url, path: &str) -> Url {
    let root: Vec<&str> = url.path_segments().expect("a path").take(3).collect();
    at(url, &format!("/{}/{path}", root.join("/")))
}

/// Heights of the video that ffprobe finds behind a URL.
fn heights(url: &Url) -> BTreeSet<u64> {
    let args = ["-v", "error", "-of", "json", "-show_entries", "stream=height,codec_type", url.as_str()];
    let done = run("ffprobe", args);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "ffprobe");
    let found: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let streams = found["streams"].as_array().expect("streams").iter();
    streams.filter_map(|stream| stream["height"].as_u64()).collect()
}

/// Languages of the sound that a multivariant playlist lists.
fn languages(text: &str) -> Vec<String> {
    let media = hls::multivariant(text).media.into_iter().filter(|(_, media)| media["TYPE"] == "AUDIO");
    let found: BTreeSet<String> = media.map(|(_, media)| media["LANGUAGE"].clone()).collect();
    found.into_iter().collect()
}
