//! Encoder families as data: `presets/families.toml` says how each encoder is told what a plan says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flodrama_media::task::{DeviceKind, Role, RungTask, TrialTask};
use serde::{Deserialize, Serialize};

/// Every family, in the order of the file.
static TABLE: LazyLock<Vec<Family>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        family: Vec<Family>,
    }
    let text = include_str!("../../../presets/families.toml");
    toml::from_str::<File>(text).expect("a test reads the shipped table").family
});

/// One encoder of one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Name, as settings and versions have it.
    pub name: String,
    /// `h264`, `hevc` or `av1`.
    pub codec: String,
    /// libav encoder name.
    pub encoder: String,
    /// Where it encodes; the processor where there is none.
    #[serde(default)]
    pub device: Option<DeviceKind>,
    /// Pixels of the smallest side that it takes.
    #[serde(default = "least_side")]
    pub least_side: u32,
    /// What is added to a preset's `crf` for this encoder's own scale.
    #[serde(default)]
    pub quality_offset: f64,
    /// Options, with names in braces for what the plan says.
    pub options: BTreeMap<String, String>,
    /// Options that stand over those for the I-frame rendition.
    #[serde(default)]
    pub trick: BTreeMap<String, String>,
    /// Options that stand over those for pictures of ten bits; none where it makes no such pictures.
    #[serde(default)]
    pub ten_bit: Option<BTreeMap<String, String>>,
}

/// H.264 codes blocks of 16 pixels; anything smaller is no picture.
fn least_side() -> u32 {
    16
}

/// What a plan says to an encoder.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Constant rate factor of the preset.
    pub crf: f64,
    /// Cap, kilobits a second.
    pub max_kbps: u32,
    /// Decoder buffer, kilobits.
    pub buffer_kbit: u32,
    /// Frames from one IDR frame to the next.
    pub gop_frames: u64,
}

/// What an encoder makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A rung.
    Rung,
    /// A rung of ten bits a sample.
    TenBitRung,
    /// The I-frame rendition.
    IFrames,
}

impl Family {
    /// All of them.
    pub fn all() -> &'static [Family] {
        &TABLE
    }

    /// The family of the processor whose encoder this is.
    pub fn of_encoder(encoder: &str) -> Option<&'static Family> {
        TABLE.iter().find(|f| f.device.is_none() && f.encoder == encoder)
    }

    /// The family of a name that makes a codec.
    pub fn named(name: &str, codec: &str) -> Option<&'static Family> {
        TABLE.iter().find(|f| f.name == name && f.codec == codec)
    }

    /// What a version is derived from: name and settings, so that a change of either is another version.
    pub fn identity(&self) -> String {
        let settings = serde_json::to_string(self).expect("a family has no map with keys other than text");
        format!("{} {settings}", self.name)
    }

    /// An encoder for pictures of `size`, with options that a preset has for the ladder.
    pub fn encoder(
        &self,
        own: &BTreeMap<String, String>,
        size: (u32, u32),
        rates: Rates,
        of: Of,
    ) -> RungTask {
        // A preset's options are of its own encoder: a device knows none of them.
        let mut options = match self.device {
            None => own.clone(),
            Some(_) => BTreeMap::new(),
        };
        let over = match of {
            Of::Rung => None,
            Of::TenBitRung => self.ten_bit.as_ref(),
            Of::IFrames => Some(&self.trick),
        };
        for (key, value) in self.options.iter().chain(over.into_iter().flatten()) {
            let value = self.fill(value, rates);
            match options.get_mut(key).filter(|_| key.ends_with("-params")) {
                // The last of two that contradict each other holds.
                Some(before) => *before = format!("{before}:{value}"),
                None => drop(options.insert(key.clone(), value)),
            }
        }
        let ten_bit = of == Of::TenBitRung;
        let encoder = self.encoder.clone();
        RungTask { width: size.0, height: size.1, encoder, options, role: Role::Alone, ten_bit }
    }

    /// A trial at 1080p, with options as chunks have them.
    pub fn trial(&self) -> TrialTask {
        let rates = Rates { crf: 28.0, max_kbps: 5000, buffer_kbit: 7500, gop_frames: 50 };
        let mut options = BTreeMap::new();
        for (key, value) in &self.options {
            options.insert(key.clone(), self.fill(value, rates));
        }
        let encoder = self.encoder.clone();
        let rung =
            RungTask { width: 1920, height: 1080, encoder, options, role: Role::Alone, ten_bit: false };
        TrialTask { rung, device: self.device }
    }

    fn fill(&self, value: &str, rates: Rates) -> String {
        let quality = rates.crf + self.quality_offset;
        value
            .replace("{quality}", &quality.to_string())
            .replace("{quality_whole}", &quality.round().to_string())
            .replace("{max_kbps}", &rates.max_kbps.to_string())
            .replace("{target_kbps}", &(rates.max_kbps * 3 / 4).to_string())
            .replace("{buffer_kbit}", &rates.buffer_kbit.to_string())
            .replace("{gop}", &rates.gop_frames.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::preset::Preset;

    const RATES: Rates = Rates { crf: 23.0, max_kbps: 5000, buffer_kbit: 7500, gop_frames: 48 };

    #[test]
    fn the_shipped_table_is_whole() {
        for family in Family::all() {
            let encoder = family.trial().rung;
            assert!(encoder.options.values().all(|v| !v.contains(['{', '}'])), "{encoder:?}");
            let same = Family::all().iter().filter(|f| (&f.name, &f.codec) == (&family.name, &family.codec));
            assert_eq!(same.count(), 1, "{} of {}", family.name, family.codec);
        }
        for codec in ["h264", "hevc", "av1"] {
            for name in ["nvenc", "vaapi", "qsv"] {
                assert!(Family::named(name, codec).is_some_and(|f| f.device.is_some()), "{name} {codec}");
            }
            assert!(Family::all().iter().any(|f| f.codec == codec && f.device.is_none()), "{codec}");
        }
    }

    #[test]
    fn a_device_takes_no_options_of_the_presets_own_encoder() {
        let preset = Preset::load("web-h264").expect("shipped");
        let own = &preset.video.options;
        let x264 = Family::named("x264", "h264").expect("x264").encoder(own, (640, 360), RATES, Of::Rung);
        assert_eq!((x264.options["trellis"].as_str(), x264.options["crf"].as_str()), ("1", "23"));
        let nvenc = Family::named("nvenc", "h264").expect("nvenc").encoder(own, (640, 360), RATES, Of::Rung);
        assert_eq!((nvenc.options.get("trellis"), nvenc.options["cq"].as_str()), (None, "27"));
        assert_eq!((nvenc.options["maxrate"].as_str(), nvenc.options["g"].as_str()), ("5000k", "48"));
    }

    #[test]
    fn the_i_frame_rendition_has_options_of_its_own() {
        let preset = Preset::load("web-h264").expect("shipped");
        let rates = Rates { gop_frames: 1, ..RATES };
        for family in Family::all().iter().filter(|f| f.options.contains_key("bf")) {
            assert_eq!(
                family.encoder(&preset.video.options, (640, 360), rates, Of::IFrames).options["bf"],
                "0",
                "{}",
                family.encoder
            );
        }
    }

    #[test]
    fn parameters_of_preset_and_family_are_joined() {
        let preset = Preset::load("web-hevc").expect("shipped");
        let x265 = Family::of_encoder("libx265").expect("x265");
        let own = &preset.video.options;
        let params = &x265.encoder(own, (640, 360), RATES, Of::IFrames).options["x265-params"];
        let own = &own["x265-params"];
        assert!(params.starts_with(own.as_str()) && params.ends_with("b-adapt=0"), "{params}");
        assert!(params.contains("pools=none") && params.contains("keyint=48"), "{params}");
    }

    #[test]
    fn settings_decide_the_version() {
        let nvenc = Family::named("nvenc", "h264").expect("nvenc");
        let other = Family { quality_offset: 1.0, ..nvenc.clone() };
        assert_ne!(nvenc.identity(), other.identity());
    }
}
