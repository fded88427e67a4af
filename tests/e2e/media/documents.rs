//! `asset.json` and `report.json` against what is in the tree.

use serde_json::Value;

use super::tree::{Expected, Tree};
use crate::support::hls;

/// Checks both, and gives `asset.json`.
pub fn check(tree: &Tree, expected: &Expected) -> Value {
    let asset = read(tree, "asset.json");
    let duration_s = asset["duration_ms"].as_f64().expect("a duration") / 1000.0;
    assert!((duration_s - expected.duration_s).abs() <= tree.frame_s() + 0.001, "{duration_s} s");
    assert!(!asset["title"].as_str().expect("a title").is_empty());
    assert!(!asset["thumbhash"].as_str().expect("a hash").is_empty());
    let number = |value: &Value| value.as_u64().expect("a number");
    for rung in tree.videos() {
        let attributes = &rung.attributes;
        let name = rung.folder.file_name().and_then(|name| name.to_str()).expect("a folder");
        let all = asset["renditions"].as_array().expect("renditions");
        let rendition = all.iter().find(|r| r["name"] == name).expect("a rendition for each variant");
        let size = (number(&rendition["width"]) as u32, number(&rendition["height"]) as u32);
        assert_eq!(size, hls::resolution(&attributes["RESOLUTION"]), "{name}");
        assert_eq!(number(&rendition["bandwidth"]).to_string(), attributes["BANDWIDTH"], "{name}");
    }
    let stereo = asset["audio"].as_array().expect("audio").iter().filter(|a| a["channels"] == 2);
    let languages = stereo.map(|a| a["language"].as_str());
    assert!(languages.eq(expected.languages.iter().map(|l| Some(l.as_str()))), "{}", asset["audio"]);

    let report = read(tree, "report.json");
    let renditions = tree.videos().len() + tree.tricks().len() + tree.audios().len();
    assert_eq!(number(&report["proof"]["renditions"]), renditions as u64, "each rendition was proven");
    assert!(number(&report["frames"]) > 0 && number(&report["source"]["frames"]) > 0);
    assert!(report["choices"].as_array().is_some_and(|choices| !choices.is_empty()), "choices have reasons");
    for rendition in tree.videos().iter().chain(&tree.audios()) {
        let track = rendition.folder.strip_prefix(&tree.folder).expect("below the tree");
        let parts = rendition.media.segments.iter().map(|segment| segment.uri.as_str());
        let sizes = parts.map(|uri| std::fs::metadata(rendition.folder.join(uri)).expect("a segment").len());
        assert_eq!(number(&report["bytes"][track.to_str().expect("plain")]), sizes.sum::<u64>(), "{track:?}");
    }
    asset
}

fn read(tree: &Tree, name: &str) -> Value {
    let text = std::fs::read(tree.folder.join(name)).expect(name);
    serde_json::from_slice(&text).expect("a document")
}
