//! Sizes that a ladder may have, and the cap of each.

use super::super::ladder;
use super::super::preset::{PerTitlePreset, RungPreset, VideoPreset};

/// A size that a rung may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even; no other candidate's.
    pub height: u32,
    /// True where samples are encoded in this size; what others cost lies between their neighbours.
    pub is_measured: bool,
    /// Cap, buffer and options.
    pub caps: RungPreset,
}

impl Candidate {
    /// Pixels.
    pub fn area(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height)
    }
}

/// Sizes for a picture of `display` pixels, largest first: fitted into boxes of the preset's heights, 16:9.
pub fn candidates(
    display: (u32, u32),
    video: &VideoPreset,
    preset: &PerTitlePreset,
    least: u32,
) -> Vec<Candidate> {
    let boxes: Vec<RungPreset> = preset.heights.iter().map(|height| caps(*height, &video.rungs)).collect();
    let sizes = ladder::sizes(display, &boxes, least);
    let last = sizes.len() - 1;
    let candidate = |(i, rung): (usize, ladder::Rung)| Candidate {
        width: rung.width,
        height: rung.height,
        is_measured: i % 2 == 0 || i == last,
        caps: rung.settings,
    };
    sizes.into_iter().enumerate().map(candidate).collect()
}

/// The box of a height, with caps between those of the preset's rungs: straight lines over the logarithm of the area.
fn caps(height: u32, rungs: &[RungPreset]) -> RungPreset {
    let width = (f64::from(height) * 16.0 / 9.0 / 2.0).round() as u32 * 2;
    let area = |r: &RungPreset| f64::from(r.width) * f64::from(r.height);
    let own = f64::from(width) * f64::from(height);
    let above = rungs.iter().rev().find(|r| area(r) >= own).unwrap_or(&rungs[0]);
    let below = rungs.iter().find(|r| area(r) <= own).unwrap_or(&rungs[rungs.len() - 1]);
    let part = match area(above) / area(below) {
        ratio if ratio > 1.0 => ((own / area(below)).ln() / ratio.ln()).clamp(0.0, 1.0),
        _ => 0.0,
    };
    let between = |below: u32, above: u32| {
        (f64::from(below).ln() * (1.0 - part) + f64::from(above).ln() * part).exp().round() as u32
    };
    RungPreset {
        width,
        height,
        max_kbps: between(below.max_kbps, above.max_kbps),
        buffer_kbit: between(below.buffer_kbit, above.buffer_kbit),
        ..above.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Preset;

    fn sizes(display: (u32, u32)) -> Vec<(u32, u32)> {
        let video = Preset::load("web-h264-per-title").expect("shipped").video;
        let preset = video.per_title.clone().expect("per title");
        candidates(display, &video, &preset, 16).iter().map(|c| (c.width, c.height)).collect()
    }

    #[test]
    fn every_candidate_is_smaller_than_the_one_before_and_none_is_enlarged() {
        for display in
            [(1920, 1080), (3840, 2160), (1080, 1920), (1920, 804), (640, 480), (176, 144), (20, 1000)]
        {
            let sizes = sizes(display);
            assert!(sizes.len() >= 2, "{display:?}");
            assert!(sizes.windows(2).all(|s| s[0].0 >= s[1].0 && s[0].1 > s[1].1), "{display:?}: {sizes:?}");
            assert!(
                sizes[0].0 <= display.0.max(16) && sizes[0].1 <= display.1.max(16),
                "{display:?}: {sizes:?}"
            );
        }
    }

    #[test]
    fn caps_lie_between_those_of_the_rungs() {
        let rungs = Preset::load("web-h264").expect("shipped").video.rungs;
        assert_eq!(caps(1080, &rungs).max_kbps, 5000);
        assert_eq!(caps(2160, &rungs).max_kbps, 5000);
        assert_eq!(caps(720, &rungs).max_kbps, 2800);
        assert_eq!(caps(100, &rungs).max_kbps, 365);
        assert!((2800..5000).contains(&caps(900, &rungs).max_kbps));
    }
}
