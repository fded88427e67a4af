//! Reads bits, most significant first, as the headers of all three codecs are written.

/// A reader over bytes. Behind the end it reads zeros and [`Bits::is_over`] says so: a header is checked once, not at
/// every field.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// From the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0 }
    }

    /// An unsigned number of `count` bits, at most 32: `u(n)` of H.26x, `f(n)` of AV1.
    pub fn take(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| {
            let bit = self.bytes.get(self.at / 8).map_or(0, |byte| byte >> (7 - self.at % 8) & 1);
            self.at += 1;
            value << 1 | u32::from(bit)
        })
    }

    /// One bit.
    pub fn flag(&mut self) -> bool {
        self.take(1) == 1
    }

    /// An Exp-Golomb number: `ue(v)` of H.26x and `uvlc()` of AV1.
    pub fn golomb(&mut self) -> u32 {
        let mut zeros = 0;
        while !self.flag() {
            zeros += 1;
            if zeros >= 32 || self.is_over() {
                return u32::MAX;
            }
        }
        (1 << zeros) - 1 + self.take(zeros)
    }

    /// True where more was read than there is.
    pub fn is_over(&self) -> bool {
        self.at > self.bytes.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_left() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!((bits.flag(), bits.take(2), bits.take(3)), (true, 0b01, 0b001));
        // 1 is 0, 00100 is 3.
        assert_eq!((bits.golomb(), bits.golomb()), (0, 3));
        assert!(!bits.is_over());
        assert_eq!(Bits::new(&[0]).golomb(), u32::MAX);
    }
}
