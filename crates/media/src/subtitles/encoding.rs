//! The text of a subtitle file, whatever it was written with. The guess is simple, and said.

use std::borrow::Cow;

/// What Windows-1252 has where ISO 8859-1 has control characters (WHATWG Encoding §9.1).
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// UTF-16 where it says so by a byte order mark; UTF-8, with or without one, where it holds; else Windows-1252, which is
/// what editors of Western Europe wrote before. Gives the text and the name of the encoding.
pub fn decode(bytes: &[u8]) -> (String, &'static str) {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => (utf_16(rest, u16::from_le_bytes), "UTF-16LE"),
        [0xfe, 0xff, rest @ ..] => (utf_16(rest, u16::from_be_bytes), "UTF-16BE"),
        _ => match decode_8_bit(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
            Cow::Borrowed(text) => (text.to_owned(), "UTF-8"),
            Cow::Owned(text) => (text, "Windows-1252"),
        },
    }
}

/// UTF-8 as it is, or else Windows-1252.
pub fn decode_8_bit(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| windows(*byte)).collect()),
    }
}

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "Ça coûte 5 €…";
        let utf_16 = |mark: u16, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(mark).chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        let with_mark = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for (bytes, name) in [
            (text.as_bytes().to_vec(), "UTF-8"),
            (with_mark, "UTF-8"),
            (utf_16(0xfeff, u16::to_le_bytes), "UTF-16LE"),
            (utf_16(0xfeff, u16::to_be_bytes), "UTF-16BE"),
            (b"\xc7a co\xfbte 5 \x80\x85".to_vec(), "Windows-1252"),
        ] {
            assert_eq!(decode(&bytes), (text.to_owned(), name));
        }
    }

    #[test]
    fn no_bytes_are_refused() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&all).0.chars().count(), 256);
        assert_eq!(decode(b"").0, "");
        // Half a character at the end, and half a surrogate pair.
        assert_eq!(decode(b"\xff\xfea\0b").0, "a");
        assert_eq!(decode(b"\xff\xfe\x00\xd8").0, "\u{fffd}");
    }
}
