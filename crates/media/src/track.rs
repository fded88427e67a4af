//! One rendition of a chunk: access units from an encoder or from the source, and its segments, each written as soon as
//! it is complete.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffmpeg_next::frame;
use sha2::{Digest, Sha256};

use crate::child::Reporter;
use crate::cmaf::{self, Sample};
use crate::encoder::{AccessUnit, DecoderConfig, Encoder};
use crate::error::{MediaError, Result};
use crate::hdr;
use crate::lead::FrameKind;
use crate::task::{Cadence, ChunkTask, Hdr, IFrame, SegmentSpan, SegmentWritten, TrackWritten};

/// What all renditions of a chunk share.
pub struct Layout {
    out: PathBuf,
    segments: Vec<SegmentSpan>,
    /// First output frame of the chunk.
    start: u64,
    /// Ticks per second and per frame.
    ticks: (u32, u32),
    hdr: Option<Hdr>,
}

impl Layout {
    /// Of a chunk that begins at output frame `start`.
    pub fn new(task: &ChunkTask, start: u64) -> Arc<Layout> {
        Arc::new(Layout {
            out: task.out.clone(),
            segments: task.segments.clone(),
            start,
            ticks: ticks(&task.cadence),
            hdr: task.hdr,
        })
    }

    fn frame_ticks(&self, frames: u64) -> u64 {
        frames * u64::from(self.ticks.1)
    }
}

/// Ticks per second and per frame: at least 10,000 a second, and whole numbers for every frame.
fn ticks(cadence: &Cadence) -> (u32, u32) {
    let factor = if cadence.rate.num < 10_000 { 1000 } else { 1 };
    ((cadence.rate.num * factor) as u32, (cadence.rate.den * factor) as u32)
}

/// How the access units of a rendition lie in time and in files.
#[derive(Clone, Copy)]
pub enum Shape {
    /// Every frame; one fragment for each segment.
    Whole,
    /// One frame in so many; a fragment for each, so that byte ranges find it alone.
    Trick(u64),
}

/// An encoder and the segments that it fills.
pub struct Track {
    encoder: Encoder,
    segments: Segments,
}

impl Track {
    /// Opens a rendition and writes its initialisation section where the chunk is its first.
    pub fn open(
        layout: &Arc<Layout>,
        name: String,
        size: (u32, u32),
        encoder: Encoder,
        shape: Shape,
    ) -> Result<Track> {
        let segments = Segments::open(layout, name, size, &encoder.config, encoder.reorder_frames, shape)?;
        Ok(Track { encoder, segments })
    }

    /// Encodes `frame` as number `pts` of the chunk, and writes what that completes.
    pub fn push(
        &mut self,
        frame: &mut frame::Video,
        pts: i64,
        kind: FrameKind,
        report: &Reporter,
    ) -> Result<()> {
        self.encoder.push(frame, pts, kind, &mut self.segments.units)?;
        self.segments.cut(report)
    }

    /// Takes what the encoder still holds: no frame follows.
    pub fn drain(&mut self, report: &Reporter) -> Result<()> {
        self.encoder.finish(&mut self.segments.units)?;
        self.segments.cut(report)
    }

    /// The rendition's part of the chunk is complete.
    pub fn finish(self) -> Result<TrackWritten> {
        self.segments.finish()
    }
}

/// Access units of a rendition and the segments that they fill.
pub struct Segments {
    layout: Arc<Layout>,
    shape: Shape,
    /// Frames by which decoding order may run ahead of presentation.
    reorder_frames: u32,
    written: TrackWritten,
    units: Vec<AccessUnit>,
    /// Segments written so far.
    done: usize,
}

impl Segments {
    /// Opens a rendition of this configuration and writes its initialisation section where the chunk is its first.
    pub fn open(
        layout: &Arc<Layout>,
        name: String,
        size: (u32, u32),
        config: &DecoderConfig,
        reorder_frames: u32,
        shape: Shape,
    ) -> Result<Segments> {
        let delay = layout.frame_ticks(u64::from(reorder_frames));
        let init = cmaf::video_init(size, layout.ticks.0, delay, config, layout.hdr.as_ref())?;
        let folder = layout.out.join(&name);
        std::fs::create_dir_all(&folder).map_err(|e| MediaError::io("rendition folder", &e))?;
        // Every chunk of a rendition gives this same section; the parent compares the hashes.
        if layout.segments.first().is_some_and(|s| s.number == 1) {
            write(&folder.join("init.mp4"), &init)?;
        }
        let written = TrackWritten {
            codecs: config.codecs(),
            init_sha256: hex::encode(Sha256::digest(&init)),
            init_bytes: init.len() as u64,
            track: name,
        };
        Ok(Segments { layout: layout.clone(), shape, reorder_frames, written, units: Vec::new(), done: 0 })
    }

    /// Takes the next access unit in decoding order, numbered in the chunk, and writes what that completes.
    pub fn push(&mut self, unit: AccessUnit, report: &Reporter) -> Result<()> {
        self.units.push(unit);
        self.cut(report)
    }

    /// The rendition's part of the chunk is complete.
    pub fn finish(self) -> Result<TrackWritten> {
        let open = self.layout.segments.len() - self.done;
        if open > 0 || !self.units.is_empty() {
            let name = &self.written.track;
            let what = format!("{name}: {open} segments open, {} access units left over", self.units.len());
            return Err(MediaError::internal("segment", what));
        }
        Ok(self.written)
    }

    /// Units are in decoding order and GOPs are closed, so a segment's units are whole before the next one's begin.
    fn cut(&mut self, report: &Reporter) -> Result<()> {
        let layout = self.layout.clone();
        while let Some(span) = layout.segments.get(self.done) {
            let frames = self.frames(span);
            if self.units.len() < frames.len() {
                break;
            }
            let segment = self.write_segment(span, &frames, &self.units[..frames.len()])?;
            self.units.drain(..frames.len());
            self.done += 1;
            if segment.number == 1 {
                report.track(&self.written)?;
            }
            report.segment(segment)?;
        }
        Ok(())
    }

    /// Output frames of a segment's access units, in order.
    fn frames(&self, span: &SegmentSpan) -> Vec<u64> {
        match self.shape {
            Shape::Whole => (span.first_frame..span.first_frame + span.frames()).collect(),
            Shape::Trick(every) => span.trick_frames(every).collect(),
        }
    }

    fn write_segment(
        &self,
        span: &SegmentSpan,
        frames: &[u64],
        units: &[AccessUnit],
    ) -> Result<SegmentWritten> {
        let Layout { start, ticks: (timescale, _), .. } = *self.layout;
        let frame_ticks = |frames: u64| self.layout.frame_ticks(frames);
        let name = &self.written.track;
        let broken = |what: &str| MediaError::internal("segment", format!("{name} {}: {what}", span.number));
        if !units.first().is_some_and(|u| u.idr) {
            return Err(broken("no IDR first"));
        }
        let ends = frames.iter().skip(1).copied().chain([span.first_frame + span.frames()]);
        let mut bytes = cmaf::segment_type()?;
        let mut iframes = Vec::new();
        let mut samples = Vec::with_capacity(units.len());
        let mut data = Vec::new();
        let said = self.layout.hdr.as_ref().map_or_else(Vec::new, |hdr| hdr::sei(&hdr.metadata));
        for ((unit, at), end) in units.iter().zip(frames).zip(ends) {
            let duration = frame_ticks(end - at);
            let ahead = unit.pts + i64::from(self.reorder_frames) - (at - start) as i64;
            let ahead = u64::try_from(ahead).map_err(|_| {
                broken(&format!(
                    "frame {} is decoded in place of frame {}, after it is shown",
                    unit.pts,
                    at - start
                ))
            })?;
            let begin = data.len();
            if unit.idr {
                data.extend_from_slice(&said);
            }
            data.extend_from_slice(&unit.data);
            samples.push(Sample {
                size: (data.len() - begin) as u32,
                duration: duration as u32,
                composition: frame_ticks(ahead) as u32,
                sync: unit.idr,
            });
            if matches!(self.shape, Shape::Trick(_)) {
                let offset = bytes.len() as u64;
                // Fragments are numbered by their frame: ascending, and the same in whatever chunk they are.
                let sequence = *at as u32 + 1;
                cmaf::fragment(sequence, frame_ticks(*at), &samples, &data, &mut bytes)?;
                iframes.push(IFrame { offset, bytes: bytes.len() as u64 - offset, duration });
                samples.clear();
                data.clear();
            }
        }
        if !samples.is_empty() {
            cmaf::fragment(span.number, frame_ticks(span.first_frame), &samples, &data, &mut bytes)?;
        }
        let path = format!("{name}/{:05}.m4s", span.number);
        write(&self.layout.out.join(&path), &bytes)?;
        Ok(SegmentWritten {
            path,
            track: name.clone(),
            number: span.number,
            timescale,
            start: frame_ticks(span.first_frame),
            duration: frame_ticks(span.frames()),
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
