//! What a sample begins with: is it a picture that needs no other?

use super::bits::Fields;

/// How samples are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// NAL units of H.264, each behind its length in so many bytes.
    H264 { length: u8 },
    /// NAL units of HEVC.
    Hevc { length: u8 },
    /// OBUs of AV1.
    Av1,
}

/// The first picture of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPicture {
    /// An IDR picture, or a key frame of AV1.
    Independent,
    /// Another.
    Dependent,
    /// None within the bytes looked at.
    NotSeen,
}

impl Coding {
    /// Looks at the first bytes of a sample. `bytes` may end anywhere.
    pub(crate) fn first_picture(self, bytes: &[u8]) -> FirstPicture {
        match self {
            Coding::H264 { length } => nal_units(bytes, length, h264_first_picture),
            Coding::Hevc { length } => nal_units(bytes, length, hevc_first_picture),
            Coding::Av1 => av1(bytes).unwrap_or(FirstPicture::NotSeen),
        }
    }
}

fn nal_units(bytes: &[u8], length: u8, picture: fn(&[u8]) -> Option<FirstPicture>) -> FirstPicture {
    let mut fields = Fields(bytes);
    loop {
        let Some(prefix) = fields.bytes(length.into()) else { return FirstPicture::NotSeen };
        let size = prefix.iter().fold(0, |size: usize, byte| size << 8 | usize::from(*byte));
        // The last unit may go on beyond the bytes that were read.
        let unit = &fields.0[..size.min(fields.0.len())];
        if let Some(found) = picture(unit) {
            return found;
        }
        if fields.skip(size).is_none() {
            return FirstPicture::NotSeen;
        }
    }
}

/// `None` where the NAL unit is no picture. IDR is type 5, other slices are 1 to 4 (ITU-T H.264 table 7-1).
pub(crate) fn h264_first_picture(unit: &[u8]) -> Option<FirstPicture> {
    match unit.first()? & 0x1f {
        5 => Some(FirstPicture::Independent),
        1..=4 => Some(FirstPicture::Dependent),
        _ => None,
    }
}

/// `None` where the NAL unit is no picture. IDR is types 19 and 20, pictures are below 32 (ITU-T H.265 table 7-1).
pub(crate) fn hevc_first_picture(unit: &[u8]) -> Option<FirstPicture> {
    match unit.first()? >> 1 & 0x3f {
        19 | 20 => Some(FirstPicture::Independent),
        0..=31 => Some(FirstPicture::Dependent),
        _ => None,
    }
}

/// The first frame header among the OBUs (AV1 specification §5.3, §5.9).
fn av1(bytes: &[u8]) -> Option<FirstPicture> {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut fields = Fields(bytes);
    loop {
        let header = fields.u8()?;
        if header & 0x4 != 0 {
            fields.u8()?;
        }
        let kind = header >> 3 & 0xf;
        let size = if header & 0x2 != 0 { leb128(&mut fields)? } else { usize::MAX };
        if kind == FRAME || kind == FRAME_HEADER {
            // show_existing_frame, then frame_type in two bits: 0 is a key frame. (A reduced still picture header has
            // neither; no video has one.)
            let first = *fields.0.first()?;
            let is_key = first & 0x80 == 0 && first & 0x60 == 0;
            return Some(if is_key { FirstPicture::Independent } else { FirstPicture::Dependent });
        }
        fields.skip(size)?;
    }
}

fn leb128(fields: &mut Fields<'_>) -> Option<usize> {
    let mut value = 0;
    for shift in 0..4 {
        let byte = fields.u8()?;
        value |= usize::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use FirstPicture::*;

    #[test]
    fn what_comes_before_the_picture_is_passed_over() {
        let h264 = Coding::H264 { length: 4 };
        // A delimiter, a message, then an IDR slice that goes on beyond what was read.
        let mut bytes = b"\0\0\0\x02\x09\x10\0\0\0\x03\x06\x05\x01\0\0\xff\xff\x65\x88".to_vec();
        assert_eq!(h264.first_picture(&bytes), Independent);
        bytes[17] = 0x41;
        assert_eq!(h264.first_picture(&bytes), Dependent);
        assert_eq!(h264.first_picture(&bytes[..13]), NotSeen);
    }

    #[test]
    fn each_standard_counts_its_own_way() {
        let hevc = Coding::Hevc { length: 2 };
        assert_eq!(hevc.first_picture(&[0, 2, 0x46, 1, 0, 2, 19 << 1, 1]), Independent);
        // A clean random access picture is no IDR.
        assert_eq!(hevc.first_picture(&[0, 2, 21 << 1, 1]), Dependent);
        // A temporal delimiter, then a frame.
        assert_eq!(Coding::Av1.first_picture(&[0x12, 0, 0x32, 5, 0x10]), Independent);
        assert_eq!(Coding::Av1.first_picture(&[0x12, 0, 0x32, 5, 0x30]), Dependent);
        assert_eq!(Coding::Av1.first_picture(&[0x12]), NotSeen);
    }
}
