//! A transport stream that was put together from several recordings has a clock that jumps at each join. Every reader of
//! it would have to know, and demuxers seek by clock: so the file is copied once, with one clock.
//!
//! Pictures decide. Where their clock runs back, or far ahead together with another one, the next picture follows the one
//! before, and everything from there on is shifted as much.

mod packets;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};

use packets::{Kind, Stamp, ticks};

use flodrama_asset::ErrorKind;

use crate::Jump;
use crate::child::Reporter;
use crate::error::{MediaError, Result};
use crate::task::JumpsTask;

/// Pictures are decoded in order: a clock that runs back by more is another clock.
const BACK: i64 = -90_000 / 2;
/// What is lost of a broadcast is mostly shorter. ffmpeg draws the same line.
const AHEAD: i64 = 10 * 90_000;
/// More are no recordings but a damaged file.
const MOST: usize = 500;

/// Bytes after which the parent hears that reading goes on.
const SAY_EVERY: u64 = 64 << 20;

/// Bytes of a file's begin that [`may_be_transport_stream`] looks at.
pub const LOOKED_AT: u64 = 3 * 204;

/// True where a file may be a transport stream, by its begin: others need not be asked for jumps.
pub fn may_be_transport_stream(begin: &[u8]) -> bool {
    packets::are_there(begin)
}

/// Finds the jumps of the task's source; where there are some, writes the source anew, with one clock.
pub fn run(task: &JumpsTask, mut source: File, report: &Reporter) -> Result<Vec<Jump>> {
    let failed = |e: io::Error| MediaError::io("clock of the source", &e);
    // A large file takes longer than a child may be silent.
    let mut said = 0;
    let mut alive = |place: u64| {
        if place.abs_diff(said) >= SAY_EVERY {
            said = place;
            // Where nobody reads, this child is about to be ended.
            let _ = report.progress(place >> 20);
        }
    };
    source.rewind().map_err(failed)?;
    let jumps = find(&mut source, &mut alive).map_err(failed)?.jumps()?;
    if jumps.is_empty() || jumps.len() > MOST {
        return Ok(Vec::new());
    }
    source.rewind().map_err(failed)?;
    let mut output = BufWriter::new(File::create(task.out.join(JumpsTask::FILE)).map_err(failed)?);
    on_one_clock(&mut source, &mut output, &jumps, &mut alive).map_err(failed)?;
    output.flush().map_err(failed)?;
    Ok(jumps)
}

fn on_one_clock(
    source: &mut impl Read,
    output: &mut impl Write,
    jumps: &[Jump],
    alive: &mut impl FnMut(u64),
) -> io::Result<()> {
    let mut ahead = jumps.iter().peekable();
    let mut shift = 0;
    packets::walk(source, output, |place, packet| {
        alive(place);
        while let Some(jump) = ahead.next_if(|jump| jump.byte <= place) {
            shift = jump.shift_90k;
        }
        if shift != 0 {
            packets::shift(packet, shift);
        }
    })
}

fn find(source: &mut impl Read, alive: &mut impl FnMut(u64)) -> io::Result<Clocks> {
    let mut clocks = Clocks::default();
    packets::walk(source, &mut io::sink(), |place, packet| {
        alive(place);
        for stamp in packets::stamps(packet) {
            clocks.take(place, stamp);
        }
    })?;
    Ok(clocks)
}

/// The clocks of a file so far.
#[derive(Default)]
struct Clocks {
    jumps: Vec<Jump>,
    /// The tracks with pictures, in the order in which they begin: where each begins, and where its last picture does.
    videos: Vec<(u16, u64, u64)>,
    /// The last value of each, as the file has it.
    last: HashMap<(u16, Kind), u64>,
    /// Ticks between the last two pictures.
    step: i64,
    /// Where another clock than the pictures' jumped, behind the last picture.
    suspect: Option<u64>,
    /// Where the pictures' clock jumped ahead by so much, and no other clock had yet.
    alone: Option<(u64, i64)>,
}

impl Clocks {
    fn take(&mut self, place: u64, Stamp { pid, kind, value }: Stamp) {
        if kind == Kind::Video {
            match self.videos.iter_mut().find(|(known, ..)| *known == pid) {
                Some((_, _, last)) => *last = place,
                None => self.videos.push((pid, place, place)),
            }
        }
        let decides = kind == Kind::Video && self.videos[0].0 == pid;
        let Some(before) = self.last.insert((pid, kind), value) else { return };
        let passed = ticks(before, value);
        let jumped = !(BACK..=AHEAD).contains(&passed);
        match (decides, jumped) {
            // A still picture may stand for long: its clock alone, far ahead, proves nothing until another jumps too.
            (false, true) => match self.alone.take() {
                Some((byte, passed)) if passed > 0 => self.jump(byte, passed),
                _ => drop(self.suspect.get_or_insert(place)),
            },
            (false, false) => {}
            (true, true) if passed < 0 || self.suspect.is_some() => {
                let byte = self.suspect.take().unwrap_or(place);
                self.jump(byte, passed);
            }
            (true, true) => self.alone = Some((place, passed)),
            (true, false) => {
                (self.suspect, self.alone) = (None, None);
                self.step = passed.max(0);
            }
        }
    }

    /// From `byte` on, where the pictures' clock is `passed` ahead of the picture before.
    fn jump(&mut self, byte: u64, passed: i64) {
        let before = self.jumps.last().map_or(0, |jump| jump.shift_90k);
        self.jumps.push(Jump { byte, shift_90k: before + self.step - passed });
        self.alone = None;
    }

    /// What is to be done about them: nothing where several programmes run side by side, each with a clock of its own.
    fn jumps(self) -> Result<Vec<Jump>> {
        let Some(((_, _, end), others)) = self.videos.split_first() else { return Ok(Vec::new()) };
        if others.iter().any(|(_, begin, _)| begin > end) {
            let message = "The file was put together from recordings whose tracks are not the same: export it again as one.";
            return Err(MediaError::new(ErrorKind::NotMedia, message));
        }
        Ok(if others.is_empty() { self.jumps } else { Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 90_000;

    /// Clock values in the order of a file, one every kilobyte; times in seconds.
    fn clocks(stamps: &[(u16, Kind, u64)]) -> Clocks {
        let mut clocks = Clocks::default();
        for (n, (pid, kind, seconds)) in stamps.iter().enumerate() {
            clocks.take(n as u64 * 1000, Stamp { pid: *pid, kind: *kind, value: seconds * SECOND });
        }
        clocks
    }

    #[test]
    fn a_jump_ahead_is_one_whichever_clock_shows_it_first() {
        use Kind::{Audio, Video};
        let shift = -(7200 - 2 - 1) * SECOND as i64;
        let picture_first = [
            (1, Video, 1),
            (2, Audio, 1),
            (1, Video, 2),
            (2, Audio, 2),
            (1, Video, 7200),
            (2, Audio, 7200),
            (1, Video, 7201),
        ];
        assert_eq!(clocks(&picture_first).jumps().expect("jumps"), [Jump { byte: 4000, shift_90k: shift }]);
        let sound_first = [
            (1, Video, 1),
            (2, Audio, 1),
            (1, Video, 2),
            (2, Audio, 2),
            (2, Audio, 7200),
            (1, Video, 7200),
            (1, Video, 7201),
        ];
        assert_eq!(clocks(&sound_first).jumps().expect("jumps"), [Jump { byte: 4000, shift_90k: shift }]);
    }

    #[test]
    fn a_still_picture_and_a_gap_in_sound_are_no_jumps() {
        use Kind::{Audio, Video};
        let still =
            [(1, Video, 1), (2, Audio, 1), (2, Audio, 2), (1, Video, 60), (2, Audio, 3), (1, Video, 61)];
        assert!(clocks(&still).jumps().expect("jumps").is_empty());
        let gap = [(1, Video, 1), (2, Audio, 1), (1, Video, 2), (1, Video, 3), (2, Audio, 60), (1, Video, 4)];
        assert!(clocks(&gap).jumps().expect("jumps").is_empty());
    }

    #[test]
    fn programmes_side_by_side_are_left_alone_and_other_tracks_behind_are_refused() {
        use Kind::Video;
        let side_by_side = [(1, Video, 1), (3, Video, 1), (1, Video, 0), (3, Video, 2), (1, Video, 1)];
        assert!(clocks(&side_by_side).jumps().expect("jumps").is_empty());
        let behind = [(1, Video, 1), (1, Video, 2), (3, Video, 1), (3, Video, 2)];
        assert!(clocks(&behind).jumps().is_err());
    }
}
