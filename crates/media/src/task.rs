//! What the parent asks of a media child, and what the child answers. All of it is JSON on pipes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::subtitles::task::{SubtitlesTask, SubtitlesWritten, TextSource};
pub use results::*;

use crate::confine::{Confined, Confinement};
use crate::{HdrMetadata, Jump, Keyframe, MediaError, Ratio, SidecarText, SourceInfo};

mod results;

mod sound;

pub use sound::{AudioCodec, AudioTask, Loudness, LoudnessTarget};

/// What a child is given: a task, and what it may use for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// What the child is held to before it begins.
    pub confinement: Confinement,
    /// The work.
    pub task: Task,
}

/// One piece of work for one child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Bring a transport stream whose clock jumps onto one clock. Answers [`Output::Jumps`].
    Jumps(JumpsTask),
    /// Say what the source is. Answers [`Output::Source`].
    Probe(Limits),
    /// Encode a sample in several sizes and qualities, and see what each costs. Answers [`Output::Sampled`].
    Sample(SampleTask),
    /// Encode a run of whole segments, all rungs. Answers [`Output::Written`].
    Chunk(ChunkTask),
    /// Encode one audio track from start to end. Answers [`Output::Written`].
    Audio(AudioTask),
    /// Say what a subtitle file holds. Its source is that file. Answers [`Output::Sidecar`].
    Sidecar,
    /// Make WebVTT of a subtitle track or file. Answers [`Output::Subtitles`].
    Subtitles(SubtitlesTask),
    /// Make sprites and posters. Answers [`Output::Stills`].
    Stills(StillsTask),
    /// Demux finished renditions again. Needs no source. Answers [`Output::Verified`].
    Verify(Vec<VerifyTask>),
    /// Try an encoder for real. Needs no source. Answers [`Output::Tried`], or fails with the reason.
    TryEncoder(TrialTask),
    /// Say what holds a child on this machine. Needs no source. Answers [`Output::Confined`].
    Confine,
}

impl Task {
    /// True for one that works on a device.
    pub fn is_on_device(&self) -> bool {
        match self {
            Task::Chunk(chunk) => chunk.device.is_some(),
            Task::TryEncoder(trial) => trial.device.is_some(),
            _ => false,
        }
    }
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

/// Where the source goes that a clock jumps in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JumpsTask {
    /// Folder for the file on one clock, [`JumpsTask::FILE`]. It is written only where there are jumps.
    pub out: PathBuf,
}

impl JumpsTask {
    /// Name of the file.
    pub const FILE: &str = "one-clock.ts";
}

/// How source time maps to output frames: frame `n` is shown at `origin_pts + n / rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// Output frames per second.
    pub rate: Ratio,
    /// Time of output frame 0.
    pub origin_pts: i64,
    /// Ticks of source time: the video track's time base, or a part of it ([`PicturesOf::parts`]).
    pub time_base: Ratio,
}

/// What pictures are made of a source's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PicturesOf {
    /// Each frame is one.
    #[default]
    Frames,
    /// Each field becomes one.
    Fields,
    /// Four in five frames: film without its pulldown.
    Film,
}

impl PicturesOf {
    /// Ticks of a picture's time for one of the track's: pictures are shown between frames.
    pub fn parts(self) -> i64 {
        match self {
            PicturesOf::Frames => 1,
            PicturesOf::Fields => 2,
            PicturesOf::Film => 4,
        }
    }
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
    /// Ten bits a sample instead of eight.
    #[serde(default)]
    pub ten_bit: bool,
}

/// The curve of an HDR picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HdrTransfer {
    /// SMPTE ST 2084: HDR10.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

/// What players must know of HDR pictures: every initialisation section and every segment says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hdr {
    /// The curve. Primaries and matrix are those of BT.2020.
    pub transfer: HdrTransfer,
    /// Of the source.
    pub metadata: HdrMetadata,
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
    /// What pictures are made of the frames.
    #[serde(default)]
    pub pictures: PicturesOf,
    /// libav filter chain from decoded frames to the largest rung; empty where frames already fit.
    pub prepare: String,
    /// The segments, consecutive.
    pub segments: Vec<SegmentSpan>,
    /// The rung above all others that is not encoded; the source has an IDR frame where each segment begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyTask>,
    /// Name of the ladder, where it is not the main one: part of its rungs' folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<String>,
    /// Of ladders that keep HDR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdr: Option<Hdr>,
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
    /// What pictures are made of the frames.
    #[serde(default)]
    pub pictures: PicturesOf,
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
    /// What pictures are made of the frames.
    #[serde(default)]
    pub pictures: PicturesOf,
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
    /// Of [`Task::Jumps`]: in the order of the file; empty where the clock is one.
    Jumps(Vec<Jump>),
    /// Of [`Task::Probe`].
    Source(Box<SourceInfo>),
    /// Of [`Task::Sample`].
    Sampled(Sampled),
    /// Of [`Task::Chunk`] and [`Task::Audio`]; the segments came as events.
    Written(Written),
    /// Of [`Task::Sidecar`].
    Sidecar(SidecarText),
    /// Of [`Task::Subtitles`].
    Subtitles(SubtitlesWritten),
    /// Of [`Task::Stills`].
    Stills(StillsWritten),
    /// Of [`Task::Verify`], in its order.
    Verified(Vec<Verified>),
    /// Of [`Task::TryEncoder`]: what was done, in words.
    Tried(String),
    /// Of [`Task::Confine`].
    Confined(Confined),
}
