//! Movie fragments (ISO/IEC 14496-12 §8.8).

use super::Broken;
use super::bits::Fields;
use super::boxes::{boxes, child};
use super::init::Init;

/// A segment lasts for seconds; this many samples are hours.
pub(crate) const MAX_SAMPLES: usize = 100_000;
const MAX_RUNS: usize = 1_000;

/// What one `moof` says of one track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fragment {
    /// Index of the track in the initialisation section.
    pub(crate) track: usize,
    /// `tfdt`: decoding time of the first sample in ticks.
    pub(crate) decode_time: u64,
    pub(crate) samples: Vec<Sample>,
    /// Where the first sample's bytes begin, counted from the begin of the `moof`.
    pub(crate) data_at: i64,
}

/// One sample, in decoding order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    /// Presentation minus decoding time in ticks.
    pub(crate) composition: i64,
    /// True where the flags say that decoding can begin here.
    pub(crate) is_sync: bool,
}

/// Reads the body of a `moof`; `length` are the bytes of the whole box, `left` the samples that its segment may still have.
pub(crate) fn fragment(
    moof: &[u8],
    length: u64,
    init: &Init,
    left: &mut usize,
) -> Result<Vec<Fragment>, Broken> {
    let mut found = Vec::new();
    for (_, traf) in boxes(moof).filter(|(kind, _)| kind == b"traf").take(init.tracks.len() + 1) {
        found.push(track_fragment(traf, length, init, left)?);
    }
    if found.is_empty() { Err("has a moof box without a track") } else { Ok(found) }
}

fn track_fragment(traf: &[u8], length: u64, init: &Init, left: &mut usize) -> Result<Fragment, Broken> {
    let header =
        child(traf, b"tfhd").and_then(|tfhd| header(tfhd, init)).ok_or("has no readable tfhd box")?;
    let (track, defaults, base) =
        header.ok_or("is of a track that its initialisation section does not have")?;
    let tfdt = child(traf, b"tfdt").ok_or("has no tfdt box, so that nothing says when it is")?;
    let decode_time = decode_time(tfdt).ok_or("has a tfdt box that cannot be read")?;
    let mut fragment = Fragment { track, decode_time, samples: Vec::new(), data_at: length as i64 + 8 };
    for (index, (_, trun)) in boxes(traf).filter(|(kind, _)| kind == b"trun").take(MAX_RUNS).enumerate() {
        let offset =
            run(trun, defaults, left, &mut fragment.samples).ok_or("has a trun box that cannot be read")?;
        // An offset from the begin of the file cannot be followed from here.
        if let (0, Some(offset), false) = (index, offset, base) {
            fragment.data_at = offset.into();
        }
    }
    Ok(fragment)
}

type Header = (usize, super::init::Defaults, bool);

/// Track, defaults, and whether data is counted from the begin of the file. The inner `None`: no such track.
fn header(tfhd: &[u8], init: &Init) -> Option<Option<Header>> {
    let mut fields = Fields(tfhd);
    let (_, flags) = fields.version_and_flags()?;
    let id = fields.u32()?;
    let Some(track) = init.tracks.iter().position(|track| track.id == id) else { return Some(None) };
    let mut defaults = init.tracks[track].defaults;
    let has_base = flags & 0x1 != 0;
    if has_base {
        fields.u64()?;
    }
    if flags & 0x2 != 0 {
        fields.u32()?;
    }
    if flags & 0x8 != 0 {
        defaults.duration = fields.u32()?;
    }
    if flags & 0x10 != 0 {
        defaults.size = fields.u32()?;
    }
    if flags & 0x20 != 0 {
        defaults.flags = fields.u32()?;
    }
    Some(Some((track, defaults, has_base)))
}

fn decode_time(tfdt: &[u8]) -> Option<u64> {
    let mut fields = Fields(tfdt);
    let (version, _) = fields.version_and_flags()?;
    fields.time(version)
}

/// Appends the samples of a run; gives its data offset.
fn run(
    trun: &[u8],
    defaults: super::init::Defaults,
    left: &mut usize,
    samples: &mut Vec<Sample>,
) -> Option<Option<i32>> {
    let mut fields = Fields(trun);
    let (version, flags) = fields.version_and_flags()?;
    let count = fields.u32()? as usize;
    // Samples that say nothing take no bytes: only this bounds them.
    *left = left.checked_sub(count)?;
    let offset = if flags & 0x1 != 0 { Some(fields.u32()? as i32) } else { None };
    let first_flags = if flags & 0x4 != 0 { Some(fields.u32()?) } else { None };
    for index in 0..count {
        let mut or = |flag: u32, default: u32| if flags & flag != 0 { fields.u32() } else { Some(default) };
        let duration = or(0x100, defaults.duration)?;
        let size = or(0x200, defaults.size)?;
        let own_flags = or(0x400, defaults.flags)?;
        let composition = or(0x800, 0)?;
        // The first sample's own flags stand in place of its flags (§8.8.8.1).
        let own_flags = first_flags.filter(|_| index == 0).unwrap_or(own_flags);
        samples.push(Sample {
            duration,
            size,
            composition: if version == 0 { composition.into() } else { (composition as i32).into() },
            is_sync: own_flags & 0x1_0000 == 0,
        });
    }
    Some(offset)
}
