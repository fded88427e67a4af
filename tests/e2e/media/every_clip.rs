//! Every real clip, whatever is odd about it, is published or refused with a sentence; and what its chunks decode is what
//! one decode from start to end gives. `FLODRAMA_MEDIA` names the folder.

use std::path::{Path, PathBuf};

use super::real::say;
use super::tree::Tree;
use crate::support::ffmpeg;
use crate::support::process::{Finished, run};
use crate::support::programs;

/// Clips that are no episode, and what editors are told.
const REFUSED: &[(&str, &str)] = &[];

const LOSSLESS: &str = include_str!("presets/lossless.toml");

#[test]
fn every_clip_is_published_or_refused_and_chunks_decode_what_one_decode_gives() {
    let Some(folder) = std::env::var_os("FLODRAMA_MEDIA").map(PathBuf::from) else {
        return say("every real clip: not run, FLODRAMA_MEDIA names no folder");
    };
    let mut clips: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    clips.retain(|path| path.is_file() && !path.extension().is_some_and(|e| e == "md" || e == "csv"));
    clips.sort();
    assert!(!clips.is_empty(), "{} holds no clip", folder.display());
    let scratch = tempfile::tempdir().expect("folder");
    let [chunks, whole] = [("chunks", 1), ("whole", 1_000_000)].map(|(name, segments)| {
        let path = scratch.path().join(format!("{name}.toml"));
        let text = LOSSLESS.replace("chunk_segments = 1", &format!("chunk_segments = {segments}"));
        std::fs::write(&path, text).expect("a preset");
        path
    });
    let faults: Vec<String> = clips.iter().filter_map(|clip| fault(clip, &chunks, &whole)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    say(&format!("every real clip: {} published or refused as they should be", clips.len()));
}

/// What is wrong with what became of a clip.
fn fault(clip: &Path, chunks: &Path, whole: &Path) -> Option<String> {
    let name = clip.file_name()?.to_str()?;
    let out = tempfile::tempdir().expect("folder");
    let (many, one) = (out.path().join("many"), out.path().join("one"));
    let done = transcode(clip, &many, chunks);
    let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
    match (done.code, refused) {
        (Some(0), None) => {}
        (Some(1), Some((_, sentence))) if done.stderr.contains(sentence) => return None,
        _ => return Some(format!("{name}: exit {:?}: {}", done.code, done.stderr.trim())),
    }
    let checked = run(programs::flodrama(), ["check".as_ref(), many.as_os_str()]);
    if checked.code != Some(0) {
        return Some(format!("{name}: {}", checked.text()));
    }
    let done = transcode(clip, &one, whole);
    if done.code != Some(0) {
        return Some(format!("{name}, in one chunk: {}", done.stderr));
    }
    let [many, one] = [many, one].map(|tree| hashes(&tree));
    let frames = |hashes: &str| hashes.lines().filter(|line| !line.starts_with('#')).count();
    (many != one)
        .then(|| format!("{name}: chunks decode other pictures ({} and {})", frames(&many), frames(&one)))
}

fn transcode(clip: &Path, out: &Path, preset: &Path) -> Finished {
    let args = ["transcode".as_ref(), clip.as_os_str(), out.as_os_str(), "--preset".as_ref()];
    run(programs::worker(), args.into_iter().chain([preset.as_os_str()]))
}

/// The hash of every picture of the top rung, by a program that is not ours.
fn hashes(tree: &Path) -> String {
    let top = Tree::open(tree).videos().remove(0).playlist;
    let top = top.to_str().expect("a plain path");
    String::from_utf8(ffmpeg::ffmpeg(&["-i", top, "-f", "framemd5", "-"])).expect("text")
}
