//! One rung looks ahead for the ladder: every rung does as it found, and is none the worse for it.

use std::path::{Path, PathBuf};

use super::transcode;
use super::tree::{Rendition, Tree};
use crate::support::clip::Clip;
use crate::support::{ffmpeg, programs};

/// The test picture's edges move a little between sizes: its rates may too.
const RATE: std::ops::RangeInclusive<f64> = 0.75..=1.25;
/// Nobody sees half a decibel.
const WORSE_DB: f64 = 0.5;

#[test]
fn all_rungs_have_the_leaders_frame_types_and_are_as_good_as_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let source =
        Clip { frames: 300, size: (640, 360), display: (640, 360), ..Clip::default() }.make(folder.path());
    let [shared, alone] = ["shared", "alone"].map(|name| {
        let preset = preset(folder.path(), name);
        transcode(&source, &folder.path().join(name), &["--preset", preset.to_str().expect("a plain path")])
    });

    let (shared, alone) = (by_height(&shared), by_height(&alone));
    assert_eq!(shared.len(), 2);
    let types = shared.iter().map(|r| picture_types(&r.playlist)).collect::<Vec<_>>();
    assert_eq!(types[0], types[1], "rungs differ in their frame types");
    assert!(types[0].contains('P') && types[0].contains('B'), "{}", types[0]);
    let separate = alone.iter().map(|r| picture_types(&r.playlist)).collect::<Vec<_>>();
    assert_ne!(
        separate[0], separate[1],
        "rungs of this clip differ where nobody leads, or the test shows nothing"
    );

    for (follower, own) in shared.iter().zip(&alone) {
        let what = &follower.attributes["RESOLUTION"];
        let ratio = bits(follower) / bits(own);
        assert!(RATE.contains(&ratio), "{what}: {ratio:.2} of the bits");
        let lost = quality_db(own, &source) - quality_db(follower, &source);
        assert!(lost < WORSE_DB, "{what}: {lost:.2} dB worse");
    }
}

/// The shipped preset, so that it encodes every rung; `alone`, without the shared analysis.
fn preset(folder: &Path, name: &str) -> PathBuf {
    let shipped = std::fs::read_to_string(programs::repository().join("presets/web-h264.toml"));
    let mut preset: toml::Table = shipped.expect("the shipped preset").parse().expect("TOML");
    let video = preset["video"].as_table_mut().expect("video");
    video.insert("passthrough".into(), false.into());
    let analysis = video.get_mut("analysis").and_then(|a| a.as_table_mut());
    let analysis = analysis.expect("the shipped preset shares its analysis");
    // The clip is small: all its rungs shall take part.
    analysis.insert("min_height".into(), 0.into());
    if name == "alone" {
        video.remove("analysis");
    }
    let path = folder.join(name).with_extension("toml");
    std::fs::write(&path, preset.to_string()).expect("preset");
    path
}

fn by_height(tree: &Tree) -> Vec<Rendition> {
    let mut videos = tree.videos();
    videos.sort_by_key(|r| std::cmp::Reverse(crate::support::hls::resolution(&r.attributes["RESOLUTION"])));
    videos
}

/// A letter for each picture, in order of presentation.
fn picture_types(playlist: &Path) -> String {
    let found = ffmpeg::probe(playlist, &["-select_streams", "v", "-show_entries", "frame=pict_type"]);
    let frames = found["frames"].as_array().expect("frames");
    frames.iter().map(|f| f["pict_type"].as_str().expect("a type")).collect()
}

fn bits(rendition: &Rendition) -> f64 {
    (0..rendition.media.segments.len()).map(|i| rendition.bytes(i).len() as f64).sum()
}

/// Mean likeness to the source, enlarged to its size.
fn quality_db(rendition: &Rendition, source: &Path) -> f64 {
    let db = ffmpeg::likeness_db(&rendition.playlist, source);
    db.iter().sum::<f64>() / db.len() as f64
}
