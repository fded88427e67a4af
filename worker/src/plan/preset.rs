//! Presets: ladders and encoder settings as data. `presets/README.md` documents every field.

use std::collections::BTreeMap;
use std::path::Path;

use flodrama_asset::document::EarlyPlay;
use flodrama_media::task::AudioCodec;
use serde::{Deserialize, Serialize};

use super::family::Family;

mod beside;

pub use beside::{BesidePreset, BesideRange};

/// The presets that ship with the worker, by name.
const SHIPPED: [(&str, &str); 5] = [
    ("web-h264", include_str!("../../../presets/web-h264.toml")),
    ("web-h264-per-title", include_str!("../../../presets/web-h264-per-title.toml")),
    ("web-h264-hevc", include_str!("../../../presets/web-h264-hevc.toml")),
    ("web-hevc", include_str!("../../../presets/web-hevc.toml")),
    ("web-av1", include_str!("../../../presets/web-av1.toml")),
];

/// The preset that is used where none is named.
pub const DEFAULT: &str = "web-h264";

/// A ladder and the settings of everything that is made beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name for people and reports.
    pub name: String,
    /// Who may play an episode while it is being encoded. No part of the version: it decides no byte of it.
    #[serde(default, skip_serializing)]
    pub early_play: EarlyPlay,
    /// Video renditions.
    pub video: VideoPreset,
    /// The I-frame rendition.
    pub trick: TrickPreset,
    /// Audio renditions.
    pub audio: AudioPreset,
    /// Sprites and posters.
    pub stills: StillsPreset,
}

/// Video renditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoPreset {
    /// libav encoder name.
    pub encoder: String,
    /// Frames per second at most; higher rates are divided by a whole number.
    pub max_frame_rate: u32,
    /// Seconds from one IDR frame to the next, to the nearest whole frame.
    pub gop_s: u32,
    /// GOPs in one segment.
    pub segment_gops: u32,
    /// True where a source whose pictures keep the rules of the top rung is published as it is, not encoded again.
    #[serde(default)]
    pub passthrough: bool,
    /// Segments in one chunk, the unit of encoding. Never depends on the machine: it decides the bits.
    pub chunk_segments: u32,
    /// Options of the encoder for every rung.
    pub options: BTreeMap<String, String>,
    /// One analysis for all rungs; without it each rung's encoder looks ahead for itself.
    #[serde(default)]
    pub analysis: Option<AnalysisPreset>,
    /// A ladder for each title; without it the rungs are the ladder of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_title: Option<PerTitlePreset>,
    /// Rungs, largest first. Per title, their caps alone count.
    pub rungs: Vec<RungPreset>,
    /// Ladders beside this one, for players that can do more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesidePreset>,
}

/// What is wrong with a ladder.
fn rungs_fault(rungs: &[RungPreset]) -> Option<&'static str> {
    if rungs.is_empty() {
        return Some("the rungs of a ladder are empty");
    }
    if !rungs.is_sorted_by(|a, b| a.width >= b.width && a.height >= b.height) {
        return Some("the rungs of a ladder must go from the largest to the smallest");
    }
    if rungs.iter().any(|r| r.width < 16 || r.height < 16 || r.max_kbps == 0 || r.buffer_kbit == 0) {
        return Some("a rung needs at least 16×16 pixels, a cap and a buffer");
    }
    None
}

/// What a ladder for each title is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerTitlePreset {
    /// The top rung is so good and no better: 0 to 100, about VMAF.
    pub target_quality: f64,
    /// Rate of the bottom rung, kilobits a second: what the weakest networks carry.
    pub floor_kbps: f64,
    /// Ratio of the rates of neighbours, at least.
    pub least_step: f64,
    /// Ratio of the rates of neighbours, at most.
    pub most_step: f64,
    /// Rungs at most.
    pub max_rungs: u32,
    /// A rung's cap is at most so many times its expected rate.
    pub peak: f64,
    /// Heights of the boxes (16:9) that a rung may have, largest first. Every second one is measured.
    pub heights: Vec<u32>,
    /// Rate factors that are measured, best first; rungs lie between the first and the last.
    pub crfs: Vec<f64>,
    /// Samples at most, each of one GOP.
    pub samples: u32,
}

/// Which rung looks ahead for all, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisPreset {
    /// The largest rung no higher than this leads (no wider, for portrait).
    pub max_height: u32,
    /// Rungs lower than this (narrower, for portrait) look ahead for themselves.
    #[serde(default)]
    pub min_height: u32,
    /// Options of the leading rung, beside those of all rungs.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungPreset {
    /// Width of the box that the picture is fitted into, in pixels.
    pub width: u32,
    /// Height of the box.
    pub height: u32,
    /// Constant rate factor: quality, lower is better.
    pub crf: f64,
    /// Cap of the rate, kilobits a second.
    pub max_kbps: u32,
    /// Size of the decoder's buffer over which the cap holds, kilobits.
    pub buffer_kbit: u32,
    /// Options of the encoder for this rung, beside those of all rungs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// The I-frame rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrickPreset {
    /// It takes the frames of the largest rung that is no higher than this (or no wider, for portrait).
    pub max_height: u32,
    /// Seconds from one I-frame to the next, to the nearest whole frame.
    pub every_s: u32,
    /// Constant rate factor.
    pub crf: f64,
    /// Cap of the rate, kilobits a second.
    pub max_kbps: u32,
    /// Size of the buffer over which the cap holds, kilobits.
    pub buffer_kbit: u32,
}

/// Audio renditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioPreset {
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels: 1 or 2.
    pub channels: u32,
    /// Kilobits a second.
    pub kbps: u32,
    /// Integrated loudness that every rendition is brought to, in LUFS; without it levels stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
    /// Highest true peak of what is published, in dB of full scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_peak_dbtp: Option<f64>,
    /// 5.1 beside the channels above, where the source has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surround: Option<SurroundPreset>,
}

/// Renditions in 5.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurroundPreset {
    /// How they are coded.
    pub codec: AudioCodec,
    /// Kilobits a second.
    pub kbps: u32,
}

/// Sprites and posters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StillsPreset {
    /// Width of a tile in pixels (height, for portrait).
    pub tile_width: u32,
    /// Columns of a sprite sheet.
    pub columns: u32,
    /// Rows of a sprite sheet.
    pub rows: u32,
    /// Tiles at most, unless the longest interval gives more.
    pub max_tiles: u32,
    /// Seconds that a tile may stand for, ascending: the shortest that keeps to `max_tiles` is taken.
    pub intervals_s: Vec<u32>,
    /// Poster widths in pixels, ascending.
    pub poster_widths: Vec<u32>,
}

/// The preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// No shipped preset and no file of this name.
    #[error("there is no preset '{0}' (shipped: {names}; or name a .toml file)", names = shipped_names())]
    Unknown(String),
    /// The file cannot be read.
    #[error("the preset file {0} cannot be read")]
    Read(String, #[source] std::io::Error),
    /// The file is not a preset.
    #[error("the preset {0} is not valid: {1}")]
    Parse(String, #[source] toml::de::Error),
    /// The values contradict each other.
    #[error("the preset {0} is not valid: {1}")]
    Invalid(String, &'static str),
}

impl Preset {
    /// A shipped preset by its name, or a file whose name ends in `.toml`.
    pub fn load(name: &str) -> Result<Preset, PresetError> {
        let text = match SHIPPED.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => (*text).to_owned(),
            None if name.ends_with(".toml") => {
                std::fs::read_to_string(Path::new(name)).map_err(|e| PresetError::Read(name.to_owned(), e))?
            }
            None => return Err(PresetError::Unknown(name.to_owned())),
        };
        Preset::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Preset, PresetError> {
        let preset: Preset = toml::from_str(text).map_err(|e| PresetError::Parse(name.to_owned(), e))?;
        let invalid = |why| Err(PresetError::Invalid(name.to_owned(), why));
        let video = &preset.video;
        if Family::of_encoder(&video.encoder).is_none() {
            return invalid("video.encoder is none of a family: libx264, libx265 or libsvtav1");
        }
        if let Some(why) = rungs_fault(&video.rungs) {
            return invalid(why);
        }
        if let Some(why) = video.beside.iter().find_map(BesidePreset::fault) {
            return invalid(why);
        }
        let mut names: Vec<&str> = video.beside.iter().map(|ladder| ladder.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return invalid("each ladder of video.beside has a name of its own");
        }
        if [video.gop_s, video.segment_gops, video.chunk_segments, video.max_frame_rate].contains(&0) {
            return invalid("gop_s, segment_gops, chunk_segments and max_frame_rate start at 1");
        }
        let is_off = |mode: &String| mode == "0" || mode == "none";
        if video.analysis.is_some() && video.each_options().any(|all| all.get("aq-mode").is_some_and(is_off))
        {
            return invalid(
                "video.analysis needs x264's adaptive quantisation: what one rung finds reaches others by it",
            );
        }
        if video.analysis.is_some() && video.encoder != "libx264" {
            return invalid("video.analysis needs libx264: it is x264 that notes what it finds");
        }
        if video.encoder == "libx264" && video.each_options().any(|options| may_refine_intra_modes(&options))
        {
            return invalid(
                "x264 gives other bytes from run to run where subq is 8 or more, as its presets have it from slow on: \
                 set the option subq to 7 or less, and not in x264-params",
            );
        }
        if let Some(why) = video.per_title.as_ref().and_then(PerTitlePreset::fault) {
            return invalid(why);
        }
        if preset.trick.every_s == 0 || !video.gop_s.is_multiple_of(preset.trick.every_s) {
            return invalid("trick.every_s must divide video.gop_s");
        }
        if let Some(why) = preset.audio.fault() {
            return invalid(why);
        }
        let stills = &preset.stills;
        if stills.intervals_s.is_empty() || stills.intervals_s.contains(&0) || !stills.intervals_s.is_sorted()
        {
            return invalid("stills.intervals_s must be ascending and start at 1 or more");
        }
        if [stills.tile_width, stills.columns, stills.rows, stills.max_tiles].contains(&0) {
            return invalid("stills.tile_width, columns, rows and max_tiles start at 1");
        }
        if stills.poster_widths.is_empty() || !stills.poster_widths.is_sorted() {
            return invalid("stills.poster_widths must be ascending and not empty");
        }
        Ok(preset)
    }

    /// The family of the preset's own encoder: what encodes where no device does.
    pub fn family(&self) -> &'static Family {
        Family::of_encoder(&self.video.encoder).expect("looked up when the preset was read")
    }

    /// What a version is derived from: the resolved preset as JSON, and how the encoders of ladders beside the main one
    /// are set.
    pub fn identity(&self) -> String {
        let preset = serde_json::to_string(self).expect("a preset has no map with keys other than text");
        let families = self.video.beside.iter().map(|ladder| ladder.family().identity());
        std::iter::once(preset).chain(families).collect::<Vec<_>>().join("\n")
    }
}

impl VideoPreset {
    /// The options that encoders are opened with: of all rungs, and with what the leader and each rung add.
    fn each_options(&self) -> impl Iterator<Item = BTreeMap<String, String>> {
        let added = self.analysis.iter().map(|a| &a.options).chain(self.rungs.iter().map(|r| &r.options));
        let with = |added: &BTreeMap<String, String>| {
            let mut options = self.options.clone();
            options.extend(added.clone());
            options
        };
        std::iter::once(self.options.clone()).chain(added.map(with))
    }
}

/// True where x264 may choose intra modes by rate and distortion once more: it then compares with costs that it did not
/// always compute (r3095, `intra_rd_refine`), so the bytes depend on what memory held before.
fn may_refine_intra_modes(options: &BTreeMap<String, String>) -> bool {
    /// x264's presets below the first one that does so.
    const FAST: [&str; 6] = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"];
    const MOST: u32 = 7;
    // Parameters in x264's own words could set it behind our back.
    let says_more = |key: &str| options.get(key).is_some_and(|p| p.contains("subme") || p.contains("subq"));
    let is_low = match options.get("subq") {
        Some(level) => level.parse().is_ok_and(|level: u32| level <= MOST),
        None => options.get("preset").is_none_or(|preset| FAST.contains(&preset.as_str())),
    };
    !is_low || says_more("x264-params") || says_more("x264opts")
}

impl PerTitlePreset {
    /// What contradicts itself.
    fn fault(&self) -> Option<&'static str> {
        let rules = [
            (
                self.target_quality > 0.0 && self.target_quality <= 100.0,
                "video.per_title.target_quality is above 0 and at most 100",
            ),
            (self.floor_kbps >= 1.0, "video.per_title.floor_kbps starts at 1"),
            (
                self.least_step >= 1.1 && self.least_step < self.most_step && self.most_step <= 4.0,
                "video.per_title.least_step starts at 1.1 and is below most_step, which is at most 4",
            ),
            ((2..=12).contains(&self.max_rungs), "video.per_title.max_rungs is 2 to 12"),
            (self.peak >= 1.0, "video.per_title.peak starts at 1"),
            (
                self.heights.len() >= 2 && self.heights.is_sorted_by(|a, b| a > b),
                "video.per_title.heights are two or more, each smaller than the one before",
            ),
            (
                self.heights.iter().all(|h| *h >= 16 && h.is_multiple_of(2)),
                "video.per_title.heights are even and start at 16",
            ),
            (
                self.crfs.len() >= 2
                    && self.crfs.is_sorted_by(|a, b| a < b)
                    && self.crfs.iter().all(|crf| *crf > 0.0 && *crf <= 63.0),
                "video.per_title.crfs are two or more, above 0, at most 63, each larger than the one before",
            ),
            ((1..=100).contains(&self.samples), "video.per_title.samples is 1 to 100"),
        ];
        rules.into_iter().find(|(kept, _)| !kept).map(|(_, why)| why)
    }
}

impl AudioPreset {
    /// What contradicts itself.
    fn fault(&self) -> Option<&'static str> {
        let within =
            |value: Option<f64>, least: f64, most: f64| value.is_none_or(|v| least <= v && v <= most);
        let surround_rate = |s: &SurroundPreset| match s.codec {
            AudioCodec::Aac => (64..=1024).contains(&s.kbps),
            AudioCodec::Ac3 => [192, 224, 256, 320, 384, 448, 512, 576, 640].contains(&s.kbps),
        };
        let is_ac3 = self.surround.as_ref().is_some_and(|s| s.codec == AudioCodec::Ac3);
        let rules = [
            ((1..=2).contains(&self.channels), "audio.channels is 1 or 2"),
            (within(self.loudness_lufs, -36.0, -10.0), "audio.loudness_lufs is from -36 to -10"),
            (within(self.true_peak_dbtp, -9.0, 0.0), "audio.true_peak_dbtp is from -9 to 0"),
            (
                self.true_peak_dbtp.is_none() || self.loudness_lufs.is_some(),
                "audio.true_peak_dbtp needs audio.loudness_lufs",
            ),
            (
                self.surround.as_ref().is_none_or(surround_rate),
                "audio.surround.kbps is 64 to 1024 for aac, and for ac3 one of 192, 224, 256, 320, 384, 448, 512, 576, 640",
            ),
            (
                !is_ac3 || [32_000, 44_100, 48_000].contains(&self.sample_rate),
                "audio.surround in ac3 needs an audio.sample_rate of 32000, 44100 or 48000",
            ),
        ];
        rules.into_iter().find(|(kept, _)| !kept).map(|(_, why)| why)
    }
}

fn shipped_names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_presets_are_valid_and_named_as_their_files() {
        for (name, text) in SHIPPED {
            assert_eq!(Preset::parse(name, text).expect("valid").name, name);
        }
    }

    #[test]
    fn unknown_fields_and_names_are_refused() {
        let text = SHIPPED[0].1.replace("max_kbps = 5000", "max_kpbs = 5000");
        assert!(matches!(Preset::parse("x", &text), Err(PresetError::Parse(..))));
        assert!(matches!(Preset::load("web-h265"), Err(PresetError::Unknown(_))));
    }

    #[test]
    fn who_plays_early_makes_no_new_version() {
        let text = |who: &str| SHIPPED[0].1.replace("early_play = \"editors\"", who);
        let parse = |who: &str| Preset::parse("x", &text(who)).expect("valid");
        let (editors, viewers) = (parse(""), parse("early_play = \"viewers\""));
        assert_eq!((editors.early_play, viewers.early_play), (EarlyPlay::Editors, EarlyPlay::Viewers));
        assert_eq!(editors.identity(), viewers.identity());
        assert!(Preset::parse("x", &text("early_play = \"everybody\"")).is_err());
    }

    #[test]
    fn slow_presets_of_x264_are_taken_with_a_lower_subq() {
        let text =
            |subq: &str| SHIPPED[0].1.replace("preset = \"veryfast\"", &format!("preset = \"slow\"{subq}"));
        assert!(Preset::parse("x", &text("\nsubq = \"7\"")).is_ok());
        assert!(Preset::parse("x", &text("")).is_err());
    }

    #[test]
    fn contradictions_are_refused() {
        let broken = [
            ("every_s = 1", "every_s = 0"),
            ("width = 1920", "width = 100"),
            ("channels = 2", "channels = 6"),
            ("loudness_lufs = -18.0", "loudness_lufs = 18.0"),
            ("loudness_lufs = -18.0", ""),
            ("true_peak_dbtp = -1.0", "true_peak_dbtp = 1.0"),
            ("codec = \"ac3\"\nkbps = 448", "codec = \"ac3\"\nkbps = 400"),
            ("encoder = \"libx264\"", "encoder = \"h264_nvenc\""),
            ("aq-mode = \"2\"", "aq-mode = \"0\""),
            ("b_strategy = \"2\"", "aq-mode = \"none\""),
            ("preset = \"veryfast\"", "preset = \"slower\""),
            ("preset = \"veryfast\"", "preset = \"Slow\""),
            ("preset = \"veryfast\"", "preset = \"6\""),
            ("preset = \"veryfast\"", "preset = \"veryfast\"\nsubq = \"8\""),
            ("x264-params = \"", "x264-params = \"subme=9:"),
            ("preset = \"veryfast\"", "preset = \"veryfast\"\nx264opts = \"subq=9\""),
        ];
        for (from, to) in broken {
            let text = SHIPPED[0].1.replace(from, to);
            assert!(matches!(Preset::parse("x", &text), Err(PresetError::Invalid(..))), "{to}");
        }
    }
}
