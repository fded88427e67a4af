//! Headless Chromium plays the signed stream through the player page.

use serde_json::Value;

use crate::support::process::run;
use crate::support::stack::{EPISODE, shared};
use crate::support::{ffmpeg, programs};

#[test]
fn the_player_page_plays_the_episode() {
    let stack = shared();
    let out = programs::artifacts().join("browser");
    let (script, page) = (programs::browser_script(), stack.page(EPISODE));
    let text = |path: &std::path::Path| path.to_str().expect("a plain path").to_owned();
    let done = run("node", [&text(&script), "--url", &page, "--out", &text(&out), "--rungs", "2"]);
    // Without the address, whose fragment is the token.
    let said = done.text().replace(&page, "PAGE");
    assert_eq!(done.code, Some(0), "{said}\n{}", done.stderr.replace(&page, "PAGE"));
    let report: Value = serde_json::from_str(&said).expect("the script's report");
    assert_eq!(report["ok"], true, "{report}");

    let screenshots = report["screenshots"].as_array().expect("screenshots");
    assert!(!screenshots.is_empty());
    for path in screenshots {
        let png = std::fs::read(path.as_str().expect("a path")).expect("a screenshot");
        assert!(png.starts_with(b"\x89PNG"), "{path}");
    }
    println!("screenshots in {}", out.display());
}

/// AirPlay and Cast receivers are handed the address alone.
#[test]
fn the_manifest_s_address_alone_plays_everything() {
    let stack = shared();
    let manifest = stack.manifest(EPISODE);
    let script = programs::browser_script().with_file_name("manifest.mjs");
    let script = script.to_str().expect("a plain path");
    let done = run("node", [script, "--url", &manifest, "--origin", &stack.settings.edge.url]);
    let report: Value = serde_json::from_str(done.text()).expect("the script's report");
    assert_eq!((done.code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report} {}", done.stderr);
    // Playlists, initialisation sections, four segments of sound and picture, each by two players.
    assert!(report["requests"].as_u64().expect("a number") >= 2 * 12, "{report}");

    // All 24 seconds, by a player that knows no browser.
    let decoded = ffmpeg::ffmpeg(&["-i", &manifest, "-map", "0:v:0", "-map", "0:a:0", "-f", "framecrc", "-"]);
    let decoded = String::from_utf8(decoded).expect("text");
    let pictures = decoded.lines().filter(|line| line.starts_with("0,")).count();
    assert_eq!(pictures, 600);
}
