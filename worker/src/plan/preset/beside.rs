//! Ladders beside the main one, as presets have them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Family, RungPreset, rungs_fault};

/// A ladder beside the one that every player has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BesidePreset {
    /// Name of the ladder: the end of its rungs' folders, `video/720p-<name>`.
    pub name: String,
    /// Which pictures it shows.
    pub range: BesideRange,
    /// Frames per second at most, of a ladder for players that cannot do more: it is made of faster sources alone, whose
    /// rate is divided by a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_frame_rate: Option<u32>,
    /// libav encoder name.
    pub encoder: String,
    /// Options of the encoder for every rung.
    pub options: BTreeMap<String, String>,
    /// Rungs, largest first.
    pub rungs: Vec<RungPreset>,
}

/// Which pictures a ladder shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BesideRange {
    /// Those of every source in standard range, as the main ladder does.
    Sdr,
    /// Those of HDR sources as they are, with ten bits; there is no such ladder for others.
    Hdr,
}

impl BesidePreset {
    /// The encoder's family.
    pub fn family(&self) -> &'static Family {
        Family::of_encoder(&self.encoder).expect("looked up when the preset was read")
    }

    /// What contradicts itself.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let letters = self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let Some(family) = Family::of_encoder(&self.encoder) else {
            return Some("video.beside.encoder is none of a family: libx264, libx265 or libsvtav1");
        };
        if !(1..=16).contains(&self.name.len()) || !letters {
            return Some("video.beside.name is 1 to 16 small letters and digits");
        }
        if self.range == BesideRange::Hdr && family.ten_bit.is_none() {
            return Some("video.beside with range hdr needs an encoder of ten bits: libx265");
        }
        if self.encoder == "libx264" {
            return Some("video.beside takes no libx264: let H.264 be the main ladder");
        }
        if self.max_frame_rate == Some(0) {
            return Some("video.beside.max_frame_rate starts at 1");
        }
        rungs_fault(&self.rungs)
    }
}
