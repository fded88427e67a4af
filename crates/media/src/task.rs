//! What the parent asks of a media child, and what the child answers. All of it is JSON on pipes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Keyframe, MediaError, Ratio, SourceInfo};

mod sound;

pub use sound::{AudioCodec, AudioTask, Loudness, LoudnessTarget};

/// One piece of work for one child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Say what the source is. Answers [`Output::Source`].
    Probe(Limits),
    /// Encode a sample in several sizes and qualities, and see what each costs. Answers [`Output::Sampled`].
    Sample(SampleTask),
    /// Encode a run of whole segments, all rungs. Answers [`Output::Written`].
    Chunk(ChunkTask),
    /// Encode one audio track from start to end. Answers [`Output::Written`].
    Audio(AudioTask),
    /// Make sprites and posters. Answers [`Output::Stills`].
    Stills(StillsTask),
    /// Demux finished renditions again. Needs no source. Answers [`Output::Verified`].
    Verify(Vec<VerifyTask>),
    /// Try an encoder for real. Needs no source. Answers [`Output::Tried`], or fails with the reason.
    TryEncoder(TrialTask),
}

/// What a source may be at most; anything over is refused before work starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Width × height of a frame.
    pub max_pixels: u64,
    /// Seconds.
    pub max_duration_s: f64,
    /// Tracks of any kind in one file.
    pub max_streams: u32,
}

/// How source time maps to output frames: frame `n` is shown at `origin_pts + n / rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// Output frames per second.
    pub rate: Ratio,
    /// Time of output frame 0.
    pub origin_pts: i64,
    /// Ticks of source time: the video track's time base, or half of it where fields become pictures.
    pub time_base: Ratio,
}

/// A media segment as a run of output frames, cut into closed GOPs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSpan {
    /// Number from 1 on, over the whole asset.
    pub number: u32,
    /// First output frame.
    pub first_frame: u64,
    /// Output frames of each GOP: an IDR frame begins each.
    pub gops: Vec<u64>,
}

impl SegmentSpan {
    /// Output frames of the segment.
    pub fn frames(&self) -> u64 {
        self.gops.iter().sum()
    }

    /// Output frames that begin a GOP.
    pub fn idr_frames(&self) -> impl Iterator<Item = u64> {
        self.gops.iter().scan(self.first_frame, |at, gop| {
            let begin = *at;
            *at += gop;
            Some(begin)
        })
    }

    /// Output frames of the I-frame rendition, of which there is one every `every` frames. Each segment begins with
    /// one; where less than half of the distance is left at its end, the one before stands for it.
    pub fn trick_frames(&self, every: u64) -> impl Iterator<Item = u64> {
        let count = ((2 * self.frames() + every) / (2 * every)).max(1);
        let first = self.first_frame;
        (0..count).map(move |i| first + i * every)
    }
}

/// Who decides about a rung's frames: see the media crate's module `lead`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its encoder alone.
    #[default]
    Alone,
    /// Its encoder, for the followers too.
    Leads,
    /// The leader's encoder: frame types, and quantiser offsets of the blocks.
    Follows,
}

/// A kind of device that encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// NVIDIA: NVDEC, CUDA scaling, NVENC.
    Cuda,
    /// Intel and AMD by libva.
    Vaapi,
    /// Intel by its Media SDK.
    Qsv,
}

/// A device that a chunk is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTask {
    /// Its kind; the machine's first of it is taken.
    pub kind: DeviceKind,
    /// Encoders that may be open at a time, 1 at least: with fewer than there are renditions, the chunk is decoded
    /// several times. Does not change the bits.
    pub sessions: u32,
}

/// Try an encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialTask {
    /// The encoder with size and options.
    pub rung: RungTask,
    /// Where its frames are; in main memory where there is none.
    pub device: Option<DeviceKind>,
}

/// One encoder and where its segments go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungTask {
    /// Height: also the name of the folder, `video/<height>p`.
    pub height: u32,
    /// Width.
    pub width: u32,
    /// libav encoder name.
    pub encoder: String,
    /// Every option of the encoder; one that it does not know fails the task.
    pub options: BTreeMap<String, String>,
    /// Who decides about its frames.
    #[serde(default)]
    pub role: Role,
}

/// Stands where an encoder's name would, for a rung that is not encoded.
pub const COPY: &str = "copy";

/// A rung whose pictures are the source's own: its packets are taken over as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyTask {
    /// Height: also the name of the folder, `video/<height>p`.
    pub height: u32,
    /// Width.
    pub width: u32,
    /// Frames by which decoding order runs ahead of presentation, over the whole track.
    pub reorder_frames: u32,
}

/// The I-frame rendition of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrickTask {
    /// Its encoder; the size is one of the rungs', whose frames it takes. The folder is `trick/<height>p`.
    pub rung: RungTask,
    /// One I-frame every so many output frames, from the begin of each segment on.
    pub every_frames: u64,
}

/// Encode a run of whole segments of every rung from one decode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkTask {
    /// Folder that receives the published tree.
    pub out: PathBuf,
    /// Number of the chunk from 0 on.
    pub index: u32,
    /// Rungs that are encoded at a time. Changes no bit.
    #[serde(default)]
    pub threads: u32,
    /// Source limits, checked again: the child trusts nothing that it opens.
    pub limits: Limits,
    /// Stream index.
    pub stream: usize,
    /// Where decoding begins.
    pub seek: Keyframe,
    /// Presentation time of the first frame that is needed: those before it are decoded for its sake alone.
    pub needed_from: i64,
    /// Source time to output frames.
    pub cadence: Cadence,
    /// Make a picture of each field.
    #[serde(default)]
    pub deinterlace: bool,
    /// libav filter chain from decoded frames to the largest rung; empty where frames already fit.
    pub prepare: String,
    /// The segments, consecutive.
    pub segments: Vec<SegmentSpan>,
    /// The rung above all others that is not encoded; the source has an IDR frame where each segment begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyTask>,
    /// The rungs, largest first: each is scaled from the one before.
    pub rungs: Vec<RungTask>,
    /// The I-frame rendition.
    pub trick: Option<TrickTask>,
    /// The device that decodes, scales and encodes; none for encoders of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceTask>,
}

/// Encode a sample of the source in several sizes and qualities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleTask {
    /// Source limits.
    pub limits: Limits,
    /// Stream index.
    pub stream: usize,
    /// Where decoding begins.
    pub seek: Keyframe,
    /// Presentation time of the first frame that is needed: those before it are decoded for its sake alone.
    pub needed_from: i64,
    /// Source time to output frames.
    pub cadence: Cadence,
    /// Make a picture of each field.
    #[serde(default)]
    pub deinterlace: bool,
    /// libav filter chain from decoded frames to the size that all trials are compared in.
    pub prepare: String,
    /// First output frame of the sample.
    pub first_frame: u64,
    /// Output frames of the sample, one GOP.
    pub frames: u64,
    /// One frame in so many is compared.
    pub compare_every: u64,
    /// What is tried, trials of one size side by side.
    pub trials: Vec<Trial>,
}

/// One encoder that a sample is tried with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The rate factor, as the preset counts: the encoder's options have it in their own terms.
    pub crf: f64,
    /// Encoder and size.
    pub rung: RungTask,
}

/// Make sprites and posters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StillsTask {
    /// Folder that receives the published tree.
    pub out: PathBuf,
    /// Source limits.
    pub limits: Limits,
    /// Stream index.
    pub stream: usize,
    /// The I-frame rendition, for the tiles: its initialisation section, then its segments.
    pub trick: Vec<PathBuf>,
    /// All keyframes, to seek by.
    pub keyframes: Vec<Keyframe>,
    /// Start of the presentation in the video track's time base.
    pub origin_pts: i64,
    /// The video track's time base.
    pub time_base: Ratio,
    /// Frames are two fields of different moments.
    #[serde(default)]
    pub deinterlace: bool,
    /// libav filter chain for orientation and colour; empty where none is needed.
    pub prepare: String,
    /// Size of the picture for display, in square pixels.
    pub display: (u32, u32),
    /// Size of one tile.
    pub tile: (u32, u32),
    /// Columns and rows of a full sheet.
    pub layout: (u32, u32),
    /// Milliseconds that one tile stands for.
    pub interval_ms: u64,
    /// Tiles in all.
    pub tiles: u32,
    /// Poster widths that are named in the tree.
    pub poster_widths: Vec<u32>,
}

/// Demux a finished rendition again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyTask {
    /// Initialisation section, then the segments in order.
    pub files: Vec<PathBuf>,
    /// True for video: every segment must begin with an IDR frame.
    pub video: bool,
}

/// A line that a child prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// So many units are done: output frames of a chunk, milliseconds of audio, tiles.
    Progress(u64),
    /// A rendition's initialisation section is on disk: said by the task that writes it, before the first segment.
    Track(TrackWritten),
    /// A segment is complete on disk.
    Segment(SegmentWritten),
    /// The task is done; the last line.
    Done(Box<Output>),
    /// The task failed; the last line.
    Failed(MediaError),
}

/// What a task gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Of [`Task::Probe`].
    Source(Box<SourceInfo>),
    /// Of [`Task::Sample`].
    Sampled(Sampled),
    /// Of [`Task::Chunk`] and [`Task::Audio`]; the segments came as events.
    Written(Written),
    /// Of [`Task::Stills`].
    Stills(StillsWritten),
    /// Of [`Task::Verify`], in its order.
    Verified(Vec<Verified>),
    /// Of [`Task::TryEncoder`]: what was done, in words.
    Tried(String),
}

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
    /// Of sound whose loudness was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
    /// CPU time of the child, in milliseconds.
    pub cpu_ms: u64,
    /// Peak resident memory of the child, in KiB.
    pub peak_kib: u64,
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
