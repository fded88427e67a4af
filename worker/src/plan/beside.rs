//! Ladders beside the main one: another codec, or HDR as it is, for players that can do more.

use flodrama_media::VideoTrack;
use flodrama_media::task::{Hdr, HdrTransfer, RungTask};
use serde::{Deserialize, Serialize};

use super::family::{Of, Rates};
use super::picture::{self, OutputColour};
use super::preset::{BesidePreset, BesideRange, RungPreset};
use super::{encoder, ladder};

/// A ladder beside the main one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideLadder {
    /// Its name: the end of its rungs' folders.
    pub name: String,
    /// What players must know, where it keeps HDR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdr: Option<Hdr>,
    /// Filter chain from decoded frames to the largest rung.
    pub prepare: String,
    /// All rungs, largest first.
    pub rungs: Vec<RungTask>,
}

/// What the ladders beside have in common with the main one.
pub struct Common<'a> {
    /// The source's video.
    pub video: &'a VideoTrack,
    /// Size for display in square pixels.
    pub display: (u32, u32),
    /// Frames from one IDR frame to the next, at most.
    pub gop_frames: u64,
    /// The main ladder's filter chain, without scaling.
    pub orientation: &'a str,
    /// The main ladder's colours.
    pub colour: &'a OutputColour,
}

impl Common<'_> {
    /// The ladder of a preset, or why the source gets none; nothing to say where it is not for such sources.
    pub fn ladder(&self, preset: &BesidePreset, reasons: &mut Vec<(String, String)>) -> Option<BesideLadder> {
        let (hdr, steps, colour) = match preset.range {
            BesideRange::Sdr => (None, self.orientation.to_owned(), self.colour.clone()),
            BesideRange::Hdr => {
                let hdr = match kept(self.video)? {
                    Ok(hdr) => hdr,
                    Err(why) => {
                        reasons.push((format!("no ladder {}", preset.name), why));
                        return None;
                    }
                };
                (Some(hdr), picture::orient(self.video).join(","), hdr_colour(&hdr))
            }
        };
        let family = preset.family();
        let (rungs, _) = ladder::ladder(self.display, &preset.rungs, family.least_side);
        let of = if hdr.is_some() { Of::TenBitRung } else { Of::Rung };
        let rung = |rung: &ladder::Rung| {
            let RungPreset { crf, max_kbps, buffer_kbit, .. } = rung.settings;
            let rates = Rates { crf, max_kbps, buffer_kbit, gop_frames: self.gop_frames };
            let mut task = encoder(&preset.options, family, (rung.width, rung.height), rates, of, &colour);
            task.options.extend(rung.settings.options.clone());
            task
        };
        let rungs: Vec<RungTask> = rungs.iter().map(rung).collect();
        reasons.push((format!("ladder {}", preset.name), said(&hdr, &family.codec)));
        let size = (rungs[0].width, rungs[0].height);
        let prepare = picture::prepare_for(self.video, &steps, size, rungs[0].ten_bit);
        Some(BesideLadder { name: preset.name.clone(), hdr, prepare, rungs })
    }
}

fn said(hdr: &Option<Hdr>, codec: &str) -> String {
    let Some(Hdr { transfer, metadata }) = hdr else {
        return format!("{codec} for players that have it, in standard range");
    };
    let mut said = match transfer {
        HdrTransfer::Pq => format!("the source is HDR (PQ): kept as it is, {codec} with 10 bits"),
        HdrTransfer::Hlg => format!("the source is HDR (HLG): kept as it is, {codec} with 10 bits"),
    };
    if let Some(mastering) = &metadata.mastering {
        said += &format!(
            ", made on a display of {} to {} cd/m²",
            f64::from(mastering.min_luminance) / 10_000.0,
            mastering.max_luminance / 10_000
        );
    }
    if let Some(light) = &metadata.light {
        said += &format!(", MaxCLL {} and MaxFALL {} cd/m²", light.max, light.max_average);
    }
    if metadata.dolby_vision {
        said += "; its Dolby Vision metadata is left out, the picture below it plays without";
    }
    said
}

/// The HDR that a source can keep, or why not; nothing where it has none. Tags that contradict each other are no ground
/// to promise HDR on.
fn kept(video: &VideoTrack) -> Option<Result<Hdr, String>> {
    let colour = &video.colour;
    let transfer = picture::hdr_transfer(colour)?;
    let is = |tag: &str, known: &str| tag == known || tag == "unknown";
    let fault = if !picture::has_ten_bits(&video.pixel_format) {
        Some(format!("tagged as HDR, but with 8 bits ({})", video.pixel_format))
    } else if !is(&colour.primaries, "bt2020") || !is(&colour.matrix, "bt2020nc") {
        Some(format!(
            "tagged as HDR, but with primaries '{}' and matrix '{}': HDR10 and HLG are BT.2020",
            colour.primaries, colour.matrix
        ))
    } else {
        None
    };
    Some(match fault {
        None => Ok(Hdr { transfer, metadata: video.hdr }),
        Some(why) => Err(why),
    })
}

fn hdr_colour(hdr: &Hdr) -> OutputColour {
    let transfer = match hdr.transfer {
        HdrTransfer::Pq => "smpte2084",
        HdrTransfer::Hlg => "arib-std-b67",
    };
    OutputColour { primaries: "bt2020", transfer, matrix: "bt2020nc" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::source;
    use crate::plan::{Plan, Preset, plan, preset};

    fn planned(pixel_format: &str, transfer: &str, primaries: &str) -> Plan {
        let mut source = source(250);
        source.video.pixel_format = pixel_format.into();
        source.video.colour.transfer = transfer.into();
        source.video.colour.primaries = primaries.into();
        source.video.colour.matrix = "bt2020nc".into();
        source.video.rotation = 90;
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        plan(&source, None, &preset, preset.family())
    }

    #[test]
    fn an_hdr_source_is_kept_beside_its_tone_mapped_ladder() {
        let plan = planned("yuv420p10le", "smpte2084", "bt2020");
        let [hdr] = &plan.beside[..] else { panic!("{:?}", plan.beside) };
        assert!(plan.prepare.contains("tonemap") && !hdr.prepare.contains("tonemap"), "{}", hdr.prepare);
        assert!(hdr.prepare.starts_with("transpose=clock"), "{}", hdr.prepare);
        for rung in &hdr.rungs {
            assert!(rung.ten_bit && rung.encoder == "libx265");
            let option = |key: &str| rung.options[key].as_str();
            assert_eq!((option("profile"), option("color_trc")), ("main10", "smpte2084"));
            assert_eq!((option("color_primaries"), option("colorspace")), ("bt2020", "bt2020nc"));
        }
        assert_eq!(hdr.hdr.map(|h| h.transfer), Some(HdrTransfer::Pq));
    }

    #[test]
    fn a_source_without_hdr_gets_no_such_ladder_and_nothing_is_said() {
        let plan = planned("yuv420p10le", "bt709", "bt709");
        assert!(plan.beside.is_empty());
        assert!(!plan.reasons.iter().any(|(what, _)| what.contains("ladder")), "{:?}", plan.reasons);
    }

    #[test]
    fn tags_that_contradict_hdr_are_named() {
        for (format, primaries, why) in [("yuv420p", "bt2020", "8 bits"), ("yuv420p10le", "bt709", "'bt709'")]
        {
            let plan = planned(format, "arib-std-b67", primaries);
            assert!(plan.beside.is_empty());
            assert!(plan.reasons.iter().any(|(what, said)| what == "no ladder hdr" && said.contains(why)));
        }
    }
}
