//! One chunk: decode a range once, scale in a cascade, encode every rung, write whole segments.

use std::collections::BTreeSet;
use std::fs::File;

use ffmpeg_next::frame::Video;

use crate::cadence::Resampler;
use crate::child::Reporter;
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::ladder::Ladder;
use crate::scale::{Prepare, WORK_FORMAT};
use crate::task::{ChunkTask, Written};
use crate::track::Layout;

/// Pictures that are prepared while those before them are encoded. Decides how far followers lag, not what they write.
const BATCH: usize = 2;

/// Runs the task.
pub fn run(task: &ChunkTask, source: File, report: &Reporter) -> Result<Written> {
    if let Some(device) = &task.device {
        return crate::gpu::run(task, device, source, report);
    }
    let (Some(first), Some(last)) = (task.segments.first(), task.segments.last()) else {
        return Err(MediaError::internal("chunk", "no segments"));
    };
    let (start, end) = (first.first_frame, last.first_frame + last.frames());
    let idrs: BTreeSet<u64> = task.segments.iter().flat_map(|s| s.idr_frames()).collect();
    let layout = Layout::new(task, start);
    // First, since it is quick: its segments can be played while the others are made.
    let copied = match &task.copy {
        None => None,
        Some(copy) => Some(crate::copy::run(task, copy, &layout, &source, report)?),
    };
    let mut pictures = Pictures::open(task, source, start, end)?;
    let mut ladder = Ladder::open(task, &layout)?;
    let mut batch = pictures.next()?;
    while !batch.is_empty() {
        let done = batch[batch.len() - 1].0 - start + 1;
        for (frame, picture) in batch {
            ladder.take(frame, (frame - start) as i64, idrs.contains(&frame), picture)?;
        }
        batch = ladder.work(report, || pictures.next())?;
        report.progress(done)?;
    }
    let mut tracks: Vec<_> = copied.into_iter().collect();
    tracks.extend(ladder.finish(report)?);
    Ok(Written {
        tracks,
        source_frames: pictures.resampler.shown,
        repeated_frames: pictures.resampler.repeated,
        cpu_ms: 0,
        peak_kib: 0,
    })
}

/// The chunk's output frames, in the largest rung's size.
struct Pictures<'a> {
    task: &'a ChunkTask,
    reader: VideoReader,
    prepare: Prepare,
    resampler: Resampler<Held>,
    start: u64,
}

impl<'a> Pictures<'a> {
    fn open(task: &'a ChunkTask, source: File, start: u64, end: u64) -> Result<Pictures<'a>> {
        let mut reader = VideoReader::open(source, task.stream, &task.limits)?;
        reader.seek(task.seek)?;
        Ok(Pictures {
            task,
            reader,
            prepare: Prepare::new(&task.prepare, WORK_FORMAT, task.cadence.time_base),
            resampler: Resampler::new(start, end),
            start,
        })
    }

    /// The next batch of output frames and their pictures; empty at the end.
    fn next(&mut self) -> Result<Vec<(u64, Video)>> {
        let mut batch = Vec::new();
        let Pictures { task, reader, prepare, resampler, .. } = self;
        while !resampler.is_done() && batch.len() < BATCH {
            let emit = |frame: u64, held: &mut Held| -> Result<()> {
                batch.push((frame, held.picture(prepare)?));
                Ok(())
            };
            match reader.next_frame()? {
                Some((pts, frame)) => {
                    resampler.push(task.cadence.frame_at(pts), Held::Decoded(frame), emit)?
                }
                None => {
                    resampler.finish(emit)?;
                    if !resampler.is_done() {
                        let what = format!("no frame to show from output frame {} on", self.start);
                        return Err(MediaError::internal("chunk", what));
                    }
                }
            }
        }
        Ok(batch)
    }
}

/// A source frame that may be shown several times but is filtered once, and not at all where it is never shown.
enum Held {
    Decoded(Video),
    Prepared(Video),
}

impl Held {
    fn picture(&mut self, prepare: &mut Prepare) -> Result<Video> {
        if let Held::Decoded(frame) = self {
            let frame = std::mem::replace(frame, Video::empty());
            *self = Held::Prepared(prepare.run(frame)?);
        }
        match self {
            Held::Prepared(picture) => crate::sys::share(picture),
            Held::Decoded(_) => Err(MediaError::internal("chunk", "this frame could not be filtered before")),
        }
    }
}
