//! One chunk: decode a range once, scale in a cascade, encode every rung, write whole segments.

use std::collections::BTreeSet;
use std::fs::File;

use crate::child::Reporter;
use crate::error::{MediaError, Result};
use crate::ladder::Ladder;
use crate::pictures::Pictures;
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
    let mut pictures = Pictures::open(task.into(), source, start..end)?;
    let mut ladder = Ladder::open(task, &layout)?;
    let mut batch = pictures.next(BATCH)?;
    while !batch.is_empty() {
        let done = batch[batch.len() - 1].0 - start + 1;
        for (frame, picture) in batch {
            ladder.take(frame, (frame - start) as i64, idrs.contains(&frame), picture)?;
        }
        batch = ladder.work(report, || pictures.next(BATCH))?;
        report.progress(done)?;
    }
    let mut tracks: Vec<_> = copied.into_iter().collect();
    tracks.extend(ladder.finish(report)?);
    let lost_packets = pictures.judge()?;
    let (source_frames, repeated_frames) = pictures.counts();
    Ok(Written { tracks, source_frames, repeated_frames, lost_packets, ..Written::default() })
}
