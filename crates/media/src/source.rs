//! What a source is, as the plan sees it: plain values, no libav types.

use serde::{Deserialize, Serialize};

/// A rational number, such as a frame rate or a time base. The denominator is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Numerator.
    pub num: i64,
    /// Denominator.
    pub den: i64,
}

impl Ratio {
    /// `num / den`.
    pub const fn new(num: i64, den: i64) -> Ratio {
        Ratio { num, den }
    }

    /// As a floating-point number.
    pub fn as_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

/// A keyframe of the source's video, where decoding can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyframe {
    /// Presentation time in the track's time base.
    pub pts: i64,
    /// Decoding time in the track's time base: what demuxers seek by.
    pub dts: i64,
}

/// Colour description, by the code points of ITU-T H.273 as libav names them (`bt709`, `smpte2084`, …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    /// Primaries.
    pub primaries: String,
    /// Transfer characteristics.
    pub transfer: String,
    /// Matrix coefficients.
    pub matrix: String,
    /// True where samples use the full range.
    pub full_range: bool,
}

/// The video track that will be encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoTrack {
    /// Stream index in the file.
    pub stream: usize,
    /// libav's codec name, such as `h264`.
    pub codec: String,
    /// Coded width in pixels.
    pub width: u32,
    /// Coded height in pixels.
    pub height: u32,
    /// Sample aspect ratio: the shape of one pixel.
    pub sample_aspect: Ratio,
    /// Clockwise rotation to apply for display, in degrees: 0, 90, 180 or 270.
    pub rotation: u32,
    /// libav's pixel format name.
    pub pixel_format: String,
    /// Colour description.
    pub colour: Colour,
    /// True where frames are stored as two fields.
    pub interlaced: bool,
    /// Ticks of the timestamps below, in seconds.
    pub time_base: Ratio,
    /// Mean frame rate that the container declares, if any.
    pub declared_rate: Option<Ratio>,
    /// Presentation times of all frames that are shown, ascending.
    pub pts: Vec<i64>,
    /// Presentation time at which the last frame ends.
    pub end_pts: i64,
    /// All keyframes in file order.
    pub keyframes: Vec<Keyframe>,
    /// Bytes of all packets.
    pub bytes: u64,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// Stream index in the file.
    pub stream: usize,
    /// libav's codec name.
    pub codec: String,
    /// Channel count.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// Language tag as the file has it, if any.
    pub language: Option<String>,
    /// Title as the file has it, if any.
    pub title: Option<String>,
    /// True where the file marks the track as default.
    pub default: bool,
    /// Time of the first packet, in seconds of the file's clock.
    pub start_s: f64,
}

/// A subtitle track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtitleTrack {
    /// Stream index in the file.
    pub stream: usize,
    /// libav's codec name.
    pub codec: String,
    /// Language tag as the file has it, if any.
    pub language: Option<String>,
}

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// libav's demuxer name.
    pub container: String,
    /// Title from the file's metadata, if any.
    pub title: Option<String>,
    /// Size of the file.
    pub bytes: u64,
    /// Duration that the container declares, in seconds.
    pub declared_duration_s: Option<f64>,
    /// The video track.
    pub video: VideoTrack,
    /// Audio tracks, in file order.
    pub audio: Vec<AudioTrack>,
    /// Subtitle tracks, in file order.
    pub subtitles: Vec<SubtitleTrack>,
}
