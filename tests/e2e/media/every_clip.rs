//! Every real clip, whatever is odd about it, is published or refused with a sentence. What is published keeps the rules,
//! plays to its end in other people's players, and its chunks decode what one decode from start to end gives.
//! `FLODRAMA_MEDIA` names the folder.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde_json::Value;

use super::real::say;
use super::tree::Tree;
use crate::support::ffmpeg;
use crate::support::process::{Finished, run};
use crate::support::programs;

/// Clips that are no episode, and what editors are told.
const REFUSED: &[(&str, &str)] = &[
    ("ax_bbb_1ch_16kHz_aac.mp4", NO_VIDEO),
    ("ax_bear-id3.mp3", NO_VIDEO),
    ("ax_opus-5.1.mka", NO_VIDEO),
    ("ax_sample_192khz.wav", NO_VIDEO),
    ("ax_sample_audio_only_15s.mp4", NO_VIDEO),
    ("ax_sample_eac3joc.mp4", NO_VIDEO),
    ("ax_sample_opus.mp4", NO_VIDEO),
    ("derived_audio_only_51.m4a", NO_VIDEO),
];
const NO_VIDEO: &str = "The file has no video track.";

/// Clips for one start of the browser.
const AT_ONCE: usize = 5;
const INTRA: &str = include_str!("presets/intra.toml");

#[test]
fn every_clip_is_published_or_refused_and_plays_everywhere() {
    let Some(folder) = std::env::var_os("FLODRAMA_MEDIA").map(PathBuf::from) else {
        return say("every real clip: not run, FLODRAMA_MEDIA names no folder");
    };
    let entries =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let is_clip =
        |path: &PathBuf| path.is_file() && !path.extension().is_some_and(|e| e == "md" || e == "csv");
    let mut clips: Vec<PathBuf> = entries.filter(is_clip).collect();
    clips.sort();
    assert!(!clips.is_empty(), "{} holds no clip", folder.display());
    let scratch = tempfile::tempdir().expect("folder");
    let mut faults = Vec::new();
    let mut published = 0;
    // Playing takes its time and little else: the next clips are made meanwhile.
    let (sender, made) = mpsc::channel::<Vec<PathBuf>>();
    std::thread::scope(|scope| {
        let players = scope.spawn(move || {
            made.iter()
                .filter(|some| !some.is_empty())
                .flat_map(|some| in_a_browser(&some))
                .collect::<Vec<_>>()
        });
        for some in clips.chunks(AT_ONCE) {
            let mut trees = Vec::new();
            for clip in some {
                match outcome(clip, scratch.path()) {
                    Ok(tree) => trees.extend(tree),
                    Err(fault) => faults.push(format!("{}: {fault}", name(clip))),
                }
            }
            published += trees.len();
            sender.send(trees).expect("the players are there");
        }
        drop(sender);
        faults.extend(players.join().expect("the players end"));
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    say(&format!("real clips: {published} published and played, {} refused", clips.len() - published));
}

/// What hls.js and Shaka Player make of some trees otherwise than they should.
fn in_a_browser(trees: &[PathBuf]) -> Vec<String> {
    let done = run("node", [programs::players_script()].iter().chain(trees));
    let Ok(report) = serde_json::from_slice::<Value>(&done.stdout) else {
        return vec![format!("browser: {}", done.stderr)];
    };
    let fault = |tree: &PathBuf, engine: &str| {
        let folder = &report["folders"][tree.to_str().expect("a plain path")];
        let found = &folder[engine];
        let is_right = folder.is_object() && found.is_null();
        (!is_right).then(|| format!("{}: {engine}: {found}", name(tree)))
    };
    trees.iter().flat_map(|tree| ["hlsjs", "shaka"].into_iter().filter_map(move |e| fault(tree, e))).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a plain name")
}

/// The tree that a clip became, none where it was refused as it should be; or what is wrong.
fn outcome(clip: &Path, scratch: &Path) -> Result<Option<PathBuf>, String> {
    let tree = scratch.join(name(clip));
    // Segments of a second: the longer the clip, the more of them in a chunk, so that there are a dozen chunks at most.
    let found = ffmpeg::probe_leniently(clip, &["-show_format"]);
    let seconds: f64 = found["format"]["duration"].as_str().and_then(|s| s.parse().ok()).unwrap_or(1.0);
    let done = transcode(clip, &tree, (seconds / 12.0).ceil() as u32);
    let refused = REFUSED.iter().find(|(refused, _)| *refused == name(clip));
    match (done.code, refused) {
        (Some(0), None) => {}
        (Some(1), Some((_, sentence))) if done.stderr.contains(sentence) => return Ok(None),
        _ => return Err(format!("exit {:?}: {}", done.code, done.stderr.trim())),
    }
    let main = tree.join("main.m3u8");
    let main = main.to_str().expect("a plain path");
    let uri = format!("uri=file://{main}");
    let path = tree.to_str().expect("a plain path");
    let flodrama = programs::flodrama();
    for (program, args) in [
        (flodrama.as_path(), &["check", path][..]),
        (
            Path::new("mpv"),
            &[
                "--no-config",
                "--vo=null",
                "--ao=null",
                "--ao-null-untimed",
                "--untimed",
                "--msg-level=all=error",
                main,
            ],
        ),
        (
            Path::new("gst-launch-1.0"),
            // So fast that it begins with the best variant and stays there: from files it may wait for ever after a switch.
            &[
                "-q",
                "playbin",
                "connection-speed=100000",
                &uri,
                "video-sink=fakesink sync=false",
                "audio-sink=fakesink sync=false",
            ],
        ),
    ] {
        let played = run(program, args);
        if played.code != Some(0) || (program.starts_with("mpv") && !played.stderr.is_empty()) {
            return Err(format!("{}: {} {}", program.display(), played.text(), played.stderr));
        }
    }
    let whole = scratch.join("whole");
    let done = transcode(clip, &whole, 1_000_000);
    if done.code != Some(0) {
        return Err(format!("in one chunk: {}", done.stderr));
    }
    let [chunks, one] = [&tree, &whole].map(|tree| hashes(tree));
    std::fs::remove_dir_all(&whole).expect("the folder goes");
    let pictures = |hashes: &str| hashes.lines().filter(|line| !line.starts_with('#')).count();
    match chunks == one {
        true => Ok(Some(tree)),
        false => Err(format!("chunks decode other pictures ({} and {})", pictures(&chunks), pictures(&one))),
    }
}

/// With so many segments in a chunk.
fn transcode(clip: &Path, out: &Path, segments: u32) -> Finished {
    let preset = out.with_extension("toml");
    let text = INTRA.replace("chunk_segments = 1", &format!("chunk_segments = {segments}"));
    std::fs::write(&preset, text).expect("a preset");
    let args = ["transcode".as_ref(), clip.as_os_str(), out.as_os_str(), "--preset".as_ref()];
    run(programs::worker(), args.into_iter().chain([preset.as_os_str()]))
}

/// The hash of every picture of the top rung, by a program that is not ours.
fn hashes(tree: &Path) -> String {
    let top = Tree::open(tree).videos().remove(0).playlist;
    let top = top.to_str().expect("a plain path");
    String::from_utf8(ffmpeg::ffmpeg(&["-i", top, "-f", "framemd5", "-"])).expect("text")
}
