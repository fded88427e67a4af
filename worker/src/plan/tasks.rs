//! From the plan to the tasks that media children run. The names are those of the commits.

use std::path::{Path, PathBuf};

use flodrama_asset::{PublishedFile, TrackFile};
use flodrama_media::SourceInfo;
use flodrama_media::task::{
    AudioTask, ChunkTask, DeviceTask, Limits, StillsTask, SubtitlesTask, Task, TextSource,
};

use super::{Chunk, Plan};

/// A task with the name under which its result is committed.
#[derive(Clone, Debug)]
pub struct NamedTask {
    /// `chunk-0001`, `audio-en-2`, `subs-en`, `stills`.
    pub name: String,
    /// Output frames that it makes; 0 for sound, subtitles and stills.
    pub frames: u64,
    /// The task.
    pub task: Task,
}

impl NamedTask {
    fn chunk(name: String, task: ChunkTask) -> NamedTask {
        let frames = task.segments.iter().map(|s| s.frames()).sum();
        NamedTask { name, frames, task: Task::Chunk(task) }
    }

    /// True where the task needs so little that it runs beside those that fill the cores. A whole track of sound takes
    /// as long as a few chunks; behind them it would keep a preview waiting, before them it would hold it up.
    pub fn is_beside(&self) -> bool {
        matches!(self.task, Task::Audio(_) | Task::Subtitles(_))
    }

    /// True where the task reads what the chunks wrote.
    pub fn needs_all_chunks(&self) -> bool {
        matches!(self.task, Task::Stills(_))
    }

    /// The subtitle file that it reads, by name; none where it reads the source.
    pub fn sidecar(&self) -> Option<&str> {
        match &self.task {
            Task::Subtitles(SubtitlesTask { from: TextSource::Sidecar(name), .. }) => Some(name),
            _ => None,
        }
    }

    /// True where the episode is published without the result, if there is none: the source is to blame, or its decoder.
    pub fn is_dispensable(&self) -> bool {
        matches!(self.task, Task::Subtitles(_))
    }

    /// Lets a chunk encode its rungs on so many threads. Changes no bit of what it writes.
    pub fn spread(&mut self, threads: usize) {
        if let Task::Chunk(chunk) = &mut self.task {
            chunk.threads = threads.min(chunk.rungs.len()) as u32;
        }
    }

    /// True where a device does the work, and a core is not filled.
    pub fn is_on_device(&self) -> bool {
        matches!(&self.task, Task::Chunk(chunk) if chunk.device.is_some())
    }

    /// With at most so many encoders open at a time.
    pub fn limited_to(mut self, sessions: u32) -> NamedTask {
        if let Task::Chunk(chunk) = &mut self.task
            && let Some(device) = &mut chunk.device
        {
            device.sessions = sessions;
        }
        self
    }
}

impl Plan {
    /// Every task of the plan, writing below `tree`, in the order in which they begin. Sound comes first: it runs beside
    /// the chunks (see [`NamedTask::is_beside`]), so that a preview has it; subtitles next, beside them too. Chunks follow in order of time, so that a
    /// preview grows from its start. Stills come last: they are cut from the I-frame rendition, which spares decoding the
    /// source once more.
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
                    codec: a.codec,
                    loudness: a.loudness,
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
                trick: self.trick_files(tree),
                keyframes: source.video.keyframes.clone(),
                origin_pts: self.cadence.origin_pts / self.pictures.parts(),
                time_base: source.video.time_base,
                pictures: self.pictures,
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
            let main = ChunkTask {
                prepare: self.prepare.clone(),
                copy: self.copy.clone(),
                rungs: self.rungs[usize::from(self.copy.is_some())..].to_vec(),
                trick: Some(self.trick.clone()),
                device: self.device.map(|kind| DeviceTask { kind, sessions: self.encoders() }),
                ..self.chunk(i, chunk, tree, limits)
            };
            NamedTask::chunk(chunk_name(None, i), main)
        });
        // Behind the main ladder, which is what a preview needs. Each decodes the source for itself: that is little
        // beside what its encoders take, and a child's memory stays in bounds.
        let beside = self.beside.iter().flat_map(|ladder| {
            self.chunks.iter().enumerate().map(move |(i, chunk)| {
                let main = self.chunk(i, chunk, tree, limits);
                let task = ChunkTask {
                    cadence: ladder.cadence(main.cadence),
                    segments: main.segments.iter().map(|span| ladder.span(span)).collect(),
                    prepare: ladder.prepare.clone(),
                    ladder: Some(ladder.name.clone()),
                    hdr: ladder.hdr,
                    rungs: ladder.rungs.clone(),
                    ..main
                };
                NamedTask::chunk(chunk_name(Some(&ladder.name), i), task)
            })
        });
        audio.chain(self.subtitles_tasks(tree, limits)).chain(chunks).chain(beside).chain([stills]).collect()
    }

    /// Chunks, of all ladders, that are not among the finished tasks.
    pub fn open_chunks(&self, finished: &[String]) -> usize {
        let ladders = [None].into_iter().chain(self.beside.iter().map(|ladder| Some(ladder.name.as_str())));
        let names = ladders.flat_map(|ladder| (0..self.chunks.len()).map(move |i| chunk_name(ladder, i)));
        names.filter(|name| !finished.contains(name)).count()
    }

    /// What a chunk has in every ladder.
    fn chunk(&self, index: usize, chunk: &Chunk, tree: &Path, limits: &Limits) -> ChunkTask {
        ChunkTask {
            out: tree.to_owned(),
            index: index as u32,
            threads: 1,
            limits: *limits,
            stream: self.video_stream,
            seek: chunk.seek,
            needed_from: chunk.needed_from,
            pictures: self.pictures,
            cadence: self.cadence,
            prepare: String::new(),
            segments: self.segments[chunk.first_segment..chunk.first_segment + chunk.segments].to_vec(),
            copy: None,
            ladder: None,
            hdr: None,
            rungs: Vec::new(),
            trick: None,
            device: None,
        }
    }

    /// Output frames of all ladders: what there is to encode.
    pub fn frames_to_encode(&self) -> u64 {
        self.frames + self.beside.iter().map(|ladder| ladder.frames(self.frames)).sum::<u64>()
    }

    /// The I-frame rendition: its initialisation section, then its segments.
    fn trick_files(&self, tree: &Path) -> Vec<PathBuf> {
        let names = std::iter::once(TrackFile::Init)
            .chain(self.segments.iter().map(|s| TrackFile::Segment(s.number)));
        names.map(|name| tree.join(PublishedFile::Trick(self.trick.rung.height, name).to_string())).collect()
    }

    /// Encoders that a chunk has open: one for each rendition that is encoded.
    pub fn encoders(&self) -> u32 {
        self.rungs.len() as u32 - u32::from(self.copy.is_some()) + 1
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

/// Of the main ladder where none is named.
fn chunk_name(ladder: Option<&str>, index: usize) -> String {
    match ladder {
        None => format!("chunk-{index:04}"),
        Some(ladder) => format!("chunk-{ladder}-{index:04}"),
    }
}

#[cfg(test)]
mod tests {
    use flodrama_media::Keyframe;
    use flodrama_media::task::Limits;

    use super::*;
    use crate::plan::fixtures::source;
    use crate::plan::{Preset, plan, preset};

    /// A minute with a keyframe every two seconds.
    fn minute() -> SourceInfo {
        let mut source = source(25 * 60);
        let keyframes = source.video.pts.iter().step_by(50).map(|pts| Keyframe { pts: *pts, dts: *pts });
        source.video.keyframes = keyframes.collect();
        source
    }

    #[test]
    fn sound_comes_first_and_stills_last() {
        let source = minute();
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        let plan = plan(&source, None, &preset, preset.family());
        let limits = Limits { max_pixels: 1, max_duration_s: 1.0, max_streams: 1 };
        let tasks = plan.tasks(&source, Path::new("tree"), &limits);
        let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
        assert_eq!(
            names,
            ["audio-en-2", "chunk-0000", "chunk-0001", "chunk-0002", "chunk-0003", "chunk-0004", "stills"]
        );
        assert!(tasks[0].is_beside() && tasks[1..].iter().all(|task| !task.is_beside()));
    }

    #[test]
    fn chunks_are_open_until_they_are_finished_in_every_ladder() {
        let source = minute();
        let preset = Preset::load("web-h264-hevc").expect("shipped");
        let plan = plan(&source, None, &preset, preset.family());
        let limits = Limits { max_pixels: 1, max_duration_s: 1.0, max_streams: 1 };
        let tasks = plan.tasks(&source, Path::new("tree"), &limits);
        let (chunks, others): (Vec<_>, Vec<_>) =
            tasks.iter().partition(|task| matches!(task.task, Task::Chunk(_)));
        let names = |tasks: &[&NamedTask]| tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>();
        assert_eq!((chunks.len(), plan.open_chunks(&names(&others))), (10, 10));
        assert_eq!(plan.open_chunks(&names(&chunks[1..])), 1);
        assert_eq!(plan.open_chunks(&names(&chunks)), 0);
    }
}
