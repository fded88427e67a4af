//! A range of output frames as pictures of one size: decoded, put to the output's cadence, filtered.

use std::fs::File;
use std::ops::Range;

use ffmpeg_next::frame::Video;

use crate::cadence::Resampler;
use crate::damage::{Damage, Piece};
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::fields::Frames;
use crate::scale::{Prepare, work_format};
use crate::task::{Cadence, ChunkTask, Limits, PicturesOf, SampleTask};
use crate::{Keyframe, Ratio};

/// Where pictures come from, and what is done to them.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    limits: &'a Limits,
    stream: usize,
    seek: Keyframe,
    needed_from: i64,
    cadence: Cadence,
    pictures: PicturesOf,
    prepare: &'a str,
    ten_bit: bool,
}

impl<'a> From<&'a ChunkTask> for Origin<'a> {
    fn from(task: &'a ChunkTask) -> Origin<'a> {
        let ChunkTask { limits, stream, seek, needed_from, cadence, pictures, prepare, .. } = task;
        let (seek, needed_from, cadence, pictures) = (*seek, *needed_from, *cadence, *pictures);
        let ten_bit = task.rungs.iter().any(|rung| rung.ten_bit);
        Origin { limits, stream: *stream, seek, needed_from, cadence, pictures, prepare, ten_bit }
    }
}

impl<'a> From<&'a SampleTask> for Origin<'a> {
    fn from(task: &'a SampleTask) -> Origin<'a> {
        let SampleTask { limits, stream, seek, needed_from, cadence, pictures, prepare, .. } = task;
        let (seek, needed_from, cadence, pictures) = (*seek, *needed_from, *cadence, *pictures);
        Origin { limits, stream: *stream, seek, needed_from, cadence, pictures, prepare, ten_bit: false }
    }
}

/// The pictures of a range of output frames.
pub struct Pictures {
    frames: Frames,
    cadence: Cadence,
    pictures: PicturesOf,
    prepare: Prepare,
    resampler: Resampler<Held>,
    range: Range<u64>,
}

impl Pictures {
    /// Of the output frames in `range`.
    pub fn open(origin: Origin, source: File, range: Range<u64>) -> Result<Pictures> {
        let mut reader = VideoReader::open(source, origin.stream, origin.limits)?;
        reader.seek(origin.seek)?;
        reader.want_from(origin.needed_from);
        Ok(Pictures {
            frames: Frames::new(reader, origin.pictures, origin.needed_from, origin.cadence.time_base),
            cadence: origin.cadence,
            pictures: origin.pictures,
            prepare: Prepare::new(origin.prepare, work_format(origin.ten_bit), origin.cadence.time_base),
            resampler: Resampler::new(range.start, range.end),
            range,
        })
    }

    /// The next output frames and their pictures, `count` or a few more; empty at the end.
    pub fn next(&mut self, count: usize) -> Result<Vec<(u64, Video)>> {
        let mut batch = Vec::new();
        let Pictures { frames, cadence, prepare, resampler, .. } = self;
        while !resampler.is_done() && batch.len() < count {
            let emit = |frame: u64, held: &mut Held| -> Result<()> {
                batch.push((frame, held.picture(prepare)?));
                Ok(())
            };
            match frames.next()? {
                Some((pts, frame)) => resampler.push(cadence.frame_at(pts), Held::Decoded(frame), emit)?,
                None => {
                    resampler.finish(emit)?;
                    if !resampler.is_done() {
                        self.judge()?;
                        let what = format!("no frame to show from output frame {} on", self.range.start);
                        return Err(MediaError::internal("pictures", what));
                    }
                }
            }
        }
        Ok(batch)
    }

    /// Refuses a range of which too much could not be decoded; gives the packets that were lost.
    pub fn judge(&self) -> Result<u64> {
        judge(self.frames.damage(), self.pictures, &self.cadence, &self.range, &self.resampler)
    }

    /// Source frames that were shown so far, and output frames that repeat the one before.
    pub fn counts(&self) -> (u64, u64) {
        (self.resampler.shown, self.resampler.repeated)
    }
}

/// Refuses a range of output frames of which too much could not be decoded; gives the packets that were lost.
pub fn judge<F>(
    damage: &Damage,
    pictures: PicturesOf,
    cadence: &Cadence,
    range: &Range<u64>,
    shown: &Resampler<F>,
) -> Result<u64> {
    let Cadence { rate, origin_pts, time_base } = *cadence;
    let frames = range.end - range.start;
    // Where nothing came at all, nothing was repeated either.
    let replaced = if shown.shown == 0 { frames } else { shown.repeated };
    damage.judge(&Piece {
        what: "video",
        time_base: Ratio::new(time_base.num * pictures.parts(), time_base.den),
        origin_s: origin_pts as f64 * time_base.as_f64(),
        seconds: frames as f64 / rate.as_f64(),
        replaced_s: replaced as f64 / rate.as_f64(),
        is_begin: range.start == 0,
    })?;
    // Second fields come in packets of their own, and their frames with the first.
    Ok(damage.lost.min(replaced))
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
            Held::Decoded(_) => {
                Err(MediaError::internal("pictures", "this frame could not be filtered before"))
            }
        }
    }
}
