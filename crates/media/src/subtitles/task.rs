//! What is asked of a subtitles task, and what it answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::task::Limits;

/// Where text comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextSource {
    /// A track of the source, by stream index.
    Stream(usize),
    /// A subtitle file, by name: it is the task's source.
    Sidecar(String),
}

/// Make WebVTT of a subtitle track or file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtitlesTask {
    /// Folder that receives the published tree.
    pub out: PathBuf,
    /// Source limits.
    pub limits: Limits,
    /// What is read.
    pub from: TextSource,
    /// File below the published tree.
    pub path: String,
    /// Start of the presentation in seconds of the source's clock.
    pub origin_s: f64,
    /// Length of the presentation in milliseconds: what is said before or after it is left out.
    pub duration_ms: u64,
}

/// What a subtitles task wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubtitlesWritten {
    /// The file below the published tree and its size in bytes; none where nothing is left to show.
    pub file: Option<(String, u64)>,
    /// Why there is no file, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Cues in the file.
    pub cues: u32,
    /// Cues of the source that cannot be read or are too long to be one.
    pub lost: u32,
    /// CPU time of the child, in milliseconds.
    pub cpu_ms: u64,
    /// Peak resident memory of the child, in KiB.
    pub peak_kib: u64,
}
