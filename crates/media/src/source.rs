//! What a source is, as the plan sees it: plain values, no libav types.

use flodrama_asset::SubtitleKind;
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// The display that an HDR picture was made on (SMPTE ST 2086), in the units of HEVC and of ISO base media files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mastering {
    /// Chromaticities x and y of green, blue and red, in steps of 0.00002.
    pub primaries: [(u16, u16); 3],
    /// Of white.
    pub white: (u16, u16),
    /// Brightest, in 0.0001 cd/m².
    pub max_luminance: u32,
    /// Darkest, in 0.0001 cd/m².
    pub min_luminance: u32,
}

/// How bright the content gets (CTA-861.3), in cd/m².
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightLevel {
    /// The brightest pixel: MaxCLL.
    pub max: u16,
    /// The brightest frame on average: MaxFALL.
    pub max_average: u16,
}

/// What an HDR source says of itself beside its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HdrMetadata {
    /// The display that it was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mastering: Option<Mastering>,
    /// How bright it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light: Option<LightLevel>,
    /// True where it has Dolby Vision's metadata, over a picture that plays without.
    #[serde(default)]
    pub dolby_vision: bool,
    /// True where that picture is missing: only Dolby's decoders show the right colours.
    #[serde(default)]
    pub needs_dolby: bool,
}

/// What the two fields of a frame show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scanning {
    /// Frames are not stored as fields.
    #[default]
    Progressive,
    /// One moment: whole frames, stored as fields.
    WholeFrames,
    /// Two moments.
    Fields,
    /// Film of 24 frames a second, spread over 60 fields (3:2 pulldown).
    Pulldown,
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
    /// True where the picture is mirrored left to right before that.
    #[serde(default)]
    pub mirrored: bool,
    /// libav's pixel format name.
    pub pixel_format: String,
    /// Colour description.
    pub colour: Colour,
    /// Of HDR pictures alone.
    #[serde(default)]
    pub hdr: HdrMetadata,
    /// True where frames may be stored as two fields, as the file says.
    pub interlaced: bool,
    /// What the fields show.
    #[serde(default)]
    pub scanning: Scanning,
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
    /// What the packets say by themselves; H.264 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coded: Option<CodedVideo>,
}

/// What the packets of an H.264 track say without being decoded, to decide whether they can be published as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CodedVideo {
    /// `profile_idc` of ITU-T H.264 annex A, such as 100 for High; 0 where the parameter sets cannot be read.
    pub profile: u8,
    /// The byte of `constraint_set` flags.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// Width in pixels, after cropping.
    pub width: u32,
    /// Height in pixels, after cropping.
    pub height: u32,
    /// True for 4:2:0 with 8 bits a sample.
    pub is_420_8bit: bool,
    /// True where no picture can be stored as two fields.
    pub frames_only: bool,
    /// True where pixels are square, or the sets do not say.
    pub square_pixels: bool,
    /// Colour as the parameter sets tag it; `unknown` where they do not.
    pub colour: Colour,
    /// Sequence and picture parameter sets, counted.
    pub parameter_sets: u32,
    /// Packets in which a parameter set is not among those that the track began with.
    pub parameter_set_changes: u32,
    /// True where there are layers that a plain decoder does not know.
    pub layers: bool,
    /// Packets with a picture.
    pub pictures: u32,
    /// Packets without a presentation time.
    pub untimed_packets: u32,
    /// Packets that an edit list hides.
    pub hidden_packets: u32,
    /// Packets that are broken, or hold no picture.
    pub damaged_packets: u32,
    /// Keyframes that are no IDR pictures: groups of pictures that lean on the one before.
    pub open_keyframes: u32,
    /// Frames by which decoding order runs ahead of presentation.
    pub reorder_frames: u32,
    /// IDR pictures where the track can be cut, as numbers of frames in presentation order.
    pub idr_frames: Vec<u32>,
    /// Rates in kilobits a second and the least decoder buffer for each, in kilobits. Two digits a rate, ascending; at
    /// the last and above, the largest picture alone decides.
    pub buffers: Vec<(u32, u32)>,
}

impl CodedVideo {
    /// The decoder buffer that a rate needs, both in kilobits (a second); `None` where the rate is below the track's
    /// mean.
    pub fn buffer_kbit(&self, rate_kbps: u32) -> Option<u32> {
        // The next rate below needs no smaller buffer.
        self.buffers.iter().rev().find(|(rate, _)| *rate <= rate_kbps).map(|(_, kbit)| *kbit)
    }
}

/// What an audio track is for, the most general first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The programme.
    #[default]
    Main,
    /// The programme, with what is to be seen told in words.
    Description,
    /// The programme, mixed for those who hear badly.
    ClearDialogue,
    /// Somebody speaks about the programme.
    Commentary,
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
    /// Loudspeakers by libav's names, such as `FL`, channel by channel; none where the file does not say.
    #[serde(default)]
    pub speakers: Vec<String>,
    /// What the file marks it as.
    #[serde(default)]
    pub purpose: Purpose,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubtitleTrack {
    /// Stream index in the file.
    pub stream: usize,
    /// libav's codec name.
    pub codec: String,
    /// Language tag as the file has it, if any.
    pub language: Option<String>,
    /// Title as the file has it, if any.
    #[serde(default)]
    pub title: Option<String>,
    /// True where the file marks the track as one that nobody can do without.
    #[serde(default)]
    pub forced: bool,
    /// True where the file marks the track as made for the deaf and hard of hearing.
    #[serde(default)]
    pub hearing_impaired: bool,
    /// Packets with something in them.
    #[serde(default)]
    pub packets: u32,
}

/// A subtitle file beside the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SidecarTrack {
    /// Its name, by which it is told from the others.
    pub name: String,
    /// Language tag as the name has it, if any.
    pub language: Option<String>,
    /// What its name says that it is for.
    pub kind: SubtitleKind,
    /// What it holds, or a sentence that says why it cannot be read.
    pub text: Result<SidecarText, String>,
}

/// What a subtitle file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidecarText {
    /// libav's name of its format, such as `srt`.
    pub format: String,
    /// How its text is coded, such as `UTF-8`.
    pub encoding: String,
    /// Cues.
    pub cues: u32,
}

/// A chapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it begins, in seconds of the file's clock.
    pub start_s: f64,
    /// Where it ends, in seconds of the file's clock; none where the file does not say.
    pub end_s: Option<f64>,
    /// Title as the file has it, if any.
    pub title: Option<String>,
}

/// A jump of a transport stream's clock: another recording begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump {
    /// Place in the file as it was uploaded.
    pub byte: u64,
    /// What is added from there on to every clock value that the file has, in ticks of 90 kHz.
    pub shift_90k: i64,
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
    /// Subtitle files beside it, by name.
    #[serde(default)]
    pub sidecars: Vec<SidecarTrack>,
    /// Jumps of its clock, which what is told here knows nothing of: it is about the file on one clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jumps: Vec<Jump>,
    /// Chapters, in file order.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
}
