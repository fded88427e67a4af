//! What an H.264 sequence parameter set says (ITU-T H.264 §7.3.2.1.1 and annex E): what decides about passthrough.

use crate::nal::unescaped;

/// Profiles from High on say which samples they code.
const PROFILES_WITH_SAMPLES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// `aspect_ratio_idc` of a shape that is written out.
const EXTENDED_SAR: u32 = 255;
/// Chroma format 4:2:0.
const YUV_420: u32 = 1;

/// What a set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile: u8,
    /// The byte of `constraint_set` flags.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// Width and height in pixels, after cropping.
    pub size: (u32, u32),
    /// True for 4:2:0 with 8 bits.
    pub is_420_8bit: bool,
    /// True where no picture is stored as two fields.
    pub frames_only: bool,
    /// True where pixels are square, or nothing is said.
    pub square: bool,
    /// True where samples use the full range.
    pub full_range: bool,
    /// Primaries, transfer, matrix: code points of ITU-T H.273, 2 where nothing is said.
    pub colour: [u8; 3],
}

impl Sps {
    /// Reads a NAL unit; `None` where it ends too early or is none.
    pub fn parse(unit: &[u8]) -> Option<Sps> {
        let bytes = unescaped(unit);
        let [_, profile, constraints, level, ..] = bytes[..] else { return None };
        let mut bits = Bits { bytes: &bytes, at: 32 };
        bits.ue()?; // seq_parameter_set_id
        let (mut chroma, mut depths) = (YUV_420, (0, 0));
        if PROFILES_WITH_SAMPLES.contains(&u32::from(profile)) {
            chroma = bits.ue()?;
            if chroma == 3 {
                bits.take(1)?;
            }
            depths = (bits.ue()?, bits.ue()?);
            bits.take(1)?; // qpprime_y_zero_transform_bypass_flag
            if bits.flag()? {
                let lists = if chroma == 3 { 12 } else { 8 };
                for list in 0..lists {
                    if bits.flag()? {
                        bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.ue()?; // log2_max_frame_num_minus4
        match bits.ue()? {
            0 => {
                bits.ue()?;
            }
            1 => {
                bits.take(1)?;
                bits.ue()?;
                bits.ue()?;
                for _ in 0..bits.ue()?.min(255) {
                    bits.ue()?;
                }
            }
            _ => {}
        }
        bits.ue()?; // max_num_ref_frames
        bits.take(1)?; // gaps_in_frame_num_value_allowed_flag
        let columns = bits.ue()?.checked_add(1)?;
        let rows = bits.ue()?.checked_add(1)?;
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.take(1)?;
        }
        bits.take(1)?; // direct_8x8_inference_flag
        let field = 2 - u32::from(frames_only);
        let mut size = (columns.checked_mul(16)?, rows.checked_mul(16)?.checked_mul(field)?);
        if bits.flag()? {
            let (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
            // In units of chroma samples (table 6-1).
            let unit = (if matches!(chroma, 1 | 2) { 2 } else { 1 }, if chroma == YUV_420 { 2 } else { 1 });
            let cut = |a: u32, b: u32, unit: u32| a.checked_add(b)?.checked_mul(unit);
            size.0 = size.0.checked_sub(cut(left, right, unit.0)?)?;
            size.1 = size.1.checked_sub(cut(top, bottom, unit.1 * field)?)?;
        }
        let mut sps = Sps {
            profile,
            constraints,
            level,
            size,
            is_420_8bit: chroma == YUV_420 && depths == (0, 0),
            frames_only,
            square: true,
            full_range: false,
            colour: [2; 3],
        };
        if bits.flag()? {
            sps.usability(&mut bits)?;
        }
        Some(sps)
    }

    fn usability(&mut self, bits: &mut Bits) -> Option<()> {
        if bits.flag()? {
            let shape = bits.take(8)?;
            let (width, height) = match shape {
                EXTENDED_SAR => (bits.take(16)?, bits.take(16)?),
                _ => (0, 0),
            };
            // 0 says nothing, and so does a shape of nothing.
            self.square = shape <= 1 || (shape == EXTENDED_SAR && (width == height || width * height == 0));
        }
        if bits.flag()? {
            bits.take(1)?; // overscan_appropriate_flag
        }
        if bits.flag()? {
            bits.take(3)?; // video_format
            self.full_range = bits.flag()?;
            if bits.flag()? {
                for code in &mut self.colour {
                    *code = bits.take(8)? as u8;
                }
            }
        }
        Some(())
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// So many bits, 32 at most.
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// An unsigned Exp-Golomb number (§9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8, 8);
        for _ in 0..size {
            if next != 0 {
                let code = i64::from(self.ue()?);
                let delta = if code % 2 == 0 { -code / 2 } else { (code + 1) / 2 };
                next = (last + delta).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by x264 for 1920×1080 at 24 frames a second, BT.709.
    const FULL_HD: &str = "67640028acd940780227e5c05a808080a0000003002000000601e30632c0";

    #[test]
    fn a_full_hd_set_is_read() {
        let sps = Sps::parse(&hex::decode(FULL_HD).expect("hex")).expect("a set");
        assert_eq!((sps.profile, sps.level, sps.size), (100, 40, (1920, 1080)));
        assert!(sps.is_420_8bit && sps.frames_only && sps.square && !sps.full_range);
        assert_eq!(sps.colour, [1, 1, 1]);
    }

    #[test]
    fn a_set_that_ends_too_early_is_none() {
        let whole = hex::decode(FULL_HD).expect("hex");
        assert!((0..12).all(|len| Sps::parse(&whole[..len]).is_none()));
    }
}
