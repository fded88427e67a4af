//! Reads as much of MPEG-2 transport streams as the check needs: which streams there are, and how each begins.
//!
//! Source: ISO/IEC 13818-1 §2.4; stream types of Apple's "MPEG-2 Stream Encryption Format for HLS" beside its own.

mod walk;

pub(crate) use walk::Walk;

use crate::mp4::{Broken, FirstPicture, Handler, h264_first_picture, h264_sps, hevc_first_picture};

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Programme clocks wrap after 33 bits.
pub(crate) const WRAP: u64 = 1 << 33;
pub(crate) const TICKS_PER_S: f64 = 90_000.0;

/// The begin of a segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opening {
    pub(crate) streams: Vec<Stream>,
}

/// An elementary stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stream {
    pid: u16,
    pub(crate) handler: Handler,
    /// RFC 6381 string, or its first part where the rest is not looked at.
    pub(crate) codecs: String,
    pub(crate) is_encrypted: bool,
    /// Sizes that may be declared: stored, and for display. None where they are not known.
    pub(crate) sizes: Vec<(u32, u32)>,
    /// Pictures may be coded as fields.
    pub(crate) may_have_fields: bool,
    /// Presentation time of the first access unit, in ticks of 90 kHz.
    pub(crate) first_pts: Option<u64>,
    pub(crate) picture: FirstPicture,
    /// Bytes of the first access unit so far.
    unit: Vec<u8>,
    is_complete: bool,
}

impl Opening {
    /// True where more bytes would tell more. Audio beside video may come long after it, and says no more than it.
    pub(crate) fn wants_more(&self) -> bool {
        let has_video = self.streams.iter().any(|s| s.handler == Handler::Video);
        self.streams.iter().any(|s| match s.handler {
            Handler::Video => s.picture == FirstPicture::NotSeen && !s.is_complete,
            Handler::Audio => s.first_pts.is_none() && !has_video,
            Handler::Other => false,
        })
    }
}

/// True where packets begin.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SYNC) && bytes.get(PACKET).is_none_or(|byte| *byte == SYNC)
}

/// What the first bytes of a segment say.
pub(crate) fn opening(bytes: &[u8]) -> Result<Opening, Broken> {
    let mut map_pid = None;
    let mut streams: Vec<Stream> = Vec::new();
    for packet in bytes.chunks_exact(PACKET) {
        if packet[0] != SYNC {
            return Err("loses the sync bytes of MPEG-2 TS");
        }
        let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        let begins = packet[1] & 0x40 != 0;
        let Some(payload) = payload(packet) else { continue };
        match map_pid {
            _ if pid == 0 && begins => map_pid = program_map_pid(payload).or(map_pid),
            Some(map) if pid == map && begins && streams.is_empty() => {
                streams = elementary_streams(payload).ok_or("has a programme map that cannot be read")?;
            }
            _ => {
                if let Some(stream) = streams.iter_mut().find(|stream| stream.pid == pid) {
                    stream.take(payload, begins);
                }
            }
        }
    }
    if map_pid.is_none() {
        return Err("has no programme association table");
    }
    if streams.is_empty() {
        return Err("has no programme map");
    }
    streams.iter_mut().for_each(Stream::look);
    Ok(Opening { streams })
}

/// What a packet carries behind its adaptation field.
fn payload(packet: &[u8]) -> Option<&[u8]> {
    match packet[3] >> 4 & 3 {
        1 => packet.get(4..),
        3 => packet.get(5 + usize::from(packet[4])..),
        _ => None,
    }
}

/// A section without its pointer and its checksum.
fn section(payload: &[u8], table: u8) -> Option<&[u8]> {
    let section = payload.get(1 + usize::from(*payload.first()?)..)?;
    let length = usize::from(section.get(1)? & 0xf) << 8 | usize::from(*section.get(2)?);
    if *section.first()? != table {
        return None;
    }
    // What goes on in the next packet is cut: these tables are short.
    let end = (3 + length).checked_sub(4)?.min(section.len());
    section.get(8..end)
}

fn program_map_pid(payload: &[u8]) -> Option<u16> {
    let programs = section(payload, 0)?.chunks_exact(4);
    let first = programs.into_iter().find(|p| p[..2] != [0, 0])?;
    Some(u16::from(first[2] & 0x1f) << 8 | u16::from(first[3]))
}

fn elementary_streams(payload: &[u8]) -> Option<Vec<Stream>> {
    let body = section(payload, 2)?;
    let info = usize::from(body.get(2)? & 0xf) << 8 | usize::from(*body.get(3)?);
    let mut rest = body.get(4 + info..)?;
    let mut streams = Vec::new();
    while let [kind, high, low, more, less, ..] = *rest {
        let info = usize::from(more & 0xf) << 8 | usize::from(less);
        let descriptors = rest.get(5..5 + info)?;
        rest = &rest[5 + info..];
        let (handler, codecs, is_encrypted) = coding(kind, descriptors);
        let pid = u16::from(high & 0x1f) << 8 | u16::from(low);
        streams.push(Stream::of(pid, handler, codecs, is_encrypted));
    }
    Some(streams)
}

fn coding(kind: u8, descriptors: &[u8]) -> (Handler, &'static str, bool) {
    match kind {
        0x1b => (Handler::Video, "avc1", false),
        0x24 => (Handler::Video, "hvc1", false),
        0xdb => (Handler::Video, "avc1", true),
        0x03 | 0x04 | 0x0f | 0x11 => (Handler::Audio, "mp4a", false),
        0xcf => (Handler::Audio, "mp4a", true),
        0x81 => (Handler::Audio, "ac-3", false),
        0xc1 => (Handler::Audio, "ac-3", true),
        0x87 => (Handler::Audio, "ec-3", false),
        0xc2 => (Handler::Audio, "ec-3", true),
        // DVB says it in a descriptor (ETSI EN 300 468 annex D).
        0x06 if has_descriptor(descriptors, 0x6a) => (Handler::Audio, "ac-3", false),
        0x06 if has_descriptor(descriptors, 0x7a) => (Handler::Audio, "ec-3", false),
        _ => (Handler::Other, "", false),
    }
}

fn has_descriptor(mut descriptors: &[u8], tag: u8) -> bool {
    while let [this, length, ..] = *descriptors {
        if this == tag {
            return true;
        }
        descriptors = descriptors.get(2 + usize::from(length)..).unwrap_or_default();
    }
    false
}

impl Stream {
    fn of(pid: u16, handler: Handler, codecs: &str, is_encrypted: bool) -> Stream {
        Stream {
            pid,
            handler,
            codecs: codecs.to_owned(),
            is_encrypted,
            sizes: Vec::new(),
            may_have_fields: false,
            first_pts: None,
            picture: FirstPicture::NotSeen,
            unit: Vec::new(),
            is_complete: false,
        }
    }

    fn take(&mut self, payload: &[u8], begins: bool) {
        if begins && self.first_pts.is_some() {
            self.is_complete = true;
        }
        if self.is_complete {
            return;
        }
        if begins {
            let Some((pts, data)) = pes(payload) else { return };
            self.first_pts = Some(pts);
            self.unit.extend_from_slice(data);
        } else if self.first_pts.is_some() {
            self.unit.extend_from_slice(payload);
        }
    }

    /// Looks into the first access unit.
    fn look(&mut self) {
        let unit = std::mem::take(&mut self.unit);
        if self.is_encrypted || self.handler != Handler::Video {
            return;
        }
        let is_h264 = self.codecs == "avc1";
        self.picture = first_picture(&unit, is_h264);
        for nal in nal_units(&unit) {
            if let (true, [kind, profile, compatibility, level, ..]) = (is_h264, nal)
                && kind & 0x1f == 7
            {
                self.codecs = format!("avc1.{profile:02x}{compatibility:02x}{level:02x}");
                if let Some(sps) = h264_sps(nal) {
                    self.sizes = vec![sps.size, sps.display];
                    self.may_have_fields = sps.may_have_fields;
                }
            }
        }
    }
}

/// What the first picture of an access unit is.
fn first_picture(unit: &[u8], is_h264: bool) -> FirstPicture {
    let picture = if is_h264 { h264_first_picture } else { hevc_first_picture };
    nal_units(unit).find_map(picture).unwrap_or(FirstPicture::NotSeen)
}

/// Presentation time and data of a packet of an elementary stream (§2.4.3.6).
fn pes(payload: &[u8]) -> Option<(u64, &[u8])> {
    if payload.get(..3)? != [0, 0, 1] || payload.get(7)? & 0x80 == 0 {
        return None;
    }
    let b: [u8; 5] = payload.get(9..14)?.try_into().ok()?;
    let pts = u64::from(b[0] >> 1 & 7) << 30
        | u64::from(b[1]) << 22
        | u64::from(b[2] >> 1) << 15
        | u64::from(b[3]) << 7
        | u64::from(b[4] >> 1);
    Some((pts, payload.get(9 + usize::from(payload[8])..)?))
}

/// The NAL units of an Annex B byte stream; the last one may be cut short.
fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = stream.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(at, _)| at + 3);
    starts.map(|at| &stream[at..])
}

/// The time that packed audio begins with: an ID3 tag with Apple's private frame (RFC 3.1.3). The inner `None`: a tag
/// without it.
pub(crate) fn packed_audio_pts(bytes: &[u8]) -> Option<Option<u64>> {
    const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
    if !bytes.starts_with(b"ID3") {
        return None;
    }
    let at = bytes.windows(OWNER.len()).position(|window| window == OWNER);
    let time = at.and_then(|at| bytes.get(at + OWNER.len()..)?.get(..8)?.try_into().ok());
    Some(time.map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet that begins a payload, filled up by an adaptation field.
    pub(super) fn packet(pid: u16, payload: &[u8]) -> Vec<u8> {
        let stuffing = 183 - payload.len();
        let mut out = vec![SYNC, 0x40 | (pid >> 8) as u8, pid as u8, 0x30, stuffing as u8];
        out.extend(std::iter::repeat_n(0, stuffing));
        out.extend(payload);
        assert_eq!(out.len(), PACKET);
        out
    }

    /// A packet of an elementary stream that is shown at `pts`.
    pub(super) fn pes_at(pts: u64, data: &[u8]) -> Vec<u8> {
        let [high, a, b, c, d] =
            [pts >> 30 & 7, pts >> 22, pts >> 15 & 0x7f, pts >> 7, pts & 0x7f].map(|n| n as u8);
        let time = [0x21 | high << 1, a, b << 1 | 1, c, d << 1 | 1];
        [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5], &time[..], data].concat()
    }

    fn segment(nal: u8) -> Vec<u8> {
        let pat = [0, 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0, 0, 0, 0, 0];
        let mut map = vec![0, 2, 0xb0, 23, 0, 1, 0xc1, 0, 0, 0xe1, 1, 0xf0, 0];
        map.extend([0x1b, 0xe1, 1, 0xf0, 0, 0x0f, 0xe1, 2, 0xf0, 0, 0, 0, 0, 0]);
        let pes =
            |data: &[u8]| [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 7, 0xd8, 0x61][..], data].concat();
        let video = pes(&[0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 0x64, 0, 0x1f, 0, 0, 1, nal, 0x88]);
        [packet(0, &pat), packet(0x100, &map), packet(0x101, &video), packet(0x102, &pes(&[0xff]))].concat()
    }

    #[test]
    fn streams_are_told_with_their_begin() {
        let opening = opening(&segment(0x65)).expect("a transport stream");
        let [video, audio] = &opening.streams[..] else { panic!("{opening:?}") };
        assert_eq!((video.codecs.as_str(), audio.codecs.as_str()), ("avc1.64001f", "mp4a"));
        assert_eq!(video.picture, FirstPicture::Independent);
        assert_eq!((video.first_pts, audio.first_pts), (Some(126_000), Some(126_000)));
        assert!(!opening.wants_more());
    }

    #[test]
    fn other_slices_are_no_keyframes_and_short_reads_want_more() {
        let segment = segment(0x41);
        let dependent = opening(&segment).expect("a transport stream");
        assert_eq!(dependent.streams[0].picture, FirstPicture::Dependent);
        let short = opening(&segment[..2 * PACKET]).expect("tables alone");
        assert!(short.wants_more());
    }

    #[test]
    fn bytes_cut_or_changed_do_no_harm() {
        let good = segment(0x65);
        for length in 0..good.len() {
            let _ = opening(&good[..length]);
        }
        for at in 0..good.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = opening(&bad);
            }
        }
        assert!(opening(b"").is_err());
        assert!(opening(&[0; 1880]).is_err());
    }

    #[test]
    fn packed_audio_says_when_it_begins() {
        let mut tag =
            b"ID3\x04\0\0\0\0\0\x3fPRIV\0\0\0\x35\0\0com.apple.streaming.transportStreamTimestamp\0".to_vec();
        tag.extend([0, 0, 0, 0, 0, 1, 0xec, 0x30]);
        assert_eq!(packed_audio_pts(&tag), Some(Some(126_000)));
        assert_eq!(packed_audio_pts(&tag[..20]), Some(None));
        assert_eq!(packed_audio_pts(&[0xff, 0xf1]), None);
    }
}
