//! One chunk: decode a range once, scale in a cascade, encode every rung, write whole segments.

use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Ratio;
use crate::cadence::Resampler;
use crate::child::Reporter;
use crate::cmaf::{self, Sample};
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::h264::{AccessUnit, Encoder};
use crate::scale::{Cascade, Prepare, WORK_FORMAT};
use crate::task::{
    Cadence, ChunkTask, IFrame, SegmentSpan, SegmentWritten, TrackWritten, TrickTask, Written,
};

/// Runs the task.
pub fn run(task: &ChunkTask, source: File, report: &mut Reporter) -> Result<Written> {
    let (Some(first), Some(last), Some(top)) =
        (task.segments.first(), task.segments.last(), task.rungs.first())
    else {
        return Err(MediaError::internal("chunk", "no segments or no rungs"));
    };
    let start = first.first_frame;
    let end = last.first_frame + last.frames;

    let mut tracks = Vec::new();
    for rung in &task.rungs {
        let name = format!("video/{}p", rung.height);
        tracks.push(Track::open(name, Encoder::open(rung, task.cadence.rate)?, 1));
    }
    let sizes: Vec<(u32, u32)> = task.rungs.iter().map(|r| (r.width, r.height)).collect();
    let mut trick = task.trick.as_ref().map(|t| Trick::open(t, &sizes, task.cadence.rate)).transpose()?;

    let mut prepare = Prepare::new(&task.prepare, WORK_FORMAT, task.cadence.time_base);
    let mut cascade = Cascade::new((top.width, top.height), &sizes[1..])?;
    let mut reader = VideoReader::open(source, task.stream, &task.limits)?;
    reader.seek(task.seek)?;

    let mut resampler = Resampler::new(start, end);
    let mut encode = |n: u64, held: &mut Held| -> Result<()> {
        let frame = held.prepared(&mut prepare)?;
        let pts = (n - start) as i64;
        let idr = (n - start).is_multiple_of(task.gop_frames);
        let mut push = |rung: usize, frame: &mut ffmpeg_next::frame::Video| {
            tracks[rung].push(frame, pts, idr)?;
            match &mut trick {
                Some(t) if t.from_rung == rung && n.is_multiple_of(t.track.step) => {
                    t.track.push(frame, pts, true)
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
        tracks: Vec::new(),
        source_frames: resampler.shown,
        repeated_frames: resampler.repeated,
        cpu_ms: 0,
        peak_kib: 0,
    };
    let writer = SegmentWriter { task, start, ticks: ticks(&task.cadence) };
    for (i, track) in tracks.into_iter().enumerate() {
        let (width, height) = sizes[i];
        written.tracks.push(writer.write_track(track, width, height, false, report)?);
    }
    if let Some(trick) = trick {
        let (width, height) = sizes[trick.from_rung];
        written.tracks.push(writer.write_track(trick.track, width, height, true, report)?);
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

/// An encoder and what it gave so far.
struct Track {
    name: String,
    encoder: Encoder,
    /// Output frames from one access unit to the next.
    step: u64,
    units: Vec<AccessUnit>,
}

impl Track {
    fn open(name: String, encoder: Encoder, step: u64) -> Track {
        Track { name, encoder, step, units: Vec::new() }
    }

    fn push(&mut self, frame: &mut ffmpeg_next::frame::Video, pts: i64, idr: bool) -> Result<()> {
        self.encoder.push(frame, pts, idr, &mut self.units)
    }
}

/// The I-frame rendition: frames of one rung, now and then.
struct Trick {
    from_rung: usize,
    track: Track,
}

impl Trick {
    fn open(task: &TrickTask, rungs: &[(u32, u32)], rate: Ratio) -> Result<Trick> {
        let size = (task.rung.width, task.rung.height);
        let from_rung = rungs.iter().position(|r| *r == size);
        let from_rung =
            from_rung.ok_or_else(|| MediaError::internal("trick", "its size is no rung's size"))?;
        let name = format!("trick/{}p", task.rung.height);
        Ok(Trick { from_rung, track: Track::open(name, Encoder::open(&task.rung, rate)?, task.every_frames) })
    }
}

/// Ticks per second and per frame: at least 10,000 a second, and whole numbers for every frame.
fn ticks(cadence: &Cadence) -> (u32, u32) {
    let factor = if cadence.rate.num < 10_000 { 1000 } else { 1 };
    ((cadence.rate.num * factor) as u32, (cadence.rate.den * factor) as u32)
}

struct SegmentWriter<'a> {
    task: &'a ChunkTask,
    /// First output frame of the chunk.
    start: u64,
    /// Ticks per second and per frame.
    ticks: (u32, u32),
}

impl SegmentWriter<'_> {
    /// Writes a track's initialisation section and segments.
    fn write_track(
        &self,
        mut track: Track,
        width: u32,
        height: u32,
        one_by_one: bool,
        report: &mut Reporter,
    ) -> Result<TrackWritten> {
        track.encoder.finish(&mut track.units)?;
        let encoder = &track.encoder;
        let delay = u64::from(encoder.reorder_frames) * u64::from(self.ticks.1);
        let init = cmaf::video_init((width, height), self.ticks.0, delay, &encoder.sps, &encoder.pps)?;
        let folder = self.task.out.join(&track.name);
        std::fs::create_dir_all(&folder).map_err(|e| MediaError::io("rendition folder", &e))?;
        // Every chunk of a rendition gives this same section; the parent compares the hashes.
        if self.task.segments[0].number == 1 {
            write(&folder.join("init.mp4"), &init)?;
        }
        let mut units = track.units.as_slice();
        for segment in &self.task.segments {
            let from = (segment.first_frame - self.start).div_ceil(track.step);
            let to = (segment.first_frame - self.start + segment.frames).div_ceil(track.step);
            let count = (to - from) as usize;
            if units.len() < count {
                let what = format!("{}: {} access units, wanted {count}", track.name, units.len());
                return Err(MediaError::internal("segment", what));
            }
            let (mine, rest) = units.split_at(count);
            units = rest;
            report.segment(self.write_segment(&track, segment, mine, from, one_by_one)?)?;
        }
        if !units.is_empty() {
            return Err(MediaError::internal("segment", format!("{}: access units left over", track.name)));
        }
        Ok(TrackWritten {
            codecs: cmaf::avc_codecs(&track.encoder.sps),
            init_sha256: hex::encode(Sha256::digest(&init)),
            init_bytes: init.len() as u64,
            track: track.name,
        })
    }

    /// Writes one segment: one fragment, or one for each access unit where byte ranges must find them alone.
    fn write_segment(
        &self,
        track: &Track,
        span: &SegmentSpan,
        units: &[AccessUnit],
        first_unit: u64,
        one_by_one: bool,
    ) -> Result<SegmentWritten> {
        let (timescale, per_frame) = self.ticks;
        if !units.first().is_some_and(|u| u.idr) {
            return Err(MediaError::internal(
                "segment",
                format!("{} {}: no IDR first", track.name, span.number),
            ));
        }
        let frame_ticks = |frames: u64| frames * u64::from(per_frame);
        let segment_end = span.first_frame + span.frames;
        let mut bytes = cmaf::segment_type()?;
        let mut iframes = Vec::new();
        let mut samples = Vec::with_capacity(units.len());
        let mut data = Vec::new();
        for (i, unit) in units.iter().enumerate() {
            // Decoding order counts the track's own steps; presentation is in frames of the chunk.
            let decode_frame = (first_unit + i as u64) * track.step;
            let shown_until = (self.start + decode_frame + track.step).min(segment_end);
            let duration = frame_ticks(shown_until - (self.start + decode_frame));
            let ahead = unit.pts + i64::from(track.encoder.reorder_frames) - decode_frame as i64;
            let ahead = u64::try_from(ahead).map_err(|_| {
                MediaError::internal(
                    "segment",
                    format!("{}: a frame is decoded after it is shown", track.name),
                )
            })?;
            samples.push(Sample {
                size: unit.data.len() as u32,
                duration: duration as u32,
                composition: frame_ticks(ahead) as u32,
                sync: unit.idr,
            });
            data.extend_from_slice(&unit.data);
            if one_by_one {
                let offset = bytes.len() as u64;
                let at = self.start + decode_frame;
                let sequence = (at / track.step) as u32 + 1;
                cmaf::fragment(sequence, frame_ticks(at), &samples, &data, &mut bytes)?;
                iframes.push(IFrame { offset, bytes: bytes.len() as u64 - offset, duration });
                samples.clear();
                data.clear();
            }
        }
        if !one_by_one {
            cmaf::fragment(span.number, frame_ticks(span.first_frame), &samples, &data, &mut bytes)?;
        }
        let path = format!("{}/{:05}.m4s", track.name, span.number);
        write(&self.task.out.join(&path), &bytes)?;
        Ok(SegmentWritten {
            path,
            track: track.name.clone(),
            number: span.number,
            timescale,
            start: frame_ticks(span.first_frame),
            duration: frame_ticks(span.frames),
            samples: units.len() as u64,
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
            iframes,
        })
    }
}

/// Writes a file of the tree.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| MediaError::io(&format!("write {}", path.display()), &e))
}
