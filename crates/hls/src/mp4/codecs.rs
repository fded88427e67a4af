//! Sample entries, and the RFC 6381 string that belongs to their decoder configuration.

use std::fmt::Write;

use super::bits::Fields;
use super::boxes::{child, descend};
use super::init::{Entry, Handler};
use super::sps::h264_sps;
use super::units::Coding;

/// Bytes of a visual and an audio sample entry before their boxes (ISO/IEC 14496-12 §12.1.3, §12.2.3).
const VISUAL_BYTES: usize = 78;
const AUDIO_BYTES: usize = 28;

pub(super) fn entry(kind: [u8; 4], body: &[u8], handler: Handler) -> Option<Entry> {
    let is_encrypted = matches!(&kind, b"encv" | b"enca");
    let (size, boxes) = match handler {
        Handler::Video => {
            let mut fields = Fields(body.get(24..)?);
            (Some((fields.u16()?.into(), fields.u16()?.into())), body.get(VISUAL_BYTES..)?)
        }
        // QuickTime's longer versions 1 and 2 do not occur in fragments.
        Handler::Audio => (None, body.get(AUDIO_BYTES..)?),
        Handler::Other => (None, &[][..]),
    };
    let kind = match is_encrypted {
        true => descend(boxes, &[b"sinf", b"frma"])?.get(..4)?.try_into().ok()?,
        false => kind,
    };
    let name = std::str::from_utf8(&kind).ok().filter(|name| name.bytes().all(|b| b.is_ascii_graphic()))?;
    let (codecs, coding) = match &kind {
        b"avc1" | b"avc3" => {
            let avcc = child(boxes, b"avcC")?;
            let length = nal_length(*avcc.get(4)?);
            (avc(name, avcc)?, Some(Coding::H264 { length }))
        }
        b"hvc1" | b"hev1" => {
            let hvcc = child(boxes, b"hvcC")?;
            let length = nal_length(*hvcc.get(21)?);
            (hevc(name, hvcc)?, Some(Coding::Hevc { length }))
        }
        b"av01" => (av1(child(boxes, b"av1C")?)?, Some(Coding::Av1)),
        b"vp09" => (vp9(child(boxes, b"vpcC")?)?, None),
        b"mp4a" => (mpeg4_audio(child(boxes, b"esds")?)?, None),
        _ => (name.to_owned(), None),
    };
    let transfer = child(boxes, b"colr").filter(|_| size.is_some()).and_then(transfer);
    let sps = child(boxes, b"avcC").and_then(first_sps).and_then(h264_sps);
    let may_have_fields = sps.is_some_and(|sps| sps.may_have_fields);
    Some(Entry { codecs, size, transfer, may_have_fields, is_encrypted, coding })
}

/// ISO/IEC 14496-12 §12.1.5.
fn transfer(colr: &[u8]) -> Option<u16> {
    let mut fields = Fields(colr);
    if !matches!(fields.bytes(4)?, b"nclx" | b"nclc") {
        return None;
    }
    fields.u16()?;
    fields.u16()
}

/// Bytes of the length before each NAL unit (ISO/IEC 14496-15 §5.3.3, §8.3.3).
fn nal_length(byte: u8) -> u8 {
    (byte & 3) + 1
}

/// ISO/IEC 14496-15 §5.3.3: the first of the sequence parameter sets.
fn first_sps(avcc: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(avcc.get(5..)?);
    if fields.u8()? & 0x1f == 0 {
        return None;
    }
    let length = fields.u16()?;
    fields.bytes(length.into())
}

/// ISO/IEC 14496-15 annex E: profile, compatibility, level, in hex.
fn avc(name: &str, avcc: &[u8]) -> Option<String> {
    let [profile, compatibility, level] = *avcc.get(1..4)? else { return None };
    Some(format!("{name}.{profile:02x}{compatibility:02x}{level:02x}"))
}

/// ISO/IEC 14496-15 annex E.
fn hevc(name: &str, hvcc: &[u8]) -> Option<String> {
    let mut fields = Fields(hvcc.get(1..)?);
    let general = fields.u8()?;
    let compatibility = fields.u32()?.reverse_bits();
    let constraints = fields.bytes(6)?;
    let level = fields.u8()?;
    let space = ["", "A", "B", "C"][usize::from(general >> 6)];
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let mut out = format!("{name}.{space}{}.{compatibility:X}.{tier}{level}", general & 0x1f);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        let _ = write!(out, ".{byte:X}");
    }
    Some(out)
}

/// AV1 Codec ISO Media File Format Binding, "Codecs Parameter String".
fn av1(av1c: &[u8]) -> Option<String> {
    let [general, depth] = *av1c.get(1..3)? else { return None };
    let tier = if depth & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (depth & 0x40 != 0, depth & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{}.{:02}{tier}.{depth:02}", general >> 5, general & 0x1f))
}

/// VP Codec ISO Media File Format Binding.
fn vp9(vpcc: &[u8]) -> Option<String> {
    let [profile, level, depth] = *vpcc.get(4..7)? else { return None };
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4))
}

/// ISO/IEC 14496-1 §7.2.6: descriptors within descriptors.
fn mpeg4_audio(esds: &[u8]) -> Option<String> {
    const ELEMENT: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC: u8 = 5;
    let element = descriptor(esds.get(4..)?, ELEMENT)?;
    let mut fields = Fields(element);
    fields.skip(2)?;
    let flags = fields.u8()?;
    if flags & 0x80 != 0 {
        fields.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let length = fields.u8()?;
        fields.skip(length.into())?;
    }
    if flags & 0x20 != 0 {
        fields.skip(2)?;
    }
    let config = descriptor(fields.0, DECODER_CONFIG)?;
    let object = *config.first()?;
    if object != 0x40 {
        return Some(format!("mp4a.{object:02x}"));
    }
    let specific = descriptor(config.get(13..)?, DECODER_SPECIFIC)?;
    Some(format!("mp4a.40.{}", audio_object(specific)?))
}

/// The body of the descriptor at the front, where it has this tag.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut fields = Fields(bytes);
    if fields.u8()? != tag {
        return None;
    }
    let mut length = 0;
    // Seven bits a byte, four bytes at most.
    for _ in 0..4 {
        let byte = fields.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return fields.bytes(length);
        }
    }
    None
}

/// The object type of an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): 2 is AAC-LC, 5 and 29 are HE-AAC said
/// outright.
fn audio_object(specific: &[u8]) -> Option<u8> {
    let first = *specific.first()?;
    match first >> 3 {
        31 => Some(32 + ((first & 7) << 3 | specific.get(1)? >> 5)),
        object => Some(object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_the_standards_examples() {
        assert_eq!(avc("avc1", &[1, 0x64, 0, 0x28]).as_deref(), Some("avc1.640028"));
        // ISO/IEC 14496-15 E.3: Main 10, main tier, level 3.1, progressive.
        let hvcc = [1, 0x02, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        assert_eq!(hevc("hvc1", &hvcc).as_deref(), Some("hvc1.2.4.L93.B0"));
        assert_eq!(av1(&[0x81, 0x04, 0x0c, 0]).as_deref(), Some("av01.0.04M.08"));
        assert_eq!(av1(&[0x81, 0x0d, 0xcc, 0]).as_deref(), Some("av01.0.13H.10"));
        assert_eq!(vp9(&[1, 0, 0, 0, 0, 31, 0x82]).as_deref(), Some("vp09.00.31.08"));
    }

    #[test]
    fn aac_is_told_by_its_specific_config() {
        let esds = |config: &[u8]| {
            let specific = [&[5, config.len() as u8], config].concat();
            let decoder =
                [&[4, 0x80, 0x80, 0x80, 13 + specific.len() as u8, 0x40][..], &[0; 12], &specific].concat();
            [&[0, 0, 0, 0, 3, 3 + decoder.len() as u8, 0, 1, 0][..], &decoder].concat()
        };
        assert_eq!(mpeg4_audio(&esds(&[0x11, 0x90])).as_deref(), Some("mp4a.40.2"));
        assert_eq!(mpeg4_audio(&esds(&[0x2b, 0x11, 0x88])).as_deref(), Some("mp4a.40.5"));
        assert_eq!(mpeg4_audio(&esds(&[0xf9, 0x40])).as_deref(), Some("mp4a.40.42"));
        let whole = esds(&[0x11, 0x90]);
        for length in 0..whole.len() {
            assert_eq!(mpeg4_audio(&whole[..length]), None, "{length} bytes");
        }
    }
}
