//! NAL units of H.264 (ITU-T H.264 §7.3.1) and HEVC (ITU-T H.265 §7.3.1), as ISO/IEC 14496-15 stores them.

use mp4_atom::{HvcCArray, Hvcc};

use crate::bits::Bits;
use crate::nal::unescaped;

/// The two codecs that are made of NAL units. They differ in the unit's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nal {
    /// H.264.
    Avc,
    /// HEVC.
    Hevc,
}

/// What a unit is to a packager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Video parameter set, of HEVC alone.
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Access unit delimiter: the container delimits.
    Delimiter,
    /// Supplemental information of the type `user_data_unregistered`: encoders write their settings there, in every
    /// chunk, for nobody.
    UserData,
    /// A slice of an IDR picture.
    Idr,
    /// A slice of any other picture.
    Slice,
    /// Anything else; it is kept.
    Other,
}

/// SEI payload type `user_data_unregistered`.
const SEI_USER_DATA: u8 = 5;

impl Nal {
    /// What `unit` is; it has at least one byte.
    pub fn kind(self, unit: &[u8]) -> Kind {
        let user_data = |at: usize| unit.get(at) == Some(&SEI_USER_DATA);
        match self {
            Nal::Avc => match unit[0] & 0x1f {
                5 => Kind::Idr,
                1..=4 => Kind::Slice,
                6 if user_data(1) => Kind::UserData,
                7 => Kind::Sps,
                8 => Kind::Pps,
                9 => Kind::Delimiter,
                _ => Kind::Other,
            },
            Nal::Hevc => match unit[0] >> 1 & 0x3f {
                // IDR_W_RADL and IDR_N_LP. A CRA picture begins an open GOP, and is no place to cut.
                19 | 20 => Kind::Idr,
                0..=31 => Kind::Slice,
                32 => Kind::Vps,
                33 => Kind::Sps,
                34 => Kind::Pps,
                35 => Kind::Delimiter,
                39 | 40 if user_data(2) => Kind::UserData,
                _ => Kind::Other,
            },
        }
    }

    /// An Annex B access unit as length-prefixed units, and whether it is an IDR one. Parameter sets are in the
    /// initialisation section (`avc1` and `hvc1` have them nowhere else); delimiters and settings go.
    pub fn access_unit(self, stream: &[u8]) -> (Vec<u8>, bool) {
        let mut data = Vec::with_capacity(stream.len() + 16);
        let mut idr = false;
        for unit in units(stream) {
            match self.kind(unit) {
                Kind::Vps | Kind::Sps | Kind::Pps | Kind::Delimiter | Kind::UserData => continue,
                Kind::Idr => idr = true,
                Kind::Slice | Kind::Other => {}
            }
            data.extend_from_slice(&(unit.len() as u32).to_be_bytes());
            data.extend_from_slice(unit);
        }
        (data, idr)
    }

    /// True where an access unit of length-prefixed NAL units begins with an IDR picture: other units may precede.
    pub fn starts_with_idr(self, mut data: &[u8]) -> bool {
        while data.len() > 4 {
            let len = u32::from_be_bytes([data[0], data[1], data[2], data[3]]) as usize;
            match self.kind(&data[4..]) {
                Kind::Idr => return true,
                Kind::Slice => return false,
                _ => data = data.get(4 + len..).unwrap_or_default(),
            }
        }
        false
    }

    /// The first unit of a kind in an Annex B stream.
    pub fn find(self, stream: &[u8], kind: Kind) -> Option<Vec<u8>> {
        units(stream).find(|unit| self.kind(unit) == kind).map(<[u8]>::to_vec)
    }
}

/// The NAL units of an Annex B byte stream, without start codes.
pub fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= stream.len() {
        if stream[i..i + 3] == [0, 0, 1] {
            starts.push(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|s| s - 3).chain([stream.len()]).collect();
    starts.into_iter().zip(ends).filter_map(move |(start, end)| {
        // Zero bytes before the next start code belong to the start code.
        let nal = &stream[start..end];
        let len = nal.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
        (len > 0).then(|| &nal[..len])
    })
}

/// The decoder configuration of an HEVC track (ISO/IEC 14496-15 §8.3.3) and the frames by which its decoding order may
/// run ahead of presentation; nothing where the sequence parameter set cannot be read.
pub fn hevc_configuration(vps: &[u8], sps: &[u8], pps: &[u8]) -> Option<(Hvcc, u32)> {
    let raw = unescaped(sps);
    let mut bits = Bits::new(raw.get(2..)?);
    // sps_video_parameter_set_id, sps_max_sub_layers_minus1, sps_temporal_id_nesting_flag (§7.3.2.2.1).
    bits.take(4);
    let more_layers = bits.take(3);
    let temporal_id_nested = bits.flag();
    let mut hvcc = Hvcc {
        general_profile_space: bits.take(2) as u8,
        general_tier_flag: bits.flag(),
        general_profile_idc: bits.take(5) as u8,
        general_profile_compatibility_flags: std::array::from_fn(|_| bits.take(8) as u8),
        general_constraint_indicator_flags: std::array::from_fn(|_| bits.take(8) as u8),
        general_level_idc: bits.take(8) as u8,
        num_temporal_layers: more_layers as u8 + 1,
        temporal_id_nested,
        length_size_minus_one: 3,
        ..Hvcc::new()
    };
    skip_sub_layers(&mut bits, more_layers);
    bits.golomb(); // sps_seq_parameter_set_id
    hvcc.chroma_format_idc = bits.golomb().min(3) as u8;
    if hvcc.chroma_format_idc == 3 {
        bits.flag(); // separate_colour_plane_flag
    }
    bits.golomb(); // width
    bits.golomb(); // height
    if bits.flag() {
        // conformance window
        for _ in 0..4 {
            bits.golomb();
        }
    }
    hvcc.bit_depth_luma_minus8 = bits.golomb().min(7) as u8;
    hvcc.bit_depth_chroma_minus8 = bits.golomb().min(7) as u8;
    bits.golomb(); // log2_max_pic_order_cnt_lsb_minus4
    let each_layer = bits.flag();
    let mut reorder_frames = 0;
    for _ in if each_layer { 0 } else { more_layers }..=more_layers {
        bits.golomb(); // sps_max_dec_pic_buffering_minus1
        reorder_frames = bits.golomb(); // of the highest layer, which is the last
        bits.golomb(); // sps_max_latency_increase_plus1
    }
    let array = |nal_unit_type, unit: &[u8]| HvcCArray {
        completeness: true,
        nal_unit_type,
        nalus: vec![unit.to_vec()],
    };
    hvcc.arrays = vec![array(32, vps), array(33, sps), array(34, pps)];
    (!bits.is_over() && reorder_frames <= 16).then_some((hvcc, reorder_frames))
}

/// Profiles and levels of sub-layers (§7.3.3): read over, nobody asks for them.
fn skip_sub_layers(bits: &mut Bits, more_layers: u32) {
    if more_layers == 0 {
        return;
    }
    let present: Vec<(bool, bool)> = (0..8).map(|_| (bits.flag(), bits.flag())).collect();
    for (profile, level) in &present[..more_layers as usize] {
        if *profile {
            // 88 bits.
            for _ in 0..11 {
                bits.take(8);
            }
        }
        if *level {
            bits.take(8);
        }
    }
}

/// RFC 6381 string of an HEVC track, as ISO/IEC 14496-15 §E.3 writes it: profile, compatibility with its bits turned
/// round, tier and level, constraints without trailing zero bytes.
pub fn hevc_codecs(hvcc: &Hvcc) -> String {
    let space = ["", "A", "B", "C"][usize::from(hvcc.general_profile_space & 3)];
    let compatible = u32::from_be_bytes(hvcc.general_profile_compatibility_flags).reverse_bits();
    let tier = if hvcc.general_tier_flag { 'H' } else { 'L' };
    let constraints = &hvcc.general_constraint_indicator_flags;
    let used = constraints.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let constraints: String = constraints[..used].iter().map(|b| format!(".{b:02X}")).collect();
    let (profile, level) = (hvcc.general_profile_idc, hvcc.general_level_idc);
    format!("hvc1.{space}{profile}.{compatible:X}.{tier}{level}{constraints}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_behind_either_start_code() {
        let stream = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 4];
        let found: Vec<&[u8]> = units(&stream).collect();
        assert_eq!(found, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 4]]);
        assert_eq!(units(&[]).count(), 0);
        assert_eq!(units(&[0, 0, 1]).count(), 0);
    }

    #[test]
    fn an_access_unit_begins_with_its_first_picture() {
        let sei = [0, 0, 0, 2, 6, 1];
        let idr = [0, 0, 0, 2, 0x65, 9];
        let other = [0, 0, 0, 2, 0x41, 9];
        assert!(Nal::Avc.starts_with_idr(&[sei, idr].concat()));
        assert!(!Nal::Avc.starts_with_idr(&[sei, other, idr].concat()));
        assert!(!Nal::Avc.starts_with_idr(&sei));
        assert!(!Nal::Avc.starts_with_idr(&[0, 0, 0, 200, 6, 1]));
    }

    #[test]
    fn an_open_gop_is_no_place_to_cut() {
        let unit = |kind: u8| vec![0, 0, 0, 3, kind << 1, 1, 9];
        assert!(Nal::Hevc.starts_with_idr(&[unit(39), unit(19)].concat()));
        assert!(Nal::Hevc.starts_with_idr(&unit(20)));
        assert!(!Nal::Hevc.starts_with_idr(&unit(21)), "CRA");
        assert!(!Nal::Hevc.starts_with_idr(&unit(1)));
    }

    #[test]
    fn what_the_container_says_is_not_said_again() {
        let hevc = [0, 0, 1, 35 << 1, 1, 0x50, 0, 0, 1, 39 << 1, 1, 5, 9, 0, 0, 1, 20 << 1, 1, 7];
        assert_eq!(Nal::Hevc.access_unit(&hevc), (vec![0, 0, 0, 3, 40, 1, 7], true));
        let avc = [0, 0, 1, 9, 0x10, 0, 0, 1, 6, 5, 9, 0, 0, 1, 0x41, 7];
        assert_eq!(Nal::Avc.access_unit(&avc), (vec![0, 0, 0, 2, 0x41, 7], false));
    }

    #[test]
    fn the_hevc_string_is_the_standards() {
        // The example of ISO/IEC 14496-15 Annex E: Main, level 3.1, progressive.
        let hvcc = Hvcc {
            general_profile_idc: 1,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_constraint_indicator_flags: [0xb0, 0, 0, 0, 0, 0],
            general_level_idc: 93,
            ..Hvcc::new()
        };
        assert_eq!(hevc_codecs(&hvcc), "hvc1.1.6.L93.B0");
        let high = Hvcc { general_tier_flag: true, general_constraint_indicator_flags: [0; 6], ..hvcc };
        assert_eq!(hevc_codecs(&high), "hvc1.1.6.H93");
    }
}
