//! The per-title ladder: sizes, rates and rate factors as this very content needs them (docs/adr/0013-per-title-ladder.md).
//!
//! [`samples`] says what to try of a source; a child tries it; [`Complexity`] is what came out. From it [`Title`] chooses:
//! every size is a curve of quality over rate, and a ladder is a chain of points on these curves.

mod candidates;
mod choose;
mod curve;
mod samples;

use flodrama_media::task::{Measured, Sampled};
use serde::{Deserialize, Serialize};

pub use candidates::Candidate;
pub use samples::samples;

use super::ladder::Rung;
use super::preset::{PerTitlePreset, RungPreset, VideoPreset};
use choose::Point;
use curve::SizeCurve;

/// What a source costs by size and rate factor: the mean over its samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Complexity {
    /// One for each trial.
    pub measured: Vec<Measured>,
    /// Samples that were taken.
    pub samples: usize,
}

impl Complexity {
    /// The mean over samples, all of which had the same trials. Every one counts the same: they stand for equal parts of
    /// the source, however long they are themselves.
    pub fn of<'a>(samples: impl Iterator<Item = &'a Sampled>) -> Complexity {
        let mut complexity = Complexity::default();
        for sampled in samples {
            match complexity.samples {
                0 => complexity.measured = sampled.measured.clone(),
                _ => {
                    for (sum, one) in complexity.measured.iter_mut().zip(&sampled.measured) {
                        sum.kbps += one.kbps;
                        sum.quality += one.quality;
                    }
                }
            }
            complexity.samples += 1;
        }
        for sum in &mut complexity.measured {
            sum.kbps /= complexity.samples as f64;
            sum.quality /= complexity.samples as f64;
        }
        complexity
    }
}

/// A source that was sampled, and what its ladder may be.
pub struct Title<'a> {
    preset: &'a PerTitlePreset,
    candidates: Vec<Candidate>,
    curves: Vec<SizeCurve>,
    complexity: &'a Complexity,
}

/// A ladder and its reasons.
pub struct Choice {
    /// Rungs, largest first.
    pub rungs: Vec<Rung>,
    /// What else there is to say: what, why.
    pub reasons: Vec<(String, String)>,
    /// What the top rung is expected to cost, kilobits a second.
    pub top_kbps: f64,
}

/// Copying may cost so much more than encoding the top rung anew: it spares the encoding, and loses nothing.
const COPY_IS_WORTH: f64 = 1.1;

impl<'a> Title<'a> {
    /// Of a source whose picture is `display` pixels large, for an encoder that takes sides of `least` pixels. `None`
    /// where the complexity is not of this preset's trials.
    pub fn new(
        display: (u32, u32),
        video: &'a VideoPreset,
        least: u32,
        complexity: &'a Complexity,
    ) -> Option<Title<'a>> {
        let preset = video.per_title.as_ref()?;
        let candidates = candidates::candidates(display, video, preset, least);
        let curves = curve::curves(&candidates, &complexity.measured)?;
        Some(Title { preset, candidates, curves, complexity })
    }

    /// The ladder where everything is encoded.
    pub fn ladder(&self) -> Choice {
        let points = choose::points(&self.candidates, &self.curves, self.preset);
        let top = choose::top(&points, self.preset);
        self.finish(&points, top, "the preset's target")
    }

    /// The ladder below the source's own pictures, which take `kbps`; or why they shall not be the top rung.
    pub fn below_copy(&self, kbps: f64, encoded: &Choice) -> Result<Choice, String> {
        if kbps > encoded.top_kbps * COPY_IS_WORTH {
            return Err(format!(
                "its pictures take {kbps:.0} kb/s, and a top rung that is as good as the preset asks takes {:.0}",
                encoded.top_kbps
            ));
        }
        let points = choose::points(&self.candidates, &self.curves, self.preset);
        // Nothing is better than the source.
        let top = Point { candidate: 0, crf: 0.0, kbps, quality: 100.0 };
        Ok(self.finish(&points, top, "the source's own pictures"))
    }

    fn finish(&self, points: &[Point], top: Point, top_is: &str) -> Choice {
        let chain = choose::ladder(points, top, self.preset, self.candidates.len());
        let mut reasons = vec![("complexity".to_owned(), self.summary())];
        let mut rungs = Vec::new();
        for (i, point) in chain.iter().enumerate() {
            let rung = self.rung(point);
            let expected = format!("about {:.0} kb/s and quality {:.1}", point.kbps, point.quality);
            let why = match i.checked_sub(1).map(|above| &chain[above]) {
                None if point.kbps <= self.preset.floor_kbps => {
                    format!("{expected}: below {:.0} kb/s bits are free", self.preset.floor_kbps)
                }
                None if point.quality >= self.preset.target_quality => {
                    format!(
                        "{expected}: {top_is} is {:.0}, and no bits are spent beyond it",
                        self.preset.target_quality
                    )
                }
                None => format!("{expected}: no size is better below its cap"),
                Some(above) => {
                    format!("{expected}: {:.2} times fewer bits than the rung above", above.kbps / point.kbps)
                }
            };
            rungs.push(Rung { why: format!("crf {}, {why}", point.crf), ..rung });
        }
        for (i, candidate) in self.candidates.iter().enumerate() {
            if !chain.iter().any(|point| point.candidate == i) {
                let why = choose::why_dropped(i, points, &chain);
                reasons.push((
                    "rung dropped".into(),
                    format!("{}×{}: {why}", candidate.width, candidate.height),
                ));
            }
        }
        Choice { rungs, reasons, top_kbps: chain[0].kbps }
    }

    fn rung(&self, point: &Point) -> Rung {
        let candidate = &self.candidates[point.candidate];
        let caps = &candidate.caps;
        // What peaks far above its rate would stall those who chose the rung by its rate.
        let most = (point.kbps * self.preset.peak).max(self.preset.floor_kbps).ceil() as u32;
        let max_kbps = caps.max_kbps.min(most);
        let buffer_kbit =
            (f64::from(caps.buffer_kbit) * f64::from(max_kbps) / f64::from(caps.max_kbps)).round();
        let settings =
            RungPreset { crf: point.crf, max_kbps, buffer_kbit: buffer_kbit as u32, ..caps.clone() };
        // A copy is judged by the cap of its size.
        let settings = if point.crf > 0.0 { settings } else { caps.clone() };
        Rung { width: candidate.width, height: candidate.height, settings, why: String::new() }
    }

    /// The complexity in a sentence: what the largest size costs.
    fn summary(&self) -> String {
        let largest = &self.candidates[0];
        let own = |m: &&Measured| (m.width, m.height) == (largest.width, largest.height);
        let each: Vec<String> = self
            .complexity
            .measured
            .iter()
            .filter(own)
            .map(|m| format!("crf {}: {:.0} kb/s, quality {:.1}", m.crf, m.kbps, m.quality))
            .collect();
        let sizes = self.candidates.iter().filter(|c| c.is_measured).count();
        format!(
            "{} samples in {sizes} sizes; {}×{} takes {}",
            self.complexity.samples,
            largest.width,
            largest.height,
            each.join("; ")
        )
    }
}

#[cfg(test)]
mod tests;
