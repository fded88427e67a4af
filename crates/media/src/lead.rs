//! What one rung's encoder found out, for all the others.
//!
//! Encoders spend a third of their time looking ahead: which frames become B-frames, and how much the future gains from
//! each block (MB-tree). Both are properties of the content, not of its size. So one rung, the leader, looks ahead for
//! the whole ladder; x264 notes its findings as a first pass does, frame by frame, and the other rungs, the followers,
//! take them as orders: each frame's type, and each block's quantiser offset, mapped to their own size. Followers keep
//! their constant rate factor and their caps: nothing else of a second pass is used.
//!
//! x264 writes two files while it runs: `<name>.temp`, a line of text for each frame in coding order, and
//! `<name>.mbtree.temp`, for each frame that others refer to a byte and then one big-endian 8.8 fixed-point offset for
//! each block of 16×16 pixels, adaptive quantisation included. That part is taken out again: it follows each block's own
//! detail, so every follower's encoder adds it at its own size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffmpeg_next::frame::Video;

use crate::aq::AdaptiveQuantisation;
use crate::error::{MediaError, Result, Step};

/// Pixels of a block's side.
pub const BLOCK: u32 = 16;

/// What an encoder is told about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Decoding can begin here.
    Idr,
    /// Predicted from the past.
    P,
    /// Predicted from past and future.
    B,
    /// The encoder decides.
    Free,
}

/// Quantiser offsets of a frame's blocks, row by row, in 256ths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// Blocks in a row, rows.
    pub blocks: (u32, u32),
    /// Size of the picture in pixels.
    pub size: (u32, u32),
    /// One for each block.
    pub values: Vec<i16>,
}

/// What the leader found out about one frame.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its type.
    pub kind: FrameKind,
    /// Its offsets; none where no other frame refers to it.
    pub offsets: Option<Arc<Offsets>>,
}

impl Offsets {
    /// The same without the adaptive quantisation that `picture`, the leader's, had in them.
    pub fn without_adaptive_quantisation(&self, picture: &Video, by: AdaptiveQuantisation) -> Offsets {
        let own = by.steps(picture);
        let values = self.values.iter().zip(own).map(|(v, own)| v - (own * 256.0).round() as i16).collect();
        Offsets { values, ..*self }
    }

    /// The same for a picture of another size: the mean over the area that a block covers.
    pub fn resized(&self, size: (u32, u32)) -> Offsets {
        let blocks = blocks(size);
        let columns = spans(blocks.0, size.0, self.size.0, self.blocks.0);
        let rows = spans(blocks.1, size.1, self.size.1, self.blocks.1);
        let mut values = Vec::with_capacity((blocks.0 * blocks.1) as usize);
        for row in &rows {
            for column in &columns {
                let (mut sum, mut weight) = (0.0, 0.0);
                for &(y, h) in row {
                    for &(x, w) in column {
                        sum += f32::from(self.values[y * self.blocks.0 as usize + x]) * w * h;
                        weight += w * h;
                    }
                }
                values.push((sum / weight).round() as i16);
            }
        }
        Offsets { blocks, size, values }
    }
}

/// Blocks in a row, and rows, of a picture.
pub fn blocks((width, height): (u32, u32)) -> (u32, u32) {
    (width.div_ceil(BLOCK), height.div_ceil(BLOCK))
}

/// For each of `count` blocks along a side of `pixels`: the blocks of the other picture below it, and how much of each.
/// Smaller pictures average; larger ones interpolate between neighbours.
fn spans(count: u32, pixels: u32, from_pixels: u32, from_count: u32) -> Vec<Vec<(usize, f32)>> {
    let ratio = from_pixels as f32 / pixels as f32;
    let last = from_count - 1;
    (0..count)
        .map(|i| {
            if ratio > 1.0 {
                let (from, to) = (i as f32 * ratio, ((i + 1) as f32 * ratio).min(from_count as f32));
                let covered = (from as u32).min(last)..=(to as u32).min(last);
                let share = |n: u32| (to.min(n as f32 + 1.0) - from.max(n as f32)).max(0.0);
                let parts: Vec<_> =
                    covered.map(|n| (n as usize, share(n))).filter(|(_, w)| *w > 0.0).collect();
                if parts.is_empty() { vec![(last as usize, 1.0)] } else { parts }
            } else {
                let centre = ((i as f32 + 0.5) * ratio - 0.5).clamp(0.0, last as f32);
                let n = centre as u32;
                let part = centre - n as f32;
                let mut parts = vec![(n as usize, 1.0 - part)];
                if part > 0.0 && n < last {
                    parts.push((n as usize + 1, part));
                }
                parts
            }
        })
        .collect()
}

/// Reads a leader's findings while it works.
pub struct Findings {
    stats: PathBuf,
    size: (u32, u32),
    /// Statistics and MB-tree, from the first frame on.
    files: Option<(File, File)>,
    /// The begin of a line whose end is not written yet.
    partial: Vec<u8>,
}

impl Findings {
    /// Of a leader of `size` whose statistics file is `stats`.
    pub fn new(stats: PathBuf, size: (u32, u32)) -> Findings {
        Findings { stats, size, files: None, partial: Vec::new() }
    }

    /// Adds what was written since the last call to what is known, by number in the chunk.
    pub fn read(&mut self, known: &mut BTreeMap<i64, Finding>) -> Result<()> {
        crate::sys::flush_streams();
        let (text, tree) = match &mut self.files {
            Some(files) => files,
            none => none.insert((open(&self.stats, ".temp")?, open(&self.stats, ".mbtree.temp")?)),
        };
        text.read_to_end(&mut self.partial).map_err(|e| MediaError::io("statistics", &e))?;
        let Some(end) = self.partial.iter().rposition(|b| *b == b'\n') else { return Ok(()) };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        for line in std::str::from_utf8(&lines).step("statistics")?.lines().filter(|l| !l.starts_with('#')) {
            let (frame, kind, referred) =
                parse(line).ok_or_else(|| MediaError::internal("statistics", format!("'{line}'")))?;
            let offsets = referred.then(|| read_offsets(tree, self.size)).transpose()?.map(Arc::new);
            known.insert(frame, Finding { kind, offsets });
        }
        Ok(())
    }
}

impl Drop for Findings {
    fn drop(&mut self) {
        // Nothing is lost where they stay: the scratch folder goes with the job.
        for end in ["", ".mbtree", ".temp", ".mbtree.temp"] {
            let _ = std::fs::remove_file(name(&self.stats, end));
        }
    }
}

fn name(stats: &Path, end: &str) -> PathBuf {
    let mut name = stats.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn open(stats: &Path, end: &str) -> Result<File> {
    File::open(name(stats, end)).map_err(|e| MediaError::io("statistics", &e))
}

/// Frame in order of presentation, its type, and whether others refer to it.
fn parse(line: &str) -> Option<(i64, FrameKind, bool)> {
    let mut words = line.split_ascii_whitespace();
    let frame = words.next()?.strip_prefix("in:")?.parse().ok()?;
    let kind = words.find_map(|w| w.strip_prefix("type:"))?;
    let (kind, referred) = match kind {
        "I" => (FrameKind::Idr, true),
        // An I-frame in mid-GOP: followers may predict it where that is cheaper.
        "i" | "P" => (FrameKind::P, true),
        "B" => (FrameKind::B, true),
        "b" => (FrameKind::B, false),
        _ => return None,
    };
    Some((frame, kind, referred))
}

fn read_offsets(tree: &mut File, size: (u32, u32)) -> Result<Offsets> {
    let blocks = blocks(size);
    let mut bytes = vec![0; 1 + 2 * (blocks.0 * blocks.1) as usize];
    tree.read_exact(&mut bytes).map_err(|e| MediaError::io("MB-tree", &e))?;
    let values = bytes[1..].chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect();
    Ok(Offsets { blocks, size, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_frame_and_type() {
        let line =
            |kind: &str| format!("in:7 out:4 type:{kind} dur:2 cpbdur:2 q:28.26 aq:20.40 tex:1 ref:5576 ;");
        assert_eq!(parse(&line("I")), Some((7, FrameKind::Idr, true)));
        assert_eq!(parse(&line("P")), Some((7, FrameKind::P, true)));
        assert_eq!(parse(&line("B")), Some((7, FrameKind::B, true)));
        assert_eq!(parse(&line("b")), Some((7, FrameKind::B, false)));
        assert_eq!(parse("in:7 out:4 type:? dur:2"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn offsets_keep_their_mean_and_their_place() {
        let size = (1280, 720);
        let blocks = blocks(size);
        let left = |i: u32| if i % blocks.0 < blocks.0 / 2 { -1024 } else { 512 };
        let values = (0..blocks.0 * blocks.1).map(left).collect();
        let offsets = Offsets { blocks, size, values };
        assert_eq!(offsets.resized(size), offsets);
        for size in [(1920, 1080), (960, 540), (640, 360), (416, 234), (1918, 802), (16, 16)] {
            let resized = offsets.resized(size);
            assert_eq!(resized.blocks, super::blocks(size));
            assert_eq!(resized.values.len() as u32, resized.blocks.0 * resized.blocks.1);
            let mean =
                resized.values.iter().map(|v| f64::from(*v)).sum::<f64>() / resized.values.len() as f64;
            assert!((mean + 256.0).abs() < 40.0, "{size:?}: {mean}");
            if size.0 > 100 {
                assert_eq!(resized.values[0], -1024);
                assert_eq!(resized.values[resized.blocks.0 as usize - 1], 512);
            }
        }
    }
}
