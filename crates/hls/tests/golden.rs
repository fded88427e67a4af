//! Whole presentations, compared file by file with what `tests/golden` keeps. `BLESS=1 cargo test -p flodrama-hls
//! --test golden` writes them anew; read the difference before you keep it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::memory::MemoryTree;
use flodrama_hls::build::VideoRange;
use flodrama_hls::check::{self};
use m3u8_rs::Playlist;

mod support;
use support::*;

#[test]
fn five_rungs_stereo() {
    golden("five-rungs-stereo", &usual(), &[]);
}

#[test]
fn two_languages_with_subtitles() {
    let scenario = Scenario {
        audio: vec![STEREO, Audio { language: "fr", name: "Français", ..STEREO }],
        subtitles: vec![
            ("en", "English", false),
            ("fr", "Français", false),
            ("en", "English (forced)", true),
        ],
        ..usual()
    };
    golden("two-languages-with-subtitles", &scenario, &[]);
}

#[test]
fn stereo_and_surround() {
    let surround = Audio { group: "ac3-6", channels: 6, kbps: 384, codec: "ac-3", ..STEREO };
    golden("stereo-and-surround", &Scenario { audio: vec![STEREO, surround], ..usual() }, &[]);
}

#[test]
fn no_audio() {
    golden("no-audio", &Scenario { audio: vec![], ..usual() }, &[]);
}

#[test]
fn portrait() {
    let rungs = vec![sdr("1280p", 720, 1280, 2200), sdr("640p", 360, 640, 600), sdr("416p", 234, 416, 96)];
    golden("portrait", &Scenario { rungs, ..usual() }, &[]);
}

#[test]
fn hdr_and_sdr() {
    let hdr = |folder, width, height, kbps| Rung {
        codec: "hvc1.2.4.L123.B0",
        range: VideoRange::Pq,
        ..sdr(folder, width, height, kbps)
    };
    let mut rungs = five_rungs();
    rungs.extend([hdr("1080p-hdr", 1920, 1080, 4500), hdr("540p-hdr", 960, 540, 1500)]);
    golden("hdr-and-sdr", &Scenario { rungs, ..usual() }, &[]);
}

#[test]
fn one_short_segment() {
    golden("one-short-segment", &Scenario { duration_ms: 1_480, ..usual() }, &[]);
}

#[test]
fn one_rung_alone() {
    let rungs = vec![sdr("540p", 960, 540, 1900)];
    golden("one-rung-alone", &Scenario { rungs, ..usual() }, &["several-bitrates", "low-bandwidth-variant"]);
}

/// Compares with the golden files, then with what an independent parser and the check make of them.
fn golden(name: &str, scenario: &Scenario, findings: &[&str]) {
    let tree = scenario.publish();
    assert_eq!(tree, scenario.publish(), "the same input gives the same bytes");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let written: BTreeMap<_, _> = tree
        .texts
        .iter()
        .filter(|(path, _)| path.ends_with(".m3u8") || path.ends_with("storyboard.vtt"))
        .map(|(path, text)| (path.clone(), String::from_utf8(text.clone()).expect("UTF-8")))
        .collect();
    if std::env::var_os("BLESS").is_some() {
        bless(&folder, &written);
    }
    let kept = kept(&folder, &folder);
    assert_eq!(written.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>(), "files of {name}");
    for (path, text) in &written {
        assert_eq!(text, &kept[path], "{name}/{path} changed; BLESS=1 keeps the new text");
    }
    parses_elsewhere(&tree);
    let report = check::check("main.m3u8", &tree).expect("memory does not fail");
    let found: Vec<_> = report.findings.iter().map(|finding| finding.rule.id).collect();
    assert_eq!(found, findings, "{report}");
}

fn bless(folder: &Path, written: &BTreeMap<String, String>) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("remove the old files");
    }
    for (path, text) in written {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(path, text).expect("write the file");
    }
}

fn kept(root: &Path, folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let entries = std::fs::read_dir(folder).expect("golden files: run once with BLESS=1");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    for path in paths {
        if path.is_dir() {
            files.extend(kept(root, &path));
        } else {
            let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
            files.insert(name, std::fs::read_to_string(path).expect("text"));
        }
    }
    files
}

/// m3u8-rs reads every playlist, and reads the same as was written.
fn parses_elsewhere(tree: &MemoryTree) {
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".m3u8")) {
        let written = std::str::from_utf8(text).expect("UTF-8");
        let count = |tag: &str| written.lines().filter(|line| line.starts_with(tag)).count();
        match m3u8_rs::parse_playlist_res(text).unwrap_or_else(|e| panic!("{path}: {e}")) {
            Playlist::MasterPlaylist(read) => {
                let (iframes, variants): (Vec<_>, Vec<_>) = read.variants.iter().partition(|v| v.is_i_frame);
                assert_eq!(variants.len(), count("#EXT-X-STREAM-INF:"), "{path}");
                assert_eq!(iframes.len(), count("#EXT-X-I-FRAME-STREAM-INF:"), "{path}");
                assert_eq!(read.alternatives.len(), count("#EXT-X-MEDIA:"), "{path}");
                assert!(read.independent_segments, "{path}");
                for variant in variants {
                    assert!(tree.texts.contains_key(&variant.uri), "{path}: {}", variant.uri);
                    assert!(variant.resolution.is_some() && variant.codecs.is_some(), "{path}");
                    assert_eq!(variant.frame_rate, Some(25.0), "{path}");
                }
            }
            Playlist::MediaPlaylist(read) => {
                assert_eq!(read.segments.len(), count("#EXTINF:"), "{path}");
                assert!(read.end_list, "{path}");
                assert_eq!(read.i_frames_only, path.starts_with("trick/"), "{path}");
                let longest = read.segments.iter().map(|s| s.duration.round() as u64).max();
                assert!(longest <= Some(read.target_duration), "{path}");
            }
        }
    }
}
