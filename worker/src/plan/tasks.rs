//! From the plan to the tasks that media children run. The names are those of the commits.

use std::path::Path;

use flodrama_media::SourceInfo;
use flodrama_media::task::{AudioTask, ChunkTask, Limits, StillsTask, Task};

use super::Plan;

/// A task with the name under which its result is committed.
#[derive(Clone, Debug)]
pub struct NamedTask {
    /// `chunk-0001`, `audio-en-2`, `stills`.
    pub name: String,
    /// Output frames that it makes; 0 for sound and stills.
    pub frames: u64,
    /// The task.
    pub task: Task,
}

impl Plan {
    /// Every task of the plan, writing below `tree`. Long ones first, so that no core idles at the end for a track
    /// that could have begun earlier.
    pub fn tasks(&self, source: &SourceInfo, tree: &Path, limits: &Limits) -> Vec<NamedTask> {
        let audio = self.audio.iter().map(|a| {
            let boundaries =
                self.segments.iter().map(|s| self.samples_at(s.first_frame + s.frames(), a.sample_rate));
            NamedTask {
                name: format!("audio-{}", a.group),
                frames: 0,
                task: Task::Audio(AudioTask {
                    out: tree.to_owned(),
                    limits: *limits,
                    stream: a.stream,
                    group: a.group.clone(),
                    language: a.iso639_2.clone(),
                    origin_s: a.origin_s,
                    samples: a.samples,
                    sample_rate: a.sample_rate,
                    channels: a.channels,
                    bit_rate: a.bit_rate,
                    boundaries: boundaries.collect(),
                }),
            }
        });
        let stills = NamedTask {
            name: "stills".to_owned(),
            frames: 0,
            task: Task::Stills(StillsTask {
                out: tree.to_owned(),
                limits: *limits,
                stream: self.video_stream,
                keyframes: source.video.keyframes.clone(),
                origin_pts: self.cadence.origin_pts,
                time_base: self.cadence.time_base,
                prepare: self.orientation.clone(),
                display: self.display,
                tile: self.stills.tile,
                layout: self.stills.layout,
                interval_ms: self.stills.interval_ms,
                tiles: self.stills.tiles,
                poster_widths: self.stills.poster_widths.clone(),
            }),
        };
        let chunks = self.chunks.iter().enumerate().map(|(i, chunk)| {
            let segments = &self.segments[chunk.first_segment..chunk.first_segment + chunk.segments];
            NamedTask {
                name: format!("chunk-{i:04}"),
                frames: segments.iter().map(|s| s.frames()).sum(),
                task: Task::Chunk(ChunkTask {
                    out: tree.to_owned(),
                    index: i as u32,
                    limits: *limits,
                    stream: self.video_stream,
                    seek: chunk.seek,
                    cadence: self.cadence,
                    prepare: self.prepare.clone(),
                    segments: segments.to_vec(),
                    copy: self.copy.clone(),
                    rungs: self.rungs[usize::from(self.copy.is_some())..].to_vec(),
                    trick: Some(self.trick.clone()),
                }),
            }
        });
        audio.chain([stills]).chain(chunks).collect()
    }

    /// Seconds of a full segment, rounded as a target duration is.
    pub fn segment_s(&self) -> u32 {
        let longest = self.segments.iter().map(|s| s.frames()).max().unwrap_or(0);
        (longest.max(self.segment_frames) as f64 / self.cadence.rate.as_f64()).round() as u32
    }

    /// Duration of the presentation in seconds.
    pub fn duration_s(&self) -> f64 {
        self.frames as f64 / self.cadence.rate.as_f64()
    }

    fn samples_at(&self, frame: u64, rate: u32) -> u64 {
        let seconds = flodrama_media::Ratio::new(frame as i64 * self.cadence.rate.den, self.cadence.rate.num);
        super::samples_until(seconds, rate)
    }
}
