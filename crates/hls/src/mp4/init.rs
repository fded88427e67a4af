//! Initialisation sections: `ftyp` and `moov` without samples (ISO/IEC 14496-12 §8).

use super::Broken;
use super::bits::Fields;
use super::boxes::{boxes, child, descend};
use super::codecs;
use super::units::Coding;

/// More tracks than this are no rendition of anything.
const MAX_TRACKS: usize = 64;
const MAX_EDITS: usize = 64;

/// What an initialisation section says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Init {
    pub(crate) tracks: Vec<Track>,
}

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    Video,
    Audio,
    Other,
}

/// One track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) handler: Handler,
    /// Ticks a second, never 0.
    pub(crate) timescale: u32,
    /// Display size of the track header, in pixels; 0 where it has none.
    pub(crate) display: (u32, u32),
    pub(crate) entry: Entry,
    /// Edits other than empty ones.
    pub(crate) edits: usize,
    /// Seconds by which all edits together shift presentation: negative where the begin of the media is skipped.
    pub(crate) shift_s: f64,
    /// Duration, size and flags of samples that say nothing themselves.
    pub(crate) defaults: Defaults,
}

/// What `trex` and `tfhd` say for all samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// The first sample entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// RFC 6381 string, made from the decoder configuration.
    pub(crate) codecs: String,
    /// Width and height in pixels, of video.
    pub(crate) size: Option<(u32, u32)>,
    /// Transfer characteristics of video (ITU-T H.273 §8.2), where a `colr` box says them.
    pub(crate) transfer: Option<u16>,
    /// Pictures may be coded as fields.
    pub(crate) may_have_fields: bool,
    /// Samples are encrypted (`encv`, `enca`).
    pub(crate) is_encrypted: bool,
    /// How samples are laid out, where that is known.
    pub(crate) coding: Option<Coding>,
}

/// Reads an initialisation section.
pub(crate) fn init(bytes: &[u8]) -> Result<Init, Broken> {
    child(bytes, b"ftyp").ok_or("has no ftyp box")?;
    let moov = child(bytes, b"moov").ok_or("has no whole moov box")?;
    let mvex = child(moov, b"mvex").ok_or("has no mvex box, so that no fragment may follow")?;
    let movie_scale = child(moov, b"mvhd").and_then(movie_timescale).ok_or("has no readable mvhd box")?;
    let mut tracks = Vec::new();
    for (_, trak) in boxes(moov).filter(|(kind, _)| kind == b"trak").take(MAX_TRACKS) {
        let mut track = track(trak, movie_scale)?;
        let trex = boxes(mvex).filter(|(kind, _)| kind == b"trex").find_map(|(_, body)| trex(body, track.id));
        track.defaults = trex.ok_or("has no trex box for its track")?;
        tracks.push(track);
    }
    if tracks.is_empty() { Err("has no track") } else { Ok(Init { tracks }) }
}

fn track(trak: &[u8], movie_scale: u32) -> Result<Track, Broken> {
    let (id, display) = child(trak, b"tkhd").and_then(header).ok_or("has no readable tkhd box")?;
    let timescale = descend(trak, &[b"mdia", b"mdhd"]).and_then(media_timescale);
    let timescale = timescale.filter(|scale| *scale > 0).ok_or("has no timescale")?;
    let handler = descend(trak, &[b"mdia", b"hdlr"]).and_then(|body| body.get(8..12));
    let handler = match handler.ok_or("has no readable hdlr box")? {
        b"vide" => Handler::Video,
        b"soun" => Handler::Audio,
        _ => Handler::Other,
    };
    let stsd = descend(trak, &[b"mdia", b"minf", b"stbl", b"stsd"]).ok_or("has no stsd box")?;
    // Version, flags and count come before the entries.
    let first = stsd.get(8..).and_then(|entries| boxes(entries).next());
    let (kind, body) = first.ok_or("has no sample entry")?;
    let entry = codecs::entry(kind, body, handler).ok_or("has a sample entry that cannot be read")?;
    let list = descend(trak, &[b"edts", b"elst"]);
    let edits = list.map_or(Some((0, 0.0)), |list| edits(list, movie_scale, timescale));
    let (edits, shift_s) = edits.ok_or("has an edit list that cannot be read")?;
    Ok(Track { id, handler, timescale, display, entry, edits, shift_s, defaults: Defaults::default() })
}

fn movie_timescale(mvhd: &[u8]) -> Option<u32> {
    media_timescale(mvhd).filter(|scale| *scale > 0)
}

/// `mvhd` and `mdhd` begin alike.
fn media_timescale(body: &[u8]) -> Option<u32> {
    let mut fields = Fields(body);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    fields.u32()
}

/// Track number, and display size in pixels, rounded from 16.16.
fn header(tkhd: &[u8]) -> Option<(u32, (u32, u32))> {
    let mut fields = Fields(tkhd);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let id = fields.u32()?;
    fields.skip(4)?;
    fields.time(version)?;
    fields.skip(8 + 8 + 36)?;
    let mut pixels = || fields.u32().map(|n| n.saturating_add(0x8000) >> 16);
    Some((id, (pixels()?, pixels()?)))
}

fn trex(body: &[u8], track: u32) -> Option<Defaults> {
    let mut fields = Fields(body);
    fields.skip(4)?;
    if fields.u32()? != track {
        return None;
    }
    fields.skip(4)?;
    Some(Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? })
}

/// How many edits show media, and the shift in seconds that the empty ones and the first of the others make.
fn edits(elst: &[u8], movie_scale: u32, media_scale: u32) -> Option<(usize, f64)> {
    let mut fields = Fields(elst);
    let (version, _) = fields.version_and_flags()?;
    let count = fields.u32()? as usize;
    let (mut shown, mut shift_s) = (0, 0.0);
    for _ in 0..count.min(MAX_EDITS) {
        let duration = fields.time(version)?;
        let media_time = match version {
            1 => fields.u64()? as i64,
            _ => i64::from(fields.u32()? as i32),
        };
        fields.skip(4)?;
        if media_time < 0 {
            shift_s += duration as f64 / f64::from(movie_scale);
        } else {
            if shown == 0 {
                shift_s -= media_time as f64 / f64::from(media_scale);
            }
            shown += 1;
        }
    }
    Some((shown, shift_s))
}
