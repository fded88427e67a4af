//! Four hours: memory does not grow with the film, in the worker as in its children.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::clip::Clip;
use crate::support::hls;
use crate::support::{ffmpeg, programs};

const MINUTES: u32 = 240;
/// What a list of all segments and pictures may take.
const LISTS_KIB: u64 = 64 * 1024;

#[test]
fn four_hours_need_no_more_memory_than_four_minutes() {
    let folder = tempfile::tempdir().expect("folder");
    // Five pictures a second, and chunks of 48 s: it is the length that is tried, not the encoder.
    let minute = Clip {
        size: (96, 64),
        display: (96, 64),
        rate: (5, 1),
        frames: 300,
        sounds: vec![],
        ..Clip::default()
    };
    let minute = minute.make(folder.path());
    let shipped = std::fs::read_to_string(programs::repository().join("presets/web-h264.toml"));
    let preset = folder.path().join("long-chunks.toml");
    let text = shipped.expect("the preset").replace("chunk_segments = 2", "chunk_segments = 8");
    std::fs::write(&preset, text).expect("a preset");

    let (short, few) = transcoded(&minute, 4, &preset);
    let (long, all) = transcoded(&minute, MINUTES, &preset);
    let playlist = std::fs::read_to_string(long.join("video/64p/index.m3u8")).expect("a playlist");
    let durations = hls::media(&playlist).segments.iter().map(|s| s.duration_s).sum::<f64>();
    assert!((durations - f64::from(MINUTES * 60)).abs() < 0.5, "{durations} s");
    let [few_children, all_children] = [&short, &long].map(|tree| {
        let report = std::fs::read(tree.join("report.json")).expect("a report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        report["peak_child_mib"].as_u64().expect("MiB")
    });
    println!("worker {few} and {all} KiB, children {few_children} and {all_children} MiB at most");
    assert!(all < few + LISTS_KIB, "the worker takes {few} KiB for four minutes, {all} KiB for four hours");
    assert!(all_children < few_children + LISTS_KIB / 1024, "{few_children} MiB, then {all_children} MiB");
}

/// The tree that so many times `minute` became, and the most KiB that the worker itself had in memory.
fn transcoded(minute: &Path, minutes: u32, preset: &Path) -> (PathBuf, u64) {
    let [film, out] = ["mp4", "out"].map(|kind| minute.with_file_name(format!("{minutes}.{kind}")));
    let [from, to] = [minute, &film].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&["-stream_loop", &(minutes - 1).to_string(), "-i", from, "-c", "copy", to]);
    let mut worker = Command::new(programs::worker())
        .arg("transcode")
        .args([&film, &out])
        .arg("--preset")
        .arg(preset)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the worker runs");
    let mut most = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
        most = most.max(kib.unwrap_or(0));
        match worker.try_wait().expect("a status") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(status.success() && most > 0, "{status}, {most} KiB");
    (out, most)
}
