//! Which rungs a source gets: fitted into the preset's boxes, never enlarged, never two of nearly one size.

use crate::plan::preset::RungPreset;

/// A rung with less than this share less area than the one above is not worth its bits.
const WORTH_IT: f64 = 0.8;
/// The size of the second rung of a source that is smaller than the smallest box.
const SMALLER: f64 = 2.0 / 3.0;

/// A rung with its picture size.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Rates and quality.
    pub settings: RungPreset,
    /// Why it is there.
    pub why: String,
}

/// The rungs for a picture of `display` pixels (square ones), largest first; and why others were dropped. `least` is the
/// smallest side that the encoder takes.
pub fn ladder(display: (u32, u32), boxes: &[RungPreset], least: u32) -> (Vec<Rung>, Vec<String>) {
    fitted(display, boxes, least, WORTH_IT)
}

/// As [`ladder`], however near two sizes are to each other: heights differ, and neither side grows.
pub fn sizes(display: (u32, u32), boxes: &[RungPreset], least: u32) -> Vec<Rung> {
    fitted(display, boxes, least, 1.0).0
}

fn fitted(display: (u32, u32), boxes: &[RungPreset], least: u32, worth_it: f64) -> (Vec<Rung>, Vec<String>) {
    let mut rungs: Vec<Rung> = Vec::new();
    let mut dropped = Vec::new();
    for settings in boxes {
        let name = format!("{}×{}", settings.width, settings.height);
        let (width, height) = fit(display, settings, least);
        let why = if (width, height) == native(display, least) {
            format!("the source's own size, within {name}")
        } else {
            format!("fitted into {name}")
        };
        let rung = Rung { width, height, settings: settings.clone(), why };
        match rungs.last_mut() {
            // The smaller box fits the same picture: its rates are the ones meant for this size.
            Some(last) if (last.width, last.height) == (width, height) => {
                dropped.push(format!(
                    "{}×{}: the source is not larger than {name}, and is never enlarged",
                    last.settings.width, last.settings.height
                ));
                *last = rung;
            }
            Some(last) if area(&rung) > area(last) * worth_it || rung.height == last.height => {
                dropped.push(format!("{name}: nearly the size of the rung above"));
            }
            _ => rungs.push(rung),
        }
    }
    if let [only] = &rungs[..] {
        // Players need a rate to fall back to (Apple 9.9).
        let smaller = |n: u32| even(f64::from(n) * SMALLER).max(least);
        let (width, height) = (smaller(only.width), smaller(only.height));
        if height < only.height {
            let why = "a second rate for a source below the smallest box".to_owned();
            rungs.push(Rung { width, height, settings: only.settings.clone(), why });
        }
    }
    (rungs, dropped)
}

/// The size for display in square pixels, after rotation, from the stored size and the shape of a pixel.
pub fn display_size(stored: (u32, u32), sample_aspect: f64, rotation: u32) -> (u32, u32) {
    let (mut width, mut height) = (f64::from(stored.0), f64::from(stored.1));
    // Keep the longer side's samples: widen where pixels are wide, heighten where they are narrow.
    if sample_aspect >= 1.0 {
        width *= sample_aspect;
    } else {
        height /= sample_aspect;
    }
    let size = (width.round().max(1.0) as u32, height.round().max(1.0) as u32);
    if rotation % 180 == 90 { (size.1, size.0) } else { size }
}

fn fit(display: (u32, u32), settings: &RungPreset, least: u32) -> (u32, u32) {
    let portrait = display.1 > display.0;
    let (bw, bh) =
        if portrait { (settings.height, settings.width) } else { (settings.width, settings.height) };
    let scale = (f64::from(bw) / f64::from(display.0)).min(f64::from(bh) / f64::from(display.1));
    if scale >= 1.0 {
        return native(display, least);
    }
    let side = |n: u32, limit: u32| even(f64::from(n) * scale).clamp(least, limit.max(least));
    (side(display.0, bw), side(display.1, bh))
}

/// The source's own size, cut to even sides: chroma has half the resolution.
fn native(display: (u32, u32), least: u32) -> (u32, u32) {
    ((display.0 & !1).max(least), (display.1 & !1).max(least))
}

fn even(n: f64) -> u32 {
    (n / 2.0).round() as u32 * 2
}

fn area(rung: &Rung) -> f64 {
    f64::from(rung.width) * f64::from(rung.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::preset::{DEFAULT, Preset};

    fn sizes(display: (u32, u32)) -> Vec<(u32, u32)> {
        let preset = Preset::load(DEFAULT).expect("shipped");
        ladder(display, &preset.video.rungs, 16).0.iter().map(|r| (r.width, r.height)).collect()
    }

    #[test]
    fn a_full_hd_source_gets_every_rung() {
        assert_eq!(sizes((1920, 1080)), [(1920, 1080), (1280, 720), (960, 540), (640, 360), (416, 234)]);
    }

    #[test]
    fn a_larger_source_is_scaled_down_and_none_is_enlarged() {
        assert_eq!(sizes((3840, 2160))[0], (1920, 1080));
        assert_eq!(sizes((1280, 720)), [(1280, 720), (960, 540), (640, 360), (416, 234)]);
        assert_eq!(sizes((642, 642))[0], (642, 642));
    }

    #[test]
    fn the_smaller_box_gives_its_rates_to_a_picture_that_it_holds() {
        let preset = Preset::load(DEFAULT).expect("shipped");
        let (rungs, dropped) = ladder((1280, 720), &preset.video.rungs, 16);
        assert_eq!(rungs[0].settings.max_kbps, 2800);
        assert_eq!(dropped.len(), 1);
    }

    #[test]
    fn portrait_turns_the_boxes() {
        assert_eq!(sizes((1080, 1920)), [(1080, 1920), (720, 1280), (540, 960), (360, 640), (234, 416)]);
    }

    #[test]
    fn every_aspect_is_kept_within_a_pixel_and_every_side_is_even() {
        for display in
            [(1920, 804), (1998, 1080), (1440, 1080), (853, 480), (161, 121), (3026, 1386), (500, 2000)]
        {
            let rungs = sizes(display);
            assert!(!rungs.is_empty());
            for (w, h) in rungs {
                assert!(w % 2 == 0 && h % 2 == 0, "{display:?}: {w}×{h}");
                assert!(w <= display.0 && h <= display.1, "{display:?} enlarged to {w}×{h}");
                let ideal = f64::from(w) * f64::from(display.1) / f64::from(display.0);
                assert!((ideal - f64::from(h)).abs() <= 2.0, "{display:?}: {w}×{h} for {ideal}");
            }
        }
    }

    #[test]
    fn a_tiny_source_still_has_two_rates() {
        assert_eq!(sizes((176, 144)), [(176, 144), (118, 96)]);
    }

    #[test]
    fn no_side_is_smaller_than_the_encoder_takes() {
        let preset = Preset::load(DEFAULT).expect("shipped");
        for display in [(1920, 200), (176, 144), (60, 40), (200, 1920)] {
            let rungs = ladder(display, &preset.video.rungs, 64).0;
            assert!(rungs.iter().all(|r| r.width >= 64 && r.height >= 64), "{display:?}: {rungs:?}");
        }
    }

    #[test]
    fn heights_name_folders_so_no_two_rungs_share_one() {
        for display in [(1920, 1080), (640, 480), (4096, 300), (300, 4096), (16, 16), (20, 1000), (1000, 20)]
        {
            let mut heights: Vec<u32> = sizes(display).iter().map(|s| s.1).collect();
            let n = heights.len();
            heights.dedup();
            assert_eq!(heights.len(), n, "{display:?}");
        }
    }

    #[test]
    fn wide_and_narrow_pixels_become_square() {
        assert_eq!(display_size((720, 576), 64.0 / 45.0, 0), (1024, 576));
        assert_eq!(display_size((1440, 1080), 4.0 / 3.0, 0), (1920, 1080));
        assert_eq!(display_size((640, 360), 9.0 / 16.0, 0), (640, 640));
        assert_eq!(display_size((1920, 1080), 1.0, 90), (1080, 1920));
    }
}
