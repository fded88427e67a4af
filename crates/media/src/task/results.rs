//! What tasks give.

use serde::{Deserialize, Serialize};

use super::Loudness;

/// A segment on disk. The seam between media and playlists: playlist code needs nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentWritten {
    /// Path below the published tree, such as `video/720p/00001.m4s`.
    pub path: String,
    /// Folder of its rendition, such as `video/720p`.
    pub track: String,
    /// Number from 1 on.
    pub number: u32,
    /// Ticks per second of `start` and `duration`.
    pub timescale: u32,
    /// Presentation start.
    pub start: u64,
    /// Duration.
    pub duration: u64,
    /// Samples: frames of video, access units of audio.
    pub samples: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// Of an I-frame rendition: each frame's fragment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iframes: Vec<IFrame>,
}

/// One I-frame's fragment (`moof` and `mdat`) inside a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IFrame {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// Ticks until the next I-frame.
    pub duration: u64,
}

/// A rendition that a task wrote segments of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackWritten {
    /// Folder, such as `video/720p`.
    pub track: String,
    /// RFC 6381 codecs string, from the decoder configuration.
    pub codecs: String,
    /// SHA-256 of the initialisation section: every chunk of a rendition must give the same.
    pub init_sha256: String,
    /// Bytes of the initialisation section.
    pub init_bytes: u64,
}

/// What a chunk or audio task wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Renditions.
    pub tracks: Vec<TrackWritten>,
    /// Source frames that were decoded and shown.
    pub source_frames: u64,
    /// Output frames that repeat the one before, because the source had none for their time.
    pub repeated_frames: u64,
    /// Packets of the source that could not be decoded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_packets: u64,
    /// Of sound whose loudness was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
    /// CPU time of the child, in milliseconds.
    pub cpu_ms: u64,
    /// Peak resident memory of the child, in KiB.
    pub peak_kib: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What the trials of a sample gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// One for each trial, in its order.
    pub measured: Vec<Measured>,
    /// CPU time of the child, in milliseconds.
    pub cpu_ms: u64,
    /// Peak resident memory of the child, in KiB.
    pub peak_kib: u64,
}

/// What one size and rate factor costs, and how good it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The rate factor.
    pub crf: f64,
    /// Coded pictures, kilobits a second.
    pub kbps: f64,
    /// 0 to 100, about VMAF: see the media crate's module `quality`.
    pub quality: f64,
}

/// What a stills task wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StillsWritten {
    /// Files below the published tree and their sizes in bytes.
    pub files: Vec<(String, u64)>,
    /// Tiles on each sheet, in order.
    pub sheets: Vec<u32>,
    /// Width and height of each poster, in the order of the task's widths.
    pub posters: Vec<(u32, u32)>,
    /// Time of the poster frame in milliseconds.
    pub poster_ms: u64,
    /// Why this frame.
    pub poster_reason: String,
    /// Base64 of the poster's ThumbHash.
    pub thumbhash: String,
    /// CPU time of the child, in milliseconds.
    pub cpu_ms: u64,
    /// Peak resident memory of the child, in KiB.
    #[serde(default)]
    pub peak_kib: u64,
}

/// What demuxing a rendition again found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Samples read.
    pub samples: u64,
    /// First presentation time in seconds, after edit lists.
    pub start_s: f64,
    /// End of the last sample in seconds, after edit lists.
    pub end_s: f64,
    /// Plain sentences, one per rule that is broken: empty is good.
    pub faults: Vec<String>,
}
