//! Open bitstream units of AV1 (AV1 Bitstream & Decoding Process Specification §5), as the AV1 Codec ISO Media File
//! Format Binding stores them.

use mp4_atom::Av1c;

use crate::bits::Bits;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const PADDING: u8 = 15;
/// `frame_type` of a key frame.
const KEY_FRAME: u32 = 0;

/// One unit.
struct Obu<'a> {
    kind: u8,
    /// Header and payload.
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The units of a temporal unit. What cannot be read ends them.
fn units(mut data: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    std::iter::from_fn(move || {
        let header = *data.first()?;
        let (has_extension, has_size) = (header & 4 != 0, header & 2 != 0);
        let mut at = 1 + usize::from(has_extension);
        let size = if has_size {
            let mut size = 0u64;
            // leb128(), §4.10.5.
            for i in 0..8 {
                let byte = *data.get(at)?;
                at += 1;
                size |= u64::from(byte & 0x7f) << (7 * i);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            usize::try_from(size).ok()?
        } else {
            data.len().checked_sub(at)?
        };
        let end = at.checked_add(size)?;
        let unit = Obu { kind: header >> 3 & 0xf, whole: data.get(..end)?, payload: &data[at..end] };
        data = &data[end..];
        Some(unit)
    })
}

/// A temporal unit as a sample, and whether decoding can begin there. Temporal delimiters go (binding §2.4), and so
/// does padding.
pub fn access_unit(stream: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::with_capacity(stream.len());
    for unit in units(stream).filter(|u| ![TEMPORAL_DELIMITER, PADDING].contains(&u.kind)) {
        data.extend_from_slice(unit.whole);
    }
    let key = starts_with_key_frame(&data);
    (data, key)
}

/// True where a sample is a sync sample: a sequence header, then a key frame that is shown (binding §2.4).
pub fn starts_with_key_frame(data: &[u8]) -> bool {
    let mut sequence = false;
    for unit in units(data) {
        match unit.kind {
            SEQUENCE_HEADER => sequence = true,
            FRAME | FRAME_HEADER => {
                let mut bits = Bits::new(unit.payload);
                // show_existing_frame, frame_type, show_frame (§5.9.2).
                return sequence && !bits.flag() && bits.take(2) == KEY_FRAME && bits.flag();
            }
            _ => {}
        }
    }
    false
}

/// The decoder configuration of a track and its RFC 6381 string, from the stream's sequence header (§5.5); nothing
/// where it has none.
pub fn configuration(stream: &[u8]) -> Option<(Av1c, String)> {
    let header = units(stream).find(|u| u.kind == SEQUENCE_HEADER)?;
    let mut bits = Bits::new(header.payload);
    let mut av1c = Av1c { config_obus: header.whole.to_vec(), ..Av1c::default() };
    av1c.seq_profile = bits.take(3) as u8;
    bits.flag(); // still_picture
    let reduced = bits.flag();
    if reduced {
        av1c.seq_level_idx_0 = bits.take(5) as u8;
    } else {
        operating_points(&mut bits, &mut av1c)?;
    }
    let (width_bits, height_bits) = (bits.take(4) + 1, bits.take(4) + 1);
    bits.take(width_bits);
    bits.take(height_bits);
    if !reduced && bits.flag() {
        bits.take(4 + 3); // frame ids
    }
    bits.take(3); // superblock size, filter intra, intra edge filter
    if !reduced {
        bits.take(4); // interintra, masked, warped motion, dual filter
        if bits.flag() {
            bits.take(2); // order hints: jnt_comp, ref_frame_mvs
            tools(&mut bits);
            bits.take(3); // order_hint_bits
        } else {
            tools(&mut bits);
        }
    }
    bits.take(3); // superres, cdef, restoration
    let colour = colour(&mut bits, &mut av1c);
    let codecs = codecs(&av1c, colour);
    (!bits.is_over()).then_some((av1c, codecs))
}

/// Timing and operating points; level and tier are those of the first. A stream with a decoder model is none of ours.
fn operating_points(bits: &mut Bits, av1c: &mut Av1c) -> Option<()> {
    if bits.flag() {
        bits.take(32);
        bits.take(32);
        if bits.flag() {
            bits.golomb();
        }
        if bits.flag() {
            return None;
        }
    }
    let delays = bits.flag();
    let count = bits.take(5) + 1;
    for point in 0..count {
        bits.take(12);
        let level = bits.take(5) as u8;
        let tier = level > 7 && bits.flag();
        if point == 0 {
            (av1c.seq_level_idx_0, av1c.seq_tier_0) = (level, tier);
        }
        if delays && bits.flag() {
            bits.take(4);
        }
    }
    Some(())
}

/// `seq_force_screen_content_tools` and `seq_force_integer_mv`.
fn tools(bits: &mut Bits) {
    let choose = bits.flag();
    let forced = choose || bits.flag();
    if forced && !bits.flag() {
        bits.flag();
    }
}

/// Primaries, transfer and matrix (ITU-T H.273), and whether samples use the full range.
type Colour = ((u32, u32, u32), bool);
const BT709: Colour = ((1, 1, 1), false);
const SRGB: (u32, u32, u32) = (1, 13, 0);

/// `color_config()`, §5.5.2.
fn colour(bits: &mut Bits, av1c: &mut Av1c) -> Colour {
    av1c.high_bitdepth = bits.flag();
    av1c.twelve_bit = av1c.seq_profile == 2 && av1c.high_bitdepth && bits.flag();
    av1c.monochrome = av1c.seq_profile != 1 && bits.flag();
    let described = if bits.flag() { (bits.take(8), bits.take(8), bits.take(8)) } else { (2, 2, 2) };
    (av1c.chroma_subsampling_x, av1c.chroma_subsampling_y) = (true, true);
    if av1c.monochrome {
        return (described, bits.flag());
    }
    if described == SRGB {
        (av1c.chroma_subsampling_x, av1c.chroma_subsampling_y) = (false, false);
        return (described, true);
    }
    let full_range = bits.flag();
    (av1c.chroma_subsampling_x, av1c.chroma_subsampling_y) = match av1c.seq_profile {
        0 => (true, true),
        1 => (false, false),
        _ if av1c.twelve_bit => {
            let x = bits.flag();
            (x, x && bits.flag())
        }
        _ => (true, false),
    };
    if av1c.chroma_subsampling_x && av1c.chroma_subsampling_y {
        av1c.chroma_sample_position = bits.take(2) as u8;
    }
    (described, full_range)
}

/// RFC 6381 string of an AV1 track (binding §5): profile, level and tier, bit depth. What may follow is left out where
/// it is what a reader assumes: 4:2:0, BT.709, limited range.
fn codecs(av1c: &Av1c, colour: Colour) -> String {
    let tier = if av1c.seq_tier_0 { 'H' } else { 'M' };
    let depth = match (av1c.high_bitdepth, av1c.twelve_bit) {
        (true, true) => 12,
        (true, false) => 10,
        _ => 8,
    };
    let plain = format!("av01.{}.{:02}{tier}.{depth:02}", av1c.seq_profile, av1c.seq_level_idx_0);
    if colour == BT709 {
        return plain;
    }
    let ((primaries, transfer, matrix), full) = colour;
    format!(
        "{plain}.{}.{}{}{}.{primaries:02}.{transfer:02}.{matrix:02}.{}",
        u8::from(av1c.monochrome),
        u8::from(av1c.chroma_subsampling_x),
        u8::from(av1c.chroma_subsampling_y),
        av1c.chroma_sample_position,
        u8::from(full),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit with its size.
    fn unit(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[kind << 3 | 2, payload.len() as u8], payload].concat()
    }

    #[test]
    fn delimiters_go_and_the_rest_stays() {
        let sequence = unit(SEQUENCE_HEADER, &[1, 2]);
        let key = unit(FRAME, &[0b0001_0000, 7]);
        let stream = [unit(TEMPORAL_DELIMITER, &[]), sequence.clone(), key.clone()].concat();
        assert_eq!(access_unit(&stream), ([sequence, key].concat(), true));
    }

    #[test]
    fn only_a_shown_key_frame_behind_a_sequence_header_is_one_to_begin_with() {
        let sequence = unit(SEQUENCE_HEADER, &[1, 2]);
        let frame = |bits| unit(FRAME_HEADER, &[bits]);
        let begins = |units: &[Vec<u8>]| starts_with_key_frame(&units.concat());
        assert!(begins(&[sequence.clone(), frame(0b0001_0000)]));
        assert!(!begins(&[frame(0b0001_0000)]), "no sequence header");
        assert!(!begins(&[sequence.clone(), frame(0)]), "not shown");
        assert!(!begins(&[sequence.clone(), frame(0b0011_0000)]), "an inter frame");
        assert!(!begins(&[sequence, frame(0b1000_0000)]), "a frame shown again");
    }

    #[test]
    fn damaged_units_end_the_reading() {
        assert_eq!(units(&[0x32, 200, 1]).count(), 0);
        assert_eq!(units(&[0x32]).count(), 0);
        assert!(!starts_with_key_frame(&[]));
        assert!(configuration(&unit(SEQUENCE_HEADER, &[0])).is_none());
    }

    #[test]
    fn the_string_has_profile_level_tier_and_depth() {
        let av1c = Av1c { seq_level_idx_0: 8, ..Av1c::default() };
        assert_eq!(codecs(&av1c, BT709), "av01.0.08M.08");
        let (chroma_subsampling_x, chroma_subsampling_y) = (true, true);
        let ntsc = Av1c { chroma_subsampling_x, chroma_subsampling_y, ..av1c.clone() };
        assert_eq!(codecs(&ntsc, ((6, 6, 6), false)), "av01.0.08M.08.0.110.06.06.06.0");
        let high = Av1c { seq_level_idx_0: 13, seq_tier_0: true, high_bitdepth: true, ..av1c };
        assert_eq!(codecs(&high, BT709), "av01.0.13H.10");
    }
}
