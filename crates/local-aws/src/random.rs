//! Random ids and secrets, from the operating system's generator.

use std::io;

use openssl::rand::rand_bytes;

pub(crate) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(crate) const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `len` characters of `alphabet`.
pub(crate) fn text(alphabet: &[u8], len: usize) -> io::Result<String> {
    // Bytes over the largest multiple of the alphabet are thrown away: a plain remainder favours its beginning.
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(len);
    let mut bytes = [0; 64];
    while text.len() < len {
        rand_bytes(&mut bytes).map_err(io::Error::other)?;
        let fair_bytes = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        text.extend(fair_bytes.map(|b| char::from(alphabet[b % alphabet.len()])).take(len - text.len()));
    }
    Ok(text)
}

/// A version 4 UUID.
pub(crate) fn uuid() -> io::Result<String> {
    let mut bytes = [0; 16];
    rand_bytes(&mut bytes).map_err(io::Error::other)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_its_length_and_alphabet() {
        let text = text(UPPER, 100).expect("random");
        assert!(text.len() == 100 && text.bytes().all(|b| UPPER.contains(&b)));
    }

    #[test]
    fn uuids_are_version_4_and_differ() {
        let (one, other) = (uuid().expect("random"), uuid().expect("random"));
        assert!(one != other && one.len() == 36 && one.as_bytes()[14] == b'4', "{one}");
    }
}
