//! Access units to CMAF segments.

use sha2::{Digest, Sha256};

use super::encoder::Encoder;
use crate::child::Reporter;
use crate::cmaf::{self, Sample};
use crate::error::{MediaError, Result};
use crate::task::{AudioTask, SegmentWritten, TrackWritten};

/// Cuts access units into segments as they come and writes each when it is full.
pub struct Segmenter<'a> {
    task: &'a AudioTask,
    track: TrackWritten,
    priming: u64,
    /// Samples of an access unit.
    unit: u64,
    /// Access units of the whole track.
    count: u64,
    /// First unit of the segment at hand.
    first: u64,
    segments: u32,
    pending: Vec<Vec<u8>>,
}

impl<'a> Segmenter<'a> {
    /// Access units of the whole track.
    pub fn units(&self) -> u64 {
        self.count
    }

    /// Writes the initialisation section, so that whatever comes can be played at once.
    pub fn begin(task: &'a AudioTask, encoder: &Encoder, report: &Reporter) -> Result<Segmenter<'a>> {
        let name = format!("audio/{}", task.group);
        std::fs::create_dir_all(task.out.join(&name)).map_err(|e| MediaError::io("rendition folder", &e))?;
        let init = cmaf::audio_init(
            task.sample_rate,
            task.channels,
            task.bit_rate,
            &task.language,
            &encoder.config,
            encoder.priming,
        )?;
        crate::track::write(&task.out.join(&name).join("init.mp4"), &init)?;
        let track = TrackWritten {
            track: name,
            codecs: encoder.config.codecs(),
            init_sha256: hex::encode(Sha256::digest(&init)),
            init_bytes: init.len() as u64,
        };
        report.track(&track)?;
        let priming = u64::from(encoder.priming);
        // What the edit list shows ends here; units behind it would be a tail that the picture does not have.
        let unit = task.codec.unit();
        let count = (task.samples + priming).div_ceil(unit);
        Ok(Segmenter { task, track, priming, unit, count, first: 0, segments: 0, pending: Vec::new() })
    }

    /// Takes units; writes the segments that they fill.
    pub fn take(&mut self, units: &mut Vec<Vec<u8>>, report: &Reporter) -> Result<()> {
        for unit in units.drain(..) {
            if self.first + self.pending.len() as u64 == self.count {
                break;
            }
            self.pending.push(unit);
            if self.first + self.pending.len() as u64 == self.end() {
                self.write(report)?;
            }
        }
        Ok(())
    }

    /// The unit behind the segment at hand: the first that is shown at or after the boundary.
    fn end(&self) -> u64 {
        match self.task.boundaries.get(self.segments as usize) {
            Some(boundary) if self.segments as usize + 1 < self.task.boundaries.len() => {
                (boundary + self.priming).div_ceil(self.unit).clamp(self.first + 1, self.count)
            }
            _ => self.count,
        }
    }

    fn write(&mut self, report: &Reporter) -> Result<()> {
        self.segments += 1;
        let total = self.task.samples + self.priming;
        let samples: Vec<Sample> = (self.first..)
            .zip(&self.pending)
            .map(|(n, unit)| Sample {
                size: unit.len() as u32,
                // The last unit is cut to the end of the picture.
                duration: self.unit.min(total - n * self.unit) as u32,
                composition: 0,
                sync: true,
            })
            .collect();
        let data = self.pending.concat();
        let mut bytes = cmaf::segment_type()?;
        cmaf::fragment(self.segments, self.first * self.unit, &samples, &data, &mut bytes)?;
        let path = format!("{}/{:05}.m4s", self.track.track, self.segments);
        crate::track::write(&self.task.out.join(&path), &bytes)?;
        let next = self.first + self.pending.len() as u64;
        let shown = |unit: u64| (unit * self.unit).min(total).saturating_sub(self.priming);
        report.segment(SegmentWritten {
            path,
            track: self.track.track.clone(),
            number: self.segments,
            timescale: self.task.sample_rate,
            start: shown(self.first),
            duration: shown(next) - shown(self.first),
            samples: self.pending.len() as u64,
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
            iframes: Vec::new(),
        })?;
        self.first = next;
        self.pending.clear();
        Ok(())
    }

    /// The rendition, once all its segments are written.
    pub fn finish(self) -> Result<TrackWritten> {
        let boundaries = self.task.boundaries.len();
        if self.segments as usize != boundaries {
            let what = format!("{} segments, wanted {boundaries}", self.segments);
            return Err(MediaError::internal("audio segments", what));
        }
        Ok(self.track)
    }
}
