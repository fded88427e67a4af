//! End-to-end scenarios over the built programs, as black boxes.
//!
//! Nothing of the workspace is linked here: the programs are started, and what they publish is judged by ffmpeg,
//! ffprobe, Chromium, moto and a playlist reader of this test's own.

#![allow(clippy::unwrap_used)]

mod access;
mod api;
mod browser;
mod chaos;
mod check;
mod device;
mod edge_peer;
mod hostile;
mod isolation;
mod jobs;
mod media;
mod peer;
mod preview;
mod publish;
mod repo_rules;
mod sidecars;
mod signatures;
mod support;
mod up;
