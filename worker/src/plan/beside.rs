//! Ladders beside the main one: another codec, or HDR as it is, for players that can do more.

use flodrama_media::task::{Cadence, Hdr, HdrTransfer, RungTask, SegmentSpan};
use flodrama_media::{Ratio, VideoTrack};
use serde::{Deserialize, Serialize};

use super::family::{Of, Rates};
use super::picture::{self, OutputColour};
use super::preset::{BesidePreset, BesideRange, RungPreset};
use super::{cadence, encoder, ladder};

/// A ladder beside the main one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideLadder {
    /// Its name: the end of its rungs' folders.
    pub name: String,
    /// What players must know, where it keeps HDR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdr: Option<Hdr>,
    /// It has one of so many output frames.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub every: u32,
    /// Filter chain from decoded frames to the largest rung.
    pub prepare: String,
    /// All rungs, largest first.
    pub rungs: Vec<RungTask>,
}

fn all() -> u32 {
    1
}

fn is_all(every: &u32) -> bool {
    *every == 1
}

impl BesideLadder {
    /// The cadence of its frames, of the main ladder's.
    pub fn cadence(&self, main: Cadence) -> Cadence {
        Cadence { rate: cadence::one_in(main.rate, self.every), ..main }
    }

    /// How many frames it has, of so many.
    pub fn frames(&self, main: u64) -> u64 {
        main.div_ceil(u64::from(self.every))
    }

    /// A segment of its frames: those of the main ladder's segment. Each GOP begins with one of them.
    pub fn span(&self, main: &SegmentSpan) -> SegmentSpan {
        SegmentSpan {
            number: main.number,
            first_frame: self.frames(main.first_frame),
            gops: main.gops.iter().map(|frames| self.frames(*frames)).collect(),
        }
    }
}

/// What the ladders beside have in common with the main one.
pub struct Common<'a> {
    /// The source's video.
    pub video: &'a VideoTrack,
    /// Size for display in square pixels.
    pub display: (u32, u32),
    /// Frames per second.
    pub rate: Ratio,
    /// All segments.
    pub segments: &'a [SegmentSpan],
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
        let every = preset.max_frame_rate.map_or(1, |most| cadence::divisor(self.rate, most));
        if preset.max_frame_rate.is_some() && every == 1 {
            return None;
        }
        if self.segments.iter().flat_map(SegmentSpan::idr_frames).any(|frame| frame % u64::from(every) > 0) {
            let why = format!("its GOPs are not of {every}, {} … frames", 2 * every);
            reasons.push((format!("no ladder {}", preset.name), why));
            return None;
        }
        let family = preset.family();
        let (rungs, _) = ladder::ladder(self.display, &preset.rungs, family.least_side);
        let of = if hdr.is_some() { Of::TenBitRung } else { Of::Rung };
        let rung = |rung: &ladder::Rung| {
            let RungPreset { crf, max_kbps, buffer_kbit, .. } = rung.settings;
            let rates = Rates { crf, max_kbps, buffer_kbit, gop_frames: self.gop_frames / u64::from(every) };
            let mut task = encoder(&preset.options, family, (rung.width, rung.height), rates, of, &colour);
            task.options.extend(rung.settings.options.clone());
            task
        };
        let rungs: Vec<RungTask> = rungs.iter().map(rung).collect();
        let mut why = said(&hdr, &family.codec);
        if every > 1 {
            let rate = cadence::one_in(self.rate, every).as_f64();
            why += &format!(", at {rate:.3} fps for players that cannot do {:.3}", self.rate.as_f64());
        }
        reasons.push((format!("ladder {}", preset.name), why));
        let size = (rungs[0].width, rungs[0].height);
        let prepare = picture::prepare_for(self.video, &steps, size, rungs[0].ten_bit);
        Some(BesideLadder { name: preset.name.clone(), hdr, every, prepare, rungs })
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
    fn a_fast_hdr_source_is_kept_at_half_its_rate_too() {
        let mut source = source(501);
        source.video.pixel_format = "yuv420p10le".into();
        source.video.colour.transfer = "smpte2084".into();
        source.video.colour.primaries = "bt2020".into();
        source.video.colour.matrix = "bt2020nc".into();
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        let names = |plan: &Plan| plan.beside.iter().map(|l| (l.name.clone(), l.every)).collect::<Vec<_>>();
        let slow = plan(&source, None, &preset, preset.family());
        assert_eq!(names(&slow), [("hdr".to_owned(), 1)]);
        // The same pictures twice as fast.
        source.video.time_base.den *= 2;
        source.video.declared_rate = Some(Ratio::new(50, 1));
        let fast = plan(&source, None, &preset, preset.family());
        assert_eq!(names(&fast), [("hdr".to_owned(), 1), ("hdr30".to_owned(), 2)]);
        let half = &fast.beside[1];
        assert_eq!(half.cadence(fast.cadence).rate.as_f64(), 25.0);
        assert_eq!(half.rungs[0].options["g"], "50");
        let spans: Vec<SegmentSpan> = fast.segments.iter().map(|span| half.span(span)).collect();
        assert_eq!((spans[0].first_frame, &spans[0].gops[..]), (0, &[50, 50, 50][..]));
        // The last frame stands alone.
        assert_eq!((spans[1].first_frame, &spans[1].gops[..]), (150, &[50, 50, 1][..]));
        assert_eq!(spans.iter().map(SegmentSpan::frames).sum::<u64>(), half.frames(fast.frames));
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
