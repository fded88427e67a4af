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

use crate::Jump;
use crate::error::{MediaError, Result};
use crate::task::JumpsTask;

/// Pictures are decoded in order: a clock that runs back by more is another clock.
const BACK: i64 = -90_000 / 2;
/// What is lost of a broadcast is mostly shorter. ffmpeg draws the same line.
const AHEAD: i64 = 10 * 90_000;
/// More are no recordings but a damaged file.
const MOST: usize = 500;

/// Bytes of a file's begin that [`may_be_transport_stream`] looks at.
pub const LOOKED_AT: u64 = 3 * 204;

/// True where a file may be a transport stream, by its begin: others need not be asked for jumps.
pub fn may_be_transport_stream(begin: &[u8]) -> bool {
    packets::are_there(begin)
}

/// Finds the jumps of the task's source; where there are some, writes the source anew, with one clock.
pub fn run(task: &JumpsTask, mut source: File) -> Result<Vec<Jump>> {
    let failed = |e: io::Error| MediaError::io("clock of the source", &e);
    source.rewind().map_err(failed)?;
    let jumps = find(&mut source).map_err(failed)?;
    if jumps.is_empty() || jumps.len() > MOST {
        return Ok(Vec::new());
    }
    source.rewind().map_err(failed)?;
    let mut output = BufWriter::new(File::create(task.out.join(JumpsTask::FILE)).map_err(failed)?);
    on_one_clock(&mut source, &mut output, &jumps).map_err(failed)?;
    output.flush().map_err(failed)?;
    Ok(jumps)
}

fn on_one_clock(source: &mut impl Read, output: &mut impl Write, jumps: &[Jump]) -> io::Result<()> {
    let mut ahead = jumps.iter().peekable();
    let mut shift = 0;
    packets::walk(source, output, |place, packet| {
        while let Some(jump) = ahead.next_if(|jump| jump.byte <= place) {
            shift = jump.shift_90k;
        }
        if shift != 0 {
            packets::shift(packet, shift);
        }
    })
}

fn find(source: &mut impl Read) -> io::Result<Vec<Jump>> {
    let mut clocks = Clocks::default();
    packets::walk(source, &mut io::sink(), |place, packet| {
        for stamp in packets::stamps(packet) {
            clocks.take(place, stamp);
        }
    })?;
    Ok(clocks.jumps)
}

/// The clocks of a file so far.
#[derive(Default)]
struct Clocks {
    jumps: Vec<Jump>,
    /// The track whose pictures decide: the first.
    video: Option<u16>,
    /// The last value of each, as the file has it.
    last: HashMap<(u16, Kind), u64>,
    /// Ticks between the last two pictures.
    step: i64,
    /// Where another clock than the pictures' jumped, behind the last picture.
    suspect: Option<u64>,
}

impl Clocks {
    fn take(&mut self, place: u64, Stamp { pid, kind, value }: Stamp) {
        let decides = kind == Kind::Video && *self.video.get_or_insert(pid) == pid;
        let Some(before) = self.last.insert((pid, kind), value) else { return };
        let passed = ticks(before, value);
        let jumped = !(BACK..=AHEAD).contains(&passed);
        match (decides, jumped) {
            (false, true) => drop(self.suspect.get_or_insert(place)),
            (false, false) => {}
            // A still picture may stand for long: its clock alone, far ahead, proves nothing.
            (true, true) if passed < 0 || self.suspect.is_some() => {
                let shift_90k = self.jumps.last().map_or(0, |jump| jump.shift_90k) + self.step - passed;
                let byte = self.suspect.take().unwrap_or(place);
                self.jumps.push(Jump { byte, shift_90k });
            }
            (true, _) => {
                self.suspect = None;
                self.step = passed.max(0);
            }
        }
    }
}
