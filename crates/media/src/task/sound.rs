//! What the parent asks about sound.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Limits;

/// Encode one audio track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTask {
    /// Folder that receives the published tree.
    pub out: PathBuf,
    /// Source limits.
    pub limits: Limits,
    /// Stream index.
    pub stream: usize,
    /// Folder name, `audio/<group>`.
    pub group: String,
    /// ISO 639-2 code for the track header.
    pub language: String,
    /// Start of the presentation in seconds of the file's clock: audio before it is cut, a gap after it is silence.
    pub origin_s: f64,
    /// Samples of the presentation, at `sample_rate`: the track is cut or padded with silence to this.
    pub samples: u64,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channel count.
    pub channels: u32,
    /// Bits per second.
    pub bit_rate: u32,
    /// The encoder.
    #[serde(default)]
    pub codec: AudioCodec,
    /// What the track is brought to; it keeps the level that it has where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<LoudnessTarget>,
    /// Sample positions at which segments end, ascending; the last is `samples`.
    pub boundaries: Vec<u64>,
}

/// How sound is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC LC (ISO/IEC 14496-3).
    #[default]
    Aac,
    /// AC-3, also named Dolby Digital (ETSI TS 102 366); 5.1 alone.
    Ac3,
}

impl AudioCodec {
    /// libav's encoder.
    pub fn encoder(self) -> &'static str {
        match self {
            AudioCodec::Aac => "aac",
            AudioCodec::Ac3 => "ac3",
        }
    }

    /// Samples in one access unit.
    pub fn unit(self) -> u64 {
        match self {
            AudioCodec::Aac => 1024,
            AudioCodec::Ac3 => 1536,
        }
    }
}

/// The level that a track is brought to (EBU R 128).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoudnessTarget {
    /// Integrated loudness, LUFS.
    pub lufs: f64,
    /// Highest true peak, dB of full scale.
    pub true_peak_dbtp: f64,
}

/// What a track measured, and what was done about it. All to a tenth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness in LUFS, before any gain; none of a track that is too short or silent.
    pub integrated_lufs: Option<f64>,
    /// Loudness range in LU (EBU Tech 3342).
    pub range_lu: f64,
    /// True peak in dB of full scale, before any gain; none of silence.
    pub true_peak_dbtp: Option<f64>,
    /// The gain in dB.
    pub gain_db: f64,
    /// The true peak in dB of full scale that a limiter held, where there was need of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_dbtp: Option<f64>,
}
