//! Sequence parameter sets of H.264 (ITU-T H.264 §7.3.2.1.1, annex E): the size of the picture, and whether fields may
//! occur.

/// Width of a pixel to its height by `aspect_ratio_idc` (table E-1).
const ASPECTS: [(u32, u32); 17] = [
    (1, 1),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED_ASPECT: u32 = 255;
/// No level allows more on a side.
const MAX_SIDE: u32 = 16_384;
/// Profiles whose parameter sets say how chroma is stored.
const WITH_CHROMA: [u8; 13] = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];

/// What a sequence parameter set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sps {
    /// Stored, in pixels.
    pub(crate) size: (u32, u32),
    /// For display in square pixels.
    pub(crate) display: (u32, u32),
    /// Pictures may be coded as fields.
    pub(crate) may_have_fields: bool,
}

/// Reads a NAL unit of type 7, its header included.
pub(crate) fn h264_sps(unit: &[u8]) -> Option<Sps> {
    let mut bits = Bits::of(unit.get(1..)?);
    let profile = bits.take(8)? as u8;
    bits.take(16)?;
    bits.unsigned()?;
    let mut chroma = 1;
    if WITH_CHROMA.contains(&profile) {
        chroma = bits.unsigned()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.unsigned()?;
        bits.unsigned()?;
        bits.take(1)?;
        if bits.flag()? {
            scaling_lists(&mut bits, if chroma == 3 { 12 } else { 8 })?;
        }
    }
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.take(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            let count = bits.unsigned()?;
            for _ in 0..count.min(256) {
                bits.unsigned()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.take(1)?;
    let columns = bits.unsigned()?.checked_add(1)?;
    let rows = bits.unsigned()?.checked_add(1)?;
    let is_frames_alone = bits.flag()?;
    if !is_frames_alone {
        bits.take(1)?;
    }
    bits.take(1)?;
    let rows_of_frame = if is_frames_alone { rows } else { rows.checked_mul(2)? };
    let (mut width, mut height) = (columns.checked_mul(16)?, rows_of_frame.checked_mul(16)?);
    if bits.flag()? {
        let unit = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let unit = (unit.0, if is_frames_alone { unit.1 } else { 2 * unit.1 });
        let mut side = || bits.unsigned()?.checked_add(bits.unsigned()?);
        let (across, down) = (side()?, side()?);
        width = width.checked_sub(across.checked_mul(unit.0)?)?;
        height = height.checked_sub(down.checked_mul(unit.1)?)?;
    }
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return None;
    }
    let (across, down) = aspect(&mut bits).unwrap_or((1, 1));
    let display = (u64::from(width) * u64::from(across) + u64::from(down) / 2) / u64::from(down);
    let display = (u32::try_from(display).ok()?, height);
    Some(Sps { size: (width, height), display, may_have_fields: !is_frames_alone })
}

/// Width of a pixel to its height, where it is said.
fn aspect(bits: &mut Bits) -> Option<(u32, u32)> {
    if !bits.flag()? || !bits.flag()? {
        return None;
    }
    let aspect = match bits.take(8)? {
        EXTENDED_ASPECT => (bits.take(16)?, bits.take(16)?),
        known => *ASPECTS.get(known as usize)?,
    };
    Some(aspect).filter(|(across, down)| *across > 0 && *down > 0)
}

fn scaling_lists(bits: &mut Bits, count: usize) -> Option<()> {
    for list in 0..count {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i64, 8_i64);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed()? + 256).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Bits of a NAL unit, without what keeps start codes from occurring (§7.4.1).
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn of(unit: &[u8]) -> Bits {
        // No parameter set is longer: the one that follows it in a stream is not looked at.
        let unit = &unit[..unit.len().min(1024)];
        let mut bytes: Vec<u8> = Vec::with_capacity(unit.len());
        let mut zeros = 0;
        for &byte in unit {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Bits { bytes, at: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let flag = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(flag)
    }

    /// At most 32 bits.
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value: u32, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    /// Exp-Golomb code (§9.1).
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }

    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> Option<Sps> {
        let digits: Vec<u8> = hex.bytes().map(|b| (b as char).to_digit(16).expect("hex") as u8).collect();
        h264_sps(&digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<_>>())
    }

    /// Of x264, with the sizes and aspect ratios that ffprobe says of the same streams.
    #[test]
    fn sizes_are_those_that_others_read() {
        let frames = |size, display| Some(Sps { size, display, may_have_fields: false });
        // Pixels of 3:4.
        let high = read("6742c028da01e0089f97ff000300041000000300100000030320f1832a");
        assert_eq!(high, frames((1920, 1080), (1440, 1080)));
        let baseline = read("6742c00cda05067e7ffc000c001040000003004000000c83c50aa8");
        assert_eq!(baseline, frames((320, 180), (240, 180)));
        // 4:4:4, pixels of 724:963.
        let full_chroma = read("67f4001e919680a42fe3e7ffc0b500f0c4000003000400000300c83c58ba80");
        assert_eq!(full_chroma, frames((642, 362), (483, 362)));
        // Pixels of 16:11, which is a known one.
        let fields = read("674d4016f405a126c104000003000800000300c87c50aa80");
        assert_eq!(fields, Some(Sps { size: (720, 576), display: (1047, 576), may_have_fields: true }));
    }

    #[test]
    fn bytes_cut_or_changed_do_no_harm() {
        let good = "67f4001e919680a42fe3e7ffc0b500f0c4000003000400000300c83c58ba80";
        for length in (0..good.len()).step_by(2) {
            let _ = read(&good[..length]);
        }
        for at in 0..good.len() {
            for digit in ["0", "7", "f"] {
                let _ = read(&[&good[..at], digit, &good[at + 1..]].concat());
            }
        }
    }
}
