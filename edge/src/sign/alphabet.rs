//! CloudFront's base64: the standard one with the three characters replaced that mean something in a URL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

/// `None` on any other character, the standard alphabet's three included.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.contains(['+', '=', '/']) {
        return None;
    }
    STANDARD.decode(text.replace('-', "+").replace('_', "=").replace('~', "/")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_safe_in_a_url() {
        for bytes in [&[][..], &[0xfb], &[0xff, 0xef], &[0xff, 0xff, 0xff], b"policy"] {
            let text = encode(bytes);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~".contains(&b)), "{text}");
            assert_eq!(decode(&text).as_deref(), Some(bytes));
        }
        assert_eq!(decode("+w=="), None);
    }
}
