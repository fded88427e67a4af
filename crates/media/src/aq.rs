//! x264's adaptive quantisation, computed as x264 does: quantiser steps by how busy each block of a picture is.

use std::collections::BTreeMap;

use ffmpeg_next::frame::Video;

use crate::lead::{BLOCK, blocks};

/// How x264 spreads its bits over a picture, for 4:2:0 with 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveQuantisation {
    mode: Mode,
    strength: f32,
}

/// x264's `aq-mode`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    None,
    /// By the logarithm of a block's variance.
    Variance,
    /// By a root of it, about the picture's own mean, and the more, the busier the picture is.
    AutoVariance,
    /// The same, with more for dark and flat blocks.
    AutoVarianceBiased,
}

impl AdaptiveQuantisation {
    /// Of an encoder with these options.
    pub fn of(options: &BTreeMap<String, String>) -> AdaptiveQuantisation {
        let mode = match options.get("aq-mode").map(String::as_str) {
            Some("0" | "none") => Mode::None,
            Some("2" | "autovariance") => Mode::AutoVariance,
            Some("3" | "autovariance-biased") => Mode::AutoVarianceBiased,
            _ => Mode::Variance,
        };
        let strength = options.get("aq-strength").and_then(|v| v.parse().ok()).unwrap_or(1.0);
        AdaptiveQuantisation { mode, strength }
    }

    /// Quantiser steps of a picture's blocks, row by row: more for busy blocks, less for flat ones.
    pub fn steps(self, picture: &Video) -> Vec<f32> {
        match self.mode {
            Mode::None => energies(picture).map(|_| 0.0).collect(),
            Mode::Variance => {
                // Energies are logarithms to base 2; at NEUTRAL a block departs by nothing.
                const SCALE: f32 = 1.0397;
                const NEUTRAL: f32 = 14.427;
                let step = |energy: u32| self.strength * SCALE * ((energy.max(1) as f32).log2() - NEUTRAL);
                energies(picture).map(step).collect()
            }
            Mode::AutoVariance => self.about_the_mean(picture, 0.0),
            Mode::AutoVarianceBiased => self.about_the_mean(picture, self.strength),
        }
    }

    fn about_the_mean(self, picture: &Video, bias: f32) -> Vec<f32> {
        const NEUTRAL: f32 = 14.0;
        // The eighth root.
        let mut steps: Vec<f32> =
            energies(picture).map(|energy| (energy as f32 + 1.0).sqrt().sqrt().sqrt()).collect();
        let mean = |of: fn(f32) -> f32| steps.iter().map(|root| of(*root)).sum::<f32>() / steps.len() as f32;
        let (plain, square) = (mean(|root| root), mean(|root| root * root));
        let strength = self.strength * plain;
        let neutral = plain - 0.5 * (square - NEUTRAL) / plain;
        for root in &mut steps {
            *root = strength * (*root - neutral) + bias * (1.0 - NEUTRAL / (*root * *root));
        }
        steps
    }
}

/// For each block the sum of squares about the mean, of all planes.
fn energies(picture: &Video) -> impl Iterator<Item = u32> {
    let (columns, rows) = blocks((picture.width(), picture.height()));
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row))).map(move |(column, row)| {
        let square = |plane| {
            let side = if plane == 0 { BLOCK } else { BLOCK / 2 };
            variance(picture, plane, (column * side, row * side), side)
        };
        (0..3).map(square).sum()
    })
}

/// Sum of squares about the mean of a square of a plane; pixels beyond the picture's edge repeat the last ones.
fn variance(picture: &Video, plane: usize, (x, y): (u32, u32), side: u32) -> u32 {
    let (data, stride) = (picture.data(plane), picture.stride(plane));
    let (width, height) = (picture.plane_width(plane) as usize, picture.plane_height(plane) as usize);
    let (x, side) = (x as usize, side as usize);
    let within = side.min(width - x);
    let beyond = (side - within) as u32;
    let (mut sum, mut squares) = (0, 0);
    for line in y as usize..y as usize + side {
        let from = line.min(height - 1) * stride + x;
        let pixels = &data[from..from + within];
        let (line_sum, line_squares) = match (<&[u8; 16]>::try_from(pixels), <&[u8; 8]>::try_from(pixels)) {
            // Known lengths, for which the compiler has instructions that take all pixels at a time.
            (Ok(pixels), _) => sums(pixels),
            (_, Ok(pixels)) => sums(pixels),
            _ => sums(pixels),
        };
        let last = u32::from(pixels[within - 1]);
        sum += line_sum + beyond * last;
        squares += line_squares + beyond * last * last;
    }
    squares - (u64::from(sum) * u64::from(sum) / (side * side) as u64) as u32
}

/// Sum of the pixels, and of their squares.
#[inline]
fn sums(pixels: &[u8]) -> (u32, u32) {
    let squares = pixels.iter().map(|p| u32::from(*p) * u32::from(*p));
    (pixels.iter().map(|p| u32::from(*p)).sum(), squares.sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;
    use crate::encoder::Encoder;
    use crate::lead::{Findings, FrameKind};
    use crate::task::{Role, RungTask};

    /// A picture with flat, dark, bright and noisy parts, whose sides are no multiples of a block.
    fn picture() -> Video {
        let mut picture = Video::new(ffmpeg_next::format::Pixel::YUV420P, 150, 90);
        let mut seed = 1u32;
        for plane in 0..3 {
            let stride = picture.stride(plane);
            for (i, pixel) in picture.data_mut(plane).iter_mut().enumerate() {
                let (x, y) = (i % stride, i / stride);
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 24) as usize * (x / 8 % 8) / 16;
                *pixel = (16 + y + noise).min(235) as u8;
            }
        }
        picture
    }

    #[test]
    fn steps_are_those_of_x264() {
        // Of a single picture nothing is predicted, so what x264 notes is its adaptive quantisation alone.
        let folder = tempfile::tempdir().expect("folder");
        for (mode, strength) in [("1", "0.8"), ("2", "0.7"), ("3", "1.2")] {
            let stats = folder.path().join(format!("{mode}.stats"));
            let options: BTreeMap<String, String> = [
                ("aq-mode", mode),
                ("aq-strength", strength),
                ("flags", "+pass1"),
                ("fastfirstpass", "0"),
                ("preset", "veryfast"),
                ("stats", stats.to_str().expect("text")),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
            let by = AdaptiveQuantisation::of(&options);
            let rung = RungTask {
                height: 90,
                width: 150,
                encoder: "libx264".to_owned(),
                options,
                role: Role::Leads,
                ten_bit: false,
            };
            let mut findings = Findings::new(stats, (150, 90));
            let mut encoder = Encoder::open(&rung, Ratio::new(25, 1)).expect("open");
            encoder.push(&mut picture(), 0, FrameKind::Idr, &mut Vec::new()).expect("push");
            encoder.finish(&mut Vec::new()).expect("finish");
            let mut known = BTreeMap::new();
            findings.read(&mut known).expect("findings");
            let noted = known[&0].offsets.as_ref().expect("others may refer to it");
            let steps = by.steps(&picture());
            assert_eq!(steps.len(), noted.values.len());
            let spread = steps.iter().fold(0.0f32, |most, step| most.max(step.abs()));
            assert!(spread > 1.0, "mode {mode}: {spread}");
            for (ours, theirs) in steps.iter().zip(&noted.values) {
                let theirs = f32::from(*theirs) / 256.0;
                assert!((ours - theirs).abs() < 0.02, "mode {mode}: {ours} instead of {theirs}");
            }
        }
    }
}
