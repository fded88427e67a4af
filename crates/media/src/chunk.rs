//! One chunk: decode a range once, scale in a cascade, encode every rung, write whole segments.

use std::collections::BTreeSet;
use std::fs::File;

use crate::cadence::Resampler;
use crate::child::Reporter;
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::h264::Encoder;
use crate::scale::{Cascade, Prepare, WORK_FORMAT};
use crate::task::{ChunkTask, Written};
use crate::track::{Layout, Shape, Track};

/// Runs the task.
pub fn run(task: &ChunkTask, source: File, report: &mut Reporter) -> Result<Written> {
    let (Some(first), Some(last), Some(top)) =
        (task.segments.first(), task.segments.last(), task.rungs.first())
    else {
        return Err(MediaError::internal("chunk", "no segments or no rungs"));
    };
    let start = first.first_frame;
    let end = last.first_frame + last.frames();
    let idrs: BTreeSet<u64> = task.segments.iter().flat_map(|s| s.idr_frames()).collect();

    let layout = Layout::new(task, start);
    // First, since it is quick: its segments can be played while the others are made.
    let copied = match &task.copy {
        None => None,
        Some(copy) => Some(crate::copy::run(task, copy, &layout, &source, report)?),
    };
    let mut tracks = Vec::new();
    for rung in &task.rungs {
        let encoder = Encoder::open(rung, task.cadence.rate)?;
        let name = format!("video/{}p", rung.height);
        tracks.push(Track::open(&layout, name, (rung.width, rung.height), encoder, Shape::Whole)?);
    }
    let sizes: Vec<(u32, u32)> = task.rungs.iter().map(|r| (r.width, r.height)).collect();
    let mut trick = match &task.trick {
        None => None,
        Some(trick) => {
            let size = (trick.rung.width, trick.rung.height);
            let from_rung = sizes.iter().position(|s| *s == size);
            let from_rung =
                from_rung.ok_or_else(|| MediaError::internal("trick", "its size is no rung's size"))?;
            let encoder = Encoder::open(&trick.rung, task.cadence.rate)?;
            let name = format!("trick/{}p", trick.rung.height);
            let shape = Shape::Trick(trick.every_frames);
            let frames: BTreeSet<u64> =
                task.segments.iter().flat_map(|s| s.trick_frames(trick.every_frames)).collect();
            Some((from_rung, frames, Track::open(&layout, name, size, encoder, shape)?))
        }
    };

    let mut prepare = Prepare::new(&task.prepare, WORK_FORMAT, task.cadence.time_base);
    let mut cascade = Cascade::new((top.width, top.height), &sizes[1..])?;
    let mut reader = VideoReader::open(source, task.stream, &task.limits)?;
    reader.seek(task.seek)?;

    let mut resampler = Resampler::new(start, end);
    let mut encode = |n: u64, held: &mut Held| -> Result<()> {
        let frame = held.prepared(&mut prepare)?;
        let pts = (n - start) as i64;
        let idr = idrs.contains(&n);
        let mut push = |rung: usize, frame: &mut ffmpeg_next::frame::Video| {
            tracks[rung].push(frame, pts, idr, report)?;
            match &mut trick {
                Some((from_rung, frames, track)) if *from_rung == rung && frames.contains(&n) => {
                    track.push(frame, pts, true, report)
                }
                _ => Ok(()),
            }
        };
        push(0, frame)?;
        cascade.run(frame, |i, scaled| push(i + 1, scaled))?;
        report.progress(n - start + 1)
    };
    while !resampler.is_done() {
        match reader.next_frame()? {
            Some((pts, frame)) => {
                resampler.push(task.cadence.frame_at(pts), Held::decoded(frame), &mut encode)?;
            }
            None => {
                resampler.finish(&mut encode)?;
                break;
            }
        }
    }
    if !resampler.is_done() {
        return Err(MediaError::internal("chunk", format!("no frame to show from output frame {start} on")));
    }

    let mut written = Written {
        tracks: copied.into_iter().collect(),
        source_frames: resampler.shown,
        repeated_frames: resampler.repeated,
        cpu_ms: 0,
        peak_kib: 0,
    };
    for track in tracks.into_iter().chain(trick.map(|(.., track)| track)) {
        written.tracks.push(track.finish(report)?);
    }
    Ok(written)
}

/// A source frame that may be shown several times but is filtered once, and not at all where it is never shown.
struct Held {
    decoded: Option<ffmpeg_next::frame::Video>,
    prepared: Option<ffmpeg_next::frame::Video>,
}

impl Held {
    fn decoded(frame: ffmpeg_next::frame::Video) -> Held {
        Held { decoded: Some(frame), prepared: None }
    }

    fn prepared(&mut self, prepare: &mut Prepare) -> Result<&mut ffmpeg_next::frame::Video> {
        if let Some(frame) = self.decoded.take() {
            self.prepared = Some(prepare.run(frame)?);
        }
        self.prepared
            .as_mut()
            .ok_or_else(|| MediaError::internal("chunk", "this frame could not be filtered before"))
    }
}
