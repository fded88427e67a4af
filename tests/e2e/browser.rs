//! Headless Chromium plays the signed stream through the player page.

use serde_json::Value;

use crate::support::process::run;
use crate::support::programs;
use crate::support::stack::{EPISODE, shared};

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
