//! Media truth: what `flodrama-worker transcode` writes, judged by ffprobe and ffmpeg to its last frame.

mod audio;
mod damaged;
mod determinism;
mod documents;
mod every_clip;
mod families;
mod fields;
mod generated;
mod hdr;
mod lead;
mod long;
mod loudness;
mod passthrough;
mod real;
mod refused;
mod sound;
mod stills;
mod subtitles;
mod sync;
mod title;
mod tree;
mod unfinished;
mod video;

use std::path::Path;

use crate::support::{process, programs};
use tree::{Expected, Tree};

/// Transcodes `input` into `out`.
fn transcode(input: &Path, out: &Path, more: &[&str]) -> Tree {
    let args = [Path::new("transcode"), input, out].map(|arg| arg.as_os_str());
    let done = process::run(programs::worker(), args.into_iter().chain(more.iter().map(|arg| arg.as_ref())));
    assert_eq!(done.code, Some(0), "{}: {}", input.display(), done.stderr);
    Tree::open(out)
}

/// Every check that holds for every tree.
fn check(tree: &Tree, expected: &Expected) {
    video::check(tree, expected);
    audio::check(tree, expected);
    let asset = documents::check(tree, expected);
    stills::check(tree, expected, &asset);
}
