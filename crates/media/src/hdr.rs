//! What HDR pictures say of themselves (SMPTE ST 2086, CTA-861.3): read from libav, written as SEI messages of HEVC and
//! as boxes of ISO base media files. Both have the same fields in the same order.

use ffmpeg_next::codec::packet::side_data::Type as PacketData;
use ffmpeg_next::format::stream::Stream;
use ffmpeg_next::frame::Video;
use ffmpeg_next::util::frame::side_data::Type as FrameData;
use mp4_atom::Colr;

use crate::source::{HdrMetadata, LightLevel, Mastering};
use crate::task::{Hdr, HdrTransfer};

/// Steps of a chromaticity coordinate, and of a luminance in cd/m².
const CHROMATICITY: f64 = 50_000.0;
const LUMINANCE: f64 = 10_000.0;

/// Code points of ITU-T H.273.
const BT2020: u16 = 9;
const PQ: u16 = 16;
const HLG: u16 = 18;

/// What the container says.
pub fn of_stream(stream: &Stream) -> HdrMetadata {
    let mut said = HdrMetadata::default();
    for data in stream.side_data() {
        match data.kind() {
            PacketData::MasteringDisplayMetadata => said.mastering = mastering(data.data()),
            PacketData::ContentLightLevel => said.light = light(data.data()),
            PacketData::DOVI_CONF => {
                said.dolby_vision = true;
                said.needs_dolby = !has_base(data.data());
            }
            _ => {}
        }
    }
    said
}

/// What a decoded picture says.
pub fn of_frame(frame: &Video) -> HdrMetadata {
    let data = |kind| frame.side_data(kind);
    HdrMetadata {
        mastering: data(FrameData::MasteringDisplayMetadata).and_then(|d| mastering(d.data())),
        light: data(FrameData::ContentLightLevel).and_then(|d| light(d.data())),
        dolby_vision: false,
        needs_dolby: false,
    }
}

/// True where Dolby Vision lies over a picture that plays without it: libav's `AVDOVIDecoderConfigurationRecord` says in
/// its last byte which (Dolby Vision Streams Within the ISO Base Media File Format, §3.2). Profile 5 has none: its colours
/// are Dolby's own.
fn has_base(record: &[u8]) -> bool {
    record.get(7).is_none_or(|compatibility| *compatibility != 0)
}

/// From libav's `AVMasteringDisplayMetadata`: chromaticities of red, green, blue and white, least and most luminance as
/// pairs of numerator and denominator, then which of them hold.
fn mastering(data: &[u8]) -> Option<Mastering> {
    let word = |i: usize| data.get(i * 4..i * 4 + 4).map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let ratio = |i: usize| match (word(2 * i)?, word(2 * i + 1)?) {
        (_, 0) => None,
        (num, den) => Some(f64::from(num) / f64::from(den)),
    };
    let point = |i: usize| {
        let steps = |i| ratio(i).map(|v| (v * CHROMATICITY).round() as u16);
        Some((steps(i)?, steps(i + 1)?))
    };
    let luminance = |i: usize| ratio(i).map(|v| (v * LUMINANCE).round() as u32);
    if word(20)? == 0 || word(21)? == 0 {
        return None;
    }
    Some(Mastering {
        primaries: [point(2)?, point(4)?, point(0)?],
        white: point(6)?,
        min_luminance: luminance(8)?,
        max_luminance: luminance(9)?,
    })
}

/// From libav's `AVContentLightMetadata`.
fn light(data: &[u8]) -> Option<LightLevel> {
    let word = |i: usize| data.get(i * 4..i * 4 + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let level = |i| word(i).map(|v| v.min(u32::from(u16::MAX)) as u16);
    Some(LightLevel { max: level(0)?, max_average: level(1)? })
}

/// The `colr` box.
pub fn colour(hdr: &Hdr) -> Colr {
    Colr::Nclx {
        colour_primaries: BT2020,
        transfer_characteristics: match hdr.transfer {
            HdrTransfer::Pq => PQ,
            HdrTransfer::Hlg => HLG,
        },
        matrix_coefficients: BT2020,
        full_range_flag: false,
    }
}

/// The boxes `mdcv` and `clli` (ISO/IEC 14496-12 §12.1.5), as far as there is something to say.
pub fn boxes(metadata: &HdrMetadata) -> Vec<u8> {
    let mut out = Vec::new();
    let mut add = |kind: &[u8; 4], body: Vec<u8>| {
        out.extend_from_slice(&(body.len() as u32 + 8).to_be_bytes());
        out.extend_from_slice(kind);
        out.extend_from_slice(&body);
    };
    if let Some(mastering) = &metadata.mastering {
        add(b"mdcv", mastering_bytes(mastering));
    }
    if let Some(light) = &metadata.light {
        add(b"clli", light_bytes(light));
    }
    out
}

/// One length-prefixed SEI unit of HEVC (ITU-T H.265 §D.2.28, §D.2.35) to stand before an IDR picture; empty where there
/// is nothing to say.
pub fn sei(metadata: &HdrMetadata) -> Vec<u8> {
    const PREFIX_SEI: [u8; 2] = [39 << 1, 1];
    const MASTERING: u8 = 137;
    const LIGHT: u8 = 144;
    let mut messages = Vec::new();
    let mut add = |kind: u8, body: Vec<u8>| {
        messages.extend_from_slice(&[kind, body.len() as u8]);
        messages.extend_from_slice(&body);
    };
    if let Some(mastering) = &metadata.mastering {
        add(MASTERING, mastering_bytes(mastering));
    }
    if let Some(light) = &metadata.light {
        add(LIGHT, light_bytes(light));
    }
    if messages.is_empty() {
        return messages;
    }
    // rbsp_trailing_bits
    messages.push(0x80);
    let mut unit = PREFIX_SEI.to_vec();
    escape(&messages, &mut unit);
    let mut out = (unit.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&unit);
    out
}

fn mastering_bytes(m: &Mastering) -> Vec<u8> {
    let points = m.primaries.iter().chain([&m.white]);
    let mut out: Vec<u8> = points.flat_map(|(x, y)| [x.to_be_bytes(), y.to_be_bytes()].concat()).collect();
    out.extend_from_slice(&m.max_luminance.to_be_bytes());
    out.extend_from_slice(&m.min_luminance.to_be_bytes());
    out
}

fn light_bytes(light: &LightLevel) -> Vec<u8> {
    [light.max.to_be_bytes(), light.max_average.to_be_bytes()].concat()
}

/// Appends a payload so that no start code appears in it (§7.4.2).
fn escape(payload: &[u8], out: &mut Vec<u8>) {
    let mut zeros = 0;
    for byte in payload {
        if zeros == 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT.2020 primaries on a display of 1000 cd/m².
    const MASTERING: Mastering = Mastering {
        primaries: [(8500, 39850), (6550, 2300), (35400, 14600)],
        white: (15635, 16450),
        max_luminance: 10_000_000,
        min_luminance: 1,
    };

    fn words(values: &[i32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_ne_bytes()).collect()
    }

    #[test]
    fn libavs_order_becomes_the_standards() {
        let said = [
            35400, 50000, 14600, 50000, 8500, 50000, 39850, 50000, 6550, 50000, 2300, 50000, 15635, 50000,
            16450, 50000, 1, 10000, 10000000, 10000, 1, 1,
        ];
        assert_eq!(mastering(&words(&said)), Some(MASTERING));
        let mut unknown = said;
        unknown[21] = 0;
        assert_eq!(mastering(&words(&unknown)), None);
        assert_eq!(mastering(&words(&said[..21])), None, "short");
        unknown = said;
        unknown[1] = 0;
        assert_eq!(mastering(&words(&unknown)), None, "a denominator of 0");
    }

    #[test]
    fn no_start_code_appears_in_a_message() {
        let metadata = HdrMetadata { mastering: Some(MASTERING), light: None, ..HdrMetadata::default() };
        let unit = sei(&metadata);
        assert_eq!(unit[..8], [0, 0, 0, unit.len() as u8 - 4, 78, 1, 137, 24]);
        // The darkest luminance of 1 is 0 0 0 1.
        assert!(unit.ends_with(&[0, 0, 3, 0, 1, 0x80]), "{unit:?}");
    }

    #[test]
    fn dolby_vision_of_profile_5_has_no_picture_below_it() {
        assert!(!has_base(&[1, 0, 5, 6, 1, 0, 1, 0]));
        assert!(has_base(&[1, 0, 8, 4, 1, 0, 1, 4]), "profile 8.4 is HLG below");
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        assert!(sei(&HdrMetadata::default()).is_empty() && boxes(&HdrMetadata::default()).is_empty());
    }

    #[test]
    fn boxes_have_their_sizes() {
        let light = Some(LightLevel { max: 1000, max_average: 400 });
        let bytes = boxes(&HdrMetadata { mastering: Some(MASTERING), light, ..HdrMetadata::default() });
        assert_eq!(bytes.len(), 32 + 12);
        assert_eq!(bytes[32..], [0, 0, 0, 12, b'c', b'l', b'l', b'i', 3, 232, 1, 144]);
    }
}
