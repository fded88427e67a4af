//! Demuxes a finished rendition again, as a player would: the proof that it is what the plan said.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use ffmpeg_next as ffmpeg;

use crate::encoder::Coding;
use crate::error::{MediaError, Result};
use crate::input::open_own;
use crate::task::{Verified, VerifyTask};

/// More faults of one rendition than this say nothing new.
const MAX_FAULTS: usize = 20;

/// Runs the task.
pub fn run(task: &VerifyTask) -> Result<Verified> {
    let files = Joined::open(&task.files).map_err(|e| MediaError::io("open rendition", &e))?;
    let ends = files.ends();
    let mut verified =
        Verified { samples: 0, start_s: f64::INFINITY, end_s: f64::NEG_INFINITY, faults: Vec::new() };
    let mut input = match open_own(files) {
        Ok(input) => input,
        Err(e) => {
            verified.faults.push(format!("cannot be demuxed: {e}"));
            return Ok(verified);
        }
    };
    if input.nb_streams() != 1 {
        verified.faults.push(format!("has {} tracks, not one", input.nb_streams()));
    }
    let coding = input.stream(0).and_then(|s| Coding::of(s.parameters().id()));
    let base = input.stream(0).map_or(0.0, |s| f64::from(s.time_base()));
    let mut last_dts = i64::MIN;
    let mut segment = 0;
    loop {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => break,
            Err(e) => {
                verified.faults.push(format!("breaks at sample {}: {e}", verified.samples + 1));
                break;
            }
        }
        verified.samples += 1;
        let (pts, dts) = crate::decode::stamps(&packet);
        if dts <= last_dts {
            verified.faults.push(format!("decoding time goes back at sample {}", verified.samples));
        }
        last_dts = dts;
        verified.start_s = verified.start_s.min(pts as f64 * base);
        verified.end_s = verified.end_s.max((pts + packet.duration()) as f64 * base);

        let in_segment = ends.partition_point(|end| *end <= packet.position().max(0) as u64);
        if in_segment != segment {
            if in_segment != segment + 1 {
                verified.faults.push(format!("segment {} has no sample", segment + 1));
            }
            segment = in_segment;
            let begins = |c: Coding| c.starts_with_idr(packet.data().unwrap_or_default());
            if task.video && !coding.is_some_and(begins) {
                verified.faults.push(format!("segment {segment} does not begin with an IDR frame"));
            }
        }
        if verified.faults.len() > MAX_FAULTS {
            break;
        }
    }
    if segment + 1 != ends.len() && verified.faults.is_empty() {
        verified.faults.push(format!("{segment} of {} segments have samples", ends.len() - 1));
    }
    Ok(verified)
}

/// Several files read as one.
pub struct Joined {
    /// Each file and where it ends.
    files: Vec<(File, u64)>,
    position: u64,
}

impl Joined {
    pub fn open(paths: &[PathBuf]) -> io::Result<Joined> {
        let mut end = 0;
        let mut files = Vec::new();
        for path in paths {
            let file = File::open(path)?;
            end += file.metadata()?.len();
            files.push((file, end));
        }
        Ok(Joined { files, position: 0 })
    }

    fn ends(&self) -> Vec<u64> {
        self.files.iter().map(|(_, end)| *end).collect()
    }
}

impl Read for Joined {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let index = self.files.partition_point(|(_, end)| *end <= self.position);
        let start = if index == 0 { 0 } else { self.files[index - 1].1 };
        let Some((file, _)) = self.files.get_mut(index) else { return Ok(0) };
        file.seek(SeekFrom::Start(self.position - start))?;
        let n = file.read(buf)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Joined {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.files.last().map_or(0, |(_, end)| *end);
        let target = match to {
            SeekFrom::Start(n) => i128::from(n),
            SeekFrom::Current(n) => i128::from(self.position) + i128::from(n),
            SeekFrom::End(n) => i128::from(end) + i128::from(n),
        };
        self.position = u64::try_from(target).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
