//! The JSON documents in the bucket that one part writes and another reads. Times are RFC 3339, UTC.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{AssetId, ErrorKind, SourceRef, SubtitleKind, Version};

/// `vod/<asset>/current.json`: which version viewers get. Moved by one conditional write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The live version.
    pub version: Version,
    /// The version that was live before, kept so that a rollback is one write.
    pub previous: Option<Version>,
    /// When the pointer moved here.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
    /// The upload that the live version was made from; after a rollback the newest one, which stays the measure.
    pub source: SourceRef,
    /// The version of `source` that was rolled back, until another upload is published: nothing made of that upload comes
    /// back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Version>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Uploaded, not begun.
    Queued,
    /// A worker is on it.
    Running,
    /// Viewers can play it.
    Published,
    /// Ended without a publication; `reason` says why.
    Failed,
}

/// Who may play an episode while it is still being encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EarlyPlay {
    /// Members of the groups that the edge is told of; viewers only see complete episodes.
    #[default]
    Editors,
    /// Whoever is signed in.
    Viewers,
    /// Nobody: no preview is made.
    Nobody,
}

/// A preview that plays: `vod/<asset>/<version>/preview/main.m3u8`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Who may play it.
    pub early_play: EarlyPlay,
    /// How much of the episode it holds so far, in milliseconds.
    pub playable_ms: u64,
    /// How long the episode will be, in milliseconds.
    pub duration_ms: u64,
}

/// What one rung costs so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RungProgress {
    /// Folder name, such as `720p`.
    pub name: String,
    /// Kilobits a second, on average over the segments that are complete.
    pub kbps: f64,
}

/// `jobs/<asset>/<version>/progress.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The asset.
    pub asset: AssetId,
    /// The version being made.
    pub version: Version,
    /// Where the job stands.
    pub state: JobState,
    /// What is being done, in one word: `fetch`, `probe`, `encode`, `package`, `proof`, `publish`, `done`; `waiting` where
    /// the worker will try again.
    pub stage: String,
    /// 0 to 100.
    pub percent: f64,
    /// Seconds of video encoded in a second of time; once it can be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds until encoding ends, while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<f64>,
    /// Rates of the rungs so far, largest rung first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<RungProgress>,
    /// The preview, once it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Why it failed or waits, in a sentence for the content team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The upload that the job is for.
    pub source: SourceRef,
    /// When this was written.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// `jobs/<asset>/<version>/failure.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The asset.
    pub asset: AssetId,
    /// The version that was not made.
    pub version: Version,
    /// Stable code.
    pub code: ErrorKind,
    /// One sentence for the content team.
    pub message: String,
    /// The chain of causes, for engineers.
    pub detail: String,
    /// The upload.
    pub source: SourceRef,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub failed_at: OffsetDateTime,
}

/// `asset.json`: what a catalogue or a player page wants to know about a published version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetDocument {
    /// Title for people, from the file's metadata or its name.
    pub title: String,
    /// Duration of the presentation in milliseconds.
    pub duration_ms: u64,
    /// Video renditions, largest first.
    pub renditions: Vec<Rendition>,
    /// Audio renditions.
    pub audio: Vec<AudioRendition>,
    /// Subtitle renditions.
    pub subs: Vec<SubtitleRendition>,
    /// Chapters, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chapters: Vec<Chapter>,
    /// Posters, smallest first.
    pub posters: Vec<Poster>,
    /// Base64 of a ThumbHash of the poster: a blurred stand-in while it loads.
    pub thumbhash: String,
}

/// A video rendition of an [`AssetDocument`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendition {
    /// Folder name, such as `720p`.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// RFC 6381 codecs string.
    pub codecs: String,
    /// Dynamic range, as HLS names it: `SDR`, `PQ` or `HLG`.
    #[serde(default = "sdr")]
    pub video_range: String,
    /// Measured peak segment rate, bits per second.
    pub bandwidth: u64,
    /// Measured mean rate, bits per second.
    pub average_bandwidth: u64,
}

/// What all renditions were before there were others.
fn sdr() -> String {
    "SDR".to_owned()
}

/// An audio rendition of an [`AssetDocument`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioRendition {
    /// Folder name, such as `en-2`.
    pub name: String,
    /// BCP 47 tag; `und` where unknown.
    pub language: String,
    /// Channel count.
    pub channels: u32,
    /// RFC 6381 codecs string.
    pub codecs: String,
}

/// A subtitle rendition of an [`AssetDocument`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtitleRendition {
    /// BCP 47 tag; `und` where unknown.
    pub language: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub kind: SubtitleKind,
    /// Path of its playlist below the version's folder.
    pub playlist: String,
    /// Cues in it.
    pub cues: u32,
}

/// A chapter of an [`AssetDocument`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it begins, in milliseconds of the presentation.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// Title for people.
    pub title: String,
}

/// A poster of an [`AssetDocument`]. Never enlarged: where the picture is smaller than the name says, `width` and
/// `height` are the picture's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poster {
    /// Path of the JPEG below the version's folder.
    pub jpeg: String,
    /// Path of the WebP below the version's folder.
    pub webp: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_reads_as_the_contract_says() {
        let json = r#"{"version":"v0123456789abcdef","previous":null,"published_at":"2026-11-22T10:00:00Z",
            "source":{"bucket":"b","key":"uploads/demo.mp4","etag":"e","version_id":"x","sequencer":"00"}}"#;
        let pointer: Pointer = serde_json::from_str(json).expect("pointer");
        assert_eq!(pointer.previous, None);
        let again = serde_json::to_string(&pointer).expect("json");
        assert!(again.contains(r#""published_at":"2026-11-22T10:00:00Z""#), "{again}");
    }
}
