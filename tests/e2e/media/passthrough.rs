//! A source whose pictures keep the rules of the top rung is published as it is; one that breaks a rule is not, and the
//! plan says which.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::determinism::assert_same;
use super::generated::{judge_in, open_gop};
use super::transcode;
use super::tree::Tree;
use crate::support::clip::Clip;
use crate::support::process::run;
use crate::support::{ffmpeg, programs};

/// Within the rung that a clip of 320×180 gets: 365 kb/s over 550 kbit.
const EVEN: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-maxrate",
    "300k",
    "-bufsize",
    "450k",
    "-sc_threshold",
    "0",
    "-g",
    "50",
    "-keyint_min",
    "50",
];
/// Keyframes at cuts of a film: 0.6 s to 3.6 s apart, and two that are nearly one.
const AT_CUTS: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-maxrate",
    "300k",
    "-bufsize",
    "450k",
    "-sc_threshold",
    "0",
    "-forced-idr",
    "1",
    "-force_key_frames",
    "0,1.2,1.8,4,4.2,7.6,8.4,11.2,13",
];

#[test]
fn reordered_pictures_behind_an_edit_list() {
    let passed = passed(&Clip { video: EVEN, frames: 350, ..Clip::default() });
    assert_eq!(lengths(&passed.tree), [150, 150, 50]);
    // B-frames make decoding begin before presentation: this clip has them, and the copy has its own edit for them.
    for path in [&passed.source, &passed.tree.videos()[0].playlist] {
        assert_ne!(ffmpeg::probe(path, &["-show_streams"])["streams"][0]["has_b_frames"], 0);
    }
}

#[test]
fn a_transport_stream_that_starts_at_ten_seconds() {
    let output = &["-output_ts_offset", "10"];
    passed(&Clip { name: "clip.ts", video: EVEN, output, frames: 350, ..Clip::default() });
}

#[test]
fn a_matroska_file_with_rounded_times() {
    passed(&Clip { name: "clip.mkv", video: EVEN, rate: (30_000, 1001), frames: 400, ..Clip::default() });
}

#[test]
fn groups_of_pictures_that_are_not_of_one_length() {
    let passed = passed(&Clip { video: AT_CUTS, frames: 350, ..Clip::default() });
    // Cut at 4.2 s or 7.6 s … whatever is nearest to 6 s, and within a third of it.
    let lengths = lengths(&passed.tree);
    let (last, whole) = lengths.split_last().expect("segments");
    assert!(whole.iter().all(|n| (100..=200).contains(n)) && *last >= 10, "{lengths:?}");
    assert!(whole.iter().any(|n| n % 50 != 0), "{lengths:?}");
}

#[test]
fn the_number_of_children_does_not_change_a_byte() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { video: AT_CUTS, frames: 350, ..Clip::default() }.make(folder.path());
    let [one, three] = ["1", "3"].map(|jobs| {
        let out = folder.path().join(jobs);
        transcode(&source, &out, &["--jobs", jobs]);
        out
    });
    assert_same(&one, &three);
}

#[test]
fn a_preset_without_it_encodes_everything() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { video: EVEN, frames: 100, ..Clip::default() }.make(folder.path());
    let shipped = std::fs::read_to_string(programs::repository().join("presets/web-h264.toml"));
    let preset = folder.path().join("again.toml");
    let text = shipped.expect("the shipped preset").replace("passthrough = true", "passthrough = false");
    std::fs::write(&preset, text).expect("preset");
    let tree =
        transcode(&source, &folder.path().join("out"), &["--preset", preset.to_str().expect("a plain path")]);
    assert_eq!(reasons(&tree, "no passthrough"), ["the preset does not ask for it"]);
    assert_ne!(pictures(&tree.videos()[0].playlist), pictures(&source));
}

#[test]
fn open_groups_of_pictures_are_refused_with_the_reason() {
    let why = refused(&open_gop());
    assert!(why.iter().any(|w| w.contains("open groups of pictures")), "{why:?}");
}

#[test]
fn a_rate_above_the_cap_is_refused_with_the_reason() {
    let video = &["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-b:v", "900k"];
    let why = refused(&Clip { video, ..Clip::default() });
    assert!(why.len() == 1 && why[0].contains("cap of 365 kb/s"), "{why:?}");
}

#[test]
fn bursts_above_the_buffer_are_refused_with_the_reason() {
    let burst = "noise=alls=80:allf=t:enable='between(n,100,112)'";
    let video = &[
        "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-crf", "28", "-maxrate", "300k", "-bufsize",
        "3000k",
    ];
    let why = refused(&Clip { video, filter: burst, frames: 350, ..Clip::default() });
    assert!(why.len() == 1 && why[0].contains("buffer of"), "{why:?}");
}

#[test]
fn a_hole_in_time_is_refused_with_the_reason() {
    let why = refused(&Clip { name: "clip.mkv", video: EVEN, keep: |n| n != 60, ..Clip::default() });
    assert!(why.len() == 1 && why[0].contains("one by one"), "{why:?}");
}

/// Judges the clip, whose own pictures are the top rung.
fn passed(clip: &Clip) -> Passed {
    let folder = tempfile::tempdir().expect("folder");
    let (source, tree) = judge_in(clip, folder.path(), &[]);
    assert_eq!(reasons(&tree, "no passthrough"), [""; 0]);
    assert_eq!(reasons(&tree, "passthrough").len(), 1);
    let rungs = tree.videos();
    assert!(rungs.len() > 1);
    assert_eq!(pictures(&rungs[0].playlist), pictures(&source), "the very same coded pictures");
    assert_ne!(pictures(&rungs[1].playlist), pictures(&source));
    Passed { _folder: folder, source, tree }
}

/// A source that was passed through, and what was made of it.
struct Passed {
    _folder: tempfile::TempDir,
    source: PathBuf,
    tree: Tree,
}

/// Why the clip is not passed through, by its plan.
fn refused(clip: &Clip) -> Vec<String> {
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let args = ["plan".as_ref(), source.as_os_str(), "--json".as_ref()];
    let done = run(programs::worker(), args);
    let plan: Value = serde_json::from_slice(&done.stdout).expect("a plan");
    assert_eq!(plan["copy"], Value::Null);
    let reasons = plan["reasons"].as_array().expect("reasons").iter();
    let why = reasons.filter(|r| r[0] == "no passthrough").map(|r| r[1].as_str().expect("text").to_owned());
    why.collect()
}

/// The choices of one kind in the report.
fn reasons(tree: &Tree, what: &str) -> Vec<String> {
    let report = std::fs::read(tree.folder.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let choices = report["choices"].as_array().expect("choices").iter().filter(|c| c["what"] == what);
    choices.map(|c| c["why"].as_str().expect("text").to_owned()).collect()
}

/// Frames of each segment.
fn lengths(tree: &Tree) -> Vec<u32> {
    let frame_s = tree.frame_s();
    let segments = &tree.videos()[0].media.segments;
    segments.iter().map(|s| (s.duration_s / frame_s).round() as u32).collect()
}

/// A hash of the coded slices, whatever container and parameter sets are around them.
fn pictures(path: &Path) -> String {
    let path = path.to_str().expect("a plain path");
    let slices = "h264_mp4toannexb,filter_units=pass_types=1-5";
    let args = ["-i", path, "-map", "0:v:0", "-c", "copy", "-bsf:v", slices, "-f", "streamhash", "-"];
    String::from_utf8(ffmpeg::ffmpeg(&args)).expect("text")
}
