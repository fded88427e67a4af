//! A rung whose pictures are the source's own: packets of a chunk become segments as they are, nothing is decoded.

use std::fs::File;
use std::sync::Arc;

use crate::child::Reporter;
use crate::decode::{VideoReader, stamps};
use crate::encoder::{AccessUnit, DecoderConfig};
use crate::error::{MediaError, Result};
use crate::nal::{Framing, ParameterSets, carry};
use crate::task::{ChunkTask, CopyTask, TrackWritten};
use crate::track::{Layout, Segments, Shape};

/// Copies the chunk's packets. The plan has found that they keep the rules; what breaks one here is an error.
pub fn run(
    task: &ChunkTask,
    copy: &CopyTask,
    layout: &Arc<Layout>,
    source: &File,
    report: &Reporter,
) -> Result<TrackWritten> {
    let broken = |what: String| MediaError::internal("copy", what);
    let source = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
    let mut reader = VideoReader::open(source, task.stream, &task.limits)?;
    reader.seek(task.seek)?;
    let configuration = reader.configuration();
    let framing = Framing::of(&configuration);
    let mut sets = ParameterSets::of(&configuration);

    let start = task.segments.first().map_or(0, |s| s.first_frame);
    let count: u64 = task.segments.iter().map(|s| s.frames()).sum();
    let mut seen = vec![false; count as usize];
    let mut segments = None;
    for _ in 0..count {
        let packet = reader.next_packet()?.ok_or_else(|| broken("the track ends too early".into()))?;
        // Groups of pictures are closed, so in decoding order a chunk's packets are one run.
        let number = task.cadence.frame_at(stamps(&packet).0) - start as i64;
        let place = usize::try_from(number).ok().and_then(|n| seen.get_mut(n));
        match place {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(broken(format!("a packet for frame {number} of {count}"))),
        }
        let carried = packet.data().and_then(|data| carry(data, framing, &mut sets));
        let carried = carried.ok_or_else(|| broken(format!("frame {number} is damaged")))?;
        if carried.changed {
            return Err(broken(format!("frame {number} has other parameter sets")));
        }
        let segments = match &mut segments {
            Some(segments) => segments,
            none => {
                // Where the track's configuration has no parameter sets, the first packet has.
                let sets = sets.single().ok_or_else(|| broken("not one of each parameter set".into()))?;
                let config = DecoderConfig::avc(sets.0, sets.1)
                    .ok_or_else(|| broken("the parameter sets cannot be read".into()))?;
                let name = format!("video/{}p", copy.height);
                let size = (copy.width, copy.height);
                none.insert(Segments::open(layout, name, size, &config, copy.reorder_frames, Shape::Whole)?)
            }
        };
        let unit = AccessUnit { data: carried.data, pts: number, idr: carried.idr };
        segments.push(unit, report)?;
    }
    segments.ok_or_else(|| broken("no frames".into()))?.finish()
}
