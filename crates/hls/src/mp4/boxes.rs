//! Boxes, one beside the other.

use super::bits::Fields;

/// What a box begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: [u8; 4],
    /// Bytes of this header.
    pub(crate) length: u64,
    /// Bytes of the whole box; `None` where it goes on to the end of the file.
    pub(crate) size: Option<u64>,
}

/// Bytes of the longest header.
pub(crate) const HEADER_BYTES: usize = 16;

/// The header at the front of `bytes`.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let mut fields = Fields(bytes);
    let size = fields.u32()?;
    let kind = fields.bytes(4)?.try_into().ok()?;
    let (length, size) = match size {
        0 => (8, None),
        1 => (16, Some(fields.u64()?)),
        size => (8, Some(u64::from(size))),
    };
    // A box that ends before its header does would never be left.
    size.is_none_or(|size| size >= length).then_some(Header { kind, length, size })
}

/// The boxes in `bytes` with their bodies, up to the first that does not fit.
pub(super) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let header = header(bytes)?;
        let size = header.size.map_or(Some(bytes.len()), |size| usize::try_from(size).ok())?;
        let (this, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some((header.kind, this.get(header.length as usize..)?))
    })
}

/// The body of the first box of a kind.
pub(super) fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(k, _)| k == kind).map(|(_, body)| body)
}

/// The body of the box at the end of a path of kinds.
pub(super) fn descend<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |body, kind| child(body, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_be_short_long_or_open() {
        assert_eq!(header(b"\0\0\0\x08free"), Some(Header { kind: *b"free", length: 8, size: Some(8) }));
        assert_eq!(header(b"\0\0\0\0mdat"), Some(Header { kind: *b"mdat", length: 8, size: None }));
        let long = b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0";
        assert_eq!(header(long), Some(Header { kind: *b"mdat", length: 16, size: Some(1 << 32) }));
    }

    #[test]
    fn a_box_shorter_than_its_header_is_none() {
        for bytes in [&b"\0\0\0\x07free"[..], b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f", b"\0\0\0\x08fre", b""] {
            assert_eq!(header(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn walking_ends_at_the_first_box_that_does_not_fit() {
        let found: Vec<_> = boxes(b"\0\0\0\x09free!\0\0\0\xffmoov").collect();
        assert_eq!(found, [(*b"free", &b"!"[..])]);
    }
}
